package trainer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/driftline/driftline/registry/artifacts"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/memlog"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/trainer/gbdt"
	"github.com/driftline/driftline/trainer/judge"
	"github.com/driftline/driftline/trainer/reference"
)

func TestMain(m *testing.M) { storetest.Main(m) }

const (
	testModel = "demand"
	topic     = "driftline.drift"
	epoch     = int64(1_300_060_800_000) // 2011-03-14
)

// day is an event time, n days into the world.
func day(n int) int64 { return epoch + int64(n)*dayMS }

func testSpec() Spec {
	s := Default(testModel)
	s.Automation, s.Trigger, s.PerformanceTrigger, s.Features = AutoPromote, OnDrift, true, []string{"a", "b"}
	s.Params = gbdt.Default()
	s.Params.NumRounds, s.Params.MaxDepth, s.Params.NumJobs = 8, 3, 1
	s.WindowMS, s.BootstrapAfterMS = 21*dayMS, 14*dayMS
	s.CoolDownMS, s.MinFreshMS, s.ProbationMS, s.MinRows = 14*dayMS, 7*dayMS, 7*dayMS, 50
	s.Gate = judge.Relative()
	s.Gate.Holdout = judge.Holdout{Days: 7, MinRows: 100, MinPerClass: 20, Fresh: true}
	s.Gate.Draws = 100
	s.ReferenceWindowsMS = []int64{dayMS}
	return s
}

// world is one deployment around a trainer: store, artifacts, drift topic, clocks.
type world struct {
	t     testing.TB
	ctx   context.Context
	store *store.Store
	art   *artifacts.Disk
	log   *memlog.Log
	spec  Spec
	clock int64 // event time the stream has reached
	now   int64 // wall clock, ms
	seq   int64
	shift float64 // added to feature a, labels do not see it

	segments func(hour int) string // of the examples of an hour of the day, as stored; nil: none
}

func newWorld(t testing.TB, s *store.Store) *world {
	t.Helper()
	art, err := artifacts.OpenDisk(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, ctx: context.Background(), store: s, art: art, log: memlog.New(memlog.Config{}), spec: testSpec(), now: 1_700_000_000_000}
	t.Cleanup(func() { w.check(art.Close()) })
	w.check(w.log.Create(log.Topic{Name: topic, Partitions: 2}))
	return w
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) trainer(owner string) *Trainer {
	w.t.Helper()
	tr, err := New(Config{
		Store: w.store, Artifacts: w.art, Broker: w.log.Handle(nil), DriftTopic: topic,
		Spec:   func(_ context.Context, m string) (Spec, bool, error) { return w.spec, m == testModel, nil },
		Models: func(context.Context) ([]string, error) { return []string{testModel}, nil },
		Clock:  func(context.Context, string) (int64, bool, error) { return w.clock, w.clock != 0, nil },
		PaneMS: 3_600_000, SkewMS: 60_000, NowMS: func() int64 { return w.now }, Owner: owner, LeaseMS: 60_000, Log: zerolog.Nop(),
	})
	w.check(err)
	return tr
}

// settle makes passes until there is nothing to do.
func (w *world) settle(tr *Trainer) {
	w.t.Helper()
	for range 50 {
		worked, err := tr.Step(w.ctx)
		w.check(err)
		if !worked {
			return
		}
	}
	w.t.Fatal("the trainer still finds work after 50 passes")
}

// rule makes the label of a row.
type rule func(a, b float64, r *rand.Rand) int

func noisy(yes bool, r *rand.Rand) int {
	if (r.Float64() < 0.08) != yes {
		return 1
	}
	return 0
}

func byA(a, _ float64, r *rand.Rand) int    { return noisy(a > 0.5, r) }
func byB(_, b float64, r *rand.Rand) int    { return noisy(b > 0.5, r) }
func always(_, _ float64, _ *rand.Rand) int { return 1 }
func thirds(a, _ float64, _ *rand.Rand) int { return int(3 * a) }
func chance(_, _ float64, r *rand.Rand) int {
	return r.IntN(2)
}

// days writes 24 labelled examples a day and moves the record clock.
func (w *world) days(from, to int, label rule) {
	w.t.Helper()
	var rows []store.ExampleRow
	for d := from; d < to; d++ {
		r := rand.New(rand.NewPCG(uint64(d), 7))
		for h := range 24 {
			at := day(d) + int64(h)*3_600_000
			a, b := r.Float64(), r.Float64()
			w.seq++
			o := store.Order{MS: at, Topic: "in", Offset: w.seq}
			segments := ""
			if w.segments != nil {
				segments = w.segments(h)
			}
			rows = append(rows, store.ExampleRow{
				Model: testModel, ID: fmt.Sprintf("%d-%d", d, h), EventMS: at,
				Features: &store.Features{Order: o, JSON: fmt.Sprintf(`{"a":%g,"b":%g,"note":"x"}`, a+w.shift, b), Segments: segments},
				Label:    &store.Label{Order: o, Value: fmt.Sprint(label(a, b, r))},
			})
		}
	}
	w.check(w.store.UpsertExamples(w.ctx, rows))
	w.clock = day(to)
}

// alarm publishes one event of a weekly window that ends at day end.
func (w *world) alarm(kind, what string, end int, change func(*wire.EventData)) {
	w.t.Helper()
	d := wire.EventData{
		Model: testModel, Version: "*", Kind: kind, Episode: kind + "-episode", WindowMS: 7 * dayMS, StartMS: day(end - 7), EndMS: day(end),
		Phase: "firing", Drifted: 2, Judged: 2, MayRetrain: true,
	}
	if change != nil {
		change(&d)
	}
	typ := wire.EventType(kind, what)
	e := wire.NewEvent("test", typ, wire.EventID(d.Episode, typ, d.EndMS), "warning", d.EndMS, d)
	w.check(w.log.Write(log.Record{Partition: log.Partition{Topic: topic, Index: 1}, TimeMS: w.now, Key: []byte(testModel), Value: e.Encode()}))
}

// alarmAt publishes an event of a weekly window that ends at an event time.
func (w *world) alarmAt(kind, what string, endMS int64) {
	w.alarm(kind, what, 0, func(d *wire.EventData) { d.StartMS, d.EndMS = endMS-7*dayMS, endMS })
}

// rows returns the model's retrains in order of their clocks.
func (w *world) rows() []store.Retrain {
	w.t.Helper()
	rows, err := w.store.Retrains(w.ctx, store.RetrainQuery{Model: testModel, Limit: 1000})
	w.check(err)
	slices.SortFunc(rows, func(a, b store.Retrain) int {
		return strings.Compare(fmt.Sprintf("%015d%s", a.ClockMS, a.ID), fmt.Sprintf("%015d%s", b.ClockMS, b.ID))
	})
	return rows
}

// expect compares the states of all retrains, in order of their clocks.
func (w *world) expect(states ...string) []store.Retrain {
	w.t.Helper()
	rows := w.rows()
	var got, why []string
	for _, r := range rows {
		got, why = append(got, r.State), append(why, r.State+": "+r.Reason)
	}
	if !slices.Equal(got, states) {
		w.t.Fatalf("retrains are %q, want %q:\n%s", got, states, strings.Join(why, "\n"))
	}
	return rows
}

func (w *world) champion() string {
	w.t.Helper()
	c, err := w.store.Champion(w.ctx, testModel)
	if errors.Is(err, store.ErrNotFound) {
		return ""
	}
	w.check(err)
	return c.Version
}

// outbox lists the rows that wait, as kind and version.
func (w *world) outbox() []string {
	w.t.Helper()
	rows, err := w.store.PendingOutbox(w.ctx, 1000)
	w.check(err)
	var out []string
	for _, r := range rows {
		out = append(out, r.Kind+" "+r.Version)
	}
	return out
}

// started is a world with a first version trained on days 0 to 14.
func started(t testing.TB, s *store.Store) (*world, *Trainer) {
	t.Helper()
	return startedAs(t, s, func(*Spec) {})
}

// together asks for references that are calibrated for all features together, which takes
// longer than all else of a test.
func together(s *Spec) {
	s.Joint = reference.Joint{Alarms: 0.25, PaneMS: 60_000, SlotMS: 3_600_000}
}

func startedAs(t testing.TB, s *store.Store, change func(*Spec)) (*world, *Trainer) {
	t.Helper()
	w := newWorld(t, s)
	change(&w.spec)
	tr := w.trainer("one")
	w.days(0, 15, byA)
	w.settle(tr)
	w.expect(store.RetrainDone)
	return w, tr
}

func record(value []byte) log.Record {
	return log.Record{Partition: log.Partition{Topic: topic, Index: 0}, TimeMS: 1, Key: []byte("k"), Value: value}
}
