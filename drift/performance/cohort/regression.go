package cohort

import (
	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/drift/performance"
	"github.com/driftline/driftline/sketches"
)

// numbersPlain is why a regression's estimate does not follow inputs.
const numbersPlain = "errors of numbers are estimated from the predictions alone"

// errors learns from the past; nil with no days to learn from.
func (p past) errors() (e *performance.ErrorEstimator, design float64, err error) {
	days := numbersOf(p.learn)
	if len(days) == 0 {
		return nil, 1, nil
	}
	design = 1
	if half := len(days) / 2; len(days) >= minDesignDays {
		older, err := performance.LearnErrors(days[:half], performance.DefaultMinLabels)
		if err != nil {
			return nil, 1, err
		}
		design = older.DesignEffect(days[half:])
	}
	e, err = performance.LearnErrors(days, performance.DefaultMinLabels)
	return e, design, err
}

// matureRegression reports a window with outcomes.
func matureRegression(s Spec, window []Day, p past) (Report, error) {
	r := Report{Kind: s.Kind, Mature: true}
	days := numbersOf(window)
	realised, err := performance.RealiseNumbers(days, Level, performance.DefaultGroups)
	if err != nil {
		return r, err
	}
	all, err := merged(days)
	if err != nil {
		return r, err
	}
	r.Days, r.Labelled, r.Predicted = len(days), realised.Rows, realised.Rows+all.Unlabelled+all.NoNumber
	if realised.Coverage.Defined() {
		r.Coverage = some(realised.Coverage.Number)
	}
	r.beside("no label by the maturity", all.Unlabelled)
	r.beside("labelled, but prediction or label is no number", all.NoNumber)
	r.numbers(&realised, window)

	e, design, err := p.errors()
	if err != nil {
		return r, err
	}
	if e == nil {
		r.noEstimate(s, nothingLearnt)
		r.Reading, r.Words = NotAvailable, NotAvailable+": "+nothingLearnt
		return r, nil
	}
	rows := all.Predictions()
	if seen, err := predictionsOf(window); err != nil {
		return r, err
	} else if realised.Rows == 0 && seen != nil {
		rows = &seen.Features[0] // no labels at all: the estimate is all there is
	}
	est, err := e.Estimate(rows, performance.EstimateOptions{Level: Level, Design: design})
	if err != nil {
		return r, err
	}
	r.errors(&est)
	r.made(way{way: Plain, why: numbersPlain})
	r.addError("mae", est.MAE, realised.MAE)
	r.addError("rmse", est.RMSE, realised.RMSE)
	reference, err := merged(numbersOf(p.reference))
	if err != nil {
		return r, err
	}
	opt := performance.DefaultSplit()
	opt.Margin, opt.Design = performance.DefaultErrorMargin, design
	split, err := e.Split(all, reference, opt)
	if err != nil {
		return r, err
	}
	r.Reading, r.Words = split.Reading.String(), split.Words
	return r, r.movedNumbers(window, p)
}

// expectRegression reports a window without outcomes.
func expectRegression(s Spec, window []Day, p past) (Report, error) {
	r := Report{Kind: s.Kind, Days: len(window)}
	r.Reading, r.Words = NotAvailable, NotAvailable+": labels are awaited"
	all, err := predictionsOf(window)
	if err != nil {
		return r, err
	}
	e, design, err := p.errors()
	if err != nil {
		return r, err
	}
	if e == nil || all == nil {
		r.noEstimate(s, nothingLearnt)
		return r, nil
	}
	r.Predicted = all.Rows
	r.beside("a prediction that is no number", all.Rows-all.Features[0].Total())
	est, err := e.Estimate(&all.Features[0], performance.EstimateOptions{Level: Level, Design: design})
	if err != nil {
		return r, err
	}
	r.errors(&est)
	r.made(way{way: Plain, why: numbersPlain})
	return r, r.movedNumbers(window, p)
}

func (r *Report) numbers(x *performance.NumberReport, window []Day) {
	for _, m := range []struct {
		name string
		v    performance.Value
	}{
		{"rmse", x.RMSE}, {"mae", x.MAE}, {"r2", x.R2}, {"pearson", x.Pearson}, {"mean_ic", x.MeanIC}, {"mean_spread", x.MeanSpread},
	} {
		r.add(Realised, m.name, "", m.v)
	}
	for _, d := range x.PerDay {
		f := DayFigure{DayMS: window[d.Day].StartMS, Rows: d.Rows, Reason: d.IC.Reason}
		if d.IC.Defined() {
			f.IC, f.Reason = some(d.IC.Number), d.Spread.Reason
		}
		if d.Spread.Defined() {
			f.Spread = some(d.Spread.Number)
		}
		r.PerDay = append(r.PerDay, f)
	}
}

func (r *Report) errors(x *performance.ErrorEstimate) {
	r.add(Estimated, "mae", "", x.MAE)
	r.add(Estimated, "rmse", "", x.RMSE)
}

func predictionsOf(days []Day) (*sketches.Counts, error) {
	var all []*sketches.Counts
	for _, d := range days {
		if d.Predictions != nil {
			all = append(all, d.Predictions)
		}
	}
	return merged(all)
}

// movedNumbers compares predictions with the reference's.
func (r *Report) movedNumbers(window []Day, p past) error {
	was, err := predictionsOf(p.reference)
	if err != nil || was == nil {
		return err
	}
	is, err := predictionsOf(window)
	if err != nil || is == nil {
		return err
	}
	grid := p.reference[0].Numbers.Grid()
	f := drift.Judge(&grid.Features[0], &was.Features[0], &is.Features[0], drift.Dependence{}, drift.DefaultSettings())
	r.Answers = append(r.Answers, answerOf(&f))
	return nil
}
