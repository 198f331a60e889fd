package webtest

import (
	"context"
	"testing"
	"time"

	"github.com/driftline/driftline/registry/store"
)

const (
	hourMS = 3_600_000
	dayMS  = 24 * hourMS
	weekMS = 7 * dayMS

	// Bike is the model that drifts.
	Bike = "bike demand"
	// Hostile is a name that a page must show and never obey.
	Hostile = `<script>alert(1)</script>"'&/?#`
)

var (
	// NowMS is the wall clock of the world, after everything in it; epoch milliseconds.
	NowMS = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).UnixMilli()
	// FirstEnd is the end of the first week of the story, epoch milliseconds.
	FirstEnd = time.Date(2025, 1, 6, 0, 0, 0, 0, time.UTC).UnixMilli()
)

// World is what Seed made, by the ids that tests ask for.
type World struct {
	Alarm   string // the open drift alarm of Bike
	Retrain string // what it asked for; promoted, on probation
	RunID   string // the run behind every version

	store *store.Store
}

// Seed fills an empty store; a fault ends the test.
func Seed(t testing.TB, st *store.Store) *World {
	t.Helper()
	w := &World{store: st}
	w.seed(t)
	return w
}

func (w *World) must(t testing.TB, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("seed %s: %v", what, err)
	}
}

func (w *World) seed(t testing.TB) {
	t.Helper()
	ctx := store.WithActor(context.Background(), "seed")
	st := w.store
	w.must(t, "models", st.Tx(ctx, func(tx *store.Tx) error {
		for _, m := range []store.WatchedModel{
			{Name: Bike, SpecJSON: `{"name":"bike demand","policy":{"warn":0.1,"drifted":0.2,"share_fire":0.3},"training":{"window":"13w"}}`, State: "watching", Automation: "promote"},
			{Name: "churn", SpecJSON: `{"name":"churn"}`, State: "watching", Automation: "observe"},
			{Name: "fraud", SpecJSON: `{}`, State: "learning", Automation: "approve"},
			{Name: Hostile, SpecJSON: `{"note":"</script><b>x</b>"}`, State: "learning", Automation: "observe"},
		} {
			if err := tx.PutWatchedModel(ctx, m); err != nil {
				return err
			}
		}
		return nil
	}))
	w.seedScores(ctx, t)
	w.seedRegistry(ctx, t)
	w.seedRetrains(ctx, t)
	w.seedStreams(ctx, t)
}
