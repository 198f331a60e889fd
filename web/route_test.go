package web

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/driftline/driftline/registry/mlflow"
)

// concrete puts something into the wildcards of a route's path.
func concrete(path string) string {
	r := strings.NewReplacer("{model}", "m", "{id}", "x", "{strategy}", "growth", "{file}", "style.css", "{$}", "")
	return r.Replace(path)
}

func TestRoutes_EveryOneHasARole(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, rt := range routes() {
		if !slices.Contains([]string{RoleViewer, RoleEditor, RoleAdmin}, rt.role) && rt.path != ingestPath {
			t.Errorf("%s %s has role %q", rt.method, rt.path, rt.role)
		}
		if rt.writes() && rt.role == RoleViewer {
			t.Errorf("%s %s changes something and needs only a viewer", rt.method, rt.path)
		}
		if !rt.writes() && rt.role != RoleViewer {
			t.Errorf("%s %s only reads and needs %s", rt.method, rt.path, rt.role)
		}
		key := rt.method + " " + rt.path
		if seen[key] {
			t.Errorf("%s stands twice in the table", key)
		}
		seen[key] = true
	}
	if len(seen) < 30 {
		t.Errorf("%d routes, the surface has more", len(seen))
	}
}

func TestRoutes_AskForExactlyTheirRole(t *testing.T) {
	t.Parallel()
	var asked []string
	f := newFixture(t, func(c *Config) {
		c.Authorize = func(_ *http.Request, role string) error {
			asked = append(asked, role)
			return errors.New("no")
		}
	})
	for _, rt := range routes() {
		if rt.role == RoleSender {
			continue // its handler decides, see TestIngest
		}
		asked = nil
		method := rt.method
		if method == "" {
			method = http.MethodGet
		}
		path := concrete(rt.path)
		if rt.path == "/" {
			path = "/nowhere"
		}
		w := send(t, f.handler, method, path, "{}", nil)
		if w.Code != http.StatusForbidden || !slices.Equal(asked, []string{rt.role}) {
			t.Errorf("%s %s: status %d, asked %v, want 403 and %s", method, path, w.Code, asked, rt.role)
		}
		if strings.HasPrefix(path, "/api/") && !strings.Contains(w.Body.String(), "this needs the role "+rt.role) {
			t.Errorf("%s %s: %s, want the role in the answer", method, path, w.Body)
		}
	}
}

func TestRoutes_ChangingCallsSayWhy(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	for _, rt := range routes() {
		if !rt.writes() || rt.role == RoleSender {
			continue
		}
		w := send(t, f.handler, rt.method, concrete(rt.path), "{}", nil)
		if text := w.Body.String(); w.Code != http.StatusUnprocessableEntity || !strings.Contains(text, "reason") && !strings.Contains(text, "property text") {
			t.Errorf("%s %s without a reason: %d %s, want 422 naming it", rt.method, rt.path, w.Code, text)
		}
	}
}

func TestRoutes_ChangingCallsAreGuarded(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *Config) { c.AllowedOrigins = []string{"https://ui.example.org"} })
	path := "/api/v1/alarms/" + f.alarm + "/note"
	body := `{"text":"seen"}`
	tests := []struct {
		name   string
		change func(*http.Request)
		want   int
	}{
		{"a plain client", nil, 200},
		{"the server's own page", func(r *http.Request) { r.Header.Set("Origin", "http://localhost:5000") }, 200},
		{"an allowed origin", func(r *http.Request) { r.Header.Set("Origin", "https://ui.example.org") }, 200},
		{"another origin", func(r *http.Request) { r.Header.Set("Origin", "https://evil.example.org") }, 403},
		{"another site by fetch metadata", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
		{"a form", func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }, 415},
		{"no content type", func(r *http.Request) { r.Header.Del("Content-Type") }, 415},
		{"a client of another machine", func(r *http.Request) { r.RemoteAddr = "192.168.1.7:1234" }, 403},
		{"a foreign host name", func(r *http.Request) { r.Host = "rebound.example.org" }, 403},
	}
	for _, tt := range tests {
		w := send(t, f.handler, http.MethodPost, path, body, tt.change)
		if w.Code != tt.want {
			t.Errorf("%s: status %d, want %d: %s", tt.name, w.Code, tt.want, w.Body)
		}
		if tt.want != 200 && !strings.Contains(w.Body.String(), `"next":`) {
			t.Errorf("%s: %s, want a next step", tt.name, w.Body)
		}
	}
}

func TestRoutes_LoginIsAskedFor(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(c *Config) { c.Authorize = func(*http.Request, string) error { return mlflow.ErrUnauthenticated } })
	for _, path := range []string{"/", "/api/v1/models"} {
		if w := get(t, f.handler, path); w.Code != 401 || w.Header().Get("WWW-Authenticate") == "" {
			t.Errorf("%s: status %d, WWW-Authenticate %q, want 401 and a challenge", path, w.Code, w.Header().Get("WWW-Authenticate"))
		}
	}
}

func TestRoutes_HostNames(t *testing.T) {
	t.Parallel()
	s := &server{Config: Config{AllowedHosts: []string{"drift.example.org"}}}
	for host, want := range map[string]bool{
		"localhost:5000": true, "127.0.0.1:5000": true, "[::1]:5000": true, "10.1.2.3": true, "192.168.0.9:80": true, "drift.example.org:443": true,
		"DRIFT.example.org": true, "evil.example.org": false, "8.8.8.8": false, "": false, "localhost.evil.org": false,
	} {
		if got := s.hostAllowed(host); got != want {
			t.Errorf("host %q allowed: %v, want %v", host, got, want)
		}
	}
	if s = (&server{Config: Config{AllowedHosts: []string{"*"}}}); !s.hostAllowed("any.example.org") {
		t.Error("* does not allow all hosts")
	}
}

func TestAPI_DescriptionCoversTheTable(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	doc := decode[struct {
		OpenAPI    string
		Paths      map[string]map[string]struct{ Description string }
		Components struct{ Schemas map[string]any }
	}](t, get(t, f.handler, "/api/v1/openapi.json"), 200)
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("openapi %q, want 3.1.0", doc.OpenAPI)
	}
	for _, rt := range apiRoutes() {
		op, ok := doc.Paths[rt.path][strings.ToLower(rt.method)]
		if !ok || !strings.Contains(op.Description, rt.role) {
			t.Errorf("%s %s: described %v as %q, want it with role %s", rt.method, rt.path, ok, op.Description, rt.role)
		}
	}
	for _, name := range []string{"Problem", "ModelDetail", "Explanation", "Gate"} {
		if doc.Components.Schemas[name] == nil {
			t.Errorf("schema %s is missing", name)
		}
	}
	if doc.Components.Schemas["ErrorModel"] != nil {
		t.Error("schema ErrorModel is described but never sent")
	}
}

func TestAPI_UnknownPathsAndMethods(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	for _, x := range []struct{ method, path string }{{"GET", "/api/v1/nothing"}, {"DELETE", "/api/v1/models"}, {"POST", "/api/v1/status"}, {"GET", "/api/v2/x"}} {
		p := decode[Problem](t, send(t, f.handler, x.method, x.path, "", nil), 404)
		if p.Next == "" || p.Status != 404 {
			t.Errorf("%s %s: %+v, want a next step and the status", x.method, x.path, p)
		}
	}
}

func TestNew_RefusesBadConfigs(t *testing.T) {
	t.Parallel()
	if _, err := New(Config{}); err == nil || !strings.Contains(err.Error(), "Store") {
		t.Errorf("New without Store: %v", err)
	}
	f := newFixture(t, nil)
	if _, err := New(Config{Store: f.store, AllowedOrigins: []string{"no origin"}}); err == nil || !strings.Contains(err.Error(), "no origin") {
		t.Errorf("New with a bad origin: %v", err)
	}
}

func TestProblem_OfHumaIsShaped(t *testing.T) {
	t.Parallel()
	v, err := shapeProblem(nil, "422", &huma.ErrorModel{Status: 422, Title: "x", Errors: []*huma.ErrorDetail{{Location: "body.reason", Message: "m"}}})
	p, ok := v.(*Problem)
	if err != nil || !ok || p.Next == "" || len(p.Errors) != 1 || p.Errors[0].Location != "body.reason" {
		t.Errorf("shaped %#v, %v", v, err)
	}
	if v, _ := shapeProblem(nil, "200", 7); v != 7 {
		t.Errorf("another value became %v", v)
	}
}

func TestServer_DoesNotShowInnerErrors(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	if err := f.store.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/api/v1/models", "/api/ml/models/growth", "/"} {
		w := get(t, f.handler, path)
		if w.Code < 500 || strings.Contains(strings.ToLower(w.Body.String()), "sql") {
			t.Errorf("%s on a closed database: %d %s", path, w.Code, w.Body)
		}
	}
}
