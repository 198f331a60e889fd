package metrics

import (
	"errors"
	"net/http"
	"path"
	"strings"
)

// errServer stands for an answer of 500 or above.
var errServer = errors.New("the server could not do it")

// Writes counts the writes that pass through next, the registry's handler: answers
// of 500 and above are failed, since 4xx is the client's fault. A handler that
// panics has failed.
func (m *Metrics) Writes(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isWrite(r) {
			next.ServeHTTP(w, r)
			return
		}
		sw := &statusWriter{ResponseWriter: w}
		whole := false
		defer func() {
			if !whole || sw.status >= http.StatusInternalServerError {
				m.RegistryWrite(errServer)
				return
			}
			m.RegistryWrite(nil)
		}()
		next.ServeHTTP(sw, r)
		whole = true
	})
}

// isWrite tells writes from reads; MLflow searches by POST too.
func isWrite(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return false
	}
	last := path.Base(r.URL.Path)
	return !strings.HasPrefix(last, "search") && !strings.HasPrefix(last, "get-")
}

// statusWriter notes the first status.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach flushing and deadlines.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
