package sketches

import (
	"math"
	"math/big"
)

// Moments are the moments of the finite values of a numeric feature, in the
// feature's unit (Mean, Std) or without one (Skewness, Kurtosis).
//
// Variance divides by N, VarianceSample by N−1 (NaN for N = 1). Skewness is
// g1 = m3/m2^{3/2}, Kurtosis the excess g2 = m4/m2² − 3; both are NaN where the
// variance is 0. With N = 0 everything but N is NaN.
type Moments struct {
	N                               uint64
	Mean                            float64
	Variance, VarianceSample        float64
	Skewness, Kurtosis              float64
	Std, SkewAdjusted, KurtAdjusted float64
}

// Moments reads the sums with whole numbers and one division at the end, so that
// nothing cancels. Values are quantised to 2^Exp (1/16 000 of the spread or finer),
// which adds at most 2^{2·Exp}/12 to the variance; Clamped says how many values lay
// more than 2²³ steps from the centre and count as if they lay there.
//
// Std is the root of Variance; SkewAdjusted and KurtAdjusted are the bias-adjusted
// G1 and G2, NaN for N < 3 and N < 4.
//
// f must be the numeric feature that c is counted on.
func (c *FeatureCounts) Moments(f *FeatureGrid) Moments {
	nan := math.NaN()
	m := Moments{N: c.Total(), Mean: nan, Variance: nan, VarianceSample: nan, Skewness: nan, Kurtosis: nan, Std: nan, SkewAdjusted: nan, KurtAdjusted: nan}
	if m.N == 0 || f.Kind != Numeric {
		return m
	}
	n := new(big.Int).SetUint64(m.N)
	s1, s2, s3, s4 := c.S1.Big(), c.S2.Big(), c.S3.Big(), c.S4.Big()
	mul := func(k int64, xs ...*big.Int) *big.Int {
		z := big.NewInt(k)
		for _, x := range xs {
			z.Mul(z, x)
		}
		return z
	}
	sum := func(xs ...*big.Int) *big.Int {
		z := new(big.Int)
		for _, x := range xs {
			z.Add(z, x)
		}
		return z
	}

	// mean = centre + 2^u·S1/n
	mean := new(big.Rat).SetFrac(s1, n)
	mean.Mul(mean, ratPow2(f.Exp))
	mean.Add(mean, new(big.Rat).SetFloat64(f.Centre))
	m.Mean, _ = mean.Float64()

	// n²m2 = n·S2 − S1²; n³m3 and n⁴m4 likewise, all in steps of 2^u
	n2m2 := sum(mul(1, n, s2), mul(-1, s1, s1))
	n3m3 := sum(mul(1, n, n, s3), mul(-3, n, s1, s2), mul(2, s1, s1, s1))
	n4m4 := sum(mul(1, n, n, n, s4), mul(-4, n, n, s1, s3), mul(6, n, s1, s1, s2), mul(-3, s1, s1, s1, s1))

	scaled := func(num, den *big.Int) float64 {
		r := new(big.Rat).SetFrac(num, den)
		r.Mul(r, ratPow2(2*f.Exp))
		x, _ := r.Float64()
		return x
	}
	m.Variance = scaled(n2m2, mul(1, n, n))
	m.Std = math.Sqrt(m.Variance)
	if m.N > 1 {
		m.VarianceSample = scaled(n2m2, mul(1, n, sum(n, big.NewInt(-1))))
	}
	if n2m2.Sign() == 0 {
		return m
	}
	// g1² = (n³m3)²/(n²m2)³ and g2 + 3 = n⁴m4/(n²m2)²: the powers of n cancel.
	sq, _ := new(big.Rat).SetFrac(mul(1, n3m3, n3m3), mul(1, n2m2, n2m2, n2m2)).Float64()
	m.Skewness = math.Copysign(math.Sqrt(sq), float64(n3m3.Sign()))
	if n3m3.Sign() == 0 {
		m.Skewness = 0
	}
	k, _ := new(big.Rat).SetFrac(sum(n4m4, mul(-3, n2m2, n2m2)), mul(1, n2m2, n2m2)).Float64()
	m.Kurtosis = k
	nf := float64(m.N)
	if m.N >= 3 {
		m.SkewAdjusted = m.Skewness * math.Sqrt(nf*(nf-1)) / (nf - 2)
	}
	if m.N >= 4 {
		m.KurtAdjusted = (nf - 1) * (float64((nf+1)*k) + 6) / ((nf - 2) * (nf - 3))
	}
	return m
}

// ratPow2 returns 2^e exactly.
func ratPow2(e int) *big.Rat {
	p := new(big.Int).Lsh(big.NewInt(1), uint(max(e, -e)))
	if e < 0 {
		return new(big.Rat).SetFrac(big.NewInt(1), p)
	}
	return new(big.Rat).SetInt(p)
}

// Mean is Moments(f).Mean without the work for the others.
func (c *FeatureCounts) Mean(f *FeatureGrid) float64 {
	n := c.Total()
	if n == 0 || f.Kind != Numeric {
		return math.NaN()
	}
	r := new(big.Rat).SetFrac(c.S1.Big(), new(big.Int).SetUint64(n))
	r.Mul(r, ratPow2(f.Exp))
	r.Add(r, new(big.Rat).SetFloat64(f.Centre))
	x, _ := r.Float64()
	return x
}

// Variance is Moments(f).Variance: the population variance, NaN without values.
func (c *FeatureCounts) Variance(f *FeatureGrid) float64 { return c.Moments(f).Variance }

// Skewness is Moments(f).Skewness.
func (c *FeatureCounts) Skewness(f *FeatureGrid) float64 { return c.Moments(f).Skewness }

// Kurtosis is Moments(f).Kurtosis, the excess.
func (c *FeatureCounts) Kurtosis(f *FeatureGrid) float64 { return c.Moments(f).Kurtosis }

// Quantile returns the p-quantile read from the cells, 0 ≤ p ≤ 1: the value at rank
// p·(n−1) with the values of a cell spread evenly over it. The rank error is below
// the share of the cell (1/240 on the reference the grid was built from). In under
// and over cells the known minimum and maximum bound the cell; where they are
// unknown the edge stands in. Atoms are exact. NaN without values or for p outside.
func (c *FeatureCounts) Quantile(f *FeatureGrid, p float64) float64 {
	n := c.Total()
	if n == 0 || f.Kind != Numeric || !(p >= 0 && p <= 1) {
		return math.NaN()
	}
	lo, hi, known := c.Range()
	rank := p * float64(n-1)
	before := 0.0
	for i, k := range c.Cells {
		count := float64(k)
		if k == 0 || rank >= before+count && before+count < float64(n) {
			before += count
			continue
		}
		if i > 0 && f.SingleValue(i) {
			return f.Edges[i-1]
		}
		a, b := c.bounds(f, i, lo, hi, known)
		if b <= a {
			return a
		}
		// The j-th of k values sits at (j + ½)/k of the cell.
		t := min(max((rank-before+0.5)/count, 0), 1)
		v := float64((1-t)*a) + float64(t*b)
		if known {
			v = min(max(v, lo), hi)
			switch p {
			case 0:
				v = lo
			case 1:
				v = hi
			}
		}
		return plusZero(v)
	}
	return math.NaN()
}

// bounds returns the finite interval that the values of a cell lie in.
func (c *FeatureCounts) bounds(f *FeatureGrid, cell int, lo, hi float64, known bool) (a, b float64) {
	last := len(f.Edges)
	switch {
	case cell == 0 && known:
		return lo, f.Edges[0]
	case cell == 0:
		return f.Edges[0], f.Edges[0]
	case cell == last && known:
		return f.Edges[last-1], hi
	case cell == last:
		return f.Edges[last-1], f.Edges[last-1]
	}
	a, b = f.Edges[cell-1], f.Edges[cell]
	if known {
		a, b = max(a, lo), min(b, hi)
	}
	return a, b
}
