package store_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
)

func TestCohorts_TheLaterLabelClockStays(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		row := func(version, day string, clock int64, counts, answers []byte) store.CohortRow {
			return store.CohortRow{Model: "m", Version: version, Day: day, MaturityMS: dayMS, Kind: "binary", LabelClockMS: clock, Counts: counts, Answers: answers}
		}
		awaited := row("1", "1970-01-02", 0, nil, []byte{1})
		early := row("1", "1970-01-02", 3*dayMS, []byte{2}, []byte{1, 2})
		mature := row("1", "1970-01-02", 4*dayMS, []byte{3, 0}, []byte{1, 3})
		refused := row("2", "1970-01-03", 4*dayMS, nil, nil)
		refused.Reason = "no grid yet"
		for seed := range uint64(6) {
			shuffled(rand.New(rand.NewPCG(seed, 5)), []store.CohortRow{awaited, early, mature, refused}, func(part []store.CohortRow) {
				if err := s.Tx(ctx, func(t *store.Tx) error { return t.PutCohorts(ctx, part) }); err != nil {
					t.Fatal(err)
				}
			})
		}
		report := mature
		report.Reading, report.Report = "concept drift", `{"kind":"binary"}`
		if err := s.Tx(ctx, func(t *store.Tx) error { return t.PutCohortReport(ctx, report) }); err != nil {
			t.Fatal(err)
		}
		// Counted again, the report stays until the next one.
		if err := s.Tx(ctx, func(t *store.Tx) error { return t.PutCohorts(ctx, []store.CohortRow{mature, awaited}) }); err != nil {
			t.Fatal(err)
		}
		got, err := s.Cohorts(ctx, store.CohortQuery{Model: "m", Body: true, Text: true})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]store.CohortRow{report, refused}, got); d != "" {
			t.Errorf("Cohorts (-want +got):\n%s", d)
		}
		other := int64(7)
		for _, c := range []struct {
			q    store.CohortQuery
			want int
		}{
			{store.CohortQuery{Version: "2"}, 1}, {store.CohortQuery{From: "1970-01-03"}, 1}, {store.CohortQuery{To: "1970-01-02"}, 0},
			{store.CohortQuery{MaturityMS: &other}, 0}, {store.CohortQuery{MaturityMS: &mature.MaturityMS}, 2},
			{store.CohortQuery{Mature: true}, 2}, {store.CohortQuery{Awaited: true}, 0}, {store.CohortQuery{Counted: true}, 1}, {store.CohortQuery{Reported: true}, 1}, {store.CohortQuery{Limit: 1}, 1},
		} {
			c.q.Model = "m"
			if got, err := s.Cohorts(ctx, c.q); err != nil || len(got) != c.want {
				t.Errorf("Cohorts(%+v) = %d rows, %v; want %d", c.q, len(got), err, c.want)
			}
		}
		if got, err := s.Cohorts(ctx, store.CohortQuery{Model: "m", Newest: true, Limit: 1}); err != nil || got[0].Day != "1970-01-03" || got[0].Counts != nil || got[0].Report != "" {
			t.Errorf("the newest alone, without its body: %+v, %v", got, err)
		}
		missing := mature
		missing.Day = "1970-02-01"
		if err := s.Tx(ctx, func(t *store.Tx) error { return t.PutCohortReport(ctx, missing) }); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a report of a day that was not counted: %v, want ErrNotFound", err)
		}
		missing.Day = "today"
		if err := s.Tx(ctx, func(t *store.Tx) error { return t.PutCohorts(ctx, []store.CohortRow{missing}) }); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("a day that is none: %v, want ErrInvalid", err)
		}
		if m, a, err := newest(ctx, s, ""); err != nil || m == nil || m.Report != report.Report || a != nil {
			t.Errorf("newest reports %+v, %+v, %v; want the mature one alone", m, a, err)
		}
		next := row("1", "1970-01-04", 0, nil, []byte{1})
		next.Report = "{}"
		if err := s.Tx(ctx, func(t *store.Tx) error {
			if err := t.PutCohorts(ctx, []store.CohortRow{next}); err != nil {
				return err
			}
			return t.PutCohortReport(ctx, next)
		}); err != nil {
			t.Fatal(err)
		}
		if m, a, err := newest(ctx, s, ""); err != nil || m == nil || m.Day != "1970-01-02" || a == nil || a.Day != "1970-01-04" {
			t.Errorf("newest reports %+v, %+v, %v; want the mature one and the one behind it", m, a, err)
		}
		if m, a, err := newest(ctx, s, "1970-01-02"); err != nil || m != nil || a != nil {
			t.Errorf("newest reports before the first day: %+v, %+v, %v", m, a, err)
		}
		if n, err := s.DeleteCohortsBefore(ctx, "1970-01-03"); n != 1 || err != nil {
			t.Errorf("DeleteCohortsBefore removed %d, %v; want 1", n, err)
		}
	})
}

func newest(ctx context.Context, s *store.Store, to string) (mature, awaited *store.CohortRow, err error) {
	err = s.Read(ctx, func(t *store.Tx) error {
		mature, awaited, err = t.NewestReports(ctx, "m", "1", to)
		return err
	})
	return mature, awaited, err
}
