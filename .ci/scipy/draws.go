package main

import (
	"math"

	"github.com/driftline/driftline/drift/generate"
)

// draws is where a case comes from.
type draws struct{ generate.Sequence }

// between draws from [low, high], on a logarithmic scale if asked.
func (d *draws) between(low, high float64, logarithmic bool) float64 {
	u := d.Uniform()
	if logarithmic {
		return low * math.Pow(high/low, u)
	}
	return low + float64((high-low)*u)
}

// sample draws 2 to 400 values of one of six shapes, at a place and on a scale of
// their own: normal, long-tailed, uniform, with ties, mostly zero, and far from zero.
func (d *draws) sample() []float64 {
	xs := make([]float64, int(d.between(2, 400, true)))
	shape := d.Below(6)
	at, scale := d.between(-1, 1, false), d.between(0.5, 2, true)
	for i := range xs {
		z := d.Normal()
		switch shape {
		case 0:
			xs[i] = at + float64(scale*z)
		case 1:
			xs[i] = at + math.Exp(float64(scale*z))
		case 2:
			xs[i] = at + float64(scale*d.Uniform())
		case 3:
			xs[i] = math.Round(float64(2 * scale * z))
		case 4:
			if d.Uniform() < 0.4 {
				xs[i] = float64(scale * z)
			}
		default:
			xs[i] = 1e6 + at + float64(scale*z)
		}
	}
	return xs
}

// counts draws two rows over 2 to 60 categories, 10 to 10⁶ records each, in which some
// categories are empty on one side, but none on both.
func (d *draws) counts() (ref, cur []float64) {
	k := int(d.between(2, 60, true))
	n, m := d.between(10, 1e6, true), d.between(10, 1e6, true)
	moved := d.between(0.001, 1, true)
	for range k {
		share := -math.Log(d.Uniform()) / float64(k)
		r := math.Round(float64(n * share))
		c := math.Round(float64(m * share * math.Exp(float64(moved*d.Normal()))))
		if d.Uniform() < 0.05 {
			r = 0
		}
		if d.Uniform() < 0.05 {
			c = 0
		}
		if r+c > 0 {
			ref, cur = append(ref, r), append(cur, c)
		}
	}
	// Neither side is empty.
	return append(ref, 1, 2), append(cur, 3, 1)
}

func normalised(counts []float64) []float64 {
	total := 0.0
	for _, c := range counts {
		total += c
	}
	shares := make([]float64, len(counts))
	for i, c := range counts {
		shares[i] = c / total
	}
	return shares
}
