package trainer

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/sketches"
)

// Kinds of outbox rows that the trainer leaves; the first four become lifecycle
// events, the others control records (payload: base64 of the encoded value).
const (
	toldRequested = "retrain.requested"
	toldCompleted = "retrain.completed"
	toldGate      = "gate.decided"
	toldReference = "reference.changed"

	controlGrid      = "control.grid"
	controlReference = "control.reference"
)

// Lifecycle is the payload of a lifecycle row, JSON. ID is a function of what
// happened, so consumers can drop repeats; TimeMS is event time.
type Lifecycle struct {
	ID        string `json:"id"`
	Model     string `json:"model"`
	Version   string `json:"version,omitempty"`
	Champion  string `json:"champion,omitempty"` // that it was compared with
	Retrain   string `json:"retrain,omitempty"`
	Kind      string `json:"kind,omitempty"` // of the trigger: alarm, schedule, person, bootstrap
	State     string `json:"state,omitempty"`
	Outcome   string `json:"outcome,omitempty"` // of the gate
	Reason    string `json:"reason"`
	RunID     string `json:"run_id,omitempty"`
	Reference string `json:"reference,omitempty"`
	Grid      string `json:"grid,omitempty"`
	NewGrid   bool   `json:"new_grid,omitempty"`
	TimeMS    int64  `json:"time_ms"`
}

// tell leaves a lifecycle row about a retrain as it stands.
func tell(ctx context.Context, tx *store.Tx, kind string, r store.Retrain) error {
	return tellMore(ctx, tx, kind, r, nil)
}

func tellMore(ctx context.Context, tx *store.Tx, kind string, r store.Retrain, more func(*Lifecycle)) error {
	l := Lifecycle{
		Model: r.Model, Version: r.Version, Champion: r.ChampionBefore, Retrain: r.ID, Kind: r.Kind, State: r.State, Reason: r.Reason, RunID: r.RunID, TimeMS: r.ClockMS,
	}
	if more != nil {
		more(&l)
	}
	again := []byte(nil)
	if r.State == store.RetrainFailed { // the one state that a retry lets happen twice
		again = fmt.Append(nil, r.Fence)
	}
	l.ID = sketches.HashFields([]byte(kind), []byte(r.ID), []byte(r.State), []byte(l.Reference), again).String()
	body, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return tx.AddOutbox(ctx, kind, r.Model, l.Version, string(body))
}

// date writes event time for a reason.
func date(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04") }

// span writes a length of event time for a reason.
func span(ms int64) string {
	if ms%dayMS == 0 {
		return fmt.Sprintf("%d days", ms/dayMS)
	}
	return fmt.Sprintf("%.1f days", float64(ms)/float64(dayMS))
}
