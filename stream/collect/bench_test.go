package collect

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/driftline/driftline/sketches"
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

// BenchmarkFold counts decoded events of 50 numeric features at 240 cells, one per
// millisecond, with and without a shape. cpu-ns/op is the time of one event.
func BenchmarkFold(b *testing.B) {
	const features = 50
	rng := rand.New(rand.NewPCG(1, 2))
	shape := &event.Shape{}
	var fs []sketches.FeatureGrid
	for i := range features {
		x := make([]float64, 20_000)
		for j := range x {
			x[j] = rng.NormFloat64()
		}
		f, err := sketches.NewNumeric(fmt.Sprint("f", i), x)
		must(b, err)
		fs = append(fs, f)
		shape.Names = append(shape.Names, f.Name)
	}
	grid, err := sketches.NewGrid(fs)
	must(b, err)
	events := func(shape *event.Shape) *given {
		g := &given{}
		for range 64 {
			ev := event.Event{Type: event.TypePrediction, Model: "m", Version: "1", HasTime: true, HasScore: true, Score: rng.Float64(), Shape: shape}
			ev.Prediction, ev.HasPrediction = sketches.Number(float64(rng.IntN(2))), true
			for i := range features {
				ev.Features = append(ev.Features, event.Feature{Name: fs[i].Name, Value: sketches.Number(rng.NormFloat64())})
			}
			g.ring = append(g.ring, ev)
		}
		return g
	}
	for _, c := range []struct {
		name  string
		shape *event.Shape
	}{{"shape", shape}, {"names", nil}} {
		b.Run(c.name, func(b *testing.B) {
			s := New(Config{Source: wire.Source{Topic: "in"}, Layout: testLayout(), PanesTopic: "panes", DeadTopic: "dead", Reader: events(c.shape)}, loop.Origin{HorizonMS: loop.Unset})
			var recs []log.Record
			for _, c := range []wire.Control{
				{Kind: "layout", ID: "main", Seq: 1, Value: testLayout().Encode()},
				{Kind: "model", ID: "m", Seq: 1, Value: wire.Model{Name: "m", FeaturesFrom: "prediction"}.Encode()},
				{Kind: "grid", ID: "m", Seq: 1, Value: wire.GridControl{Model: "m", Grid: grid}.Encode()},
			} {
				for _, kv := range c.Records() {
					recs = append(recs, log.Record{Offset: int64(len(recs)), Key: kv.Key, Value: kv.Value})
				}
			}
			_, err := s.Control(recs, int64(len(recs)))
			must(b, err)
			b.ReportAllocs()
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
		})
	}
}

func cpuNanos(b *testing.B) int64 {
	var u syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return u.Utime.Nano() + u.Stime.Nano()
}
