package schemas

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/driftline/driftline/stream/mapping/avro"
)

// ErrUnreachable says that the registry gave no answer that can be relied on: try again.
var ErrUnreachable = errors.New("the schema registry gives no answer")

// Config describes a registry.
type Config struct {
	URL                string // http or https, with a path where the registry has one
	Username, Password string // basic login; empty: none
	Token              string // bearer token; empty: none
	TLS                *tls.Config
	Timeout            time.Duration // of one request; 0: 10 s
	// Pause waits before an id that was not found is asked for again; nil: 200 ms.
	Pause func(ctx context.Context) error
}

// Bounds.
const (
	defaultTimeout = 10 * time.Second
	defaultPause   = 200 * time.Millisecond
	maxAnswer      = 4 << 20 // bytes
	maxReferences  = 64      // of one schema, all levels together
	absentAnswers  = 3       // "not found" in a row until it is believed: followers of a registry lag
	maxKept        = 100_000 // ids; beyond it the answers are forgotten and asked for again
)

// Registry keeps the answers of one registry. It is safe for concurrent use.
type Registry struct {
	cfg  Config
	base *url.URL
	http *http.Client

	mu   sync.RWMutex
	kept map[uint32]*avro.Schema // nil: the registry has none
}

// Check returns what is wrong with the URL and login, or nil.
func (c Config) Check() error {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%q; want http://HOST or https://HOST", redact(c.URL))
	case u.User != nil:
		return errors.New("a login in the URL; use username and password_file")
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%q; want no query and no fragment", c.URL)
	case u.Scheme == "http" && (c.Username != "" || c.Token != "") && !loopback(u.Hostname()):
		return errors.New("a login over plain http to another machine; use https")
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// redact keeps a URL that cannot be read from showing a password.
func redact(text string) string {
	if u, err := url.Parse(text); err == nil {
		return u.Redacted()
	}
	return "(not shown)"
}

// New returns a registry; nothing is asked yet.
func New(cfg Config) (*Registry, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	base, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, err
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.Pause == nil {
		cfg.Pause = pause
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if cfg.TLS != nil {
		transport.TLSClientConfig = cfg.TLS
	}
	return &Registry{
		cfg: cfg, base: base, kept: map[uint32]*avro.Schema{},
		http: &http.Client{
			Transport: transport, Timeout: cfg.Timeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

func pause(ctx context.Context) error {
	t := time.NewTimer(defaultPause)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Close drops idle connections.
func (r *Registry) Close() error {
	r.http.CloseIdleConnections()
	return nil
}

// Schema implements avro.Schemas from what is kept.
func (r *Registry) Schema(id uint32) (*avro.Schema, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	s := r.kept[id]
	return s, s != nil
}

// Prepare makes sure that the answer for each id is kept. An error wraps ErrUnreachable,
// or is the context's: nothing has been decided then.
func (r *Registry) Prepare(ctx context.Context, ids ...uint32) error {
	for _, id := range ids {
		r.mu.RLock()
		_, have := r.kept[id]
		r.mu.RUnlock()
		if have {
			continue
		}
		s, err := r.ask(ctx, id)
		if err != nil {
			return fmt.Errorf("schema %d: %w", id, err)
		}
		r.mu.Lock()
		if len(r.kept) >= maxKept {
			clear(r.kept)
		}
		r.kept[id] = s
		r.mu.Unlock()
	}
	return nil
}

// ask returns a schema, or nil where the registry has none of that id.
func (r *Registry) ask(ctx context.Context, id uint32) (*avro.Schema, error) {
	for n := 1; ; n++ {
		found, err := r.byID(ctx, id)
		if !errors.Is(err, errAbsent) {
			if err != nil {
				return nil, err
			}
			return r.parse(ctx, id, found)
		}
		if n == absentAnswers {
			return nil, nil
		}
		if err := r.cfg.Pause(ctx); err != nil {
			return nil, err
		}
	}
}

// parse makes a schema of an answer, with those it refers to.
func (r *Registry) parse(ctx context.Context, id uint32, found answer) (*avro.Schema, error) {
	if found.Type != "" && found.Type != "AVRO" {
		return avro.Broken(fmt.Errorf("schema %d of the registry is %s, Avro is read", id, found.Type)), nil
	}
	var references []string
	met := map[reference]bool{}
	err := r.references(ctx, found.References, met, &references, 0)
	if errors.Is(err, errAbsent) {
		return avro.Broken(fmt.Errorf("schema %d refers to one that the registry does not have", id)), nil
	}
	var many *tooManyError
	if errors.As(err, &many) {
		return avro.Broken(fmt.Errorf("schema %d: %w", id, err)), nil
	}
	if err != nil {
		return nil, err
	}
	s, err := avro.Parse(found.Schema, references...)
	if err != nil {
		return avro.Broken(fmt.Errorf("schema %d of the registry: %w", id, err)), nil
	}
	return s, nil
}

type tooManyError struct{}

func (*tooManyError) Error() string { return fmt.Sprintf("more than %d references", maxReferences) }

// references lists the texts of what a schema refers to, each after those it needs.
func (r *Registry) references(ctx context.Context, list []reference, met map[reference]bool, out *[]string, depth int) error {
	for _, ref := range list {
		ref.Name = ""
		if met[ref] {
			continue
		}
		if len(met) == maxReferences || depth == maxReferences {
			return &tooManyError{}
		}
		met[ref] = true
		found, err := r.byVersion(ctx, ref.Subject, ref.Version)
		if err != nil {
			return err
		}
		if err := r.references(ctx, found.References, met, out, depth+1); err != nil {
			return err
		}
		*out = append(*out, found.Schema)
	}
	return nil
}
