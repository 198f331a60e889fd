package wire

import (
	"strconv"

	"github.com/driftline/driftline/sketches"
)

// KindOfEarly is the kind of early warnings in events, and of their states among alarms.
const KindOfEarly = "early"

// EarlyState is the state of a model's early warning at the end of a slot. It stands in
// the state topic, in the history and in what a replay is told.
type EarlyState struct {
	Model     string
	Slot      int64 // number of the slot
	Reference sketches.ID
	// Unknown says that the state before this life was not known: it says nothing until
	// there is another reference.
	Unknown bool
	Gaps    []EarlyGap // the newest, ascending
	Track   []byte     // frame of sequential.Track; empty: no early warning is in force
}

// EarlyGap is a run of slots that were not looked at, since not all of their input was
// there.
type EarlyGap struct {
	Before uint64 // the first slot after it, counted over those that were looked at
	Slots  uint64
}

// EarlyPlaces is how many places states are written to in turn: more than a load may go
// back, and than a process that died may have gone ahead of its marker, together.
const EarlyPlaces = 12

// EarlyKey returns the key of a state record.
func EarlyKey(model string, slot int64) []byte {
	place := (slot%EarlyPlaces + EarlyPlaces) % EarlyPlaces
	return []byte(model + "/0/early/" + strconv.FormatInt(place, 10))
}

// Encode returns the framed bytes.
func (s EarlyState) Encode() []byte {
	var e sketches.Encoder
	e.String(s.Model)
	e.Varint(s.Slot)
	encodeID(&e, s.Reference)
	e.Bool(s.Unknown)
	e.Count(len(s.Gaps))
	for _, g := range s.Gaps {
		e.Uvarint(g.Before)
		e.Uvarint(g.Slots)
	}
	e.Bytes(s.Track)
	return sketches.Frame(KindEarly, schema, e.Data())
}

// DecodeEarlyState reads what Encode wrote. The track is checked by the fold, which has
// its plan.
func DecodeEarlyState(b []byte) (s EarlyState, err error) {
	d, err := open(b, KindEarly, "state of an early warning")
	if err != nil {
		return s, err
	}
	s.Model = d.String()
	s.Slot = d.Varint()
	s.Reference = decodeID(d)
	s.Unknown = d.Bool()
	for range d.Count(2) {
		s.Gaps = append(s.Gaps, EarlyGap{Before: d.Uvarint(), Slots: d.Uvarint()})
	}
	s.Track = d.Bytes()
	return s, d.Finish()
}

// EarlyDetail is the evidence of an early warning, in EventData.Detail.
type EarlyDetail struct {
	Feature string
	Path    string  // what was looked for, as "mean up by 0.5 sd"
	Sum     float64 // evidence added up, nats
	// False alarms per month: asked for, and found in simulation of the finished plan with
	// its 95 % interval.
	Target, Achieved, Low, High float64
	Basis                       string // what the threshold rests on
}

// Map returns the detail as an event carries it.
func (d EarlyDetail) Map() map[string]any {
	return map[string]any{
		"feature": d.Feature, "path": d.Path, "sum": d.Sum, "basis": d.Basis,
		"false_alarms_target": d.Target, "false_alarms_achieved": d.Achieved, "false_alarms_low": d.Low, "false_alarms_high": d.High,
	}
}
