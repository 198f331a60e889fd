package joint

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/driftline/driftline/sketches"
)

// TestMergeLaws holds J1: any partition into any blocks, any order and any tree of
// merges give identical bytes, and subtracting gives back what was there.
func TestMergeLaws(t *testing.T) {
	t.Parallel()
	counts, codes := mixedGrid(t)
	e := build(t, counts, codes, 64)
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 5))
		rows := 1 + rng.IntN(300)
		c := randomCodes(counts.Grid, rng, rows)
		whole := sumsOf(e, c, blockRows)

		order := rng.Perm(rows)
		var parts []*Sums
		shuffled := &sketches.Codes{Rows: rows, Columns: make([][]uint16, len(c.Columns))}
		for i, column := range c.Columns {
			for _, r := range order {
				shuffled.Columns[i] = append(shuffled.Columns[i], column[r])
			}
		}
		for from := 0; from < rows; {
			to := min(rows, from+1+rng.IntN(rows))
			parts = append(parts, sumsOf(e, slice(shuffled, from, to), 1+rng.IntN(blockRows)))
			from = to
		}
		tree := append([]*Sums{NewSums(e)}, parts...)
		for len(tree) > 1 { // merge any two until one is left
			i := rng.IntN(len(tree))
			a := tree[i].Clone()
			tree = append(tree[:i], tree[i+1:]...)
			j := rng.IntN(len(tree))
			b := tree[j].Clone()
			if err := b.Merge(a); err != nil {
				t.Fatal(err)
			}
			tree[j] = b
		}
		if got := tree[0]; !bytes.Equal(got.Encode(), whole.Encode()) || !got.Equal(whole) {
			t.Fatalf("seed %d: %d rows in %d parts give other bytes than all at once", seed, rows, len(parts))
		}
		other := sumsOf(e, randomCodes(counts.Grid, rng, 50), 7)
		both := whole.Clone()
		if err := errors.Join(both.Merge(other), both.Subtract(whole)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(both.Encode(), other.Encode()) {
			t.Fatalf("seed %d: add then subtract leaves a trace", seed)
		}
		if err := both.Subtract(other); err != nil || !both.Equal(NewSums(e)) {
			t.Fatalf("seed %d: what is left of nothing: %v", seed, err)
		}
	}
}

// TestTally_SpillsWithoutATrace adds more rows than 64 bits are used for.
func TestTally_SpillsWithoutATrace(t *testing.T) {
	t.Parallel()
	counts, codes := numericGrid(t, 2, 300, 1)
	e := build(t, counts, codes, 4)
	c := randomCodes(counts.Grid, rand.New(rand.NewPCG(1, 1)), blockRows)
	a, tally := NewAdder(), NewTally(e)
	const blocks = spillRows/blockRows + 5
	for range blocks {
		a.Add(tally, c)
	}
	want := NewSums(e)
	one := sumsOf(e, c, blockRows)
	for k := uint64(1); k != 0; k <<= 1 { // blocks times one, by doubling
		if blocks&k != 0 {
			if err := want.Merge(one); err != nil {
				t.Fatal(err)
			}
		}
		twice := one.Clone()
		if k < blocks {
			if err := twice.Merge(one); err != nil {
				t.Fatal(err)
			}
		}
		one = twice
	}
	if tally.high == nil || tally.Rows() != blocks*blockRows || !tally.Sums().Equal(want) {
		t.Errorf("%d rows after a spill, want %d and equal sums", tally.Rows(), blocks*blockRows)
	}
	a1, a2 := make([]sketches.Int128, len(want.Values)), make([]sketches.Int128, len(want.Values))
	if rows := tally.AddTo(a1); rows != blocks*blockRows || want.AddTo(a2) != rows {
		t.Errorf("%d rows", rows)
	}
	for i := range a1 {
		if a1[i] != a2[i] {
			t.Fatalf("sum %d: %s of the tally, %s of the sums", i, a1[i], a2[i])
		}
	}
	tally.Reset()
	if !tally.Sums().Equal(NewSums(e)) {
		t.Error("a tally that was reset is not zero")
	}
}

// TestSums_AgainstFloats computes every sum of some rows in real numbers: J5.
func TestSums_AgainstFloats(t *testing.T) {
	t.Parallel()
	counts, codes := mixedGrid(t)
	e := build(t, counts, codes, 256)
	const rows = 200
	c := randomCodes(counts.Grid, rand.New(rand.NewPCG(9, 9)), rows)
	s := sumsOf(e, c, 33)
	d := e.Dim()
	width, gram, wave, norm := e.Width()
	want := make([]float64, width)
	point := make([]int32, d)
	for r := range rows {
		for k, co := range e.Coordinates {
			z := co.Table[c.Columns[co.Feature][r]]
			point[k] = short(z)
			want[k] += float64(z)
		}
		for j := range d {
			for l := j; l < d; l++ {
				want[gram+Pair(d, j, l)] += float64(point[j]) * float64(point[l])
			}
		}
		for f := range e.Waves() / 2 {
			angle := 0.0
			for k := range d {
				angle += float64(e.Frequencies[f*d+k]) * float64(point[k])
			}
			sin, cos := math.Sincos(2 * math.Pi * angle / (1 << 32))
			want[wave+2*f] += cos * (1 << waveBits)
			want[wave+2*f+1] += sin * (1 << waveBits)
			want[norm] += 1 << waveBits
		}
	}
	for i, x := range s.Values {
		bound := 0.0 // first and Gram sums are exact
		switch {
		case i == norm:
			bound = rows * float64(e.Waves()) / 2 * 3e-6 * (1 << waveBits)
		case i >= wave:
			bound = rows * 3.1e-7 * (1 << waveBits)
		}
		if got := x.Float64(); math.Abs(got-want[i]) > bound {
			t.Errorf("sum %d = %g, want %g ± %g", i, got, want[i], bound)
		}
	}
}

func TestSums_Refuse(t *testing.T) {
	t.Parallel()
	counts, codes := numericGrid(t, 3, 400, 1)
	e := build(t, counts, codes, 8)
	o, err := Build(Config{Reference: counts, Sample: codes, Waves: 8, Seed: e.Seed + 1})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(2, 2))
	a := sumsOf(e, randomCodes(counts.Grid, rng, 40), 64)
	b := sumsOf(e, randomCodes(counts.Grid, rng, 41), 64)
	before := a.Encode()
	huge := a.Clone()
	huge.Rows = math.MaxUint64
	other := sumsOf(e, randomCodes(counts.Grid, rng, 40), 64) // as many rows, but not the same
	for _, tc := range []struct {
		name string
		got  error
		want error
	}{
		{"merge of another embedding", a.Merge(NewSums(o)), sketches.ErrGridMismatch},
		{"subtract of another embedding", a.Subtract(NewSums(o)), sketches.ErrGridMismatch},
		{"more rows than there are", a.Subtract(b), sketches.ErrNegative},
		{"rows that are not in it", a.Subtract(other), sketches.ErrNegative},
		{"too many rows", a.Merge(huge), sketches.ErrOverflow},
	} {
		if !errors.Is(tc.got, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, tc.got, tc.want)
		}
	}
	if !bytes.Equal(a.Encode(), before) {
		t.Error("an error left a trace")
	}
	if _, err := DecodeSums(o, before); !errors.Is(err, sketches.ErrGridMismatch) {
		t.Errorf("decoded with another embedding: %v", err)
	}
}

func TestAdder_NeverAllocates(t *testing.T) {
	counts, codes := numericGrid(t, 20, 500, 1)
	e := build(t, counts, codes, 256)
	c := randomCodes(counts.Grid, rand.New(rand.NewPCG(1, 1)), 63)
	a, tally := NewAdder(), NewTally(e)
	if n := testing.AllocsPerRun(50, func() { a.Add(tally, c) }); n != 0 {
		t.Errorf("%g allocations per block", n)
	}
}

// TestObserver feeds rows of every kind of value through a counting tally and gets the
// sums of their codes, whatever waits in buffers and however many buffers there are.
func TestObserver(t *testing.T) {
	t.Parallel()
	counts, codes := mixedGrid(t)
	e := build(t, counts, codes, 64)
	g := counts.Grid
	for _, budget := range []int{0, 1 << 20} {
		rng := rand.New(rand.NewPCG(8, 8))
		buffers, tally := sketches.NewBuffers(budget), sketches.NewTally(g)
		waiting := buffers.Row(tally) // a row of before is not observed
		for i := range g.Features {
			waiting.Put(i, sketches.Null())
		}
		o := NewObserver(NewAdder(), NewTally(e))
		tally.Observe(o)
		const rows = 150
		want := sketches.NewCodes(g, rows)
		want.Rows = rows
		for r := range rows {
			b := buffers.Row(tally)
			for i := range g.Features {
				v := []sketches.Value{
					sketches.Number(rng.NormFloat64()), sketches.Number(math.NaN()), sketches.Number(0), sketches.Bool(true), sketches.Null(),
					sketches.Wrong(), sketches.String("red"), sketches.String("v7"), sketches.String("never"), sketches.Number(math.Inf(1)),
				}[rng.IntN(10)]
				want.Columns[i][r] = g.Features[i].Code(v)
				b.Put(i, v)
			}
		}
		if n := tally.Counts().Rows; n != rows+1 {
			t.Errorf("budget %d: %d rows counted", budget, n)
		}
		if got := o.Tally.Sums(); got.Rows != rows || !got.Equal(sumsOf(e, want, 64)) {
			t.Errorf("budget %d: sums over %d observed rows are not those of their codes", budget, got.Rows)
		}
	}
}
