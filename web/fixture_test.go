package web

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
	"github.com/driftline/driftline/web/webtest"
)

const (
	weekMS  = 7 * dayMS
	bike    = webtest.Bike
	hostile = webtest.Hostile
)

var (
	fixtureNow = webtest.NowMS
	firstEnd   = webtest.FirstEnd
	nanoOf     = webtest.Nano
	bikeScore  = webtest.BikeScore
	scoreRow   = webtest.ScoreRow
)

// fixture is the world of package webtest behind a handler.
type fixture struct {
	store   *store.Store
	handler http.Handler
	alarm   string // the open drift alarm of bike
	retrain string
	runID   string
	world   *webtest.World
}

func newFixture(t testing.TB, change func(*Config)) *fixture {
	t.Helper()
	f := &fixture{store: storetest.Open(t)}
	f.handler = newHandler(t, f.store, change)
	w := webtest.Seed(t, f.store)
	f.world, f.alarm, f.retrain, f.runID = w, w.Alarm, w.Retrain, w.RunID
	return f
}

func newHandler(t testing.TB, st *store.Store, change func(*Config)) http.Handler {
	t.Helper()
	cfg := Config{Store: st, Version: "1.2.3", Commit: "abc", Namespace: "test", Windows: []int64{dayMS, weekMS}, NowMS: func() int64 { return fixtureNow }}
	if change != nil {
		change(&cfg)
	}
	h, err := New(cfg)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return h
}

// get asks for a path as a browser of this machine would.
func get(t testing.TB, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.RemoteAddr, r.Host = "127.0.0.1:40000", "localhost:5000"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// send sends a JSON body.
func send(t testing.TB, h http.Handler, method, path, body string, change func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.RemoteAddr, r.Host = "127.0.0.1:40000", "localhost:5000"
	r.Header.Set("Content-Type", "application/json")
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// decode reads an answer of the wanted status.
func decode[T any](t testing.TB, w *httptest.ResponseRecorder, status int) T {
	t.Helper()
	var out T
	if w.Code != status {
		t.Fatalf("status %d, want %d: %s", w.Code, status, w.Body)
	}
	text, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatalf("answer is not JSON: %v\n%s", err, text)
	}
	return out
}
