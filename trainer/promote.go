package trainer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/trainer/judge"
	"github.com/driftline/driftline/trainer/reference"
)

// decide is the phase REGISTERED → GATED: data quality again, the reference's own
// gate, and the verdict with all its checks.
func (j *job) decide(ctx context.Context) error {
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
	verdict, err := j.decision()
	if err != nil {
		return err
	}
	extra := []judge.Check{{Name: "data_quality", Outcome: judge.Pass, Reason: "no data-quality alarm is open"}}
	ref := judge.Check{Name: "reference", Outcome: judge.Skipped, Reason: "the version is refused anyway"}
	if verdict.Promote {
		built, err := j.buildReference(ctx)
		switch {
		case errors.Is(err, reference.ErrGate):
			ref.Outcome, ref.Reason = judge.Fail, err.Error()
		case err != nil:
			return err
		default:
			ref.Outcome, ref.Reason = judge.Pass, built.Why
		}
		ref.Support = len(j.servedRows())
	}
	verdict.Checks = append(verdict.Checks, append(extra, ref)...)
	if ref.Outcome == judge.Fail {
		verdict.Promote, verdict.Outcome = false, judge.Fail
	}
	body, err := json.Marshal(verdict)
	if err != nil {
		return err
	}
	text := string(body)
	return j.advance(ctx, store.RetrainGated, store.RetrainPatch{Reason: summary(verdict), GatesJSON: &text}, func(tx *store.Tx, r store.Retrain) error {
		if err := endRun(ctx, tx, r.RunID, store.RunFinished, j.cfg.NowMS()); err != nil {
			return err
		}
		if err := tx.LogBatch(ctx, r.RunID, store.Batch{Tags: []store.Tag{{Key: "driftline.gate", Value: string(verdict.Outcome)}}}); err != nil {
			return err
		}
		if err := tx.SetVersionTag(ctx, r.Model, r.Version, store.Tag{Key: "driftline.gate", Value: string(verdict.Outcome)}); err != nil {
			return err
		}
		return tellMore(ctx, tx, toldGate, r, func(l *Lifecycle) { l.Outcome = string(verdict.Outcome) })
	})
}

// conclude is what follows GATED: refusal, a wait for a person, promotion, or the end
// where nothing may be promoted.
func (j *job) conclude(ctx context.Context) error {
	verdict, err := j.decision()
	if err != nil {
		return err
	}
	if !verdict.Promote {
		return j.reject(ctx, summary(verdict))
	}
	switch j.spec.Automation {
	case AutoPromote:
		return j.promote(ctx)
	case AutoRetrain:
		return j.advance(ctx, store.RetrainDone, store.RetrainPatch{Reason: "the gate passed; automation: retrain promotes nothing"}, func(tx *store.Tx, r store.Retrain) error {
			return tell(ctx, tx, toldCompleted, r)
		})
	}
	return j.advance(ctx, store.RetrainApproval, store.RetrainPatch{Reason: "version " + j.row.Version + " passed the gate and waits for a person"}, nil)
}

// reject ends the row and puts its version away.
func (j *job) reject(ctx context.Context, reason string) error {
	body, err := json.Marshal(map[string]any{"promote": false, "reason": reason})
	if err != nil {
		return err
	}
	text := string(body)
	return j.advance(ctx, store.RetrainRejected, store.RetrainPatch{Reason: reason, DecisionJSON: &text}, func(tx *store.Tx, r store.Retrain) error {
		if err := putAway(ctx, tx, r); err != nil {
			return err
		}
		return tell(ctx, tx, toldCompleted, r)
	})
}

// putAway archives a version that will not serve, unless somebody gave it another
// stage meanwhile.
func putAway(ctx context.Context, tx *store.Tx, r store.Retrain) error {
	if r.Version == "" {
		return nil
	}
	if err := dropChallenger(ctx, tx, r); err != nil {
		return err
	}
	v, err := tx.Version(ctx, r.Model, r.Version)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil || v.Stage != store.StageStaging {
		return err
	}
	_, err = tx.TransitionStage(ctx, r.Model, r.Version, store.StageArchived, false)
	return err
}

// dropChallenger takes the alias away if it points at this row's version.
func dropChallenger(ctx context.Context, tx *store.Tx, r store.Retrain) error {
	v, err := tx.VersionByAlias(ctx, r.Model, challengerAlias)
	if errors.Is(err, store.ErrInvalid) || errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil || v.Version != r.Version {
		return err
	}
	return tx.DeleteAlias(ctx, r.Model, challengerAlias)
}

// errChampionMoved says that another act changed the champion since the comparison.
var errChampionMoved = errors.New("the champion changed since it was compared")

// promote makes the version champion: one transaction of row, stage, alias, champion,
// the end of an earlier probation, reference, control and lifecycle.
func (j *job) promote(ctx context.Context) error {
	built, err := j.buildReference(ctx)
	if errors.Is(err, reference.ErrGate) {
		return j.reject(ctx, err.Error())
	}
	if err != nil {
		return err
	}
	clock, err := j.clock(ctx, j.row.Model)
	if err != nil {
		return err
	}
	reason := j.trig.String()
	if j.row.ApprovedBy != "" {
		reason += "; approved by " + j.row.ApprovedBy + ": " + j.row.ApprovedReason
	}
	body, err := json.Marshal(map[string]any{
		"promote": true, "reason": reason, "reference": built.Reference.ID().String(), "grid": built.Grid.ID().String(), "new_grid": built.NewGrid, "why_grid": built.Why,
	})
	if err != nil {
		return err
	}
	text := string(body)
	err = j.advance(ctx, store.RetrainPromoted, store.RetrainPatch{Reason: "version " + j.row.Version + " serves: " + reason, DecisionJSON: &text}, func(tx *store.Tx, r store.Retrain) error {
		if err := stopIfPaused(ctx, tx, r.Model); err != nil {
			return err
		}
		_, was, err := tx.Promote(ctx, r.Model, r.Version, Actor, reason, j.cfg.NowMS())
		if err != nil {
			return err
		}
		if was != r.ChampionBefore {
			return fmt.Errorf("%w: it was %q, now it is %q", errChampionMoved, r.ChampionBefore, was)
		}
		if err := dropChallenger(ctx, tx, r); err != nil {
			return err
		}
		if err := j.installReference(ctx, tx, r, built, max(clock, r.ClockMS)); err != nil {
			return err
		}
		return tell(ctx, tx, toldCompleted, r)
	})
	if errors.Is(err, errChampionMoved) {
		return j.reject(ctx, err.Error()+"; the comparison no longer holds")
	}
	return err
}

// watch is the phase PROMOTED → PROBATION, or DONE where there is nothing to go back to.
func (j *job) watch(ctx context.Context) error {
	switch {
	case j.row.ChampionBefore == "":
		return j.advance(ctx, store.RetrainDone, store.RetrainPatch{Reason: "the first version: there is none to go back to"}, nil)
	case j.spec.ProbationMS == 0:
		return j.advance(ctx, store.RetrainDone, store.RetrainPatch{Reason: "no probation is configured"}, nil)
	}
	return j.advance(ctx, store.RetrainProbation, store.RetrainPatch{Reason: "watched until " + date(j.row.ClockMS+j.spec.ProbationMS)}, nil)
}
