package check

import (
	"math"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/trainer/reference"
)

// sample returns the finite numbers of one feature, ascending; nil where there are none.
func sample(rows []reference.Row, feature int) drift.Sample {
	var xs []float64
	for _, r := range rows {
		if x, ok := r.Values[feature].Float(); ok && x-x == 0 {
			xs = append(xs, x)
		}
	}
	s, _, err := drift.NewSample(xs)
	if err != nil {
		return nil // empty: NaN and infinities were left out
	}
	return s
}

// describe gives the statistics of a sample.
func describe(s drift.Sample) Statistics {
	if len(s) == 0 {
		return undefinedFeature("").Statistics.Reference
	}
	m := drift.BatchMoments(s)
	q := func(j int) num { return num(sketches.QuantileSorted(s, j, 4)) }
	return Statistics{
		Mean: num(m.Mean), Std: num(math.Sqrt(m.VarianceSample)), Min: num(m.Min), Q25: q(1), Median: q(2), Q75: q(3), Max: num(m.Max),
		Skew: num(m.SkewAdjusted), Kurt: num(m.KurtAdjusted),
	}
}

// exactRows is how many rows the exact law of KS is computed for on either side: above
// it the finite-N law has the same digits, and the exact one costs n·m steps.
const exactRows = 10_000

// ksP is the two-sided p-value of a KS distance.
func ksP(n, m int, d float64) float64 {
	if max(n, m) <= exactRows {
		if p, ok := drift.KSExactP(n, m, d); ok {
			return p
		}
	}
	return drift.KSAsymptoticP(float64(n), float64(m), d)
}
