package main

import (
	"fmt"
	"math"

	"github.com/driftline/driftline/sketches/joint"
)

// source is a law of rows. Rows are counter-based: row i of a stream is a function of
// seed, stream and i.
type source struct {
	name string
	dim  int
	// row writes a row from uniform numbers, which u gives by their place.
	row func(x []float64, u func(i uint64) float64)
}

// draw writes row i of a stream.
func (s *source) draw(x []float64, seed, stream, i uint64) {
	base := joint.Bits(seed, stream, i)
	s.row(x, func(k uint64) float64 { return joint.Uniform(base, 0, k) })
}

// normal is a standard normal number from a uniform one.
func normal(u float64) float64 {
	if u > 0.5 {
		return math.Sqrt2 * math.Erfcinv(2*(1-u))
	}
	return -math.Sqrt2 * math.Erfcinv(2*u)
}

// gauss is dim normal numbers, changed by edit.
func gauss(name string, dim int, edit func(x []float64, common float64)) *source {
	return &source{name: name, dim: dim, row: func(x []float64, u func(i uint64) float64) {
		for k := range x {
			x[k] = normal(u(uint64(k)))
		}
		if edit != nil {
			edit(x, normal(u(uint64(dim))))
		}
	}}
}

func shifted(dim int, by float64) *source {
	return gauss(fmt.Sprintf("mean %g in all", by), dim, func(x []float64, _ float64) {
		for k := range x {
			x[k] += by
		}
	})
}

func spread(dim, last int, variance float64) *source {
	return gauss(fmt.Sprintf("variance %g in %d", variance, last), dim, func(x []float64, _ float64) {
		for k := dim - last; k < dim; k++ {
			x[k] *= math.Sqrt(variance)
		}
	})
}

// correlated gives the first so many coordinates a common part; marginals stay.
func correlated(dim, first int, rho float64) *source {
	return gauss(fmt.Sprintf("correlation %g among %d", rho, first), dim, func(x []float64, common float64) {
		for k := range first {
			x[k] = math.Sqrt(1-rho)*x[k] + math.Sqrt(rho)*common
		}
	})
}

// square is uniform on [−1,1]².
func square() *source {
	return &source{name: "square", dim: 2, row: func(x []float64, u func(i uint64) float64) {
		x[0], x[1] = 2*u(0)-1, 2*u(1)-1
	}}
}

// rotated is the square turned by 45°.
func rotated() *source {
	return &source{name: "square turned by 45°", dim: 2, row: func(x []float64, u func(i uint64) float64) {
		a, b := 2*u(0)-1, 2*u(1)-1
		x[0], x[1] = (a-b)/math.Sqrt2, (a+b)/math.Sqrt2
	}}
}

// hollow is the square without |x|, |y| < ½, by drawing again.
func hollow() *source {
	return &source{name: "square without its centre", dim: 2, row: func(x []float64, u func(i uint64) float64) {
		for i := uint64(0); ; i += 2 {
			x[0], x[1] = 2*u(i)-1, 2*u(i+1)-1
			if math.Abs(x[0]) >= 0.5 || math.Abs(x[1]) >= 0.5 {
				return
			}
		}
	}}
}
