package trainer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/driftline/driftline/drift/performance/cohort"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/trainer/judge"
)

// Rules of the question whether drift does harm; conventions.
const (
	harmShare   = cohort.PromiseMargin // a loss this much above what the gate recorded, as for the alarm of a regression
	harmMargin  = 0.02                 // for accuracy, in its own unit; the default gate's margin
	harmMinRows = 100                  // predictions below which nothing can be said
)

// measured is one measure of the champion as it is now, and on what it rests.
type measured struct {
	name string
	is   float64
	rows int64
	over string // what the rows are: "mature rows", …
}

// harmful tells whether the measure lies so far from what the gate recorded that drift
// does harm.
func (m *measured) harmful(was float64) bool {
	if m.name == judge.Accuracy {
		return m.is < was-harmMargin
	}
	return m.is > was*(1+harmShare)
}

// harm compares the performance of the champion, over the drifted window or a week, with
// what the gate recorded on its holdout: the realised one where labels are mature, else
// the one estimated from its answers. Which of them it was stands in the reason.
func (j *job) harm(ctx context.Context) (pass bool, why string, err error) {
	unknown := func(what string) (bool, string, error) {
		return true, j.trig.String() + "; harm unknown (" + what + "), so it goes on", nil
	}
	c, err := j.cfg.Store.Champion(ctx, j.row.Model)
	if errors.Is(err, store.ErrNotFound) {
		return unknown("no champion")
	}
	if err != nil {
		return false, "", err
	}
	v, err := j.cfg.Store.Version(ctx, j.row.Model, c.Version)
	if err != nil {
		return false, "", err
	}
	if v.RunID == "" {
		return unknown("version " + c.Version + " has no run with figures of its gate")
	}
	run, err := j.cfg.Store.Run(ctx, v.RunID)
	if errors.Is(err, store.ErrNotFound) {
		return unknown("the run of version " + c.Version + " is gone")
	}
	if err != nil {
		return false, "", err
	}
	ms, none, err := j.measures(ctx, c.Version)
	if err != nil {
		return false, "", err
	}
	said := ""
	for _, m := range ms {
		was, ok := metricOf(run, m.name)
		if !ok || m.rows < harmMinRows {
			continue
		}
		said = fmt.Sprintf("%s %.4f over %d %s, %.4f at its gate", m.name, m.is, m.rows, m.over, was)
		if m.harmful(was) {
			return true, j.trig.String() + "; it does harm: " + said, nil
		}
	}
	if said == "" {
		return unknown(none)
	}
	return false, j.trig.String() + ", but it does no harm: " + said, nil
}

// measures are those of mature labels, or estimated ones where there are too few; none
// says what is missing where neither can be used.
func (j *job) measures(ctx context.Context, version string) (ms []measured, none string, err error) {
	from := date(floorDay(j.row.ClockMS - max(j.trig.WindowMS, 7*dayMS)))[:10]
	to := date(j.row.ClockMS)[:10]
	var labelled int64
	var mature, awaited *store.CohortRow
	err = j.cfg.Store.Read(ctx, func(t *store.Tx) (err error) {
		if ms, labelled, err = j.counted(ctx, t, version, from, to); err != nil {
			return err
		}
		mature, awaited, err = t.NewestReports(ctx, j.row.Model, version, to)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	if j.spec.Gate.Kind != judge.KindBinary && mature != nil && mature.Day >= from {
		// Sums of days are those of two classes; the report knows the other kinds.
		if ms, labelled, err = reported(mature, cohort.Realised); err != nil {
			return nil, "", err
		}
	}
	if len(ms) > 0 && labelled >= harmMinRows {
		return ms, "", nil
	}
	none = fmt.Sprintf("%d mature labelled predictions, %d are needed", labelled, harmMinRows)
	newest := mature
	if awaited != nil {
		newest = awaited
	}
	if newest == nil || newest.Day < from {
		return nil, none + "; no estimate: no day of the window is reported", nil
	}
	ms, _, err = reported(newest, cohort.Estimated)
	if err == nil && len(ms) == 0 {
		none += "; no estimate: " + whyNot(newest)
	}
	return ms, none, err
}

// counted are the measures of mature days by their sums. They stand on two classes.
func (j *job) counted(ctx context.Context, t *store.Tx, version, from, to string) (ms []measured, labelled int64, err error) {
	days, err := t.PerformanceDays(ctx, store.PerformanceQuery{Model: j.row.Model, Version: version, From: from, To: to})
	if err != nil {
		return nil, 0, err
	}
	var sum store.PerformanceDay
	for _, d := range days {
		sum.Classed += d.Classed
		sum.Correct += d.Correct
		sum.Scored += d.Scored
		sum.LogLossSum += d.LogLossSum
		sum.BrierSum += d.BrierSum
	}
	if j.spec.Gate.Kind != judge.KindBinary {
		return nil, sum.Classed, nil
	}
	for _, m := range []struct {
		name  string
		rows  int64
		total float64
	}{
		{judge.LogLoss, sum.Scored, sum.LogLossSum}, {judge.Brier, sum.Scored, sum.BrierSum}, {judge.Accuracy, sum.Classed, float64(sum.Correct)},
	} {
		if m.rows > 0 {
			ms = append(ms, measured{m.name, m.total / float64(m.rows), m.rows, "mature rows"})
		}
	}
	return ms, max(sum.Scored, sum.Classed), nil
}

// reported are the measures of a report that a gate records in the same meaning. Of many
// classes that is the accuracy alone: losses there are of all chances, here of the one
// that was given.
func reported(row *store.CohortRow, kind string) (ms []measured, rows int64, err error) {
	var r cohort.Report
	if err := json.Unmarshal([]byte(row.Report), &r); err != nil {
		return nil, 0, fmt.Errorf("report of model %q, version %q, day %s: %w", row.Model, row.Version, row.Day, err)
	}
	names := map[string][]string{
		cohort.Binary: {judge.LogLoss, judge.Brier, judge.Accuracy}, cohort.Multiclass: {judge.Accuracy}, cohort.Regression: {judge.RMSE, judge.MAE},
	}[r.Kind]
	rows = int64(r.Labelled)
	over := "mature rows"
	if kind == cohort.Estimated {
		rows = int64(r.Predicted)
		over = fmt.Sprintf("predictions, estimated from %d labels before %s", r.Learnt.Labels, date(r.FromMS)[:10])
		if r.Estimate == cohort.Balanced {
			over = fmt.Sprintf("predictions, estimated from %d labelled rows before %s, weighed to look like their inputs", r.EstimateRows, date(r.FromMS)[:10])
		}
	}
	for _, name := range names {
		if f, ok := r.Find(kind, name); ok && f.Value != nil {
			ms = append(ms, measured{name, *f.Value, rows, over})
		}
	}
	return ms, rows, nil
}

// whyNot is the reason for which a report holds no estimate.
func whyNot(row *store.CohortRow) string {
	var r cohort.Report
	if json.Unmarshal([]byte(row.Report), &r) == nil {
		for _, f := range r.Figures {
			if f.Kind == cohort.Estimated && f.Value == nil {
				return f.Reason
			}
		}
		return r.Words
	}
	return "the report cannot be read"
}
