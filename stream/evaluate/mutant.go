package evaluate

import (
	"math"
	"slices"

	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/wire"
)

// markerTable is the table of claims that a done marker carries: as of the record
// that made its last pane final; a mutant leaves it out.
func (f *Fold) markerTable(last final) []wire.SourceClaims {
	if f.cfg.Mutant == loop.MarkerWithoutTable {
		return nil
	}
	out := make([]wire.SourceClaims, len(last.table))
	for i, s := range last.table {
		s.Claims = useful(s.Claims, f.end(last.pane))
		out[i] = s
	}
	return out
}

// movingFrame is the state of a model's moving references as slots carry it; a mutant
// leaves out which slots never enter.
func (f *Fold) movingFrame(s wire.MovingState) []byte {
	if f.cfg.Mutant == loop.MovingForgotten {
		s.Out = nil
	}
	return s.Encode()
}

// forgeDone is the mutant that takes the newest slot for the done marker.
func (l *loaded) forgeDone() {
	newest := int64(math.MinInt64)
	for _, s := range l.slots {
		if s.Ring == 0 {
			newest = max(newest, s.Number)
		}
	}
	if newest > math.MinInt64 && (!l.hasDone || newest > l.done.Pane) {
		if !l.hasDone {
			l.done = wire.Done{First: newest, At: -1, Resume: 0}
		}
		l.done.Pane, l.hasDone = newest, true
	}
}

// mutated is a slot as it is read back; a mutant loses the joint sums, another the segments.
func (f *Fold) mutated(s wire.Slot) wire.Slot {
	switch f.cfg.Mutant {
	case loop.SlotsWithoutJoint:
		s.Entries = slices.Clone(s.Entries)
		for i := range s.Entries {
			s.Entries[i].Joint = nil
		}
	case loop.SlotsWithoutSegments:
		s.Entries = slices.DeleteFunc(slices.Clone(s.Entries), func(e wire.SlotEntry) bool { return e.Segment != "" })
	}
	return s
}
