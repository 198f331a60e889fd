package generate

import (
	"math"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"
)

// Sequence reads the draws of one stream in order. It is not safe for concurrent use; a
// copy goes its own way.
type Sequence struct {
	of Stream
	i  uint64
}

// NewSequence starts at draw 0 of a stream.
func NewSequence(seed, stream uint64) Sequence { return Sequence{of: New(seed, stream)} }

// Uniform returns the next draw, in (0, 1).
func (s *Sequence) Uniform() float64 {
	u := s.of.Uniform(s.i)
	s.i++
	return u
}

// Normal returns the next draw as a standard normal.
func (s *Sequence) Normal() float64 { return mathext.NormalQuantile(s.Uniform()) }

// Below returns the next draw as a whole number in [0, n); n must be positive. Below
// n = 2³² the chances are equal to within 2⁻²¹ of themselves.
func (s *Sequence) Below(n int) int { return min(n-1, int(s.Uniform()*float64(n))) }

// Kind is what happens to a standard normal stream.
type Kind uint8

// The one-dimensional family.
const (
	None         Kind = iota // nothing
	Mean                     // + Size
	Spread                   // · Size: 1.5 is one and a half times the standard deviation
	HeavyTails               // Student's t with 3 degrees of freedom, not rescaled
	Contaminated             // a share Size of the records from N(4, 1)
	Missing                  // a share Size of the records has no value
	Unit                     // (x + 10)·Size − 10: another unit of a quantity around 10
	Stuck                    // always Size
)

// Change is a kind and its size.
type Change struct {
	Kind Kind
	Size float64
}

// Source is a stream of values: Gaussian AR(1) with coefficient Phi and variance 1,
// x_t = Phi·x_{t−1} + sqrt(1 − Phi²)·ε_t from a stationary start, then changed.
type Source struct {
	Phi    float64 // −1 < Phi < 1; 0 for independent records
	Change Change

	draws, extra Sequence
	last         float64
	started      bool
}

// NewSource reads streams 2·stream and 2·stream + 1 of the seed: the first for the
// records, the second for what a change draws itself.
func NewSource(seed, stream uint64, phi float64) Source {
	return Source{Phi: phi, draws: NewSequence(seed, 2*stream), extra: NewSequence(seed, 2*stream+1)}
}

// Next returns the next value; ok is false where it is missing.
func (s *Source) Next() (x float64, ok bool) {
	e := s.draws.Normal()
	if s.started {
		s.last = float64(s.Phi*s.last) + float64(math.Sqrt(1-float64(s.Phi*s.Phi))*e)
	} else {
		s.last, s.started = e, true
	}
	return s.Change.apply(s.last, &s.extra)
}

func (c Change) apply(x float64, extra *Sequence) (float64, bool) {
	switch c.Kind {
	case Mean:
		return x + c.Size, true
	case Spread:
		return x * c.Size, true
	case HeavyTails:
		p := 0.5 * math.Erfc(-x/math.Sqrt2)
		return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: 3}.Quantile(p), true
	case Contaminated:
		if extra.Uniform() < c.Size {
			return 4 + extra.Normal(), true
		}
	case Missing:
		return x, extra.Uniform() >= c.Size
	case Unit:
		return float64((x+10)*c.Size) - 10, true
	case Stuck:
		return c.Size, true
	case None:
	}
	return x, true
}
