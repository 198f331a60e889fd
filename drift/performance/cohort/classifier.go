package cohort

import (
	"errors"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/drift/performance"
	"github.com/driftline/driftline/sketches"
)

// Level is the two-sided level of all intervals.
const Level = 0.95

// nothingLearnt is why there is no estimate before the first day that C1 allows.
const nothingLearnt = "no labels have matured before the window"

// estimator learns from the past, for a window; nil with no days to learn from. It
// follows the window's inputs where they are stored, and says so. labelled: the window
// is read by its labelled rows.
func (p past) estimator(s Spec, window []Day, labelled bool) (e *performance.Estimator, how way, design float64, err error) {
	days := outcomesOf(p.learn)
	if len(days) == 0 {
		return nil, how, 1, nil
	}
	if design, err = designOf(days); err != nil {
		return nil, how, 1, err
	}
	if e, how.why, err = p.follow(s, window, labelled); err != nil {
		return nil, how, 1, err
	}
	if e != nil {
		how.way, how.rows, how.worth = Balanced, e.Labels(), some(e.Effective())
		return e, how, design, nil
	}
	how.way = Plain
	e, err = performance.Learn(days, performance.DefaultMinLabels)
	return e, how, design, err
}

// matureClassifier reports a window with labels.
func matureClassifier(s Spec, window []Day, p past) (Report, error) {
	r := Report{Kind: s.Kind, Mature: true}
	days := outcomesOf(window)
	realised, err := performance.Realise(days, Level)
	if err != nil {
		return r, err
	}
	all, err := merged(days)
	if err != nil {
		return r, err
	}
	r.Days, r.Predicted, r.Labelled = len(days), all.Predicted(), realised.Rows
	if realised.Coverage.Defined() {
		r.Coverage = some(realised.Coverage.Number)
	}
	r.beside("no label by the maturity", all.Unlabelled)
	r.beside("a label that is none of the classes", all.StrangeLabel)
	r.beside("no predicted class", all.NoClass)
	null, nan, out := all.Beside()
	r.beside("labelled, without a score", null)
	r.beside("labelled, with a score outside 0 to 1", nan+out)
	r.realised(s, &realised)

	e, how, design, err := p.estimator(s, window, realised.Rows > 0)
	if err != nil {
		return r, err
	}
	r.made(how)
	if e == nil {
		r.noEstimate(s, nothingLearnt)
		r.Reading, r.Words = NotAvailable, NotAvailable+": "+nothingLearnt
		return r, nil
	}
	rows := all.Answers()
	if scores, err := scoresOf(window); err != nil {
		return r, err
	} else if realised.Rows == 0 && scores != nil {
		// No labels at all: the estimate is all there is, of every answer.
		if rows, err = performance.AnswersOf(s.classes(), scores); err != nil {
			return r, err
		}
	}
	est, err := e.Estimate(rows, performance.EstimateOptions{Level: Level, Design: design})
	if err != nil {
		return r, err
	}
	r.estimated(s, &est)
	for _, m := range classifierMetrics(s, &realised, &est) {
		r.addError(m.name, m.estimated, m.realised)
	}
	reference, err := merged(outcomesOf(p.reference))
	if err != nil {
		return r, err
	}
	opt := performance.DefaultSplit()
	opt.Design = design
	split, err := e.Split(all, reference, opt)
	if err != nil {
		return r, err
	}
	r.Reading, r.Words = split.Reading.String(), split.Words
	return r, r.moved(window, p, reference, all)
}

// expectClassifier reports a window without labels.
func expectClassifier(s Spec, window []Day, p past) (Report, error) {
	r := Report{Kind: s.Kind}
	scores, err := scoresOf(window)
	if err != nil {
		return r, err
	}
	r.Days = len(window)
	r.Reading, r.Words = NotAvailable, NotAvailable+": labels are awaited"
	if scores == nil {
		r.noEstimate(s, "no predictions were counted")
		return r, nil
	}
	r.Predicted = scores.Rows
	e, how, design, err := p.estimator(s, window, false)
	if err != nil {
		return r, err
	}
	r.made(how)
	if e == nil {
		r.noEstimate(s, nothingLearnt)
		return r, nil
	}
	a, err := performance.AnswersOf(s.classes(), scores)
	if err != nil {
		return r, err
	}
	r.beside("no class, or no score in 0 to 1", a.LeftOut)
	est, err := e.Estimate(a, performance.EstimateOptions{Level: Level, Design: design})
	if err != nil {
		return r, err
	}
	r.estimated(s, &est)
	return r, r.moved(window, p, nil, nil)
}

// pair is a measure from both sides.
type pair struct {
	name                string
	realised, estimated performance.Value
}

// classifierMetrics are the measures that can be estimated.
func classifierMetrics(s Spec, r *performance.Report, e *performance.Estimate) []pair {
	out := []pair{{"accuracy", r.Accuracy, e.Accuracy}, {"log_loss", r.LogLoss, e.LogLoss}, {"brier", r.Brier, e.Brier}}
	if s.Kind == Binary {
		out = append(out, pair{"precision", r.Precision, e.Precision}, pair{"recall", r.Recall, e.Recall}, pair{"f1", r.F1, e.F1}, pair{"roc_auc", r.ROCAUC, e.ROCAUC})
	}
	return out
}

func (r *Report) realised(s Spec, x *performance.Report) {
	for _, m := range classifierMetrics(s, x, &performance.Estimate{}) {
		r.add(Realised, m.name, "", m.realised)
	}
	c := &x.Calibration
	r.add(Realised, "calibration_error", "", c.Error)
	r.add(Realised, "calibration_bias", "", c.Bias)
	r.add(Realised, "calibration_slope", "", c.Slope)
	r.add(Realised, "calibration_intercept", "", c.Intercept)
	r.Calibration = c.Bins
	for i := range x.Classes {
		k := &x.Classes[i]
		r.add(Realised, "precision", k.Class, k.Precision)
		r.add(Realised, "recall", k.Class, k.Recall)
		r.add(Realised, "f1", k.Class, k.F1)
		r.add(Realised, "roc_auc", k.Class, k.ROCAUC)
	}
	r.averages(Realised, &x.Macro, &x.Weighted)
}

func (r *Report) estimated(s Spec, x *performance.Estimate) {
	for _, m := range classifierMetrics(s, &performance.Report{}, x) {
		r.add(Estimated, m.name, "", m.estimated)
	}
	r.averages(Estimated, &x.Macro, &x.Weighted)
}

func (r *Report) averages(kind string, macro, weighted *performance.Averages) {
	for _, a := range []struct {
		class string
		of    *performance.Averages
	}{{Macro, macro}, {Weighted, weighted}} {
		r.add(kind, "precision", a.class, a.of.Precision)
		r.add(kind, "recall", a.class, a.of.Recall)
		r.add(kind, "f1", a.class, a.of.F1)
	}
}

// noEstimate says of every measure that could be estimated why it is not.
func (r *Report) noEstimate(s Spec, why string) {
	names := []string{"mae", "rmse"}
	if s.Kind != Regression {
		names = nil
		for _, m := range classifierMetrics(s, &performance.Report{}, &performance.Estimate{}) {
			names = append(names, m.name)
		}
	}
	for _, name := range names {
		r.Figures = append(r.Figures, Figure{Kind: Estimated, Metric: name, Reason: NotAvailable + ": " + why})
	}
}

func scoresOf(days []Day) (*sketches.ScoreCounts, error) {
	var all []*sketches.ScoreCounts
	for _, d := range days {
		if d.Scores != nil {
			all = append(all, d.Scores)
		}
	}
	return merged(all)
}

// moved compares scores, classes and, where there are, labels with the reference's.
func (r *Report) moved(window []Day, p past, reference, all *performance.Outcomes) error {
	was, err := scoresOf(p.reference)
	if err != nil || was == nil {
		return err
	}
	is, err := scoresOf(window)
	if err != nil || is == nil {
		return err
	}
	results, err := performance.JudgeAnswers(was, is, nil, drift.DefaultSettings())
	if err != nil {
		return err
	}
	if reference != nil {
		l, err := performance.JudgeLabels(reference, all, drift.Dependence{}, drift.DefaultSettings())
		switch {
		case err == nil:
			results = append(results, l)
		case !errors.Is(err, sketches.ErrEmpty): // without labels there is nothing to compare
			return err
		}
	}
	for i := range results {
		r.Answers = append(r.Answers, answerOf(&results[i]))
	}
	return nil
}

func answerOf(f *drift.FeatureResult) Answer {
	a := Answer{Name: f.Name, Reason: f.Reason}
	if f.Reason == "" {
		a.PSI = some(f.PSI)
		if f.HasLower {
			a.PSILower = some(f.PSILower)
		}
	}
	return a
}
