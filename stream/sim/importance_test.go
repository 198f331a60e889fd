package sim

import (
	"math/rand/v2"
	"testing"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/stream/memlog"
	"github.com/driftline/driftline/stream/wire"
)

// A policy under which the share by importance decides, given while the model is judged: a
// kill and a replay leave the same scores and events, and what decides is what they say.
func TestImportance_SurvivesAKillAndIsReplayed(t *testing.T) {
	t.Parallel()
	weighed, decided, briefs := 0, 0, 0
	for seed := range max(6, seeds(t, 12)) {
		w, _ := prepared(t, seed)
		rng := rand.New(rand.NewPCG(uint64(seed), 71))
		w.live(t, rng, memlog.KillAt(300+rng.Int64N(100), memlog.KillAfter))
		p := wire.DefaultPolicy()
		p.Name, p.Rule, p.MinRows, p.FireAfter, p.ResolveAfter = "weighed", "classic", 5, 0, 0
		p.WindowsMS = []int64{12 * 60_000}
		p.Multiplicity, p.ShareBy, p.Importance = drift.ByBH, wire.ByImportance, map[string]float64{"x": 1, "s": 11}
		w.append(t, wire.Control{Kind: "policy", ID: "alpha", Seq: 2, Value: p.Encode()})
		w.finish(t, rng, 0.005)
		got := w.results(t)
		same(t, seed, w.replayed(t), got)
		for _, l := range got {
			if l.Model != "alpha" {
				continue
			}
			if l.Kind == "score" {
				s, err := wire.DecodeScore(l.Value)
				must(t, err)
				if x := s.ShareImportance; x != nil {
					if weighed++; drift.FromNano(*x) != s.Share() {
						decided++ // the two shares differ: weights count
					}
				}
				for i := range s.Features {
					if len(s.Features[i].Brief) > 0 {
						briefs++
					}
				}
				continue
			}
			e, err := wire.DecodeEvent(l.Value)
			must(t, err)
			if d := e.Data; d.Policy == "weighed" && d.Kind == "drift" && d.Phase == "firing" && (d.ShareBy != wire.ByImportance || d.ShareImportance == nil) {
				t.Fatalf("seed %d: an event does not say which share decided: %s", seed, l.Value)
			}
		}
	}
	t.Logf("%d scores with weights, %d in which they differ, %d briefs", weighed, decided, briefs)
	if weighed == 0 || decided == 0 || briefs == 0 {
		t.Error("no window was weighed: nothing is compared")
	}
}
