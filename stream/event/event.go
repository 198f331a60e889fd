package event

import "github.com/driftline/driftline/sketches"

// Type says what an event tells. The zero value is no type.
type Type uint8

// The types of events.
const (
	TypeFeature    Type = 1 // a row of features
	TypePrediction Type = 2 // an answer of the model, perhaps with its features
	TypeLabel      Type = 3 // the truth that became known later, joined by model and id
	TypeTick       Type = 4 // time went on; counts nothing
)

var typeNames = [...]string{TypeFeature: "feature", TypePrediction: "prediction", TypeLabel: "label", TypeTick: "tick"}

// String gives the name as events carry it, or "" for an unknown type.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return ""
}

// parseType is the inverse of Type.String; 0 for an unknown name.
func parseType(s string) Type {
	for t := TypeFeature; t <= TypeTick; t++ {
		if typeNames[t] == s {
			return t
		}
	}
	return 0
}

// Feature is one named input of a model.
type Feature = sketches.NamedValue

// Segment is one named part of the traffic, such as region = us.
type Segment struct {
	Name, Value string
}

// Event is one decoded record. Text that is absent is empty; a JSON null at the
// top level counts as absent. Features and Segments keep the order of the text.
type Event struct {
	Type    Type
	Model   string // never empty, but for a tick
	Version string
	ID      string // joins prediction and label; never empty in a label

	TimeMS  int64 // when it happened, epoch ms in UTC; 0 without HasTime
	HasTime bool

	Features []Feature
	Shape    *Shape // names of Features in order, kept by the Reader; nil where it keeps none

	Score    float64 // finite; 0 without HasScore
	HasScore bool

	Prediction    sketches.Value // number, string or boolean
	HasPrediction bool

	Label    sketches.Value // number, string or boolean
	HasLabel bool

	Segments []Segment
}

// reset empties ev and keeps the room of its slices.
func (ev *Event) reset() {
	clear(ev.Features)
	clear(ev.Segments)
	*ev = Event{Features: ev.Features[:0], Segments: ev.Segments[:0]}
}
