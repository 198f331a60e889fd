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

// cdfs are both sides of a comparison of counts.
type cdfs struct {
	f        *sketches.FeatureGrid
	ref, cur *sketches.FeatureCounts
	n, m     uint64 // values
}

// small says that products of counts fit 62 bits.
func (c *cdfs) small() bool { return c.n < 1<<31 && c.m < 1<<31 }

// walk fills KS and W1 in one pass over the cells, with F − G counted in whole numbers of
// 1/(n·m). For small counts of a numeric feature; the definitions are those of KSInterval
// and WassersteinCells.
func (c *cdfs) walk(r *FeatureResult) {
	n, m := int64(c.n), int64(c.m)
	edges := c.f.Edges
	last := len(edges)
	ref, cur := c.ref.Cells[:last+1], c.cur.Cells[:last+1]
	var diff, edge, inside int64
	var point, low, high float64
	for i, k := range ref {
		a, b := int64(k)*m, int64(cur[i])*n
		before, up, down := diff, diff+a, diff-b
		diff = up - b
		edge = max(edge, diff, -diff)
		if c.f.SingleValue(i) {
			continue
		}
		if a > 0 && b > 0 {
			inside = max(inside, up, -down)
		}
		var w float64
		if 0 < i && i < last {
			w = edges[i] - edges[i-1]
		} else {
			if a == 0 && b == 0 {
				continue
			}
			var ok bool
			if w, ok = c.end(i); !ok {
				r.W1Certified = false
				continue
			}
		}
		low += float64(w * float64(max(0, down, -up)))
		high += float64(w * float64(max(up, -down)))
		if before^diff >= 0 || before == 0 || diff == 0 {
			d := before + diff // of one sign
			point += float64(w * float64(max(d, -d)) / 2)
		} else {
			point += float64(w * meanAbs(float64(before), float64(diff)))
		}
	}
	nm := float64(n) * float64(m)
	r.KSLow, r.KSHigh = float64(edge)/nm, float64(max(edge, inside))/nm
	r.W1, r.W1Low, r.W1High = point/nm, low/nm, high/nm
}

// end is the width of the under or the over cell; false where an extreme is unknown.
func (c *cdfs) end(cell int) (w float64, ok bool) {
	rlo, rhi, rok := c.ref.Range()
	clo, chi, cok := c.cur.Range()
	if cell == 0 {
		return c.f.Edges[0] - min(rlo, clo), rok && cok
	}
	return max(rhi, chi) - c.f.Edges[len(c.f.Edges)-1], rok && cok
}

// meanAbs is the mean of |x| on a straight line from u to v.
func meanAbs(u, v float64) float64 {
	au, av := math.Abs(u), math.Abs(v)
	if u*v >= 0 {
		return (au + av) / 2
	}
	return (float64(u*u) + float64(v*v)) / (2 * (au + av))
}
