package multivariate

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/driftline/driftline/sketches"
)

// A correlation that is new is named first, with its sides and sign; each pair once.
func TestPairs_NameTheCorrelationThatChanged(t *testing.T) {
	t.Parallel()
	const a, b = 2, 5
	w := newWorld(t, 8, 1500, 64, 9, normals)
	ref, err := NewReference(w.all)
	if err != nil {
		t.Fatal(err)
	}
	for _, rho := range []float64{0.6, -0.6} {
		cur := w.sums(w.draw(400, func(rng *rand.Rand, x []float64) {
			normals(rng, x)
			x[b] = rho*x[a] + math.Sqrt(1-rho*rho)*x[b]
		})...)
		all, err := ref.Pairs(cur, 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(all) != 8*7/2 {
			t.Errorf("%d pairs of 8 features, want 28", len(all))
		}
		p := all[0]
		if p.A != a || p.B != b || math.Abs(p.Ref) > 0.1 || math.Abs(p.Cur-rho) > 0.15 || p.Change*rho < 0 || math.Abs(p.Change) < 8 {
			t.Errorf("correlation %g of %d and %d: %+v", rho, a, b, p)
		}
		if math.Abs(all[1].Change) > 4.5 {
			t.Errorf("of the rest %+v", all[1])
		}
		if three, err := ref.Pairs(cur, 3); err != nil || len(three) != 3 || three[0] != p {
			t.Errorf("the first three: %+v, %v", three, err)
		}
	}
	if _, err := ref.Pairs(w.panes[0], 3); !errors.Is(err, ErrTooFew) {
		t.Errorf("a window of one row: %v", err)
	}
	o := newWorld(t, 8, 100, 64, 2, normals)
	if _, err := ref.Pairs(o.all, 3); !errors.Is(err, sketches.ErrGridMismatch) {
		t.Errorf("another embedding: %v", err)
	}
}

// Of a feature with a coordinate for its missing values the pair says what changed most: here
// that values go missing where the other feature is high.
func TestPairs_SayWhatChangedMostOfAFeature(t *testing.T) {
	t.Parallel()
	const a, b = 2, 5
	holes := func(missing func(rng *rand.Rand, x []float64) bool) func(rng *rand.Rand, x []float64) {
		return func(rng *rand.Rand, x []float64) {
			normals(rng, x)
			if missing(rng, x) {
				x[b] = math.NaN()
			}
		}
	}
	w := newWorld(t, 8, 1500, 64, 9, holes(func(rng *rand.Rand, _ []float64) bool { return rng.Float64() < 0.2 }))
	ref, err := NewReference(w.all)
	if err != nil {
		t.Fatal(err)
	}
	cur := w.sums(w.draw(400, holes(func(_ *rand.Rand, x []float64) bool { return x[a] > 0.84 }))...)
	all, err := ref.Pairs(cur, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if p := all[0]; len(all) != 8*7/2 || p.A != a || p.B != b || math.Abs(p.Cur) < 0.5 || math.Abs(p.Change) < 8 {
		t.Errorf("%d pairs, first %+v", len(all), p)
	}
}
