package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
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

func TestRetentionRemovesWhatIsOlderAndNothingElse(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		const n = 1200 // several batches
		var ledger []store.LedgerRow
		var events []store.EventRow
		for i := range int64(n) {
			ledger = append(ledger, store.LedgerRow{Topic: "events", Incarnation: 1, Part: int32(i % 2), ArrivalMS: i / 2, Outcomes: store.Outcomes{Records: 1, Accepted: 1}})
			events = append(events, event(fmt.Sprint("ep", i%3), fmt.Sprint(i), i, "firing", 0))
		}
		if err := errors.Join(s.PutLedger(ctx, ledger), s.PutEvents(ctx, events), s.AddOutbox(ctx, "k", "m", "", "{}"), s.AddOutbox(ctx, "k", "m", "", "{}")); err != nil {
			t.Fatal(err)
		}
		pending, err := s.PendingOutbox(ctx, 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.MarkPublished(ctx, []int64{pending[0].ID}, 100); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name   string
			remove func() (int64, error)
			want   int64
		}{
			{"ledger", func() (int64, error) { return s.DeleteLedgerBefore(ctx, n/2-1) }, n - 2},
			{"events", func() (int64, error) { return s.DeleteEventsBefore(ctx, n-2) }, n - 2},
			{"outbox, published at that time", func() (int64, error) { return s.DeletePublishedBefore(ctx, 100) }, 0},
			{"outbox, published before", func() (int64, error) { return s.DeletePublishedBefore(ctx, 101) }, 1},
		} {
			if got, err := c.remove(); err != nil || got != c.want {
				t.Errorf("%s: removed %d, %v; want %d", c.name, got, err, c.want)
			}
		}
		totals, err := s.LedgerTotals(ctx, store.LedgerQuery{})
		if err != nil || totals.Records != 2 {
			t.Errorf("ledger holds %d records (%v), want 2", totals.Records, err)
		}
		if left, err := s.Events(ctx, store.EventQuery{}); err != nil || len(left) != 2 || left[1].TimeMS != n-2 {
			t.Errorf("events left: %+v, %v; want the last two", left, err)
		}
		if alarms, err := s.Alarms(ctx, store.AlarmQuery{}); err != nil || len(alarms) != 3 {
			t.Errorf("%d episodes left (%v), want 3", len(alarms), err)
		}
		if left, err := s.PendingOutbox(ctx, 5); err != nil || len(left) != 1 {
			t.Errorf("pending: %+v, %v; want the one not published", left, err)
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
