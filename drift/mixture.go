package drift

import "math"

// Part is one season of a mixture: how many of the window's values lie in it, and the
// reference's counts of it, one per cell.
type Part struct {
	M   uint64
	Ref []uint64
}

// Mixture returns the counts of the one reference that a window over several seasons is
// compared with: the mixture of the seasons' references, each with the weight that its
// season has in the window [D],
//
//	r_i = Σ_u (m_u/m)·r_{u,i}       ω = Σ_u (m_u/m)²/n_u + 1/m
//
// with m_u of the window's m values and n_u of the reference's in season u. What it
// returns holds n = 1/Σ_u (m_u/m)²/n_u values, rounded to a whole number, so that 1/n +
// 1/m is ω. Cells are rounded on their sums from the first one on,
// so that no cdf is off by more than ½/n, no share by more than 1/n, and all add up to n. With
// one season in the window they are its counts.
//
// Shapes: cells is the number of cells; every Ref has that many or is nil, all zero.
// Without values in the window all seasons weigh the same.
// ok is false where the window has values in a season of which the reference has none, or
// the reference has none at all: there is nothing to compare with.
// Cost: O(parts · cells).
func Mixture(parts []Part, cells int) (mixed []uint64, ok bool) {
	var m, all float64
	held, only := 0, -1
	for u, p := range parts {
		m += float64(p.M)
		if p.M > 0 {
			held, only = held+1, u
		}
	}
	mixed = make([]uint64, cells)
	weight := make([]float64, len(parts)) // (m_u/m)/n_u
	for u, p := range parts {
		n := 0.0
		for _, a := range p.Ref {
			n += float64(a)
		}
		all += n
		share := 0.0
		switch {
		case m > 0:
			share = float64(p.M) / m
		case n > 0:
			share = 1
		}
		if share > 0 && n == 0 {
			return mixed, false
		}
		if share > 0 {
			weight[u] = share / n
		}
	}
	if all == 0 {
		return mixed, false
	}
	if held == 1 {
		copy(mixed, parts[only].Ref)
		return mixed, true
	}
	blend(mixed, parts, weight)
	return mixed, true
}

// blend fills mixed; weight[u]·n_u is the weight of season u, up to a common factor.
func blend(mixed []uint64, parts []Part, weight []float64) {
	total, spread := 0.0, 0.0 // Σ w_u and Σ w_u²/n_u
	share := make([]float64, len(mixed))
	for u, p := range parts {
		if weight[u] == 0 {
			continue
		}
		n := 0.0
		for i, a := range p.Ref {
			n += float64(a)
			share[i] += float64(float64(a) * weight[u])
		}
		w := float64(weight[u] * n)
		total += w
		spread += float64(w * weight[u])
	}
	n := math.RoundToEven(float64(total*total) / spread)
	sum, before := 0.0, uint64(0)
	last := 0
	for i, x := range share {
		if x > 0 {
			last = i
		}
	}
	for i, x := range share {
		sum += x
		upto := uint64(math.Floor(float64(n*(sum/total)) + 0.5))
		if i >= last {
			upto = uint64(n)
		}
		upto = min(max(upto, before), uint64(n))
		mixed[i], before = upto-before, upto
	}
}
