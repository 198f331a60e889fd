package app

import (
	"context"
	"errors"
	"time"
)

// janitorEvery is how often old history is removed.
const janitorEvery = time.Hour

// keepReplays is how long a replay into the history that was stopped can be gone on with.
const keepReplays = 90 * 24 * time.Hour

// Janitor removes history that is older than the configuration keeps, counted back
// from the event time the stream has reached: an archive that is replayed is not
// removed because its years are past.
func (r *Running) Janitor(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(janitorEvery):
		}
		if err := r.clean(ctx); err != nil && ctx.Err() == nil {
			r.Log.Warn().Err(err).Msg("old history is not removed; trying again in an hour")
		}
	}
}

func (r *Running) clean(ctx context.Context) error {
	clock, ok, err := r.clock(ctx, "")
	if err != nil || !ok {
		return err
	}
	now := time.UnixMilli(clock).UTC()
	before := func(days int) time.Time { return now.AddDate(0, 0, -days) }
	keep := r.Cfg.Historian
	var errs []error
	var removed int64
	note := func(n int64, err error) {
		removed += n
		errs = append(errs, err)
	}
	for _, model := range r.Specs.Names() {
		note(r.Store.DeleteExamplesBefore(ctx, model, before(keep.ExampleDays).Format(time.DateOnly)))
	}
	note(r.Store.DeleteCohortsBefore(ctx, before(keep.ExampleDays).Format(time.DateOnly)))
	note(r.Store.DeleteScoresBefore(ctx, before(keep.ScoreDays).Format(time.DateOnly)))
	note(r.Store.DeleteEventsBefore(ctx, before(keep.EventDays).UnixMilli()))
	note(r.Store.DeleteLedgerBefore(ctx, before(keep.CountDays).UnixMilli()))
	note(r.Store.DeletePublishedBefore(ctx, NowMS()-keepEvents.Milliseconds()))
	note(r.Store.DeleteReplaysBefore(ctx, NowMS()-keepReplays.Milliseconds()))
	if removed > 0 {
		r.Log.Info().Int64("rows", removed).Time("clock", now).Msg("old history removed")
	}
	return errors.Join(errs...)
}
