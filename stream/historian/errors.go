package historian

import (
	"slices"

	"github.com/driftline/driftline/drift/performance/cohort"
	"github.com/driftline/driftline/stream/wire"
)

// hold holds the champion's days of the week, as far as they came since its promotion,
// against what it was promoted with; the state and the report of the day keep the answer.
// Whatever the life, the counts of a day and the figures of their sum are the same.
func (s *series) hold(m PerformanceModel, st *performanceState, report *cohort.Report) (known, worse bool) {
	st.Held = nil
	if report == nil { // no predictions on the day: as silent as a day without labels
		return false, false
	}
	var week []cohort.Day
	for _, d := range s.days {
		if slices.ContainsFunc(st.Days, func(c dayCount) bool { return c.DayMS == d.StartMS }) {
			week = append(week, d)
		}
	}
	held, err := cohort.Hold(week, m.Baseline, performanceMinRows)
	if err != nil { // of counts that do not fit together; the reading of the report says so too
		held.Reason = err.Error()
	}
	st.Held, report.Promised = &held, &held
	s.reports[len(s.reports)-1].Report.Promised = &held
	return held.Value != nil, held.Worse
}

// tellError adds what the alarm of a regression stands on. Without it, in an episode that
// ends with its version before a week was held, there is only the name.
func tellError(d *wire.EventData, held *cohort.Promised) {
	d.Rule, d.Detail = "realised error", map[string]any{"margin": cohort.PromiseMargin, "margin_of": "baseline"}
	if held == nil {
		return
	}
	d.Rows = held.Rows
	d.Detail["labelled"] = held.Rows
	if held.Metric != "" {
		d.Rule = "realised " + held.Metric
		d.Detail["metric"], d.Detail["baseline"], d.Detail["limit"] = held.Metric, *held.Baseline, *held.Limit
	}
	if held.Value != nil {
		d.Detail["value"] = *held.Value
	}
	if held.Low != nil && held.High != nil {
		d.Detail["low"], d.Detail["high"] = *held.Low, *held.High
	} else if held.Reason != "" {
		d.Detail["reason"] = held.Reason
	}
}
