package drift

import (
	"errors"
	"math"
	"testing"
)

// TestACISPSI works its cases out by hand from the definition.
func TestACISPSI(t *testing.T) {
	t.Parallel()
	term := func(r, c float64) float64 { return (c - r) * math.Log(c/r) }
	ten := Sample{0, 1, 2, 3, 4, 5, 6, 7, 8, 9} // edges 0, 0.9, 1.8 … 8.1, 9: one value a bin, the last closed
	for _, tc := range []struct {
		name     string
		ref, cur Sample
		want     float64
	}{
		{"the same sample", ten, ten, 0},
		{"one value is one edge", Sample{5, 5, 5}, Sample{7, 7}, 0},
		{"half the window outside stays in the divisor", ten, append(append(Sample{}, ten...), 20, 20, 20, 20, 20, 20, 20, 20, 20, 20), 10 * term(0.1, 0.05)},
		{"all of it outside", ten, Sample{20, 21}, 10 * term(0.1, 1e-4)},
		{"the maximum belongs to the last bin", ten, Sample{9}, 9*term(0.1, 1e-4) + term(0.1, 1)},
	} {
		if got := ACISPSI(tc.ref, tc.cur); math.Abs(got-tc.want) > 1e-12 {
			t.Errorf("%s: %.15g, want %.15g", tc.name, got, tc.want)
		}
	}
}

func TestBatchFunctionsRefuseBadCounts(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		rule     ZeroRule
		ref, cur []float64
		want     error
	}{
		{"bins differ", Jeffreys, []float64{1, 2}, []float64{1, 2, 3}, ErrBinMismatch},
		{"empty window", Jeffreys, []float64{1, 2}, []float64{0, 0}, ErrEmpty},
		{"empty reference", Floor, []float64{0}, []float64{1}, ErrEmpty},
		{"no bins", Jeffreys, nil, nil, ErrEmpty},
		{"a negative count", Jeffreys, []float64{1, -1}, []float64{1, 1}, ErrBadCount},
		{"a NaN count", Jeffreys, []float64{1, 1}, []float64{math.NaN(), 1}, ErrBadCount},
		{"an infinite count", Jeffreys, []float64{1, math.Inf(1)}, []float64{1, 1}, ErrBadCount},
		{"an unknown rule", "magic", []float64{1, 1}, []float64{1, 1}, ErrBadRule},
	} {
		if _, err := PSIWith(tc.rule, tc.ref, tc.cur); !errors.Is(err, tc.want) {
			t.Errorf("PSI, %s: error %v, want %v", tc.name, err, tc.want)
		}
		if tc.rule != Jeffreys || errors.Is(tc.want, ErrBadRule) {
			continue
		}
		if _, err := ChiSquareTable(tc.ref, tc.cur); !errors.Is(err, tc.want) {
			t.Errorf("chi-square, %s: error %v, want %v", tc.name, err, tc.want)
		}
		if _, err := CramersV(tc.ref, tc.cur); !errors.Is(err, tc.want) {
			t.Errorf("Cramér's V, %s: error %v, want %v", tc.name, err, tc.want)
		}
	}
	if _, err := ChiSquareTable([]float64{1, 0}, []float64{2, 0}); !errors.Is(err, ErrEmpty) {
		t.Errorf("a column without counts: %v", err)
	}
}

// TestZeroRulesOnDisjointSides is the table of the rules on 8 against 6 values that
// do not meet: one number per rule.
func TestZeroRulesOnDisjointSides(t *testing.T) {
	t.Parallel()
	ref, cur := Sample{1, 2, 3, 4, 5, 6, 7, 8}, Sample{101, 102, 103, 104, 105, 106}
	evidently, err := EvidentlyPSI(ref, cur)
	if err != nil {
		t.Fatal(err)
	}
	frouros, ok := FrourosPSI(ref, cur)
	if !ok || math.Abs(evidently-14.539) > 5e-4 || math.Abs(frouros-1416.8) > 0.05 {
		t.Errorf("evidently %.4f, frouros %.2f; want 14.539, 1416.8", evidently, frouros)
	}
	if _, ok := FrourosPSI(Sample{5}, Sample{5, 5}); ok {
		t.Error("a PSI on bins of one point")
	}
}
