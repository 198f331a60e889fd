package mlflow

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// rawRequest sends a request line as it stands: Go's client would clean the path.
func (h *harness) rawRequest(method, target, body string, header ...string) (int, string) {
	h.t.Helper()
	conn, err := net.DialTimeout("tcp", h.Listener.Addr().String(), 5*time.Second)
	if err != nil {
		h.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		h.t.Fatal(err)
	}
	host := "127.0.0.1"
	extra := ""
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			host = header[i+1]
			continue
		}
		extra += header[i] + ": " + header[i+1] + "\r\n"
	}
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %d\r\n%s\r\n%s", method, target, host, len(body), extra, body)
	raw, err := io.ReadAll(conn)
	if err != nil {
		h.t.Fatal(err)
	}
	var status int
	if _, err := fmt.Sscanf(string(raw), "HTTP/1.1 %d", &status); err != nil {
		h.t.Fatalf("%s %s: %v in %q", method, target, err, raw)
	}
	return status, string(raw)
}

// evilPaths lead, if anything does, out of the artifact root.
var evilPaths = []string{
	"../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "%252e%252e%252fetc%252fpasswd", "%25252e%25252e/x",
	"a/../../../etc/passwd", "/etc/passwd", "%2fetc/passwd", "%2f%2fetc/passwd", `..\..\etc`, "..%5c..%5cetc", "C:%5cwindows", "C:/windows",
	"a%00b", "a%0ab", "a%23b", "./a", "a/./b", "a//b", "%2e", ".",
}

func TestAttack04And06_PathsNeverLeaveTheRoot(t *testing.T) {
	t.Parallel()
	h := newServer(t, nil)
	run := h.run("0")
	secret := filepath.Join(filepath.Dir(h.files.Root()), "secret.txt")
	if err := os.WriteFile(secret, []byte("top secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.api("POST", "registered-models/create", `{"name":"m"}`)
	h.api("POST", "model-versions/create", `{"name":"m","source":"mlflow-artifacts:/0/`+run+`/artifacts","run_id":"`+run+`"}`)
	for _, p := range evilPaths {
		q := strings.NewReplacer("%", "%25", "#", "%23", "\\", "%5c").Replace(p)
		for _, target := range []string{
			"/get-artifact?run_id=" + run + "&path=" + q, "/get-artifact?run_id=" + run + "&path=" + p,
			"/model-versions/get-artifact?name=m&version=1&path=" + q,
			"/api/2.0/mlflow/artifacts/list?run_id=" + run + "&path=" + q,
			"/api/2.0/mlflow-artifacts/artifacts?path=" + q,
			"/ajax-api/2.0/mlflow-artifacts/artifacts/" + p,
		} {
			// A raw back-slash or the like may already be refused by net/http: also 400.
			status, text := h.rawRequest("GET", target, "")
			if status != 400 {
				t.Errorf("GET %s = %d, want 400: %.200s", target, status, text)
			}
			if strings.Contains(text, "top secret") || strings.Contains(text, "root:") {
				t.Fatalf("GET %s read a file outside", target)
			}
		}
		for _, method := range []string{"PUT", "DELETE"} {
			if status, _ := h.rawRequest(method, "/api/2.0/mlflow-artifacts/artifacts/"+p, "x"); status != 400 {
				t.Errorf("%s %s = %d, want 400", method, p, status)
			}
		}
	}
	// A link inside the root that points out is not followed.
	home := filepath.Join(h.files.Root(), "0", run, "artifacts")
	if err := os.MkdirAll(home, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(home, "link.txt")); err != nil {
		t.Fatal(err)
	}
	if status, text := h.rawRequest("GET", "/get-artifact?run_id="+run+"&path=link.txt", ""); status < 400 || strings.Contains(text, "top secret") {
		t.Errorf("a link out of the root was followed: %d", status)
	}
}

func TestAttack01And02_VersionSourcesAreCheckedWithoutExemption(t *testing.T) {
	t.Parallel()
	h := newServer(t, nil)
	run := h.run("0")
	h.api("POST", "registered-models/create", `{"name":"m","tags":[{"key":"mlflow.prompt.is_prompt","value":"true"}]}`)
	for _, source := range []string{
		"file:///etc", "/etc", "etc", "file:etc", `file:\\host\share`, "file://host/etc", "http://h/../..", "https://h/a/%2e%2e/b", "mlflow-artifacts://h/../..", "mlflow-artifacts:/../x",
		"mlflow-artifacts:/1/..%2f..%2fx", "mlflow-artifacts:/1/..%252f..%252fx", "mlflow-artifacts:/1/%25252e%25252e/x", "s3://b/x#/../..", "s3://b/x;/../..", "s3://b/x?/../..",
		"s3://b/x?y=..%2f..", "mlflow-artifacts:/a\u0000b", "mlflow-artifacts:/a//b", "mlflow-artifacts:/./a", "mlflow-artifacts:/", "runs:/x/model", `s3://b\..\x`,
	} {
		for _, tags := range []string{"", `,"tags":[{"key":"mlflow.prompt.is_prompt","value":"true"}]`, `,"run_id":"` + run + `"`} {
			h.refused(400, codeInvalid, "POST", "model-versions/create", `{"name":"m","source":`+mustJSON(t, source)+tags+`}`)
		}
	}
	for _, source := range []string{"mlflow-artifacts:/0/" + run + "/artifacts/model", "s3://bucket/prefix/model", "https://host/path/model", "mlflow-artifacts://host:5000/0/x/artifacts"} {
		h.api("POST", "model-versions/create", `{"name":"m","source":"`+source+`"}`)
	}
	// 11 and 12: what lies elsewhere is never fetched by the server.
	for _, version := range []string{"2", "3"} {
		status, text, _ := h.do("GET", "/model-versions/get-artifact?name=m&version="+version+"&path=MLmodel", "")
		if status != 400 {
			t.Errorf("get-artifact of a foreign source = %d %s, want 400", status, text)
		}
	}
}

func TestAttack03And07_ArtifactLocationsStayInTheirPlace(t *testing.T) {
	t.Parallel()
	h := newServer(t, func(c *Config) { c.AllowedLocations = []string{"s3://team/ml"} })
	for _, location := range []string{
		"/", "/etc", "file:///etc", "mlflow-artifacts:/0", "mlflow-artifacts:/", "s3://other/ml", "s3://team/mlx", "s3://team/ml/../x", "s3://team/ml/a#/../b", "s3://team/ml/a;b", "s3://team/ml/a?x=../..", "runs:/x",
		"s3://team/ml/" + strings.Repeat("x", 3000),
	} {
		h.refused(400, codeInvalid, "POST", "experiments/create", `{"name":"e","artifact_location":"`+location+`"}`)
	}
	h.api("POST", "experiments/create", `{"name":"e","artifact_location":"s3://team/ml/growth"}`)
}

func TestAttack05_TheRootIsNeverDeletedAndListedByAdminsOnly(t *testing.T) {
	t.Parallel()
	h := newServer(t, func(c *Config) {
		c.Authorize = func(r *http.Request, role string) error {
			if role == RoleAdmin && r.Header.Get("X-Admin") == "" {
				return errors.New("not an admin")
			}
			return nil
		}
	})
	if status, text, _ := h.do("PUT", "/api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/a.txt", "hello"); status != 200 {
		t.Fatalf("PUT = %d %s", status, text)
	}
	for _, p := range []string{"", "/", "/.", "/%2e", "/./.", "/.//", "/%2e%2e", "/%252e"} {
		if status, _ := h.rawRequest("DELETE", "/api/2.0/mlflow-artifacts/artifacts"+p, "", "X-Admin", "yes"); status < 400 || status >= 500 {
			t.Errorf("DELETE of the root as %q = %d, want a refusal", p, status)
		}
	}
	for path, want := range map[string]int{"": 403, "?path=": 403, "?path=0": 200, "?path=/": 403, "?path=.": 400} {
		if status, _, _ := h.do("GET", "/api/2.0/mlflow-artifacts/artifacts"+path, ""); status != want {
			t.Errorf("list %q = %d, want %d", path, status, want)
		}
	}
	if status, text, _ := h.do("GET", "/api/2.0/mlflow-artifacts/artifacts", "", "X-Admin", "yes"); status != 200 || !strings.Contains(text, `"path":"0"`) {
		t.Errorf("an admin's list of the root = %d %s", status, text)
	}
	// 18: deleting needs more than writing.
	if status, _, _ := h.do("DELETE", "/api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/a.txt", ""); status != 403 {
		t.Errorf("DELETE by an editor = %d, want 403", status)
	}
	if status, text, _ := h.do("GET", "/api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/a.txt", ""); status != 200 || text != "hello" {
		t.Errorf("GET = %d %q", status, text)
	}
}

func TestAttack20And21_HostsAndOrigins(t *testing.T) {
	t.Parallel()
	h := newServer(t, func(c *Config) {
		c.AllowedHosts, c.AllowedOrigins = []string{"mlflow.example.org"}, []string{"https://ui.example.org"}
	})
	for host, want := range map[string]int{
		"evil.com": 403, "evil.com:5000": 403, "127.0.0.1.evil.com": 403, "localhost.evil.com": 403, "8.8.8.8": 403, "169.254.169.254": 403,
		"localhost": 200, "localhost:5000": 200, "127.0.0.1": 200, "[::1]:5000": 200, "10.1.2.3:80": 200, "192.168.0.9": 200, "MLflow.example.org": 200,
	} {
		if status, _ := h.rawRequest("GET", "/api/2.0/mlflow/experiments/get?experiment_id=0", "", "Host", host); status != want {
			t.Errorf("Host %s = %d, want %d", host, status, want)
		}
		if status, _ := h.rawRequest("GET", "/health", "", "Host", host); status != 200 {
			t.Errorf("/health for Host %s = %d, want 200", host, status)
		}
	}
	bodies := map[string]string{"POST": `{"name":"x"}`, "PATCH": `{"name":"x"}`, "DELETE": `{"name":"x"}`, "PUT": "x"}
	paths := map[string]string{"POST": "/mlflow/registered-models/create", "PATCH": "/mlflow/registered-models/update", "DELETE": "/mlflow/registered-models/delete", "PUT": "/mlflow-artifacts/artifacts/0/x"}
	for _, prefix := range []string{"/api/2.0", "/ajax-api/2.0"} {
		for method, body := range bodies {
			for _, origin := range []string{"https://evil.com", "null", "http://127.0.0.1.evil.com", "file://"} {
				if status, _, _ := h.do(method, prefix+paths[method], body, "Origin", origin); status != 403 {
					t.Errorf("%s %s from %s = %d, want 403", method, prefix, origin, status)
				}
			}
			if status, _, _ := h.do(method, prefix+paths[method], body, "Sec-Fetch-Site", "cross-site"); status != 403 {
				t.Errorf("%s %s of another site = %d, want 403", method, prefix, status)
			}
			if method == "PUT" {
				continue
			}
			for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "", "application/jsonx"} {
				if status, _, _ := h.do(method, prefix+paths[method], body, "Content-Type", kind); status != 400 {
					t.Errorf("%s %s as %q = %d, want 400", method, prefix, kind, status)
				}
			}
		}
	}
	for _, origin := range []string{h.URL, "https://ui.example.org"} {
		if status, text, _ := h.do("POST", "/api/2.0/mlflow/registered-models/create", `{"name":"from `+strings.NewReplacer(":", "", "/", "").Replace(origin)+`"}`, "Origin", origin, "Content-Type", "application/json; charset=utf-8"); status != 200 {
			t.Errorf("POST from %s = %d %s", origin, status, text)
		}
	}
}

func TestAttack22And23_NothingRunsInTheBrowser(t *testing.T) {
	t.Parallel()
	h := newServer(t, nil)
	names := map[string]string{
		"page.html": "text/html", "pic.svg": "image/svg+xml", "MLmodel": "text/plain", "data.csv": "text/plain", "x.json": "text/plain", "model.pkl": "application/octet-stream",
		"a%22b.html": "text/html", "noext": "application/octet-stream", "ä ö.txt": "text/plain", "100%25.txt": "text/plain",
	}
	for name, kind := range names {
		p := "/api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/" + name
		if status, text, _ := h.do("PUT", p, "<script>alert(1)</script>"); status != 200 {
			t.Fatalf("PUT %s = %d %s", name, status, text)
		}
		status, _, header := h.do("GET", p, "", "Accept", "text/html")
		if status != 200 || header.Get("Content-Type") != kind {
			t.Errorf("GET %s = %d %q, want %q", name, status, header.Get("Content-Type"), kind)
		}
		if !strings.HasPrefix(header.Get("Content-Disposition"), "attachment") || header.Get("X-Content-Type-Options") != "nosniff" ||
			header.Get("X-Frame-Options") != "SAMEORIGIN" || !strings.Contains(header.Get("Content-Security-Policy"), "sandbox") {
			t.Errorf("GET %s has headers %v", name, header)
		}
	}
	for _, p := range []string{"/health", "/nothing", "/api/2.0/mlflow/experiments/get?experiment_id=0"} {
		_, _, header := h.do("GET", p, "")
		if header.Get("X-Frame-Options") != "SAMEORIGIN" || header.Get("X-Driftline-Version") != "test" {
			t.Errorf("%s has headers %v", p, header)
		}
	}
}

func TestAttack26_SizeAndDepthAreBounded(t *testing.T) {
	t.Parallel()
	h := newServer(t, func(c *Config) { c.MaxBody, c.MaxArtifact = 100_000, 1000 })
	h.refused(400, codeInvalid, "POST", "experiments/create", `{"name":`+strings.Repeat("[", 5000)+strings.Repeat("]", 5000)+`}`)
	h.refused(413, codeExhausted, "POST", "experiments/create", `{"name":"`+strings.Repeat("x", 200_000)+`"}`)
	h.refused(400, codeInvalid, "POST", "runs/search", `{"experiment_ids":["0"],"filter":"`+strings.Repeat("params.a = 'b' AND ", 300)+`params.a = 'b'"}`)
	h.refused(400, codeInvalid, "POST", "runs/search", `{"experiment_ids":["0"],"filter":"`+strings.Repeat("x", 50_000)+`"}`)
	if status, _, _ := h.do("POST", "/api/2.0/mlflow/experiments/create", "x", "Content-Encoding", "gzip"); status != 400 {
		t.Errorf("gzip body = %d, want 400", status)
	}
	if status, _, _ := h.do("PUT", "/api/2.0/mlflow-artifacts/artifacts/0/big", strings.Repeat("x", 2000)); status != 413 {
		t.Errorf("artifact over the limit = %d, want 413", status)
	}
	if status, _, _ := h.do("GET", "/api/2.0/mlflow-artifacts/artifacts/0/big", ""); status != 404 {
		t.Errorf("after a refused upload GET = %d, want 404", status)
	}
}

func TestAttack27And28_NamesAndSearchesCannotBeTwisted(t *testing.T) {
	t.Parallel()
	h := newServer(t, nil)
	h.refused(400, codeInvalid, "POST", "registered-models/create", `{"name":"%61dmin"}`)
	h.run("0")
	for _, body := range []string{
		`{"experiment_ids":["0"],"order_by":["start_time; DROP TABLE runs"]}`, `{"experiment_ids":["0"],"order_by":["(SELECT 1)"]}`,
		`{"experiment_ids":["0"],"order_by":["metrics.'x"]}`, `{"experiment_ids":["0"],"page_token":"eyJvZmZzZXQiOi01fQ=="}`, `{"experiment_ids":["0"],"filter":"runs.x = 'a'"}`,
	} {
		h.refused(400, codeInvalid, "POST", "runs/search", body)
	}
	// Bound, not pasted: these are odd names that match nothing.
	for _, body := range []string{
		`{"experiment_ids":["0"],"order_by":["params.` + "`" + `x' OR '1'='1` + "`" + ` DESC"]}`, `{"experiment_ids":["0) OR (1=1"]}`,
		`{"experiment_ids":["0"],"filter":"tags.` + "`" + `a' OR 1=1 --` + "`" + ` = 'x'"}`,
	} {
		h.api("POST", "runs/search", body)
	}
	if got := h.api("POST", "runs/search", `{"experiment_ids":["0"]}`); len(got["runs"].([]any)) != 1 {
		t.Errorf("runs after the attempts = %v", got)
	}
}

func TestRoles_EveryRouteAsksForItsRole(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var asked []string
	h := newServer(t, func(c *Config) {
		c.Authorize = func(r *http.Request, role string) error {
			mu.Lock()
			asked = append(asked, role)
			mu.Unlock()
			if r.Header.Get("Authorization") == "" {
				return ErrUnauthenticated
			}
			return errors.New("nobody may do anything")
		}
	})
	routes := (&server{}).routes()
	seen := map[string]bool{}
	for _, rt := range routes {
		if rt.role != RoleNone && rt.role != RoleViewer && rt.role != RoleEditor && rt.role != RoleAdmin {
			t.Errorf("route %s has the role %q", rt.path, rt.role)
		}
		if (rt.call == nil) == (rt.raw == nil) {
			t.Errorf("route %s needs exactly one of call and raw", rt.path)
		}
		if rt.writes && rt.role == RoleViewer {
			t.Errorf("route %s writes, but viewers may call it", rt.path)
		}
		if rt.role == RoleNone && rt.path != "/health" && rt.path != "/version" {
			t.Errorf("route %s is open to everybody", rt.path)
		}
		for _, pattern := range rt.patterns() {
			if seen[pattern] {
				t.Errorf("pattern %s is there twice", pattern)
			}
			seen[pattern] = true
			method, path, _ := strings.Cut(pattern, " ")
			for old, now := range map[string]string{"{id}": "m-1", "{key}": "k", "{path...}": "a/b", "{act}": "create"} {
				path = strings.ReplaceAll(path, old, now)
			}
			mu.Lock()
			asked = nil
			mu.Unlock()
			body := ""
			if method != "GET" {
				body = "{}"
			}
			want, want2 := 401, 403
			if rt.role == RoleNone {
				want, want2 = 200, 200
			}
			if status, _, _ := h.do(method, path, body); status != want {
				t.Errorf("%s without a user = %d, want %d", pattern, status, want)
			}
			if status, _, _ := h.do(method, path, body, "Authorization", "Basic eDp5"); status != want2 {
				t.Errorf("%s without the right = %d, want %d", pattern, status, want2)
			}
			mu.Lock()
			if rt.role != RoleNone && (len(asked) != 2 || asked[0] != rt.role) {
				t.Errorf("%s asked for %v, want %s", pattern, asked, rt.role)
			}
			mu.Unlock()
		}
	}
	// What looks almost like a route is none: refused, never let through.
	for _, path := range []string{
		"/api/2.0/mlflow/experiments/get/", "/api/2.0/mlflow//experiments/get", "/API/2.0/mlflow/experiments/get", "/api/3.0/mlflow/experiments/get",
		"/api/2.0/mlflow/experiments/%67et", "/api/2.0/mlflow/Experiments/get", "/api/2.0/mlflow/../mlflow/experiments/get", "/graphql", "/ajax-api/3.0/mlflow/jobs",
	} {
		status, text := h.rawRequest("GET", path+"?experiment_id=0", "")
		if status == 200 || strings.Contains(text, "Default") {
			t.Errorf("GET %s = %d, want a refusal", path, status)
		}
	}
}

func TestRoles_WithoutUsersOnlyLoopbackIsServed(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]bool{"127.0.0.1:1": true, "[::1]:1": true, "[::ffff:127.0.0.1]:1": true, "10.0.0.1:1": false, "8.8.8.8:1": false, "": false, "@": false} {
		if got := loopbackOnly(&http.Request{RemoteAddr: remote}, RoleViewer) == nil; got != want {
			t.Errorf("loopbackOnly(%q) allows %v, want %v", remote, got, want)
		}
	}
}
