package metrics

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/driftline/driftline/drift/performance/cohort"
	"github.com/driftline/driftline/registry/store"
)

// summed are the measures that come from the sums of the days of two classes; a report
// adds the others.
var summed = []string{"accuracy", "precision", "recall", "f1", "log_loss", "brier"}

// readReports reads what was said of the champion last, with labels and without.
func (m *Metrics) readReports(ctx context.Context, t *store.Tx, r *modelRead) error {
	mature, awaited, err := t.NewestReports(ctx, r.name, r.champion, "")
	if err != nil {
		return err
	}
	r.mature, r.awaited = m.report(mature), m.report(awaited)
	return nil
}

// report reads a stored one; nil where there is none, or where it cannot be read.
func (m *Metrics) report(row *store.CohortRow) *cohort.Report {
	if row == nil {
		return nil
	}
	var r cohort.Report
	if err := json.Unmarshal([]byte(row.Report), &r); err != nil {
		m.failed(fmt.Errorf("metrics: report of model %q, day %s: %w", row.Model, row.Day, err))
		return nil
	}
	return &r
}

// reports shows the figures of the model as a whole and of its averages.
func reports(out *output, r *modelRead, label string) {
	if r.mature != nil {
		figures(r.mature, cohort.Realised, func(metric string, v float64) {
			if r.mature.Kind != cohort.Binary || !slices.Contains(summed, metric) {
				out.gauge("driftline_model_performance", v, label, metric, "realized")
			}
		})
		figures(r.mature, cohort.Error, func(metric string, v float64) {
			out.gauge("driftline_model_performance_estimate_error", v, label, metric)
		})
		if p := r.mature.Promised; p != nil && p.Baseline != nil {
			out.gauge("driftline_model_performance_promised", *p.Baseline, label, p.Metric)
		}
		if r.mature.Kind == cohort.Regression { // the sums of days count right classes
			out.gauge("driftline_model_performance_rows", float64(r.mature.Labelled), label)
		}
		out.gauge("driftline_model_performance_reading", 1, label, r.mature.Reading)
		if r.mature.Coverage != nil {
			out.gauge("driftline_model_performance_label_coverage_ratio", *r.mature.Coverage, label)
		}
	}
	newest := r.awaited
	if newest == nil {
		newest = r.mature
	}
	if newest != nil {
		figures(newest, cohort.Estimated, func(metric string, v float64) {
			out.gauge("driftline_model_performance", v, label, metric, "estimated")
		})
	}
}

// figures calls yield with those that have a number: macro_f1 is the mean of classes.
func figures(r *cohort.Report, kind string, yield func(metric string, v float64)) {
	for _, f := range r.Figures {
		if f.Kind != kind || f.Value == nil {
			continue
		}
		switch f.Class {
		case "":
			yield(f.Metric, *f.Value)
		case cohort.Macro, cohort.Weighted:
			yield(strings.Trim(f.Class, "()")+"_"+f.Metric, *f.Value)
		}
	}
}
