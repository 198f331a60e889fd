package sim

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/memlog"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/trainer/reference"
)

// pairRow is three normal numbers, of which the first two have the correlation rho: each
// of them has one law, whatever rho is.
func pairRow(rng *rand.Rand, rho float64) [3]float64 {
	x, y := rng.NormFloat64(), rng.NormFloat64()
	return [3]float64{x, rho*x + math.Sqrt(1-rho*rho)*y, rng.NormFloat64()}
}

var pairNames = []string{"x", "y", "z"}

// TestJoint_ACorrelationThatNoFeatureShows sends rows whose correlation goes from 0 to 0.5
// while every feature keeps its law, through counting and judging: the verdict on all
// features together says so, names the pair and raises its alarm; no feature does.
func TestJoint_ACorrelationThatNoFeatureShows(t *testing.T) {
	t.Parallel()
	const hours, partitions = 8, 2
	rng := rand.New(rand.NewPCG(4, 4))
	layout := planLayout(inputTopic)
	var rows []reference.Row
	for s := range int64(hours * 3600) {
		v := pairRow(rng, 0)
		rows = append(rows, reference.Row{TimeMS: epochMS - hours*3_600_000 + s*1000, Values: []sketches.Value{sketches.Number(v[0]), sketches.Number(v[1]), sketches.Number(v[2])}})
	}
	built, err := reference.Build(reference.Spec{
		Model: "pairs", Kind: "training", Names: pairNames, Ordered: true, WindowsMS: layout.WindowsMS,
		Joint: reference.Joint{Alarms: 0.25, PaneMS: layout.PaneMS, SlotMS: layout.SlotMS()},
	}, rows)
	must(t, err)
	if built.Reference.Joint == nil || !built.NewJoint {
		t.Fatalf("no joint part: %s", built.WhyJoint)
	}

	w := &world{layout: layout, log: memlog.New(memlog.Config{NowMS: epochMS + 365*86_400_000}), plan: plan{partitions: partitions, maxAppend: 4}}
	w.createTopics(t, partitions)
	w.append(t, wire.Control{Kind: "layout", ID: "main", Seq: 1, Value: layout.Encode()})
	w.append(t, wire.Control{Kind: "model", ID: "pairs", Seq: 1, Value: wire.Model{Name: "pairs", FeaturesFrom: "prediction"}.Encode()})
	w.append(t, wire.Control{Kind: "grid", ID: "pairs", Seq: 1, Value: wire.GridControl{Model: "pairs", Grid: built.Grid, Joint: built.Embedding()}.Encode()})
	w.append(t, wire.Control{Kind: "reference", ID: "pairs", Seq: 1, Value: built.Reference.Encode()})
	policy := wire.DefaultPolicy()
	policy.Joint = wire.JointAlarm
	w.append(t, wire.Control{Kind: "policy", ID: "pairs", Seq: 1, Value: policy.Encode()})
	const change, seconds = 2400, 4800
	var recs []log.Record
	for s := range int64(seconds) {
		rho := 0.0
		if s >= change {
			rho = 0.5
		}
		ev := event.Event{Type: event.TypePrediction, Model: "pairs", Version: "1", ID: strconv.FormatInt(s, 10), TimeMS: epochMS + s*1000, HasTime: true}
		for i, v := range pairRow(rng, rho) {
			ev.Features = append(ev.Features, event.Feature{Name: pairNames[i], Value: sketches.Number(v)})
		}
		recs = append(recs, log.Record{Partition: w.part(inputTopic, int32(s%partitions)), TimeMS: ev.TimeMS, Value: event.Encode(ev)})
	}
	w.write(t, recs...)
	w.ticks(t, partitions, epochMS+seconds*1000)
	must(t, w.bothLife(w.log.Handle(nil), nil, loop.Sound))

	long := layout.LongestMS()
	before, after, detected := 0, 0, 0
	for _, l := range w.results(t) {
		if l.Kind != "score" {
			ev, err := wire.DecodeEvent(l.Value)
			must(t, err)
			if ev.Type == wire.EventType("drift", "detected") || ev.Type == wire.EventType("quality", "detected") {
				t.Errorf("an alarm of features one by one: %s", l.Value)
			}
			if ev.Type == wire.EventType(wire.KindOfJoint, "detected") {
				detected++
				if ev.Data.EndMS <= epochMS+change*1000 || ev.Data.MayRetrain || ev.Data.Detail["joint"] == nil {
					t.Errorf("event %s", l.Value)
				}
			}
			continue
		}
		s, err := wire.DecodeScore(l.Value)
		must(t, err)
		if s.WindowMS != long || s.Version != wire.AnyVersion || s.Joint == nil {
			continue
		}
		if s.Drifted > 0 {
			t.Errorf("at +%d s %d features drifted", (s.EndMS-epochMS)/1000, s.Drifted)
		}
		switch v := s.Joint; {
		case s.EndMS <= epochMS+change*1000 && v.Verdict == "drifted":
			t.Errorf("before the change, at +%d s: %+v", (s.EndMS-epochMS)/1000, v)
		case s.EndMS <= epochMS+change*1000 && v.Verdict == "stable":
			before++
		case s.EndMS-long >= epochMS+change*1000 && s.Rows > 700:
			after++
			if v.Verdict != "drifted" || v.Path != "pair" && v.Path != "correlation" || len(v.Pairs) == 0 || v.Pairs[0].A != "x" || v.Pairs[0].B != "y" {
				t.Errorf("after the change, at +%d s: %s by %s, score %v, pairs %+v", (s.EndMS-epochMS)/1000, v.Verdict, v.Path, *v.Score, v.Pairs)
			} else if cur := float64(*v.Pairs[0].Cur) / 1e9; math.Abs(cur-0.48) > 0.1 {
				t.Errorf("correlation of x and y is said to be %.3f", cur)
			}
		}
	}
	t.Logf("%d windows before, %d after the change, %d alarms", before, after, detected)
	if before < 5 || after < 5 || detected == 0 {
		t.Error("too little was compared, or no alarm was raised")
	}
}
