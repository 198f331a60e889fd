package trainer

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/trainer/judge"
	"github.com/driftline/driftline/trainer/reference"
)

// probations looks at the promotions on probation whose time has passed.
func (t *Trainer) probations(ctx context.Context) (worked bool, err error) {
	rows, err := t.cfg.Store.Retrains(ctx, store.RetrainQuery{States: []string{store.RetrainProbation}, Limit: 10_000})
	if err != nil {
		return false, err
	}
	slices.Reverse(rows) // oldest first
	for _, r := range rows {
		did, err := t.probation(ctx, r)
		worked = worked || did
		if err != nil {
			return worked, fmt.Errorf("probation of retrain %s: %w", r.ID, err)
		}
	}
	return worked, nil
}

// probation settles one promotion once the clock has passed its time and the labels
// of that time are there; labels that do not come are waited for as long again.
func (t *Trainer) probation(ctx context.Context, r store.Retrain) (worked bool, err error) {
	s, ok, err := t.spec(ctx, r.Model)
	if err != nil || !ok {
		return false, err
	}
	if why, err := t.paused(ctx, r.Model); err != nil || why != "" {
		return false, err // decided once the model goes on, on the same rows
	}
	end := r.ClockMS + s.ProbationMS
	q := store.ExampleQuery{Model: r.Model, FromMS: r.ClockMS, ToMS: end, LabelledOnly: true, WithFeatures: true}
	clock, err := t.clock(ctx, r.Model)
	if err != nil {
		return false, err
	}
	c, err := t.cfg.Store.ExampleCounts(ctx, store.ExampleQuery{Model: r.Model, FromMS: r.ClockMS, LabelledOnly: true, WithFeatures: true})
	if err != nil {
		return false, err
	}
	labelled := c.Labelled > 0 && c.LastLabelledMS >= end
	clock = max(clock, c.LastLabelledMS)
	if clock < end || !labelled && clock < end+max(s.ProbationMS, dayMS) {
		return false, nil
	}
	j := &job{Trainer: t, row: r, spec: s}
	if j.trig, err = parseTrigger(r); err != nil {
		return false, err
	}
	worse, why, err := j.liveWorse(ctx, q)
	if err != nil && !lasting(err) {
		return false, err
	}
	if err != nil {
		worse, why = false, "the probation could not be judged: "+err.Error()
	}
	if worse {
		err = j.rollBack(ctx, why)
	} else {
		err = j.advance(ctx, store.RetrainDone, store.RetrainPatch{Reason: why}, nil)
	}
	if errors.Is(err, store.ErrConflict) {
		return false, nil // another trainer was faster
	}
	return err == nil, err
}

// liveWorse tells whether the promoted version did significantly worse on the primary
// metric than the one before it, on the labelled rows of the probation.
func (j *job) liveWorse(ctx context.Context, q store.ExampleQuery) (worse bool, why string, err error) {
	before, err := j.champion(ctx)
	if err != nil {
		return false, "", err
	}
	now, err := j.models.Version(ctx, j.row.Model, j.row.Version)
	if err != nil {
		return false, "", err
	}
	names := slices.Clone(now.Features)
	for _, f := range before.Features {
		if !slices.Contains(names, f) {
			names = append(names, f)
		}
	}
	c, err := collect(ctx, j.spec, j.cfg.Store, q, names)
	if err != nil {
		return false, "", err
	}
	if len(c.rows) == 0 {
		return false, "no labelled rows came during the probation", nil
	}
	was, err := score(before.Model, c.names, c.rows)
	if err != nil {
		return false, "", refuse("score with version %s: %v", before.Version, err)
	}
	is, err := score(now.Model, c.names, c.rows)
	if err != nil {
		return false, "", refuse("score with version %s: %v", now.Version, err)
	}
	cfg := j.spec.Gate
	cfg.Floors, cfg.Guards, cfg.Relative, cfg.Slices, cfg.Bias = nil, nil, nil, nil, nil
	cfg.Holdout = judge.Holdout{Days: 2, MinRows: 1, MinPerClass: 1}
	d, err := judge.Decide(cfg, judged(cfg.Kind, c.rows, was, is))
	if err != nil {
		return false, "", refuse("%v", err)
	}
	for _, check := range d.Checks {
		if check.Name != "primary_"+cfg.Primary.Metric || check.Value == nil {
			continue
		}
		why = fmt.Sprintf("on %d labelled rows of its probation %s is better by %s than with version %s", len(c.rows), cfg.Primary.Metric, short(*check.Value), before.Version)
		if check.Low == nil || check.High == nil {
			return false, why + "; too few days for an interval", nil
		}
		why += fmt.Sprintf(" (%s to %s at %g one-sided each)", short(*check.Low), short(*check.High), cfg.Level)
		return *check.High < 0, why, nil
	}
	return false, cfg.Primary.Metric + " is undefined on the labelled rows of the probation", nil
}

// rollBack makes the version before champion again, with its reference, in one
// transaction.
func (j *job) rollBack(ctx context.Context, why string) error {
	built, err := j.formerReference(ctx, j.spec, j.row.ChampionBefore)
	known := err == nil
	if err != nil && !lasting(err) && !errors.Is(err, errNoReference) && !errors.Is(err, reference.ErrGate) {
		return err
	}
	if !known {
		why += "; its reference could not be brought back: " + err.Error()
	}
	clock, err := j.clock(ctx, j.row.Model)
	if err != nil {
		return err
	}
	err = j.advance(ctx, store.RetrainRolledBack, store.RetrainPatch{Reason: why}, func(tx *store.Tx, r store.Retrain) error {
		_, was, err := tx.Rollback(ctx, r.Model, r.ChampionBefore, Actor, why, j.cfg.NowMS())
		if err != nil {
			return err
		}
		if was != r.Version {
			return fmt.Errorf("%w: it is %q", errChampionMoved, was)
		}
		if known {
			if err := j.installReference(ctx, tx, r, built, max(clock, r.ClockMS)); err != nil {
				return err
			}
		}
		return tell(ctx, tx, toldCompleted, r)
	})
	if errors.Is(err, errChampionMoved) {
		return j.advance(ctx, store.RetrainDone, store.RetrainPatch{Reason: "no longer champion when its probation ended"}, nil)
	}
	return err
}
