package sketches

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func addScore(s *ScoreCounts, rng *rand.Rand) {
	class := []string{"no", "yes", "maybe", ""}[rng.IntN(4)]
	switch rng.IntN(10) {
	case 0:
		s.Add(0, false, class)
	case 1:
		s.Add(math.NaN(), true, class)
	case 2:
		s.Add(1+rng.Float64(), true, class)
	case 3:
		s.Add([]float64{0, 1, math.Copysign(0, -1)}[rng.IntN(3)], true, class)
	default:
		s.Add(rng.Float64(), true, class)
	}
}

func testScores(tb testing.TB, seed uint64) *ScoreCounts {
	tb.Helper()
	s, err := NewScoreCounts([]string{"yes", "no"})
	if err != nil {
		tb.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(seed, 3))
	for range 300 {
		addScore(s, rng)
	}
	return s
}

func testBlocks(tb testing.TB, seed uint64) *Blocks {
	tb.Helper()
	b, err := NewBlocks(3_600_000, []int{3, 1, 5})
	if err != nil {
		tb.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(seed, 4))
	for range 12 {
		if err := b.AddBlock(randomBlock(rng)); err != nil {
			tb.Fatal(err)
		}
	}
	return b
}

func randomBlock(rng *rand.Rand) [][]uint64 {
	block := [][]uint64{make([]uint64, 3), make([]uint64, 1), make([]uint64, 5)}
	for _, k := range block {
		for i := range k {
			k[i] = rng.Uint64N(1000)
		}
	}
	return block
}

func TestScoresGoToTheirCells(t *testing.T) {
	t.Parallel()
	for score, want := range map[float64]int{0: 0, 0.0009999: 0, 0.001: 1, 0.5: 500, 0.9999: 999, 1: 999} {
		if got := ScoreCell(score); got != want {
			t.Errorf("cell of %g = %d, want %d", score, got, want)
		}
	}
	s, err := NewScoreCounts([]string{"b", "a"})
	if err != nil {
		t.Fatal(err)
	}
	s.Add(0.25, true, "a")
	s.Add(0.75, true, "b")
	s.Add(0.5, true, "else")
	s.Add(math.NaN(), true, "a")
	s.Add(math.Inf(1), true, "a")
	s.Add(-0.1, true, "a")
	s.Add(0.3, false, "a")
	if !slices.Equal(s.Classes, []string{"a", "b"}) || s.Row(0)[250] != 1 || s.Row(1)[750] != 1 || s.Row(2)[500] != 1 {
		t.Errorf("scores are not in their cells: classes %q", s.Classes)
	}
	if null, nan, outside := s.Beside(0); null != 1 || nan != 1 || outside != 2 {
		t.Errorf("beside the cells: %d null, %d NaN, %d outside; want 1, 1, 2", null, nan, outside)
	}
	if mean, n := s.Mean(); mean != 0.5 || n != 3 || s.Rows != 7 {
		t.Errorf("mean %g of %d scores in %d rows, want 0.5, 3, 7", mean, n, s.Rows)
	}
	total := uint64(0)
	for _, k := range s.Cells() {
		total += k
	}
	if total != 3 {
		t.Errorf("%d scores in all cells, want 3", total)
	}
}

func TestScoreClassesAreBounded(t *testing.T) {
	t.Parallel()
	var many []string
	for i := range MaxClasses + 1 {
		many = append(many, strings.Repeat("x", i))
	}
	for name, classes := range map[string][]string{"too many": many, "one twice": {"a", "a"}, "too long": {strings.Repeat("x", 300)}} {
		if _, err := NewScoreCounts(classes); !errors.Is(err, ErrBadGrid) {
			t.Errorf("%s: error %v, want ErrBadGrid", name, err)
		}
	}
	if _, err := NewScoreCounts(many[:MaxClasses]); err != nil {
		t.Error(err)
	}
}

func TestScoreLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		fresh := func() *ScoreCounts { s, _ := NewScoreCounts([]string{"no", "yes"}); return s }
		a, b, both := fresh(), fresh(), fresh()
		for range rapid.IntRange(0, 40).Draw(t, "rows") {
			one := fresh()
			addScore(one, rng)
			part := a
			if rng.IntN(2) == 0 {
				part = b
			}
			if err := errors.Join(part.Merge(one), both.Merge(one)); err != nil {
				t.Fatal(err)
			}
		}
		ab, ba := a.Clone(), b.Clone()
		if err := errors.Join(ab.Merge(b), ba.Merge(a)); err != nil {
			t.Fatal(err)
		}
		if !ab.Equal(both) || !ba.Equal(both) {
			t.Fatal("the order of merges shows")
		}
		back, err := DecodeScoreCounts(both.Encode())
		if err != nil || !back.Equal(both) {
			t.Fatalf("decoded scores differ: %v", err)
		}
		if err := back.Subtract(a); err != nil || !back.Equal(b) {
			t.Fatalf("subtract does not undo merge: %v", err)
		}
		if err := back.Subtract(b); err != nil || !back.Equal(fresh()) || !back.IsZero() {
			t.Fatalf("nothing is left, but not zero: %v", err)
		}
	})
}

func TestScoreErrorsLeaveThemUnchanged(t *testing.T) {
	t.Parallel()
	s := testScores(t, 1)
	other, _ := NewScoreCounts([]string{"a"})
	if err := s.Merge(other); !errors.Is(err, ErrGridMismatch) {
		t.Errorf("other classes: %v", err)
	}
	more := testScores(t, 2)
	more.Rows = 0 // cells are what goes below zero
	before := s.Clone()
	if err := s.Subtract(more); !errors.Is(err, ErrNegative) || !s.Equal(before) {
		t.Errorf("subtracting what is not there: %v", err)
	}
	full := s.Clone()
	full.Rows = math.MaxUint64
	if err := full.Merge(s); !errors.Is(err, ErrOverflow) || full.Rows != math.MaxUint64 {
		t.Errorf("rows that overflow: %v", err)
	}
}

func TestBlockSumsAreTheirDefinition(t *testing.T) {
	t.Parallel()
	blocks := [][]uint64{{1, 2, 3}, {4, 0, 6}, {0, 0, 0}, {7, 8, 9}}
	b, err := NewBlocks(1000, []int{3})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range blocks {
		if err := b.AddBlock([][]uint64{k}); err != nil {
			t.Fatal(err)
		}
	}
	s := &b.Features[0]
	if s.J != 3 {
		t.Errorf("J = %d, want 3: an empty block is none", s.J)
	}
	sum := func(f func(k []uint64, n uint64) uint64) Int128 {
		total := uint64(0)
		for _, k := range blocks {
			total += f(k, k[0]+k[1]+k[2])
		}
		return Int128FromUint(total)
	}
	if s.N != sum(func(_ []uint64, n uint64) uint64 { return n }) || s.NN != sum(func(_ []uint64, n uint64) uint64 { return n * n }) {
		t.Errorf("ΣN = %s, ΣN² = %s", s.N, s.NN)
	}
	for i := range 3 {
		if s.K[i] != sum(func(k []uint64, _ uint64) uint64 { return k[i] }) || s.NK[i] != sum(func(k []uint64, n uint64) uint64 { return n * k[i] }) {
			t.Errorf("bin %d: Σk = %s, ΣNk = %s", i, s.K[i], s.NK[i])
		}
		for j := range 3 {
			if s.At(i, j) != sum(func(k []uint64, _ uint64) uint64 { return k[i] * k[j] }) {
				t.Errorf("Σk%d·k%d = %s", i, j, s.At(i, j))
			}
		}
	}
}

func TestBlockLaws(t *testing.T) {
	t.Parallel()
	a, b := testBlocks(t, 1), testBlocks(t, 2)
	ab, ba := a.Clone(), b.Clone()
	if err := errors.Join(ab.Merge(b), ba.Merge(a)); err != nil || !ab.Equal(ba) {
		t.Fatalf("the order of merges shows: %v", err)
	}
	back, err := DecodeBlocks(ab.Encode())
	if err != nil || !back.Equal(ab) {
		t.Fatalf("decoded blocks differ: %v", err)
	}
	if err := back.Subtract(a); err != nil || !back.Equal(b) {
		t.Errorf("subtract does not undo merge: %v", err)
	}
	before := a.Clone()
	if err := a.Subtract(ab); !errors.Is(err, ErrNegative) || !a.Equal(before) {
		t.Errorf("subtracting too much: %v", err)
	}
	full := a.Clone()
	full.Features[2].KK[3] = Int128{Hi: math.MaxInt64, Lo: math.MaxUint64}
	before = full.Clone()
	if err := full.Merge(a); !errors.Is(err, ErrOverflow) || !full.Equal(before) {
		t.Errorf("a sum that overflows: %v", err)
	}
	other, _ := NewBlocks(1, []int{3, 1, 5})
	narrow, _ := NewBlocks(3_600_000, []int{3, 1, 4})
	for name, o := range map[string]*Blocks{"another length": other, "other bins": narrow} {
		if err := a.Merge(o); !errors.Is(err, ErrGridMismatch) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, block := range map[string][][]uint64{"too few features": {{1, 2, 3}}, "too few bins": {{1, 2}, {1}, {1, 2, 3, 4, 5}}} {
		if err := a.AddBlock(block); !errors.Is(err, ErrGridMismatch) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := a.AddBlock([][]uint64{{math.MaxUint64, 1, 0}, {1}, make([]uint64, 5)}); !errors.Is(err, ErrOverflow) {
		t.Errorf("a block too large: %v", err)
	}
	for name, bins := range map[string][]int{"no features": {}, "no bins": {0}, "too many bins": {65}} {
		if _, err := NewBlocks(1000, bins); !errors.Is(err, ErrBadGrid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewBlocks(0, []int{3}); !errors.Is(err, ErrBadGrid) {
		t.Errorf("no length: %v", err)
	}
}
