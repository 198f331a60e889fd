package drift

import (
	"math"
	"slices"

	"github.com/driftline/driftline/sketches"
)

// The functions here reproduce numbers by the definitions of other libraries from
// raw samples, for people who move over. They are no part of a verdict.

// evidentlyDistinct: a reference with more distinct values gets a histogram.
const evidentlyDistinct = 20

// evidentlyCounts returns the counts of both sides: on Sturges edges of the pooled
// sample where the reference has more than 20 distinct values, else per value.
func evidentlyCounts(ref, cur Sample) (r, c []float64) {
	if len(ref.distinct()) > evidentlyDistinct {
		edges := SturgesEdges(pooled(ref, cur))
		return Histogram(ref, edges), Histogram(cur, edges)
	}
	pi, pj := 0, 0
	walk(ref, cur, func(_ float64, i, j int) {
		r, c = append(r, float64(i-pi)), append(c, float64(j-pj))
		pi, pj = i, j
	})
	return r, c
}

// EvidentlyPSI returns the PSI by Evidently's bins and zero rule.
func EvidentlyPSI(ref, cur Sample) (float64, error) {
	r, c := evidentlyCounts(ref, cur)
	return PSIWith(Evidently, r, c)
}

// EvidentlyJS returns the Jensen–Shannon distance, natural logarithm, on
// Evidently's bins.
func EvidentlyJS(ref, cur Sample) float64 {
	r, c := evidentlyCounts(ref, cur)
	return JSDistance(r, c, math.E)
}

// EvidentlyHellinger returns the Hellinger distance from densities on Sturges edges
// of the distinct pooled values.
func EvidentlyHellinger(ref, cur Sample) float64 {
	edges := SturgesEdges(pooled(ref, cur).distinct())
	r, c := Histogram(ref, edges), Histogram(cur, edges)
	nb := float64(len(r))
	width := (edges[len(edges)-1] - edges[0]) / nb
	bc := 0.0
	for i := range r {
		w := edges[i+1] - edges[i]
		bc += float64(math.Sqrt(float64(r[i]/w/float64(len(ref)))*float64(c[i]/w/float64(len(cur)))) * width)
	}
	return math.Sqrt(1 - min(1, max(0, bc)))
}

// FrourosPSI returns the PSI on 10 equal bins of the pooled range under the Frouros
// rule; ok is false where the pooled range is one point.
func FrourosPSI(ref, cur Sample) (psi float64, ok bool) {
	lo, hi := min(ref[0], cur[0]), max(ref[len(ref)-1], cur[len(cur)-1])
	if lo == hi {
		return 0, false
	}
	edges := linspace(lo, hi, 10)
	psi, err := PSIWith(Frouros, Histogram(ref, edges), Histogram(cur, edges))
	return psi, err == nil
}

// NannyShares returns shares on Doane edges of the reference; window values outside
// form one extra bin, added only where one minus the sum of the window's shares is
// above 0 in float64. The sum is taken in the order numpy takes it, because its
// last bit decides whether that bin exists.
func NannyShares(ref, cur Sample) (r, c []float64) {
	edges := DoaneEdges(ref)
	r, c = Histogram(ref, edges), Histogram(cur, edges)
	for i := range r {
		r[i] /= float64(len(ref))
		c[i] /= float64(len(cur))
	}
	if left := 1 - pairwiseSum(c); left > 0 {
		r, c = append(r, 0), append(c, left)
	}
	return r, c
}

// pairwiseSum adds as numpy does: plainly below 8 numbers, in eight running sums up
// to 128, in halves (of a multiple of 8) above.
func pairwiseSum(x []float64) float64 {
	n := len(x)
	switch {
	case n < 8:
		s := 0.0
		for _, v := range x {
			s += v
		}
		return s
	case n <= 128:
		var r [8]float64
		copy(r[:], x)
		i := 8
		for ; i+8 <= n; i += 8 {
			for k := range r {
				r[k] += x[i+k]
			}
		}
		s := ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]))
		for ; i < n; i++ {
			s += x[i]
		}
		return s
	}
	half := n / 2
	half -= half % 8
	return pairwiseSum(x[:half]) + pairwiseSum(x[half:])
}

// ACISPSI returns the PSI by the definition of the ACIS drift detector: decile edges
// of the reference (minimum and maximum included, duplicates removed, last bin
// closed), window values outside them not counted but kept in the divisor, shares of
// 0 set to 1e-4, natural logarithm. Fewer than two edges give 0. There a feature is
// drifted from 0.2 on.
func ACISPSI(ref, cur Sample) float64 {
	edges := make([]float64, 0, 11)
	for j := range 11 {
		edges = append(edges, sketches.QuantileSorted(ref, j, 10))
	}
	edges = slices.Compact(edges)
	if len(edges) < 2 {
		return 0
	}
	a, b := Histogram(ref, edges), Histogram(cur, edges)
	psi := 0.0
	for i := range a {
		r, c := a[i]/float64(len(ref)), b[i]/float64(len(cur))
		if r == 0 {
			r = acisZero
		}
		if c == 0 {
			c = acisZero
		}
		psi += psiTerm(r, c)
	}
	return psi
}

// acisZero is the share that ACIS puts for an empty bin; convention.
const acisZero = 1e-4
