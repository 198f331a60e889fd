package drift

import "math"

// PSINull is the law of a PSI without drift between independent records: ω·χ²_{B−1}
// with ω = 1/n + 1/m, to second order (Yurdakul & Naranjo 2020†). It is usable down
// to about ten records a bin.
type PSINull struct {
	Omega float64
	DF    float64
}

// NewPSINull returns the law for B bins, n reference and m window records.
func NewPSINull(bins int, n, m float64) PSINull {
	return PSINull{Omega: 1/n + 1/m, DF: float64(bins - 1)}
}

// Mean returns (B−1)ω.
func (l PSINull) Mean() float64 { return l.DF * l.Omega }

// SD returns ω·sqrt(2(B−1)).
func (l PSINull) SD() float64 { return l.Omega * math.Sqrt(2*l.DF) }

// Threshold returns the PSI that is exceeded with probability alpha.
func (l PSINull) Threshold(alpha float64) float64 {
	return l.Omega * chiSquareUpper(l.DF, alpha)
}

// P returns the probability of a PSI this large or larger. For display.
func (l PSINull) P(psi float64) float64 { return ChiSquareSF(psi/l.Omega, l.DF) }

// chiSquareUpper returns x with P(χ²_df ≥ x) = alpha, for 0 < alpha < 1.
func chiSquareUpper(df, alpha float64) float64 {
	hi := df + 10
	for ChiSquareSF(hi, df) > alpha {
		hi *= 2
	}
	return decreasingRoot(0, hi, func(x float64) float64 { return ChiSquareSF(x, df) - alpha })
}

// decreasingRoot returns the root of a decreasing f in [lo, hi] to about the last
// bits, by the Illinois form of regula falsi with bisection as its guard. Where f
// has one sign on the whole interval it returns the end nearer to the root.
func decreasingRoot(lo, hi float64, f func(float64) float64) float64 {
	flo, fhi := f(lo), f(hi)
	if flo <= 0 {
		return lo
	}
	if fhi >= 0 {
		return hi
	}
	side := 0
	for i := 0; i < 200 && hi-lo > 1e-14*math.Abs(hi); i++ {
		x := lo + (hi-lo)*flo/(flo-fhi)
		if i%3 == 2 || !(x > lo && x < hi) {
			x = lo + (hi-lo)/2
			if x <= lo || x >= hi {
				break
			}
		}
		switch fx := f(x); {
		case fx == 0:
			return x
		case fx > 0:
			lo, flo = x, fx
			if side == 1 {
				fhi /= 2
			}
			side = 1
		default:
			hi, fhi = x, fx
			if side == -1 {
				flo /= 2
			}
			side = -1
		}
	}
	return lo + (hi-lo)/2
}
