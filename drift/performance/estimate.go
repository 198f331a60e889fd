package performance

import (
	"fmt"
	"math"

	"github.com/driftline/driftline/sketches"
)

// Estimate is how good answers are expected to be, without their labels. It holds as
// long as labels come true at a score as often as they did in the cohorts learnt from;
// where inputs alone moved that is nearly so, where the concept changed it is not,
// which is what Split looks for. An interval is for the figure that labels will show:
// it allows for their chance and for the error of the map.
type Estimate struct {
	Rows    uint64  `json:"rows"`     // answers estimated from
	LeftOut uint64  `json:"left_out"` // without class or score
	Design  float64 `json:"design"`   // design effect applied to all variances

	Accuracy Value `json:"accuracy"`
	LogLoss  Value `json:"log_loss"` // as in Report; scores read as middles of their cells
	Brier    Value `json:"brier"`

	// Binary, of the positive class.
	Precision Value `json:"precision"`
	Recall    Value `json:"recall"`
	F1        Value `json:"f1"`
	ROCAUC    Value `json:"roc_auc"`

	// Confusion holds expected counts, [label][predicted], the last column for classes
	// not named; nil where not available.
	Confusion [][]float64 `json:"confusion"`
	// Macro and Weighted are of the expected confusion, without bounds. Wrong answers
	// of many classes are taken to fall on labels as they did in the cohorts.
	Macro    Averages `json:"macro"`
	Weighted Averages `json:"weighted"`
}

// EstimateOptions are the choices of an estimate.
type EstimateOptions struct {
	Level  float64 // two-sided, inside (0, 1)
	Design float64 // design effect ≥ 1, as of Estimator.DesignEffect; 0 stands for 1
}

func (o EstimateOptions) validate() (EstimateOptions, error) {
	if !(o.Level > 0 && o.Level < 1) {
		return o, fmt.Errorf("%w: level %v: want above 0 and below 1", ErrBadInput, o.Level)
	}
	if o.Design == 0 {
		o.Design = 1
	}
	if !(o.Design >= 1) || math.IsInf(o.Design, 1) {
		return o, fmt.Errorf("%w: design effect %v: want at least 1", ErrBadInput, o.Design)
	}
	return o, nil
}

// Estimate estimates a window. With h answers by class ŷ and cell b, and chances p_b:
//
//	TP = Σ h_b1·p_b, FP = Σ h_b1(1−p_b), FN = Σ h_b0·p_b, TN = Σ h_b0(1−p_b)
//
// A figure g that changes by d with the chance of an answer has, to first order,
//
//	Var = Σ h·d²·p(1−p) + Σ_blocks (Σ h·d)²·Var(p_block)
//
// times the design effect: the chance of the labels to come, and the error of the map,
// which all answers on a block of it share. For accuracy d = ±1/m. Every figure is
// corrected by what the map flatters itself on the labels it was learnt from; expected
// confusion and averages are not.
//
// Where a window leans to an end of the scores that had few labels, intervals of log
// loss and ROC AUC are wider than they need be.
//
// Not available, with the reason in every figure: no labels to learn from, too few, of
// one class only, or no answers with a score. Errors: ErrBadInput for options,
// sketches.ErrGridMismatch for other classes.
func (e *Estimator) Estimate(a *Answers, opt EstimateOptions) (Estimate, error) {
	opt, err := opt.validate()
	if err != nil {
		return Estimate{}, err
	}
	if !a.Classes.equal(e.classes) {
		return Estimate{}, fmt.Errorf("%w: estimator of classes %q, answers of %q", sketches.ErrGridMismatch, e.classes.Names, a.Classes.Names)
	}
	out := Estimate{Rows: a.Rows(), LeftOut: a.LeftOut, Design: opt.Design}
	switch {
	case e.reason != "":
		out.unavailable(e.reason)
		return out, nil
	case out.Rows == 0 && a.LeftOut > 0:
		out.unavailable(fmt.Sprintf("none of %d answers has a class and a score in [0, 1]", a.LeftOut))
		return out, nil
	case out.Rows == 0:
		out.unavailable("no answers in the window")
		return out, nil
	}
	for p, name := range e.classes.Names {
		if n := a.given(p); n > 0 && e.mapOf(p) == nil {
			out.unavailable(fmt.Sprintf("class %q was given %d times, and has no labels to learn from", name, n))
			return out, nil
		}
	}
	w := window{e, a, float64(out.Rows), opt}
	out.Confusion = w.confusion()
	w.common(&out)
	if e.classes.Kind == Binary {
		w.binary(&out)
	} else {
		v := undefined(binaryOnly)
		out.Precision, out.Recall, out.F1, out.ROCAUC = v, v, v, v
	}
	out.averages(e.classes.Names)
	out.correct(e.optimism)
	return out, nil
}

func (out *Estimate) unavailable(reason string) {
	v := undefined(reason)
	for _, to := range out.pointers() {
		*to = v
	}
	out.Macro, out.Weighted = Averages{v, v, v}, Averages{v, v, v}
}

func (out *Estimate) pointers() [figures]*Value {
	return [...]*Value{&out.Accuracy, &out.LogLoss, &out.Brier, &out.Precision, &out.Recall, &out.F1, &out.ROCAUC}
}

// correct takes the optimism of the map off every figure, and keeps it in its range.
func (out *Estimate) correct(optimism [figures]float64) {
	for i, v := range out.pointers() {
		if !v.Defined() {
			continue
		}
		most := 1.0
		if v == &out.LogLoss {
			most = math.Inf(1)
		}
		for _, x := range []*float64{&v.Number, &v.Low, &v.High} {
			*x = min(max(*x-optimism[i], 0), most)
		}
	}
}

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

// averages takes precision, recall and F1 of every class from the expected confusion.
func (out *Estimate) averages(names []string) {
	k := len(names)
	r := Report{Classes: make([]ClassReport, k)}
	support := make([]float64, k)
	for c := range k {
		given := 0.0
		for other := range k {
			given += out.Confusion[other][c]
		}
		for p := range k + 1 {
			support[c] += out.Confusion[c][p]
		}
		hit := out.Confusion[c][c]
		x := &r.Classes[c]
		x.Class = names[c]
		x.Precision = ratio(hit, given, "no answer gives it")
		x.Recall = ratio(hit, support[c], "no row is expected to have it")
		x.F1 = ratio(2*hit, given+support[c], "no row is expected to have it or given it")
	}
	ones := make([]float64, k)
	for c := range ones {
		ones[c] = 1
	}
	out.Macro, out.Weighted = r.averages(ones), r.averages(support)
}
