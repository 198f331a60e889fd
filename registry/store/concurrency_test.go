package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
)

// Batches to one run, their keys in any order, from many writers: none is lost,
// none deadlocks, the latest is the greatest step.
func TestLogBatch_WritersToOneRunDoNotLoseOrDeadlock(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		run := newRun(t, s, store.NewRun{ExperimentID: newExperiment(t, s, "e")})
		const writers, batches, keys = 6, 6, 12
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(7, uint64(w)))
				for i := range batches {
					var b store.Batch
					for _, k := range rng.Perm(keys) {
						step := int64(w*batches + i)
						b.Metrics = append(b.Metrics, store.Metric{Key: fmt.Sprintf("m%02d", k), Value: float64(step), Step: step})
						b.Params = append(b.Params, store.Tag{Key: fmt.Sprintf("p%02d", k), Value: "same"})
						b.Tags = append(b.Tags, store.Tag{Key: fmt.Sprintf("t%02d", k), Value: fmt.Sprint(w)})
					}
					if err := s.LogBatch(ctx, run.ID, b); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		got, err := s.Run(ctx, run.ID)
		if err != nil || len(got.Metrics) != keys || len(got.Params) != keys {
			t.Fatalf("run has %d metrics and %d params, %v; want %d each", len(got.Metrics), len(got.Params), err, keys)
		}
		for _, m := range got.Metrics {
			if want := float64(writers*batches - 1); m.Value != want || m.Min != 0 || m.Max != want {
				t.Errorf("latest of %s = %v in [%v, %v], want %v in [0, %v]", m.Key, m.Value, m.Min, m.Max, want, want)
			}
		}
		err = s.Read(ctx, func(x *store.Tx) error {
			all, _, err := x.MetricHistory(ctx, run.ID, "m03", 0, "")
			if len(all) != writers*batches {
				t.Errorf("history has %d points, want %d", len(all), writers*batches)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkLogBatch(b *testing.B) {
	ctx := context.Background()
	s := storetest.Open(b)
	var run store.Run
	err := s.Tx(ctx, func(x *store.Tx) (err error) {
		if err = x.EnsureDefaultExperiment(ctx, root); err == nil {
			run, err = x.CreateRun(ctx, store.NewRun{})
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	step := int64(0)
	for b.Loop() {
		batch := store.Batch{Metrics: make([]store.Metric, 100)}
		for i := range batch.Metrics {
			batch.Metrics[i] = store.Metric{Key: fmt.Sprintf("m%d", i), Value: float64(step), Step: step}
		}
		if err := s.LogBatch(ctx, run.ID, batch); err != nil {
			b.Fatal(err)
		}
		step++
	}
}
