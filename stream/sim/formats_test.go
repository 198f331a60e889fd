package sim

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/collect"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/mapping/mappingtest"
	"github.com/driftline/driftline/stream/memlog"
	"github.com/driftline/driftline/stream/replay"
	"github.com/driftline/driftline/stream/wire"
)

// formatWorld is a log with the records of a sample, and a model that counts features of
// feature events, with a reference from the sample's first rows.
func formatWorld(t testing.TB, s mappingtest.Sample) *world {
	t.Helper()
	var topics []string
	for _, r := range s.Records {
		if topic := topicOf(r); !slices.Contains(topics, topic) {
			topics = append(topics, topic)
		}
	}
	w := &world{layout: planLayout(topics...), log: memlog.New(memlog.Config{NowMS: epochMS + 365*86_400_000})}
	w.createTopics(t, 1)
	for _, topic := range topics {
		if topic != inputTopic {
			must(t, w.log.Create(log.Topic{Name: topic, Partitions: 1, Config: map[string]string{"retention.ms": "-1"}}))
		}
	}
	w.append(t, wire.Control{Kind: "layout", ID: "main", Seq: 1, Value: w.layout.Encode()})
	m := wire.Model{Name: mappingtest.Model, FeaturesFrom: "feature"}
	w.append(t, wire.Control{Kind: "model", ID: m.Name, Seq: 1, Value: m.Encode()})
	counts := formatReference(t)
	g := wire.GridControl{Model: m.Name, Grid: counts.Grid}
	w.append(t, wire.Control{Kind: "grid", ID: m.Name, Seq: 1, Value: g.Encode()})
	r := wire.Reference{Model: m.Name, Kind: "file", Counts: counts}
	w.append(t, wire.Control{Kind: "reference", ID: m.Name, Seq: 1, Value: r.Encode()})
	p := wire.DefaultPolicy()
	p.Rule, p.MinRows, p.FireAfter, p.ResolveAfter = "classic", 5, 0, 0
	w.append(t, wire.Control{Kind: "policy", ID: m.Name, Seq: 1, Value: p.Encode()})

	last := int64(0)
	for _, r := range s.Records {
		last = max(last, r.TimeMS)
		must(t, w.log.Write(log.Record{
			Partition: log.Partition{Topic: topicOf(r)}, TimeMS: r.TimeMS, Key: r.Key, Value: r.Value, Headers: r.Headers,
		}))
	}
	// Record times alone move the clock on, so what closes the last windows needs to be no
	// event: a record that nobody can read is counted as dead and does it in every format.
	for _, topic := range topics {
		for step := range int64(4) {
			must(t, w.log.Write(log.Record{Partition: log.Partition{Topic: topic}, TimeMS: last + (step+4)*w.layout.PaneMS, Value: []byte("end")}))
		}
	}
	return w
}

func topicOf(r mappingtest.Record) string {
	if r.Topic == "" {
		return inputTopic
	}
	return r.Topic
}

func formatReference(t testing.TB) *sketches.Counts {
	t.Helper()
	rng := rand.New(rand.NewPCG(5, 5))
	draw := map[string]func() float64{
		"age":    func() float64 { return float64(18 + rng.IntN(73)) },
		"income": func() float64 { return 20 + 10*rng.ExpFloat64() },
		"ratio":  rng.Float64,
	}
	sectors := []string{"tech", "energy", "käse"}
	var features []sketches.FeatureGrid
	values := map[string][]float64{}
	for _, name := range mappingtest.Features()[:3] {
		for range 300 {
			values[name] = append(values[name], draw[name]())
		}
		f, err := sketches.NewNumeric(name, slices.Clone(values[name]))
		must(t, err)
		features = append(features, f)
	}
	f, err := sketches.NewCategorical("sector", map[string]uint64{"tech": 100, "energy": 100, "käse": 100}, 3)
	must(t, err)
	g, err := sketches.NewGrid(append(features, f))
	must(t, err)
	c := sketches.NewCounts(g)
	for i := range 300 {
		c.AddRow()
		for k, name := range mappingtest.Features()[:3] {
			c.Add(k, sketches.Number(values[name][i]))
		}
		c.Add(3, sketches.String(sectors[i%3]))
	}
	return c
}

// runFormats drives both folds as live processes do, until nothing is left to do.
func (w *world) runFormats(t testing.TB, s mappingtest.Sample) []replay.Line {
	t.Helper()
	l := w.log.Handle(nil)
	var steps []interface {
		Step(ctx context.Context) (bool, error)
	}
	for _, in := range w.layout.Inputs {
		steps = append(steps, loop.NewSource(w.io(l), loop.SourceConfig{
			Names:     func(recs []log.Record) int64 { return collect.Names(w.layout, nil, recs) },
			Partition: log.Partition{Topic: in.Topic}, Group: group,
			Control: log.Partition{Topic: controlTopic}, Times: collect.Times(w.layout), TickMS: 1 << 40,
			New: func(o loop.Origin) loop.SourceFold {
				return collect.New(collect.Config{
					Source: wire.Source{Topic: in.Topic}, Layout: w.layout, PanesTopic: panesTopic, DeadTopic: deadTopic, Reader: w.reader(t, s, in.Topic),
				}, o)
			},
		}))
	}
	for q := range w.layout.PanesPartitions {
		steps = append(steps, w.evaluator(l, q, loop.Sound))
	}
	for moved := true; moved; {
		moved = false
		for _, x := range steps {
			idle, err := x.Step(t.Context())
			must(t, err)
			moved = moved || !idle
		}
	}
	return w.results(t)
}

func (w *world) reader(t testing.TB, s mappingtest.Sample, topic string) event.Reader {
	if topic == inputTopic {
		topic = ""
	}
	return s.Reader(t, topic)
}

func TestFormats_EqualScoresFromEveryFormat(t *testing.T) {
	t.Parallel()
	all := mappingtest.Samples(t)
	want := formatWorld(t, all[0]).runFormats(t, all[0])
	drift, judged := 0, 0
	for _, l := range want {
		if l.Kind != "score" {
			drift++
			continue
		}
		s, err := wire.DecodeScore(l.Value)
		must(t, err)
		if s.Drifted > 0 {
			judged++
		}
	}
	if judged < 10 || drift == 0 {
		t.Fatalf("%d scores with drift and %d drift events of the native rows; the comparison says nothing", judged, drift)
	}
	for _, s := range all[1:] {
		w := formatWorld(t, s)
		got := w.runFormats(t, s)
		if diff := diffLines(want, got); diff != "" {
			t.Errorf("%s: live scores differ from those of native events:\n%s", s.Name, diff)
		}
		c := w.replayConfig()
		c.NewSource = func(src wire.Source, o loop.Origin) loop.SourceFold {
			return collect.New(collect.Config{Source: src, Layout: w.layout, PanesTopic: panesTopic, DeadTopic: deadTopic, Reader: w.reader(t, s, src.Topic)}, o)
		}
		again, err := replay.Run(t.Context(), w.io(w.log.Handle(nil)), c)
		must(t, err)
		if diff := diffLines(want, again); diff != "" {
			t.Errorf("%s: replay differs from the scores of native events:\n%s", s.Name, diff)
		}
	}
}
