package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/memlog"
	"github.com/driftline/driftline/stream/replay"
	"github.com/driftline/driftline/stream/wire"
)

// wideWorld holds events of 50 numeric features over two partitions, about 840 bytes
// each, at 500 events a second of event time; the model has a reference, so that a
// replay judges what it counts.
func wideWorld(b *testing.B, events int) *world {
	b.Helper()
	const features = 50
	rng := rand.New(rand.NewPCG(5, 5))
	names := make([]string, features)
	grid := make([]sketches.FeatureGrid, features)
	sample := make([][]float64, features)
	for i := range names {
		names[i] = fmt.Sprintf("f%02d", i)
		for range 2000 {
			sample[i] = append(sample[i], rng.NormFloat64())
		}
		g, err := sketches.NewNumeric(names[i], sample[i])
		must(b, err)
		grid[i] = g
	}
	g, err := sketches.NewGrid(grid)
	must(b, err)
	counts := sketches.NewCounts(g)
	for k := range 2000 {
		counts.AddRow()
		for i := range features {
			counts.Add(i, sketches.Number(sample[i][k]))
		}
	}
	w := &world{layout: planLayout(inputTopic), log: memlog.New(memlog.Config{NowMS: epochMS + 365*86_400_000}), plan: plan{partitions: 2}}
	w.createTopics(b, 2)
	w.append(b, wire.Control{Kind: "layout", ID: "main", Seq: 1, Value: w.layout.Encode()})
	w.append(b, wire.Control{Kind: "model", ID: "wide", Seq: 1, Value: wire.Model{Name: "wide", FeaturesFrom: "prediction"}.Encode()})
	w.append(b, wire.Control{Kind: "grid", ID: "wide", Seq: 1, Value: wire.GridControl{Model: "wide", Grid: g}.Encode()})
	w.append(b, wire.Control{Kind: "reference", ID: "wide", Seq: 1, Value: wire.Reference{Model: "wide", Kind: "file", Counts: counts}.Encode()})
	var text strings.Builder
	for i := range events {
		text.Reset()
		at := epochMS + int64(i)*2
		fmt.Fprintf(&text, `{"type":"prediction","model":"wide","version":"1","id":"%d","ts":%d,"features":{`, i, at)
		for k, name := range names {
			if k > 0 {
				text.WriteByte(',')
			}
			fmt.Fprintf(&text, `"%s":%.5f`, name, rng.NormFloat64())
		}
		text.WriteString("}}")
		must(b, w.log.Write(log.Record{Partition: log.Partition{Topic: inputTopic, Index: int32(i % 2)}, TimeMS: at, Value: []byte(text.String())}))
	}
	for p := range int32(2) {
		must(b, w.log.Write(log.Record{Partition: log.Partition{Topic: inputTopic, Index: p}, TimeMS: epochMS + int64(events)*2 + 300_000, Value: event.Encode(event.Event{Type: event.TypeTick})}))
	}
	return w
}

func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkReplay_AgainstCollect reads the same records with the live fold 1 alone,
// which appends what it counted, and with a replay, which folds and judges it too.
// Both in turn, CPU time; ratio is the replay's rate over the collector's.
func BenchmarkReplay_AgainstCollect(b *testing.B) {
	const events = 200_000
	w := wideWorld(b, events)
	var collect, replayed time.Duration
	for range b.N {
		for part := range int32(2) { // a group of its own is not needed: nothing is committed twice
			for p := range int32(2) {
				w.log.SetCommit(group, log.Partition{Topic: inputTopic, Index: p}, 0)
			}
			before := cpu(b)
			s := w.source(w.log.Handle(nil), part, loop.Sound)
			for {
				idle, err := s.Step(b.Context())
				must(b, err)
				if idle {
					break
				}
			}
			collect += cpu(b) - before
		}
		before := cpu(b)
		lines, err := replay.Run(b.Context(), w.io(w.log.Handle(nil)), w.replayConfig())
		must(b, err)
		replayed += cpu(b) - before
		if len(lines) == 0 {
			b.Fatal("the replay judged nothing")
		}
	}
	n := float64(b.N) * events
	b.ReportMetric(float64(collect)/n, "collect-cpu-ns/event")
	b.ReportMetric(float64(replayed)/n, "replay-cpu-ns/event")
	b.ReportMetric(float64(collect)/float64(replayed), "ratio")
}
