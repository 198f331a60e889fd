package ops

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newServer() *Server { return New(prometheus.NewRegistry(), zerolog.Nop()) }

// ask returns status and body of one request.
func ask(s *Server, path string) (int, string) {
	rec := httptest.NewRecorder()
	s.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
	return rec.Code, rec.Body.String()
}

func TestReady_FollowsStartChecksAndStop(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	s := newServer()
	steps := []struct {
		name   string
		do     func()
		path   string
		status int
		body   string
	}{
		{"alive before it started", func() {}, "/livez", 200, "ok\n"},
		{"not ready before it started", func() {}, "/readyz", 503, "[-]starting\nnot ready\n"},
		{"ready once started", s.Started, "/readyz", 200, "ok\n"},
		{"a check that passes", func() {
			s.Check("store", func(context.Context) error {
				if broken.Load() {
					return errors.New("no\nanswer")
				}
				return nil
			})
		}, "/readyz?verbose", 200, "[+]store ok\nok\n"},
		{"a check that fails", func() { broken.Store(true) }, "/readyz", 503, "[-]store\nnot ready\n"},
		{"why, on one line", func() {}, "/readyz?verbose", 503, "[-]store: no; answer\nnot ready\n"},
		{"still alive", func() {}, "/livez", 200, "ok\n"},
		{"checks in order of name", func() { s.Check("broker", func(context.Context) error { return nil }) }, "/readyz?verbose", 503, "[+]broker ok\n[-]store: no; answer\nnot ready\n"},
		{"the role ended", func() { s.Drop("store") }, "/readyz", 200, "ok\n"},
		{"stopping", s.Stopping, "/readyz", 503, "[-]stopping\nnot ready\n"},
		{"stopping is for good", s.Started, "/readyz", 503, "[-]stopping\nnot ready\n"},
		{"no other page", func() {}, "/", 404, "404 page not found\n"},
	}
	for _, step := range steps {
		step.do()
		if status, body := ask(s, step.path); status != step.status || body != step.body {
			t.Errorf("%s: %d %q, want %d %q", step.name, status, body, step.status, step.body)
		}
	}
}

func TestReady_DoesNotWaitForAHangingCheck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var starts atomic.Int32
		s := newServer()
		s.Started()
		s.Check("slow", func(context.Context) error {
			starts.Add(1)
			<-release // deaf to its context
			return nil
		})
		began := time.Now()
		if status, body := ask(s, "/readyz?verbose"); status != 503 || body != "[-]slow: no answer within 2s\nnot ready\n" {
			t.Errorf("hanging check: %d %q", status, body)
		}
		if took := time.Since(began); took != CheckTimeout {
			t.Errorf("answered after %s, want %s", took, CheckTimeout)
		}
		if status, body := ask(s, "/readyz?verbose"); status != 503 || !strings.Contains(body, "[-]slow: the check before has not returned yet") {
			t.Errorf("while it hangs: %d %q", status, body)
		}
		if n := starts.Load(); n != 1 {
			t.Errorf("the hanging check was started %d times, want 1", n)
		}
		close(release)
		synctest.Wait()
		if status, _ := ask(s, "/readyz"); status != 200 {
			t.Errorf("after it came back: %d, want 200", status)
		}
	})
}

func TestServe_ListensAnswersAndEnds(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	Register(reg, "1.2.3", "abc", "go1.26", true)
	s := New(reg, zerolog.Nop())
	if err := s.Serve(t.Context()); err == nil {
		t.Error("Serve before Listen gave no error")
	}
	if err := s.Listen(t.Context(), "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get("http://" + s.Addr() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	const want = `driftline_build_info{goversion="go1.26",revision="abc",ui="true",version="1.2.3"} 1`
	if !strings.Contains(string(body), want) {
		t.Errorf("/metrics lacks %s:\n%s", want, body)
	}

	other := newServer()
	if err := other.Listen(t.Context(), s.Addr()); err == nil || !strings.Contains(err.Error(), s.Addr()) || !strings.Contains(err.Error(), "--ops-listen") {
		t.Errorf("a taken address gives %v, want one that names it and the flag", err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Serve ended with %v, want nil", err)
	}
	if _, err := client.Get("http://" + s.Addr() + "/livez"); err == nil {
		t.Error("answers after Serve ended")
	}
}

func TestServe_TellsWhenTheListenerFails(t *testing.T) {
	t.Parallel()
	s := newServer()
	if err := s.Listen(t.Context(), "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if err := s.listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(t.Context()); err == nil || !strings.Contains(err.Error(), s.Addr()) {
		t.Errorf("Serve over a broken listener gave %v, want an error with the address", err)
	}
}

func TestRegister_NamesPassTheLint(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	Register(reg, "1", "2", "3", false)
	problems, err := testutil.GatherAndLint(reg)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}
