package sketches

import (
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
)

// samples are the shapes of data that a locator must serve: name, and n values.
var samples = []struct {
	name string
	draw func(r *rand.Rand) float64
}{
	{"normal", func(r *rand.Rand) float64 { return r.NormFloat64() }},
	{"normal far from 0", func(r *rand.Rand) float64 { return 1e9 + r.NormFloat64() }},
	{"log-normal", func(r *rand.Rand) float64 { return math.Exp(r.NormFloat64()) }},
	{"log-normal, σ = 3", func(r *rand.Rand) float64 { return math.Exp(3 * r.NormFloat64()) }},
	{"Pareto, α = 1.5", func(r *rand.Rand) float64 { return math.Pow(1-r.Float64(), -1/1.5) }},
	{"Pareto, α = 0.5", func(r *rand.Rand) float64 { return math.Pow(1-r.Float64(), -2) }},
	{"uniform", func(r *rand.Rand) float64 { return r.Float64() }},
	{"Cauchy", func(r *rand.Rand) float64 { return math.Tan(math.Pi * (r.Float64() - 0.5)) }},
	{"normal with a far value", func(r *rand.Rand) float64 {
		if r.IntN(10_000) == 0 {
			return 1e12
		}
		return r.NormFloat64()
	}},
	{"whole numbers", func(r *rand.Rand) float64 { return math.Floor(20 * r.ExpFloat64()) }},
	{"half of it 0", func(r *rand.Rand) float64 { return math.Max(0, r.NormFloat64()) }},
	{"tiny and huge", func(r *rand.Rand) float64 { return math.Ldexp(r.NormFloat64(), r.IntN(2000)-1000) }},
}

func sampleGrid(t testing.TB, draw func(*rand.Rand) float64, n int) FeatureGrid {
	t.Helper()
	r := rand.New(rand.NewPCG(11, 12))
	x := make([]float64, n)
	for i := range x {
		x[i] = draw(r)
	}
	f, err := NewNumeric("x", x)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestLocator_IsTheNumberOfEdgesNotAbove(t *testing.T) {
	t.Parallel()
	for _, s := range samples {
		for _, n := range []int{1, 3, 40, 3000} {
			f := sampleGrid(t, s.draw, n)
			edges := f.Edges
			x := []float64{-math.MaxFloat64, math.MaxFloat64, 0, math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64}
			for _, e := range edges {
				if !math.IsInf(e, 0) {
					x = append(x, e, math.Nextafter(e, math.Inf(1)), math.Nextafter(e, math.Inf(-1)))
				}
			}
			r := rand.New(rand.NewPCG(13, uint64(n)))
			for range 3000 {
				x = append(x, s.draw(r), math.Float64frombits(r.Uint64()))
			}
			for _, x := range x {
				if math.IsNaN(x) || math.IsInf(x, 0) {
					continue
				}
				want := sort.Search(len(edges), func(i int) bool { return edges[i] > x })
				if got := f.at.cell(x + 0); got != want {
					t.Fatalf("%s, %d values: cell(%g) = %d, want %d", s.name, n, x, got, want)
				}
			}
		}
	}
}

func TestSearch_IsTheNumberOfEdgesNotAbove(t *testing.T) {
	t.Parallel()
	var edges []float64
	for n := range 40 {
		for x := -1.0; x <= float64(n)+1; x += 0.5 {
			want := sort.Search(n, func(i int) bool { return edges[i] > x })
			if got := search(edges, x); got != want {
				t.Fatalf("search in %d edges of %g = %d, want %d", n, x, got, want)
			}
		}
		edges = append(edges, float64(n))
	}
}

// Few numbers may need a search: that is what the choice of table is for.
func TestLocator_FewNumbersAreSearched(t *testing.T) {
	t.Parallel()
	for _, s := range samples {
		if s.name == "tiny and huge" {
			continue // ten values to a slot whatever the scale
		}
		f := sampleGrid(t, s.draw, 20_000)
		r := rand.New(rand.NewPCG(21, 22))
		searched, l := 0, &f.at
		const n = 20_000
		for range n {
			x := s.draw(r) + 0
			if x < l.lo || x >= l.hi {
				searched++
			} else if l.start[l.slot(x)] >= crowded {
				searched++
			}
		}
		if share := float64(searched) / n; share > 0.3 {
			t.Errorf("%s: %.2f of the numbers are searched, want at most 0.3", s.name, share)
		} else {
			t.Logf("%s: %.3f searched, %d edges, by value: %v", s.name, share, l.n, l.inv != 0)
		}
	}
}

// One lookup and count at 240 cells beside a binary search of the standard library.
func BenchmarkLocate(b *testing.B) {
	for _, s := range samples[:6] {
		f := sampleGrid(b, s.draw, 50_000)
		r := rand.New(rand.NewPCG(31, 32))
		x := make([]float64, 1<<14)
		for i := range x {
			x[i] = s.draw(r)
		}
		counts := make([]uint64, f.Cells())
		b.Run(s.name+"/table", func(b *testing.B) {
			for i := range b.N {
				counts[f.at.cell(x[i%len(x)])]++
			}
		})
		b.Run(s.name+"/sort.Search", func(b *testing.B) {
			edges := slices.Clone(f.Edges)
			for i := range b.N {
				v := x[i%len(x)]
				counts[sort.Search(len(edges), func(i int) bool { return edges[i] > v })]++
			}
		})
	}
}
