package config

import (
	"reflect"
	"testing"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/stream/wire"
)

// The defaults reach the stream as no keys at all, so that an older process reads them.
func TestPolicy_ManyFeaturesAndImportanceReachTheStream(t *testing.T) {
	t.Parallel()
	p := defaultPolicy()
	if w := p.Wire(); w.Multiplicity != "" || w.ShareBy != "" || w.Importance != nil {
		t.Errorf("defaults %q, %q, %v; want nothing", w.Multiplicity, w.ShareBy, w.Importance)
	}
	p.Multiplicity, p.ShareBy, p.Importance = "bh", "importance", Weights{"a": 2, "b": 0.5}
	w := p.Wire()
	if w.Multiplicity != drift.ByBH || w.ShareBy != wire.ByImportance || !reflect.DeepEqual(w.Importance, map[string]float64{"a": 2, "b": 0.5}) {
		t.Errorf("%q, %q, %v", w.Multiplicity, w.ShareBy, w.Importance)
	}
	if err := w.Validate(); err != nil {
		t.Error(err)
	}
	w.Importance["a"] = -1
	if err := w.Validate(); err == nil {
		t.Error("a negative weight passes")
	}
	w.Importance = nil
	if err := w.Validate(); err == nil {
		t.Error("share_by importance passes without weights")
	}
}
