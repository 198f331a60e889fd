package sim

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/replay"
	"github.com/driftline/driftline/stream/wire"
)

func within(ls []replay.Line, fromMS, toMS int64, model string) (out []replay.Line) {
	for _, l := range ls {
		if l.EndMS > fromMS && l.EndMS <= toMS && (model == "" || l.Model == model) {
			out = append(out, l)
		}
	}
	return out
}

// From the beginning to any time, for all models or one: alarms are known from the
// start, so a replay prints what live operation printed.
func TestReplay_AnyEndAndAnyModelGiveThePartOfLive(t *testing.T) {
	t.Parallel()
	for seed := range seeds(t, 30) {
		w, want := prepared(t, seed)
		w.finish(t, rand.New(rand.NewPCG(uint64(seed), 12)), 0.01)
		rng := rand.New(rand.NewPCG(uint64(seed), 13))
		last := want[0].EndMS
		for _, l := range want {
			last = max(last, l.EndMS)
		}
		for _, model := range []string{"", "alpha", "beta", "nobody"} {
			cfg := w.replayConfig()
			cfg.Model, cfg.ToMS = model, epochMS+rng.Int64N(last-epochMS)/60_000*60_000
			got, err := replay.Run(t.Context(), w.io(w.log.Handle(nil)), cfg)
			must(t, err)
			part := within(want, loop.Unset, cfg.ToMS, model)
			if diff := diffLines(part, got); diff != "" {
				t.Fatalf("seed %d, model %q, to %d: %s", seed, model, cfg.ToMS, diff)
			}
		}
	}
}

// From the middle: rows and statistics are those of live operation; alarms whose
// past is not known say nothing until their first OK.
func TestReplay_FromTheMiddleCountsTheSameRows(t *testing.T) {
	t.Parallel()
	unknown, scores := 0, 0
	for seed := range seeds(t, 30) {
		w, want := prepared(t, seed)
		w.finish(t, rand.New(rand.NewPCG(uint64(seed), 12)), 0)
		rng := rand.New(rand.NewPCG(uint64(seed), 14))
		cfg := w.replayConfig()
		cfg.FromMS = epochMS + (20+rng.Int64N(10))*60_000
		cfg.ToMS = cfg.FromMS + (1+rng.Int64N(10))*60_000
		got, err := replay.Run(t.Context(), w.io(w.log.Handle(nil)), cfg)
		must(t, err)
		lie, admitted := honest(t, want, got)
		if lie != "" || admitted > 0 {
			t.Fatalf("seed %d, %d to %d: %d without full coverage, %s", seed, cfg.FromMS, cfg.ToMS, admitted, lie)
		}
		count := func(ls []replay.Line) (n int) {
			for _, l := range ls {
				if l.Kind == "score" {
					n++
				}
			}
			return n
		}
		if a, b := count(within(want, cfg.FromMS, cfg.ToMS, "")), count(got); a != b {
			t.Fatalf("seed %d, %d to %d: %d scores, live printed %d", seed, cfg.FromMS, cfg.ToMS, b, a)
		}
		scores += count(got)
		for _, l := range got {
			if l.Kind == "score" {
				s, err := wire.DecodeScore(l.Value)
				must(t, err)
				for _, a := range s.Alarms {
					if strings.Contains(string(a.State), `"unknown":true`) && a.Phase == "ok" {
						unknown++
					}
				}
			}
		}
	}
	t.Logf("%d scores compared, %d alarm states unknown", scores, unknown)
	if scores == 0 || unknown == 0 {
		t.Error("nothing was compared")
	}
}
