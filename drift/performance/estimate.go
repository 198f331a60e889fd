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
	if !a.Classes.Equal(e.classes) {
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
