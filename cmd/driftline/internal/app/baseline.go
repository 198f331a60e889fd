package app

import (
	"context"
	"errors"

	"github.com/driftline/driftline/drift/performance/cohort"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/historian"
)

// Baseline implements historian.PerformanceStore.
func (h *historyStore) Baseline(ctx context.Context, m historian.PerformanceModel) (cohort.Promise, error) {
	return promised(ctx, h.p.Store, m.Model, m.Champion)
}

// promised is what the run of a version was logged with.
func promised(ctx context.Context, s *store.Store, model, version string) (cohort.Promise, error) {
	none := func(why string) (cohort.Promise, error) {
		return cohort.Promise{Reason: "version " + version + " " + why}, nil
	}
	v, err := s.Version(ctx, model, version)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return none("is not in the registry")
	case err != nil:
		return cohort.Promise{}, err
	case v.RunID == "":
		return none("has no run with figures of its gate")
	}
	run, err := s.Run(ctx, v.RunID)
	if errors.Is(err, store.ErrNotFound) {
		return none("has a run that is gone")
	}
	if err != nil {
		return cohort.Promise{}, err
	}
	p := cohort.Promise{Figures: map[string]float64{}, Reason: "neither rmse nor mae is among the metrics of the run of version " + version}
	for _, x := range run.Metrics {
		if x.Key == "accuracy" && !(x.Value >= 0 && x.Value <= 1) {
			continue // neither NaN nor a per cent
		}
		p.Figures[x.Key] = x.Value
	}
	return p, nil
}
