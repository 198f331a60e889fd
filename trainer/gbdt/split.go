package gbdt

import "math"

// minGain is the gain a split must exceed whatever gamma says; below it lies the
// rounding of the sums. XGBoost uses the same number.
const minGain = 1e-6

// minSideHessian is the least hessian of a side, for min_child_weight 0: what is
// left of an empty bin after a subtraction stays below it.
const minSideHessian = 1e-6

// split is a candidate: rows with a code ≤ bin go left. bin = the feature's last bin
// means "present left, missing right".
type split struct {
	gain        float64 // without XGBoost's missing ½, as it reports and compares it
	feature     int
	bin         int
	defaultLeft bool
	leftG       float64
	leftH       float64
}

// regular holds what turns sums into weights and gains.
type regular struct{ lambda, alpha, gamma, minChild float64 }

// shrink is the soft threshold of L1.
func (r regular) shrink(g float64) float64 {
	return g - min(max(g, -r.alpha), r.alpha)
}

// weight is the best weight of a leaf with sums g and h, before the learning rate.
func (r regular) weight(g, h float64) float64 {
	if h+r.lambda <= 0 {
		return 0
	}
	return -r.shrink(g) / (h + r.lambda)
}

// score is twice the loss that a leaf with sums g and h takes away.
func (r regular) score(g, h float64) float64 {
	d := h + r.lambda
	if d <= 0 {
		return 0
	}
	if r.alpha > 0 {
		g = r.shrink(g)
	}
	return float64(g*g) / d
}

// best returns the best split of one feature; gain 0 if there is none. cells are the
// feature's bins with missing last; sumG and sumH are the node's totals.
//
// Ties: the lowest bin, then missing right before missing left.
func (r regular) best(cells []cell, sumG, sumH float64, hasMissing, presentSplit bool) split {
	bins := len(cells) - 1
	missing := cells[bins]
	parent := r.score(sumG, sumH)
	least := max(r.minChild, minSideHessian)
	found := split{gain: math.Nextafter(max(r.gamma, minGain), 0)}
	if r.gamma <= minGain {
		found.gain = minGain // the gain must exceed minGain, but may equal gamma
	}
	start := found.gain
	var g, h float64
	for bin, c := range cells[:bins] {
		g += c.g
		h += c.h
		// Hessians only add up: once the right side with the missing rows is too light,
		// it stays so.
		rest := sumH - h
		if rest < least {
			break
		}
		last := bin == bins-1
		if h >= least && (!last || (hasMissing && presentSplit)) {
			if gain := r.score(g, h) + r.score(sumG-g, rest) - parent; gain > found.gain {
				found = split{gain: gain, bin: bin, leftG: g, leftH: h}
			}
		}
		if !hasMissing || last {
			continue
		}
		lg, lh := g+missing.g, h+missing.h
		if rest = sumH - lh; lh >= least && rest >= least {
			if gain := r.score(lg, lh) + r.score(sumG-lg, rest) - parent; gain > found.gain {
				found = split{gain: gain, bin: bin, defaultLeft: true, leftG: lg, leftH: lh}
			}
		}
	}
	if found.gain == start || math.IsInf(found.gain, 0) {
		return split{}
	}
	if !hasMissing {
		// Training saw no missing value here: later ones take the heavier side.
		found.defaultLeft = found.leftH*2 > sumH
	}
	return found
}
