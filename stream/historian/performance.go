package historian

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/drift/performance/cohort"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/wire"
)

// PerformanceStore is the database as the performance alarm needs it.
type PerformanceStore interface {
	// PerformanceModels returns the models whose realised performance is watched.
	PerformanceModels(ctx context.Context) ([]PerformanceModel, error)
	// Baseline returns what the champion was promoted with: the metrics of its run by
	// name, or why there are none.
	Baseline(ctx context.Context, m PerformanceModel) (cohort.Promise, error)
	// PerformanceState returns what SavePerformance stored last, nil if nothing.
	PerformanceState(ctx context.Context, model string) ([]byte, error)
	// FirstDay returns the start of the first day with predictions, epoch ms.
	FirstDay(ctx context.Context, model string) (ms int64, ok bool, err error)
	// RealiseDay computes how the day's predictions turned out, given the labels up to
	// clockMS, stores it, and returns it by version.
	RealiseDay(ctx context.Context, m PerformanceModel, dayMS, clockMS int64) ([]Realised, error)
	// AnswerDay counts the champion's predictions of a day whose labels are awaited,
	// and stores it; false where there are none.
	AnswerDay(ctx context.Context, m PerformanceModel, dayMS int64) (d Realised, found bool, err error)
	// Cohorts returns the champion's counted days of this maturity, oldest first.
	Cohorts(ctx context.Context, m PerformanceModel) ([]cohort.Day, error)
	// SavePerformance stores the state and the reports, and puts the events into the
	// outbox, in one transaction.
	SavePerformance(ctx context.Context, m PerformanceModel, state []byte, events []wire.Event, reports []Reported) error
}

// releaser is a PerformanceStore that keeps what it read while days are stepped.
type releaser interface {
	// Release lets go of what was read: no day that Cohorts returned is asked any more.
	Release()
}

// PerformanceModel is one model whose realised performance is watched.
type PerformanceModel struct {
	Model    string
	Champion string
	Positive string         // label that counts as positive in the sums of a day
	Cohort   cohort.Spec    // what it answers; its maturity is that of the labels
	Baseline cohort.Promise // see PerformanceStore; set where a day is judged
}

// maturityMS is how long until labels can be relied on to have come.
func (m *PerformanceModel) maturityMS() int64 { return m.Cohort.MaturityMS }

// Realised is one day of one version.
type Realised struct {
	Version            string
	Predicted, Classed int64 // predictions, and those with class and label
	Correct            int64

	Day    *cohort.Day // what was counted of it; nil: nothing could be
	Reason string      // and why
}

// Reported is the report of the window that ends with a day of the champion.
type Reported struct {
	DayMS  int64
	Report cohort.Report
}

// Constants of the performance alarm, all convention: a week of mature days is
// compared with what the champion passed the gate with.
const (
	performanceWindowDays = 7
	performanceMinRows    = cohort.MinLabels
	performanceMargin     = cohort.AccuracyMargin // that of errors is cohort.PromiseMargin
	performanceFireDays   = 2
	performancePolicy     = "performance"
	dayMS                 = int64(24 * time.Hour / time.Millisecond)
)

// Performance steps the performance alarm of each model, a day at a time, once the
// labels of the day are mature by the record clock of the label topics. Before that,
// once the inputs have passed the day, it estimates it from the answers alone.
type Performance struct {
	Store       PerformanceStore
	Namespace   string
	Labels      []log.Partition // partitions that carry labels
	Predictions []log.Partition // … predictions

	mu     sync.Mutex             // guards caught only
	caught map[log.Partition]bool // read to their end, for now

	// Owned by the caller of Clock.
	clocks    map[log.Partition]int64
	passed    clockPair          // up to which all models were stepped
	estimated int64              // clock of the predictions up to which they were estimated
	loaded    map[string]*series // by model, for one call: steps and estimates share them
}

// clockPair is how far labels and predictions have come, record time. A day is mature
// once both have passed it: labels alone may run ahead while a backlog is read.
type clockPair struct{ labels, predictions int64 }

// CaughtUp is told that a partition is read to its end. A partition in which nothing
// happens then holds up no day.
func (f *Performance) CaughtUp(p log.Partition) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.caught == nil {
		f.caught = map[log.Partition]bool{}
	}
	f.caught[p] = true
}

// performanceState is what one model's alarm remembers, as JSON in SQL.
type performanceState struct {
	Version string `json:"version"`
	NextMS  int64  `json:"next_ms"` // first day that is not realised yet
	// AnswersMS is the first day that is not estimated yet; days before NextMS never are.
	AnswersMS int64            `json:"answers_ms,omitempty"`
	Alarm     drift.AlarmState `json:"alarm"`
	Days      []dayCount       `json:"days"` // of the champion, the newest performanceWindowDays
	// Held is how the newest week of a regression was held against its promotion; nil for
	// classifiers, and in what earlier builds stored.
	Held *cohort.Promised `json:"held,omitempty"`
}

type dayCount struct {
	DayMS   int64 `json:"day_ms"`
	Classed int64 `json:"classed"`
	Correct int64 `json:"correct"`
}

// Clock is told the record time reached in a partition. It is called by one
// goroutine at a time.
func (f *Performance) Clock(ctx context.Context, p log.Partition, timeMS int64) error {
	if f.clocks == nil {
		f.clocks = map[log.Partition]int64{}
	}
	f.clocks[p] = max(f.clocks[p], timeMS)
	f.loaded = map[string]*series{}
	defer func() { // counts of a model are megabytes, and so are its inputs
		f.loaded = nil
		if r, ok := f.Store.(releaser); ok {
			r.Release()
		}
	}()
	f.mu.Lock()
	delete(f.caught, p)
	predictions, known := f.predictionClock()
	f.mu.Unlock()
	if labels, ok := f.labelClock(); ok && known {
		now := clockPair{labels, min(labels, predictions)}
		if now.labels/dayMS > f.passed.labels/dayMS || now.predictions/dayMS > f.passed.predictions/dayMS { // maturities are whole days
			if err := f.step(ctx, now); err != nil {
				return err
			}
			f.passed = now
		}
	}
	if known && predictions != noEnd && predictions/dayMS > f.estimated/dayMS {
		if err := f.estimate(ctx, predictions); err != nil {
			return err
		}
		f.estimated = predictions
	}
	return nil
}

// labelClock is the record time that labels have reached in every partition; false
// until each was heard of.
func (f *Performance) labelClock() (clockMS int64, ok bool) {
	for i, p := range f.Labels {
		t, seen := f.clocks[p]
		if !seen {
			return 0, false
		}
		if i == 0 || t < clockMS {
			clockMS = t
		}
	}
	return clockMS, len(f.Labels) > 0
}

// noEnd is the clock of predictions that are read to their end.
const noEnd = math.MaxInt64

// predictionClock is the record time that predictions have reached in every partition
// that is not read to its end; false while one of these was not heard of.
func (f *Performance) predictionClock() (clockMS int64, ok bool) {
	clockMS = noEnd
	for _, p := range f.Predictions {
		t, seen := f.clocks[p]
		switch {
		case f.caught[p]:
		case !seen:
			return 0, false
		default:
			clockMS = min(clockMS, t)
		}
	}
	return clockMS, true
}

func (f *Performance) step(ctx context.Context, now clockPair) error {
	return f.each(ctx, func(m PerformanceModel) error { return f.model(ctx, m, now) })
}

func (f *Performance) each(ctx context.Context, do func(m PerformanceModel) error) error {
	models, err := f.Store.PerformanceModels(ctx)
	if err != nil {
		return err
	}
	for _, m := range models {
		if err := do(m); err != nil {
			return fmt.Errorf("performance of model %q: %w", m.Model, err)
		}
	}
	return nil
}

// state reads what is remembered of a model; false while it has no predictions.
func (f *Performance) state(ctx context.Context, m PerformanceModel) (st performanceState, ok bool, err error) {
	raw, err := f.Store.PerformanceState(ctx, m.Model)
	if err != nil {
		return st, false, err
	}
	if raw == nil {
		st.NextMS, ok, err = f.Store.FirstDay(ctx, m.Model)
		return st, ok, err
	}
	if err := json.Unmarshal(raw, &st); err != nil {
		return st, false, fmt.Errorf("stored state: %w", err)
	}
	return st, true, nil
}

func (f *Performance) save(ctx context.Context, m PerformanceModel, st performanceState, events []wire.Event, reports []Reported) error {
	raw, err := json.Marshal(st)
	if err != nil {
		return err
	}
	err = f.Store.SavePerformance(ctx, m, raw, events, reports)
	if s := f.loaded[m.Model]; s != nil {
		s.reports = nil // stored, or the call fails
	}
	return err
}

func (f *Performance) model(ctx context.Context, m PerformanceModel, now clockPair) error {
	st, ok, err := f.state(ctx, m)
	mature := func() bool { return st.NextMS+dayMS+m.maturityMS() <= now.labels && st.NextMS+dayMS <= now.predictions }
	if err != nil || !ok || !mature() {
		return err
	}
	if m.Baseline, err = f.Store.Baseline(ctx, m); err != nil {
		return err
	}
	series, err := f.series(ctx, m)
	if err != nil {
		return err
	}
	var events []wire.Event
	for ; mature(); st.NextMS += dayMS {
		days, err := f.Store.RealiseDay(ctx, m, st.NextMS, now.labels)
		if err != nil {
			return err
		}
		report := series.realised(st.NextMS, days)
		events = append(events, f.day(m, &st, days, report, series)...)
	}
	return f.save(ctx, m, st, events, series.reports)
}

// day steps the alarm by one realised day.
func (f *Performance) day(m PerformanceModel, st *performanceState, days []Realised, report *cohort.Report, all *series) []wire.Event {
	cfg := drift.DefaultAlarm(performanceWindowDays*dayMS, dayMS)
	cfg.HopMS, cfg.K, cfg.M = dayMS, performanceFireDays, performanceFireDays
	end := st.NextMS + dayMS
	var events []wire.Event
	if st.Version != m.Champion {
		_, closed := drift.Step(cfg, st.Alarm, drift.Evidence{EndMS: end, Superseded: true})
		events = f.events(m, st, cfg, closed, end, nil, events)
		*st = performanceState{Version: m.Champion, NextMS: st.NextMS, AnswersMS: st.AnswersMS}
	}
	for _, d := range days {
		if d.Version == m.Champion {
			st.Days = append(st.Days, dayCount{DayMS: st.NextMS, Classed: d.Classed, Correct: d.Correct})
		}
	}
	for len(st.Days) > 0 && st.Days[0].DayMS <= st.NextMS-performanceWindowDays*dayMS {
		st.Days = st.Days[1:]
	}
	ev := drift.Evidence{EndMS: end, Judged: 1, All: 1, Full: len(st.Days) == performanceWindowDays}
	var worse bool
	if m.Cohort.Kind == cohort.Regression {
		ev.Valid, worse = all.hold(m, st, report)
	} else {
		ev.Valid, worse = st.accuracy(m)
	}
	if worse {
		ev.Drifted, ev.Critical = 1, true
	}
	var out []drift.AlarmEvent
	st.Alarm, out = drift.Step(cfg, st.Alarm, ev)
	return f.events(m, st, cfg, out, end, report, events)
}

// accuracy tells whether the week can be held against the promotion, and is worse.
func (st *performanceState) accuracy(m PerformanceModel) (known, worse bool) {
	classed, correct := st.sums()
	was, ok := m.Baseline.Figures["accuracy"]
	known = ok && classed >= performanceMinRows
	return known, known && float64(correct) < (was-performanceMargin)*float64(classed)
}

func (st *performanceState) sums() (classed, correct int64) {
	for _, d := range st.Days {
		classed, correct = classed+d.Classed, correct+d.Correct
	}
	return classed, correct
}

func (f *Performance) events(m PerformanceModel, st *performanceState, cfg drift.AlarmConfig, in []drift.AlarmEvent, end int64, report *cohort.Report, out []wire.Event) []wire.Event {
	for _, e := range in {
		if e.Type == drift.AlarmStale {
			continue // without labels the day simply has no value; volume alarms tell of silence
		}
		d := wire.EventData{
			Model: m.Model, Version: st.Version, Kind: "performance", Policy: performancePolicy,
			WindowMS: cfg.WindowMS, StartMS: end - cfg.WindowMS, EndMS: end, SinceMS: e.EpisodeMS, Level: e.Level, Hops: cfg.K,
			Drifted: e.Drifted, Judged: e.Judged, All: e.All, MayRetrain: true, Phase: "firing",
		}
		if m.Cohort.Kind == cohort.Regression {
			tellError(&d, st.Held)
		} else {
			st.tellAccuracy(&d, m)
		}
		if report != nil {
			tell(d.Detail, report)
		}
		switch e.Type {
		case drift.AlarmResolved:
			d.Phase = "resolved"
		case drift.AlarmSuperseded:
			d.Phase = "superseded"
		}
		d.Episode = wire.EpisodeID(f.Namespace, m.Model, st.Version, performancePolicy, "", cfg.WindowMS, e.EpisodeMS, "performance")
		typ := wire.EventType("performance", string(e.Type))
		out = append(out, wire.NewEvent(f.Namespace, typ, wire.EventID(d.Episode, typ, e.EndMS), "critical", end, d))
	}
	return out
}

func (st *performanceState) tellAccuracy(d *wire.EventData, m PerformanceModel) {
	classed, correct := st.sums()
	d.Rule, d.Rows = "realised accuracy", uint64(classed)
	d.Detail = map[string]any{"metric": "accuracy", "correct": correct, "labelled": classed, "margin": performanceMargin}
	if was, ok := m.Baseline.Figures["accuracy"]; ok {
		d.Detail["baseline"] = was
	}
	if classed > 0 {
		d.Detail["value"] = float64(correct) / float64(classed)
	}
}
