package sim

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/memlog"
	"github.com/driftline/driftline/stream/replay"
	"github.com/driftline/driftline/stream/wire"
)

// quietWorld has a partition that falls silent after some records, and a clock that
// stands at the last record.
func quietWorld(t testing.TB, seed uint64, silent int) (w *world, at int64) {
	t.Helper()
	w = bareWorld(t, 2)
	w.references(t)
	w.promiseMS, w.tickMS = 100_000, 1
	rng := rand.New(rand.NewPCG(seed, 70))
	at = epochMS
	for i := range 120 {
		at += 15_000
		w.put(t, 0, at, row(rng, models[i%2], at, i, i > 60))
		if i < silent {
			w.put(t, 1, at, row(rng, models[i%2], at, 1000+i, i > 60))
		}
	}
	w.log.SetNow(at)
	return w, at
}

// driver is what both loops have in common.
type driver interface {
	Step(ctx context.Context) (bool, error)
}

// turns steps all drivers n times while the clock moves on; a driver that is killed
// is replaced by the next life.
func (w *world) turns(t testing.TB, n int, stepMS int64, faults func() memlog.Faults) {
	t.Helper()
	var drivers []driver
	begin := func() {
		l := w.log.Handle(faults())
		drivers = drivers[:0]
		for i := range w.plan.partitions {
			drivers = append(drivers, w.source(l, int32(i), loop.Sound))
		}
		for q := range w.layout.PanesPartitions {
			drivers = append(drivers, w.evaluator(l, q, loop.Sound))
		}
	}
	begin()
	for range n {
		w.log.Advance(stepMS)
		for i := 0; i < len(drivers); i++ {
			_, err := drivers[i].Step(t.Context())
			if errors.Is(err, memlog.ErrKilled) {
				begin()
				break
			}
			must(t, err)
		}
	}
}

func none() memlog.Faults { return nil }

// Promises under kills: lives end while they wait for silence, promise, and publish
// by promise. At the end the results are those of a run that never had to promise.
func TestFault_IdlePromiseKilled(t *testing.T) {
	t.Parallel()
	promised := 0
	for seed := range uint64(max(6, seeds(t, 20))) {
		plain, at := quietWorld(t, seed, 30)
		plain.promiseMS, plain.tickMS = 0, 0
		plain.ticks(t, 2, at)
		want := plain.undisturbed(t).results(t)

		w, _ := quietWorld(t, seed, 30)
		rng := rand.New(rand.NewPCG(seed, 71))
		w.turns(t, 120, 5_000, func() memlog.Faults {
			return memlog.Seeded(rng, memlog.Rates{NotDone: 0.01, DoneSaidNo: 0.01, KillBefore: 0.01, KillAfter: 0.01, Cut: 0.5, MaxFetch: 10})
		})
		early := w.results(t)
		w.ticks(t, 2, at)
		w.promiseMS, w.tickMS = 0, 0
		w.finish(t, rng, 0.005)
		same(t, int(seed), want, w.results(t))
		if len(early) > 0 {
			promised++
		}
	}
	t.Logf("%d seeds with windows that were final by promise", promised)
	if promised == 0 {
		t.Error("nothing was final by promise")
	}
}

// A partition that never had a record: with promises it holds nothing up, without
// them it holds up everything.
func TestFault_EmptyPartition(t *testing.T) {
	t.Parallel()
	w, _ := quietWorld(t, 1, 0)
	w.turns(t, 60, 5_000, none)
	if len(w.results(t)) == 0 {
		t.Error("an empty partition holds everything up in spite of its promises")
	}
	for _, l := range w.results(t) {
		if l.Kind != "score" {
			continue
		}
		if s, err := wire.DecodeScore(l.Value); err != nil || s.Covered != s.Expected {
			t.Fatalf("covered %d of %d (%v): nothing is missing", s.Covered, s.Expected, err)
		}
	}
	off, _ := quietWorld(t, 1, 0)
	off.promiseMS = 0
	off.turns(t, 60, 5_000, none)
	if n := len(off.results(t)); n > 0 {
		t.Errorf("%d lines although nothing is known of one partition", n)
	}
}

// A record older than every promise allows comes after its pane is final: what was
// final stays, and the contradiction is counted for the alert.
func TestFault_BrokenPromise(t *testing.T) {
	t.Parallel()
	broken := 0
	for seed := range uint64(seeds(t, 20)) {
		w, at := quietWorld(t, seed, 100)
		var before []replay.Line
		rng := rand.New(rand.NewPCG(seed, 72))
		// Partition 1 was silent since its 100th record; these were minutes on the way.
		arrive := func(memlog.Op) memlog.Fault {
			if before != nil || w.log.NowMS() < at+300_000 {
				return memlog.Fault{}
			}
			if before = w.results(t); len(before) == 0 {
				t.Fatalf("seed %d: nothing was final by promise", seed)
			}
			old := epochMS + 101*15_000
			for i := range 20 {
				w.put(t, 1, old+int64(i)*1_000, row(rng, models[i%2], old+int64(i)*1_000, 5000+i, false))
			}
			w.put(t, 1, at, []byte(`{"type":"tick"}`))
			return memlog.Fault{}
		}
		w.turns(t, 90, 5_000, func() memlog.Faults { return arrive })
		w.ticks(t, 2, at)
		w.turns(t, 20, 5_000, none)
		after := w.results(t)
		for _, l := range before {
			if !contains(after, l) {
				t.Fatalf("seed %d: a final line is gone: %s", seed, l.Value)
			}
		}
		final := before[0].EndMS
		for _, l := range before {
			final = max(final, l.EndMS)
		}
		for _, l := range after {
			if l.EndMS <= final && !contains(before, l) {
				t.Fatalf("seed %d: a line of a final window was added: %s", seed, l.Value)
			}
		}
		for _, f := range w.folds {
			broken += int(f.Stats().LateDiffering)
		}
	}
	t.Logf("%d late counts contradict", broken)
	if broken == 0 {
		t.Error("no broken promise was counted")
	}
}

// One partition has a backlog while others are at their end: it promises nothing,
// windows wait for it, and when it has caught up nothing is missing.
func TestFault_SlowPartitionPromisesNothing(t *testing.T) {
	t.Parallel()
	for seed := range uint64(seeds(t, 10)) {
		w, at := quietWorld(t, seed, 120)
		w.ticks(t, 2, at)
		plain, _ := quietWorld(t, seed, 120)
		plain.promiseMS, plain.tickMS = 0, 0
		plain.ticks(t, 2, at)
		want := plain.undisturbed(t).results(t)

		h := w.log.Handle(func(op memlog.Op) memlog.Fault { return memlog.Fault{Limit: 4} })
		fast, slow := w.source(h, 0, loop.Sound), w.source(h, 1, loop.Sound)
		judges := []*loop.Panes{w.evaluator(h, 0, loop.Sound), w.evaluator(h, 1, loop.Sound)}
		step := func(x driver) {
			t.Helper()
			if _, err := x.Step(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for turn := range 400 { // the clock runs far past every promise that could be made
			w.log.Advance(60_000)
			step(fast)
			if turn%10 == 0 {
				step(slow)
			}
			for _, j := range judges {
				step(j)
			}
			if turn == 100 {
				position, end := slow.Position()
				reached := w.records(t, w.part(inputTopic, 1))[position-1].TimeMS
				for _, l := range w.results(t) {
					if l.EndMS > reached {
						t.Fatalf("seed %d: final up to %d, but a partition stands at %d (%d of %d)", seed, l.EndMS, reached, position, end)
					}
				}
			}
		}
		w.finish(t, rand.New(rand.NewPCG(seed, 73)), 0)
		last := want[0].EndMS
		for _, l := range want {
			last = max(last, l.EndMS)
		}
		same(t, int(seed), want, within(w.results(t), loop.Unset, last, "")) // promises go on, over empty windows
	}
}

// Clocks of processes that are wrong by ten minutes, each life by another amount: they
// move record times of our own topics and ticks, and nothing that is counted.
func TestFault_PodClock(t *testing.T) {
	t.Parallel()
	for seed := range seeds(t, 40) {
		w, want := prepared(t, seed)
		rng := rand.New(rand.NewPCG(uint64(seed), 74))
		w.promiseMS = 400_000 // all input is there, so no promise can be broken
		w.tickMS = 30_000
		for life := 0; ; life++ {
			wrong, calls := rng.Int64N(1_200_000)-600_000, int64(0)
			w.pod = func() int64 { calls++; return epochMS + 3_600_000 + wrong + calls*50 }
			rates := memlog.Rates{MaxFetch: 30}
			if life < 30 {
				rates.KillBefore, rates.KillAfter = 0.005, 0.005
			}
			if w.live(t, rng, memlog.Seeded(rng, rates)) {
				break
			}
		}
		same(t, seed, want, w.results(t))
	}
}
