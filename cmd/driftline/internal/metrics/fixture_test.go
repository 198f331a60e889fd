package metrics

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
	"github.com/driftline/driftline/stream/wire"
)

const (
	hourMS = 3_600_000
	dayMS  = 24 * hourMS
	// startMS is a fixed "now", 2026-01-02T00:00:00Z.
	startMS = int64(1_767_312_000_000)
)

func TestMain(m *testing.M) { storetest.Main(m) }

func layout() wire.Layout {
	return wire.Layout{
		PaneMS: 60_000, SlotPanes: 60, LatenessMS: 120_000, SkewMS: 60_000, PanesPartitions: 2, WindowsMS: []int64{hourMS, dayMS},
		Inputs: []wire.Input{{Topic: "ml.predictions", Role: wire.RoleEvents}, {Topic: "ml.labels", Role: wire.RoleLabels}},
	}
}

// clock is a wall clock that a test moves.
type clock struct{ ms atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.ms.Store(startMS)
	return c
}

func (c *clock) now() int64    { return c.ms.Load() }
func (c *clock) add(ms int64)  { c.ms.Add(ms) }
func (c *clock) pass()         { c.add(CacheFor.Milliseconds()) }
func (c *clock) passRetrains() { c.add(retrainsFor.Milliseconds()) }

// do fails the test on an error.
func do(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func ptr[T any](v T) *T { return &v }

func nano(v float64) *int64 { return ptr(int64(v * 1e9)) }

// score is a judged window over all versions with n features f0 … of falling PSI.
func score(model string, windowMS, endMS int64, n int, alarms ...wire.AlarmAt) store.ScoreRow {
	s := wire.Score{
		Model: model, Version: wire.AnyVersion, Reference: "ref1", WindowMS: windowMS, EndMS: endMS, State: wire.StateJudged,
		Rows: 1000, Covered: 57, Expected: 60, Drifted: 1, Judged: n, All: n, Alarms: alarms,
		Joint: &wire.JointVerdict{Verdict: "stable", N: 5000, M: 1000, Score: nano(1.5), Limit: nano(3.25), Path: "pair"},
	}
	for i := range n {
		s.Features = append(s.Features, wire.FeatureScore{Name: fmt.Sprintf("f%d", i), PSI: nano(0.5 - 0.01*float64(i)), JS: nano(0.1), KSLow: nano(0.2)})
	}
	return store.ScoreRow{
		Model: model, Version: "*", Reference: "ref1", WindowMS: windowMS, EndMS: endMS, Rows: 1000, Covered: 57, Expected: 60, Drifted: 1,
		Judged: int64(n), Total: int64(n), MaxPSI: ptr(0.5), MaxFeature: "f0", Body: string(s.Encode()),
	}
}

func at(kind, phase string, stale bool) wire.AlarmAt {
	return wire.AlarmAt{Policy: "default", Kind: kind, Phase: phase, Stale: stale, State: json.RawMessage("{}")}
}

// part is a score of a part of a model's traffic.
func part(model, segment string, windowMS, endMS int64, rows, drifted, judged int, alarms ...wire.AlarmAt) store.ScoreRow {
	s := wire.Score{
		Model: model, Version: wire.AnyVersion, Reference: "part of " + segment, Segment: segment, WindowMS: windowMS, EndMS: endMS, State: wire.StateJudged,
		Rows: uint64(rows), Drifted: drifted, Judged: judged, All: judged, Alarms: alarms,
	}
	return store.ScoreRow{
		Model: model, Version: "*", Reference: s.Reference, Segment: segment, WindowMS: windowMS, EndMS: endMS, Rows: int64(rows),
		Drifted: int64(drifted), Judged: int64(judged), Total: int64(judged), Body: string(s.Encode()),
	}
}

// answers is the score of what a version answered, compared on its scores and its classes.
func answers(model, version, reference string, windowMS, endMS int64, psi, classes float64, alarms ...wire.AlarmAt) store.ScoreRow {
	s := wire.Score{
		Model: model, Version: version, Reference: reference, WindowMS: windowMS, EndMS: endMS, State: wire.StateJudged, Rows: 500, Judged: 2, All: 2, Alarms: alarms,
		Features:    []wire.FeatureScore{{Name: "score", PSI: nano(psi)}, {Name: "prediction", PSI: nano(classes)}},
		Predictions: &wire.Predictions{Rows: 500, Scored: 500, PSI: nano(max(psi, classes))},
	}
	return store.ScoreRow{
		Model: model, Version: version, Reference: reference, WindowMS: windowMS, EndMS: endMS, Rows: 500, Judged: 2, Total: 2,
		MaxPSI: ptr(max(psi, classes)), MaxFeature: "score", Body: string(s.Encode()),
	}
}

// partEpisode opens the alarm of a part, or ends it.
func partEpisode(t *testing.T, s *store.Store, model, segment, phase string, windowMS, ms int64) {
	t.Helper()
	id := fmt.Sprint(model, segment, windowMS)
	do(t, s.PutEvents(t.Context(), []store.EventRow{{
		ID: fmt.Sprint(id, phase, ms), Type: "dev.driftline.drift.x.v1", Model: model, TimeMS: ms, Body: "{}", Episode: id, Version: "*",
		Policy: "default", WindowMS: windowMS, Kind: "drift", Segment: segment, Phase: phase, TopJSON: "[]",
	}}))
}

// watch makes watched models.
func watch(t *testing.T, s *store.Store, names ...string) {
	t.Helper()
	for _, n := range names {
		do(t, s.PutWatchedModel(t.Context(), store.WatchedModel{Name: n, SpecJSON: "{}", State: "watching", Automation: "promote"}))
	}
}

// crown registers a model with one version and makes it champion.
func crown(t *testing.T, s *store.Store, name string) {
	t.Helper()
	do(t, s.Tx(t.Context(), func(x *store.Tx) error {
		if _, err := x.CreateModel(t.Context(), name, "", nil); err != nil {
			return err
		}
		_, err := x.CreateVersion(t.Context(), store.NewVersion{Name: name, Source: "file:///tmp/m"})
		return err
	}))
	_, _, err := s.Promote(t.Context(), name, "1", "ada", "first")
	do(t, err)
}

// episode opens an alarm's episode, or ends it.
func episode(t *testing.T, s *store.Store, model, kind, phase string, windowMS, ms int64) {
	t.Helper()
	id := fmt.Sprint(model, kind, windowMS)
	do(t, s.PutEvents(t.Context(), []store.EventRow{{
		ID: fmt.Sprint(id, phase, ms), Type: "dev.driftline." + kind + ".x.v1", Model: model, TimeMS: ms, Body: "{}", Episode: id, Version: "*",
		Policy: "default", WindowMS: windowMS, Kind: kind, Phase: phase, TopJSON: "[]",
	}}))
}

// warned stores an early warning of feature f0.
func warned(t *testing.T, s *store.Store, model string, ms int64) {
	t.Helper()
	do(t, s.PutEvents(t.Context(), []store.EventRow{{
		ID: fmt.Sprint(model, "warned", ms), Type: "dev.driftline.drift.warned.v1", Model: model, TimeMS: ms, Kind: "early",
		Body: fmt.Sprintf(`{"data":{"window_ms":%d,"since_ms":%d,"detail":{"feature":"f0"}}}`, hourMS, ms-hourMS),
	}}))
}

// retrain queues a retrain and walks it through states.
func retrain(t *testing.T, s *store.Store, id, model string, states ...string) {
	t.Helper()
	ctx := t.Context()
	_, _, err := s.EnqueueRetrain(ctx, store.Retrain{ID: id, Model: model, Kind: "alarm", TriggerJSON: "{}", ClockMS: 1000}, startMS)
	do(t, err)
	if len(states) == 0 {
		return
	}
	r, found, err := s.ClaimRetrain(ctx, "w", startMS, 100)
	do(t, err)
	if !found || r.ID != id {
		t.Fatalf("claimed %q, want %q", r.ID, id)
	}
	for _, to := range states {
		r, err = s.AdvanceRetrain(ctx, r.ID, r.Fence, r.State, to, store.RetrainPatch{}, startMS)
		do(t, err)
	}
}

func arrivals(topic string, part int32, arrivalMS, through int64, o store.Outcomes) store.LedgerRow {
	return store.LedgerRow{
		Topic: topic, Part: part, ArrivalMS: arrivalMS, Through: through, LastOffset: o.Records - 1, Outcomes: o,
		DeadBy: "{}", LateBy: "{}", FutureBy: "{}", UnregisteredBy: "{}",
	}
}

// full fills a store so that every metric that is read has a value.
func full(t *testing.T, s *store.Store) {
	t.Helper()
	ctx := t.Context()
	watch(t, s, "fraud")
	crown(t, s, "fraud")
	early := score("fraud", hourMS, startMS-60_000, 12)
	early.Provisional = true
	do(t, s.PutScores(ctx, []store.ScoreRow{
		early,
		score("fraud", hourMS, startMS-180_000, 12, at("drift", "pending", false), at("quality", "ok", false)),
		score("fraud", dayMS, startMS-hourMS, 12, at("drift", "firing", false), at("quality", "ok", true)),
	}))
	do(t, s.PutScores(ctx, []store.ScoreRow{part("fraud", "region=eu", dayMS, startMS-hourMS, 250, 3, 4, at("drift", "ok", false))}))
	do(t, s.PutScores(ctx, []store.ScoreRow{answers("fraud", "1", "ref1", dayMS, startMS-hourMS, 0.125, 0.0625, at("prediction", "ok", false))}))
	episode(t, s, "fraud", "drift", "firing", dayMS, startMS-dayMS)
	warned(t, s, "fraud", startMS-2*hourMS)
	do(t, s.Tx(ctx, func(x *store.Tx) error {
		return x.PutPerformanceDays(ctx, []store.PerformanceDay{
			{Model: "fraud", Version: "1", Day: "2025-12-01", Labelled: 1000, Classed: 1000},
			{Model: "fraud", Version: "1", Day: "2025-12-25", Labelled: 60, Classed: 60, Correct: 54, Positives: 10, PredictedPositive: 8, TruePositive: 6, Scored: 60, LogLossSum: 15, BrierSum: 6},
			{Model: "fraud", Version: "1", Day: "2025-12-30", Labelled: 40, Classed: 40, Correct: 36, Positives: 10, PredictedPositive: 12, TruePositive: 9, Scored: 40, LogLossSum: 15, BrierSum: 6},
		})
	}))
	// What was promised is of regressions alone; it is here so that each metric has a series.
	putReport(t, s, "2025-12-30", 9, `{"kind":"binary","mature":true,"coverage":0.8,"reading":"concept drift","promised":{"metric":"rmse","baseline":2},"figures":[
		{"kind":"realised","metric":"accuracy","value":0.9},{"kind":"realised","metric":"roc_auc","value":0.95},{"kind":"realised","metric":"brier","value":null,"reason":"r"},
		{"kind":"realised","metric":"f1","class":"(macro)","value":0.6},{"kind":"realised","metric":"f1","class":"1","value":0.5},
		{"kind":"estimated","metric":"accuracy","value":0.97},{"kind":"error","metric":"accuracy","value":0.07}]}`)
	putReport(t, s, "2025-12-31", 0, `{"kind":"binary","mature":false,"reading":"not available","figures":[{"kind":"estimated","metric":"accuracy","value":0.96},{"kind":"estimated","metric":"roc_auc","value":null,"reason":"r"}]}`)
	do(t, s.PutSources(ctx, []store.SourceRow{
		{Topic: "ml.predictions", Part: 0, UptoMS: startMS - 120_000, Partitions: 2, SeenMS: startMS - 4000},
		{Topic: "ml.predictions", Part: 1, UptoMS: startMS - 150_000, Partitions: 2, SeenMS: startMS - 9000},
		{Topic: "ml.labels", Part: 0, UptoMS: startMS - 300_000, Partitions: 1, SeenMS: startMS - 1000},
	}))
	retrain(t, s, "r1", "fraud")
}

// putReport stores what was said of the week that ended with the day, by version 1.
func putReport(t *testing.T, s *store.Store, day string, clock int64, report string) {
	t.Helper()
	row := store.CohortRow{Model: "fraud", Version: "1", Day: day, Kind: "binary", LabelClockMS: clock, Answers: []byte{1}, Report: report}
	do(t, s.Tx(t.Context(), func(x *store.Tx) error {
		if err := x.PutCohorts(t.Context(), []store.CohortRow{row}); err != nil {
			return err
		}
		return x.PutCohortReport(t.Context(), row)
	}))
}

// gather returns what a scrape shows, in the text of metric families: name{labels} → value.
func gather(t *testing.T, reg prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	do(t, err)
	out := map[string]float64{}
	for _, f := range families {
		for _, x := range f.GetMetric() {
			var labels []string
			for _, l := range x.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			v := x.GetGauge().GetValue() + x.GetCounter().GetValue() + float64(x.GetHistogram().GetSampleCount())
			out[f.GetName()+"{"+strings.Join(labels, ",")+"}"] = v
		}
	}
	return out
}

// start registers metrics over s.
func start(t *testing.T, s *store.Store, c *clock, change func(*Config)) (*Metrics, *prometheus.Registry) {
	t.Helper()
	cfg := Config{Store: s, Layout: layout(), NowMS: c.now}
	if change != nil {
		change(&cfg)
	}
	reg := prometheus.NewRegistry()
	m, err := New(reg, cfg)
	do(t, err)
	return m, reg
}

// want compares some series; a value of -1 says that the series must not be there.
func want(t *testing.T, got map[string]float64, wants map[string]float64) {
	t.Helper()
	for name, w := range wants {
		v, has := got[name]
		switch {
		case w == -1 && has:
			t.Errorf("%s = %v, want no such series", name, v)
		case w != -1 && (!has || v < w-1e-9 || v > w+1e-9):
			t.Errorf("%s = %v (there: %v), want %v", name, v, has, w)
		}
	}
}

// newRegistry holds one collector.
func newRegistry(t *testing.T, c prometheus.Collector) *prometheus.Registry {
	t.Helper()
	reg := prometheus.NewRegistry()
	do(t, reg.Register(c))
	return reg
}

// newRegistryOf registers metrics of a configuration.
func newRegistryOf(t testing.TB, cfg Config) *prometheus.Registry {
	t.Helper()
	reg := prometheus.NewRegistry()
	if _, err := New(reg, cfg); err != nil {
		t.Fatal(err)
	}
	return reg
}
