package trainer

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/trainer/judge"
)

// check is the phase QUEUED → CHECKED: quality once more, then the policy's question.
func (j *job) check(ctx context.Context) error {
	open := false
	if err := j.cfg.Store.Read(ctx, func(tx *store.Tx) (err error) {
		open, err = qualityOpen(ctx, tx, j.row.Model)
		return err
	}); err != nil {
		return err
	}
	if open {
		return j.advance(ctx, store.RetrainBlocked, store.RetrainPatch{Reason: blockedReason}, nil)
	}
	pass, why, err := j.worthwhile(ctx)
	if err != nil {
		return err
	}
	if !pass {
		return j.advance(ctx, store.RetrainCoalesced, store.RetrainPatch{Reason: why}, j.closing(store.RunKilled))
	}
	return j.advance(ctx, store.RetrainChecked, store.RetrainPatch{Reason: why}, nil)
}

// worthwhile answers the question of the policy for what triggered.
func (j *job) worthwhile(ctx context.Context) (pass bool, why string, err error) {
	switch {
	case j.trig.Cause == "person" && !j.trig.Force:
		for _, kind := range []string{kindDrift, kindPerformance} {
			rows, err := j.cfg.Store.Alarms(ctx, store.AlarmQuery{Model: j.row.Model, Kind: kind, Phase: "firing", Limit: 1})
			if err != nil {
				return false, "", err
			}
			if len(rows) > 0 {
				return true, j.trig.String() + "; an alarm of kind " + kind + " is open", nil
			}
		}
		return false, "no drift or performance alarm of this model is open; --force retrains all the same", nil
	case j.trig.Cause != kindDrift:
		return true, j.trig.String(), nil
	case j.spec.Trigger == OnDrift:
		return true, j.trig.String() + "; the policy asks no more", nil
	}
	return j.harm(ctx)
}

// Rules of the question whether drift does harm; conventions.
const (
	harmShare   = 0.10 // a loss this much above, or a score this much below, what the gate recorded
	harmMargin  = 0.02 // for accuracy, in its own unit; the default gate's margin
	harmMinRows = 100  // labelled predictions below which nothing can be said
)

// harm compares the realised performance of the champion, over the mature days of the
// drifted window or a week, with what the gate recorded on its holdout.
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
	from := j.row.ClockMS - max(j.trig.WindowMS, 7*dayMS)
	days, err := j.cfg.Store.PerformanceDays(ctx, store.PerformanceQuery{
		Model: j.row.Model, Version: c.Version, From: date(floorDay(from))[:10], To: date(j.row.ClockMS)[:10],
	})
	if err != nil {
		return false, "", err
	}
	var sum store.PerformanceDay
	for _, d := range days {
		sum.Classed += d.Classed
		sum.Correct += d.Correct
		sum.Scored += d.Scored
		sum.LogLossSum += d.LogLossSum
		sum.BrierSum += d.BrierSum
	}
	said, compared := "", false
	for _, m := range []struct {
		name  string
		rows  int64
		total float64
	}{
		{judge.LogLoss, sum.Scored, sum.LogLossSum}, {judge.Brier, sum.Scored, sum.BrierSum}, {judge.Accuracy, sum.Classed, float64(sum.Correct)},
	} {
		was, ok := metricOf(run, m.name)
		if !ok || m.rows < harmMinRows {
			continue
		}
		compared = true
		is := m.total / float64(m.rows)
		said = fmt.Sprintf("%s %.4f over %d mature rows, %.4f at its gate", m.name, is, m.rows, was)
		if m.name == judge.Accuracy && is < was-harmMargin || m.name != judge.Accuracy && is > was*(1+harmShare) {
			return true, j.trig.String() + "; it does harm: " + said, nil
		}
	}
	if !compared {
		return unknown(fmt.Sprintf("%d mature labelled predictions, %d are needed", max(sum.Scored, sum.Classed), harmMinRows))
	}
	return false, j.trig.String() + ", but it does no harm: " + said, nil
}

func metricOf(run store.Run, name string) (float64, bool) {
	for _, m := range run.Metrics {
		if m.Key == name && !math.IsNaN(m.Value) {
			return m.Value, true
		}
	}
	return 0, false
}

// take is the phase CHECKED → LEASED: from here on the work is this owner's.
func (j *job) take(ctx context.Context) error {
	return j.advance(ctx, store.RetrainLeased, store.RetrainPatch{Reason: "taken by " + j.cfg.Owner}, nil)
}
