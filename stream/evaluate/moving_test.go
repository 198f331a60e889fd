package evaluate

import (
	"bytes"
	"slices"
	"testing"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/stream/wire"
)

// movingFold has a model with a reference from the first pane on, and one window.
func movingFold(t testing.TB, l wire.Layout, p wire.Policy) (*Fold, *model) {
	t.Helper()
	w := newEarlyWorld(t, 0, 0, 0)
	w.ref.Early = nil
	f := w.fold(t)
	f.cfg.Layout, f.cfg.Policy = l, p
	return f, f.model("m")
}

func hourPolicy() wire.Policy {
	p := wire.DefaultPolicy()
	p.Trailing = &wire.Trailing{LengthMS: 4 * 3_600_000, GapMS: 3_600_000, Warn: 0.1, Drifted: 0.2}
	return p
}

// An alarm that fires takes slots out at every pane; what is out must be in the newest
// slot that is written, or a load forgets it where the alarm ends before the next one.
func TestMoving_WhatIsTakenOutIsWrittenDownAtOnce(t *testing.T) {
	t.Parallel()
	p := hourPolicy()
	f, m := movingFold(t, layout(30, 3_600_000), p)
	k := alarmKey{wire.AnyVersion, p.Name, kindDrift, 3_600_000, m.refs[0].id}
	var written []byte
	for pane := range int64(64) {
		if pane == 30 { // the first of its slot, and no alarm hop
			m.alarms[k].state = drift.AlarmState{Phase: drift.PhaseFiring, EpisodeMS: 1, Started: true}
		}
		out := &output{}
		if err := f.pane(final{pane: pane, covered: wire.Coverage{Number: pane, Covered: 1, Expected: 1}}, out); err != nil {
			t.Fatal(err)
		}
		for _, r := range out.slots {
			s, err := wire.DecodeSlot(r.Value)
			if err != nil || s.Ring != 0 {
				continue
			}
			for _, a := range s.Alarms {
				if a.Kind == wire.KindOfMoving {
					written = a.State
				}
			}
		}
		if pane >= 30 && m.moving.state.Has(f.slotOf(pane)) {
			t.Fatalf("pane %d: its slot may enter although an alarm fires", pane)
		}
		if !bytes.Equal(written, m.moving.state.Encode()) {
			t.Fatalf("pane %d: %v is remembered, something else was written last", pane, m.moving.state)
		}
	}
}

// A lost slot is known by the one that names it. What the lost one named nobody knows.
func TestMoving_SlotsLostInARowAreAllTakenOut(t *testing.T) {
	t.Parallel()
	g := newEarlyWorld(t, 0, 0, 0).grid
	record := func(n, prev int64) wire.Kept {
		return wire.Kept{Model: "m", Number: n, Prev: prev, Entries: []wire.KeptEntry{{Grid: g.ID()}}}
	}
	all := []wire.Kept{record(2, wire.NoPane), record(3, 2), record(5, 3), record(6, 5), record(7, 6), record(9, 7)} // none in 4 and 8
	for _, tt := range []struct {
		name string
		lost []int64
		out  []wire.Run
	}{
		{"none", nil, nil},
		{"one", []int64{3}, []wire.Run{{First: 3, Last: 3}}},
		{"two in a row", []int64{5, 6}, []wire.Run{{First: 4, Last: 6}}},
		{"the first two", []int64{2, 3}, []wire.Run{{First: 1, Last: 3}}},
		{"two apart", []int64{3, 6}, []wire.Run{{First: 3, Last: 3}, {First: 6, Last: 6}}},
	} {
		f, m := movingFold(t, layout(30, 3_600_000), hourPolicy())
		f.done, f.hasDone = 10*30-1, true
		m.moving = newMoving(wire.MovingState{Since: 1})
		f.loadKept(slices.DeleteFunc(slices.Clone(all), func(k wire.Kept) bool { return slices.Contains(tt.lost, k.Number) }))
		if !slices.Equal(m.moving.state.Out, tt.out) {
			t.Errorf("%s: %v is out, want %v", tt.name, m.moving.state.Out, tt.out)
		}
		if len(tt.lost) > 0 && f.keptLost == 0 {
			t.Errorf("%s: no damage is counted", tt.name)
		}
	}
}
