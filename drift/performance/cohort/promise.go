package cohort

import (
	"fmt"

	"github.com/driftline/driftline/drift/performance"
)

// PromiseMargin is the share by which an error must lie above what a version was promoted
// with before the version counts as worse: for the alarm of a regression as for the
// question whether drift does harm. Convention.
const PromiseMargin = 0.10

// Of accuracy the margin is in its own unit, and a week holds at least so many labels before
// anything is said of it: for the performance alarm as for the days that count as good.
// Convention.
const (
	AccuracyMargin = 0.05
	MinLabels      = 50
)

// Promise is what a version was promoted with: the figures of its gate by metric, or why
// there are none.
type Promise struct {
	Figures map[string]float64
	Reason  string
}

// error is the figure that a regression is held against: the root of the mean square,
// else the mean absolute error. ok is false where neither is a number from 0 up, finite
// with its margin.
func (p Promise) error() (metric string, value float64, ok bool) {
	for _, name := range []string{"rmse", "mae"} {
		if x, found := p.Figures[name]; found && x >= 0 && finite(limit(x)) {
			return name, x, true
		}
	}
	return "", 0, false
}

func limit(was float64) float64 { return float64(was * (1 + PromiseMargin)) }

// Promised is a week of a regression held against what the version was promoted with.
// Errors are in the label's unit: larger is worse.
type Promised struct {
	Metric   string   `json:"metric,omitempty"`   // rmse or mae; empty without a promise
	Baseline *float64 `json:"baseline,omitempty"` // the promise
	Margin   float64  `json:"margin"`             // share of the baseline
	Limit    *float64 `json:"limit,omitempty"`    // the baseline and its margin
	Days     int      `json:"days"`               // that could be counted
	Rows     uint64   `json:"rows"`               // labelled numbers
	Value    *float64 `json:"value,omitempty"`
	Low      *float64 `json:"low,omitempty"` // interval by days, at Level
	High     *float64 `json:"high,omitempty"`
	Worse    bool     `json:"worse"`            // above the limit, and by more than chance
	Reason   string   `json:"reason,omitempty"` // why nothing can be said, or why there is no interval
}

// Hold holds days of one version of a regression against its promise. The value is worse
// where it lies above the limit and, where the days allow an interval, this lies above
// the baseline as a whole: one bad day of a good week is chance. Fewer labelled numbers
// than minRows say nothing.
//
// Errors: those of counts that do not fit together.
func Hold(days []Day, p Promise, minRows uint64) (Promised, error) {
	out := Promised{Margin: PromiseMargin}
	metric, was, ok := p.error()
	if !ok {
		if out.Reason = p.Reason; out.Reason == "" {
			out.Reason = "neither rmse nor mae is among the metrics of its run"
		}
		return out, nil
	}
	out.Metric, out.Baseline, out.Limit = metric, &was, some(limit(was))
	counted := numbersOf(days)
	out.Days = len(counted)
	if len(counted) == 0 {
		out.Reason = "no day of the week could be counted"
		return out, nil
	}
	r, err := performance.RealiseNumbers(counted, Level, performance.DefaultGroups)
	if err != nil {
		return out, err
	}
	out.Rows = r.Rows
	v := r.RMSE
	if metric == "mae" {
		v = r.MAE
	}
	switch {
	case !v.Defined():
		out.Reason = v.Reason
		return out, nil
	case r.Rows < minRows:
		out.Reason = fmt.Sprintf("%d labelled numbers, %d are needed", r.Rows, minRows)
		return out, nil
	}
	out.Value, out.Reason = some(v.Number), v.NoBounds
	if v.Bounded() {
		out.Low, out.High, out.Reason = some(v.Low), some(v.High), ""
	}
	out.Worse = v.Number > *out.Limit && (out.Low == nil || *out.Low > was)
	return out, nil
}

// Words says it in a sentence.
func (p *Promised) Words() string {
	if p.Value == nil {
		return "Not held against its promotion: " + p.Reason + "."
	}
	bounds := "no interval: " + p.Reason
	if p.Low != nil && p.High != nil {
		bounds = fmt.Sprintf("%.4g to %.4g", *p.Low, *p.High)
	}
	end := "not worse"
	switch {
	case p.Worse:
		end = "worse"
	case *p.Value > *p.Limit:
		end = "above it, but not by more than chance"
	}
	return fmt.Sprintf("%s %.4g (%s) over %d labelled numbers, promoted with %.4g; the limit is %.4g: %s.", p.Metric, *p.Value, bounds, p.Rows, *p.Baseline, *p.Limit, end)
}
