package app

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/historian"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/wire"
)

// consumer is the historian's name in the progress table.
const consumer = "historian"

// History is the historian role with its database.
type History struct {
	*historian.Historian
	perf *historian.Performance
}

// NewHistory prepares the historian.
func (p *Parts) NewHistory(ctx context.Context, l wire.Layout, specs *Specs) (*History, error) {
	t := p.Topics()
	db := &historyStore{p: p, layout: l, specs: specs}
	perf := &historian.Performance{Store: db, Namespace: p.Cfg.Namespace}
	var err error
	if perf.Labels, err = p.partitionsOf(ctx, labelInputs(l)); err != nil {
		return nil, err
	}
	if perf.Predictions, err = p.partitionsOf(ctx, predictionInputs(l)); err != nil {
		return nil, err
	}
	h := historian.New(p.Source(), db, historian.Config{
		Topics: historian.Topics{Inputs: t.Inputs, Panes: t.Panes, Scores: t.Scores, Drift: t.Drift, Control: t.Control},
		Reader: p.Reader, Keep: specs.Keep, Columns: specs.Columns, Segments: specs.Segments, BatchRows: p.Cfg.Historian.BatchRows, Wait: fetchWait, NowMS: NowMS, Render: p.Render,
		Retry: func(err error) bool { return loop.Retryable(err) && !isInvalid(err) }, Pause: loop.Backoff(rand.Float64),
		Retried: p.IO().Retried, Clock: perf.Clock, CaughtUp: perf.CaughtUp, Invalid: isInvalid,
		Refused: func(err error) { p.Log.Error().Err(err).Msg("a row cannot be stored and is left out of the history") },
	})
	return &History{Historian: h, perf: perf}, nil
}

// labelInputs are the topics whose clock says how far labels have come: those with
// role labels, or all where there are none.
func labelInputs(l wire.Layout) []wire.Input {
	var labels []wire.Input
	for _, in := range l.Inputs {
		if in.Role == wire.RoleLabels {
			labels = append(labels, in)
		}
	}
	if len(labels) == 0 {
		return l.Inputs
	}
	return labels
}

// predictionInputs are the topics whose clock says how far predictions have come: those
// without role labels, or all where there are none.
func predictionInputs(l wire.Layout) []wire.Input {
	others := slices.DeleteFunc(slices.Clone(l.Inputs), func(in wire.Input) bool { return in.Role == wire.RoleLabels })
	if len(others) == 0 {
		return l.Inputs
	}
	return others
}

func (p *Parts) partitionsOf(ctx context.Context, inputs []wire.Input) ([]log.Partition, error) {
	var out []log.Partition
	for _, in := range inputs {
		n, err := p.Kafka.Partitions(ctx, in.Topic)
		if err != nil {
			return nil, fmt.Errorf("partitions of %s: %w", in.Topic, err)
		}
		for i := range n {
			out = append(out, log.Partition{Topic: in.Topic, Index: int32(i)})
		}
	}
	return out, nil
}

// historyStore is historian.Store and historian.PerformanceStore over the SQL store.
type historyStore struct {
	p      *Parts
	layout wire.Layout
	specs  *Specs

	// Of Cohorts and what it returns, which one goroutine at a time uses.
	kept    keptDays
	sampled sampledDays
}

// Offsets implements historian.Store.
func (h *historyStore) Offsets(ctx context.Context) (map[log.Partition]int64, error) {
	ps, err := h.p.Store.Progress(ctx, consumer)
	out := map[log.Partition]int64{}
	for _, x := range ps {
		out[log.Partition{Topic: x.Topic, Index: x.Part}] = x.Next
	}
	return out, err
}

// Write implements historian.Store.
func (h *historyStore) Write(ctx context.Context, rows historian.Rows, next map[log.Partition]int64) error {
	var offsets []store.Progress
	for p, n := range next {
		offsets = append(offsets, store.Progress{Topic: p.Topic, Part: p.Index, Next: n})
	}
	seen := NowMS()
	h.sampled.written(rows.Examples)
	err := h.p.Store.Tx(ctx, func(t *store.Tx) error {
		if err := t.PutScores(ctx, convert(rows.Scores, scoreRow)); err != nil {
			return err
		}
		if err := t.PutEvents(ctx, convert(rows.Events, h.eventRow)); err != nil {
			return err
		}
		if err := t.UpsertExamples(ctx, convert(rows.Examples, exampleRow)); err != nil {
			return err
		}
		if err := t.PutLedger(ctx, convert(rows.Ledgers, func(l wire.Ledger) store.LedgerRow { return ledgerRow(l, h.layout.PaneMS) })); err != nil {
			return err
		}
		if err := t.PutSources(ctx, convert(rows.Frontiers, func(f wire.Frontier) store.SourceRow { return sourceRow(f, seen) })); err != nil {
			return err
		}
		for _, m := range rows.Models {
			if err := h.specs.admit(ctx, t, m); err != nil {
				return err
			}
		}
		return t.PutProgress(ctx, consumer, offsets)
	})
	if err == nil && h.p.Metrics != nil {
		for _, e := range rows.Events {
			ms := e.TimeMS()
			switch {
			case e.Data.Segment != "":
				h.p.Metrics.SegmentEvent(e.Data.Model, e.Type)
				continue
			case e.Data.Policy == wire.PolicyCheck:
				ms = 0 // the delay is that of whoever checks, not of the stream
			}
			h.p.Metrics.Event(e.Data.Model, e.Type, ms)
		}
	}
	return err
}

// Outbox implements historian.Store.
func (h *historyStore) Outbox(ctx context.Context, limit int) ([]historian.OutboxRow, error) {
	rows, err := h.p.Store.PendingOutbox(ctx, limit)
	return convert(rows, func(r store.OutboxRow) historian.OutboxRow { return historian.OutboxRow(r) }), err
}

// Published implements historian.Store.
func (h *historyStore) Published(ctx context.Context, ids []int64, nowMS int64) error {
	return h.p.Store.MarkPublished(ctx, ids, nowMS)
}

// PerformanceModels implements historian.PerformanceStore: models with a champion.
func (h *historyStore) PerformanceModels(ctx context.Context) ([]historian.PerformanceModel, error) {
	champions, err := h.p.Store.Champions(ctx)
	if err != nil {
		return nil, err
	}
	var out []historian.PerformanceModel
	for _, c := range champions {
		spec, ok := h.specs.Get(c.Model)
		if !ok {
			continue // a registered model whose events are not watched
		}
		out = append(out, historian.PerformanceModel{Model: c.Model, Champion: c.Version, Positive: spec.Label.Positive, Cohort: CohortSpec(spec)})
	}
	return out, nil
}

func wholeDays(d time.Duration) int64 {
	const day = 24 * time.Hour
	return (d + day - 1).Truncate(day).Milliseconds()
}

// PerformanceState implements historian.PerformanceStore.
func (h *historyStore) PerformanceState(ctx context.Context, model string) ([]byte, error) {
	state, found, err := h.p.Store.Machine(ctx, machine(model))
	if !found {
		return nil, err
	}
	return state, err
}

func machine(model string) string { return "performance/" + model }

// FirstDay implements historian.PerformanceStore.
func (h *historyStore) FirstDay(ctx context.Context, model string) (int64, bool, error) {
	c, err := h.p.Store.ExampleCounts(ctx, store.ExampleQuery{Model: model})
	if err != nil || c.Rows == 0 {
		return 0, false, err
	}
	const day = int64(24 * time.Hour / time.Millisecond)
	return c.FirstMS - ((c.FirstMS%day)+day)%day, true, nil
}

// SavePerformance implements historian.PerformanceStore.
func (h *historyStore) SavePerformance(ctx context.Context, m historian.PerformanceModel, state []byte, events []wire.Event, reports []historian.Reported) error {
	return h.p.Store.Tx(ctx, func(t *store.Tx) error {
		for _, e := range events {
			if err := t.AddOutbox(ctx, kindEvent, m.Model, e.Data.Version, string(e.Encode())); err != nil {
				return err
			}
		}
		if err := putReports(ctx, t, m, reports); err != nil {
			return err
		}
		return t.PutMachine(ctx, machine(m.Model), state, NowMS())
	})
}

func convert[A, B any](in []A, f func(A) B) []B {
	out := make([]B, len(in))
	for i, x := range in {
		out[i] = f(x)
	}
	return out
}

func scoreRow(s wire.Score) store.ScoreRow {
	r := store.ScoreRow{
		Model: s.Model, Version: s.Version, Reference: s.Reference, WindowMS: s.WindowMS, EndMS: s.EndMS,
		Moving: wire.Moves(s.ReferenceKind), Segment: s.Segment, Rows: int64(s.Rows), Covered: int64(s.Covered), Expected: int64(s.Expected), Provisional: s.Provisional,
		Drifted: int64(s.Drifted), Judged: int64(s.Judged), Total: int64(s.All), Body: string(s.Encode()),
	}
	if f, ok := s.Worst(); ok {
		x := float64(*f.PSI) / 1e9
		r.MaxPSI, r.MaxFeature = &x, f.Name
	}
	for _, a := range s.Alarms {
		if a.Kind == "drift" || a.Kind == wire.KindOfPrediction { // a score has one of the two
			r.AlarmPhase = a.Phase
		}
	}
	return r
}

// eventRow is eventRow with the features that are behind the alarm, where they are all
// known.
func (h *historyStore) eventRow(e wire.Event) store.EventRow {
	r := eventRow(e)
	m, _ := h.specs.Get(e.Data.Model)
	r.Features = behind(e.Data, m.Policy.Ignore)
	return r
}

// behind are the features that an alarm is about: those that drifted, or whose data is
// bad. An event names few features; nil where it leaves some out, and for performance.
func behind(d wire.EventData, ignored []string) []string {
	if d.Kind == wire.KindOfPrediction {
		ignored = nil // features of the model: its answers are not among them
	}
	if d.Kind != "drift" && d.Kind != "quality" && d.Kind != wire.KindOfPrediction || d.Check == wire.CheckVolume || d.Check == wire.CheckFreshness {
		return nil
	}
	names := []string{}
	for _, f := range d.Top {
		if d.Kind == "quality" || f.Verdict == drift.Drifted.String() && !slices.Contains(ignored, f.Name) {
			names = append(names, f.Name)
		}
	}
	if len(names) != d.Drifted {
		return nil
	}
	return names
}

func eventRow(e wire.Event) store.EventRow {
	d := e.Data
	top, err := json.Marshal(d.Top)
	if err != nil {
		top = []byte("[]") // numbers and text of ours: cannot happen
	}
	share := 0.0
	if d.Judged > 0 {
		share = float64(d.Drifted) / float64(d.Judged)
	}
	if d.ShareBy == wire.ByImportance && d.ShareImportance != nil {
		share = *d.ShareImportance // the one that decided
	}
	episode := d.Episode
	if d.Phase == "stale" {
		episode = "" // an alarm that only lacks data has no episode: the event stands for itself
	}
	return store.EventRow{
		ID: e.ID, Type: e.Type, Model: d.Model, TimeMS: e.TimeMS(), Body: string(e.Encode()), Episode: episode, Version: d.Version,
		Policy: d.Policy, Reference: d.Reference, WindowMS: d.WindowMS, Kind: d.Kind, Check: d.Check, Segment: d.Segment, Phase: d.Phase, Level: int64(d.Level), Share: share,
		TopJSON: string(top), QualityOpen: d.QualityOpen,
	}
}

func exampleRow(x historian.Example) store.ExampleRow {
	o := store.Order{MS: x.EventMS, Topic: x.At.Topic, Part: x.At.Index, Offset: x.Offset}
	r := store.ExampleRow{Model: x.Model, ID: x.ID}
	switch {
	case x.Label != nil:
		r.Label = &store.Label{Order: o, Value: *x.Label}
	case x.Prediction != nil:
		r.Prediction = &store.Prediction{Order: o, Version: x.Prediction.Version, Score: x.Prediction.Score, Class: x.Prediction.Class}
	default:
		r.Features = &store.Features{Order: o, JSON: x.Features, Segments: x.Segments}
	}
	return r
}

func ledgerRow(l wire.Ledger, paneMS int64) store.LedgerRow {
	text := func(m map[string]uint64) string {
		b, err := json.Marshal(m)
		if err != nil || m == nil {
			return "{}"
		}
		return string(b)
	}
	n := func(o wire.Outcome) int64 { return int64(l.Outcomes[o]) }
	return store.LedgerRow{
		Topic: l.Source.Topic, Incarnation: l.Source.Incarnation, Part: l.Source.Partition, ArrivalMS: l.Pane * paneMS,
		Through: l.Through, FirstOffset: l.First, LastOffset: l.Last,
		Outcomes: store.Outcomes{
			Records: int64(l.Records), Skipped: int64(l.Skipped), Accepted: n(wire.Accepted), Late: n(wire.Late), Future: n(wire.Future),
			Thinned: n(wire.Thinned), Dead: n(wire.Dead), Label: n(wire.Label), Tick: n(wire.Tick), Unregistered: n(wire.Unregistered), Aborted: n(wire.Aborted),
		},
		DeadBy: text(l.DeadBy), LateBy: text(l.LateBy), FutureBy: text(l.FutureBy), UnregisteredBy: text(l.Unregistered),
	}
}

func sourceRow(f wire.Frontier, seenMS int64) store.SourceRow {
	return store.SourceRow{
		Topic: f.Source.Topic, Incarnation: f.Source.Incarnation, Part: f.Source.Partition, UptoMS: f.UptoMS, SinceMS: f.SinceMS,
		Partitions: f.Partitions, Through: f.Through, Control: f.Control, SeenMS: seenMS,
	}
}

var _ interface {
	historian.Store
	historian.PerformanceStore
} = (*historyStore)(nil)
