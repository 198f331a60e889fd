package sim

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/replay"
	"github.com/driftline/driftline/stream/wire"
)

// predicted is what alpha's version 1 answered for the rows of its reference.
func predicted(t testing.TB) *wire.Answers {
	t.Helper()
	s, err := sketches.NewScoreCounts(wire.DefaultClasses)
	must(t, err)
	for i := range 300 {
		s.Add(float64(i%100)/100, i%20 > 0, "01"[i%2:][:1])
	}
	a, err := wire.NewAnswers("1", s)
	must(t, err)
	return a
}

// TestFault_AnswersAreCompared makes sure that what kills are compared by holds verdicts on
// answers, of the reference's version alone, and alarms on them.
func TestFault_AnswersAreCompared(t *testing.T) {
	t.Parallel()
	features, events, without := map[string]int{}, map[string]int{}, 0
	for seed := range 10 {
		p := bothPlan
		p.scores = true
		w := newWorld(t, rand.New(rand.NewPCG(uint64(seed), 1)), p)
		w.references(t)
		must(t, w.bothLife(w.log.Handle(nil), nil, loop.Sound))
		for _, l := range w.results(t) {
			if l.Kind != "score" {
				ev, err := wire.DecodeEvent(l.Value)
				must(t, err)
				if ev.Data.Kind == wire.KindOfPrediction {
					events[fmt.Sprint(ev.Data.Model, " ", ev.Data.Version)]++
					if ev.Data.MayRetrain {
						t.Errorf("%s may retrain", ev.Type)
					}
				}
				continue
			}
			s, err := wire.DecodeScore(l.Value)
			must(t, err)
			if s.Model != "alpha" || s.Version == wire.AnyVersion {
				continue
			}
			if s.Version != "1" && len(s.Features) > 0 {
				t.Errorf("answers of version %s are compared", s.Version)
			}
			if s.Version == "1" && len(s.Features) == 0 {
				without++
			}
			for _, f := range s.Features {
				features[f.Name+" "+f.Verdict]++
			}
		}
	}
	t.Logf("%v, events %v, %d scores of version 1 without", features, events, without)
	if features["score stable"]+features["score drifted"] == 0 || features["prediction drifted"] == 0 {
		t.Error("want verdicts on scores and classes")
	}
	if len(events) != 1 || events["alpha 1"] == 0 {
		t.Errorf("events of %v, want those of alpha's version 1", events)
	}
}

// From the middle, with a history: alarms on answers go on as they stood.
func TestReplay_FromTheMiddleKnowsHowAnswersStood(t *testing.T) {
	t.Parallel()
	events := 0
	for seed := range seeds(t, 16) {
		p := bothPlan
		p.scores = true
		w := newWorld(t, rand.New(rand.NewPCG(uint64(seed), 1)), p)
		w.blocks = true
		w.references(t)
		must(t, w.bothLife(w.log.Handle(nil), nil, loop.Sound))
		want, last := w.results(t), int64(0)
		for _, l := range want {
			last = max(last, l.EndMS)
		}
		rng := rand.New(rand.NewPCG(uint64(seed), 21))
		cfg := w.replayConfig()
		cfg.FromMS = epochMS + (6+rng.Int64N(30))*60_000
		cfg.ToMS = last
		var err error
		cfg.Alarms, err = replay.PastAlarms(w.layout, cfg.FromMS, scoresOf(t, want))
		must(t, err)
		got, err := replay.Run(t.Context(), w.io(w.log.Handle(nil)), cfg)
		must(t, err)
		if diff := diffLines(within(want, cfg.FromMS, cfg.ToMS, "alpha"), within(got, cfg.FromMS, cfg.ToMS, "alpha")); diff != "" {
			t.Fatalf("seed %d, from %d: %s", seed, cfg.FromMS, diff)
		}
		for _, l := range within(got, cfg.FromMS, cfg.ToMS, "alpha") {
			if l.Kind != replay.KindScore && l.Version == "1" {
				events++
			}
		}
	}
	if events == 0 {
		t.Error("no event of answers was compared")
	}
}
