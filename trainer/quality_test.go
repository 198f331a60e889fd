package trainer

import (
	"strings"
	"testing"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
	"github.com/driftline/driftline/stream/wire"
)

func TestQuality_BlocksUntilTheAlarmEnds(t *testing.T) {
	t.Parallel()
	w, tr := started(t, storetest.Open(t))
	w.days(15, 36, byB)
	w.alarm("quality", "detected", 36, func(d *wire.EventData) { d.BlocksRetrain = true })
	w.alarm("drift", "detected", 36, func(d *wire.EventData) { d.QualityOpen = true })
	w.settle(tr)
	if r := w.expect(store.RetrainDone, store.RetrainBlocked)[1]; r.Reason != blockedReason {
		t.Errorf("reason %q", r.Reason)
	}
	w.alarm("quality", "resolved", 37, func(d *wire.EventData) { d.BlocksRetrain, d.Phase = true, "resolved" })
	w.settle(tr)
	w.expect(store.RetrainDone, store.RetrainProbation)
}

func TestQuality_ACheckEndsNoAlarm(t *testing.T) {
	t.Parallel()
	w, tr := started(t, storetest.Open(t))
	w.days(15, 36, byB)
	w.alarm("quality", "detected", 36, func(d *wire.EventData) { d.BlocksRetrain = true })
	w.alarm("drift", "detected", 36, func(d *wire.EventData) { d.Policy = wire.PolicyCheck })
	w.settle(tr)
	if r := w.expect(store.RetrainDone, store.RetrainBlocked)[1]; r.Reason != blockedReason {
		t.Errorf("reason %q", r.Reason)
	}
	w.alarm("quality", "resolved", 37, func(d *wire.EventData) { d.BlocksRetrain, d.Phase = true, "resolved" })
	w.settle(tr)
	w.expect(store.RetrainDone, store.RetrainProbation)
}

func TestQuality_IsAskedAgainAtTheGate(t *testing.T) {
	t.Parallel()
	w, tr := started(t, storetest.Open(t))
	w.days(15, 36, byB)
	w.alarm("drift", "detected", 36, nil)
	opened := false
	tr.fault = func(what string) error {
		if strings.HasPrefix(what, "after EVALUATED to REGISTERED") && !opened {
			opened = true
			return w.store.PutEvents(w.ctx, []store.EventRow{{
				ID: "q", Type: "dev.driftline.quality.detected.v1", Model: testModel, Episode: "q", Version: "*", Kind: "quality", Phase: "firing", TimeMS: day(36), TopJSON: "[]", Body: "{}",
			}})
		}
		return nil
	}
	w.settle(tr)
	w.expect(store.RetrainDone, store.RetrainBlocked)
	w.check(w.store.PutEvents(w.ctx, []store.EventRow{{
		ID: "r", Type: "dev.driftline.quality.resolved.v1", Model: testModel, Episode: "q", Version: "*", Kind: "quality", Phase: "resolved", TimeMS: day(37), TopJSON: "[]", Body: "{}",
	}}))
	w.settle(tr)
	r := w.expect(store.RetrainDone, store.RetrainProbation)[1]
	if r.Version != "2" {
		t.Errorf("version %q: the one registered before the block was not used again", r.Version)
	}
}
