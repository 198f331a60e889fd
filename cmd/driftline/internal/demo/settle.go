package demo

import (
	"context"
	"fmt"
	"time"
)

// Bounds of the waits of one day.
const (
	settleTimeout = 2 * time.Minute // for one day, a retrain included
	settlePoll    = 2 * time.Millisecond
)

// settle waits until the day that ends at endMS is over everywhere: its windows are
// final, the history holds everything that was written, and the outbox is empty. Then
// it lets the trainer work until it has nothing to do. What a retrain publishes counts
// as part of the day, so all is repeated until nothing moves.
func (d *driver) settle(ctx context.Context, endMS int64) error {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	for {
		err := d.wait(ctx, "the windows of the day to become final", endMS, func(context.Context) (bool, error) {
			done, ok := d.r.Progress.DoneMS(d.r.Declared.Layout.PanesPartitions)
			return ok && done >= endMS, nil
		})
		if err != nil {
			return err
		}
		if err := d.wait(ctx, "the history to catch up", endMS, d.historyAtEnd); err != nil {
			return err
		}
		worked, err := d.r.Trainer.Step(ctx)
		if err != nil {
			return err
		}
		if worked {
			continue
		}
		if still, err := d.historyAtEnd(ctx); err != nil || still {
			return err
		}
	}
}

func (d *driver) wait(ctx context.Context, what string, endMS int64, ok func(context.Context) (bool, error)) error {
	for {
		done, err := ok(ctx)
		if err != nil {
			return err
		}
		if done {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited %s for %s, at the day that ends %s: %w", settleTimeout, what, stamp(endMS), ctx.Err())
		case <-time.After(settlePoll):
		}
	}
}

// historyAtEnd reports whether everything written so far is in the database and the
// outbox is empty.
func (d *driver) historyAtEnd(ctx context.Context) (bool, error) {
	ps, err := d.r.History.Partitions(ctx)
	if err != nil {
		return false, err
	}
	for _, p := range ps {
		_, end, err := d.r.Kafka.Bounds(ctx, p)
		if err != nil {
			return false, err
		}
		if d.r.History.Position(p) < end {
			return false, nil
		}
	}
	pending, err := d.r.Store.PendingOutbox(ctx, 1)
	return len(pending) == 0, err
}
