package drift

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/driftline/driftline/sketches"
)

// onGrid makes a one-feature grid from the reference sample and counts both on it.
func onGrid(tb testing.TB, ref, cur []float64) (*sketches.FeatureGrid, *sketches.FeatureCounts, *sketches.FeatureCounts) {
	tb.Helper()
	f, err := sketches.NewNumeric("x", ref)
	if err != nil {
		tb.Fatal(err)
	}
	g, err := sketches.NewGrid([]sketches.FeatureGrid{f})
	if err != nil {
		tb.Fatal(err)
	}
	return &g.Features[0], countOn(g, ref), countOn(g, cur)
}

func countOn(g *sketches.Grid, xs []float64) *sketches.FeatureCounts {
	c := sketches.NewCounts(g)
	for _, x := range xs {
		c.AddRow()
		c.Add(0, sketches.Number(x))
	}
	return &c.Features[0]
}

func normals(rng *rand.Rand, n int, mean, sd float64) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = mean + sd*rng.NormFloat64()
	}
	return x
}

// TestIntervalsHoldTheTrueDistances covers D1: KS and Wasserstein of the raw values
// lie in the intervals read from the cells, for continuous, tied and mixed samples.
func TestIntervalsHoldTheTrueDistances(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		shape := rapid.IntRange(0, 3).Draw(t, "shape")
		draw := func(shift float64) float64 {
			x := rng.NormFloat64() + shift
			switch shape {
			case 1:
				return math.Round(x * 2)
			case 2:
				return max(0, x)
			case 3:
				return math.Exp(2 * x)
			}
			return x
		}
		n, m := rapid.IntRange(1, 800).Draw(t, "n"), rapid.IntRange(1, 300).Draw(t, "m")
		shift := rapid.Float64Range(-2, 2).Draw(t, "shift")
		var ref, cur []float64
		for range n {
			ref = append(ref, draw(0))
		}
		for range m {
			cur = append(cur, draw(shift))
		}
		f, err := sketches.NewNumeric("x", ref)
		if err != nil {
			t.Fatal(err)
		}
		g, _ := sketches.NewGrid([]sketches.FeatureGrid{f})
		a, b := countOn(g, ref), countOn(g, cur)
		r, _, _ := NewSample(ref)
		c, _, _ := NewSample(cur)

		const eps = 1e-12
		d := KSSamples(r, c).D
		lo, hi := KSInterval(&f, a, b)
		if d < lo-eps || d > hi+eps {
			t.Fatalf("KS %.15g outside [%.15g, %.15g]", d, lo, hi)
		}
		if most := 1.0/240 + 1.0/512 + 2/float64(n); hi-lo > most+eps {
			t.Fatalf("KS interval of width %g, want at most %g", hi-lo, most)
		}
		w := Wasserstein(r, c)
		point, wlo, whi, ok := WassersteinCells(&f, a, b)
		rel := eps * (1 + whi)
		if !ok || w < wlo-rel || w > whi+rel || point < wlo-rel || point > whi+rel {
			t.Fatalf("W1 %g and point %g, interval [%g, %g], certified %v", w, point, wlo, whi, ok)
		}
	})
}

// TestIntervalEndsAreReached places the values of every cell first all alike, then
// all reference values before all window values or the other way round.
func TestIntervalEndsAreReached(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(2, 2))
	for run := range 200 {
		f, a, b := onGrid(t, normals(rng, 300, 0, 1), normals(rng, 200, rng.Float64()-0.5, 1))
		lo, hi := KSInterval(f, a, b)
		place := func(refAt, curAt float64) float64 {
			var ref, cur []float64
			for i := 1; i < len(f.Edges); i++ {
				w := f.Edges[i] - f.Edges[i-1]
				ref = append(ref, slices.Repeat([]float64{f.Edges[i-1] + refAt*w}, int(a.Cells[i]))...)
				cur = append(cur, slices.Repeat([]float64{f.Edges[i-1] + curAt*w}, int(b.Cells[i]))...)
			}
			last := len(f.Edges)
			cur = append(cur, slices.Repeat([]float64{f.Edges[0] - 1}, int(b.Cells[0]))...)
			cur = append(cur, slices.Repeat([]float64{f.Edges[last-1] + 1}, int(b.Cells[last]))...)
			r, _, _ := NewSample(ref)
			c, _, _ := NewSample(cur)
			return KSSamples(r, c).D
		}
		if got := place(0, 0); math.Abs(got-lo) > 1e-12 {
			t.Errorf("run %d: ties give D = %.15g, lower end %.15g", run, got, lo)
		}
		if got := max(place(0.25, 0.75), place(0.75, 0.25)); math.Abs(got-hi) > 1e-12 {
			t.Errorf("run %d: orders give D = %.15g, upper end %.15g", run, got, hi)
		}
	}
}

func TestKSIntervalIsTheSameInSmallAndLargeIntegers(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 3))
	f, a, b := onGrid(t, normals(rng, 500, 0, 1), normals(rng, 400, 0.3, 1))
	lo, hi := KSInterval(f, a, b)
	big := func(c *sketches.FeatureCounts) *sketches.FeatureCounts {
		n := *c
		n.Cells = slices.Clone(c.Cells)
		for i := range n.Cells {
			n.Cells[i] <<= 50
		}
		return &n
	}
	blo, bhi := KSInterval(f, big(a), big(b))
	if math.Abs(lo-blo) > 1e-15 || math.Abs(hi-bhi) > 1e-15 {
		t.Errorf("[%g, %g] in 64 bits, [%g, %g] in 128", lo, hi, blo, bhi)
	}
}

func TestMergeSmallBins(t *testing.T) {
	t.Parallel()
	const num, cat = sketches.Numeric, sketches.Categorical
	for _, tc := range []struct {
		name string
		kind sketches.Kind
		a, b []uint64
		want []int
	}{
		{"large bins stay", num, []uint64{5, 9, 7}, []uint64{0, 1, 2}, []int{0, 1, 2}},
		{"under and over join their neighbours first", num, []uint64{0, 2, 9, 0}, []uint64{3, 0, 9, 1}, []int{0, 0, 1, 1}},
		{"a small bin joins the smaller neighbour", num, []uint64{9, 9, 1, 6, 9}, make([]uint64, 5), []int{0, 1, 2, 2, 3}},
		{"ties go to the lower index", num, []uint64{9, 7, 1, 7, 9}, make([]uint64, 5), []int{0, 1, 1, 2, 3}},
		{"merging goes on until nothing is small", num, []uint64{9, 1, 1, 1, 9}, make([]uint64, 5), []int{0, 0, 0, 0, 1}},
		{"everything small becomes one bin", num, []uint64{0, 6, 0}, []uint64{0, 0, 4}, []int{0, 0, 0}},
		{"one bin stays one", num, []uint64{1}, []uint64{1}, []int{0}},
		{"rare categories go to other", cat, []uint64{9, 2, 8, 4}, []uint64{0, 1, 0, 0}, []int{0, 1, 2, 1}},
		{"a small other joins the smallest category", cat, []uint64{9, 6, 1, 1}, make([]uint64, 4), []int{0, 1, 1, 1}},
		{"no other at all stays out of the way", cat, []uint64{9, 6, 0}, []uint64{1, 1, 0}, []int{0, 1, 1}},
		{"only rare categories", cat, []uint64{1, 1, 0}, []uint64{1, 0, 0}, []int{0, 0, 0}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			x := newMerging(len(tc.a))
			x.merge(tc.kind, tc.b, tc.a) // buffers are used again
			groups := x.merge(tc.kind, tc.a, tc.b)
			if group := x.group; !slices.Equal(group, tc.want) || groups != slices.Max(tc.want)+1 {
				t.Errorf("groups %v (%d), want %v", group, groups, tc.want)
			}
		})
	}
}

func TestOutOfRangeP(t *testing.T) {
	t.Parallel()
	if got := OutOfRangeP(10, 3, 2); math.Abs(got-1.0/26) > 1e-15 {
		t.Errorf("P = %g, want 1/26", got)
	}
	if got := OutOfRangeP(10, 3, 0); got != 1 {
		t.Errorf("P of none = %g, want 1", got)
	}
	if got := OutOfRangeP(10, 3, 4); got != 0 {
		t.Errorf("P of more than there are = %g, want 0", got)
	}
}

func TestNano(t *testing.T) {
	t.Parallel()
	for x, want := range map[float64]int64{
		0: 0, 0.2: 200_000_000, -1.5e-9: -2, 2.5e-9: 2, 1e30: math.MaxInt64, -1e30: -math.MaxInt64,
		math.Inf(1): math.MaxInt64, math.Inf(-1): -math.MaxInt64,
	} {
		if got := Nano(x); got != want {
			t.Errorf("Nano(%g) = %d, want %d", x, got, want)
		}
	}
	if Nano(math.NaN()) != NanoNaN || !math.IsNaN(FromNano(NanoNaN)) || FromNano(Nano(0.125)) != 0.125 {
		t.Error("NaN does not go there and back")
	}
}
