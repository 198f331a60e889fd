package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
)

func sameBody(have store.ScoreRow, found *store.ScoreRow) (store.Likeness, error) {
	switch {
	case have.Body == found.Body:
		return store.Same, nil
	case have.Rows == found.Rows && have.Body+" " == found.Body:
		return store.Alike, nil
	}
	return store.Different, nil
}

func backfill(t *testing.T, s *store.Store, b store.Backfill) (c store.BackfillCounts) {
	t.Helper()
	b.Compare = sameBody
	err := s.Tx(t.Context(), func(tx *store.Tx) (err error) { c, err = tx.Backfill(t.Context(), b); return err })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func scoresOf(t *testing.T, s *store.Store) []store.ScoreRow {
	t.Helper()
	rows, err := s.Scores(t.Context(), store.ScoreQuery{Model: "m", Limit: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestBackfill_AddsWhatIsMissingAndLeavesWhatIsThere(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		live, early := score("m", "*", 1*hourMS), score("m", "*", 2*hourMS)
		early.Provisional, early.Covered, early.Body = true, 99, `{"early":true}`
		other := score("m", "*", 3*hourMS)
		other.Body = `{"other":true}`
		if err := s.PutScores(ctx, []store.ScoreRow{live, early, other}); err != nil {
			t.Fatal(err)
		}
		var found []store.ScoreRow
		for i := range int64(5) {
			found = append(found, score("m", "*", (i+1)*hourMS))
		}
		learning := score("m", "2", hourMS)
		learning.Reference = ""
		found = append(found, learning)
		alike := score("m", "3", hourMS)
		put(t, s, []store.ScoreRow{alike})
		alike.Body += " "
		found = append(found, alike)

		b := store.Backfill{Scores: found}
		if got, want := backfill(t, s, b), (store.BackfillCounts{Written: 4, Equal: 1, Alike: 1, Differ: 1}); got != want {
			t.Errorf("first: %+v, want %+v", got, want)
		}
		first := scoresOf(t, s)
		if got, want := backfill(t, s, b), (store.BackfillCounts{Equal: 5, Alike: 1, Differ: 1}); got != want {
			t.Errorf("again: %+v, want %+v", got, want)
		}
		if diff := cmp.Diff(first, scoresOf(t, s)); diff != "" {
			t.Errorf("the second time changed rows: %s", diff)
		}
		marks := map[int64]bool{}
		for _, r := range first {
			if r.Version == "*" {
				marks[r.EndMS/hourMS] = r.Replayed
			}
		}
		if want := (map[int64]bool{1: false, 2: true, 3: false, 4: true, 5: true}); !cmp.Equal(marks, want) {
			t.Errorf("marked as replayed: %v, want %v", marks, want)
		}
	})
}

// Repair makes what differs a new revision and keeps what it replaced; nothing else moves.
func TestBackfill_RestatesAsANewRevision(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		first, second := score("m", "*", hourMS), score("m", "*", 2*hourMS)
		if err := s.PutScores(ctx, []store.ScoreRow{first, second}); err != nil {
			t.Fatal(err)
		}
		restate := func(body string) store.BackfillCounts {
			r := first
			r.Body, r.Rows = body, 120
			return backfill(t, s, store.Backfill{Scores: []store.ScoreRow{r, second}, Restate: true})
		}
		for i, body := range []string{`{"a":1}`, `{"a":2}`} {
			if got, want := restate(body), (store.BackfillCounts{Restated: 1, Equal: 1}); got != want {
				t.Errorf("restating: %+v, want %+v", got, want)
			}
			if got, want := restate(body), (store.BackfillCounts{Equal: 2}); got != want {
				t.Errorf("the same again: %+v, want %+v", got, want)
			}
			rows := scoresOf(t, s)
			if rows[0].Revision != int64(i+1) || !rows[0].Replayed || rows[0].Body != body || rows[1].Revision != 0 || rows[1].Replayed {
				t.Errorf("after %s: %+v", body, rows)
			}
		}
		revs, err := s.ScoreRevisions(ctx, first)
		if err != nil {
			t.Fatal(err)
		}
		var bodies []string
		for _, r := range revs {
			bodies = append(bodies, fmt.Sprint(r.Revision, r.Replayed, r.Body))
		}
		if got, want := strings.Join(bodies, " "), fmt.Sprint(0, false, first.Body)+" "+fmt.Sprint(1, true, `{"a":1}`); got != want {
			t.Errorf("replaced: %s, want %s", got, want)
		}
		// Live operation that writes late what it had written changes nothing, and neither does a plain backfill.
		if err := s.PutScores(ctx, []store.ScoreRow{first}); err != nil {
			t.Fatal(err)
		}
		if got, want := backfill(t, s, store.Backfill{Scores: []store.ScoreRow{first}}), (store.BackfillCounts{Kept: 1}); got != want {
			t.Errorf("backfill over a restated score: %+v, want %+v", got, want)
		}
		if r := scoresOf(t, s)[0]; r.Revision != 2 || r.Body != `{"a":2}` {
			t.Errorf("the restated score is lost: %+v", r)
		}
		if _, err := s.DeleteScoresBefore(ctx, "1970-01-02"); err != nil {
			t.Fatal(err)
		}
		if revs, err := s.ScoreRevisions(ctx, first); err != nil || len(revs) > 0 {
			t.Errorf("retention leaves %d replaced scores, %v", len(revs), err)
		}
	})
}

// A replay's events raise no alarm, and become live operation's own once it tells them;
// whichever comes first, the rows end the same.
func TestBackfill_EventsTouchNoAlarm(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		event := func(id, body string) store.EventRow {
			return store.EventRow{
				ID: id, Type: "drift.detected", Model: "m", TimeMS: hourMS, Body: body, Episode: "e-" + id, Version: "*", Policy: "p", Reference: "r",
				WindowMS: hourMS, Kind: "quality", Phase: "firing", TopJSON: "[]",
			}
		}
		found := store.Backfill{Events: []store.EventRow{event("a", `{"x":1}`), event("b", `{"x":2}`)}}
		if got, want := backfill(t, s, found), (store.BackfillCounts{EventsWritten: 2}); got != want {
			t.Errorf("events: %+v, want %+v", got, want)
		}
		if open, err := s.QualityOpen(ctx, "m"); err != nil || open {
			t.Errorf("a replay's event opens an alarm: %v %v", open, err)
		}
		if alarms, err := s.Alarms(ctx, store.AlarmQuery{}); err != nil || len(alarms) > 0 {
			t.Errorf("a replay's events made %d alarms, %v", len(alarms), err)
		}
		if err := s.PutEvents(ctx, []store.EventRow{event("a", `{"x":1}`)}); err != nil {
			t.Fatal(err)
		}
		if got, want := backfill(t, s, found), (store.BackfillCounts{EventsEqual: 2}); got != want {
			t.Errorf("again: %+v, want %+v", got, want)
		}
		found.Restate, found.Events = true, append(found.Events, event("c", "{}"))
		if got, want := backfill(t, s, found), (store.BackfillCounts{EventsEqual: 2, EventsUntold: 1}); got != want {
			t.Errorf("a restated course: %+v, want %+v", got, want)
		}
		rows, err := s.Events(ctx, store.EventQuery{Model: "m", Oldest: true})
		if err != nil || len(rows) != 2 || rows[0].Replayed || !rows[1].Replayed {
			t.Errorf("events: %+v, %v; want a as live operation's, b as a replay's", rows, err)
		}
		if open, err := s.QualityOpen(ctx, "m"); err != nil || !open {
			t.Errorf("live operation's own event is not an alarm: %v %v", open, err)
		}
	})
}

// The history and a replay may write the same windows at the same time: what stays does
// not depend on who was first.
func TestBackfill_BesideTheHistorian(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		for seed := range uint64(10) {
			rng := rand.New(rand.NewPCG(seed, 1))
			model := fmt.Sprint("m", seed)
			var live, found []store.ScoreRow
			for i := range int64(20) {
				r := score(model, "*", (i+1)*hourMS)
				live = append(live, r)
				if i%3 == 0 {
					r.Body, r.Covered = `{"z":"replay"}`, 61 // would win by itself
				}
				found = append(found, r)
			}
			steps := []func(){
				func() { shuffled(rng, live, func(part []store.ScoreRow) { put(t, s, part) }) },
				func() { backfill(t, s, store.Backfill{Scores: found}) },
			}
			for _, i := range rng.Perm(len(steps)) {
				steps[i]()
			}
			rows, err := s.Scores(ctx, store.ScoreQuery{Model: model})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(live, rows); diff != "" {
				t.Fatalf("seed %d: not what live operation wrote: %s", seed, diff)
			}
		}
	})
}

func put(t *testing.T, s *store.Store, rows []store.ScoreRow) {
	t.Helper()
	if err := s.PutScores(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
}

func TestReplay_PlacesAreKeptUntilItEnds(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		tx := func(f func(context.Context, *store.Tx) error) {
			t.Helper()
			if err := s.Tx(ctx, func(tx *store.Tx) error { return f(ctx, tx) }); err != nil {
				t.Fatal(err)
			}
		}
		for i := range int64(3) {
			tx(func(ctx context.Context, tx *store.Tx) error {
				return tx.PutReplay(ctx, store.Replay{ID: "r", Counts: fmt.Sprint("c", i), Places: []store.ReplayPlace{{Part: int32(i % 2), AtMS: i, State: fmt.Sprint("s", i)}}})
			})
		}
		got, found, err := s.Replay(ctx, "r")
		got.StartedMS, got.UpdatedMS = 0, 0
		want := store.Replay{ID: "r", Counts: "c2", Places: []store.ReplayPlace{{Part: 0, AtMS: 2, State: "s2"}, {Part: 1, AtMS: 1, State: "s1"}}}
		if err != nil || !found || !cmp.Equal(got, want) {
			t.Errorf("replay: %+v, %v, %v; want %+v", got, found, err, want)
		}
		if n, err := s.DeleteReplaysBefore(ctx, 1); err != nil || n != 0 {
			t.Errorf("%d of today's replays are forgotten, %v", n, err)
		}
		tx(func(ctx context.Context, tx *store.Tx) error {
			return tx.PutReplay(ctx, store.Replay{ID: "old", Places: []store.ReplayPlace{{State: "s"}}})
		})
		tx(func(ctx context.Context, tx *store.Tx) error { return tx.DeleteReplay(ctx, "r") })
		if n, err := s.DeleteReplaysBefore(ctx, 1<<60); err != nil || n != 1 {
			t.Errorf("%d old replays are forgotten, %v; want 1", n, err)
		}
		if _, found, err := s.Replay(ctx, "r"); err != nil || found {
			t.Errorf("after its end: %v, %v", found, err)
		}
	})
}
