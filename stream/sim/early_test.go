package sim

import (
	"math/rand/v2"
	"testing"

	"github.com/driftline/driftline/stream/replay"
	"github.com/driftline/driftline/stream/wire"
)

// warnings counts the early warnings among results.
func warnings(ls []replay.Line) (n int) {
	for _, l := range ls {
		if l.Kind == wire.EventType("drift", "warned") {
			n++
		}
	}
	return n
}

// Early warnings come out the same of one life and of many, and of a replay: of the whole
// log, and from the middle with the states that the history holds.
func TestFault_EarlyWarningsSurviveKills(t *testing.T) {
	t.Parallel()
	whole, middle := 0, 0
	for seed := range seeds(t, 60) {
		w, want := prepared(t, seed)
		w.finish(t, rand.New(rand.NewPCG(uint64(seed), 60)), 0.02)
		got := w.results(t)
		same(t, seed, want, got)
		same(t, seed, got, w.replayed(t))
		whole += warnings(got)

		last := int64(0)
		for _, l := range got {
			last = max(last, l.EndMS)
		}
		rng := rand.New(rand.NewPCG(uint64(seed), 61))
		cfg := w.replayConfig()
		cfg.FromMS = epochMS + (1+rng.Int64N(24))*w.layout.PaneMS
		cfg.ToMS = last
		var err error
		cfg.Alarms, err = replay.PastAlarms(w.layout, cfg.FromMS, scoresOf(t, got))
		must(t, err)
		from, err := replay.Run(t.Context(), w.io(w.log.Handle(nil)), cfg)
		must(t, err)
		live := within(got, cfg.FromMS, cfg.ToMS, "alpha")
		if known, told := warnings(live), warnings(within(from, cfg.FromMS, cfg.ToMS, "alpha")); told != known {
			t.Fatalf("seed %d from %d: %d early warnings, live operation told of %d", seed, cfg.FromMS, told, known)
		}
		middle += warnings(live)
	}
	t.Logf("%d early warnings, %d of them in ranges from the middle", whole, middle)
	if whole == 0 || middle == 0 {
		t.Error("nobody was warned: nothing was compared")
	}
}
