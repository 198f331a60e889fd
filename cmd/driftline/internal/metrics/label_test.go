package metrics

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/driftline/driftline/registry/store/storetest"
)

func TestClean_MakesAnyNameALabel(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, in, want string }{
		{"a plain name", "fraud-v2.eu/1", "fraud-v2.eu/1"},
		{"letters of other scripts", "モデル ä", "モデル ä"},
		{"line ends and tabs", "a\nb\tc\x00", "a_b_c_"},
		{"bytes that are no text", "a\xffb", "a\uFFFDb"},
		{"a long name is cut between characters", strings.Repeat("é", 200), strings.Repeat("é", 128)},
		{"128 bytes stay", strings.Repeat("x", 128), strings.Repeat("x", 128)},
		{"nothing", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := clean(tt.in)
			if got != tt.want {
				t.Errorf("clean(%q) = %q, want %q", tt.in, got, tt.want)
			}
			if clean(got) != got {
				t.Errorf("cleaning %q twice gives %q", tt.in, clean(got))
			}
		})
	}
}

func TestWindowLabel_IsWrittenAsInTheConfiguration(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{time.Hour: "1h", 24 * time.Hour: "24h", 7 * 24 * time.Hour: "7d", 90 * time.Second: "1m30s"} {
		if got := windowLabel(d.Milliseconds()); got != want {
			t.Errorf("window of %s is called %q, want %q", d, got, want)
		}
	}
}

func TestWrites_CountsWhatTheServerCouldNotDo(t *testing.T) {
	t.Parallel()
	m, reg := start(t, nil, newClock(), nil)
	h := m.Writes(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("answer") {
		case "400":
			w.WriteHeader(http.StatusBadRequest)
		case "503":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "panic":
			panic(http.ErrAbortHandler)
		case "flush":
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Errorf("flush: %v", err)
			}
		}
	}))
	for _, call := range []string{
		"POST /runs/create", "POST /runs/create?answer=400", "PUT /files/a?answer=flush", "DELETE /x",
		"POST /runs/log-batch?answer=503", "PATCH /x?answer=panic",
		"GET /runs/get?answer=503", "POST /runs/search?answer=503", "POST /registered-models/get-latest-versions?answer=503",
	} {
		method, url, _ := strings.Cut(call, " ")
		func() {
			defer func() { _ = recover() }() // the server does the same
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, url, nil))
		}()
	}
	want(t, gather(t, reg), map[string]float64{"driftline_registry_writes_total{result=ok}": 4, "driftline_registry_writes_total{result=failed}": 2})
}

func TestScrapes_AtOnceShareOneReading(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	full(t, s)
	do(t, s.Close())
	var mu sync.Mutex
	told := 0
	m, reg := start(t, s, newClock(), func(cfg *Config) {
		cfg.Failed = func(error) { mu.Lock(); told++; mu.Unlock() }
	})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := reg.Gather(); err != nil {
				t.Error(err)
			}
			m.Event("fraud", "dev.driftline.drift.detected.v1", startMS)
			m.Retried("fetch x", 1, nil)
		})
	}
	wg.Wait()
	if told != 1 {
		t.Errorf("eight scrapes at once read the database %d times, want once", told)
	}
}
