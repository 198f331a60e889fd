package web

import (
	"context"
	"errors"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/driftline/driftline/registry/mlflow"
	"github.com/driftline/driftline/registry/store"
)

// policy of every page: style, script and pictures from here only, nothing inline.
const contentPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// guard is in front of everything: headers, and the names the server answers to, so
// that a page of another site cannot reach a local server under its own name.
func (s *server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if !s.hostAllowed(r.Host) {
			s.refuse(w, r, &Problem{
				Status: http.StatusForbidden, Title: "Unknown host name",
				Detail: "this server does not answer to the host name of the request", Next: "add the name to the allowed hosts of serve, or use localhost",
			})
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), s.Timeout)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// hostAllowed: localhost, loopback and private addresses, and what was configured.
func (s *server) hostAllowed(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	if ip, err := netip.ParseAddr(host); err == nil && (ip.Unmap().IsLoopback() || ip.Unmap().IsPrivate()) {
		return true
	}
	for _, allowed := range s.AllowedHosts {
		if allowed == "*" || strings.EqualFold(allowed, host) {
			return true
		}
	}
	return false
}

// admit checks role and, for changing calls, the request's form. It returns the
// context that carries the user's name.
func (s *server) admit(r *http.Request, rt route) (context.Context, *Problem) {
	if err := s.Authorize(r, rt.role); err != nil {
		if errors.Is(err, mlflow.ErrUnauthenticated) {
			return nil, &Problem{
				Status: http.StatusUnauthorized, Title: "Login needed", Detail: "this server asks for a user",
				Next: "send user name and password, or a token; the command line reads MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
			}
		}
		s.Log.Info().Str("path", r.URL.Path).Str("remote", r.RemoteAddr).Str("role", rt.role).Err(err).Msg("request refused")
		return nil, &Problem{
			Status: http.StatusForbidden, Title: "Not allowed", Detail: "this needs the role " + rt.role,
			Next: "ask an admin for the role; where no users are configured, only clients of the same machine are served",
		}
	}
	if rt.writes() {
		if p := s.checkForm(r); p != nil {
			return nil, p
		}
	}
	return store.WithActor(r.Context(), s.Actor(r)), nil
}

func (s *server) checkForm(r *http.Request) *Problem {
	if err := s.origins.Check(r); err != nil {
		return &Problem{
			Status: http.StatusForbidden, Title: "Request from another site", Detail: "a page of another origin sent this request",
			Next: "use the page of this server, or add the origin to the allowed origins of serve",
		}
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return &Problem{
			Status: http.StatusUnsupportedMediaType, Title: "Not JSON", Detail: "a changing call needs a JSON body",
			Next: "send the header Content-Type: application/json",
		}
	}
	return nil
}

// refuse answers a request that reaches no handler: JSON for the API, a page else.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, p *Problem) {
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="driftline"`)
	}
	if strings.HasPrefix(r.URL.Path, "/api/") {
		writeProblem(w, p)
		return
	}
	s.errorPage(w, r, p)
}
