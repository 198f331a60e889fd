package drift

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mathext"
)

// ChiSquareSF returns P(χ²_df ≥ x) for df > 0 (fractional allowed); 1 for x ≤ 0.
func ChiSquareSF(x, df float64) float64 {
	switch {
	case math.IsNaN(x) || !(df > 0):
		return math.NaN()
	case x <= 0:
		return 1
	case math.IsInf(x, 1):
		return 0
	}
	return mathext.GammaIncRegComp(df/2, x/2)
}

// ChiSquare is the outcome of a chi-square test.
type ChiSquare struct {
	Stat float64
	DF   int
	P    float64
}

// ChiSquareTable tests a 2×K table for equal shares: E = row·column/total,
// X² = Σ(O−E)²/E, df = K−1. With df 1 Yates's correction shrinks |O−E| by
// min(½, |O−E|). One column gives 0, df 0, p 1.
//
// Shapes: one count ≥ 0 per category and side; every column must have a count.
// Errors: ErrBinMismatch, ErrEmpty for a side or a column that sums to 0,
// ErrBadCount.
func ChiSquareTable(ref, cur []float64) (ChiSquare, error) {
	n, m, err := totals(ref, cur)
	if err != nil {
		return ChiSquare{}, err
	}
	for i := range ref {
		if ref[i]+cur[i] == 0 {
			return ChiSquare{}, fmt.Errorf("category %d has no count on either side: %w", i, ErrEmpty)
		}
	}
	x2, df := tableStat(ref, cur, n, m), len(ref)-1
	if df == 0 {
		return ChiSquare{P: 1}, nil
	}
	return ChiSquare{Stat: x2, DF: df, P: ChiSquareSF(x2, float64(df))}, nil
}

func totals(ref, cur []float64) (n, m float64, err error) {
	if len(ref) != len(cur) {
		return 0, 0, fmt.Errorf("%d and %d categories: %w", len(ref), len(cur), ErrBinMismatch)
	}
	for i := range ref {
		if !(ref[i] >= 0 && cur[i] >= 0) || math.IsInf(ref[i]+cur[i], 1) {
			return 0, 0, fmt.Errorf("category %d holds %g and %g: %w", i, ref[i], cur[i], ErrBadCount)
		}
		n, m = n+ref[i], m+cur[i]
	}
	if n == 0 || m == 0 {
		return 0, 0, fmt.Errorf("totals %g and %g: %w", n, m, ErrEmpty)
	}
	return n, m, nil
}

// tableStat is X² of the 2×K table, columns without counts left out.
func tableStat(ref, cur []float64, n, m float64) float64 {
	x2, t := 0.0, n+m
	yates := len(ref) == 2
	for i := range ref {
		col := ref[i] + cur[i]
		if col == 0 {
			continue
		}
		for _, side := range [2][2]float64{{ref[i], n}, {cur[i], m}} {
			e := float64(side[1]*col) / t
			d := math.Abs(side[0] - e)
			if yates {
				d -= min(0.5, d)
			}
			x2 += float64(d*d) / e
		}
	}
	return x2
}

// ChiSquareFit tests the window against the reference's shares as if these were
// exact. At n = m the statistic doubles, so it fires far too often, and one unseen
// category gives +Inf and p = 0. Compatibility only. With one category p is NaN.
//
// Errors: ErrBinMismatch, ErrEmpty, ErrBadCount.
func ChiSquareFit(ref, cur []float64) (ChiSquare, error) {
	n, m, err := totals(ref, cur)
	if err != nil {
		return ChiSquare{}, err
	}
	x2 := 0.0
	for i := range ref {
		e := ref[i] * (m / n)
		d := cur[i] - e
		if d != 0 || e != 0 {
			x2 += float64(d*d) / e
		}
	}
	df := len(ref) - 1
	return ChiSquare{Stat: x2, DF: df, P: ChiSquareSF(x2, float64(df))}, nil
}

// CramersV returns the bias-corrected Cramér's V of the 2×K table, range [0, 1]: the
// larger side is scaled to the smaller total, both are rounded half to even, empty
// columns dropped, and with T the total and r = 2
//
//	φ² = max(0, X²/T − (K−1)(r−1)/(T−1))    r' = r − (r−1)²/(T−1)
//	K' = K − (K−1)²/(T−1)                   V = sqrt(φ²/min(K'−1, r'−1))
//
// One column gives 0. Errors: ErrBinMismatch, ErrEmpty, ErrBadCount.
func CramersV(ref, cur []float64) (float64, error) {
	n, m, err := totals(ref, cur)
	if err != nil {
		return 0, err
	}
	fr, fc := 1.0, 1.0
	if n > m {
		fr = m / n
	} else {
		fc = n / m
	}
	var a, b []float64
	ta, tb := 0.0, 0.0
	for i := range ref {
		x, y := math.RoundToEven(ref[i]*fr), math.RoundToEven(cur[i]*fc)
		if x+y > 0 {
			a, b = append(a, x), append(b, y)
			ta, tb = ta+x, tb+y
		}
	}
	if len(ref) == 1 || len(a) <= 1 || ta == 0 || tb == 0 {
		return 0, nil
	}
	const r = 2.0
	k, t := float64(len(a)), ta+tb
	phi2 := max(0, tableStat(a, b, ta, tb)/t-(k-1)*(r-1)/(t-1))
	scale := min(k-float64((k-1)*(k-1))/(t-1)-1, r-(r-1)*(r-1)/(t-1)-1)
	if scale <= 0 {
		return 0, nil
	}
	return min(1, math.Sqrt(phi2/scale)), nil
}
