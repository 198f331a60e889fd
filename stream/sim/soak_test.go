//go:build soak

package sim

import (
	"os"
	"strconv"
	"testing"

	"github.com/driftline/driftline/stream/loop"
)

// A hundred thousand seeds (DRIFTLINE_SOAK_SEEDS) of each kill simulation, after
// those that make test runs.
func TestSoak_KillSimulation(t *testing.T) {
	n := 100_000
	if text := os.Getenv("DRIFTLINE_SOAK_SEEDS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 {
			t.Fatalf("DRIFTLINE_SOAK_SEEDS = %q: want a number of seeds", text)
		}
	}
	const first = 1_000_000
	t.Run("collectors killed, offsets reset, logs truncated", func(t *testing.T) {
		t.Parallel()
		inHalves(t, n, func(t *testing.T, seed int) {
			c := collectCase{plan: plan{partitions: 1 + seed/2%2, records: 120, jitterMS: 90_000, stepMS: 20_000}, all: true}
			if seed/4%2 == 1 {
				c = collectCase{plan: onePartition, cut: seed/8%2 == 0, resets: true}
			}
			if diff := runCollect(t, uint64(first+seed), c); diff != "" {
				t.Errorf("seed %d: %s", first+seed, diff)
			}
		})
	})
	t.Run("both folds killed", func(t *testing.T) {
		t.Parallel()
		inHalves(t, n, func(t *testing.T, seed int) {
			if diff := runBoth(t, uint64(first+seed), loop.Sound, 0.01); diff != "" {
				t.Errorf("seed %d: %s", first+seed, diff)
			}
		})
	})
	t.Logf("%d seeds each", n)
}
