package multivariate

import (
	"cmp"
	"math"
	"slices"

	"github.com/driftline/driftline/sketches/joint"
)

// Blame is one feature's part in what the window shows.
type Blame struct {
	Feature int // index in the grid
	// Shift is the largest change of a mean among the feature's coordinates and Spread that
	// of a variance, both in standard errors under no change; signed.
	Shift, Spread float64
	// Pair is the change of its correlation with feature Other that is largest, as
	// atanh ρ − atanh ρ⁰ in standard errors; signed. Other is −1 where there is none.
	Pair  float64
	Other int
	// Witness is its share of the mean squared slope of the witness function
	// x ↦ (ȳ − x̄)·φ(x) at the stored rows of the reference; shares add up to 1.
	Witness float64
}

// Strength is the largest of |Shift|, |Spread| and |Pair|, by which features are ranked.
func (b Blame) Strength() float64 {
	return max(math.Abs(b.Shift), math.Abs(b.Spread), math.Abs(b.Pair))
}

// leastBlame is how many rows an attribution needs.
const leastBlame = 4

// Attribute says which features a window differs in from its reference, the strongest
// first. Standard errors hold for independent rows; under dependence they are too small
// by the same factor for all features, so the order stands. They name what changed and
// decide nothing: with many features some strength of 3 is chance.
//
// Cost: rows of the stored sample · d · D, some milliseconds; for alarms, not for every
// window.
//
// Errors: sketches.ErrGridMismatch for sums of another embedding; ErrTooFew for a window
// of fewer than 4 rows.
func (r *Reference) Attribute(cur *joint.Sums) ([]Blame, error) {
	e := r.embedding
	w, err := r.window(cur, leastBlame)
	if err != nil {
		return nil, err
	}

	out := make([]Blame, len(e.Features))
	of := make([]*Blame, e.Dim()) // by coordinate
	for i, f := range e.Features {
		out[i] = Blame{Feature: f, Other: -1}
		for k := range e.Coordinates {
			if e.Coordinates[k].Feature == f {
				of[k] = &out[i]
			}
		}
	}
	larger := func(to *float64, x float64) bool {
		if math.Abs(x) <= math.Abs(*to) {
			return false
		}
		*to = x
		return true
	}
	omega := 1/r.rows + 1/w.rows
	for k, s := range r.sd {
		if s == 0 {
			continue
		}
		larger(&of[k].Shift, (w.mean[k]-r.mean[k])/(s*math.Sqrt(omega)))
		ratio := w.sd[k] / s
		larger(&of[k].Spread, math.Log(max(float64(ratio*ratio), leastRatio))/math.Sqrt(2*omega))
	}
	se := math.Sqrt(1/(r.rows-3) + 1/(w.rows-3))
	for i := range r.pairs {
		p := &r.pairs[i]
		x := w.change(p) / se
		a, b := of[p.j], of[p.l]
		if larger(&a.Pair, x) {
			a.Other = b.Feature
		}
		if larger(&b.Pair, x) {
			b.Other = a.Feature
		}
	}
	total := 0.0
	slopes := r.slopes(w)
	for k, x := range slopes {
		of[k].Witness += x
		total += x
	}
	for i := range out {
		if total > 0 {
			out[i].Witness /= total
		}
	}
	slices.SortStableFunc(out, func(a, b Blame) int { return cmp.Compare(b.Strength(), a.Strength()) })
	return out, nil
}

// slopes returns the mean squared slope of the witness function by coordinate, up to a
// factor that is the same for all.
func (r *Reference) slopes(w *window) []float64 {
	e := r.embedding
	d, waves := e.Dim(), e.Waves()
	_, _, wave, _ := e.Width()
	diff := make([]float64, waves)
	for i := range diff {
		diff[i] = w.values[wave+i]/w.rows - r.wave[i]
	}
	out := make([]float64, d)
	point, phi, slope := make([]int32, d), make([]int32, waves), make([]float64, d)
	for row := range e.SampleRows() {
		e.Point(row, point)
		e.Wave(point, phi)
		clear(slope)
		for f := range waves / 2 {
			// d/dx of a·cos(wx) + b·sin(wx) is w·(b·cos(wx) − a·sin(wx)).
			along := float64(diff[2*f+1]*float64(phi[2*f])) - float64(diff[2*f]*float64(phi[2*f+1]))
			for k, v := range e.Frequencies[f*d : (f+1)*d] {
				slope[k] += float64(along * float64(v))
			}
		}
		for k, s := range slope {
			out[k] += float64(s * s)
		}
	}
	return out
}
