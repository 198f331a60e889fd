package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/registry/mlflow"
)

// Times of the API server; large transfers set their own deadlines.
const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	closeTimeout  = 10 * time.Second // covers requests that run when the process stops
)

// Listen takes the address of API and pages. It refuses to serve beyond this machine
// without users, unless told to.
func (p *Parts) Listen(ctx context.Context) (net.Listener, error) {
	addr := p.Cfg.HTTP.Listen
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, cli.Usagef("http.listen: %q: %w; want host:port", addr, err)
	}
	if ip := net.ParseIP(host); !p.Cfg.HTTP.Insecure && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, cli.Usagef("http.listen: %s is reachable from other machines and no user is configured; listen on 127.0.0.1, or set http.insecure if a proxy in front decides who may come", addr)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, cli.Usagef("http.listen: %s is taken by another process; stop it or give another --listen", addr)
	case err != nil:
		return nil, cli.Usagef("http.listen: %w", err)
	}
	return l, nil
}

// authorize is nil for loopback use: the handlers then serve local clients only.
func (p *Parts) authorize() func(*http.Request, string) error {
	if p.Cfg.HTTP.Insecure {
		return func(*http.Request, string) error { return nil }
	}
	return nil
}

// Handler serves the MLflow API, the native API and the pages.
func (p *Parts) Handler(ctx context.Context, version string, pages http.Handler) (http.Handler, error) {
	ml, err := mlflow.New(ctx, mlflow.Config{
		Store: p.Store, Artifacts: p.Artifacts, Authorize: p.authorize(), AllowedHosts: p.Cfg.HTTP.AllowedHosts,
		DriftlineVersion: version, Log: p.Log,
	})
	if err != nil {
		return nil, fmt.Errorf("MLflow API: %w", err)
	}
	if p.Metrics != nil {
		ml = p.Metrics.Writes(ml)
	}
	prefixes := mlflow.Prefixes()
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, prefix := range prefixes {
			if r.URL.Path == strings.TrimSuffix(prefix, "/") || strings.HasSuffix(prefix, "/") && strings.HasPrefix(r.URL.Path, prefix) {
				ml.ServeHTTP(w, r)
				return
			}
		}
		pages.ServeHTTP(w, r)
	})
	if base := strings.TrimSuffix(p.Cfg.HTTP.BasePath, "/"); base != "" {
		return http.StripPrefix(base, h), nil
	}
	return h, nil
}

// ServeHTTP serves on l until the context ends.
func (p *Parts) ServeHTTP(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{Handler: h, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: 64 << 10}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	select {
	case err := <-done:
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	err := srv.Shutdown(stop)
	if ended := <-done; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, fmt.Errorf("serve %s: %w", l.Addr(), ended))
	}
	return errors.Join(ctx.Err(), err)
}
