package performance

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// scale is where a figure's spread is about the same everywhere, so that its interval
// stays inside its range.
type scale struct {
	to, from func(float64) float64
}

func same(x float64) float64 { return x }

var (
	plainScale = scale{same, same}
	shareScale = scale{logit, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }} // (0, 1)
	logScale   = scale{math.Log, math.Exp}                                               // above 0
	corrScale  = scale{math.Atanh, math.Tanh}                                            // (−1, 1)
	// belowOne is for R² = 1 − a ratio of sums of squares.
	belowOne = scale{func(x float64) float64 { return math.Log(1 - x) }, func(x float64) float64 { return 1 - math.Exp(x) }}
)

// figure is one value that wants an interval. rows is the denominator of a share of
// counts, 0 for what is none.
type figure struct {
	value *Value
	scale scale
	rows  float64
}

// bound sets the interval from the values with one day left out each.
func (f figure) bound(left []Value, level float64) {
	v := f.value
	if !v.Defined() {
		return
	}
	j := len(left)
	if j < 2 {
		v.NoBounds = "one day has no spread between days"
		return
	}
	for i, x := range left {
		if !x.Defined() {
			v.NoBounds = fmt.Sprintf("without day %d of %d: %s", i+1, j, x.Reason)
			return
		}
	}
	t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(j - 1)}.Quantile((1 + level) / 2)
	v.SE = jackknife(left, same)
	if f.rows > 0 {
		// The design effect stands for the days, t for how few they are.
		n := f.rows / designOf(v.Number, f.rows, left)
		v.Low, v.High = wilson(v.Number, n, t)
		return
	}
	at, se := f.scale.to(v.Number), jackknife(left, f.scale.to)
	if !finite(at) || !finite(se) {
		v.NoBounds = "the figure lies at the end of its range"
		return
	}
	a, b := f.scale.from(at-float64(t*se)), f.scale.from(at+float64(t*se))
	v.Low, v.High = min(a, b), max(a, b)
}

// jackknife is the standard error from J values with one day left out each, on a
// scale: sqrt((J−1)/J·Σ(θ_j − mean)²). Efron & Stein 1981†.
func jackknife(left []Value, to func(float64) float64) float64 {
	j := float64(len(left))
	mean := 0.0
	for _, x := range left {
		mean += to(x.Number) / j
	}
	sum := 0.0
	for _, x := range left {
		d := to(x.Number) - mean
		sum += float64(d * d)
	}
	return math.Sqrt(sum * (j - 1) / j)
}

// designOf is how many rows weigh as one: the variance between days over that of
// independent rows, p(1−p)/n; at least 1.
func designOf(p, n float64, left []Value) float64 {
	independent := float64(p*(1-p)) / n
	for _, x := range left {
		if !x.Defined() {
			return 1
		}
	}
	if !(independent > 0) || len(left) < 2 {
		return 1
	}
	se := jackknife(left, same)
	return max(1, float64(se*se)/independent)
}

// wilson is the interval for a share p of n rows at z standard deviations, without
// continuity correction. Wilson 1927†.
func wilson(p, n, z float64) (low, high float64) {
	z2 := float64(z * z)
	mid := (p + z2/(2*n)) / (1 + z2/n)
	half := z / (1 + z2/n) * math.Sqrt(float64(p*(1-p))/n+z2/float64(4*n*n))
	return max(0, mid-half), min(1, mid+half)
}

// normalQuantile is Φ⁻¹.
func normalQuantile(p float64) float64 { return distuv.UnitNormal.Quantile(p) }
