package mlflow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/driftline/driftline/registry/artifacts"
	"github.com/driftline/driftline/registry/store"
)

// Version is the MLflow version that /version tells clients. From 3.4 on they
// would send spans to a route that is not there.
const Version = "3.3.0"

// Roles a route may need. A hook decides what a user may; an admin may all.
const (
	RoleNone   = "none"   // anybody, unasked: health and version
	RoleViewer = "viewer" // reads
	RoleEditor = "editor" // writes
	RoleAdmin  = "admin"  // deletes and restores
)

// ErrUnauthenticated from Config.Authorize asks the client to sign in (401); every
// other error is a refusal (403).
var ErrUnauthenticated = errors.New("sign in first")

// Artifacts is where artifact bytes are kept, see package artifacts for what the
// methods promise. Paths are relative to the root.
type Artifacts interface {
	List(ctx context.Context, dir string) ([]artifacts.Entry, error)
	Open(ctx context.Context, path string) (io.ReadCloser, artifacts.Info, error)
	Put(ctx context.Context, path string, r io.Reader, limit int64) error
	Delete(ctx context.Context, path string) error
}

// Config of New. Store and Artifacts are required.
type Config struct {
	Store     *store.Store
	Artifacts Artifacts

	// ArtifactRoot is the URI under which new experiments keep their artifacts.
	// Default "mlflow-artifacts:/": through this server. Another URI, such as
	// s3://bucket/prefix, must be the place that Artifacts serves too.
	ArtifactRoot string
	// AllowedLocations are URI prefixes that clients may name as artifact_location
	// of an experiment; none by default.
	AllowedLocations []string
	// Authorize decides whether the request may act in the role. nil: loopback
	// clients may do everything, all others nothing.
	Authorize func(r *http.Request, role string) error
	// Actor names the user of a request in the audit; default: the basic-auth name,
	// which Authorize has checked. Without Authorize it is "local".
	Actor func(r *http.Request) string
	// AllowedHosts are Host names served beside localhost and private addresses;
	// "*" serves all. No ports.
	AllowedHosts []string
	// AllowedOrigins are origins, such as https://ui.example.org, that may send
	// state-changing requests beside the server's own.
	AllowedOrigins []string
	// DriftlineVersion goes into the header X-Driftline-Version.
	DriftlineVersion string
	// MaxBody bounds a JSON body in bytes; default 32 MiB.
	MaxBody int64
	// MaxArtifact bounds one uploaded artifact in bytes; default 5 GiB.
	MaxArtifact int64
	// Timeout bounds one JSON request; default 30 s.
	Timeout time.Duration
	Log     zerolog.Logger
}

func (c *Config) setDefaults() error {
	if c.Store == nil || c.Artifacts == nil {
		return errors.New("mlflow: Config needs Store and Artifacts")
	}
	if c.ArtifactRoot == "" {
		c.ArtifactRoot = "mlflow-artifacts:/"
	}
	if c.MaxBody == 0 {
		c.MaxBody = 32 << 20
	}
	if c.MaxArtifact == 0 {
		c.MaxArtifact = 5 << 30
	}
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	if c.Authorize == nil {
		c.Authorize = loopbackOnly
		// Nobody has checked a name that a client sends here.
		c.Actor = func(*http.Request) string { return "local" }
	}
	if c.Actor == nil {
		c.Actor = func(r *http.Request) string {
			name, _, _ := r.BasicAuth()
			return name
		}
	}
	return nil
}

// loopbackOnly is the rule where no users are configured.
func loopbackOnly(r *http.Request, _ string) error {
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !addr.Addr().Unmap().IsLoopback() {
		return errors.New("no users are configured: only loopback clients are served")
	}
	return nil
}

type server struct {
	Config
}

// New returns the handler and makes sure experiment 0 exists. It serves every path
// of Prefixes; all else is for other handlers.
func New(ctx context.Context, cfg Config) (http.Handler, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	s := &server{cfg}
	if err := cfg.Store.EnsureDefaultExperiment(store.WithActor(ctx, "driftline"), cfg.ArtifactRoot); err != nil {
		return nil, fmt.Errorf("make the default experiment: %w", err)
	}
	mux := http.NewServeMux()
	for _, r := range s.routes() {
		for _, pattern := range r.patterns() {
			mux.Handle(pattern, s.serve(r))
		}
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, http.StatusNotFound, codeNoEndpoint, "There is no such endpoint here.")
	})
	return s.guard(mux), nil
}

// Prefixes lists the paths under which the handler must be mounted.
func Prefixes() []string {
	return []string{
		"/api/2.0/mlflow/", "/ajax-api/2.0/mlflow/", "/api/2.0/mlflow-artifacts/", "/ajax-api/2.0/mlflow-artifacts/",
		"/get-artifact", "/model-versions/get-artifact", "/health", "/version",
	}
}

// serve is what every route goes through: role, then the route's own work.
func (s *server) serve(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rt.role != RoleNone {
			if err := s.Authorize(r, rt.role); err != nil {
				s.refuse(w, r, err)
				return
			}
		}
		r = r.WithContext(store.WithActor(r.Context(), s.Actor(r)))
		if rt.raw != nil {
			rt.raw(w, r)
			return
		}
		s.serveJSON(w, r, rt)
	})
}

func (s *server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	s.Log.Info().Str("path", r.URL.Path).Str("remote", r.RemoteAddr).Err(err).Msg("request refused")
	if errors.Is(err, ErrUnauthenticated) {
		w.Header().Set("WWW-Authenticate", `Basic realm="mlflow"`)
		writeText(w, http.StatusUnauthorized, "You are not authenticated. Please sign in with user name and password.")
		return
	}
	writeText(w, http.StatusForbidden, "Permission denied")
}

// serveJSON decodes, runs the route in one transaction and encodes.
func (s *server) serveJSON(w http.ResponseWriter, r *http.Request, rt route) {
	ctx, cancel := context.WithTimeout(r.Context(), s.Timeout)
	defer cancel()
	fields, err := decode(w, r, s.MaxBody)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	var answer any
	run := s.Store.Read
	if rt.writes {
		run = s.Store.Tx
	}
	err = run(ctx, func(tx *store.Tx) error {
		// Made anew on a repeat of the transaction: nothing carries over.
		c := &call{Tx: tx, s: s, ctx: ctx, r: r, fields: fields}
		out, err := rt.call(c)
		if err == nil {
			err = c.err
		}
		answer = out
		return err
	})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	// The client may be gone; there is nobody left to tell.
	_, _ = io.WriteString(w, text)
}

// health and version answer without login and from any host.
func health(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, "OK") }

func version(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, Version) }

func open(path string) bool { return path == "/health" || path == "/version" }

// stateChanging tells whether a method changes anything.
func stateChanging(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return false
	}
	return true
}

func isAPI(path string) bool {
	return strings.HasPrefix(path, "/api/") || strings.HasPrefix(path, "/ajax-api/")
}
