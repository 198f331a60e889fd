package drift

import (
	"math"

	"gonum.org/v1/gonum/mathext"

	"github.com/driftline/driftline/sketches"
)

// QualityLevel is the chance, for one share of one feature at one hop, of being called too
// large while it lies at its limit. [D]
const QualityLevel = 1e-4

// RetypedShare is the share of the values that are there from which a feature has changed
// its type: convention.
const RetypedShare = 0.9

// AboveLimit reports whether k of n rows is a larger share than limit beyond what so few
// rows say by chance:
//
//	P(X ≥ k) = I_limit(k, n−k+1) ≤ QualityLevel      X binomial of n rows at the limit
//
// with k and n divided by the design effect, where that is above 1. It is the one of the
// feature's values, standing in for that of its faults, which nobody has learnt: faults
// that come in long bursts are called somewhat more often.
//
// limit at or above 1, and n or k of 0, are never above. No errors.
func AboveLimit(k, n uint64, limit, designEffect float64) bool {
	if n == 0 || k == 0 || limit >= 1 || math.IsNaN(limit) {
		return false
	}
	d := 1.0
	if designEffect > 1 && !math.IsInf(designEffect, 0) {
		d = designEffect
	}
	hits, size := float64(min(k, n))/d, float64(n)/d
	return limit <= 0 || mathext.RegIncBeta(hits, size-hits+1, limit) <= QualityLevel
}

// SchemaChange reports whether a feature is missing from every record of a window, or came
// as another type in RetypedShare of those that have it, and not so in the reference: the
// share must be AboveLimit half way between the reference's and 1.
func SchemaChange(ref, cur *sketches.FeatureCounts, designEffect float64) (absent, retyped bool) {
	odd := func(k, n, refK, refN uint64) bool {
		return AboveLimit(k, n, (1+float64(refK)/float64(max(1, refN)))/2, designEffect)
	}
	all, refAll := cur.Total()+cur.Sides(), ref.Total()+ref.Sides()
	absent = all > 0 && cur.Null == all && odd(all, all, ref.Null, refAll)
	there, refThere := all-cur.Null, refAll-ref.Null
	retyped = there > 0 && float64(cur.Wrong) >= RetypedShare*float64(there) && odd(cur.Wrong, there, ref.Wrong, refThere)
	return absent, retyped
}
