package collect

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"testing"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/wire"
)

// dealer reads events that were made before, model after model, as of the time set.
type dealer struct {
	events []event.Event
	next   int
	atMS   int64
}

func (d *dealer) Read(*event.Raw) ([]event.Event, error) {
	d.next = (d.next + 1) % len(d.events)
	d.events[d.next].TimeMS = d.atMS
	return d.events[d.next : d.next+1], nil
}

// BenchmarkMemory_Open holds the panes that can be open at once of 100 models with 60
// numeric features on 8 partitions, at 240 cells and 160 rows per model, partition and
// pane, the events of a model in runs of 8. heap-MiB is all that is held, models and grids included; open-B is what one
// feature in one open pane takes on average of what is held beyond them; rss-MiB is of
// the test process, its events included.
func BenchmarkMemory_Open(b *testing.B) {
	const models, features, partitions, rows = 100, 60, 8, 160
	l := wire.Layout{
		PaneMS: 60_000, SlotPanes: 60, LatenessMS: 120_000, SkewMS: 60_000, DisorderMS: 240_000, PanesPartitions: 1,
		WindowsMS: []int64{3_600_000}, Inputs: []wire.Input{{Topic: "in", Role: wire.RoleEvents}},
	}
	control, deal := wideModels(b, l, models, features)
	for b.Loop() {
		empty := heap()
		var sources []*Source
		grids := wire.NewGrids()
		for p := range int32(partitions) {
			s := New(Config{Source: wire.Source{Topic: "in", Partition: p}, Layout: l, PanesTopic: "panes", DeadTopic: "dead", Reader: deal, Grids: grids}, loop.Origin{HorizonMS: loop.Unset})
			_, err := s.Control(control, int64(len(control)))
			must(b, err)
			sources = append(sources, s)
		}
		ready := heap()
		// The clock stands in the middle of a pane: two before it and one behind are open.
		const clockMS = 1_767_225_600_000 + 30_000
		open, offset, before := 0, int64(0), cpuNanos(b)
		for _, s := range sources {
			for pane := int64(-2); pane <= 1; pane++ {
				deal.atMS = clockMS + pane*l.PaneMS
				if pane < 0 {
					deal.atMS += l.PaneMS / 4 // inside the lateness
				}
				for range rows * models {
					s.Apply(log.Record{Partition: log.Partition{Topic: "in", Index: s.cfg.Source.Partition}, Offset: offset, TimeMS: clockMS})
					offset++
				}
			}
			for _, p := range s.open {
				open += len(p.versions) * features
			}
		}
		if want := partitions * 4 * models * features; open != want {
			b.Fatalf("%d features are open in panes, want %d", open, want)
		}
		b.ReportMetric(float64(cpuNanos(b)-before)/float64(offset), "cpu-ns/event")
		used := heap()
		debug.FreeOSMemory()
		b.ReportMetric(float64(used-empty)/(1<<20), "heap-MiB")
		b.ReportMetric(float64(ready-empty)/(1<<20), "grids-MiB")
		b.ReportMetric(float64(used-ready)/float64(open), "open-B")
		b.ReportMetric(float64(open), "open")
		b.ReportMetric(residentMiB(b), "rss-MiB")
		runtime.KeepAlive(sources)
	}
}

// wideModels makes the control records of models with grids of their own, and 8 events
// of each.
func wideModels(b *testing.B, l wire.Layout, models, features int) ([]log.Record, *dealer) {
	b.Helper()
	rng := rand.New(rand.NewPCG(3, 4))
	controls := []wire.Control{{Kind: "layout", ID: "main", Seq: 1, Value: l.Encode()}}
	deal := &dealer{}
	sample := make([]float64, 2000)
	for m := range models {
		name := fmt.Sprintf("model-%03d", m)
		fs := make([]sketches.FeatureGrid, features)
		shape := &event.Shape{}
		for i := range fs {
			for j := range sample {
				sample[j] = rng.NormFloat64()
			}
			f, err := sketches.NewNumeric(fmt.Sprintf("f%02d", i), sample)
			must(b, err)
			fs[i] = f
			shape.Names = append(shape.Names, f.Name)
		}
		g, err := sketches.NewGrid(fs)
		must(b, err)
		controls = append(controls,
			wire.Control{Kind: "model", ID: name, Seq: 1, Value: wire.Model{Name: name, FeaturesFrom: "prediction"}.Encode()},
			wire.Control{Kind: "grid", ID: name, Seq: 1, Value: wire.GridControl{Model: name, Grid: g}.Encode()})
		for range 8 {
			ev := event.Event{Type: event.TypePrediction, Model: name, Version: "1", HasTime: true, HasScore: true, Score: rng.Float64(), Shape: shape}
			for i := range fs {
				ev.Features = append(ev.Features, event.Feature{Name: fs[i].Name, Value: sketches.Number(rng.NormFloat64())})
			}
			deal.events = append(deal.events, ev)
		}
	}
	var recs []log.Record
	for _, c := range controls {
		for _, kv := range c.Records() {
			recs = append(recs, log.Record{Offset: int64(len(recs)), Key: kv.Key, Value: kv.Value})
		}
	}
	return recs, deal
}

// residentMiB is 0 where the system does not tell.
func residentMiB(b *testing.B) float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for _, line := range bytes.Split(text, []byte("\n")) {
		if rest, ok := bytes.CutPrefix(line, []byte("VmRSS:")); ok {
			kb, err := strconv.ParseFloat(string(bytes.Fields(rest)[0]), 64)
			must(b, err)
			return kb / 1024
		}
	}
	return 0
}
