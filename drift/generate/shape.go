package generate

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// Shape is how an input lies in its range, as a share of it: the zero value is
// uniform, otherwise a normal law of that mean and standard deviation, cut off at the
// ends of the range. It is what drifts where only the inputs drift.
type Shape struct{ Mean, SD float64 }

// At turns one uniform draw into a share in [0, 1], by the inverse cdf.
func (s Shape) At(u float64) float64 {
	if s.SD <= 0 {
		return u
	}
	low, high := phi(-s.Mean/s.SD), phi((1-s.Mean)/s.SD)
	x := s.Mean + float64(s.SD*mathext.NormalQuantile(low+float64(u*(high-low))))
	return min(max(x, 0), 1)
}

// phi is the normal cdf.
func phi(z float64) float64 { return 0.5 * math.Erfc(-z/math.Sqrt2) }

// between is the point of a share in [low, high].
func between(low, high, share float64) float64 { return low + float64((high-low)*share) }

// whole is a whole number from low to high, both included, from a share.
func whole(low, high int, share float64) float64 {
	n := float64(high - low + 1)
	return float64(low) + math.Min(math.Floor(n*share), n-1)
}

// Join says when a new concept takes over from an old one: record t is of the new one
// with chance 1/(1 + e^{−4(t−At)/Width}). Width 1 is abrupt, some thousands gradual.
type Join struct {
	Stream Stream
	At     float64 // record at which both are as likely
	Width  float64 // above 0
}

// New reports whether record t is of the new concept.
func (j Join) New(t uint64) bool {
	return j.Stream.Uniform(t) < 1/(1+math.Exp(-4*(float64(t)-j.At)/j.Width))
}

// Miss loses values: each of x becomes NaN with the chance. t numbers the record.
func Miss(s Stream, t uint64, chance float64, x []float64) {
	for j := range x {
		if s.Uniform(t*uint64(len(x))+uint64(j)) < chance {
			x[j] = math.NaN()
		}
	}
}
