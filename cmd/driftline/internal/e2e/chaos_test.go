//go:build chaos

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// number reads a whole number of the environment.
func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		t.Fatalf("%s = %q: want a whole number", name, text)
	}
	return n
}

// Three brokers, three processes that count and two that judge, a hundred kill -9 at
// random moments, a broker killed and started again, and a collector that stands still
// for three minutes: nothing is lost and nothing counted twice. Smaller runs:
// DRIFTLINE_CHAOS_KILLS and DRIFTLINE_CHAOS_PAUSE (seconds).
func TestChaos_ThreeBrokersAHundredKills(t *testing.T) {
	long(t)
	kills := number(t, "DRIFTLINE_CHAOS_KILLS", 100)
	pause := time.Duration(number(t, "DRIFTLINE_CHAOS_PAUSE", 180)) * time.Second
	f := newFleet(t, 3, 3, 2)
	x := &traffic{f: f, rng: rand.New(rand.NewPCG(22, 1)), partitions: 3, at: archiveStart}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	written := make(chan error, 1)
	go func() { written <- x.run(ctx, 250*time.Millisecond, 60) }()
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(22, seed))
	t.Logf("seed %d, %d kills, pause %s", seed, kills, pause)
	f.advances()

	slain := map[string]int{}
	for kill := range kills {
		time.Sleep(time.Duration(rng.Int64N(int64(1200 * time.Millisecond)))) // a random moment
		w := f.workers[rng.IntN(len(f.workers))]
		w.p.kill()
		slain[fmt.Sprintf("%s %d", w.role, w.index)]++
		f.start(w)
		switch kill {
		case kills / 3:
			f.cluster.Kill(kill % 3)
		case kills/3 + max(1, kills/10):
			f.cluster.Restart(kills / 3 % 3)
			f.advances()
		case 2 * kills / 3:
			f.pause(f.roles("collect")[1], pause)
		}
	}
	f.advances()
	cancel()
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	x.end()
	lines, events := f.settle(5 * time.Minute)
	records, outcomes := f.ledgers()
	if lines < 100 || events == 0 {
		t.Errorf("%d lines, %d of them drift events: too few to compare", lines, events)
	}
	t.Logf("%d lives, killed %v; %d scores and %d drift events equal; %d records, lost 0, double 0, by outcome %v", f.lives, slain, lines-events, events, records, outcomes)
}
