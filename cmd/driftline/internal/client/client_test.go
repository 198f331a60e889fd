package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/driftline/driftline/cmd/driftline/internal/datadir"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo answers with what was asked.
func echo(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		user, password, _ := r.BasicAuth()
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{
			"server": name, "asked": r.Method + " " + r.URL.RequestURI(), "body": string(body), "type": r.Header.Get("Content-Type"),
			"auth": r.Header.Get("Authorization"), "login": user + ":" + password, "agent": r.UserAgent(), "host": r.Host,
		})
	})
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func find(t *testing.T, opts Options) *Client {
	t.Helper()
	c, err := Find(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// opener serves h in this process and counts closings.
func opener(h http.Handler, closed *int) Opener {
	return func(context.Context) (http.Handler, func() error, error) {
		return h, func() error { *closed++; return nil }, nil
	}
}

func TestFind_TakesTheFirstThatAnswers(t *testing.T) {
	t.Parallel()
	flag, tracking, running := serve(t, echo("flag")), serve(t, echo("tracking")), serve(t, echo("running"))
	held, empty := t.TempDir(), t.TempDir()
	d, err := datadir.Open(held, "test")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	if err := d.Announce(datadir.Run{HTTP: running}); err != nil {
		t.Fatal(err)
	}
	var closed int
	own := opener(echo("own"), &closed)
	tests := []struct {
		name string
		opts Options
		want string
	}{
		{"the flag", Options{Server: flag, Tracking: tracking, DataDir: held, Open: own}, "flag"},
		{"MLflow's variable", Options{Tracking: tracking, DataDir: held, Open: own}, "tracking"},
		{"the running instance", Options{Tracking: "sqlite:///mlruns.db", DataDir: held, Open: own}, "running"},
		{"this process", Options{DataDir: empty, Open: own}, "own"},
	}
	for _, tt := range tests {
		c := find(t, tt.opts)
		var got map[string]string
		if err := c.Get(t.Context(), "/models", nil, &got); err != nil || got["server"] != tt.want {
			t.Errorf("%s: %q answered, %v; want %q", tt.name, got["server"], err, tt.want)
		}
		if c.InProcess() != (tt.want == "own") {
			t.Errorf("%s: InProcess() = %v", tt.name, c.InProcess())
		}
	}
	c := find(t, Options{DataDir: empty, Open: own})
	if err := c.Close(); err != nil || closed != 1 {
		t.Errorf("Close: %v, closed %d times, want 1", err, closed)
	}
}

func TestFind_SaysWhyNobodyAnswers(t *testing.T) {
	t.Parallel()
	starting, apart := t.TempDir(), t.TempDir()
	for _, path := range []string{starting, apart} {
		d, err := datadir.Open(path, "test")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = d.Close() }()
		if path == apart {
			if err := d.Announce(datadir.Run{Broker: "127.0.0.1:9092"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	failing := func(context.Context) (http.Handler, func() error, error) {
		return nil, nil, errors.New("store is locked")
	}
	tests := []struct {
		name string
		opts Options
		want string
	}{
		{"nothing runs", Options{DataDir: t.TempDir()}, "start one with driftline all, or give --server"},
		{"it is starting", Options{DataDir: starting}, "is starting or stopping; try again in a moment"},
		{"it serves no API", Options{DataDir: apart}, "serves no API"},
		{"it cannot be opened", Options{DataDir: t.TempDir(), Open: failing}, "store is locked"},
		{"a URL that is none", Options{Server: "localhost:5000"}, "--server: want a URL such as http://127.0.0.1:5000"},
		{"a URL with a password", Options{Server: "ftp://ann:s3cr3t@host"}, "--server: want a URL"},
	}
	for _, tt := range tests {
		_, err := Find(t.Context(), tt.opts)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %v, want %q and no password", tt.name, err, tt.want)
		}
	}
}

func TestDo_SendsPathBodyAndLogin(t *testing.T) {
	t.Parallel()
	server := serve(t, echo("x"))
	withLogin := strings.Replace(server, "http://", "http://ann:s3cr3t@", 1)
	var closed int
	tests := []struct {
		name string
		opts Options
		want map[string]string
	}{
		{"below a base path", Options{Server: server + "/driftline/", UserAgent: "driftline/1"}, map[string]string{
			"asked": "POST /driftline/api/v1/models/a%2Fb?x=1", "body": `{"n":1}`, "type": "application/json", "auth": "", "agent": "driftline/1",
		}},
		{"login of the URL", Options{Server: withLogin}, map[string]string{"login": "ann:s3cr3t"}},
		{"login of the environment", Options{Tracking: server, Username: "bob", Password: "p"}, map[string]string{"login": "bob:p"}},
		{"a token", Options{Server: server, Username: "bob", Token: "dl_1"}, map[string]string{"auth": "Bearer dl_1"}},
		{"in process, without login", Options{DataDir: t.TempDir(), Open: opener(echo("own"), &closed), Username: "bob"}, map[string]string{
			"asked": "POST /api/v1/models/a%2Fb?x=1", "auth": "", "host": "localhost", "body": `{"n":1}`,
		}},
	}
	for _, tt := range tests {
		c := find(t, tt.opts)
		var got map[string]string
		err := c.Post(t.Context(), "/models/"+url.PathEscape("a/b")+"?x=1", map[string]int{"n": 1}, &got)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		for k, want := range tt.want {
			if got[k] != want {
				t.Errorf("%s: %s = %q, want %q", tt.name, k, got[k], want)
			}
		}
		if strings.Contains(c.Name(), "s3cr3t") {
			t.Errorf("%s: the name shows the password: %s", tt.name, c.Name())
		}
	}
}

func TestDo_WordsErrors(t *testing.T) {
	t.Parallel()
	answer := func(status int, body string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://elsewhere.invalid/")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		})
	}
	tests := []struct {
		name    string
		handler http.Handler
		want    string
		code    string
	}{
		{"a problem of the API", answer(404, `{"title":"Not Found","detail":"model \"x\" is not watched","code":"not_found"}`), `model "x" is not watched (HTTP 404)`, "not_found"},
		{"several at once", answer(422, `{"detail":"validation failed","errors":[{"message":"want a number","location":"body.rows"}]}`), "validation failed; body.rows want a number (HTTP 422)", ""},
		{"MLflow's shape", answer(400, `{"error_code":"INVALID_PARAMETER_VALUE","message":"bad name"}`), "bad name (HTTP 400)", "INVALID_PARAMETER_VALUE"},
		{"no login", answer(401, ""), "a login is needed; set MLFLOW_TRACKING_USERNAME", ""},
		{"a page of a proxy", answer(502, "<html>"), "Bad Gateway (HTTP 502)", ""},
		{"a redirect is not followed", answer(302, ""), "Found (HTTP 302)", ""},
		{"an answer that is not JSON", answer(200, "<html>"), "is not the JSON expected (is this a Driftline server?)", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := serve(t, tt.handler)
			var out map[string]any
			err := find(t, Options{Server: server}).Get(t.Context(), "/models/x", nil, &out)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "GET /api/v1/models/x at "+server) {
				t.Fatalf("error %v, want %q after what was asked of whom", err, tt.want)
			}
			var e *Error
			if errors.As(err, &e) && e.Code != tt.code {
				t.Errorf("code %q, want %q", e.Code, tt.code)
			}
		})
	}
	closed := httptest.NewServer(echo("x"))
	closed.Close()
	err := find(t, Options{Server: closed.URL}).Get(t.Context(), "/models", nil, nil)
	if err == nil || !strings.Contains(err.Error(), "connection refused; is the instance up?") {
		t.Errorf("nobody listens: %v", err)
	}
}

func TestDo_EndsInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		deaf := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		var closed int
		c, err := Find(t.Context(), Options{DataDir: t.TempDir(), Open: opener(deaf, &closed), Timeout: 5 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		err = c.Get(t.Context(), "/models", nil, nil)
		if took := time.Since(began); err == nil || took != 5*time.Second {
			t.Errorf("a deaf handler: %v after %s, want an error after 5s", err, took)
		}
	})
}
