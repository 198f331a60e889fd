package ops

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"
)

// Limits of the server. A scrape of a large registry takes well below writeTimeout.
const (
	CheckTimeout  = 2 * time.Second
	headerTimeout = 5 * time.Second
	writeTimeout  = 30 * time.Second
	closeTimeout  = 5 * time.Second // covers requests that run when the context of Serve ends
)

// Server is the operations server of one process. Make it with New, then Listen and
// Serve. Check, Started and Stopping may be called at any time.
type Server struct {
	ready    readiness
	http     http.Server
	listener net.Listener
}

// New returns a server that shows the metrics of reg. It adds no metrics: see
// Register.
func New(reg *prometheus.Registry, log zerolog.Logger) *Server {
	s := &Server{ready: readiness{why: "starting"}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok\n") })
	mux.HandleFunc("GET /readyz", s.ready.serve)
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{
		ErrorLog: errorLog{log}, ErrorHandling: promhttp.ContinueOnError, Timeout: writeTimeout / 2,
	}))
	s.http = http.Server{Handler: mux, ReadHeaderTimeout: headerTimeout, WriteTimeout: writeTimeout, MaxHeaderBytes: 16 << 10}
	return s
}

// Handler serves the pages without a listener, for tests and for a process that has
// no operations address.
func (s *Server) Handler() http.Handler { return s.http.Handler }

// Listen takes the address, host:port. After it Addr tells the port that was taken.
func (s *Server) Listen(ctx context.Context, addr string) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("operations address %s: %w; free it or give another --ops-listen", addr, err)
	}
	s.listener = l
	return nil
}

// Addr is the address listened on, host:port; empty before Listen.
func (s *Server) Addr() string {
	if s.listener == nil {
		return ""
	}
	return s.listener.Addr().String()
}

// Serve answers until ctx ends, then waits for running requests, at most
// closeTimeout. It returns nil after an orderly end. Listen comes first.
func (s *Server) Serve(ctx context.Context) error {
	if s.listener == nil {
		return errors.New("operations server: Serve before Listen")
	}
	done := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		err := s.http.Shutdown(closing)
		if err != nil {
			err = errors.Join(err, s.http.Close())
		}
		done <- err
	})
	err := s.http.Serve(s.listener)
	if stop() { // the listener failed by itself
		return fmt.Errorf("operations server at %s: %w", s.Addr(), err)
	}
	if err := <-done; err != nil {
		return fmt.Errorf("stop the operations server at %s: %w", s.Addr(), err)
	}
	return nil
}

// Check names something the process needs in order to work; while it returns an
// error the process is not ready. A second check of one name replaces the first.
func (s *Server) Check(name string, check func(context.Context) error) { s.ready.add(name, check) }

// Drop removes a check, of a role that ended.
func (s *Server) Drop(name string) { s.ready.drop(name) }

// Started lets the process be ready: all checks are named, all roles run.
func (s *Server) Started() { s.ready.set("") }

// Stopping makes the process unready for good.
func (s *Server) Stopping() { s.ready.set("stopping") }

// errorLog hands promhttp's errors to the log.
type errorLog struct{ log zerolog.Logger }

// Println implements promhttp.Logger.
func (l errorLog) Println(v ...any) {
	l.log.Error().Str("error", fmt.Sprint(v...)).Msg("metrics could not be gathered whole")
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	// The caller went away; there is nobody to tell.
	_, _ = w.Write([]byte(text))
}
