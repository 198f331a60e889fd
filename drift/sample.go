package drift

import (
	"fmt"
	"math"
	"slices"
)

// Sample is a cleaned, ascending batch sample for the functions that need raw
// values. The stream never makes one.
type Sample []float64

// NewSample drops NaN (which stands for null here), counts it, and sorts the rest
// in a copy; −0 becomes 0.
//
// Errors: ErrNonFinite for ±Inf with its index, ErrEmpty if nothing is left.
func NewSample(values []float64) (s Sample, nulls int, err error) {
	s = make(Sample, 0, len(values))
	for i, x := range values {
		switch {
		case math.IsNaN(x):
			nulls++
		case math.IsInf(x, 0):
			return nil, 0, fmt.Errorf("%g at index %d: %w; drop or replace it first", x, i, ErrNonFinite)
		default:
			s = append(s, x+0)
		}
	}
	if len(s) == 0 {
		return nil, nulls, fmt.Errorf("%d values, %d of them null: %w", len(values), nulls, ErrEmpty)
	}
	slices.Sort(s)
	return s, nulls, nil
}

// distinct returns the distinct values, ascending.
func (s Sample) distinct() Sample { return slices.Compact(slices.Clone(s)) }

// pooled returns both samples in one, ascending.
func pooled(a, b Sample) Sample {
	p := append(slices.Clone(a), b...)
	slices.Sort(p)
	return p
}

// walk visits every distinct pooled value in ascending order with the numbers of
// reference and window values ≤ it.
func walk(ref, cur Sample, visit func(x float64, i, j int)) {
	i, j := 0, 0
	for i < len(ref) || j < len(cur) {
		x := math.Inf(1)
		if i < len(ref) {
			x = ref[i]
		}
		if j < len(cur) {
			x = min(x, cur[j])
		}
		for i < len(ref) && ref[i] == x {
			i++
		}
		for j < len(cur) && cur[j] == x {
			j++
		}
		visit(x, i, j)
	}
}

// Wasserstein returns W1 = ∫ |F − G| dx, in the unit of the values.
func Wasserstein(ref, cur Sample) float64 {
	w, before, height := 0.0, 0.0, 0.0
	first := true
	walk(ref, cur, func(x float64, i, j int) {
		if !first {
			w += float64(height * (x - before))
		}
		first, before = false, x
		height = math.Abs(float64(i)/float64(len(ref)) - float64(j)/float64(len(cur)))
	})
	return w
}

// MinScale is the smallest divisor of WassersteinNorm; convention.
const MinScale = 0.001

// WassersteinNorm returns W1 in units of the reference's population standard
// deviation, or of 0.001 where that is larger.
func WassersteinNorm(ref, cur Sample) float64 {
	return Wasserstein(ref, cur) / max(math.Sqrt(BatchMoments(ref).Variance), MinScale)
}

// WassersteinScaled returns W1 after both sides are scaled by the pooled minimum
// and maximum to [0, 1]; 0 where those are equal.
func WassersteinScaled(ref, cur Sample) float64 {
	lo, hi := min(ref[0], cur[0]), max(ref[len(ref)-1], cur[len(cur)-1])
	if lo == hi {
		return 0
	}
	scale := func(s Sample) Sample {
		t := make(Sample, len(s))
		for i, x := range s {
			t[i] = (x - lo) / (hi - lo)
		}
		return t
	}
	return Wasserstein(scale(ref), scale(cur))
}

// Energy returns the energy distance sqrt(2 ∫ (F − G)² dx).
func Energy(ref, cur Sample) float64 {
	e, before, height := 0.0, 0.0, 0.0
	first := true
	walk(ref, cur, func(x float64, i, j int) {
		if !first {
			e += float64(height * height * (x - before))
		}
		first, before = false, x
		height = float64(i)/float64(len(ref)) - float64(j)/float64(len(cur))
	})
	return math.Sqrt(2 * e)
}

// RawMoments are moments of a batch sample. Variance divides by N, VarianceSample
// by N−1; Skewness is g1, Kurtosis the excess g2; SkewAdjusted and KurtAdjusted are
// the bias-adjusted G1 and G2. What is not defined is NaN: VarianceSample for N = 1,
// the shape figures for a variance of 0, G1 for N < 3, G2 for N < 4.
type RawMoments struct {
	N                                              int
	Mean, Variance, VarianceSample                 float64
	Skewness, Kurtosis, SkewAdjusted, KurtAdjusted float64
	Min, Max                                       float64
}

// BatchMoments computes the moments in two passes, the second one about the mean
// with the rounding of the mean taken out again, so that a large offset cancels
// nothing.
func BatchMoments(s Sample) RawMoments {
	n := float64(len(s))
	// Sums about the first value: they are of the size of the spread.
	shift, sum := s[0], 0.0
	for _, x := range s {
		sum += x - shift
	}
	delta := sum / n
	mean := shift + delta
	var m1, m2, m3, m4 float64
	for _, x := range s {
		d := (x - shift) - delta
		d2 := float64(d * d)
		m1, m2, m3, m4 = m1+d, m2+d2, m3+float64(d2*d), m4+float64(d2*d2)
	}
	m2 = (m2 - float64(m1*m1)/n) / n
	m3, m4 = m3/n, m4/n
	nan := math.NaN()
	m := RawMoments{N: len(s), Mean: mean, Variance: m2, VarianceSample: nan, Skewness: nan, Kurtosis: nan, SkewAdjusted: nan, KurtAdjusted: nan, Min: s[0], Max: s[len(s)-1]}
	if len(s) > 1 {
		m.VarianceSample = m2 * n / (n - 1)
	}
	if s[0] == s[len(s)-1] {
		m.Mean, m.Variance = s[0], 0
		return m
	}
	m.Skewness = m3 / math.Pow(m2, 1.5)
	m.Kurtosis = m4/float64(m2*m2) - 3
	if len(s) >= 3 {
		m.SkewAdjusted = m.Skewness * math.Sqrt(n*(n-1)) / (n - 2)
	}
	if len(s) >= 4 {
		m.KurtAdjusted = (n - 1) * (float64((n+1)*m.Kurtosis) + 6) / ((n - 2) * (n - 3))
	}
	return m
}
