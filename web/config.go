package web

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/netip"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/rs/zerolog"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/registry/store"
)

// Roles a route may need, as package mlflow names them.
const (
	RoleViewer = "viewer" // reads
	RoleEditor = "editor" // acknowledges, starts and steers retrains, changes models
	RoleAdmin  = "admin"  // changes which version serves

	// RoleSender is held by tokens alone, never by a user: it sends events. Its routes
	// are authorized by their own handler, see Config.Ingest.
	RoleSender = "sender"
)

// Spec is what Config.ValidateSpec makes of a model's settings.
type Spec struct {
	JSON       []byte // as stored and published, in one fixed form
	Automation string // observe | retrain | approve | promote
}

// Act is a person's act on a retrain.
type Act func(ctx context.Context, id, actor, reason string) error

// Config of New. Only Store is required.
type Config struct {
	Store   *store.Store
	Version string // of Driftline
	Commit  string
	// Namespace of the deployment, shown in the status.
	Namespace string
	// Windows that are judged, in milliseconds, ascending; shown where a model has
	// no scores yet.
	Windows []int64
	// NowMS is the wall clock, epoch milliseconds; default time.Now. It is only used
	// for "… ago", relative times in queries and the time of acts.
	NowMS func() int64
	// Authorize decides whether the request may act in the role. nil: loopback
	// clients may do everything, all others nothing. mlflow.ErrUnauthenticated asks
	// for a login; every other error is a refusal.
	Authorize func(r *http.Request, role string) error
	// Actor names the user of a request in the audit; default: the basic-auth name,
	// else "local".
	Actor func(r *http.Request) string
	// AllowedHosts are Host names served beside localhost and private addresses; "*"
	// serves all. No ports.
	AllowedHosts []string
	// AllowedOrigins are origins, such as https://ui.example.org, that may send
	// changing requests beside the server's own.
	AllowedOrigins []string

	// ValidateSpec checks the settings of a model and brings them into their stored
	// form; its error text is shown. nil: models cannot be changed here.
	ValidateSpec func(model string, spec []byte) (Spec, error)
	// Trigger asks for a retrain and returns its id. nil: none can be asked for here.
	Trigger func(ctx context.Context, model, actor, reason string, force bool) (id string, err error)
	// Approve, Cancel and Retry act on a retrain; nil: the store's own.
	Approve, Cancel, Retry Act

	// Describe tells what briefs of windows say beside a reference, by feature; features
	// that the reference does not know are left out, and a reference that is no longer kept
	// gives none. nil: statistics are not given.
	Describe func(ctx context.Context, model, reference string, briefs map[string][]byte) (map[string]drift.Description, error)

	// Ingest serves POST /api/v1/ingest. It must refuse every request without a token of
	// its own: users and their roles mean nothing there. nil: no events are taken.
	Ingest http.Handler

	// Schemas are JSON Schemas by name, and AsyncAPI the document of the topics, as they
	// are served; nil: none.
	Schemas  map[string][]byte
	AsyncAPI []byte

	// Timeout bounds one request; default 30 s.
	Timeout time.Duration
	Log     zerolog.Logger
}

func (c *Config) setDefaults() error {
	if c.Store == nil {
		return errors.New("web: Config needs Store")
	}
	if c.NowMS == nil {
		c.NowMS = func() int64 { return time.Now().UnixMilli() }
	}
	if c.Authorize == nil {
		c.Authorize = loopbackOnly
	}
	if c.Actor == nil {
		c.Actor = basicAuthName
	}
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	st := c.Store
	if c.Approve == nil {
		c.Approve = func(ctx context.Context, id, actor, reason string) error {
			_, err := st.ApproveRetrain(ctx, id, actor, reason, c.NowMS())
			return err
		}
	}
	if c.Cancel == nil {
		c.Cancel = func(ctx context.Context, id, actor, reason string) error {
			_, err := st.CancelRetrain(ctx, id, actor, reason, c.NowMS())
			return err
		}
	}
	if c.Retry == nil {
		c.Retry = func(ctx context.Context, id, actor, _ string) error {
			_, err := st.RetryRetrain(ctx, id, actor, c.NowMS())
			return err
		}
	}
	return nil
}

// loopbackOnly is the rule where no users are configured.
func loopbackOnly(r *http.Request, _ string) error {
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !addr.Addr().Unmap().IsLoopback() {
		return errors.New("no users are configured: only clients of this machine are served")
	}
	return nil
}

func basicAuthName(r *http.Request) string {
	if name, _, ok := r.BasicAuth(); ok && name != "" {
		return name
	}
	return "local"
}

type server struct {
	Config
	api     huma.API
	mux     *http.ServeMux
	pages   map[string]*template.Template
	origins *http.CrossOriginProtection
}

// New returns the handler of "/", "/api/v1/", "/api/ml/" and "/static/".
//
// Errors: a Config without Store; an origin of AllowedOrigins that is none.
func New(cfg Config) (http.Handler, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	s := &server{Config: cfg, mux: http.NewServeMux(), origins: http.NewCrossOriginProtection()}
	for _, origin := range cfg.AllowedOrigins {
		if err := s.origins.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("web: allowed origin %q: %w", origin, err)
		}
	}
	var err error
	if s.pages, err = parseTemplates(s.NowMS); err != nil {
		return nil, fmt.Errorf("web: pages: %w", err)
	}
	s.api = newAPI(s.mux, cfg.Version)
	for _, rt := range routes() {
		rt.mount(s, rt)
	}
	s.sealAPI()
	return s.guard(s.mux), nil
}
