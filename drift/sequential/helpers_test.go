package sequential

import (
	"math"
	"testing"

	"github.com/driftline/driftline/drift/generate"
	"github.com/driftline/driftline/sketches"
)

// values returns n values of a Gaussian AR(1).
func values(seed uint64, n int, phi float64) []float64 {
	s := generate.NewSource(seed, 1, phi)
	xs := make([]float64, n)
	for i := range xs {
		xs[i], _ = s.Next()
	}
	return xs
}

// gridOf is a grid with one numeric feature, and the counts it was built from.
func gridOf(tb testing.TB, xs []float64) *sketches.Counts {
	tb.Helper()
	f, err := sketches.NewNumeric("x", xs)
	if err != nil {
		tb.Fatal(err)
	}
	g, err := sketches.NewGrid([]sketches.FeatureGrid{f})
	if err != nil {
		tb.Fatal(err)
	}
	c := sketches.NewCounts(g)
	for _, x := range xs {
		c.AddRow()
		c.Add(0, sketches.Number(x))
	}
	return c
}

// mixedReference has a numeric feature, one with half of its values at zero and some
// missing, a categorical and a constant one.
func mixedReference(tb testing.TB, rows int) *sketches.Counts {
	tb.Helper()
	draws := generate.NewSequence(3, 1)
	a, b := make([]float64, rows), make([]float64, rows)
	cats := make([]string, rows)
	count := map[string]uint64{}
	for i := range rows {
		a[i] = math.Exp(draws.Normal())
		b[i] = max(0, draws.Normal())
		cats[i] = []string{"red", "green", "green", "blue", "blue", "blue", "blue"}[draws.Below(7)]
		count[cats[i]]++
	}
	fa, err1 := sketches.NewNumeric("a", a)
	fb, err2 := sketches.NewNumeric("b", b)
	fc, err3 := sketches.NewCategorical("c", count, 10)
	fd, err4 := sketches.NewNumeric("d", []float64{5, 5, 5})
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			tb.Fatal(err)
		}
	}
	g, err := sketches.NewGrid([]sketches.FeatureGrid{fa, fb, fc, fd})
	if err != nil {
		tb.Fatal(err)
	}
	ref := sketches.NewCounts(g)
	for i := range rows {
		ref.AddRow()
		ref.Add(0, sketches.Number(a[i]))
		v := sketches.Number(b[i])
		if i%10 == 0 {
			v = sketches.Null()
		}
		ref.Add(1, v)
		ref.Add(2, sketches.String(cats[i]))
		ref.Add(3, sketches.Number(5))
	}
	return ref
}

func allPaths(ref *sketches.Counts) []Path {
	var out []Path
	for i := range ref.Features {
		out = append(out, pathsOf(&ref.Grid.Features[i], i, &ref.Features[i])...)
	}
	return out
}

// testPlan is a plan that was not calibrated.
func testPlan(tb testing.TB, ref *sketches.Counts, threshold float64, cooldown uint32) (*Plan, *Tables) {
	tb.Helper()
	p := &Plan{
		Grid: ref.Grid.ID(), Paths: allPaths(ref), Threshold: int64(threshold * nano), Cooldown: cooldown,
		Report: Report{Basis: AssumedIndependent, TargetPanes: 5000, Alarms: 990, Simulated: 5_000_000, BlockPanes: 1, Replicates: 40, Seed: 1},
	}
	if err := p.Validate(); err != nil {
		tb.Fatal(err)
	}
	t, err := NewTables(p.Paths, ref)
	if err != nil {
		tb.Fatal(err)
	}
	return p, t
}

// randomPane counts rows on a grid, shifted by some of its scale.
func randomPane(g *sketches.Grid, d *generate.Sequence, rows int, shift float64) *sketches.Counts {
	c := sketches.NewCounts(g)
	for range rows {
		c.AddRow()
		for i := range g.Features {
			f := &g.Features[i]
			switch {
			case d.Uniform() < 0.05:
				c.Add(i, sketches.Null())
			case f.Kind == sketches.Numeric:
				c.Add(i, sketches.Number(f.Edges[d.Below(len(f.Edges))]+float64(shift*d.Normal())))
			default:
				c.Add(i, sketches.String(f.Names[d.Below(len(f.Names))]))
			}
		}
	}
	return c
}
