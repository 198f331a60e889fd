package performance

import (
	"errors"
	"math"
	"testing"

	"github.com/driftline/driftline/sketches"
)

// minMax is the isotonic fit by its closed form, apart from any pooling:
// p_i = max over j ≤ i of min over k ≥ i of the mean of points j … k.
func minMax(positives, totals []uint64) []float64 {
	out := make([]float64, len(totals))
	for i := range totals {
		best := math.Inf(-1)
		for j := 0; j <= i; j++ {
			least := math.Inf(1)
			for k := i; k < len(totals); k++ {
				var p, n uint64
				for x := j; x <= k; x++ {
					p, n = p+positives[x], n+totals[x]
				}
				if n > 0 {
					least = min(least, float64(p)/float64(n))
				}
			}
			if !math.IsInf(least, 1) {
				best = max(best, least)
			}
		}
		out[i] = best
	}
	return out
}

// forgetful pools a violator with its left neighbour only, and does not look back: the
// mutant that the property must find.
func forgetful(positives, totals []uint64) []block {
	var out []block
	for i, n := range totals {
		if n == 0 {
			continue
		}
		b := block{first: i, last: i, positives: positives[i], total: n}
		if len(out) > 0 && exceeds(out[len(out)-1], b) {
			left := out[len(out)-1]
			b = block{first: left.first, last: i, positives: left.positives + b.positives, total: left.total + n}
			out = out[:len(out)-1]
		}
		out = append(out, b)
	}
	return out
}

func chancesOf(blocks []block, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = math.NaN()
	}
	for _, b := range blocks {
		for i := b.first; i <= b.last; i++ {
			out[i] = b.chance()
		}
	}
	return out
}

func TestPoolAdjacent_AscendsAndIsOptimal(t *testing.T) {
	t.Parallel()
	const seed = 11
	mutantFound := false
	for run := range 400 {
		d := newDraws(seed, uint64(run))
		size := 1 + d.intn(25)
		positives, totals := make([]uint64, size), make([]uint64, size)
		for i := range totals {
			totals[i] = uint64(d.intn(6)) // 0 too
			positives[i] = uint64(d.intn(int(totals[i]) + 1))
		}
		blocks, err := poolAdjacent(positives, totals)
		if err != nil {
			t.Fatal(err)
		}
		var labels uint64
		for i, b := range blocks {
			labels += b.total
			if i > 0 && exceeds(blocks[i-1], b) {
				t.Fatalf("seed %d run %d: block %d descends", seed, run, i)
			}
		}
		for _, n := range totals {
			labels -= n
		}
		if labels != 0 {
			t.Fatalf("seed %d run %d: labels lost", seed, run)
		}
		want := minMax(positives, totals)
		got, mutant := chancesOf(blocks, size), chancesOf(forgetful(positives, totals), size)
		for i, n := range totals {
			if n == 0 {
				continue
			}
			if math.Abs(got[i]-want[i]) > 1e-12 {
				t.Fatalf("seed %d run %d: point %d %g, want %g\npositives %v\ntotals %v", seed, run, i, got[i], want[i], positives, totals)
			}
			mutantFound = mutantFound || math.Abs(mutant[i]-want[i]) > 1e-9
		}
	}
	if !mutantFound {
		t.Error("the mutant that does not look back passes too: the property does not bite")
	}
}

func TestPoolAdjacent_ComparesHugeCountsExactly(t *testing.T) {
	t.Parallel()
	// As float64 both ratios are the same; the left one is larger by 2⁻¹²⁰.
	const big = 1 << 60
	blocks, err := poolAdjacent([]uint64{big / 2, big/2 - 1}, []uint64{big, big - 1})
	if err != nil || len(blocks) != 1 {
		t.Errorf("%d blocks, %v: want the pair pooled", len(blocks), err)
	}
	if _, err := poolAdjacent([]uint64{1 << 63, 0}, []uint64{1 << 63, 1 << 63}); !errors.Is(err, ErrBadInput) {
		t.Errorf("totals beyond 64 bits: %v", err)
	}
}

func TestFitMap_LevelInsideLinearBetweenClippedOutside(t *testing.T) {
	t.Parallel()
	positives, totals := make([]uint64, sketches.ScoreCells), make([]uint64, sketches.ScoreCells)
	positives[100], totals[100] = 1, 10
	positives[200], totals[200] = 5, 10
	positives[210], totals[210] = 3, 10 // pooled with the one before: 8 of 20
	positives[900], totals[900] = 10, 10
	m, err := FitMap(positives, totals)
	if err != nil {
		t.Fatal(err)
	}
	for cell, want := range map[int]float64{0: 0.1, 100: 0.1, 150: 0.25, 200: 0.4, 205: 0.4, 210: 0.4, 555: 0.7, 900: 1, 999: 1} {
		if got := m.Chance(cell); math.Abs(got-want) > 1e-12 {
			t.Errorf("cell %d: %g, want %g", cell, got, want)
		}
	}
	if m.Labels() != 40 {
		t.Errorf("%d labels, want 40", m.Labels())
	}
	for c := 1; c < sketches.ScoreCells; c++ {
		if m.Chance(c) < m.Chance(c-1) {
			t.Fatalf("the map descends at cell %d", c)
		}
	}
}

func TestFit_RefusesWhatIsNoCounts(t *testing.T) {
	t.Parallel()
	full := make([]uint64, sketches.ScoreCells)
	more := append([]uint64{1}, full[1:]...)
	for name, f := range map[string]func() error{
		"no labels":           func() error { _, err := FitMap(full, full); return err },
		"more than there are": func() error { _, err := FitMap(more, full); return err },
		"other shape":         func() error { _, err := FitMap(full[1:], full[1:]); return err },
		"lengths":             func() error { _, err := FitIsotonic([]float64{1}, nil, []uint64{1}); return err },
		"NaN":                 func() error { _, err := FitIsotonic([]float64{math.NaN()}, []uint64{0}, []uint64{1}); return err },
		"no points":           func() error { _, err := FitIsotonic(nil, nil, nil); return err },
		"nothing but empty":   func() error { _, err := FitIsotonic([]float64{1}, []uint64{0}, []uint64{0}); return err },
	} {
		if err := f(); !errors.Is(err, ErrBadInput) {
			t.Errorf("%s: error %v, want ErrBadInput", name, err)
		}
	}
	one, err := FitIsotonic([]float64{3}, []uint64{1}, []uint64{4})
	if err != nil || one.At(-5) != 0.25 || one.At(3) != 0.25 || one.At(9) != 0.25 || !math.IsNaN(one.At(math.NaN())) {
		t.Errorf("one point: %v %v", one, err)
	}
}
