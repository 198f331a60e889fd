package replay

import (
	"cmp"
	"slices"

	"github.com/driftline/driftline/stream/wire"
)

// Kinds of lines; any other is the type of an event. KindProvisional is a score that was
// made without sources that were behind: results are compared without those.
const (
	KindScore       = "score"
	KindProvisional = "provisional"
)

// Line is one record of the result with what it is sorted by.
type Line struct {
	Model, Version, Reference string
	WindowMS, EndMS           int64
	Kind                      string // KindScore, KindProvisional, or the event type
	Value                     []byte // canonical JSON
}

// Compare orders lines by model, version, reference, window, end, kind, value.
func (l Line) Compare(o Line) int {
	return cmp.Or(cmp.Compare(l.Model, o.Model), cmp.Compare(l.Version, o.Version), cmp.Compare(l.Reference, o.Reference),
		cmp.Compare(l.WindowMS, o.WindowMS), cmp.Compare(l.EndMS, o.EndMS), cmp.Compare(l.Kind, o.Kind), slices.Compare(l.Value, o.Value))
}

// ScoreLine gives a score its place.
func ScoreLine(value []byte) (Line, error) {
	s, err := wire.DecodeScore(value)
	kind := KindScore
	if s.Provisional {
		kind = KindProvisional
	}
	return Line{Model: s.Model, Version: s.Version, Reference: s.Reference, WindowMS: s.WindowMS, EndMS: s.EndMS, Kind: kind, Value: value}, err
}

// EventLine gives a drift event its place.
func EventLine(value []byte) (Line, error) {
	e, err := wire.DecodeEvent(value)
	d := e.Data
	return Line{Model: d.Model, Version: d.Version, Reference: d.Reference, WindowMS: d.WindowMS, EndMS: d.EndMS, Kind: e.Type, Value: value}, err
}

// Dedupe sorts lines and drops repeats of one record, and what is provisional.
func Dedupe(lines []Line) []Line {
	lines = slices.DeleteFunc(lines, func(l Line) bool { return l.Kind == KindProvisional })
	slices.SortFunc(lines, Line.Compare)
	return slices.CompactFunc(lines, func(a, b Line) bool { return a.Compare(b) == 0 })
}
