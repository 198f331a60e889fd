package wire

import (
	"encoding/json"
	"fmt"

	"github.com/driftline/driftline/sketches"
)

// Past is what a fold that begins in the middle of the log is told of the time before:
// at the start of a replay from the history, at its resumption from itself. Counts are
// not part of it; they are read again.
type Past struct {
	// AtMS is the moment: what is told holds after the last pane that ends at or before.
	AtMS int64 `json:"at_ms"`
	// First is the first pane that was ever final, NoPane where that is not known.
	First int64 `json:"first"`
	// Unknown says that an alarm which is not told of may exist all the same: it steps,
	// but says nothing until its first OK. false: there are no others.
	Unknown bool `json:"unknown"`
	// Whole says that Models is all that a fold held at the moment, not what somebody
	// else remembers.
	Whole  bool        `json:"whole"`
	Models []ModelPast `json:"models,omitempty"`
}

// ModelPast is one model of a Past.
type ModelPast struct {
	Model  string      `json:"model"`
	Alarms []PastAlarm `json:"alarms,omitempty"`
	Learnt [][]byte    `json:"learnt,omitempty"` // frames of Learnt
	// Born says that the model's alarms began within what was folded, so that one which
	// is not told of is new; Following is the reference they stand on.
	Born      bool        `json:"born,omitempty"`
	Following sketches.ID `json:"following"`
	// Untold are the windows of which there are alarms that nobody was told of: they began
	// unknown, and so may a check of data quality have.
	Untold []int64 `json:"untold,omitempty"`
}

// PastAlarm is the state of one alarm.
type PastAlarm struct {
	Version   string      `json:"version"`
	Policy    string      `json:"policy"`
	Kind      string      `json:"kind"`
	WindowMS  int64       `json:"window_ms"`
	Reference sketches.ID `json:"reference"`
	State     []byte      `json:"state"` // of drift.AlarmState
}

// Model returns what is told of a model.
func (p *Past) Model(name string) (ModelPast, bool) {
	for _, m := range p.Models {
		if m.Model == name {
			return m, true
		}
	}
	return ModelPast{}, false
}

// Encode returns canonical JSON.
func (p Past) Encode() []byte { return canonical(p) }

// DecodePast reads what Encode wrote. What stands in the frames is checked by the fold.
func DecodePast(b []byte) (p Past, err error) {
	if err := json.Unmarshal(b, &p); err != nil {
		return p, fmt.Errorf("state of a replay: %w", err)
	}
	return p, nil
}
