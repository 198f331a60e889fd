package trainer

import (
	"context"
	"errors"

	"github.com/driftline/driftline/registry/store"
)

// A person pauses a model to stop what acts by itself: no retrain starts, one that is
// under way stands still where it is, nothing is promoted and no probation is decided.
// What a person does by hand, such as promoting a version, works as ever. Alarms that
// ask for a retrain meanwhile leave a row that says so; one that still fires after the
// pause asks again.

// held is the error of a phase that a pause stops: the row keeps its state and its
// place, and no trainer may take it up until the pause ends.
type held struct{ why string }

func (h *held) Error() string { return "held: " + h.why }

// paused says in words that a model is paused, by whom and why; "" if it is not.
func paused(ctx context.Context, tx *store.Tx, model string) (string, error) {
	m, err := tx.WatchedModel(ctx, model)
	if errors.Is(err, store.ErrNotFound) {
		return "", nil // nobody can have paused it
	}
	if err != nil || m.PausedMS == 0 {
		return "", err
	}
	return "the model is paused by " + m.PausedBy + ": " + m.PausedReason, nil
}

// paused is paused over a snapshot of its own.
func (t *Trainer) paused(ctx context.Context, model string) (why string, err error) {
	err = t.cfg.Store.Read(ctx, func(tx *store.Tx) error {
		why, err = paused(ctx, tx, model)
		return err
	})
	return why, err
}

// stopIfPaused gives held for a model that is paused.
func stopIfPaused(ctx context.Context, tx *store.Tx, model string) error {
	why, err := paused(ctx, tx, model)
	if err == nil && why != "" {
		err = &held{why}
	}
	return err
}

// hold lets go of a row that a pause stopped: it says why, and the lease is free.
func (j *job) hold(ctx context.Context, h *held) error {
	if err := j.advance(ctx, j.row.State, store.RetrainPatch{Reason: h.Error()}, nil); err != nil {
		return err
	}
	return j.cfg.Store.RenewLease(ctx, j.row.ID, j.row.Fence, j.cfg.NowMS(), 0)
}
