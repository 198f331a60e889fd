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
	if ref.Total() == 0 || cur.Total() == 0 || f.Kind != sketches.Numeric {
		return 0, 0, 0, true
	}
	return NewJudger(f, ref, Independent(), DefaultSettings()).wasserstein(cur, float64(cur.Total()))
}

// wasserstein is WassersteinCells for m > 0 values of a window.
func (j *Judger) wasserstein(cur *sketches.FeatureCounts, m float64) (point, low, high float64, certified bool) {
	certified = true
	edges := j.f.Edges
	last := len(edges)
	g := uint64(0)
	after := 0.0 // F − G behind the cell
	cells := cur.Cells[:last+1]
	for i, share := range j.share {
		b := cells[i]
		before := after
		g += b
		after = j.cum[i] - float64(g)/m
		var w float64
		switch {
		case i == 0 || i == last:
			if share == 0 && b == 0 {
				continue
			}
			var ok bool
			if w, ok = j.end(cur, i); !ok {
				certified = false
				continue
			}
		case j.f.SingleValue(i):
			continue
		default:
			w = edges[i] - edges[i-1]
		}
		down := before
		if b > 0 {
			down -= float64(b) / m
		}
		up := before + share
		low += float64(w * max(0, down, -up))
		high += float64(w * max(math.Abs(down), math.Abs(up)))
		point += float64(w * meanAbs(before, after))
	}
	return point, low, high, certified
}

// end is the width of the under or the over cell; false where an extreme is unknown.
func (j *Judger) end(cur *sketches.FeatureCounts, cell int) (w float64, ok bool) {
	rlo, rhi, rok := j.ref.Range()
	clo, chi, cok := cur.Range()
	if cell == 0 {
		return j.f.Edges[0] - min(rlo, clo), rok && cok
	}
	return max(rhi, chi) - j.f.Edges[len(j.f.Edges)-1], rok && cok
}

// meanAbs is the mean of |x| on a straight line from u to v.
func meanAbs(u, v float64) float64 {
	au, av := math.Abs(u), math.Abs(v)
	if u*v >= 0 {
		return (au + av) / 2
	}
	return (float64(u*u) + float64(v*v)) / (2 * (au + av))
}
