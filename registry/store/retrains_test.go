package store_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
)

func trigger(id, model string) store.Retrain {
	return store.Retrain{ID: id, Model: model, Kind: "alarm", TriggerJSON: "{}", EventID: "ev-" + id, Episode: "ep", ClockMS: 1000}
}

func enqueue(t *testing.T, s *store.Store, r store.Retrain, nowMS int64) store.Retrain {
	t.Helper()
	got, _, err := s.EnqueueRetrain(t.Context(), r, nowMS)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func claim(t *testing.T, s *store.Store, owner string, nowMS int64, except ...string) store.Retrain {
	t.Helper()
	r, found, err := s.ClaimRetrain(t.Context(), owner, nowMS, 100, except...)
	if err != nil {
		t.Fatal(err)
	}
	if found != (r.ID != "") {
		t.Fatalf("found = %v with row %+v", found, r)
	}
	return r
}

// walk advances the row through the states and returns it as it stands at the end.

func walk(t *testing.T, s *store.Store, r store.Retrain, states ...string) store.Retrain {
	t.Helper()
	for _, to := range states {
		next, err := s.AdvanceRetrain(t.Context(), r.ID, r.Fence, r.State, to, store.RetrainPatch{}, 50)
		if err != nil {
			t.Fatalf("%s from %s to %s: %v", r.ID, r.State, to, err)
		}
		r = next
	}
	return r
}

var toGate = []string{"CHECKED", "LEASED", "DATASET", "TRAINED", "EVALUATED", "REGISTERED", "GATED"}

func TestASecondTriggerForAnActiveModelIsCoalesced(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		first, created, err := s.EnqueueRetrain(ctx, trigger("a", "m"), 10)
		if err != nil || !created || first.State != "QUEUED" || first.CreatedMS != 10 || first.EventID != "ev-a" {
			t.Fatalf("first: %+v, %v, %v", first, created, err)
		}
		again, created, err := s.EnqueueRetrain(ctx, trigger("a", "m"), 11)
		if err != nil || created || again.CreatedMS != 10 {
			t.Errorf("the same id again: %+v, created %v, %v", again, created, err)
		}
		second := enqueue(t, s, trigger("b", "m"), 12)
		if second.State != "COALESCED" || !strings.Contains(second.Reason, "a") {
			t.Errorf("second trigger: %+v", second)
		}
		if got := enqueue(t, s, trigger("c", "n"), 13); got.State != "QUEUED" {
			t.Errorf("another model: %s", got.State)
		}
		blocked := trigger("d", "o")
		blocked.State, blocked.Reason = "BLOCKED", "null rate of age"
		if got := enqueue(t, s, blocked, 14); got.State != "BLOCKED" || got.Reason != "null rate of age" {
			t.Errorf("blocked: %+v", got)
		}
		if got := enqueue(t, s, trigger("e", "o"), 15); got.State != "COALESCED" {
			t.Errorf("a blocked row is active, a new trigger became %s", got.State)
		}
		if _, err := s.CancelRetrain(ctx, "a", "ada", "not now", 16); err != nil {
			t.Fatal(err)
		}
		if got := enqueue(t, s, trigger("f", "m"), 17); got.State != "QUEUED" {
			t.Errorf("after the active one ended: %s", got.State)
		}
		for name, change := range map[string]func(*store.Retrain){
			"no id": func(r *store.Retrain) { r.ID = "" }, "no model": func(r *store.Retrain) { r.Model = "" },
			"unknown kind": func(r *store.Retrain) { r.Kind = "mood" }, "begins in the middle": func(r *store.Retrain) { r.State = "TRAINED" },
		} {
			bad := trigger("bad", "bad")
			change(&bad)
			if _, _, err := s.EnqueueRetrain(ctx, bad, 1); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%s: %v, want ErrInvalid", name, err)
			}
		}
	})
}

// openTwice opens two stores on one database, as two processes would.

func TestARetrainGoesStepByStepToItsVerdict(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		enqueue(t, s, trigger("a", "m"), 1)
		r := claim(t, s, "one", 10)
		r, err := s.AdvanceRetrain(ctx, "a", r.Fence, "QUEUED", "CHECKED", store.RetrainPatch{Reason: "accuracy 0.61", DecisionJSON: ptr(`{"harm":true}`)}, 11)
		if err != nil || r.State != "CHECKED" || r.Reason != "accuracy 0.61" || r.DecisionJSON != `{"harm":true}` || r.UpdatedMS != 11 {
			t.Fatalf("CHECKED: %+v, %v", r, err)
		}
		if _, err := s.AdvanceRetrain(ctx, "a", r.Fence, "QUEUED", "CHECKED", store.RetrainPatch{}, 12); !errors.Is(err, store.ErrConflict) {
			t.Errorf("the same step twice = %v, want ErrConflict", err)
		}
		r = walk(t, s, r, "LEASED")
		r, err = s.AdvanceRetrain(ctx, "a", r.Fence, "LEASED", "LEASED", store.RetrainPatch{DatasetJSON: ptr(`{"rows":5}`), WaitUntilMS: ptr(int64(500))}, 13)
		if err != nil || r.State != "LEASED" || r.DatasetJSON != `{"rows":5}` || r.WaitUntilMS != 500 {
			t.Fatalf("writing without a step: %+v, %v", r, err)
		}
		if got := claim(t, s, "one", 499); got.ID != "" {
			t.Error("a row was taken before its backoff was over")
		}
		r = claim(t, s, "one", 500)
		r = walk(t, s, r, "DATASET", "TRAINED", "EVALUATED")
		r, err = s.AdvanceRetrain(ctx, "a", r.Fence, r.State, "REGISTERED", store.RetrainPatch{RunID: ptr("run7"), Version: ptr("4"), ChampionBefore: ptr("3")}, 14)
		if err != nil {
			t.Fatal(err)
		}
		walk(t, s, r, "GATED", "APPROVAL")
		if got := claim(t, s, "one", 9999); got.ID != "" {
			t.Errorf("a row that waits for a person was taken: %+v", got)
		}
		if _, err := s.ApproveRetrain(ctx, "a", "ada", "", 15); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("an approval without reason = %v, want ErrInvalid", err)
		}
		for _, by := range []string{"ada", "bob"} {
			if r, err = s.ApproveRetrain(ctx, "a", by, "looks right", 15); err != nil || r.ApprovedBy != "ada" || r.ApprovedMS != 15 {
				t.Fatalf("approved: %+v, %v", r, err)
			}
		}
		r = claim(t, s, "two", 9999)
		if r.ID != "a" {
			t.Fatal("an approved row was not taken")
		}
		r = walk(t, s, r, "PROMOTED", "PROBATION", "DONE")
		if r.RunID != "run7" || r.Version != "4" || r.ChampionBefore != "3" || r.LeaseUntilMS != 0 {
			t.Errorf("at the end: %+v", r)
		}
		full, err := s.Retrain(ctx, "a")
		if err != nil {
			t.Fatal(err)
		}
		var states []string
		for _, st := range full.Steps {
			states = append(states, st.State)
		}
		want := "QUEUED CHECKED LEASED DATASET TRAINED EVALUATED REGISTERED GATED APPROVAL PROMOTED PROBATION DONE"
		if got := strings.Join(states, " "); got != want {
			t.Errorf("steps %s, want %s", got, want)
		}
		if full.Steps[1] != (store.RetrainStep{State: "CHECKED", Reason: "accuracy 0.61", AtMS: 11}) {
			t.Errorf("step = %+v", full.Steps[1])
		}
		if _, err := s.ApproveRetrain(ctx, "a", "ada", "again", 16); !errors.Is(err, store.ErrState) {
			t.Errorf("approval of a finished row = %v, want ErrState", err)
		}
	})
}

func TestStepsThatNoRetrainTakesAreRefused(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		enqueue(t, s, trigger("a", "m"), 1)
		r := claim(t, s, "one", 10)
		for _, c := range []struct{ from, to string }{
			{"QUEUED", "TRAINED"}, {"QUEUED", "PROMOTED"}, {"CHECKED", "QUEUED"}, {"EVALUATED", "PROMOTED"}, {"REGISTERED", "PROMOTED"},
			{"REJECTED", "PROMOTED"}, {"DONE", "FAILED"}, {"COALESCED", "QUEUED"}, {"PROMOTED", "FAILED"}, {"ROLLED_BACK", "DONE"}, {"QUEUED", "LOST"},
		} {
			_, err := s.AdvanceRetrain(t.Context(), "a", r.Fence, c.from, c.to, store.RetrainPatch{}, 11)
			if !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%s → %s = %v, want ErrInvalid", c.from, c.to, err)
			}
		}
		if _, err := s.AdvanceRetrain(t.Context(), "none", 1, "QUEUED", "CHECKED", store.RetrainPatch{}, 11); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("no such row = %v, want ErrNotFound", err)
		}
		if got, err := s.Retrain(t.Context(), "a"); err != nil || got.State != "QUEUED" || len(got.Steps) != 1 {
			t.Errorf("the row moved: %+v, %v", got, err)
		}
	})
}

func TestALaterPromotionEndsAnEarlierProbation(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		promote := func(id, model string) {
			enqueue(t, s, trigger(id, model), 1)
			r := claim(t, s, "one", 10)
			walk(t, s, r, append(slices.Clone(toGate), "PROMOTED", "PROBATION")...)
		}
		promote("other", "n")
		promote("a", "m")
		promote("b", "m")
		want := map[string]string{"a": "DONE", "b": "PROBATION", "other": "PROBATION"}
		for id, state := range want {
			r, err := s.Retrain(t.Context(), id)
			if err != nil || r.State != state || r.Steps[len(r.Steps)-1].State != state {
				t.Errorf("%s is %s with steps %v (%v), want %s", id, r.State, r.Steps, err, state)
			}
		}
		err := s.Tx(t.Context(), func(tx *store.Tx) error {
			n, err := tx.EndProbation(t.Context(), "m", "", "the model is watched no more", 60)
			if n != 1 {
				t.Errorf("EndProbation ended %d, want 1", n)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if r, err := s.Retrain(t.Context(), "b"); err != nil || r.State != "DONE" || r.Reason != "the model is watched no more" {
			t.Errorf("b: %+v, %v", r, err)
		}
	})
}

func TestTheLastDecisionIsTheNewestByTheClockOfItsTrigger(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		if _, found, err := s.LastDecision(ctx, "m"); found || err != nil {
			t.Errorf("before any: %v, %v", found, err)
		}
		finish := func(id string, clockMS int64, states ...string) {
			r := trigger(id, "m")
			r.ClockMS = clockMS
			enqueue(t, s, r, 1)
			walk(t, s, claim(t, s, "one", 10), states...)
		}
		finish("refused", 3000, append(slices.Clone(toGate), "REJECTED")...)
		finish("older", 2000, append(slices.Clone(toGate), "PROMOTED", "ROLLED_BACK")...)
		finish("failed", 9000, "CHECKED", "FAILED")
		finish("harmless", 9500, "CHECKED", "COALESCED")
		got, found, err := s.LastDecision(ctx, "m")
		if err != nil || !found || got.ID != "refused" {
			t.Errorf("LastDecision = %s, %v, %v; want refused", got.ID, found, err)
		}
		ids := func(q store.RetrainQuery) string {
			t.Helper()
			rows, err := s.Retrains(ctx, q)
			if err != nil {
				t.Fatal(err)
			}
			var out []string
			for _, r := range rows {
				out = append(out, r.ID)
			}
			slices.Sort(out)
			return strings.Join(out, " ")
		}
		for _, c := range []struct {
			q    store.RetrainQuery
			want string
		}{
			{store.RetrainQuery{Reached: "TRAINED"}, "older refused"},
			{store.RetrainQuery{Reached: "PROMOTED"}, "older"},
			{store.RetrainQuery{States: []string{"FAILED", "COALESCED"}}, "failed harmless"},
			{store.RetrainQuery{FromMS: 3000, ToMS: 9500}, "failed refused"},
			{store.RetrainQuery{Model: "n"}, ""}, {store.RetrainQuery{Kind: "person"}, ""}, {store.RetrainQuery{Episode: "ep", Limit: 1}, "refused"},
		} {
			if got := ids(c.q); got != c.want {
				t.Errorf("Retrains(%+v) = %q, want %q", c.q, got, c.want)
			}
		}
	})
}

func TestPeopleCancelAndRetry(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := store.WithActor(t.Context(), "nobody")
		enqueue(t, s, trigger("a", "m"), 1)
		r := claim(t, s, "one", 10)
		if _, err := s.RetryRetrain(ctx, "a", "ada", 11); !errors.Is(err, store.ErrState) {
			t.Errorf("retry of an active row = %v, want ErrState", err)
		}
		got, err := s.CancelRetrain(ctx, "a", "ada", "wrong data", 12)
		if err != nil || got.State != "FAILED" || !strings.Contains(got.Reason, "ada") || !strings.Contains(got.Reason, "wrong data") {
			t.Fatalf("cancelled: %+v, %v", got, err)
		}
		if _, err := s.AdvanceRetrain(ctx, "a", r.Fence, "QUEUED", "CHECKED", store.RetrainPatch{}, 13); !errors.Is(err, store.ErrConflict) {
			t.Errorf("the trainer went on after the cancellation: %v", err)
		}
		if _, err := s.CancelRetrain(ctx, "a", "ada", "again", 14); !errors.Is(err, store.ErrState) {
			t.Errorf("cancelling twice = %v, want ErrState", err)
		}
		enqueue(t, s, trigger("b", "m"), 15)
		if _, err := s.RetryRetrain(ctx, "a", "ada", 16); !errors.Is(err, store.ErrState) {
			t.Errorf("retry beside an active row = %v, want ErrState", err)
		}
		b := walk(t, s, claim(t, s, "one", 17), append(slices.Clone(toGate), "APPROVAL")...)
		if got, err := s.CancelRetrain(ctx, "b", "bob", "too risky", 18); err != nil || got.State != "REJECTED" || got.Fence == b.Fence {
			t.Errorf("a person refused: %+v, %v", got, err)
		}
		if got, err := s.RetryRetrain(ctx, "a", "ada", 19); err != nil || got.State != "QUEUED" || got.Reason != "retried by ada" {
			t.Errorf("retried: %+v, %v", got, err)
		}
		if got := claim(t, s, "two", 20); got.ID != "a" {
			t.Errorf("the retried row was not taken: %+v", got)
		}
		for what, err := range map[string]error{
			"cancel": second(s.CancelRetrain(ctx, "none", "ada", "x", 1)), "retry": second(s.RetryRetrain(ctx, "none", "ada", 1)), "approve": second(s.ApproveRetrain(ctx, "none", "ada", "x", 1)),
		} {
			if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s of no row = %v, want ErrNotFound", what, err)
			}
		}
		var audit []store.AuditRow
		err = s.Read(ctx, func(tx *store.Tx) (err error) {
			audit, err = tx.AuditRows(ctx, store.AuditQuery{Object: "retrain:a"})
			return err
		})
		if err != nil || len(audit) != 2 || audit[1].Action != "retrain.cancel" || audit[0].Action != "retrain.retry" || audit[1].Actor != "ada" {
			t.Errorf("audit = %+v, %v", audit, err)
		}
	})
}

func second(_ store.Retrain, err error) error { return err }

// TestTrainersThatDieLeaveEachPhaseWrittenOnce lets trainers die at any moment,

// with leases that run out or are taken back, until every row has its verdict.
