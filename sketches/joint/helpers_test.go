package joint

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/driftline/driftline/sketches"
)

// numericGrid is d numeric features from a reference of n normal rows, with its counts
// and its codes.
func numericGrid(tb testing.TB, d, n int, seed uint64) (*sketches.Counts, [][]uint16) {
	tb.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	columns := make([][]float64, d)
	features := make([]sketches.FeatureGrid, d)
	for i := range columns {
		columns[i] = make([]float64, n)
		for r := range columns[i] {
			columns[i][r] = rng.NormFloat64()
		}
		f, err := sketches.NewNumeric(fmt.Sprintf("x%02d", i), columns[i])
		if err != nil {
			tb.Fatal(err)
		}
		features[i] = f
	}
	g, err := sketches.NewGrid(features)
	if err != nil {
		tb.Fatal(err)
	}
	counts, codes := sketches.NewCounts(g), make([][]uint16, d)
	for r := range n {
		counts.AddRow()
		for i := range columns {
			v := sketches.Number(columns[i][r])
			counts.Add(i, v)
			codes[i] = append(codes[i], g.Features[i].Code(v))
		}
	}
	return counts, codes
}

// mixedGrid has a plain number, one with zeros and missing values, a constant, and two
// categories, the second of many values and with missing ones.
func mixedGrid(tb testing.TB) (*sketches.Counts, [][]uint16) {
	tb.Helper()
	rng := rand.New(rand.NewPCG(3, 4))
	const n = 1500
	row := func() [5]sketches.Value {
		x := rng.NormFloat64()
		v := [5]sketches.Value{
			sketches.Number(x), sketches.Number(math.Abs(x)), sketches.Number(7),
			sketches.String([]string{"red", "green", "blue"}[rng.IntN(3)]), sketches.String(fmt.Sprintf("v%d", rng.IntN(40))),
		}
		if rng.Float64() < 0.4 {
			v[1] = sketches.Number(0)
		}
		if rng.Float64() < 0.1 {
			v[1] = sketches.Null()
		}
		if rng.Float64() < 0.05 {
			v[4] = sketches.Null()
		}
		return v
	}
	rows := make([][5]sketches.Value, n)
	var columns [3][]float64
	categories := [2]map[string]uint64{{}, {}}
	for r := range rows {
		rows[r] = row()
		for i, v := range rows[r] {
			if x, ok := v.Float(); ok && i < 3 {
				columns[i] = append(columns[i], x)
			} else if s, ok := v.Text(); ok {
				categories[i-3][s]++
			}
		}
	}
	var features []sketches.FeatureGrid
	for i, x := range columns {
		f, err := sketches.NewNumeric(fmt.Sprintf("n%d", i), x)
		if err != nil {
			tb.Fatal(err)
		}
		features = append(features, f)
	}
	for i, counts := range categories {
		f, err := sketches.NewCategorical(fmt.Sprintf("c%d", i), counts, 30)
		if err != nil {
			tb.Fatal(err)
		}
		features = append(features, f)
	}
	g, err := sketches.NewGrid(features)
	if err != nil {
		tb.Fatal(err)
	}
	counts, codes := sketches.NewCounts(g), make([][]uint16, len(features))
	for _, v := range rows {
		counts.AddRow()
		for i := range v {
			counts.Add(i, v[i])
			codes[i] = append(codes[i], g.Features[i].Code(v[i]))
		}
	}
	return counts, codes
}

func build(tb testing.TB, counts *sketches.Counts, codes [][]uint16, waves int) *Embedding {
	tb.Helper()
	e, err := Build(Config{Reference: counts, Sample: head(codes, MaxSample), Waves: waves, Seed: Seed("m", counts.Grid.ID())})
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

func head(codes [][]uint16, n int) [][]uint16 {
	out := make([][]uint16, len(codes))
	for i := range codes {
		out[i] = codes[i][:min(n, len(codes[i]))]
	}
	return out
}

// randomCodes draws rows from all codes of the grid.
func randomCodes(g *sketches.Grid, rng *rand.Rand, rows int) *sketches.Codes {
	c := sketches.NewCodes(g, rows)
	c.Rows = rows
	for i := range c.Columns {
		for r := range c.Columns[i] {
			c.Columns[i][r] = uint16(rng.IntN(g.Features[i].Cells() + 2))
		}
	}
	return c
}

// slice is rows [from, to) of c.
func slice(c *sketches.Codes, from, to int) *sketches.Codes {
	out := &sketches.Codes{Rows: to - from, Columns: make([][]uint16, len(c.Columns))}
	for i := range out.Columns {
		out.Columns[i] = c.Columns[i][from:to]
	}
	return out
}

// sumsOf adds rows in blocks of at most that many.
func sumsOf(e *Embedding, c *sketches.Codes, block int) *Sums {
	a, t := NewAdder(), NewTally(e)
	for from := 0; from < c.Rows; from += block {
		a.Add(t, slice(c, from, min(from+block, c.Rows)))
	}
	return t.Sums()
}
