package trainer

import (
	"testing"

	"github.com/driftline/driftline/stream/wire"
)

// Which events ask for a retrain is what the specification says, key by key.
func TestAsksForRetrain_ByTrigger(t *testing.T) {
	t.Parallel()
	event := func(kind, what string, may bool) wire.Event {
		return wire.Event{Type: wire.EventType(kind, what), Data: wire.EventData{Model: "m", Kind: kind, MayRetrain: may}}
	}
	drifted, fell := event(kindDrift, "detected", true), event(kindPerformance, "detected", false)
	for _, c := range []struct {
		name        string
		trigger     string
		performance bool
		automation  string
		event       wire.Event
		want        bool
	}{
		{"drift", OnDrift, false, AutoApprove, drifted, true},
		{"drift, of a window too short", OnDrift, false, AutoApprove, event(kindDrift, "detected", false), false},
		{"drift, where harm alone asks", OnHarm, false, AutoApprove, drifted, false},
		{"a fall, where drift alone asks", OnDrift, false, AutoApprove, fell, false},
		{"a fall, where it asks too", OnDrift, true, AutoApprove, fell, true},
		{"a fall, with drift+harm", OnDriftAndHarm, false, AutoApprove, fell, true},
		{"a fall, where harm alone asks", OnHarm, false, AutoApprove, fell, true},
		{"a fall that ended", OnHarm, true, AutoApprove, event(kindPerformance, "resolved", false), false},
		{"nobody asks where models are observed", OnHarm, true, AutoObserve, fell, false},
		{"answers never ask", OnDrift, true, AutoApprove, event(wire.KindOfPrediction, "detected", true), false},
	} {
		s := Default("m")
		s.Trigger, s.PerformanceTrigger, s.Automation = c.trigger, c.performance, c.automation
		if got := asksForRetrain(s, c.event); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
