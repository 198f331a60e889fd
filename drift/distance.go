package drift

import "math"

// JSDistance returns the Jensen–Shannon distance, the square root of the divergence
//
//	½ Σ r ln(r/q) + ½ Σ c ln(c/q),  q = (r + c)/2,  0·ln 0 = 0
//
// in units of the given logarithm base. Shapes: shares over the same bins; each
// side is normalised to sum 1. Range [0, 1] for base 2, [0, √ln 2] for base e. NaN
// where a side sums to 0.
func JSDistance(r, c []float64, base float64) float64 {
	rs, cs := 0.0, 0.0
	for i := range r {
		rs, cs = rs+r[i], cs+c[i]
	}
	left, right := 0.0, 0.0
	for i := range r {
		p, q := r[i]/rs, c[i]/cs
		mid := (p + q) / 2
		if p > 0 {
			left += float64(p * math.Log(p/mid))
		}
		if q > 0 {
			right += float64(q * math.Log(q/mid))
		}
	}
	return math.Sqrt(max(0, (left+right)/math.Log(base)/2))
}

// Hellinger returns sqrt(1 − Σ sqrt(r_i c_i)), the sum clipped to [0, 1]. Range
// [0, 1]. Shapes: shares over the same bins, each side summing to 1.
//
// Near 0 the square root turns rounding of 1e-16 into 1e-8; HellingerDiff does not.
func Hellinger(r, c []float64) float64 {
	bc := 0.0
	for i := range r {
		bc += math.Sqrt(float64(r[i] * c[i]))
	}
	return math.Sqrt(1 - min(1, max(0, bc)))
}

// HellingerDiff returns |√r − √c|₂/√2, the same distance without cancellation.
func HellingerDiff(r, c []float64) float64 {
	s := 0.0
	for i := range r {
		d := math.Sqrt(r[i]) - math.Sqrt(c[i])
		s += float64(d * d)
	}
	return math.Sqrt(s) / math.Sqrt2
}

// TVD returns the total variation distance ½ Σ |r_i − c_i|, range [0, 1].
func TVD(r, c []float64) float64 {
	s := 0.0
	for i := range r {
		s += math.Abs(r[i] - c[i])
	}
	return s / 2
}

// Linf returns max |r_i − c_i|, range [0, 1].
func Linf(r, c []float64) float64 {
	s := 0.0
	for i := range r {
		s = max(s, math.Abs(r[i]-c[i]))
	}
	return s
}
