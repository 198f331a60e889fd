package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/evaluate"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/memlog"
	"github.com/driftline/driftline/stream/wire"
)

// The plan values of the reference: pane 60 s, lateness 120 s, skew 60 s, disorder
// 240 s. Slots are short so that long windows turn over in a small input.
func planLayout(topics ...string) wire.Layout {
	l := wire.Layout{
		PaneMS: 60_000, SlotPanes: 4, LatenessMS: 120_000, SkewMS: 60_000, DisorderMS: 240_000,
		PanesPartitions: 2, WindowsMS: []int64{3 * 60_000, 12 * 60_000},
	}
	for _, t := range topics {
		l.Inputs = append(l.Inputs, wire.Input{Topic: t, Role: wire.RoleEvents})
	}
	return l
}

const (
	inputTopic   = "ml.predictions"
	panesTopic   = "driftline.panes"
	controlTopic = "driftline.control"
	stateTopic   = "driftline.state"
	scoresTopic  = "driftline.scores"
	driftTopic   = "driftline.drift"
	deadTopic    = "driftline.dead"
	group        = "driftline"
)

var models = []string{"alpha", "beta"}

// plan describes one simulated input.
type plan struct {
	partitions int
	records    int     // per partition
	jitterMS   int64   // record times run back by up to this much
	stepMS     int64   // mean advance of record time per record
	shift      bool    // the second half is drawn from another distribution
	maxAppend  int     // records of one produce call
	pending    int     // panes merged before they are final; 0: the default
	one        bool    // one panes partition, so that models share it
	windowsMS  []int64 // nil: 3 and 12 panes
	scores     bool    // predictions carry scores; their histograms are large, so most seeds do without
}

// world is a log with control and input written, before anything has run.
type world struct {
	layout wire.Layout
	log    *memlog.Log
	plan   plan

	blocks     bool // alpha's reference has block sums, so that nothing is learnt from live windows
	admission  evaluate.Admission
	maxPending int
	ahead      int64            // provisional scores after so many ms behind; 0: none
	promiseMS  int64            // idle promises of the sources, 0: off
	tickMS     int64            // 0: cycles only where a pane has closed
	maxRun     int              // panes of one judging cycle, 0: 3
	folds      []*evaluate.Fold // every one that was made, for their counters

	weekMS int64 // what learnt volume repeats with; 0: seven days, so that nothing is learnt

	group  string        // of committed offsets; empty: the constant
	lost   func(n int64) // told of records that were removed unread; nil: nobody asks
	pod    func() int64  // a wall clock of the processes' own; nil: the log's
	prefix string        // of all topics
	real   *realLog      // Apache Kafka in place of log; nil: simulated
}

func (w *world) part(topic string, index int32) log.Partition {
	return log.Partition{Topic: w.prefix + topic, Index: index}
}

func (w *world) groupName() string { return cmp.Or(w.group, group) }

func (w *world) topics() evaluate.Topics {
	return evaluate.Topics{
		Panes: w.prefix + panesTopic, State: w.prefix + stateTopic, Scores: w.prefix + scoresTopic,
		Drift: w.prefix + driftTopic, Control: w.prefix + controlTopic,
	}
}

// write appends as a producer does, outside any process life.
func (w *world) write(t testing.TB, recs ...log.Record) {
	t.Helper()
	if w.real != nil {
		must(t, w.real.Append(t.Context(), recs))
		return
	}
	must(t, w.log.Write(recs...))
}

// records returns all that a partition holds.
func (w *world) records(t testing.TB, p log.Partition) []log.Record {
	t.Helper()
	if w.real != nil {
		return w.real.records(t, p)
	}
	return w.log.Records(p)
}

const epochMS = int64(1_767_225_600_000) // 2026-01-01T00:00:00Z, a multiple of every slot used here

func newWorld(t testing.TB, rng *rand.Rand, p plan) *world {
	t.Helper()
	w := &world{layout: planLayout(inputTopic), log: memlog.New(memlog.Config{NowMS: epochMS + 365*86_400_000}), plan: p, maxPending: p.pending}
	if p.one {
		w.layout.PanesPartitions = 1
	}
	if p.windowsMS != nil {
		w.layout.WindowsMS = p.windowsMS
	}
	w.createTopics(t, p.partitions)
	w.control(t)
	for part := range p.partitions {
		w.input(t, rng, int32(part))
	}
	return w
}

func (w *world) createTopics(t testing.TB, partitions int) {
	t.Helper()
	q := int(w.layout.PanesPartitions)
	for name, n := range map[string]int{inputTopic: partitions, panesTopic: q, stateTopic: q, scoresTopic: q, driftTopic: q, controlTopic: 1, deadTopic: 1} {
		topic := log.Topic{Name: w.prefix + name, Partitions: n, Config: map[string]string{"retention.ms": "-1"}}
		if w.real != nil {
			must(t, w.real.CreateTopics(t.Context(), []log.Topic{topic}))
			continue
		}
		must(t, w.log.Create(topic))
	}
}

// control writes layout, models and grids: control is input of the comparison.
func (w *world) control(t testing.TB) {
	t.Helper()
	w.append(t, wire.Control{Kind: "layout", ID: "main", Seq: 1, Value: w.layout.Encode()})
	for _, name := range models {
		m := wire.Model{Name: name, FromPane: 0, FeaturesFrom: "prediction"}
		w.append(t, wire.Control{Kind: "model", ID: name, Seq: 1, Value: m.Encode()})
		g := wire.GridControl{Model: name, FromPane: 0, Grid: testGrid(t)}
		if name == "alpha" {
			g.Joint, _ = embedding()
			g.Segments = segments[:1]
		}
		w.append(t, wire.Control{Kind: "grid", ID: name, Seq: 1, Value: g.Encode()})
		if name == "alpha" {
			w.divide(t, g)
		}
	}
}

func (w *world) append(t testing.TB, c wire.Control) {
	t.Helper()
	for _, kv := range c.Records() {
		w.write(t, log.Record{Partition: w.part(controlTopic, 0), TimeMS: log.StampNow, Key: kv.Key, Value: kv.Value})
	}
}

// testGrid is small, so that thousands of runs stay cheap.
func testGrid(t testing.TB) *sketches.Grid {
	t.Helper()
	g, err := newTestGrid()
	must(t, err)
	return g
}

func newTestGrid() (*sketches.Grid, error) {
	values := make([]float64, 20)
	for i := range values {
		values[i] = float64(i)
	}
	x, err := sketches.NewNumeric("x", values)
	if err != nil {
		return nil, err
	}
	s, err := sketches.NewCategorical("s", map[string]uint64{"a": 10, "b": 8, "c": 2}, 2)
	if err != nil {
		return nil, err
	}
	return sketches.NewGrid([]sketches.FeatureGrid{x, s})
}

// input writes one partition: events in and out of order, late, in the future, bad
// ones, labels and unknown models among them, and ticks at the end.
func (w *world) input(t testing.TB, rng *rand.Rand, part int32) {
	t.Helper()
	p := w.part(inputTopic, part)
	now := epochMS + rng.Int64N(w.layout.PaneMS)
	var recs []log.Record
	put := func(timeMS int64, value []byte) {
		recs = append(recs, log.Record{Partition: p, TimeMS: timeMS, Value: value})
	}
	for i := range w.plan.records {
		now += rng.Int64N(2 * w.plan.stepMS)
		at := now
		if w.plan.jitterMS > 0 {
			at += rng.Int64N(2*w.plan.jitterMS) - w.plan.jitterMS
		}
		put(at, w.event(rng, at, fmt.Sprintf("%d-%d", part, i), i))
	}
	end := epochMS + int64(w.plan.records)*w.plan.stepMS*2
	for step := range int64(3) {
		put(end+step*w.layout.PaneMS, []byte(`{"type":"tick"}`))
	}
	w.write(t, recs...)
}

func (w *world) event(rng *rand.Rand, at int64, id string, i int) []byte {
	switch rng.IntN(20) {
	case 0:
		return []byte(`{"model":"alpha",`)
	case 1:
		return event.Encode(event.Event{Type: event.TypeLabel, Model: "alpha", ID: id, HasLabel: true, Label: sketches.Number(1)})
	case 2:
		return event.Encode(event.Event{Type: event.TypePrediction, Model: "gamma", ID: id, HasScore: true, Score: 0.5})
	case 3:
		at += 10 * 60_000 // future
	case 4:
		at -= 10 * 60_000 // late
	default:
		at += rng.Int64N(180_000) - 120_000
	}
	x := float64(rng.IntN(20))
	if w.plan.shift && i > w.plan.records/2 {
		x = 15 + float64(rng.IntN(8))
	}
	ev := event.Event{
		Segments: segmentsOf(i),
		Type:     event.TypePrediction, HasPrediction: w.plan.scores, Prediction: sketches.Number(1), Model: models[rng.IntN(len(models))], Version: strconv.Itoa(1 + rng.IntN(2)), ID: id,
		TimeMS: at, HasTime: true, HasScore: w.plan.scores, Score: float64(rng.IntN(1000)) / 1000,
		Features: []event.Feature{{Name: "x", Value: sketches.Number(x)}, {Name: "s", Value: sketches.String("abcd"[rng.IntN(4):][:1])}},
	}
	return event.Encode(ev)
}

// wait is how long a fetch waits for a first record; memlog does not wait at all.
func (w *world) wait() time.Duration {
	if w.real != nil {
		return 5 * time.Millisecond
	}
	return time.Second
}

func (w *world) nowMS() func() int64 {
	if w.pod != nil {
		return w.pod
	}
	if w.real != nil {
		return func() int64 { return time.Now().UnixMilli() }
	}
	return w.log.NowMS
}

// io gives a process life its connection: nothing waits, and only a kill is final.
func (w *world) io(l log.Log) loop.IO {
	return loop.IO{
		Log:   l,
		NowMS: w.nowMS(),
		Pause: func(context.Context, int) error { return nil },
		Retry: func(err error) bool { return !errors.Is(err, memlog.ErrKilled) && loop.Retryable(err) },
		Wait:  w.wait(),

		Counted: func(_ log.Partition, _ string, n int64) {
			if w.lost != nil {
				w.lost(n)
			}
		},

		MaxAppend: w.plan.maxAppend, // a process may die between any few records
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
