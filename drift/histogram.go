package drift

import (
	"math"
	"slices"
)

// linspace returns nb equal bins of [a, b] as edges, the last one exactly b; equal
// ends open to ±½ with one bin.
func linspace(a, b float64, nb int) []float64 {
	if a == b {
		a, b, nb = a-0.5, b+0.5, 1
	}
	step := (b - a) / float64(nb)
	edges := make([]float64, nb+1)
	for i := range edges {
		edges[i] = a + float64(float64(i)*step)
	}
	edges[nb] = b
	return edges
}

// maxHistogramBins bounds automatic histograms: with a width below it a sample has
// an outlier that no equal bins can serve.
const maxHistogramBins = 1 << 20

func binsFor(a, b, width float64) int {
	if !(width > 0) {
		return 1
	}
	return int(min(max(math.Ceil((b-a)/width), 1), maxHistogramBins))
}

// SturgesEdges returns the edges of equal bins by the rule of Sturges:
// width = (max − min)/(log2 N + 1). Compatibility only.
func SturgesEdges(s Sample) []float64 {
	a, b := s[0], s[len(s)-1]
	return linspace(a, b, binsFor(a, b, (b-a)/(math.Log2(float64(len(s)))+1)))
}

// DoaneEdges returns the edges of equal bins by the rule of Doane, which adds bins
// for skewness. Compatibility only: the number of bins is a ceiling that the last
// bit of the skewness can tip, so the sums are taken in numpy's order.
func DoaneEdges(s Sample) []float64 {
	n := float64(len(s))
	a, b := s[0], s[len(s)-1]
	mean := pairwiseSum(s) / n
	z := make([]float64, len(s))
	for i, x := range s {
		z[i] = float64((x - mean) * (x - mean))
	}
	sigma := math.Sqrt(pairwiseSum(z) / n)
	if len(s) <= 2 || !(sigma > 0) {
		return linspace(a, b, 1)
	}
	for i, x := range s {
		z[i] = cube((x - mean) / sigma)
	}
	g1 := pairwiseSum(z) / n
	sg1 := math.Sqrt(6 * (n - 2) / ((n + 1) * (n + 3)))
	width := (b - a) / (1 + math.Log2(n) + math.Log2(1+math.Abs(g1)/sg1))
	return linspace(a, b, binsFor(a, b, width))
}

// cube returns x³ rounded once (almost always), as a good pow does.
func cube(x float64) float64 {
	sq := float64(x * x)
	rest := math.FMA(x, x, -sq)
	return math.FMA(sq, x, float64(rest*x))
}

// Histogram counts the values in [e_i, e_{i+1}), the last bin closed on both sides.
// Values outside the edges are not counted.
func Histogram(s Sample, edges []float64) []float64 {
	nb := len(edges) - 1
	counts := make([]float64, nb)
	below := func(x float64) int { i, _ := slices.BinarySearch(s, x); return i }
	before := below(edges[0])
	for i := range nb {
		end := below(edges[i+1])
		if i == nb-1 { // closed: count the values equal to the edge too
			end = below(math.Nextafter(edges[nb], math.Inf(1)))
		}
		counts[i] = float64(end - before)
		before = end
	}
	return counts
}
