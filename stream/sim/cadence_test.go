package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/memlog"
	"github.com/driftline/driftline/stream/replay"
	"github.com/driftline/driftline/stream/wire"
)

// Rows of the six slots of a week in the cadence's world. The last one is quiet.
var weekOfRows = []int{60, 30, 60, 30, 30, 0}

// cadenceWorld holds nine weeks of traffic for alpha, a week being six slots: after four
// of them feature x is missing from a slot, then a delivery of two slots is missed, then a
// slot brings eight times its rows.
func cadenceWorld(t testing.TB, seed uint64, partitions int) *world {
	t.Helper()
	w := bareWorld(t, partitions)
	w.blocks = true
	w.weekMS = int64(len(weekOfRows)) * w.layout.SlotMS()
	w.references(t)
	rng, to := rand.New(rand.NewPCG(seed, 70)), rand.New(rand.NewPCG(seed, uint64(71+partitions)))
	slotMS, id := w.layout.SlotMS(), 0
	for slot := range 9 * len(weekOfRows) {
		week, at := slot/len(weekOfRows), slot%len(weekOfRows)
		rows := weekOfRows[at]
		switch {
		case week == 5 && at < 2:
			rows = 0
		case week == 7 && at == 2:
			rows *= 8
		}
		for i := range rows {
			ts := epochMS + int64(slot)*slotMS + int64(i)*slotMS/int64(rows)
			features := []event.Feature{
				{Name: "x", Value: sketches.Number(float64(rng.IntN(20)))}, {Name: "s", Value: sketches.String("aaaaabbbbc"[rng.IntN(10):][:1])},
			}
			if week == 4 && at == 0 {
				features = features[1:]
			}
			w.put(t, to.IntN(partitions), ts, event.Encode(event.Event{
				Type: event.TypePrediction, Model: "alpha", Version: "1", ID: fmt.Sprint(id), TimeMS: ts, HasTime: true, Features: features,
			}))
			id++
		}
	}
	w.ticks(t, partitions, epochMS+int64(9*len(weekOfRows))*slotMS)
	return w
}

// checks counts detected and resolved alarms by check.
func checks(t testing.TB, ls []replay.Line) map[string]int {
	t.Helper()
	n := map[string]int{}
	for _, l := range ls {
		if l.Kind == replay.KindScore {
			continue
		}
		e, err := wire.DecodeEvent(l.Value)
		must(t, err)
		if e.Data.Check == "" {
			continue
		}
		n[e.Data.Check+" "+e.Data.Phase]++
		if e.Data.Kind != "quality" || !e.Data.BlocksRetrain {
			t.Errorf("%s: kind %q, blocks retraining %v", l.Kind, e.Data.Kind, e.Data.BlocksRetrain)
		}
	}
	return n
}

// liveWith lives until all is done, with a rule that may be wrong.
func (w *world) liveWith(t testing.TB, rng *rand.Rand, m loop.Mutant) []replay.Line {
	t.Helper()
	for life := 0; ; life++ {
		var faults memlog.Faults
		if life < 30 {
			faults = memlog.Seeded(rng, memlog.Rates{KillBefore: 0.004, KillAfter: 0.004, Cut: 0.5, MaxFetch: 60})
		}
		err := w.bothLife(w.log.Handle(faults), rng, m)
		if err == nil {
			return w.results(t)
		}
		if !errors.Is(err, memlog.ErrKilled) {
			t.Fatal(err)
		}
	}
}

// What is learnt of a model's cadence, and the alarms of volume, freshness and schema, are
// the same of one life and of many, over any number of partitions, and in a replay from
// the beginning and from the middle. A load that learns anew is found out.
func TestFault_CadenceSurvivesKills(t *testing.T) {
	t.Parallel()
	mutants, n := 0, max(3, seeds(t, 30))
	for seed := range uint64(n) {
		undisturbed := cadenceWorld(t, seed, 2)
		must(t, undisturbed.bothLife(undisturbed.log.Handle(nil), nil, loop.Sound))
		want := undisturbed.results(t)
		found := checks(t, want)
		for _, what := range []string{"schema firing", "schema resolved", "freshness firing", "freshness resolved", "volume firing", "volume resolved"} {
			if found[what] == 0 {
				t.Fatalf("seed %d: no event %q in %v", seed, what, found)
			}
		}
		w := cadenceWorld(t, seed, 2)
		got := w.liveWith(t, rand.New(rand.NewPCG(seed, 72)), loop.Sound)
		same(t, int(seed), want, got)
		same(t, int(seed), want, w.replayed(t))

		one := cadenceWorld(t, seed, 1)
		must(t, one.bothLife(one.log.Handle(nil), nil, loop.Sound))
		same(t, int(seed), want, one.results(t))

		rng := rand.New(rand.NewPCG(seed, 73))
		cfg := w.replayConfig()
		cfg.FromMS = epochMS + (1+rng.Int64N(50))*w.layout.SlotMS() + rng.Int64N(w.layout.SlotMS())
		cfg.ToMS = epochMS + 54*w.layout.SlotMS()
		var err error
		cfg.Alarms, err = replay.PastAlarms(w.layout, cfg.FromMS, scoresOf(t, got))
		must(t, err)
		middle, err := replay.Run(t.Context(), w.io(w.log.Handle(nil)), cfg)
		must(t, err)
		same(t, int(seed), within(want, cfg.FromMS, cfg.ToMS, "alpha"), within(middle, cfg.FromMS, cfg.ToMS, "alpha"))

		forgets := cadenceWorld(t, seed, 2)
		if diffLines(want, forgets.liveWith(t, rand.New(rand.NewPCG(seed, 72)), loop.ForgetsCadence)) != "" {
			mutants++
		}
	}
	if mutants == 0 {
		t.Errorf("none of %d seeds finds out a load that forgets the cadence", n)
	}
	t.Logf("%d seeds, the mutant is found out in %d", n, mutants)
}
