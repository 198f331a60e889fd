package web

import (
	"fmt"

	"github.com/driftline/driftline/drift/performance/cohort"
)

// Promised is a week of a regression held against what the version was promoted with: what
// the performance alarm stands on.
type Promised struct {
	Metric   string  `json:"metric" enum:",rmse,mae" doc:"rmse as the gate recorded it, else mae; empty where neither is known."`
	Baseline *Number `json:"baseline" doc:"What the version was promoted with, in the label's unit."`
	Margin   Number  `json:"margin" doc:"Share of the baseline."`
	Limit    *Number `json:"limit" doc:"The baseline and its margin."`
	Rows     int64   `json:"rows" doc:"Labelled numbers of the days since the promotion."`
	Value    *Number `json:"value" doc:"Of these days; null where nothing can be said."`
	Low      *Number `json:"low" doc:"95 % interval, by days; null where none is known."`
	High     *Number `json:"high"`
	Worse    bool    `json:"worse" doc:"Above the limit, and the interval above the baseline; two such days in a row raise the alarm."`
	Reason   string  `json:"reason" doc:"Why there is no value, or no interval."`
	Words    string  `json:"words" doc:"All of it as a sentence."`
}

func promisedOf(p *cohort.Promised) *Promised {
	if p == nil {
		return nil
	}
	return &Promised{
		Metric: p.Metric, Baseline: p.Baseline, Margin: p.Margin, Limit: p.Limit, Rows: int64(p.Rows), Value: p.Value, Low: p.Low, High: p.High,
		Worse: p.Worse, Reason: p.Reason, Words: p.Words(),
	}
}

// errorText says what an alarm of a regression stands on; false for other metrics.
func errorText(d *eventData) (string, bool) {
	metric, _ := d.Detail["metric"].(string)
	value, known := d.Detail["value"].(float64)
	if of, _ := d.Detail["margin_of"].(string); of != "baseline" {
		return "", false
	}
	if metric == "" {
		return "realised error", true
	}
	out := measureWord(metric)
	if known {
		out += " " + short(value)
	}
	low, bounded := d.Detail["low"].(float64)
	high, _ := d.Detail["high"].(float64)
	if bounded {
		out += fmt.Sprintf(" (95 %% by days: %s to %s)", short(low), short(high))
	}
	if x, ok := d.Detail["baseline"].(float64); ok {
		out += ", promoted with " + short(x)
	}
	margin, _ := d.Detail["margin"].(float64)
	switch {
	case !known:
	case bounded:
		out += ", above it by more than the margin of " + percent(margin) + " and by more than chance"
	default:
		out += ", above it by more than the margin of " + percent(margin)
	}
	if d.Rows > 0 {
		out += ", n = " + groupText(d.Rows)
	}
	return out, true
}
