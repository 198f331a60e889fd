package store_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
)

func TestExclusionsAreKeptToldAndEnded(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		const now = 1_000_000
		for _, name := range []string{"m", "n"} {
			if err := s.PutWatchedModel(ctx, store.WatchedModel{Name: name, SpecJSON: "{}", State: "watching", Automation: "observe"}); err != nil {
				t.Fatal(err)
			}
		}
		add := func(model string, from, to int64) store.Exclusion {
			t.Helper()
			x, err := s.AddExclusion(ctx, store.Exclusion{Model: model, FromMS: from, ToMS: to, Reason: "outage", Author: "ada"}, now)
			if err != nil {
				t.Fatal(err)
			}
			return x
		}
		one, two, other := add("m", 500, 900), add("m", -100, 50), add("n", 1, 2)
		for _, x := range [][2]int64{{-1 << 63, 1<<63 - 1}, {-1 << 63, 0}, {0, 1<<63 - 1}, {5, 5}} {
			if _, err := s.AddExclusion(ctx, store.Exclusion{Model: "m", FromMS: x[0], ToMS: x[1], Reason: "outage", Author: "ada"}, now); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%d to %d: %v", x[0], x[1], err)
			}
		}
		want := store.Exclusion{ID: one.ID, Model: "m", FromMS: 500, ToMS: 900, Reason: "outage", Author: "ada", CreatedMS: now}
		if diff := cmp.Diff(want, one); one.ID == "" || diff != "" {
			t.Fatalf("AddExclusion (-want +got):\n%s", diff)
		}
		list := func(q store.ExclusionQuery) string {
			t.Helper()
			rows, err := s.Exclusions(ctx, q)
			if err != nil {
				t.Fatal(err)
			}
			var out []string
			for _, r := range rows {
				out = append(out, map[string]string{one.ID: "one", two.ID: "two", other.ID: "other"}[r.ID])
			}
			return strings.Join(out, " ")
		}
		if got := list(store.ExclusionQuery{Model: "m", InForce: true}); got != "one two" {
			t.Errorf("of m in force: %s, want one two", got)
		}
		ended, err := s.ExpireExclusion(ctx, two.ID, "bob", "was no outage", now+5)
		if err != nil || ended.EndedBy != "bob" || ended.EndedMS != now+5 || ended.EndedReason != "was no outage" {
			t.Fatalf("ExpireExclusion = %+v, %v", ended, err)
		}
		if got := list(store.ExclusionQuery{InForce: true}); got != "one other" {
			t.Errorf("in force: %s, want one other", got)
		}
		if got := list(store.ExclusionQuery{Model: "m"}); got != "one two" {
			t.Errorf("of m, all: %s, want one two", got)
		}

		rows, err := s.PendingOutbox(ctx, 100)
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		for _, r := range rows {
			if r.Kind == store.KindExclusions {
				told = append(told, r.Ref+" "+r.Payload)
			}
		}
		wantTold := []string{
			`m [{"from_ms":500,"to_ms":900}]`, `m [{"from_ms":-100,"to_ms":50},{"from_ms":500,"to_ms":900}]`,
			`n [{"from_ms":1,"to_ms":2}]`, `m [{"from_ms":500,"to_ms":900}]`,
		}
		if diff := cmp.Diff(wantTold, told); diff != "" {
			t.Errorf("outbox (-want +got):\n%s", diff)
		}

		for name, c := range map[string]struct {
			do   func() error
			want error
		}{
			"no model": {func() error {
				_, err := s.AddExclusion(ctx, store.Exclusion{Model: "x", FromMS: 1, ToMS: 2, Reason: "r", Author: "a"}, now)
				return err
			}, store.ErrNotFound},
			"ends before it begins": {func() error {
				_, err := s.AddExclusion(ctx, store.Exclusion{Model: "m", FromMS: 2, ToMS: 2, Reason: "r", Author: "a"}, now)
				return err
			}, store.ErrInvalid},
			"no reason": {func() error {
				_, err := s.AddExclusion(ctx, store.Exclusion{Model: "m", FromMS: 1, ToMS: 2, Author: "a"}, now)
				return err
			}, store.ErrInvalid},
			"ended already": {func() error { _, err := s.ExpireExclusion(ctx, two.ID, "a", "r", now); return err }, store.ErrState},
			"unknown":       {func() error { _, err := s.ExpireExclusion(ctx, "nope", "a", "r", now); return err }, store.ErrNotFound},
		} {
			if err := c.do(); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
		}
	})
}

// Scores against a reference that moves along stand beside those of the model's own and
// are not taken for them.
func TestScoresOfMovingReferencesStandApart(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		rows := []store.ScoreRow{
			{Model: "m", Version: "*", Reference: "own", WindowMS: hourMS, EndMS: 2 * hourMS, Body: "{}"},
			{Model: "m", Version: "*", Reference: "trailing", WindowMS: hourMS, EndMS: 3 * hourMS, Moving: true, Body: "{}"},
		}
		if err := s.PutScores(ctx, rows); err != nil {
			t.Fatal(err)
		}
		names := func(rows []store.ScoreRow, err error) string {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			var out []string
			for _, r := range rows {
				if r.Moving != (r.Reference == "trailing") {
					t.Errorf("score against %s: moving is %v", r.Reference, r.Moving)
				}
				out = append(out, r.Reference)
			}
			return strings.Join(out, " ")
		}
		for _, c := range []struct {
			q    store.ScoreQuery
			want string
		}{
			{store.ScoreQuery{Model: "m"}, "own"},
			{store.ScoreQuery{Model: "m", References: store.MovingReferences}, "trailing"},
			{store.ScoreQuery{Model: "m", References: store.AllReferences}, "own trailing"},
			{store.ScoreQuery{Model: "m", Reference: "trailing"}, "trailing"},
		} {
			if got := names(s.Scores(ctx, c.q)); got != c.want {
				t.Errorf("%+v: %s, want %s", c.q, got, c.want)
			}
		}
		if got := names(s.LatestScores(ctx, "m")); got != "own" {
			t.Errorf("latest: %s, want own", got)
		}
		if got := names(s.LatestMoving(ctx, "m")); got != "trailing" {
			t.Errorf("latest that move: %s, want trailing", got)
		}
	})
}
