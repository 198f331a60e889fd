package mlflow

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/driftline/driftline/registry/artifacts"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// harness is one server over a fresh SQLite store and a temporary folder.
type harness struct {
	*httptest.Server
	t     *testing.T
	store *store.Store
	files *artifacts.Disk
}

func newServer(t *testing.T, change func(*Config)) *harness {
	t.Helper()
	return serverOn(t, storetest.Open(t), change)
}

func serverOn(t *testing.T, s *store.Store, change func(*Config)) *harness {
	t.Helper()
	files, err := artifacts.OpenDisk(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := files.Close(); err != nil {
			t.Error(err)
		}
	})
	cfg := Config{Store: s, Artifacts: files, DriftlineVersion: "test", Log: zerolog.New(zerolog.NewTestWriter(t))}
	if change != nil {
		change(&cfg)
	}
	h, err := New(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return &harness{srv, t, s, files}
}

// do sends a request; body "" = none, else JSON.
func (h *harness) do(method, path, body string, header ...string) (int, string, http.Header) {
	h.t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.URL+path, in)
	if err != nil {
		h.t.Fatal(err)
	}
	if method != http.MethodGet {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return resp.StatusCode, string(out), resp.Header
}

// api calls a route that must succeed and returns its answer.
func (h *harness) api(method, path, body string) map[string]any {
	h.t.Helper()
	status, text, _ := h.do(method, "/api/2.0/mlflow/"+path, body)
	if status != http.StatusOK {
		h.t.Fatalf("%s %s %s = %d %s", method, path, body, status, text)
	}
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		h.t.Fatalf("%s %s: %v in %s", method, path, err, text)
	}
	return v
}

// refused calls a route that must fail with status and code; it returns the text.
func (h *harness) refused(status int, code, method, path, body string) string {
	h.t.Helper()
	got, text, _ := h.do(method, "/api/2.0/mlflow/"+path, body)
	var e struct {
		Code    string `json:"error_code"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		h.t.Fatalf("%s %s %s: %v in %q", method, path, body, err, text)
	}
	if got != status || e.Code != code {
		h.t.Errorf("%s %s %.200s = %d %s %q, want %d %s", method, path, body, got, e.Code, e.Message, status, code)
	}
	return e.Message
}

func (h *harness) run(experiment string) string {
	h.t.Helper()
	v := h.api("POST", "runs/create", `{"experiment_id":`+experiment+`}`)
	return v["run"].(map[string]any)["info"].(map[string]any)["run_id"].(string)
}
