package sim

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/driftline/driftline/stream/memlog"
	"github.com/driftline/driftline/stream/wire"
)

// A policy gets another name while its quality alarm is firing: the episode is
// closed. Left alone it would stand for ever and keep quality_open, and with it the
// block on retraining, with nobody to step it.
func TestAlarms_APolicyThatIsReplacedLeavesNoAlarmOpen(t *testing.T) {
	t.Parallel()
	closed := 0
	for seed := range seeds(t, 30) {
		w, _ := prepared(t, seed)
		rng := rand.New(rand.NewPCG(uint64(seed), 31))
		w.live(t, rng, memlog.KillAt(300+rng.Int64N(100), memlog.KillAfter))
		p := wire.DefaultPolicy()
		p.Name, p.Rule, p.MinRows, p.FireAfter, p.ResolveAfter = "renamed", "classic", 5, 0, 0
		p.WindowsMS = []int64{12 * 60_000}
		w.append(t, wire.Control{Kind: "policy", ID: "alpha", Seq: 2, Value: p.Encode()})
		w.finish(t, rng, 0.005)
		got := w.results(t)
		same(t, seed, w.replayed(t), got)
		open, applied := map[string]string{}, int64(0)
		for _, l := range got {
			if l.Model != "alpha" || l.Kind == "score" {
				continue
			}
			e, err := wire.DecodeEvent(l.Value)
			must(t, err)
			if strings.HasSuffix(l.Kind, ".superseded.v1") {
				applied = e.Data.EndMS
				closed++
			}
		}
		for _, l := range got {
			if l.Kind == "score" || l.Model != "alpha" {
				continue
			}
			e, err := wire.DecodeEvent(l.Value)
			must(t, err)
			if applied > 0 && e.Data.Policy == "default" && e.Data.EndMS > applied {
				t.Fatalf("seed %d: an alarm of the old policy speaks after it was closed: %s", seed, l.Value)
			}
			switch {
			case strings.Contains(l.Kind, ".detected."):
				open[e.Data.Episode] = e.Data.Policy
			case strings.Contains(l.Kind, ".resolved."), strings.Contains(l.Kind, ".superseded."):
				open[e.Data.Episode] = ""
			}
		}
		for episode, policy := range open {
			if applied > 0 && policy == "default" {
				t.Fatalf("seed %d: episode %s of the old policy is open for ever", seed, episode)
			}
		}
	}
	t.Logf("%d episodes closed", closed)
	if closed == 0 {
		t.Error("no episode was open when the policy was replaced")
	}
}
