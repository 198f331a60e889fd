package sketches

import (
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestCellsAndSidesAreTheNumberOfAdds(t *testing.T) {
	t.Parallel()
	g := testGrid(t)
	c := randomCounts(g, 21, 3000)
	for i := range c.Features {
		if got := c.Features[i].Total() + c.Features[i].Sides(); got != c.Rows {
			t.Errorf("%s: cells + sides = %d, want %d", g.Features[i].Name, got, c.Rows)
		}
	}
}

func TestAddDoesNotAllocate(t *testing.T) {
	g := testGrid(t)
	c := NewCounts(g)
	long := String(string(make([]byte, 400)))
	values := []Value{Number(1.5), Null(), Bool(true), String("red"), String("v1100"), Number(123.25), long}
	if n := testing.AllocsPerRun(200, func() {
		for i := range g.Features {
			for _, v := range values {
				c.Add(i, v)
			}
		}
	}); n != 0 {
		t.Errorf("%g allocations per run, want 0", n)
	}
}

// TestMergeLaws covers S1: whatever the split, the order and the tree of merges,
// the bytes are those of counting everything in one go; and subtracting a part
// leaves the rest.
func TestMergeLaws(t *testing.T) {
	t.Parallel()
	g := testGrid(t)
	features := len(g.Features)
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		parts := rapid.IntRange(1, 6).Draw(t, "parts")
		rng := rand.New(rand.NewPCG(seed, 9))
		whole := NewCounts(g)
		split := make([]*Counts, parts)
		for i := range split {
			split[i] = NewCounts(g)
		}
		for range rapid.IntRange(0, 60).Draw(t, "rows") {
			part := split[rng.IntN(parts)]
			whole.AddRow()
			part.AddRow()
			for i := range features {
				v := randomValue(rng)
				whole.Add(i, v)
				part.Add(i, v)
			}
		}
		want := string(whole.EncodeRange(0, features))

		tree := make([]*Counts, parts)
		for i, p := range split {
			tree[i] = p.Clone()
		}
		for len(tree) > 1 { // merge two random nodes until one is left
			i := rng.IntN(len(tree))
			a := tree[i]
			tree = slices.Delete(tree, i, i+1)
			if err := tree[rng.IntN(len(tree))].Merge(a); err != nil {
				t.Fatal(err)
			}
		}
		if got := string(tree[0].EncodeRange(0, features)); got != want {
			t.Fatal("a tree of merges gives other bytes than counting in one go")
		}

		out := rng.IntN(parts)
		rest := whole.Clone()
		if err := rest.Subtract(split[out]); err != nil {
			t.Fatal(err)
		}
		sum := NewCounts(g)
		var others []*Counts
		for i, p := range split {
			if i != out {
				others = append(others, p)
				if err := sum.Merge(p); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := rest.RebuildMinMax(others); err != nil {
			t.Fatal(err)
		}
		if !rest.Equal(sum) || string(rest.EncodeRange(0, features)) != string(sum.EncodeRange(0, features)) {
			t.Fatal("subtract does not undo merge")
		}
		if err := rest.Subtract(sum); err != nil || !rest.IsZero() || !rest.Equal(NewCounts(g)) {
			t.Fatalf("taking everything out does not leave zero: %v", err)
		}

		cut := rng.IntN(features + 1)
		again := NewCounts(g)
		for _, r := range [][2]int{{0, cut}, {cut, features}} {
			half, err := DecodeCounts(g, r[0], r[1], whole.EncodeRange(r[0], r[1]))
			if err != nil {
				t.Fatal(err)
			}
			again.Rows = 0 // each range carries the rows of the whole
			if err := again.Merge(half); err != nil {
				t.Fatal(err)
			}
		}
		if !again.Equal(whole) {
			t.Fatal("decoding in two ranges does not give the whole")
		}
	})
}

func TestArithmeticErrorsLeaveCountsUnchanged(t *testing.T) {
	t.Parallel()
	g := testGrid(t)
	other, err := NewGrid(g.Features[:4])
	if err != nil {
		t.Fatal(err)
	}
	small, large := randomCounts(g, 31, 20), randomCounts(g, 32, 200)
	full := large.Clone()
	full.Features[4].Cells[0] = math.MaxUint64
	one := NewCounts(g)
	one.Features[4].Cells[0] = 1
	sums := large.Clone()
	sums.Features[1].S4 = Int128{Hi: math.MaxInt64}
	for _, tc := range []struct {
		name string
		c    *Counts
		do   func(c *Counts) error
		want error
	}{
		{"merge of another grid", large, func(c *Counts) error { return c.Merge(NewCounts(other)) }, ErrGridMismatch},
		{"subtract of another grid", large, func(c *Counts) error { return c.Subtract(NewCounts(other)) }, ErrGridMismatch},
		{"rebuild from another grid", large, func(c *Counts) error { return c.RebuildMinMax([]*Counts{NewCounts(other)}) }, ErrGridMismatch},
		{"more rows than there are", small, func(c *Counts) error { return c.Subtract(large) }, ErrNegative},
		{"a cell below zero", large, func(c *Counts) error {
			o := one.Clone()
			o.Features[4].Cells[0] = 1 << 40
			return c.Subtract(o)
		}, ErrNegative},
		{"a cell that overflows", full, func(c *Counts) error { return c.Merge(one) }, ErrOverflow},
		{"a sum that overflows", sums, func(c *Counts) error { return c.Merge(sums) }, ErrOverflow},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := tc.c.Clone()
			if err := tc.do(c); !errors.Is(err, tc.want) {
				t.Errorf("error = %v, want %v", err, tc.want)
			}
			if !c.Equal(tc.c) {
				t.Error("the counts changed")
			}
		})
	}
}

func TestSubtractLeavesExtremesUnknown(t *testing.T) {
	t.Parallel()
	g := testGrid(t)
	a, b := NewCounts(g), NewCounts(g)
	a.Add(1, Number(-2))
	b.Add(1, Number(3))
	w := a.Clone()
	if err := w.Merge(b); err != nil {
		t.Fatal(err)
	}
	if lo, hi, ok := w.Features[1].Range(); !ok || lo != -2 || hi != 3 {
		t.Errorf("range after merge = %g, %g, %v", lo, hi, ok)
	}
	if err := w.Subtract(b); err != nil {
		t.Fatal(err)
	}
	if _, _, ok := w.Features[1].Range(); ok {
		t.Error("the range is still known after subtract")
	}
	back, err := DecodeCounts(g, 0, 5, w.EncodeRange(0, 5))
	if err != nil || !back.Equal(w) {
		t.Errorf("an unknown range does not survive the codec: %v", err)
	}
	if err := w.RebuildMinMax([]*Counts{a}); err != nil || !w.Equal(a) {
		t.Errorf("rebuilt counts differ from the part left: %v", err)
	}
}

// TestMomentsAgainstBigRationals compares with the definition, evaluated on the
// quantised values in exact rationals.
func TestMomentsAgainstBigRationals(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(41, 1))
	for name, draw := range map[string]func() float64{
		"normal":       rng.NormFloat64,
		"skewed":       func() float64 { return math.Exp(rng.NormFloat64()) },
		"large offset": func() float64 { return 1e9 + rng.NormFloat64() },
		"tiny scale":   func() float64 { return 1e-12 * rng.NormFloat64() },
	} {
		var x []float64
		for range 500 {
			x = append(x, draw())
		}
		f, err := NewNumeric("x", x)
		if err != nil {
			t.Fatal(err)
		}
		g, _ := NewGrid([]FeatureGrid{f})
		c := NewCounts(g)
		q := make([]float64, len(x))
		for i, v := range x {
			c.Add(0, Number(v))
			q[i] = f.Centre + math.Ldexp(math.RoundToEven(math.Ldexp(v-f.Centre, -f.Exp)), f.Exp)
		}
		m := c.Features[0].Moments(&f)
		n := new(big.Rat).SetInt64(int64(len(x)))
		mean := new(big.Rat)
		for _, v := range q {
			mean.Add(mean, new(big.Rat).SetFloat64(v))
		}
		mean.Quo(mean, n)
		var m2, m3, m4 float64
		for _, v := range q {
			d, _ := new(big.Rat).Sub(new(big.Rat).SetFloat64(v), mean).Float64()
			m2, m3, m4 = m2+d*d, m3+d*d*d, m4+d*d*d*d
		}
		cnt := float64(len(x))
		m2, m3, m4 = m2/cnt, m3/cnt, m4/cnt
		meanF, _ := mean.Float64()
		for what, pair := range map[string][2]float64{
			"mean": {m.Mean, meanF}, "variance": {m.Variance, m2},
			"skewness": {m.Skewness, m3 / math.Pow(m2, 1.5)}, "kurtosis": {m.Kurtosis, m4/(m2*m2) - 3},
			"Mean": {c.Features[0].Mean(&f), meanF}, "Variance": {c.Features[0].Variance(&f), m2},
			"Skewness": {c.Features[0].Skewness(&f), m.Skewness}, "Kurtosis": {c.Features[0].Kurtosis(&f), m.Kurtosis},
		} {
			if !near(pair[0], pair[1], 1e-9) {
				t.Errorf("%s: %s = %.15g, want %.15g", name, what, pair[0], pair[1])
			}
		}
		if c.Features[0].Clamped != 0 && name != "skewed" {
			t.Errorf("%s: %d values clamped", name, c.Features[0].Clamped)
		}
	}
}

func TestMomentsOfFewValues(t *testing.T) {
	t.Parallel()
	f, _ := NewNumeric("x", []float64{1, 2, 3, 4})
	g, _ := NewGrid([]FeatureGrid{f})
	c := NewCounts(g)
	if m := c.Features[0].Moments(&f); m.N != 0 || !math.IsNaN(m.Mean) || !math.IsNaN(m.Variance) {
		t.Errorf("moments of nothing: %+v", m)
	}
	c.Add(0, Number(2))
	if m := c.Features[0].Moments(&f); m.Mean != 2 || m.Variance != 0 || !math.IsNaN(m.VarianceSample) || !math.IsNaN(m.Skewness) {
		t.Errorf("moments of one value: %+v", m)
	}
	c.Add(0, Number(1e9))
	if c.Features[0].Clamped != 1 {
		t.Errorf("clamped = %d, want 1", c.Features[0].Clamped)
	}
}

func TestQuantileStaysWithinItsCell(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(51, 1))
	for name, draw := range map[string]func() float64{
		"normal": rng.NormFloat64,
		"zeros":  func() float64 { return max(0, rng.NormFloat64()) },
		"steps":  func() float64 { return float64(rng.IntN(5)) },
	} {
		var x []float64
		for range 3000 {
			x = append(x, draw())
		}
		f, _ := NewNumeric("x", x)
		g, _ := NewGrid([]FeatureGrid{f})
		c := NewCounts(g)
		for _, v := range x {
			c.Add(0, Number(v))
		}
		slices.Sort(x)
		for _, p := range []float64{0, 0.01, 0.25, 0.5, 0.75, 0.9, 0.99, 1} {
			got := c.Features[0].Quantile(&f, p)
			// rankErr: the value must lie between the exact values 1/120 of ranks away.
			slack := len(x)/120 + 2
			at := int(p * float64(len(x)-1))
			lo, hi := x[max(at-slack, 0)], x[min(at+slack, len(x)-1)]
			if got < lo || got > hi {
				t.Errorf("%s: quantile %g = %g, want within [%g, %g]", name, p, got, lo, hi)
			}
		}
		if got := c.Features[0].Quantile(&f, 0); got != x[0] {
			t.Errorf("%s: quantile 0 = %g, want the minimum %g", name, got, x[0])
		}
		if got := c.Features[0].Quantile(&f, 1); got != x[len(x)-1] {
			t.Errorf("%s: quantile 1 = %g, want the maximum %g", name, got, x[len(x)-1])
		}
	}
}

func BenchmarkCountsAddNumeric(b *testing.B) {
	g := testGrid(b)
	c := NewCounts(g)
	rng := rand.New(rand.NewPCG(1, 1))
	values := make([]Value, 4096)
	for i := range values {
		values[i] = Number(rng.NormFloat64())
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c.Add(1, values[i&4095])
	}
}

func BenchmarkCountsAddCategorical(b *testing.B) {
	g := testGrid(b)
	c := NewCounts(g)
	values := []Value{String("red"), String("green"), String("blue"), String("true")}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c.Add(3, values[i&3])
	}
}

func BenchmarkMergeAndSubtract(b *testing.B) {
	g := testGrid(b)
	a, c := randomCounts(g, 1, 100), randomCounts(g, 2, 100)
	b.ReportAllocs()
	for b.Loop() {
		if a.Merge(c) != nil || a.Subtract(c) != nil {
			b.Fatal("arithmetic failed")
		}
	}
}
