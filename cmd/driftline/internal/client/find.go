package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/driftline/driftline/cmd/driftline/internal/datadir"
)

// ErrNoInstance says that nothing runs that could answer.
var ErrNoInstance = errors.New("no running instance")

// timeout of one request, connection and answer together.
const timeout = 30 * time.Second

// Opener serves the API inside this process; closing is the caller's through the
// returned function, which Client.Close calls.
type Opener func(ctx context.Context) (http.Handler, func() error, error)

// Options of Find.
type Options struct {
	Server   string // URL, from a flag; wins
	Tracking string // MLFLOW_TRACKING_URI; taken if it is an HTTP URL
	DataDir  string // directory whose instance is asked
	Open     Opener // where nothing runs; may be nil

	Username, Password string // HTTP basic, as MLflow's clients send it
	Token              string // bearer; wins over the two above
	UserAgent          string
	Timeout            time.Duration // of one request; default 30 s
}

// Client talks to one instance.
type Client struct {
	base  *url.URL // without user and trailing slash
	name  string   // for messages
	http  *http.Client
	opts  Options
	close func() error
}

// Find returns a client of the instance that Options lead to.
//
// Errors: ErrNoInstance if nothing runs and nothing can be opened; what datadir.Look
// and Open give.
func Find(ctx context.Context, opts Options) (*Client, error) {
	if opts.Timeout <= 0 {
		opts.Timeout = timeout
	}
	if opts.Server != "" {
		return remote(opts.Server, "--server", opts)
	}
	if t := opts.Tracking; strings.HasPrefix(t, "http://") || strings.HasPrefix(t, "https://") {
		return remote(t, "MLFLOW_TRACKING_URI", opts)
	}
	run, state, err := datadir.Look(opts.DataDir)
	if err != nil {
		return nil, err
	}
	switch {
	case state == datadir.Running && run.HTTP != "":
		return remote(run.HTTP, "run.json", opts)
	case state == datadir.Running:
		return nil, fmt.Errorf("%w: process %d holds %s but serves no API; run the role serve, or give --server", ErrNoInstance, run.PID, opts.DataDir)
	case state == datadir.Starting:
		return nil, fmt.Errorf("%w: process %d holds %s and is starting or stopping; try again in a moment", ErrNoInstance, run.PID, opts.DataDir)
	case opts.Open == nil:
		return nil, fmt.Errorf("%w on %s; start one with driftline all, or give --server", ErrNoInstance, opts.DataDir)
	}
	handler, closer, err := opts.Open(ctx)
	if err != nil {
		return nil, err
	}
	return &Client{
		base: &url.URL{Scheme: "http", Host: "localhost"}, name: "this process",
		http: &http.Client{Transport: inProcess{handler}, Timeout: opts.Timeout},
		opts: Options{UserAgent: opts.UserAgent}, close: closer,
	}, nil
}

// remote makes a client of a URL; from names where it was given.
func remote(text, from string, opts Options) (*Client, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%s: want a URL such as http://127.0.0.1:5000", from) // the text may hold a password
	}
	if user := u.User; user != nil {
		opts.Username = user.Username()
		opts.Password, _ = user.Password()
		u.User = nil
	}
	u.Path, u.RawPath, u.RawQuery, u.Fragment = strings.TrimRight(u.Path, "/"), "", "", ""
	transport := http.DefaultTransport.(*http.Transport).Clone()
	return &Client{
		base: u, name: u.String(), opts: opts,
		http: &http.Client{
			Transport: transport, Timeout: opts.Timeout,
			// A redirect would carry the login to a place nobody named.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		close: func() error { transport.CloseIdleConnections(); return nil },
	}, nil
}

// Name says whom the client talks to, for messages.
func (c *Client) Name() string { return c.name }

// InProcess tells whether nothing ran and the API is served by this process.
func (c *Client) InProcess() bool { _, ok := c.http.Transport.(inProcess); return ok }

// Close frees what Find opened.
func (c *Client) Close() error {
	if c.close == nil {
		return nil
	}
	return c.close()
}
