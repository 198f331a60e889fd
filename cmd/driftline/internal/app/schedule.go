package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule asks for the retrains of trainer.schedule until the context ends. With
// scheduler cronjob the cluster does so, and this does nothing.
func (r *Running) Schedule(ctx context.Context) error {
	t := r.Cfg.Trainer
	if t.Schedule == "" || t.Scheduler != "trainer" {
		<-ctx.Done()
		return ctx.Err()
	}
	plan, err := cron.ParseStandard(t.Schedule)
	if err != nil {
		return fmt.Errorf("trainer.schedule %q: %w", t.Schedule, err)
	}
	for {
		next := plan.Next(time.Now().UTC())
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Until(next)):
		}
		var errs []error
		for _, model := range r.Specs.Names() {
			errs = append(errs, r.Trainer.Schedule(ctx, model, next.UnixMilli()))
		}
		if err := errors.Join(errs...); err != nil && ctx.Err() == nil {
			r.Log.Error().Time("due", next).Err(err).Msg("scheduled retrains were not all queued")
		}
	}
}
