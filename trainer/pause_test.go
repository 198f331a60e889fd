package trainer

import (
	"errors"
	"strings"
	"testing"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
)

// watched makes the world's model one that can be paused.
func (w *world) watched() {
	w.t.Helper()
	w.check(w.store.PutWatchedModel(w.ctx, store.WatchedModel{Name: testModel, SpecJSON: "{}", State: "watching", Automation: "promote"}))
}

func (w *world) pause() {
	w.t.Helper()
	changed, err := w.store.Pause(w.ctx, testModel, "ada", "labels are wrong", w.now)
	w.check(err)
	if !changed {
		w.t.Fatal("the model was paused already")
	}
}

func (w *world) resume() {
	w.t.Helper()
	changed, err := w.store.Resume(w.ctx, testModel, "ada", "labels are mended")
	w.check(err)
	if !changed {
		w.t.Fatal("the model was not paused")
	}
}

const pausedBy = "the model is paused by ada: labels are wrong"

func TestPause_AlarmsStartNothingAndAskAgainAfterIt(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w, tr := started(t, s)
		w.watched()
		w.days(15, 36, byB)
		w.pause()
		w.alarm("drift", "detected", 36, nil)
		w.settle(tr)
		if r := w.expect(store.RetrainDone, store.RetrainCoalesced)[1]; r.Reason != pausedBy {
			t.Errorf("reason %q, want %q", r.Reason, pausedBy)
		}
		w.resume()
		w.settle(tr)
		w.expect(store.RetrainDone, store.RetrainCoalesced)
		w.days(36, 37, byB)
		w.alarm("drift", "ongoing", 37, nil)
		w.settle(tr)
		w.expect(store.RetrainDone, store.RetrainCoalesced, store.RetrainProbation)
	})
}

// A pause at every write of a retrain that is under way leaves the champion as it is; the
// retrain stands still, and goes on to the same end.
func TestPause_StopsARetrainUnderWayAtAnyPoint(t *testing.T) {
	t.Parallel()
	for _, at := range []string{
		"after claim a retrain", "after QUEUED to CHECKED", "after LEASED to DATASET", "before artifact tested/", "after TRAINED to EVALUATED",
		"after REGISTERED to GATED", "before GATED to PROMOTED",
	} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			w, tr := started(t, storetest.Open(t))
			w.watched()
			w.days(15, 36, byB)
			w.alarm("drift", "detected", 36, nil)
			paused := false
			tr.fault = func(what string) error {
				if strings.HasPrefix(what, at) && !paused {
					paused = true
					w.pause()
				}
				return nil
			}
			w.settle(tr)
			if !paused {
				t.Fatal("the trainer never came to this point")
			}
			r := w.rows()[1]
			if w.champion() != "1" || r.State == store.RetrainPromoted || resting(r) || r.LeaseUntilMS > w.now {
				t.Fatalf("while paused: champion %q, state %s, lease until %d at %d: %s", w.champion(), r.State, r.LeaseUntilMS, w.now, r.Reason)
			}
			if r.Reason != "held: "+pausedBy {
				t.Errorf("reason %q", r.Reason)
			}
			w.now += 60 * maxBackoffMS
			w.settle(w.trainer("another"))
			if again := w.rows()[1]; again.State != r.State || again.Fence != r.Fence {
				t.Errorf("another trainer moved it from %s to %s", r.State, again.State)
			}
			w.resume()
			w.settle(tr)
			w.expect(store.RetrainDone, store.RetrainProbation)
			if w.champion() != "2" {
				t.Errorf("champion after the pause is %q", w.champion())
			}
		})
	}
}

func TestPause_HoldsAnApprovedPromotion(t *testing.T) {
	t.Parallel()
	w, tr := started(t, storetest.Open(t))
	w.watched()
	w.spec.Automation = AutoApprove
	w.days(15, 36, byB)
	w.alarm("drift", "detected", 36, nil)
	w.settle(tr)
	r := w.expect(store.RetrainDone, store.RetrainApproval)[1]
	w.pause()
	w.check(Approve(w.ctx, w.store, r.ID, "ann", "looks good"))
	w.settle(tr)
	w.expect(store.RetrainDone, store.RetrainApproval)
	w.resume()
	w.settle(tr)
	w.expect(store.RetrainDone, store.RetrainProbation)
}

func TestPause_LeavesProbationsUndecided(t *testing.T) {
	t.Parallel()
	w, tr := started(t, storetest.Open(t))
	w.watched()
	w.days(15, 36, byB)
	w.alarm("drift", "detected", 36, nil)
	w.settle(tr)
	w.expect(store.RetrainDone, store.RetrainProbation)
	w.pause()
	w.days(36, 44, byA) // version 2 does worse, and would be rolled back
	w.settle(tr)
	w.expect(store.RetrainDone, store.RetrainProbation)
	if w.champion() != "2" {
		t.Errorf("champion while paused is %q", w.champion())
	}
	w.resume()
	w.settle(tr)
	w.expect(store.RetrainDone, store.RetrainRolledBack)
}

func TestPause_FirstVersionsSchedulesAndPeopleWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Open(t))
	tr := w.trainer("one")
	w.watched()
	w.pause()
	w.days(0, 15, byA)
	w.settle(tr)
	w.expect()
	w.resume()
	w.settle(tr)
	w.expect(store.RetrainDone)

	w.pause()
	w.spec.ScheduleMS = 7 * dayMS
	w.days(15, 36, byB)
	w.settle(tr)
	w.expect(store.RetrainDone)
	_, err := tr.Trigger(w.ctx, testModel, "ann", "now", true)
	if !errors.Is(err, store.ErrState) || !strings.Contains(err.Error(), pausedBy) {
		t.Errorf("a person's retrain of a paused model: %v, want a refusal with the reason", err)
	}
	w.check(tr.Schedule(w.ctx, testModel, w.now))
	if r := w.expect(store.RetrainDone, store.RetrainCoalesced)[1]; r.Reason != pausedBy {
		t.Errorf("a slot of an outside schedule: %q", r.Reason)
	}
	w.resume()
	w.settle(tr)
	rows := w.rows()
	if n := len(rows); n != 3 {
		t.Fatalf("%d retrains after the pause, want the newest slot's too", n)
	}
}
