package multivariate

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/driftline/driftline/sketches"
)

// TestAttribute_NamesTheChangedFeatures changes two of eight features in three ways.
func TestAttribute_NamesTheChangedFeatures(t *testing.T) {
	t.Parallel()
	const a, b = 2, 5
	w := newWorld(t, 8, 1500, 256, 9, normals)
	ref, err := NewReference(w.all)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		edit func(rng *rand.Rand, x []float64)
		by   func(b Blame) float64
	}{
		{"means", func(_ *rand.Rand, x []float64) { x[a], x[b] = x[a]+0.6, x[b]-0.6 }, func(b Blame) float64 { return b.Shift }},
		{"variances", func(_ *rand.Rand, x []float64) { x[a], x[b] = 1.7*x[a], x[b]/1.7 }, func(b Blame) float64 { return b.Spread }},
		{"correlation", func(_ *rand.Rand, x []float64) { x[b] = 0.7*x[a] + math.Sqrt(0.51)*x[b] }, func(b Blame) float64 { return b.Pair }},
	} {
		cur := w.sums(w.draw(400, func(rng *rand.Rand, x []float64) {
			normals(rng, x)
			tc.edit(rng, x)
		})...)
		got, err := ref.Attribute(cur)
		if err != nil {
			t.Fatal(err)
		}
		first, second := got[0].Feature, got[1].Feature
		if min(first, second) != a || max(first, second) != b {
			t.Errorf("%s: features %d and %d are named, want %d and %d", tc.name, first, second, a, b)
			continue
		}
		witness, total := got[0].Witness+got[1].Witness, 0.0
		for i, x := range got {
			total += x.Witness
			if s := x.Strength(); i > 1 && s > 4.5 || i < 2 && (s < 5 || s != math.Abs(tc.by(x))) {
				t.Errorf("%s: feature %d has %+v", tc.name, x.Feature, x)
			}
		}
		if math.Abs(total-1) > 1e-12 || witness < 1.5*2/8 {
			t.Errorf("%s: share of the witness %g of %g, want far more than 2 of 8", tc.name, witness, total)
		}
		if tc.name == "correlation" && (got[0].Other != second || got[1].Other != first) {
			t.Errorf("correlation of %d with %d and of %d with %d", first, got[0].Other, second, got[1].Other)
		}
	}
	if _, err := ref.Attribute(w.panes[0]); !errors.Is(err, ErrTooFew) {
		t.Errorf("a window of one row: %v", err)
	}
	o := newWorld(t, 8, 100, 64, 2, normals)
	if _, err := ref.Attribute(o.all); !errors.Is(err, sketches.ErrGridMismatch) {
		t.Errorf("two embeddings: %v", err)
	}
}
