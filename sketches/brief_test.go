package sketches

import (
	"encoding/hex"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// briefly counts values of a feature made from sample.
func briefly(t testing.TB, sample, values []float64) (*FeatureGrid, *FeatureCounts) {
	t.Helper()
	f, err := NewNumeric("x", sample)
	if err != nil {
		t.Fatal(err)
	}
	g, err := NewGrid([]FeatureGrid{f})
	if err != nil {
		t.Fatal(err)
	}
	c := NewCounts(g)
	for _, x := range values {
		c.AddRow()
		c.Add(0, Number(x))
	}
	return &g.Features[0], &c.Features[0]
}

func draws(rng *rand.Rand, n int, atoms bool) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = rng.NormFloat64()
		if atoms && i%3 == 0 {
			x[i] = float64(rng.IntN(3))
		}
	}
	return x
}

// What is read from a brief is what is read from the counts: coarse counts and moments
// exactly, quantiles to the rank of one of its bins.
func TestBrief_SaysWhatTheCountsSay(t *testing.T) {
	t.Parallel()
	const seed = 5
	rng := rand.New(rand.NewPCG(seed, 8))
	for _, atoms := range []bool{false, true} {
		sample := draws(rng, 4000, atoms)
		values := draws(rng, 900, atoms)
		values[0], values[1] = -40, 55 // outside
		f, c := briefly(t, sample, values)
		b, ok := NewBrief(f, c)
		if !ok {
			t.Fatal("a numeric feature has no brief")
		}
		back, err := DecodeBrief(b.Encode())
		if err != nil || !slices.Equal(back.Encode(), b.Encode()) {
			t.Fatalf("decoded %+v, %v", back, err)
		}
		if n := len(b.Encode()); n > 220 {
			t.Errorf("%d bytes, want at most 220", n)
		}
		g, on, err := back.On(f)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := on.Moments(g), c.Moments(f); got != want {
			t.Errorf("moments %+v, want %+v", got, want)
		}
		slices.Sort(values)
		for _, p := range []float64{0, 0.05, 0.25, 0.5, 0.75, 0.95, 1} {
			q := on.Quantile(g, p)
			rank, _ := slices.BinarySearch(values, q)
			top, _ := slices.BinarySearch(values, math.Nextafter(q, math.Inf(1)))
			if at := p * float64(len(values)); at < float64(rank)-60 || at > float64(top)+60 {
				t.Errorf("quantile %g is %g, at rank %d to %d of %d", p, q, rank, top, len(values))
			}
		}
		for _, bins := range []int{10, 20, 30, 60} {
			got, err := back.Coarser(f, bins)
			if err != nil {
				t.Fatal(err)
			}
			toBin, n := f.Coarse(bins)
			want := make([]uint64, n)
			for cell, k := range c.Cells {
				want[toBin[cell]] += k
			}
			if !slices.Equal(got, want) {
				t.Errorf("%d bins: %v, want %v", bins, got, want)
			}
		}
	}
}

func TestBrief_OfAnotherFeatureIsRefused(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(6, 8))
	f, c := briefly(t, draws(rng, 4000, false), draws(rng, 100, false))
	other, _ := briefly(t, []float64{1, 1, 1, 2}, nil)
	b, _ := NewBrief(f, c)
	if _, _, err := b.On(other); !errors.Is(err, ErrGridMismatch) {
		t.Errorf("error %v, want ErrGridMismatch", err)
	}
	if _, err := b.Coarser(other, 10); !errors.Is(err, ErrGridMismatch) {
		t.Errorf("error %v, want ErrGridMismatch", err)
	}
	for _, raw := range [][]byte{nil, {9}, {1, 0}, {1, 65}, append(b.Encode(), 0), b.Encode()[:20]} {
		if _, err := DecodeBrief(raw); err == nil {
			t.Errorf("%x is read", raw)
		}
	}
}

func TestBrief_OfACategory(t *testing.T) {
	t.Parallel()
	few, err := NewCategorical("c", map[string]uint64{"a": 5, "b": 3}, 10)
	if err != nil {
		t.Fatal(err)
	}
	many := map[string]uint64{}
	for i := range 100 {
		many[string(rune('a'+i))] = 1
	}
	long, err := NewCategorical("d", many, 100)
	if err != nil {
		t.Fatal(err)
	}
	g, err := NewGrid([]FeatureGrid{few, long})
	if err != nil {
		t.Fatal(err)
	}
	c := NewCounts(g)
	c.AddRow()
	c.Add(0, String("b"))
	b, ok := NewBrief(&g.Features[0], &c.Features[0])
	if !ok {
		t.Fatal("a category of two values has no brief")
	}
	if _, on, err := b.On(&g.Features[0]); err != nil || on.Total() != 1 {
		t.Errorf("counts %+v, %v; want one", on, err)
	}
	if _, ok := NewBrief(&g.Features[1], &c.Features[1]); ok {
		t.Error("a category of a hundred values has a brief")
	}
}

// The bytes stand in scores that are kept: they stay as they are.
func TestBrief_GoldenBytes(t *testing.T) {
	t.Parallel()
	b := Brief{Bins: []uint64{1, 300, 0}, Clamped: 2, S1: Int128From(-5), S2: Int128From(7), S3: Int128From(0), S4: Int128From(1 << 40), Min: -1.5, Max: 2}
	const want = "010301ac020002090e00808080808040000000000000f8bf0000000000000040"
	if got := hex.EncodeToString(b.Encode()); got != want {
		t.Errorf("bytes %s, want %s", got, want)
	}
}

func FuzzDecodeBrief(f *testing.F) {
	f.Add(Brief{Bins: []uint64{1, 300}, S1: Int128From(-5), Min: 1, Max: 2}.Encode())
	f.Fuzz(func(t *testing.T, raw []byte) {
		if b, err := DecodeBrief(raw); err == nil && !slices.Equal(b.Encode(), raw) {
			t.Fatalf("accepted %x, which encodes to %x", raw, b.Encode())
		}
	})
}
