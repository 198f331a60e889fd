package wire

import (
	"strconv"

	"github.com/driftline/driftline/sketches"
)

// KindOfCadence is the kind of cadence states among what a replay is told.
const KindOfCadence = "cadence"

// Checks of data quality that are alarms of their own, beside that of the values: in
// EventData.Check, and as kinds in AlarmAt and among the states of alarms.
const (
	CheckVolume    = "volume"    // far fewer or far more rows than expected
	CheckFreshness = "freshness" // no row although a delivery is due
	CheckSchema    = "schema"    // a feature is absent from every row, or of another type
)

// CadenceState is what is known of a model's cadence at the end of a slot. It stands in
// the state topic, in the history and in what a replay is told.
type CadenceState struct {
	Model  string
	Slot   int64 // number of the slot
	LastMS int64 // end of the newest pane with rows; NoPane: there was none
	Volume []byte
}

// CadencePlaces is how many places states are written to in turn, for the reasons of
// EarlyPlaces.
const CadencePlaces = EarlyPlaces

// CadenceKey returns the key of a state record.
func CadenceKey(model string, slot int64) []byte {
	place := (slot%CadencePlaces + CadencePlaces) % CadencePlaces
	return []byte(model + "/0/cadence/" + strconv.FormatInt(place, 10))
}

// Encode returns the framed bytes.
func (s CadenceState) Encode() []byte {
	var e sketches.Encoder
	e.String(s.Model)
	e.Varint(s.Slot)
	e.Varint(s.LastMS)
	e.Bytes(s.Volume)
	return sketches.Frame(KindCadence, schema, e.Data())
}

// DecodeCadenceState reads what Encode wrote. The volume is checked by the fold.
func DecodeCadenceState(b []byte) (s CadenceState, err error) {
	d, err := open(b, KindCadence, "state of a cadence")
	if err != nil {
		return s, err
	}
	s.Model = d.String()
	s.Slot = d.Varint()
	s.LastMS = d.Varint()
	s.Volume = d.Bytes()
	return s, d.Finish()
}

// VolumeDetail is the evidence of a volume alarm, in EventData.Detail.
type VolumeDetail struct {
	Rows     uint64
	Expected float64 // mean of the learnt weeks
	Low      float64 // of these weeks, an hour early or late included
	High     float64
	Weeks    int
	More     bool // more rows than expected; else fewer
}

// Map returns the detail as an event carries it.
func (d VolumeDetail) Map() map[string]any {
	direction := "fewer"
	if d.More {
		direction = "more"
	}
	return map[string]any{
		"rows": d.Rows, "expected": d.Expected, "least": d.Low, "most": d.High, "weeks": d.Weeks, "direction": direction,
	}
}

// FreshnessDetail is the evidence of a freshness alarm, in EventData.Detail.
type FreshnessDetail struct {
	LastMS int64 // end of the newest minute, or what stream.resolution says, with rows
	DueMS  int64 // declared only, else 0: when the delivery was overdue
	Source string
}

// Map returns the detail as an event carries it.
func (d FreshnessDetail) Map() map[string]any {
	m := map[string]any{"last_ms": d.LastMS, "source": d.Source}
	if d.DueMS != 0 {
		m["due_ms"] = d.DueMS
	}
	return m
}

// SchemaDetail is the evidence of a schema alarm, in EventData.Detail: names of features.
type SchemaDetail struct{ Absent, Retyped []string }

// Map returns the detail as an event carries it.
func (d SchemaDetail) Map() map[string]any {
	return map[string]any{"absent": names(d.Absent), "type_changed": names(d.Retyped)}
}

func names(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
