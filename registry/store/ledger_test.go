package store_test

import (
	"math/rand/v2"
	"testing"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
	"github.com/google/go-cmp/cmp"
)

func TestTheLedgerKeepsTheFurthestFoldAndAddsUp(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		half := store.LedgerRow{
			Topic: "events", Incarnation: 1, Part: 3, ArrivalMS: 60_000, Through: 50, FirstOffset: 0, LastOffset: 50,
			Outcomes: store.Outcomes{Records: 50, Skipped: 1, Accepted: 50}, DeadBy: "{}", LateBy: "{}", FutureBy: "{}", UnregisteredBy: "{}",
		}
		whole := half
		whole.Through, whole.LastOffset = 99, 99
		whole.Outcomes = store.Outcomes{Records: 97, Skipped: 3, Accepted: 80, Late: 1, Future: 2, Thinned: 3, Dead: 4, Label: 1, Tick: 2, Unregistered: 3, Aborted: 1}
		whole.DeadBy, whole.LateBy, whole.FutureBy, whole.UnregisteredBy = `{"json":4}`, `{"m":1}`, `{"m":2}`, `{"x":3}`
		next, reborn, other := half, half, half
		next.ArrivalMS, reborn.Incarnation, other.Topic = 120_000, 2, "labels"
		for seed := range uint64(6) {
			shuffled(rand.New(rand.NewPCG(seed, 9)), []store.LedgerRow{half, whole, next, reborn, other}, func(part []store.LedgerRow) {
				if err := s.PutLedger(ctx, part); err != nil {
					t.Fatal(err)
				}
			})
		}
		rows, err := s.Ledger(ctx, store.LedgerQuery{})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]store.LedgerRow{next, whole, reborn, other}, rows); d != "" {
			t.Errorf("Ledger (-want +got):\n%s", d)
		}
		for _, c := range []struct {
			name string
			q    store.LedgerQuery
			want store.Outcomes
		}{
			{"one stretch of a topic", store.LedgerQuery{Topic: "events", ToMS: 120_000}, store.Outcomes{Records: 147, Skipped: 4, Accepted: 130, Late: 1, Future: 2, Thinned: 3, Dead: 4, Label: 1, Tick: 2, Unregistered: 3, Aborted: 1}},
			{"from inclusive", store.LedgerQuery{FromMS: 120_000}, half.Outcomes},
			{"nothing", store.LedgerQuery{Topic: "none"}, store.Outcomes{}},
		} {
			got, err := s.LedgerTotals(ctx, c.q)
			if err != nil || got != c.want {
				t.Errorf("%s: %+v, %v; want %+v", c.name, got, err, c.want)
			}
			if sum := got.Accepted + got.Late + got.Future + got.Thinned + got.Dead + got.Label + got.Tick + got.Unregistered + got.Aborted; sum != got.Records {
				t.Errorf("%s: outcomes add up to %d of %d records", c.name, sum, got.Records)
			}
		}
	})
}

func TestSourcesMoveForwardOnly(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		row := func(part int32, upto, through, seen int64) store.SourceRow {
			return store.SourceRow{Topic: "events", Incarnation: 1, Part: part, UptoMS: upto, SinceMS: 5, Partitions: 2, Through: through, Control: 9, SeenMS: seen}
		}
		all := []store.SourceRow{row(0, 100, 10, 1), row(0, 200, 20, 2), row(0, 200, 19, 9), row(1, 50, 5, 3), row(1, 50, 5, 4)}
		for seed := range uint64(6) {
			shuffled(rand.New(rand.NewPCG(seed, 2)), all, func(part []store.SourceRow) {
				if err := s.PutSources(t.Context(), part); err != nil {
					t.Fatal(err)
				}
			})
		}
		got, err := s.Sources(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]store.SourceRow{row(0, 200, 20, 2), row(1, 50, 5, 4)}, got); d != "" {
			t.Errorf("Sources (-want +got):\n%s", d)
		}
	})
}
