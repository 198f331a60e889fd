package sim

import (
	"math/rand/v2"
	"testing"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/memlog"
	"github.com/driftline/driftline/stream/replay"
	"github.com/driftline/driftline/stream/wire"
)

func (w *world) fold(t testing.TB, number int32, fromPane int64, rate uint64) {
	t.Helper()
	f := wire.Fold{Number: number, FromPane: fromPane, Rate: rate, Decoder: sketches.ID{byte(number)}}
	w.append(t, wire.Control{Kind: "fold", ID: "main", Seq: int64(number), Value: f.Encode()})
}

// thinnedSpread writes the same events to a number of partitions; half of them are
// kept from one pane on, a fifth from a later one, and all from a third.
func thinnedSpread(t testing.TB, seed uint64, partitions int, m loop.Mutant) (lines []replay.Line, outcomes [wire.Outcomes]uint64) {
	t.Helper()
	w := bareWorld(t, partitions)
	w.references(t)
	first := epochMS / w.layout.PaneMS
	w.fold(t, 1, first+5, wire.FullRate/2)
	w.fold(t, 2, first+12, wire.FullRate/5)
	w.fold(t, 3, first+24, wire.FullRate)
	rng, to := rand.New(rand.NewPCG(seed, 50)), rand.New(rand.NewPCG(seed, uint64(partitions)))
	at := epochMS
	for i := range 240 {
		at += rng.Int64N(15_000)
		w.put(t, to.IntN(partitions), at, row(rng, models[rng.IntN(2)], at, i, i > 120))
	}
	w.ticks(t, partitions, at+5*60_000)
	must(t, w.bothLife(w.log.Handle(nil), to, m))
	sum, _ := w.outcomes(t)
	return w.results(t), sum
}

// P2 with thinning: which records are left out depends on their bytes and on the pane
// they belong to, not on the partition they lie in.
func TestP2_ThinningDoesNotDependOnPartitions(t *testing.T) {
	t.Parallel()
	for seed := range uint64(max(2, seeds(t, 10))) {
		want, one := thinnedSpread(t, seed, 1, loop.Sound)
		if len(want) == 0 || one[wire.Thinned] < 40 || one[wire.Accepted] < 60 {
			t.Fatalf("seed %d: %d lines, outcomes %v: too little was thinned or kept", seed, len(want), one)
		}
		for _, partitions := range []int{2, 7, 64} {
			got, n := thinnedSpread(t, seed, partitions, loop.Sound)
			if diff := diffLines(want, got); diff != "" {
				t.Fatalf("seed %d, %d partitions: %s", seed, partitions, diff)
			}
			if n[wire.Accepted] != one[wire.Accepted] {
				t.Errorf("seed %d, %d partitions: %d accepted, one partition accepts %d", seed, partitions, n[wire.Accepted], one[wire.Accepted])
			}
		}
	}
}

// The mutant: thinning by a record's offset.
func TestP2_ThinningByOffsetIsFoundOut(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5) {
		a, _ := thinnedSpread(t, seed, 1, loop.ThinByOffset)
		b, _ := thinnedSpread(t, seed, 7, loop.ThinByOffset)
		if diffLines(a, b) == "" {
			t.Errorf("seed %d: thinned by offset, one partition and seven agree", seed)
		}
	}
}

// foldChange is a world in which thinning changes at a random operation, from a pane
// that collectors have begun or passed, but that is not final.
func foldChange(t testing.TB, seed uint64, rate float64) (w *world, late bool) {
	t.Helper()
	w = bareWorld(t, 2)
	w.references(t)
	w.maxPending, w.tickMS = int(seed%3), 1
	rng := rand.New(rand.NewPCG(seed, 51))
	at := epochMS
	for i := range 160 {
		at += rng.Int64N(15_000)
		w.put(t, rng.IntN(2), at, row(rng, models[rng.IntN(2)], at, i, i > 80))
	}
	w.ticks(t, 2, at)
	n, when := int64(0), 60+rng.Int64N(200)
	write := func() {
		if n++; n != when {
			return
		}
		final := epochMS / 60_000
		for _, f := range w.folds {
			if done, ok := f.Done(); ok {
				final = max(final, done)
			}
		}
		from := final + 8
		late = from < at/60_000
		w.fold(t, 1, from, wire.FullRate*2/5)
		w.log.Advance(1) // sources that have nothing left to read look at control at a tick
	}
	for life := 0; ; life++ {
		r := memlog.Rates{MaxFetch: 6}
		if life < 30 {
			r.KillBefore, r.KillAfter = rate, rate
		}
		faults := memlog.Seeded(rng, r)
		if w.live(t, rng, func(op memlog.Op) memlog.Fault { write(); return faults(op) }) {
			return w, late && n >= when
		}
	}
}

// Thinning changes while all runs, and one collector or the other learns of it late:
// it reads again, what was counted in the old way is ignored, old and new never mix in
// a pane, and the results are those of a replay, in which all know it from the start.
func TestFault_FoldChange(t *testing.T) {
	t.Parallel()
	tried, wrong := 0, uint64(0)
	for seed := range uint64(max(20, seeds(t, 120))) {
		w, late := foldChange(t, seed, float64(seed%2)*0.004)
		if !late {
			continue
		}
		tried++
		for _, f := range w.folds {
			wrong += f.Stats().Obsolete
			if n := f.Stats().WrongFold; n > 0 {
				t.Errorf("seed %d: %d partials of a fold that control does not know", seed, n)
			}
		}
		same(t, int(seed), w.replayed(t), w.results(t))
	}
	t.Logf("%d seeds, %d partials of another fold ignored", tried, wrong)
	if tried == 0 || wrong == 0 {
		t.Error("no change came late, or none that made a partial obsolete")
	}
}
