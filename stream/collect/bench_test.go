package collect

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/sketches/joint"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/wire"
)

// given is a reader of events that were made before; only their times move on.
type given struct {
	ring []event.Event
	next int
}

func (g *given) Read(r *event.Raw) ([]event.Event, error) {
	g.next = (g.next + 1) % len(g.ring)
	g.ring[g.next].TimeMS = r.TimeMS
	return g.ring[g.next : g.next+1], nil
}

// BenchmarkFold counts decoded events of numeric features at 240 cells, one per
// millisecond: 50 features with and without a shape, 20 and 50 with joint sums beside the
// counts and without, and 50 in one segment and in two. cpu-ns/op is the time of one event.
func BenchmarkFold(b *testing.B) {
	for _, c := range []foldCase{
		{name: "shape", features: 50, shaped: true},
		{name: "names", features: 50},
		{name: "20 features", features: 20, shaped: true},
		{name: "20 features, joint", features: 20, shaped: true, joint: true},
		{name: "50 features", features: 50, shaped: true},
		{name: "50 features, joint", features: 50, shaped: true, joint: true},
		{name: "50 features, a segment", features: 50, shaped: true, segments: testSegments[:1]},
		{name: "50 features, two segments", features: 50, shaped: true, segments: testSegments},
	} {
		b.Run(c.name, c.bench)
	}
}

type foldCase struct {
	name     string
	features int
	shaped   bool
	joint    bool
	segments wire.Segments
}

func (c foldCase) bench(b *testing.B) {
	s := c.source(b)
	b.ReportAllocs()
	b.ResetTimer()
	before := cpuNanos(b)
	for i := range b.N {
		s.Apply(log.Record{Partition: log.Partition{Topic: "in"}, Offset: int64(i), TimeMS: 1_767_225_600_000 + int64(i)})
		if s.Due() {
			_, err := s.Publish(1, loop.Unset)
			must(b, err)
			s.Published()
		}
	}
	b.ReportMetric(float64(cpuNanos(b)-before)/float64(b.N), "cpu-ns/op")
}

// source is a fold whose reader gives 64 events in turn.
func (c foldCase) source(tb testing.TB) *Source {
	tb.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	shape := &event.Shape{}
	fs, sample := make([]sketches.FeatureGrid, c.features), make([][]uint16, c.features)
	columns := make([][]float64, c.features)
	var err error
	for i := range fs {
		columns[i] = make([]float64, 20_000)
		for j := range columns[i] {
			columns[i][j] = rng.NormFloat64()
		}
		fs[i], err = sketches.NewNumeric(fmt.Sprint("f", i), columns[i])
		must(tb, err)
		shape.Names = append(shape.Names, fs[i].Name)
	}
	grid, err := sketches.NewGrid(fs)
	must(tb, err)
	control := wire.GridControl{Model: "m", Grid: grid, Segments: c.segments}
	if c.joint {
		counts := sketches.NewCounts(grid)
		for r := range columns[0] {
			counts.AddRow()
			for i := range columns {
				v := sketches.Number(columns[i][r])
				counts.Add(i, v)
				if r < 500 {
					sample[i] = append(sample[i], grid.Features[i].Code(v))
				}
			}
		}
		control.Joint, err = joint.Build(joint.Config{Reference: counts, Sample: sample, Seed: 1})
		must(tb, err)
	}
	g := &given{}
	for range 64 {
		ev := event.Event{Type: event.TypePrediction, Model: "m", Version: "1", HasTime: true, HasScore: true, Score: rng.Float64()}
		if c.shaped {
			ev.Shape = shape
		}
		ev.Prediction, ev.HasPrediction = sketches.Number(float64(rng.IntN(2))), true
		for _, d := range c.segments {
			ev.Segments = append(ev.Segments, event.Segment{Name: d.Name, Value: d.Values[rng.IntN(len(d.Values))]})
		}
		for i := range fs {
			ev.Features = append(ev.Features, event.Feature{Name: fs[i].Name, Value: sketches.Number(rng.NormFloat64())})
		}
		g.ring = append(g.ring, ev)
	}
	s := New(Config{Source: wire.Source{Topic: "in"}, Layout: testLayout(), PanesTopic: "panes", DeadTopic: "dead", Reader: g}, loop.Origin{HorizonMS: loop.Unset})
	var recs []log.Record
	for _, c := range []wire.Control{
		{Kind: "layout", ID: "main", Seq: 1, Value: testLayout().Encode()},
		{Kind: "model", ID: "m", Seq: 1, Value: wire.Model{Name: "m", FeaturesFrom: "prediction"}.Encode()},
		{Kind: "grid", ID: "m", Seq: 1, Value: control.Encode()},
	} {
		for _, kv := range c.Records() {
			recs = append(recs, log.Record{Offset: int64(len(recs)), Key: kv.Key, Value: kv.Value})
		}
	}
	_, err = s.Control(recs, int64(len(recs)))
	must(tb, err)
	return s
}

func cpuNanos(b testing.TB) int64 {
	var u syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return u.Utime.Nano() + u.Stime.Nano()
}
