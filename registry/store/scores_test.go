package store_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
)

const hourMS = 3_600_000

func ptr[T any](v T) *T { return &v }

func score(model, version string, end int64) store.ScoreRow {
	return store.ScoreRow{
		Model: model, Version: version, Reference: "ref1", WindowMS: hourMS, EndMS: end, Rows: 100, Covered: 60, Expected: 60,
		Drifted: 1, Judged: 4, Total: 5, MaxPSI: ptr(0.25), MaxFeature: "age", AlarmPhase: "OK", Body: fmt.Sprintf(`{"end":%d}`, end),
	}
}

// shuffled calls put with random batches in which every row comes at least once.
func shuffled[T any](rng *rand.Rand, rows []T, put func([]T)) {
	var order []T
	for range 2 {
		for _, i := range rng.Perm(len(rows)) {
			order = append(order, rows[i])
		}
	}
	for len(order) > 0 {
		n := 1 + rng.IntN(len(order))
		put(order[:n])
		order = order[n:]
	}
}

func TestScoresAreTheSameInAnyOrderAndRepetition(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		final := score("m", "*", hourMS)
		provisional := final
		provisional.Provisional, provisional.Covered, provisional.Body = true, 30, `{"early":1}`
		later := provisional
		later.Covered, later.Body = 45, `{"early":2}`
		early := later
		early.Covered, early.Body = 61, `{"z":1}` // an input was removed afterwards
		restated := final
		restated.Revision, restated.Covered, restated.Body, restated.MaxPSI = 1, 50, `{"restated":1}`, nil
		for _, c := range []struct {
			name string
			rows []store.ScoreRow
			want store.ScoreRow
		}{
			{"only one", []store.ScoreRow{final}, final},
			{"of two provisional ones the fuller", []store.ScoreRow{provisional, later}, later},
			{"a final one beats provisional ones", []store.ScoreRow{provisional, final, later}, final},
			{"even such as saw as much", []store.ScoreRow{early, final}, final},
			{"a restated one beats all", []store.ScoreRow{restated, provisional, final, later}, restated},
		} {
			for seed := range uint64(8) {
				rng := rand.New(rand.NewPCG(seed, 7))
				model := fmt.Sprintf("%s %d", c.name, seed)
				c.want.Model = model
				for i := range c.rows {
					c.rows[i].Model = model
				}
				shuffled(rng, c.rows, func(part []store.ScoreRow) {
					if err := s.PutScores(ctx, part); err != nil {
						t.Fatal(err)
					}
				})
				got, err := s.Scores(ctx, store.ScoreQuery{Model: model})
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff([]store.ScoreRow{c.want}, got); d != "" {
					t.Fatalf("%s, seed %d (-want +got):\n%s", c.name, seed, d)
				}
			}
		}
	})
}

func TestScoresAreSelectedAndOrdered(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		var rows []store.ScoreRow
		for h := int64(1); h <= 1200; h++ { // several statements
			rows = append(rows, score("m", "*", h*hourMS))
		}
		day := score("m", "3", 24*hourMS)
		day.WindowMS = 24 * hourMS
		open := score("m", "3", 25*hourMS)
		open.Provisional = true
		rows = append(rows, day, open, score("other", "*", hourMS))
		if err := s.PutScores(ctx, rows); err != nil {
			t.Fatal(err)
		}
		ends := func(q store.ScoreQuery) string {
			t.Helper()
			got, err := s.Scores(ctx, q)
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			for _, r := range got {
				fmt.Fprintf(&b, "%s@%d/%d ", r.Version, r.EndMS/hourMS, r.WindowMS/hourMS)
				if (r.Body == "") != q.NoBody {
					t.Errorf("body of %+v is %q", q, r.Body)
				}
			}
			return b.String()
		}
		for _, c := range []struct {
			name string
			q    store.ScoreQuery
			want string
		}{
			{"oldest first", store.ScoreQuery{Model: "m", Limit: 2}, "*@1/1 *@2/1 "},
			{"newest first", store.ScoreQuery{Model: "m", Newest: true, Limit: 2, NoBody: true}, "*@1200/1 *@1199/1 "},
			{"from is exclusive, to inclusive", store.ScoreQuery{Model: "m", Version: "*", FromMS: 5 * hourMS, ToMS: 7 * hourMS}, "*@6/1 *@7/1 "},
			{"one version", store.ScoreQuery{Model: "m", Version: "3"}, "3@24/24 3@25/1 "},
			{"final only", store.ScoreQuery{Model: "m", Version: "3", FinalOnly: true}, "3@24/24 "},
			{"one window length", store.ScoreQuery{Model: "m", WindowMS: 24 * hourMS}, "3@24/24 "},
			{"another reference", store.ScoreQuery{Model: "m", Reference: "ref2"}, ""},
			{"the state before a replay", store.ScoreQuery{Model: "m", Version: "*", ToMS: 100*hourMS + 1, Newest: true, Limit: 1}, "*@100/1 "},
		} {
			if got := ends(c.q); got != c.want {
				t.Errorf("%s: %q, want %q", c.name, got, c.want)
			}
		}
		latest, err := s.LatestScores(ctx, "m")
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]store.ScoreRow{rows[1199], day}, latest); d != "" {
			t.Errorf("LatestScores (-want +got):\n%s", d)
		}
		// 1970-01-02 begins with the 25th hour: a window that ended at 24:00 belongs to it.
		n, err := s.DeleteScoresBefore(ctx, "1970-01-02")
		if err != nil || n != 24 { // hours 1 to 23 and the other model's one
			t.Errorf("DeleteScoresBefore = %d, %v; want 24", n, err)
		}
		if got := ends(store.ScoreQuery{Model: "m", Limit: 1}); got != "*@24/1 " {
			t.Errorf("oldest after deletion: %q", got)
		}
		if n, err = s.DeleteScoresBefore(ctx, "1970-02-15"); err != nil || n != 1056+2 {
			t.Errorf("DeleteScoresBefore over several batches = %d, %v; want 1058", n, err)
		}
	})
}

func TestScoresWithoutAPlaceInTheDatabaseAreRefused(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		good := score("m", "*", hourMS)
		for name, change := range map[string]func(*store.ScoreRow){
			"NaN":               func(r *store.ScoreRow) { r.MaxPSI = ptr(math.NaN()) },
			"infinite":          func(r *store.ScoreRow) { r.MaxPSI = ptr(math.Inf(1)) },
			"no window":         func(r *store.ScoreRow) { r.WindowMS = 0 },
			"year 10000":        func(r *store.ScoreRow) { r.EndMS = 1 << 60 },
			"NUL in a name":     func(r *store.ScoreRow) { r.MaxFeature = "a\x00" },
			"text not in UTF-8": func(r *store.ScoreRow) { r.Body = "\xff" },
		} {
			bad := good
			bad.EndMS = 2 * hourMS
			change(&bad)
			if err := s.PutScores(t.Context(), []store.ScoreRow{good, bad}); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%s: PutScores = %v, want ErrInvalid", name, err)
			}
		}
		if got, err := s.Scores(t.Context(), store.ScoreQuery{Model: "m"}); err != nil || len(got) != 0 {
			t.Errorf("a refused batch left %d rows (%v)", len(got), err)
		}
		if _, err := s.DeleteScoresBefore(t.Context(), "yesterday"); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("DeleteScoresBefore(yesterday) = %v, want ErrInvalid", err)
		}
	})
}

func TestProgressStandsWithItsRowsOrNotAtAll(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		broken := errors.New("killed before the commit")
		write := func(fail error) error {
			return s.Tx(ctx, func(tx *store.Tx) error {
				if err := tx.PutScores(ctx, []store.ScoreRow{score("m", "*", hourMS)}); err != nil {
					return err
				}
				if err := tx.PutProgress(ctx, "historian", []store.Progress{{Topic: "scores", Part: 1, Next: 42}, {Topic: "scores", Part: 0, Next: 7}}); err != nil {
					return err
				}
				return fail
			})
		}
		check := func(scores int, want []store.Progress) {
			t.Helper()
			rows, err := s.Scores(ctx, store.ScoreQuery{Model: "m"})
			if err != nil || len(rows) != scores {
				t.Errorf("%d scores (%v), want %d", len(rows), err, scores)
			}
			got, err := s.Progress(ctx, "historian")
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("Progress (-want +got):\n%s", d)
			}
		}
		if err := write(broken); !errors.Is(err, broken) {
			t.Fatal(err)
		}
		check(0, nil)
		if err := write(nil); err != nil {
			t.Fatal(err)
		}
		check(1, []store.Progress{{Topic: "scores", Part: 0, Next: 7}, {Topic: "scores", Part: 1, Next: 42}})
		back := []store.Progress{{Topic: "scores", Part: 1, Next: 41}, {Topic: "scores", Part: 0, Next: 9}, {Topic: "scores", Part: 0, Next: 8}}
		if err := s.PutProgress(ctx, "historian", back); err != nil {
			t.Fatal(err)
		}
		if err := s.PutProgress(ctx, "other", []store.Progress{{Topic: "scores", Part: 1, Next: 1}}); err != nil {
			t.Fatal(err)
		}
		check(1, []store.Progress{{Topic: "scores", Part: 0, Next: 9}, {Topic: "scores", Part: 1, Next: 42}})
		if err := s.ResetProgress(ctx, "historian", "scores"); err != nil {
			t.Fatal(err)
		}
		check(1, nil)
		if got, err := s.Progress(ctx, "other"); err != nil || len(got) != 1 {
			t.Errorf("another reader's progress: %v, %v", got, err)
		}
	})
}

func TestTheOutboxKeepsEventsUntilTheyAreMarked(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := context.Background()
		for i := range 3 {
			if err := s.AddOutbox(ctx, "performance.detected", "m", "2", fmt.Sprintf(`{"n":%d}`, i)); err != nil {
				t.Fatal(err)
			}
		}
		pending, err := s.PendingOutbox(ctx, 2)
		if err != nil || len(pending) != 2 || pending[0].Payload != `{"n":0}` || pending[1].Payload != `{"n":1}` {
			t.Fatalf("PendingOutbox = %+v, %v", pending, err)
		}
		if p := pending[0]; p.Kind != "performance.detected" || p.Ref != "m" || p.Version != "2" || p.CreatedMS == 0 {
			t.Errorf("row = %+v", p)
		}
		for range 2 {
			if err := s.MarkPublished(ctx, []int64{pending[0].ID, pending[1].ID}, 5); err != nil {
				t.Fatal(err)
			}
		}
		if pending, err = s.PendingOutbox(ctx, 0); err != nil || len(pending) != 1 || pending[0].Payload != `{"n":2}` {
			t.Errorf("after marking two: %+v, %v", pending, err)
		}
		if err := s.MarkPublished(ctx, nil, 5); err != nil {
			t.Errorf("marking nothing: %v", err)
		}
	})
}
