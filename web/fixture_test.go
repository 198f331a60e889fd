package web

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
	"github.com/driftline/driftline/stream/wire"
)

const (
	weekMS  = 7 * dayMS
	bike    = "bike demand"
	hostile = `<script>alert(1)</script>"'&/?#`
)

// clock of the fixture: a fixed wall clock after everything in it.
var fixtureNow = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMilli()

// fixture is a small world with a drifting, a quiet, a hostile and a learning model.
type fixture struct {
	store   *store.Store
	handler http.Handler
	alarm   string // the open drift alarm of bike
	retrain string
	runID   string
}

func newFixture(t testing.TB, change func(*Config)) *fixture {
	t.Helper()
	f := &fixture{store: storetest.Open(t)}
	f.handler = newHandler(t, f.store, change)
	f.seed(t)
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

var bikeFeatures = []string{"hour", "temp", "atemp", "hum", "windspeed", "weekday", "season", "holiday", "workingday", "weather", "cnt_lag"}

func nanoOf(x float64) *int64 {
	n := int64(math.Round(x * 1e9))
	return &n
}

// bikeScore is week k of the story: quiet at first, then more and more features drift.
func bikeScore(k int, endMS int64, rng *rand.Rand) wire.Score {
	s := wire.Score{
		Model: bike, Version: "*", Reference: "4f2d9c0a11b2c3d4", WindowMS: weekMS, EndMS: endMS, State: wire.StateJudged,
		Rows: 168, Covered: 42, Expected: 42, All: len(bikeFeatures),
	}
	rise := 0.25 * math.Max(0, float64(k-20)) / 20 * (1.3 + math.Sin(float64(k)/5))
	for i, name := range bikeFeatures {
		psi := 0.02 + 0.02*rng.Float64() + rise*math.Max(0, 1.6-0.25*float64(i))
		x := wire.FeatureScore{
			Name: name, Kind: "numeric", N: 2184, M: 168, PSI: nanoOf(psi), PSILower: nanoOf(psi * 0.7), KSLow: nanoOf(psi / 2), KSHigh: nanoOf(psi/2 + 0.05),
			Null: nanoOf(0.001 * float64(i)), Outside: nanoOf(0), NEff: nanoOf(120), Verdict: "stable", Rule: "classic",
		}
		switch {
		case name == "holiday" || k < 3:
			x.Verdict, x.Reason, x.PSI = "insufficient", "20 values in the window for 10 bins, at least 50 are needed", nil
		case psi >= 0.2:
			x.Verdict, x.Warned = "drifted", true
			x.Top = []wire.Cells{{Label: "17 – 19", Part: nanoOf(psi * 0.71), Ref: nanoOf(0.08), Cur: nanoOf(0.21)}, {Label: "0 – 5", Part: nanoOf(psi * 0.1), Ref: nanoOf(0.2), Cur: nanoOf(0.1)}}
		case psi >= 0.1:
			x.Warned = true
		}
		if x.Verdict != "insufficient" {
			s.Judged++
		}
		if x.Verdict == "drifted" {
			s.Drifted++
		}
		s.Features = append(s.Features, x)
	}
	return s
}

func scoreRow(s wire.Score) store.ScoreRow {
	r := store.ScoreRow{
		Model: s.Model, Version: s.Version, Reference: s.Reference, WindowMS: s.WindowMS, EndMS: s.EndMS, Rows: int64(s.Rows),
		Covered: int64(s.Covered), Expected: int64(s.Expected), Drifted: int64(s.Drifted), Judged: int64(s.Judged), Total: int64(s.All), Body: string(s.Encode()),
	}
	if w, ok := s.Worst(); ok {
		x := float64(*w.PSI) / 1e9
		r.MaxPSI, r.MaxFeature = &x, w.Name
	}
	return r
}

func (f *fixture) must(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("seed %s: %v", what, err)
	}
}

func (f *fixture) seed(t testing.TB) {
	t.Helper()
	ctx := store.WithActor(context.Background(), "seed")
	st := f.store
	f.must(t, "models", st.Tx(ctx, func(tx *store.Tx) error {
		for _, m := range []store.WatchedModel{
			{Name: bike, SpecJSON: `{"name":"bike demand","policy":{"warn":0.1,"drifted":0.2,"share_fire":0.3},"training":{"window":"13w"}}`, State: "watching", Automation: "promote"},
			{Name: "churn", SpecJSON: `{"name":"churn"}`, State: "watching", Automation: "observe"},
			{Name: "fraud", SpecJSON: `{}`, State: "learning", Automation: "approve"},
			{Name: hostile, SpecJSON: `{"note":"</script><b>x</b>"}`, State: "learning", Automation: "observe"},
		} {
			if err := tx.PutWatchedModel(ctx, m); err != nil {
				return err
			}
		}
		return nil
	}))
	f.seedScores(t, ctx)
	f.seedRegistry(t, ctx)
	f.seedRetrains(t, ctx)
	f.seedStreams(t, ctx)
}

// firstEnd is the end of the first week of the story.
var firstEnd = time.Date(2025, 1, 6, 0, 0, 0, 0, time.UTC).UnixMilli()

func (f *fixture) seedScores(t testing.TB, ctx context.Context) {
	rng := rand.New(rand.NewPCG(7, 11))
	var rows []store.ScoreRow
	var alarmed wire.Score
	hops := 0
	for k := range 60 {
		s := bikeScore(k, firstEnd+int64(k)*weekMS, rng)
		if s.Share() >= 0.3 {
			if hops++; hops == 2 && alarmed.Model == "" {
				alarmed = s
			}
		} else {
			hops = 0
		}
		rows = append(rows, scoreRow(s))
	}
	quiet := wire.Score{Model: "churn", Version: "*", Reference: "aa", WindowMS: dayMS, EndMS: firstEnd + 59*weekMS, State: wire.StateJudged, Rows: 4000, Covered: 10, Expected: 10, Judged: 2, All: 2, Features: []wire.FeatureScore{
		{Name: "plan", Kind: "categorical", N: 1000, M: 4000, PSI: nanoOf(0.01), Verdict: "stable", Rule: "calibrated"},
		{Name: "age", Kind: "numeric", N: 1000, M: 4000, PSI: nanoOf(0.02), Verdict: "stable", Rule: "calibrated"},
	}}
	odd := quiet
	odd.Model, odd.Features = hostile, []wire.FeatureScore{{Name: hostile, Kind: "numeric", N: 10, M: 10, PSI: nanoOf(0.4), Verdict: "learning", Reason: hostile}}
	odd.Judged, odd.All = 0, 1
	rows = append(rows, scoreRow(quiet), scoreRow(odd))
	f.must(t, "scores", f.store.PutScores(ctx, rows))
	f.alarm = f.putAlarm(t, ctx, alarmed)
	// An old data-quality alarm of a hostile model that resolved.
	f.must(t, "quality alarm", f.store.PutEvents(ctx, []store.EventRow{{
		ID: "q1", Type: "dev.driftline.quality.resolved.v1", Model: hostile, TimeMS: firstEnd, Episode: "quality" + strings.Repeat("0", 9), Version: "*", Policy: "default",
		Reference: "aa", WindowMS: dayMS, Kind: "quality", Phase: "resolved", Share: 0.5,
		Body: `{"id":"q1","type":"dev.driftline.quality.resolved.v1","data":{"kind":"quality","rule":"missing values","drifted":1,"judged":2,"all":2,"rows":10,"window_ms":86400000,"end_ms":` + fmt.Sprint(firstEnd) + `,"top":[{"name":"<b>x</b>","null_rate":500000000,"verdict":"stable"}]}}`,
	}}))
	var days []store.PerformanceDay
	for i := range 400 {
		version := "1"
		if i >= 250 {
			version = "2"
		}
		correct := int64(24*0.92 - 6*math.Abs(math.Sin(float64(i)/60)))
		days = append(days, store.PerformanceDay{Model: bike, Version: version, Day: time.UnixMilli(firstEnd + int64(i)*dayMS).UTC().Format(time.DateOnly), Predicted: 24, Labelled: 24, Classed: 24, Correct: correct, LabelClockMS: 1})
	}
	f.must(t, "performance", f.store.PutPerformanceDays(ctx, days))
}

// putAlarm stores detected and ongoing events of one episode as the evaluation does.
func (f *fixture) putAlarm(t testing.TB, ctx context.Context, s wire.Score) string {
	t.Helper()
	episode := wire.EpisodeID("test", s.Model, "*", "default", s.Reference, s.WindowMS, s.EndMS, "drift")
	top := slices.Clone(s.Features)
	slices.SortStableFunc(top, func(a, b wire.FeatureScore) int {
		x, y := int64(-1), int64(-1)
		if a.PSI != nil {
			x = *a.PSI
		}
		if b.PSI != nil {
			y = *b.PSI
		}
		return int(min(1, max(-1, y-x)))
	})
	var rows []store.EventRow
	for i, what := range []string{"detected", "ongoing"} {
		end := s.EndMS + int64(i)*weekMS
		typ := wire.EventType("drift", what)
		e := wire.NewEvent("test", typ, wire.EventID(episode, typ, end), "warning", end, wire.EventData{
			Model: s.Model, Version: "*", Kind: "drift", Policy: "default", Rule: "classic", Episode: episode, Reference: s.Reference, WindowMS: s.WindowMS,
			StartMS: end - s.WindowMS, EndMS: end, SinceMS: s.EndMS, Phase: "firing", Rows: s.Rows, ReferenceRows: 2184, Covered: s.Covered, Expected: s.Expected,
			Drifted: s.Drifted, Judged: s.Judged, All: s.All, Warn: 0.1, Threshold: 0.2, ShareFire: 0.3, Hops: 2, MayRetrain: true, Top: top[:5],
		})
		rows = append(rows, store.EventRow{
			ID: e.ID, Type: e.Type, Model: s.Model, TimeMS: end, Body: string(e.Encode()), Episode: episode, Version: "*", Policy: "default",
			Reference: s.Reference, WindowMS: s.WindowMS, Kind: "drift", Phase: "firing", Share: s.Share(), TopJSON: "[]",
		})
	}
	f.must(t, "alarm", f.store.PutEvents(ctx, rows))
	return episode
}

func (f *fixture) seedRegistry(t testing.TB, ctx context.Context) {
	t.Helper()
	f.must(t, "experiment", f.store.EnsureDefaultExperiment(ctx, "mlflow-artifacts:/"))
	f.must(t, "registry", f.store.Tx(ctx, func(tx *store.Tx) error {
		run, err := tx.CreateRun(ctx, store.NewRun{Name: "nightly <i>run</i>", User: "ann", StartMS: firstEnd})
		if err != nil {
			return err
		}
		f.runID = run.ID
		err = tx.LogBatch(ctx, run.ID, store.Batch{
			Metrics: []store.Metric{{Key: "accuracy", Value: 0.91, TimeMS: firstEnd}, {Key: "f1", Value: 0.88, TimeMS: firstEnd}},
			Params:  []store.Tag{{Key: "max_depth", Value: "6"}},
		})
		if err != nil {
			return err
		}
		for _, name := range []string{bike, "acis_growth_classifier"} {
			if _, err := tx.CreateModel(ctx, name, "hours <script>of</script> bikes", nil); err != nil {
				return err
			}
			for range 2 {
				if _, err := tx.CreateVersion(ctx, store.NewVersion{Name: name, Source: run.ArtifactURI, RunID: run.ID}); err != nil {
					return err
				}
			}
			for _, v := range []string{"1", "2"} {
				if _, _, err := tx.Promote(ctx, name, v, "seed", "gates passed", fixtureNow-dayMS); err != nil {
					return err
				}
			}
		}
		_, err = tx.CreateModel(ctx, "acis_value_classifier", "", nil)
		return err
	}))
	_, err := f.store.AddReference(ctx, store.ReferenceRow{Model: bike, ID: "4f2d9c0a11b2c3d4", Version: "1", Kind: "training", GridID: "g", Rows: 2184, FromMS: firstEnd - 91*dayMS, ToMS: firstEnd, MetaJSON: `{"blocks":13}`, Data: []byte{1}})
	f.must(t, "reference", err)
}

func (f *fixture) seedRetrains(t testing.TB, ctx context.Context) {
	t.Helper()
	f.retrain = "r1" + strings.Repeat("ab", 15)
	_, _, err := f.store.EnqueueRetrain(ctx, store.Retrain{ID: f.retrain, Model: bike, Kind: "alarm", TriggerJSON: `{"reason":"drift"}`, Episode: f.alarm, ClockMS: firstEnd + 36*weekMS}, fixtureNow-3*hourMS)
	f.must(t, "retrain", err)
	r, found, err := f.store.ClaimRetrain(ctx, "trainer-0", fixtureNow-3*hourMS, hourMS)
	if err != nil || !found {
		t.Fatalf("seed claim: found %v, %v", found, err)
	}
	gates := `[{"name":"accuracy_gain","value":0.043,"limit":0,"low":0.012,"high":0.071,"support":336,"outcome":"pass"},
		{"name":"log_loss_guard","value":-0.01,"limit":-0.02,"low":-0.015,"high":0.004,"support":336,"outcome":"pass"},
		{"name":"bias_<b>season</b>","value":null,"limit":0.1,"low":null,"high":null,"support":0,"outcome":"skipped","reason":"no groups named"}]`
	version, run := "2", f.runID
	path := []string{"QUEUED", "CHECKED", "LEASED", "DATASET", "TRAINED", "EVALUATED", "REGISTERED", "GATED", "PROMOTED", "PROBATION"}
	for i := 1; i < len(path); i++ {
		p := store.RetrainPatch{Reason: "step " + path[i]}
		if path[i] == "GATED" {
			p.GatesJSON, p.Version, p.RunID = &gates, &version, &run
		}
		_, err = f.store.AdvanceRetrain(ctx, f.retrain, r.Fence, path[i-1], path[i], p, fixtureNow-2*hourMS+int64(i)*60_000)
		f.must(t, "step "+path[i], err)
	}
	for _, x := range []struct{ id, state, to string }{{"r2failed", "", "FAILED"}, {"r3coalesced", "COALESCED", ""}} {
		_, _, err := f.store.EnqueueRetrain(ctx, store.Retrain{ID: x.id, Model: "churn", Kind: "schedule", TriggerJSON: `{}`, State: x.state, Reason: "drift is harmless: accuracy 0.91, margin 0.02", ClockMS: firstEnd}, fixtureNow-hourMS)
		f.must(t, x.id, err)
		if x.to != "" {
			_, err = f.store.AdvanceRetrain(ctx, x.id, 0, "QUEUED", x.to, store.RetrainPatch{Reason: "the trainer lost its database"}, fixtureNow-hourMS)
			f.must(t, x.id, err)
		}
	}
}

func (f *fixture) seedStreams(t testing.TB, ctx context.Context) {
	t.Helper()
	f.must(t, "ledger", f.store.PutLedger(ctx, []store.LedgerRow{{
		Topic: "ml.predictions", Part: 0, ArrivalMS: firstEnd, Through: 120_000, LastOffset: 119_999,
		Outcomes: store.Outcomes{Records: 120_000, Accepted: 100_000, Late: 1_000, Future: 10, Dead: 40, Label: 18_000, Tick: 50, Unregistered: 900},
		DeadBy:   `{"not JSON":30,"<b>bad</b> time":10}`, UnregisteredBy: `{"shadow":900}`,
	}}))
	f.must(t, "sources", f.store.PutSources(ctx, []store.SourceRow{
		{Topic: "ml.predictions", Part: 0, UptoMS: firstEnd + 60*weekMS, Partitions: 2, Through: 119_999, SeenMS: fixtureNow - 5000},
		{Topic: "ml.predictions", Part: 1, UptoMS: firstEnd + 59*weekMS, Partitions: 2, Through: 80_000, SeenMS: fixtureNow - 20*60_000},
	}))
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
