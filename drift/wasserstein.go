package drift

import (
	"math"

	"github.com/driftline/driftline/sketches"
)

// WassersteinCells returns W1 of the values in cells: point takes both cdfs as
// straight inside a cell; low and high hold for every placement of the values [D].
//
// In a cell of width w, with Δ the difference of the cdfs just before it and f, g the
// shares inside, F − G stays in [Δ − g, Δ + f], so the cell adds between w times the
// distance of 0 to that interval and w times its larger absolute end. Cells of a
// single value add nothing. Under and over take their width from minimum and maximum
// of both sides; where one of these is unknown they add nothing and certified is
// false: point and low still hold as lower figures, high does not.
//
// The unit is the feature's. 0, 0, 0, true where a side is empty.
func WassersteinCells(f *sketches.FeatureGrid, ref, cur *sketches.FeatureCounts) (point, low, high float64, certified bool) {
	n, m := float64(ref.Total()), float64(cur.Total())
	certified = true
	if n == 0 || m == 0 || f.Kind != sketches.Numeric {
		return 0, 0, 0, certified
	}
	rlo, rhi, rok := ref.Range()
	clo, chi, cok := cur.Range()
	last := len(f.Edges)
	left, g := uint64(0), uint64(0)
	for i, a := range ref.Cells {
		b := cur.Cells[i]
		before := float64(left)/n - float64(g)/m
		left, g = left+a, g+b
		after := float64(left)/n - float64(g)/m
		var w float64
		switch {
		case i == 0 || i == last:
			if a+b == 0 {
				continue
			}
			if !rok || !cok {
				certified = false
				continue
			}
			if i == 0 {
				w = f.Edges[0] - min(rlo, clo)
			} else {
				w = max(rhi, chi) - f.Edges[last-1]
			}
		case f.SingleValue(i):
			continue
		default:
			w = f.Edges[i] - f.Edges[i-1]
		}
		if i == last && a == 0 && b == 0 {
			continue
		}
		down, up := before-float64(b)/m, before+float64(a)/n
		low += float64(w * max(0, down, -up))
		high += float64(w * max(math.Abs(down), math.Abs(up)))
		point += float64(w * meanAbs(before, after))
	}
	return point, low, high, certified
}

// meanAbs is the mean of |x| on a straight line from u to v.
func meanAbs(u, v float64) float64 {
	au, av := math.Abs(u), math.Abs(v)
	if u*v >= 0 {
		return (au + av) / 2
	}
	return (float64(u*u) + float64(v*v)) / (2 * (au + av))
}
