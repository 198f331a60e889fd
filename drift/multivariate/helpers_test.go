package multivariate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/sketches/joint"
)

// world is a reference of normal rows on a grid of its own.
type world struct {
	grid  *sketches.Grid
	space *joint.Embedding
	rng   *rand.Rand
	adder *joint.Adder
	panes []*joint.Sums // of the reference, one row each
	all   *joint.Sums
}

func newWorld(tb testing.TB, d, n, waves int, seed uint64, draw func(rng *rand.Rand, x []float64)) *world {
	tb.Helper()
	w := &world{rng: rand.New(rand.NewPCG(seed, 11)), adder: joint.NewAdder()}
	rows, columns := make([][]float64, n), make([][]float64, d)
	for r := range rows {
		rows[r] = make([]float64, d)
		draw(w.rng, rows[r])
		for k, x := range rows[r] {
			if !math.IsNaN(x) { // a missing value
				columns[k] = append(columns[k], x)
			}
		}
	}
	features := make([]sketches.FeatureGrid, d)
	for k := range features {
		f, err := sketches.NewNumeric(fmt.Sprintf("x%d", k), columns[k])
		if err != nil {
			tb.Fatal(err)
		}
		features[k] = f
	}
	var err error
	if w.grid, err = sketches.NewGrid(features); err != nil {
		tb.Fatal(err)
	}
	counts, codes := sketches.NewCounts(w.grid), make([][]uint16, d)
	for _, x := range rows {
		counts.AddRow()
		for k := range x {
			counts.Add(k, sketches.Number(x[k]))
			codes[k] = append(codes[k], w.grid.Features[k].Code(sketches.Number(x[k])))
		}
	}
	sample := make([][]uint16, d)
	for k := range sample {
		sample[k] = codes[k][:min(n, 1000)]
	}
	if w.space, err = joint.Build(joint.Config{Reference: counts, Sample: sample, Waves: waves, Seed: seed}); err != nil {
		tb.Fatal(err)
	}
	w.all = joint.NewSums(w.space)
	for _, x := range rows {
		p := w.sums(x)
		w.panes = append(w.panes, p)
		if err := w.all.Merge(p); err != nil {
			tb.Fatal(err)
		}
	}
	return w
}

// sums are those of rows.
func (w *world) sums(rows ...[]float64) *joint.Sums {
	t := joint.NewTally(w.space)
	c := sketches.NewCodes(w.grid, 64)
	for len(rows) > 0 {
		c.Rows = min(64, len(rows))
		for r, x := range rows[:c.Rows] {
			for k := range x {
				c.Columns[k][r] = w.grid.Features[k].Code(sketches.Number(x[k]))
			}
		}
		w.adder.Add(t, c)
		rows = rows[c.Rows:]
	}
	return t.Sums()
}

// draw returns n rows.
func (w *world) draw(n int, draw func(rng *rand.Rand, x []float64)) [][]float64 {
	rows := make([][]float64, n)
	for r := range rows {
		rows[r] = make([]float64, len(w.grid.Features))
		draw(w.rng, rows[r])
	}
	return rows
}

func normals(rng *rand.Rand, x []float64) {
	for k := range x {
		x[k] = rng.NormFloat64()
	}
}

// points are rows as the embedding sees them.
func (w *world) points(rows [][]float64) [][]float64 {
	out := make([][]float64, len(rows))
	for r, x := range rows {
		out[r] = make([]float64, len(x))
		for k, c := range w.space.Coordinates {
			z := c.Table[w.grid.Features[c.Feature].Code(sketches.Number(x[c.Feature]))]
			out[r][k] = float64((z+8)>>4) / (1 << 16)
		}
	}
	return out
}

func near(got, want, rel, abs float64) bool {
	return math.Abs(got-want) <= rel*math.Abs(want)+abs
}
