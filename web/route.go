package web

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// route is one row of the table: who may call what.
type route struct {
	method, path string // as a ServeMux pattern
	role         string
	summary      string
	mount        func(s *server, rt route)
}

// writes tells whether the route changes anything; one of any method changes nothing.
func (rt route) writes() bool { return rt.method != http.MethodGet && rt.method != "" }

// answer is a response whose body is T.
type answer[T any] struct{ Body T }

// List is the form of every list.
type List[T any] struct {
	Items []T  `json:"items" nullable:"false"`
	More  bool `json:"more" doc:"There are more items than the limit let through."`
}

// listOf cuts a list that was read with one item more than asked for.
func listOf[T any](items []T, limit int) List[T] {
	l := List[T]{Items: items}
	if len(items) > limit {
		l.Items, l.More = items[:limit], true
	}
	if l.Items == nil {
		l.Items = []T{}
	}
	return l
}

// endpoint is a route of the native API: huma decodes, checks and describes it.
func endpoint[I, O any](method, path, role, summary string, call func(context.Context, *server, *I) (O, error)) route {
	return route{method: method, path: "/api/v1/" + path, role: role, summary: summary, mount: func(s *server, rt route) {
		op := huma.Operation{
			Method: rt.method, Path: rt.path, Summary: rt.summary, OperationID: operationID(rt.method, path),
			Description: "Needs the role " + rt.role + ".", Metadata: map[string]any{"role": rt.role},
			Middlewares: huma.Middlewares{s.admitAPI(rt)}, RejectUnknownQueryParameters: true,
			Responses: map[string]*huma.Response{"default": {Description: "Problem", Content: map[string]*huma.MediaType{
				"application/problem+json": {Schema: s.api.OpenAPI().Components.Schemas.Schema(problemType, true, "Problem")},
			}}},
		}
		huma.Register(s.api, op, func(ctx context.Context, in *I) (*answer[O], error) {
			out, err := call(ctx, s, in)
			if err != nil {
				return nil, s.problem(ctx, rt.method+" "+rt.path, err)
			}
			return &answer[O]{out}, nil
		})
	}}
}

// operationID gives "post-models-promote" for POST models/{model}/promote.
func operationID(method, path string) string {
	parts := []string{strings.ToLower(method)}
	for part := range strings.SplitSeq(path, "/") {
		if strings.HasPrefix(part, "{") {
			part = "by-" + strings.Trim(part, "{}")
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "-")
}

func (s *server) admitAPI(rt route) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		allowed, p := s.admit(r, rt)
		if p != nil {
			s.refuse(w, r, p)
			return
		}
		next(huma.WithContext(ctx, allowed))
	}
}

// plain is a route served by an ordinary handler.
func plain(path, role string, serve func(s *server) http.HandlerFunc) route {
	return route{method: http.MethodGet, path: path, role: role, mount: func(s *server, rt route) {
		h := serve(s)
		s.mux.HandleFunc(strings.TrimSpace(rt.method+" "+rt.path), func(w http.ResponseWriter, r *http.Request) {
			ctx, p := s.admit(r, rt)
			if p != nil {
				s.refuse(w, r, p)
				return
			}
			h(w, r.WithContext(ctx))
		})
	}}
}

// routes is the whole surface.
func routes() []route {
	all := apiRoutes()
	all = append(all,
		ingestRoute(),
		plain("/api/v1/openapi.json", RoleViewer, serveOpenAPI),
		plain("/api/ml/models/{strategy}", RoleViewer, serveACIS),
	)
	all = append(all, pageRoutes()...)
	elsewhere := plain("/", RoleViewer, noPage)
	elsewhere.method = "" // of any method, or it would stand beside "/api/"
	return append(all, elsewhere)
}

func newAPI(mux *http.ServeMux, version string) huma.API {
	info := &huma.Info{
		Title: "Driftline", Version: version,
		Description: "Monitoring and retraining of models. Times ending in _ms are epoch milliseconds UTC; those of windows and alarms are event time. PSI, KS and shares are plain numbers.",
	}
	return humago.New(mux, huma.Config{
		OpenAPI:      &huma.OpenAPI{OpenAPI: "3.1.0", Info: info, Components: &huma.Components{Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)}},
		Formats:      map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		Transformers: []huma.Transformer{shapeProblem}, DefaultFormat: "application/json",
	})
}

// sealAPI finishes the description and answers API paths that are not there.
func (s *server) sealAPI() {
	delete(s.api.OpenAPI().Components.Schemas.Map(), "ErrorModel") // never sent, see shapeProblem
	s.mux.HandleFunc("/api/", func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, &Problem{
			Status: http.StatusNotFound, Title: "No such call", Detail: "path or method are not part of the API",
			Next: "see /api/v1/openapi.json",
		})
	})
}

func serveOpenAPI(s *server) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		text, err := json.Marshal(s.api.OpenAPI())
		if err != nil {
			writeProblem(w, s.problem(r.Context(), "describe the API", err))
			return
		}
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(text) // the client may be gone
	}
}
