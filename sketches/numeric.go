package sketches

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// AtomShare decides what an atom is: a value with count·AtomShare > n gets a cell of its own.
const AtomShare = 512

const (
	minExp = -1000 // keeps 2^−Exp a finite float64
	maxExp = 1011
)

// NewNumeric builds the cells of a numeric feature from reference values.
//
// The n values are sorted in a copy (−0 becomes 0). Edges are the distinct values
// of the type-7 quantiles Q_0 … Q_239, of the float64 after Q_240, and of a and
// the float64 after a for every atom a, a value with count·512 > n. Centre and
// exponent of the moment sums come from the median and the interquartile range.
// At most 1 263 edges: 241 and two for each of 511 atoms; far fewer in practice.
//
// Errors: ErrEmpty for no values; ErrNonFinite for NaN or ±Inf, with its index.
// Cost: O(n log n) time, O(n) memory.
func NewNumeric(name string, values []float64) (FeatureGrid, error) {
	if len(values) == 0 {
		return FeatureGrid{}, fmt.Errorf("numeric feature %q: %w: the reference holds no finite value; leave the feature out or widen the reference", name, ErrEmpty)
	}
	x := make([]float64, len(values))
	for i, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return FeatureGrid{}, fmt.Errorf("numeric feature %q: %w: %g at index %d; filter the reference first", name, ErrNonFinite, v, i)
		}
		x[i] = plusZero(v)
	}
	slices.Sort(x)

	var q [Quantiles + 1]float64
	for j := range q {
		q[j] = QuantileSorted(x, j, Quantiles)
	}
	edges := append([]float64(nil), q[:Quantiles]...)
	edges = append(edges, nextUp(q[Quantiles]))
	for i := 0; i < len(x); {
		end := i + 1
		for end < len(x) && x[end] == x[i] {
			end++
		}
		if (end-i)*AtomShare > len(x) {
			edges = append(edges, x[i], nextUp(x[i]))
		}
		i = end
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)

	f := FeatureGrid{Name: name, Kind: Numeric, Edges: edges, Quantile: make([]int, Quantiles)}
	for j := range f.Quantile {
		f.Quantile[j], _ = slices.BinarySearch(edges, q[j])
	}
	f.Centre, f.Exp = momentScale(&q)
	if err := f.prepare(); err != nil {
		return FeatureGrid{}, err
	}
	return f, nil
}

// QuantileSorted returns the type-7 quantile j/k of ascending finite values, with
// the position found in exact integers: (n−1)·j = k·i + ρ gives x_i for ρ = 0, else
// x_i + (ρ/k)·(x_{i+1} − x_i). It needs n ≥ 1, k ≥ 1 and 0 ≤ j ≤ k.
func QuantileSorted(x []float64, j, k int) float64 {
	pos := (len(x) - 1) * j
	i, rho := pos/k, pos%k
	if rho == 0 {
		return x[i]
	}
	t := float64(rho) / float64(k)
	lo, hi := x[i], x[i+1]
	v := lo + float64(t*(hi-lo))
	if math.IsInf(hi-lo, 0) {
		v = float64((1-t)*lo) + float64(t*hi)
	}
	// Rounding may step over the neighbour by one unit; quantiles must ascend.
	return plusZero(min(max(v, lo), hi))
}

// momentScale chooses centre and exponent: s is the first positive of
// (Q_180 − Q_60, Q_240 − Q_0, |Q_120|, 1), Exp = ⌈log2 s⌉ − 14, and the centre is
// Q_120 rounded to a multiple of 2^Exp. One step is then about 1/16 000 of s.
func momentScale(q *[Quantiles + 1]float64) (centre float64, exp int) {
	s := 1.0
	for _, c := range []float64{q[180]/2 - q[60]/2, q[240]/2 - q[0]/2, math.Abs(q[120]) / 2} {
		// Halved so that the difference of two huge values stays finite. A
		// difference so small that its half is 0 falls through to the next.
		if c > 0 {
			s = c * 2
			if math.IsInf(s, 0) {
				s = math.MaxFloat64
			}
			break
		}
	}
	frac, e := math.Frexp(s) // s = frac·2^e, ½ ≤ frac < 1
	if frac == 0.5 {
		e--
	}
	exp = min(max(e-14, minExp), maxExp)
	steps := math.Ldexp(q[120], -exp)
	if math.Abs(steps) >= 1<<53 { // every such float64 is a whole number of steps
		return q[120], exp
	}
	centre = math.Ldexp(math.RoundToEven(steps), exp)
	if math.IsInf(centre, 0) { // rounded up beyond the largest float64
		centre = math.Ldexp(math.Trunc(steps), exp)
	}
	return plusZero(centre), exp
}

func (f *FeatureGrid) prepareNumeric() error {
	if len(f.Names) > 0 || len(f.Tail) > 0 || len(f.Known) > 0 || f.Seed != 0 {
		return errors.New("numeric, but holds categories")
	}
	if len(f.Edges) < 2 || len(f.Edges) > maxEdges {
		return fmt.Errorf("%d edges, want 2 … %d", len(f.Edges), maxEdges)
	}
	for i, e := range f.Edges {
		inf := math.IsInf(e, 1) && i == len(f.Edges)-1
		if math.IsNaN(e) || math.IsInf(e, 0) && !inf || e == 0 && math.Signbit(e) {
			return fmt.Errorf("edge %d is %g", i, e)
		}
		if i > 0 && e <= f.Edges[i-1] {
			return fmt.Errorf("edge %d = %g is not above edge %d = %g", i, e, i-1, f.Edges[i-1])
		}
	}
	if len(f.Quantile) != Quantiles {
		return fmt.Errorf("%d quantile positions, want %d", len(f.Quantile), Quantiles)
	}
	if f.Quantile[0] != 0 {
		return fmt.Errorf("quantile 0 is edge %d, want the first", f.Quantile[0])
	}
	for j, at := range f.Quantile {
		if at < 0 || at >= len(f.Edges)-1 || j > 0 && at < f.Quantile[j-1] {
			return fmt.Errorf("quantile %d is edge %d of %d, out of order", j, at, len(f.Edges))
		}
	}
	if math.IsNaN(f.Centre) || math.IsInf(f.Centre, 0) || f.Centre == 0 && math.Signbit(f.Centre) {
		return fmt.Errorf("centre is %g", f.Centre)
	}
	if f.Exp < minExp || f.Exp > maxExp {
		return fmt.Errorf("exponent %d outside %d … %d", f.Exp, minExp, maxExp)
	}
	f.at, f.Edges = newLocator(f.Edges)
	f.scale = math.Ldexp(1, -f.Exp)
	f.single = make([]bool, len(f.Edges)+1)
	for i := 1; i < len(f.Edges); i++ {
		f.single[i] = nextUp(f.Edges[i-1]) == f.Edges[i]
	}
	f.verdict, _ = f.coarse(VerdictCoarse)
	return nil
}

func (f *FeatureGrid) locateNumber(v Value) (int, Side) {
	switch v.kind {
	case ValueNumber, ValueBool:
		if math.Float64bits(v.num)&expBits == expBits {
			return -1, nonFiniteSide(v.num)
		}
		return f.at.cell(v.num + 0), InCell // −0 + 0 = +0
	case ValueNull:
		return -1, SideNull
	}
	return -1, SideWrong
}

const expBits = 0x7ff0000000000000 // all ones in NaN and ±Inf only

func nonFiniteSide(x float64) Side {
	switch {
	case x > 0:
		return SidePosInf
	case x < 0:
		return SideNegInf
	}
	return SideNaN
}

// SingleValue reports whether a numeric cell holds exactly one float64, as the
// cell of an atom does. Under, over and categories are none.
func (f *FeatureGrid) SingleValue(cell int) bool {
	return cell >= 0 && cell < len(f.single) && f.single[cell]
}
