package evaluate

import (
	"testing"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
)

// What is kept for moving references is of all rows: a row that lies in segments as well
// counts once.
func TestMoving_RowsOfSegmentsCountOnce(t *testing.T) {
	t.Parallel()
	_, _, in, w := divided(t, 0, 0, 0)
	g := in.ref.Counts.Grid
	whole := w.sum.on(g.ID())
	kept := keptOf(w.sum, "m", 7, wire.NoPane)
	p := &moving{kept: map[int64][]wire.Kept{7: kept}}
	got, err := p.on(g, 7)
	if err != nil {
		t.Fatal(err)
	}
	if string(got.EncodeRange(0, len(g.Features))) != string(whole.EncodeRange(0, len(g.Features))) {
		t.Errorf("a slot of %d rows is kept with %d", whole.Rows, got.Rows)
	}
	plain := newCell()
	plain.entry(key{grid: g.ID()}).counts = whole
	want := keptOf(plain, "m", 7, wire.NoPane)
	if len(kept) != len(want) || sketches.HashFields(kept[0].Encode()) != sketches.HashFields(want[0].Encode()) {
		t.Error("what is kept with segments has other bytes than without")
	}
}

// What takes slots out of moving references is that inputs drift or are bad. What a version
// answers is no input; and the alarm of a segment that fell silent while it fired never ends
// by itself: it may not starve the references of all that still comes.
func TestMoving_AlarmsThatTakeNothingOut(t *testing.T) {
	t.Parallel()
	f, m, in, _ := divided(t, 0, 0)
	m.refs = []installed{*in}
	firing := drift.AlarmState{Phase: drift.PhaseFiring, EpisodeMS: 1, Started: true}
	stale := firing
	stale.Stale = true
	key := func(version, kind string, reference sketches.ID) alarmKey {
		return alarmKey{version, "p", kind, f.cfg.Layout.WindowsMS[0], reference}
	}
	for _, c := range []struct {
		name  string
		key   alarmKey
		state drift.AlarmState
		out   bool
	}{
		{"drift", key(wire.AnyVersion, kindDrift, in.id), firing, true},
		{"drift, and nothing comes", key(wire.AnyVersion, kindDrift, in.id), stale, true},
		{"data quality", key(wire.AnyVersion, kindQuality, in.id), firing, true},
		{"drift of a segment", key(wire.AnyVersion, kindDrift, eu.ID(in.id)), firing, true},
		{"drift of a segment of which nothing comes", key(wire.AnyVersion, kindDrift, eu.ID(in.id)), stale, false},
		{"answers", key("3", wire.KindOfPrediction, in.id), firing, false},
	} {
		m.moving = newMoving(wire.MovingState{Since: 0})
		m.alarms = map[alarmKey]*alarm{c.key: {state: c.state}}
		f.mark(m, 100)
		if out := !m.moving.state.Has(f.slotOf(100)); out != c.out {
			t.Errorf("%s: the slot is out: %v, want %v", c.name, out, c.out)
		}
	}
}
