package sim

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/wire"
)

// An input that breaks its quality rules and drifts from the first rows on. Its first
// pane is the third before the epoch, and the window of 12 panes steps every 4: its
// hops have 7, 11 and 12 panes. An alarm fires at the first hop that has the warm-up
// share, exactly the share included.
func TestAlarms_WarmUpHoldsAnAlarmBack(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		warmUp float64
		end    int64 // of the window that fires, in panes after the epoch
	}{{0, 4}, {0.5, 4}, {7.0 / 12, 4}, {0.59, 8}, {11.0 / 12, 8}, {0.92, 12}, {1, 12}} {
		w := newWorld(t, rand.New(rand.NewPCG(3, 1)), bothPlan)
		w.references(t)
		p := wire.DefaultPolicy()
		p.Rule, p.MinRows, p.FireAfter, p.WarmUp = "classic", 1, 0, tt.warmUp
		p.WindowsMS = []int64{12 * w.layout.PaneMS}
		p.Quality.Unseen = 0.001 // so that seven panes' rows are enough to say that a quarter is too many
		w.append(t, wire.Control{Kind: "policy", ID: "alpha", Seq: 2, Value: p.Encode()})
		must(t, w.bothLife(w.log.Handle(nil), nil, loop.Sound))
		fired := map[string]int64{} // first end, by kind
		for _, l := range w.results(t) {
			kind, _, found := strings.Cut(strings.TrimPrefix(l.Kind, "dev.driftline."), ".detected.")
			if !found || l.Model != "alpha" {
				continue
			}
			end := (l.EndMS - epochMS) / w.layout.PaneMS
			if first, ok := fired[kind]; !ok || end < first {
				fired[kind] = end
			}
		}
		for _, kind := range []string{"quality", "drift"} {
			if end, ok := fired[kind]; !ok || end != tt.end {
				t.Errorf("warm-up %v: the %s alarm fires (%v) at pane %d, want %d", tt.warmUp, kind, ok, end, tt.end)
			}
		}
	}
}
