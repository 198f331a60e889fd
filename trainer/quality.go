package trainer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/wire"
)

// qualityState is what the drift topic, as far as the trainer has read it, says about
// a model's data quality. It moves with the reader's progress.
type qualityState struct {
	Open []string `json:"open"` // episodes
}

// unnamed stands for an alarm of which only a drift event's quality_open tells.
const unnamed = "told by a drift event"

func qualityName(model string) string { return "trainer.quality:" + model }

func readQuality(ctx context.Context, tx *store.Tx, model string) (q qualityState, err error) {
	b, found, err := tx.Machine(ctx, qualityName(model))
	if err != nil || !found {
		return q, err
	}
	if err := json.Unmarshal(b, &q); err != nil {
		return q, fmt.Errorf("data-quality state of model %q: %w", model, err)
	}
	return q, nil
}

// noteQuality folds one event in. A drift event tells the whole truth about its end:
// without quality_open nothing is open.
func noteQuality(ctx context.Context, tx *store.Tx, e wire.Event, nowMS int64) error {
	d := e.Data
	if d.Kind != kindQuality && d.Kind != kindDrift || d.Phase == "stale" {
		return nil
	}
	if d.Policy == wire.PolicyCheck {
		return nil // a check does not follow the stream's alarms: what it saw open is no news
	}
	old, err := readQuality(ctx, tx, d.Model)
	if err != nil {
		return err
	}
	open := slices.Clone(old.Open)
	add := func(name string) {
		if !slices.Contains(open, name) {
			open = append(open, name)
		}
	}
	switch {
	case d.Kind == kindDrift && !d.QualityOpen:
		if d.Phase == "superseded" {
			return nil // emitted between alarms; it says nothing about quality
		}
		open = nil
	case d.Kind == kindDrift && len(open) == 0:
		add(unnamed)
	case d.Kind == kindQuality && d.Phase == "firing" && d.BlocksRetrain:
		add(d.Episode)
	case d.Kind == kindQuality:
		open = slices.DeleteFunc(open, func(name string) bool { return name == d.Episode || name == unnamed })
	}
	if slices.Equal(open, old.Open) {
		return nil
	}
	slices.Sort(open)
	b, err := json.Marshal(qualityState{Open: open})
	if err != nil {
		return err
	}
	return tx.PutMachine(ctx, qualityName(d.Model), b, nowMS)
}

// qualityOpen tells whether a data-quality alarm of the model is open, by the drift
// topic as read here or by the history in the store; either is enough.
func qualityOpen(ctx context.Context, tx *store.Tx, model string) (bool, error) {
	q, err := readQuality(ctx, tx, model)
	if err != nil || len(q.Open) > 0 {
		return len(q.Open) > 0, err
	}
	return tx.QualityOpen(ctx, model)
}

// unblock puts retrains back into the queue whose data-quality alarm has ended.
func (t *Trainer) unblock(ctx context.Context) (worked bool, err error) {
	rows, err := t.cfg.Store.Retrains(ctx, store.RetrainQuery{States: []string{store.RetrainBlocked}, Limit: 10_000})
	if err != nil {
		return false, err
	}
	for _, r := range rows {
		open := false
		if err := t.cfg.Store.Read(ctx, func(tx *store.Tx) (err error) {
			open, err = qualityOpen(ctx, tx, r.Model)
			return err
		}); err != nil {
			return worked, err
		}
		if open {
			continue
		}
		err := t.write(ctx, "free a blocked retrain", func(tx *store.Tx) error {
			_, err := tx.AdvanceRetrain(ctx, r.ID, r.Fence, store.RetrainBlocked, store.RetrainQueued,
				store.RetrainPatch{Reason: "the data-quality alarm has ended"}, t.cfg.NowMS())
			return err
		})
		if errors.Is(err, store.ErrConflict) {
			continue // another trainer, or a person, was faster
		}
		if err != nil {
			return worked, err
		}
		worked = true
	}
	return worked, nil
}
