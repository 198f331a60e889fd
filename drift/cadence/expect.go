package cadence

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/mathext"
)

// Constants of the expectations.
const (
	// Level is the chance, for one span of time, of being called out of the ordinary while
	// nothing is wrong. 8,760 hours a year make that a false alarm in eleven years of
	// hourly windows; longer windows overlap and are asked no more often. [D], measured by
	// `make bench-year ARGS=-cadence`.
	Level = 1e-5
	// minMean is the fewest rows on average at which a bucket's spread says something.
	minMean = 5
	// minFreedom is the least degrees of freedom behind a spread.
	minFreedom = 12
	// leastSpread is the smallest relative variance beyond Poisson that is believed: a
	// standard deviation of 10 %.
	leastSpread = 0.01
	// noSpread stands where nothing is known of it: a geometric law.
	noSpread = 1.0
	// medianOfChi3 is the median of χ² with 3 degrees of freedom over its mean, which makes
	// a median of variances over four weeks unbiased for normal counts.
	medianOfChi3 = 0.789
)

// Expectation says what the same span of earlier weeks held.
type Expectation struct {
	Weeks int     // weeks it rests on, MinWeeks to Weeks
	Rows  float64 // their mean
	Low   float64 // fewest rows of any of these weeks, an hour early or late included
	High  float64 // most rows
	// Spread is the relative variance of a span's rows beyond Poisson, pooled over the
	// spans of a week: the law is negative binomial with variance Rows + Spread·Rows².
	Spread float64

	low, high float64 // means of each week's least and most, an hour early or late
	least     float64 // fewest rows at exactly this time
	steady    float64 // spread that single odd buckets do not move
}

// span are units of time.
type span struct{ first, n int64 }

func (s span) back(units int64) span { return span{s.first - units, s.n} }

// Expect returns what is expected in [fromMS, toMS), whose ends are multiples of the
// unit; false while fewer than MinWeeks of these hours are known. Low and High look an
// hour to either side, so that neither a delivery that wanders nor the end of summer time
// is out of the ordinary. O(KeptWeeks · week) time.
func (v *Volume) Expect(fromMS, toMS int64) (e Expectation, ok bool) {
	s := span{floorDiv(fromMS, v.unitMS), floorDiv(toMS, v.unitMS) - floorDiv(fromMS, v.unitMS)}
	if s.n < 1 || s.n > int64(len(v.rows)) {
		return e, false
	}
	e.Low, e.least = math.Inf(1), math.Inf(1)
	for k := 1; k <= KeptWeeks && e.Weeks < Weeks; k++ {
		there := v.earlier(s, k)
		x, known := v.sum(there.first, there.n)
		if !known {
			continue
		}
		low, high := float64(x), float64(x)
		for _, by := range []int64{-1, 1} {
			if y, known := v.sum(there.first+by, there.n); known {
				low, high = min(low, float64(y)), max(high, float64(y))
			}
		}
		e.Weeks++
		e.Rows += float64(x)
		e.low, e.high = e.low+low, e.high+high
		e.Low, e.High, e.least = min(e.Low, low), max(e.High, high), min(e.least, float64(x))
	}
	if e.Weeks < MinWeeks {
		return Expectation{}, false
	}
	k := float64(e.Weeks)
	e.Rows, e.low, e.high = e.Rows/k, e.low/k, e.high/k
	e.Spread, e.steady = v.spread(s)
	return e, true
}

// earlier is the span k weeks before.
func (v *Volume) earlier(s span, k int) span {
	ms := s.first*v.unitMS - int64(k)*v.weekMS
	return span{floorDiv(ms, v.unitMS), s.n}
}

// counts returns the rows of a span in its newest known weeks, at most Weeks.
func (v *Volume) counts(s span, into []float64) []float64 {
	for k := 1; k <= KeptWeeks && len(into) < Weeks; k++ {
		there := v.earlier(s, k)
		if x, ok := v.sum(there.first, there.n); ok {
			into = append(into, float64(x))
		}
	}
	return into
}

// spread pools, over the spans of that length in a week, the variance between weeks:
//
//	φ = Σ_b (K_b − 1)·(s²_b − m_b)/m²_b ÷ Σ_b (K_b − 1)      at least leastSpread
//
// over buckets b of mean m_b ≥ minMean. A span too long to have enough buckets takes the
// spread of a seventh of it, which is larger. steady is the median over the same buckets.
func (v *Volume) spread(s span) (mean, steady float64) {
	week := v.weekMS / v.unitMS
	for {
		var sum, freedom float64
		var each []float64
		for j := int64(0); j < max(1, week/s.n); j++ {
			xs := v.counts(s.back(j*s.n), make([]float64, 0, Weeks))
			if len(xs) < 2 {
				continue
			}
			m, s2 := moments(xs)
			if m < minMean {
				continue
			}
			f := float64(len(xs) - 1)
			phi := (s2 - m) / (m * m)
			sum, freedom = sum+float64(f*phi), freedom+f
			each = append(each, phi)
		}
		switch {
		case freedom >= minFreedom:
			slices.Sort(each)
			return max(leastSpread, sum/freedom), max(leastSpread, each[len(each)/2]/medianOfChi3)
		case s.n == 1:
			return noSpread, noSpread
		}
		short := max(1, s.n/7)
		s = span{s.first + s.n - short, short}
	}
}

func moments(xs []float64) (mean, variance float64) {
	for _, x := range xs {
		mean += x
	}
	mean /= float64(len(xs))
	for _, x := range xs {
		variance += float64((x - mean) * (x - mean))
	}
	return mean, variance / float64(len(xs)-1)
}

// predictive is the spread with the error of the mean of so many weeks in it.
func predictive(spread, mean float64, weeks int) float64 {
	k := float64(weeks)
	return float64(spread*(1+1/k)) + 1/(k*mean)
}

// Fewer reports whether so few rows are out of the ordinary: below a factor-th of what is
// expected, below every learnt week, and at most Level likely.
func (e Expectation) Fewer(rows, factor float64) bool {
	if e.low <= 0 || rows*factor >= e.low || rows >= e.Low {
		return false
	}
	return below(rows, e.low, predictive(e.Spread, e.low, e.Weeks)) <= Level
}

// More reports the same of so many rows. Where nothing much is expected, less than
// minMean, any number of rows is welcome.
func (e Expectation) More(rows, factor float64) bool {
	if e.high < minMean || rows <= factor*e.high || rows <= e.High {
		return false
	}
	return 1-below(rows-1, e.high, predictive(e.Spread, e.high, e.Weeks)) <= Level
}

// below is P(X ≤ rows) for a negative binomial X of the mean and relative spread:
//
//	I_{r/(r+mean)}(r, rows+1)      r = 1/spread
//
// From nearLimit rows on by its limit, a gamma law of the same first two moments.
func below(rows, mean, spread float64) float64 {
	const nearLimit = 1e4
	if rows < 0 {
		return 0
	}
	r := 1 / spread
	if rows < nearLimit {
		return mathext.RegIncBeta(r, rows+1, r/(r+mean))
	}
	shape := 1 / (spread + 1/mean)
	return mathext.GammaIncReg(shape, shape*(rows+0.5)/mean)
}

// Quiet reports whether nothing can be relied on to come in the units that overlap
// [fromMS, toMS): in some learnt week nothing came there, or an hour before or after.
// known is false where too little is learnt.
func (v *Volume) Quiet(fromMS, toMS int64) (quiet, known bool) {
	first := floorDiv(fromMS, v.unitMS)
	last := floorDiv(toMS-1, v.unitMS)
	for u := first; u <= last; u++ {
		weeks, low := v.lows(u)
		if weeks < MinWeeks {
			return false, false
		}
		if low > 0 {
			return false, true
		}
	}
	return true, true
}

// lows returns over how many weeks a unit is known, and the fewest rows of any of them,
// an hour early or late included.
func (v *Volume) lows(unit int64) (weeks int, low int64) {
	low = math.MaxInt64
	for k := 1; k <= KeptWeeks && weeks < Weeks; k++ {
		there := v.earlier(span{unit, 1}, k).first
		x, ok := v.at(there)
		if !ok {
			continue
		}
		weeks++
		low = min(low, x)
		for _, by := range []int64{-1, 1} {
			if y, ok := v.at(there + by); ok {
				low = min(low, y)
			}
		}
	}
	return weeks, low
}

// Usual returns the mean rows of a span of so many milliseconds over the learnt weeks,
// whatever the hour; false where too little is known.
func (v *Volume) Usual(spanMS int64) (float64, bool) {
	var sum, n float64
	for i := int64(0); i < v.weekMS/v.unitMS; i++ {
		for _, x := range v.counts(span{v.newest - i, 1}, make([]float64, 0, Weeks)) {
			sum, n = sum+x, n+1
		}
	}
	if n < float64(MinWeeks*(v.weekMS/v.unitMS))/2 {
		return 0, false
	}
	return sum / n * float64(spanMS) / float64(v.unitMS), true
}
