package sketches

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// testGrid has a numeric feature with an atom at 0, one without, one constant, and
// two categorical ones, the second with hashed cells.
func testGrid(tb testing.TB) *Grid {
	tb.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	var zeros, normal []float64
	for range 2000 {
		x := rng.NormFloat64()
		normal = append(normal, x)
		if rng.Float64() < 0.4 {
			x = 0
		}
		zeros = append(zeros, math.Abs(x))
	}
	many := map[string]uint64{}
	for i := range 1500 {
		many[fmt.Sprintf("v%04d", i)] = uint64(2000 - i)
	}
	a, err1 := NewNumeric("amount", zeros)
	b, err2 := NewNumeric("score", normal)
	k, err3 := NewNumeric("constant", []float64{5, 5, 5})
	c, err4 := NewCategorical("colour", map[string]uint64{"red": 5, "green": 9, "blue": 5, "true": 1, "7": 2}, 3)
	d, err5 := NewCategorical("item", many, 1200)
	for _, err := range []error{err1, err2, err3, err4, err5} {
		if err != nil {
			tb.Fatal(err)
		}
	}
	g, err := NewGrid([]FeatureGrid{a, b, k, c, d})
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

// randomValue draws from everything that can reach a feature.
func randomValue(rng *rand.Rand) Value {
	switch rng.IntN(16) {
	case 0:
		return Null()
	case 1:
		return Number(math.NaN())
	case 2:
		return Number(math.Inf(1))
	case 3:
		return Number(math.Inf(-1))
	case 4:
		return Wrong()
	case 5:
		return Bool(rng.IntN(2) == 0)
	case 6:
		return String([]string{"red", "green", "blue", "pink", "v0007"}[rng.IntN(5)])
	case 7:
		return String(fmt.Sprintf("v%04d", rng.IntN(1600)))
	case 8:
		return Number(math.Copysign(0, -1))
	case 9:
		return Number(rng.NormFloat64() * 1e12)
	case 10:
		return Number(5)
	}
	return Number(rng.NormFloat64())
}

// randomCounts adds rows of random values.
func randomCounts(g *Grid, seed uint64, rows int) *Counts {
	rng := rand.New(rand.NewPCG(seed, 7))
	c := NewCounts(g)
	for range rows {
		c.AddRow()
		for i := range g.Features {
			c.Add(i, randomValue(rng))
		}
	}
	return c
}

func near(got, want, rel float64) bool {
	return got == want || math.IsNaN(got) && math.IsNaN(want) || math.Abs(got-want) <= rel*math.Max(math.Abs(got), math.Abs(want))
}
