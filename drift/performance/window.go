package performance

import (
	"math"

	"github.com/driftline/driftline/sketches"
)

// window is one estimate in the making.
type window struct {
	e   *Estimator
	a   *Answers
	m   float64
	opt EstimateOptions
}

// each calls yield with every class and cell in use, its rows and the chance that the
// score speaks true. A class that is not named is never right; for Binary its score
// still speaks of the positive class.
func (w window) each(yield func(class, cell int, h, p float64)) {
	for class, row := range w.a.cells {
		m := w.e.mapOf(class)
		for c, n := range row {
			if n == 0 {
				continue
			}
			p := 0.0
			if m != nil {
				p = m.Chance(c)
			}
			yield(class, c, float64(n), p)
		}
	}
}

// finish sets the standard error and bounds of v from d, the change of the figure
// with the chance of one answer.
func (w window) finish(v *Value, d func(class, cell int) float64) {
	if !v.Defined() {
		return
	}
	perBlock := make([][]float64, len(w.e.maps))
	for i, m := range w.e.maps {
		if m != nil {
			perBlock[i] = make([]float64, len(m.blocks))
		}
	}
	noise := 0.0
	w.each(func(class, cell int, h, p float64) {
		at := class
		if w.e.classes.Kind == Binary {
			at = 0
		}
		if at >= len(w.e.maps) {
			return // never right, and no doubt about it
		}
		x := d(class, cell)
		noise += float64(h*float64(x*x)) * float64(p*(1-p))
		w.e.maps[at].spread(perBlock[at], cell, float64(h*x))
	})
	for i, m := range w.e.maps {
		if m != nil {
			noise += m.variance(perBlock[i])
		}
	}
	v.SE = math.Sqrt(float64(noise * w.opt.Design))
	z := normalQuantile((1 + w.opt.Level) / 2)
	v.Low, v.High = v.Number-float64(z*v.SE), v.Number+float64(z*v.SE)
}

// common sets accuracy, log loss and Brier score.
func (w window) common(out *Estimate) {
	positive := w.e.classes.positive()
	k := len(w.e.classes.Names)
	right, loss, brier := 0.0, 0.0, 0.0
	// sign is how a chance moves the answer's own chance to be right.
	sign := func(class int) float64 {
		switch {
		case class == k:
			return 0
		case w.e.classes.Kind == Binary && class != positive:
			return -1
		}
		return 1
	}
	w.each(func(class, cell int, h, p float64) {
		switch sign(class) {
		case 1:
			right += float64(h * p)
		case -1:
			right += float64(h * (1 - p))
		}
		l1, l0, b1, b0 := lossesAt(cell)
		loss += float64(h * (float64(p*l1) + float64((1-p)*l0)))
		brier += float64(h * (float64(p*b1) + float64((1-p)*b0)))
	})
	out.Accuracy, out.LogLoss, out.Brier = number(right/w.m), number(loss/w.m), number(brier/w.m)
	w.finish(&out.Accuracy, func(class, _ int) float64 { return sign(class) / w.m })
	w.finish(&out.LogLoss, func(_, cell int) float64 {
		l1, l0, _, _ := lossesAt(cell)
		return (l1 - l0) / w.m
	})
	w.finish(&out.Brier, func(_, cell int) float64 {
		_, _, b1, b0 := lossesAt(cell)
		return (b1 - b0) / w.m
	})
}

// lossesAt are log loss and squared error of a score in the middle of a cell, where
// what it speaks of came true and where it did not.
func lossesAt(cell int) (l1, l0, b1, b0 float64) {
	s := midpoint(cell)
	return -math.Log(s), -math.Log1p(-s), float64((1 - s) * (1 - s)), float64(s * s)
}

// binary sets precision, recall, F1 and ROC AUC of the positive class.
func (w window) binary(out *Estimate) {
	pos := w.e.classes.positive()
	var tp, fp, fn float64
	positives, negatives := make([]float64, sketches.ScoreCells), make([]float64, sketches.ScoreCells)
	w.each(func(class, cell int, h, p float64) {
		positives[cell] += float64(h * p)
		negatives[cell] += float64(h * (1 - p))
		if class == pos {
			tp += float64(h * p)
			fp += float64(h * (1 - p))
		} else {
			fn += float64(h * p)
		}
	})
	out.Precision = ratio(tp, tp+fp, "no answer is positive")
	out.Recall = ratio(tp, tp+fn, "no row is expected to be positive")
	out.F1 = ratio(2*tp, 2*tp+fp+fn, "no row is expected to be positive or given as positive")
	pick := func(ifPositive, ifNot float64) func(class, cell int) float64 {
		return func(class, _ int) float64 {
			if class == pos {
				return ifPositive
			}
			return ifNot
		}
	}
	// TP and FN grow by the chance of an answer given and not given as positive; TP + FP
	// is known, so the denominator of F1 grows by as much as either.
	w.finish(&out.Precision, pick(1/(tp+fp), 0))
	w.finish(&out.Recall, pick(fn/float64((tp+fn)*(tp+fn)), -tp/float64((tp+fn)*(tp+fn))))
	s := 2*tp + fp + fn
	w.finish(&out.F1, pick(2/s-2*tp/float64(s*s), -2*tp/float64(s*s)))

	var v Value
	v, _ = auc(positives, negatives)
	out.ROCAUC = v
	if !v.Defined() {
		return
	}
	// d AUC for one chance in cell b: (N_below + N_b/2 − P_above − P_b/2)/(P·N) −
	// AUC/P + AUC/N.
	var p, n float64
	for c := range positives {
		p, n = p+positives[c], n+negatives[c]
	}
	slope := make([]float64, len(positives))
	below, above := 0.0, p
	for c := range slope {
		above -= positives[c]
		slope[c] = (below+negatives[c]/2-above-positives[c]/2)/float64(p*n) - v.Number/p + v.Number/n
		below += negatives[c]
	}
	w.finish(&out.ROCAUC, func(_, cell int) float64 { return slope[cell] })
}

// confusion is the expected one.
func (w window) confusion() [][]float64 {
	k := len(w.e.classes.Names)
	out := make([][]float64, k)
	for label := range out {
		out[label] = make([]float64, k+1)
	}
	positive := w.e.classes.positive()
	w.each(func(class, _ int, h, p float64) {
		if w.e.classes.Kind == Binary {
			out[positive][class] += float64(h * p)
			out[1-positive][class] += float64(h * (1 - p))
			return
		}
		for label := range k {
			if label == class {
				out[label][class] += float64(h * p)
			} else {
				out[label][class] += float64(h*(1-p)) * w.e.wrong[class][label]
			}
		}
	})
	return out
}
