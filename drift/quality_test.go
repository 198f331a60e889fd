package drift

import (
	"math"
	"testing"

	"github.com/driftline/driftline/sketches"
)

func TestAboveLimit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		k, n   uint64
		limit  float64
		design float64
		want   bool
	}{
		{"three nulls in twenty rows", 3, 20, 0.1, 1, false},
		{"three hundred in two thousand", 300, 2000, 0.1, 1, true},
		{"the same where forty rows weigh as one", 300, 2000, 0.1, 40, false},
		{"all of a hundred", 100, 100, 0.1, 1, true},
		{"at the limit", 200, 2000, 0.1, 1, false},
		{"one wrong type in thirty", 1, 30, 0.01, 1, false},
		{"none", 0, 100, 0.1, 1, false},
		{"no rows", 0, 0, 0.1, 1, false},
		{"a limit of everything", 100, 100, 1, 1, false},
		{"no limit", 1, 100, 0, 1, true},
		{"a design effect that is not known", 300, 2000, 0.1, math.NaN(), true},
		{"an endless one", 300, 2000, 0.1, math.Inf(1), true},
	} {
		if got := AboveLimit(tt.k, tt.n, tt.limit, tt.design); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// The level is the binomial tail: summed by hand, the smallest count above is where it
// falls to the level.
func TestAboveLimit_IsTheBinomialTail(t *testing.T) {
	t.Parallel()
	for _, n := range []uint64{20, 100, 1000} {
		for _, limit := range []float64{0.01, 0.1, 0.4} {
			tail := 0.0
			for k := n; k >= 1; k-- {
				a, _ := math.Lgamma(float64(n) + 1)
				b, _ := math.Lgamma(float64(k) + 1)
				c, _ := math.Lgamma(float64(n-k) + 1)
				tail += math.Exp(a - b - c + float64(k)*math.Log(limit) + float64(n-k)*math.Log1p(-limit))
				if got := AboveLimit(k, n, limit, 1); got != (tail <= QualityLevel) && math.Abs(tail/QualityLevel-1) > 1e-6 {
					t.Fatalf("%d of %d at limit %v: %v, the tail is %v", k, n, limit, got, tail)
				}
			}
		}
	}
}

func TestSchemaChange(t *testing.T) {
	t.Parallel()
	counts := func(values, null, wrong uint64) *sketches.FeatureCounts {
		return &sketches.FeatureCounts{Cells: []uint64{values}, FeatureSums: sketches.FeatureSums{Null: null, Wrong: wrong}}
	}
	for _, tt := range []struct {
		name            string
		ref, cur        *sketches.FeatureCounts
		absent, retyped bool
	}{
		{"as ever", counts(1000, 0, 0), counts(100, 0, 0), false, false},
		{"gone", counts(1000, 0, 0), counts(0, 100, 0), true, false},
		{"gone, but too few rows to say", counts(1000, 0, 0), counts(0, 5, 0), false, false},
		{"one row has it", counts(1000, 0, 0), counts(1, 99, 0), false, false},
		{"nearly always missing in the reference", counts(10, 990, 0), counts(0, 100, 0), false, false},
		{"always missing in the reference", counts(0, 1000, 0), counts(0, 10_000, 0), false, false},
		{"another type", counts(1000, 0, 0), counts(2, 0, 98), false, true},
		{"another type where it is there", counts(500, 500, 0), counts(0, 50, 50), false, true},
		{"half of another type", counts(1000, 0, 0), counts(50, 0, 50), false, false},
		{"another type in the reference, too", counts(0, 0, 1000), counts(0, 0, 100), false, false},
		{"nothing", counts(1000, 0, 0), counts(0, 0, 0), false, false},
	} {
		absent, retyped := SchemaChange(tt.ref, tt.cur, 1)
		if absent != tt.absent || retyped != tt.retyped {
			t.Errorf("%s: absent %v, another type %v", tt.name, absent, retyped)
		}
	}
}
