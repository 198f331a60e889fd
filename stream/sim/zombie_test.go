package sim

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/driftline/driftline/stream/kafka/kafkatest"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/memlog"
)

// stopped is a process that stands still at its n-th operation, before or after the
// effect, while meanwhile happens, and then goes on as if nothing had been.
func stopped(n int64, meanwhile func()) memlog.Faults {
	return func(op memlog.Op) memlog.Fault {
		if op.N == n {
			meanwhile()
		}
		return memlog.Fault{}
	}
}

// evaluateLife drives all evaluators of a process until nothing is left to do.
func (w *world) evaluateLife(t testing.TB, l log.Log) error {
	t.Helper()
	var all []*loop.Panes
	for q := range w.layout.PanesPartitions {
		all = append(all, w.evaluator(l, q, loop.Sound))
	}
	for quiet := 0; quiet < 2*len(all); {
		idle, err := all[quiet%len(all)].Step(context.Background())
		if err != nil {
			return err
		}
		if quiet++; !idle {
			quiet = 0
		}
	}
	return nil
}

// alive runs one whole process; a kill is no error.
func (w *world) alive(t testing.TB, rng *rand.Rand, plan memlog.Faults) {
	t.Helper()
	if err := w.bothLife(w.conn(plan), rng, loop.Sound); err != nil && !errors.Is(err, memlog.ErrKilled) {
		t.Fatal(err)
	}
}

// collectorZombie stops a collector at a random step. Another one takes its sources
// over and dies or finishes; then the first goes on with what it holds.
func collectorZombie(t testing.TB, w *world, rng *rand.Rand) {
	t.Helper()
	lives := 0
	zombie := w.conn(stopped(3+rng.Int64N(60), func() {
		lives++
		w.alive(t, rng, memlog.KillAt(20+rng.Int64N(300), memlog.KillAfter))
	}))
	must(t, w.collectLife(zombie, rng, loop.Sound))
	if lives == 0 {
		t.Fatal("the collector was not stopped")
	}
	w.alive(t, rng, nil)
}

func TestFault_CollectorZombie(t *testing.T) {
	t.Parallel()
	for seed := range seeds(t, 40) {
		w, want := prepared(t, seed)
		collectorZombie(t, w, rand.New(rand.NewPCG(uint64(seed), 41)))
		same(t, seed, want, w.results(t))
	}
}

func TestFault_CollectorZombie_Kafka(t *testing.T) {
	t.Parallel()
	w, sim := onKafka(t, kafkatest.Shared(t), filled(t, 2))
	want := sim.undisturbed(t).results(t)
	collectorZombie(t, w, rand.New(rand.NewPCG(2, 41)))
	same(t, 2, want, w.results(t))
}

// Two collectors read one source at the same time, in random turns, and both commit.
func TestFault_TwoCollectorsOneSource(t *testing.T) {
	t.Parallel()
	for seed := range seeds(t, 40) {
		w, want := prepared(t, seed)
		rng := rand.New(rand.NewPCG(uint64(seed), 42))
		for range 3 {
			var both []*loop.Source
			for range 2 {
				l := w.conn(memlog.Seeded(rng, memlog.Rates{NotDone: 0.02, DoneSaidNo: 0.02, KillBefore: 0.002, KillAfter: 0.002, MaxFetch: 12}))
				both = append(both, w.source(l, 0, loop.Sound), w.source(l, 1, loop.Sound))
			}
			for range 80 {
				if _, err := both[rng.IntN(len(both))].Step(t.Context()); err != nil && !errors.Is(err, memlog.ErrKilled) {
					t.Fatal(err)
				}
			}
		}
		w.finish(t, rng, 0)
		same(t, seed, want, w.results(t))
	}
}

// evaluatorZombie stops an evaluator at a random step, also between its question
// whether it still owns the partition and its write. Another one goes on and dies or
// finishes; then the first wakes.
func evaluatorZombie(t testing.TB, w *world, rng *rand.Rand) (woke bool) {
	t.Helper()
	// Some of the input first, so that there is something to evaluate.
	w.alive(t, rng, memlog.KillAt(60+rng.Int64N(150), memlog.KillBefore))
	must(t, w.collectLife(w.conn(nil), rng, loop.Sound))
	zombie := w.conn(stopped(10+rng.Int64N(80), func() {
		woke = true
		w.alive(t, rng, memlog.KillAt(10+rng.Int64N(200), memlog.KillAfter))
	}))
	must(t, w.evaluateLife(t, zombie))
	w.alive(t, rng, nil)
	return woke
}

func TestFault_EvaluatorZombie(t *testing.T) {
	t.Parallel()
	woke := 0
	for seed := range seeds(t, 60) {
		w, want := prepared(t, seed)
		if evaluatorZombie(t, w, rand.New(rand.NewPCG(uint64(seed), 43))) {
			woke++
		}
		same(t, seed, want, w.results(t))
	}
	t.Logf("%d zombies woke", woke)
	if woke == 0 {
		t.Error("no evaluator was stopped")
	}
}

func TestFault_EvaluatorZombie_Kafka(t *testing.T) {
	t.Parallel()
	w, sim := onKafka(t, kafkatest.Shared(t), filled(t, 3))
	want := sim.undisturbed(t).results(t)
	if !evaluatorZombie(t, w, rand.New(rand.NewPCG(3, 43))) {
		t.Error("the evaluator was not stopped")
	}
	same(t, 3, want, w.results(t))
}
