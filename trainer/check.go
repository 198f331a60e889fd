package trainer

import (
	"context"
	"math"

	"github.com/driftline/driftline/registry/store"
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
		// A part of the traffic that drifts is no drift of what a new version learns from, and
		// other answers alone do not say that a new version would be better.
		for _, kind := range []string{kindDrift, kindPerformance} {
			rows, err := j.cfg.Store.Alarms(ctx, store.AlarmQuery{Model: j.row.Model, Kind: kind, Phase: "firing", Whole: true, Limit: 1})
			if err != nil {
				return false, "", err
			}
			if len(rows) > 0 {
				return true, j.trig.String() + "; an alarm of kind " + kind + " is open", nil
			}
		}
		return false, "no drift or performance alarm of all of this model's traffic is open; --force retrains all the same", nil
	case j.trig.Cause != kindDrift:
		return true, j.trig.String(), nil
	case j.spec.Trigger == OnDrift:
		return true, j.trig.String() + "; the policy asks no more", nil
	}
	return j.harm(ctx)
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
