package sequential

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/driftline/driftline/drift/generate"
	"github.com/driftline/driftline/sketches"
)

// Scores are log-likelihood ratios: e to their power has mean 1 under the law they
// were made from.
func TestScoresAreLikelihoodRatios(t *testing.T) {
	t.Parallel()
	ref := mixedReference(t, 5000)
	paths := allPaths(ref)
	tables, err := NewTables(paths, ref)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range paths {
		ft := &tables.features[p.Feature]
		l := newLaw(&ref.Grid.Features[p.Feature], &ref.Features[p.Feature], &ref.Features[p.Feature])
		weights := append(slices.Clone(l.share), 0)
		if p.countsMissing() {
			for k := range l.share {
				weights[k] *= 1 - l.null
			}
			weights[len(l.share)] = l.null
			if l.null < rareShare {
				continue // a rare share is taken for a larger one on purpose
			}
		}
		mean := 0.0
		for c, w := range weights {
			mean += w * math.Exp(float64(ft.score[c*ft.paths+i-ft.first])/nano)
		}
		if math.Abs(mean-1) > 1e-6 {
			t.Errorf("feature %d, %s %g: mean ratio %.9f, want 1", p.Feature, p.Kind, p.Effect, mean)
		}
	}
}

func TestPathsOfAFeature(t *testing.T) {
	t.Parallel()
	ref := mixedReference(t, 5000)
	got := map[int]map[Kind]int{}
	for _, p := range allPaths(ref) {
		if got[p.Feature] == nil {
			got[p.Feature] = map[Kind]int{}
		}
		got[p.Feature][p.Kind]++
	}
	numeric := map[Kind]int{MeanUp: 3, MeanDown: 3, Wider: 2, Narrower: 1, NullUp: 1}
	withNulls := map[Kind]int{MeanUp: 3, MeanDown: 3, Wider: 2, Narrower: 1, NullUp: 1, NullDown: 1}
	for i, want := range []map[Kind]int{numeric, withNulls, {ShareUp: 3, ShareDown: 3, NullUp: 1}, numeric} {
		for k := MeanUp; k <= NullDown; k++ {
			if got[i][k] != want[k] {
				t.Errorf("feature %d has %d paths of %s, want %d", i, got[i][k], k, want[k])
			}
		}
	}
}

// expected is the mean score per record of values drawn by next.
func expected(ref *sketches.Counts, tables *Tables, n int, next func() float64) []float64 {
	inc := make([]int64, tables.paths)
	for range n {
		cell, _ := ref.Grid.Features[0].Locate(sketches.Number(next()))
		tables.Add(inc, 0, cell, 1)
	}
	out := make([]float64, len(inc))
	for i, x := range inc {
		out[i] = float64(x) / nano / float64(n)
	}
	return out
}

// Q2: up to half its effect a path loses ground, beyond it gains. The values are the
// quantiles of the shifted law, so nothing is left to chance.
func TestZoneOfIndifference(t *testing.T) {
	t.Parallel()
	const n = 20_000
	quantiles := make([]float64, n)
	for i := range quantiles {
		quantiles[i] = math.Sqrt2 * math.Erfinv(2*(float64(i)+0.5)/n-1)
	}
	ref := gridOf(t, quantiles)
	paths := allPaths(ref)
	tables, err := NewTables(paths, ref)
	if err != nil {
		t.Fatal(err)
	}
	check := func(shift, stretch float64) []float64 {
		i := -1
		return expected(ref, tables, n, func() float64 { i++; return quantiles[i]*stretch + shift })
	}
	none := check(0, 1)
	for i, p := range paths {
		if none[i] >= 0 {
			t.Errorf("%s %g gains %g a record without drift", p.Kind, p.Effect, none[i])
		}
		sign := 1.0
		switch p.Kind {
		case MeanDown:
			sign = -1
			fallthrough
		case MeanUp:
			if got := check(sign*0.45*p.Effect, 1)[i]; got >= 0 {
				t.Errorf("%s %g gains %g a record at a shift of 0.45 of it", p.Kind, p.Effect, got)
			}
			if got := check(sign*0.6*p.Effect, 1)[i]; got <= 0 {
				t.Errorf("%s %g loses %g a record at a shift of 0.6 of it", p.Kind, p.Effect, got)
			}
		case Wider, Narrower:
			if got := check(0, math.Pow(p.Effect, 0.35))[i]; got >= 0 {
				t.Errorf("%s %g gains %g a record at a third of its stretch", p.Kind, p.Effect, got)
			}
			if got := check(0, math.Pow(p.Effect, 0.6))[i]; got <= 0 {
				t.Errorf("%s %g loses %g a record at 0.6 of its stretch", p.Kind, p.Effect, got)
			}
		case ShareUp, ShareDown, NullUp, NullDown:
		}
	}
}

// Scores depend on ranks alone.
func TestScoresKnowNoScale(t *testing.T) {
	t.Parallel()
	xs := values(5, 3000, 0)
	ys := make([]float64, len(xs))
	for i, x := range xs {
		ys[i] = 1e6 * (x + 100)
	}
	a, b := gridOf(t, xs), gridOf(t, ys)
	ta, err1 := NewTables(allPaths(a), a)
	tb, err2 := NewTables(allPaths(b), b)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if !slices.Equal(ta.features[0].score, tb.features[0].score) {
		t.Error("scores differ after a change of unit")
	}
}

// Q1: merging counts adds increments, and a pane of one record is the row.
func TestIncrementsAddUp(t *testing.T) {
	t.Parallel()
	ref := mixedReference(t, 2000)
	_, tables := testPlan(t, ref, 8, 0)
	d := generate.NewSequence(1, 1)
	x, y, z := make([]int64, tables.paths), make([]int64, tables.paths), make([]int64, tables.paths)
	pane := func(to []int64, c *sketches.Counts) {
		t.Helper()
		if err := tables.Pane(to, c); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		a, b := randomPane(ref.Grid, &d, d.Below(50), 0.3), randomPane(ref.Grid, &d, d.Below(50), 0.3)
		pane(x, a)
		pane(y, b)
		if err := a.Merge(b); err != nil {
			t.Fatal(err)
		}
		pane(z, a)
		for i := range z {
			if z[i] != x[i]+y[i] {
				t.Fatalf("path %d: %d and %d, together %d", i, x[i], y[i], z[i])
			}
		}
		one := randomPane(ref.Grid, &d, 1, 0.3)
		cells := make([]int, len(one.Features))
		for f := range one.Features {
			cells[f] = Missing
			if i := slices.Index(one.Features[f].Cells, 1); i >= 0 {
				cells[f] = i
			}
		}
		pane(x, one)
		tables.Row(y, cells)
		if !slices.Equal(x, y) {
			t.Fatalf("a pane of one record gives %v, the row %v", x, y)
		}
	}
	tables.Row(y, []int{Beside, Beside, Beside, Beside})
	if slices.ContainsFunc(y, func(v int64) bool { return v != 0 }) {
		t.Errorf("values beside the cells count: %v", y)
	}
}

func TestHugeCountsDoNotWrap(t *testing.T) {
	t.Parallel()
	ref := mixedReference(t, 2000)
	p, tables := testPlan(t, ref, 8, 0)
	inc := make([]int64, tables.paths)
	for _, k := range []uint64{plain - 1, plain, 1 << 40, math.MaxUint64} {
		clear(inc)
		for cell := range ref.Features[0].Cells {
			before := slices.Clone(inc)
			tables.Add(inc, 0, cell, k)
			for i, s := range tables.features[0].score[cell*tables.features[0].paths:][:tables.features[0].paths] {
				if s > 0 && inc[i] < before[i] || s < 0 && inc[i] > before[i] || inc[i] > limit || inc[i] < -limit {
					t.Fatalf("count %d, score %d: from %d to %d", k, s, before[i], inc[i])
				}
			}
		}
		st := p.NewState()
		for range 3 {
			p.Step(&st, inc)
		}
	}
}

func TestTablesRefuseWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	ref, other := mixedReference(t, 500), gridOf(t, values(1, 100, 0))
	paths := allPaths(ref)
	if _, err := NewTables(paths, other); !errors.Is(err, sketches.ErrGridMismatch) {
		t.Errorf("paths of another grid: %v", err)
	}
	swapped := slices.Clone(paths)
	swapped[0], swapped[len(swapped)-1] = swapped[len(swapped)-1], swapped[0]
	if _, err := NewTables(swapped, ref); !errors.Is(err, sketches.ErrGridMismatch) {
		t.Errorf("paths out of order: %v", err)
	}
	tables, err := NewTables(paths, ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := tables.Pane(make([]int64, len(paths)), other); !errors.Is(err, sketches.ErrGridMismatch) {
		t.Errorf("a pane of another grid: %v", err)
	}
	if err := tables.Pane(make([]int64, 1), ref); !errors.Is(err, sketches.ErrGridMismatch) {
		t.Errorf("too little room: %v", err)
	}
}
