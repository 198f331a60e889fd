package trainer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/trainer/gbdt"
	"github.com/driftline/driftline/trainer/judge"
	"github.com/driftline/driftline/trainer/reference"
)

// How far a retrain goes without a person.
const (
	AutoObserve = "observe" // alarms only; a retrain that a person starts waits for approval
	AutoRetrain = "retrain" // up to the gate's verdict, nothing is promoted
	AutoApprove = "approve" // waits for a person after the gate
	AutoPromote = "promote" // by itself
)

// What starts a retrain.
const (
	OnDrift        = "drift"      // every drift event of a long enough window
	OnDriftAndHarm = "drift+harm" // drift, if the realised performance suffers or is unknown
	OnHarm         = "harm"       // performance events alone
)

const dayMS = int64(24 * 60 * 60 * 1000)

// Spec says when and how a model is retrained. Lengths are event time in ms.
type Spec struct {
	Model      string `json:"model"`
	Experiment string `json:"experiment"` // name; empty: the model's
	Automation string `json:"automation"`
	Trigger    string `json:"trigger"`
	// PerformanceTrigger says that a fall of the realised performance starts a retrain with
	// trigger OnDrift too; with the others it does anyway.
	PerformanceTrigger bool `json:"performance_trigger"`

	Features []string    `json:"features"` // in this order; empty: all that the rows have, by name
	Params   gbdt.Params `json:"params"`

	WindowMS         int64 `json:"window_ms"`          // of the training rows, back from the trigger's clock
	BootstrapAfterMS int64 `json:"bootstrap_after_ms"` // labelled span that makes a first version; 0: none
	ScheduleMS       int64 `json:"schedule_ms"`        // a retrain every so often whatever the drift; 0: none
	CoolDownMS       int64 `json:"cool_down_ms"`       // after a decision
	MinFreshMS       int64 `json:"min_fresh_ms"`       // labelled time needed since the last decision
	ProbationMS      int64 `json:"probation_ms"`       // 0: none

	MinRows    int              `json:"min_rows"`     // labelled training rows, the holdout not counted
	MaxPerWeek int              `json:"max_per_week"` // promotions in 7 days of event time; 0: no limit
	Refit      bool             `json:"refit"`        // fit again on all rows after a passed gate
	Gate       judge.GateConfig `json:"gate"`
	Positive   string           `json:"positive"` // label that counts as 1, with a binary gate

	// ReferenceWindowsMS are the window lengths for which a reference carries the sums
	// that tell how dependent its records are.
	ReferenceWindowsMS []int64 `json:"reference_windows_ms"`
	// Early is what a reference is calibrated for, so that its model is warned early.
	Early reference.Early `json:"early"`
	// Joint is what it is calibrated for, so that its features are looked at together.
	Joint reference.Joint `json:"joint"`
	// Segments are the parts of the traffic that a reference counts apart, in order.
	Segments wire.Segments `json:"segments,omitempty"`
}

// Default returns the spec used where nothing else is said: drift+harm, approval by a
// person, 90 days of rows and at least 1,000 of them, 7 days of fresh labels, 28 days
// of cool-down, 7 days of probation, refit, and the default learner and gate.
func Default(model string) Spec {
	return Spec{
		Model: model, Experiment: model, Automation: AutoApprove, Trigger: OnDriftAndHarm, Params: gbdt.Default(),
		WindowMS: 90 * dayMS, CoolDownMS: 28 * dayMS, MinFreshMS: 7 * dayMS, ProbationMS: 7 * dayMS,
		MinRows: 1000, Refit: true, Gate: judge.Default(), Positive: "1",
		ReferenceWindowsMS: []int64{dayMS, 7 * dayMS},
	}
}

// ParseSpec reads JSON over Default. Unknown keys are errors, and so is what Validate
// finds.
func ParseSpec(model string, b []byte) (Spec, error) {
	s := Default(model)
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return Spec{}, fmt.Errorf("training spec of model %q: %w", model, err)
	}
	if err := s.Validate(); err != nil {
		return Spec{}, fmt.Errorf("training spec of model %q: %w", model, err)
	}
	return s, nil
}

// Validate returns every fault at once, each with its key and the value found.
func (s Spec) Validate() error {
	var errs []error
	bad := func(key string, found any, want string) {
		errs = append(errs, fmt.Errorf("%s is %v: must be %s", key, found, want))
	}
	oneOf := func(key, found string, words ...string) {
		if !slices.Contains(words, found) {
			bad(key, fmt.Sprintf("%q", found), "one of "+strings.Join(words, ", "))
		}
	}
	if s.Model == "" {
		bad("model", `""`, "a name")
	}
	oneOf("automation", s.Automation, AutoObserve, AutoRetrain, AutoApprove, AutoPromote)
	oneOf("trigger", s.Trigger, OnDrift, OnDriftAndHarm, OnHarm)
	for i, f := range s.Features {
		if f == "" || slices.Contains(s.Features[:i], f) {
			bad(fmt.Sprintf("features[%d]", i), fmt.Sprintf("%q", f), "a name that is not there twice")
		}
	}
	if s.WindowMS < dayMS {
		bad("window_ms", s.WindowMS, "at least a day")
	}
	for _, l := range []struct {
		key string
		ms  int64
	}{
		{"bootstrap_after_ms", s.BootstrapAfterMS}, {"cool_down_ms", s.CoolDownMS}, {"min_fresh_ms", s.MinFreshMS}, {"probation_ms", s.ProbationMS},
	} {
		if l.ms < 0 {
			bad(l.key, l.ms, "0 or more")
		}
	}
	if s.ScheduleMS != 0 && s.ScheduleMS < dayMS {
		bad("schedule_ms", s.ScheduleMS, "0 (none) or at least a day")
	}
	if s.MinRows < 1 {
		bad("min_rows", s.MinRows, "at least 1")
	}
	if s.MaxPerWeek < 0 {
		bad("max_per_week", s.MaxPerWeek, "0 (no limit) or more")
	}
	for i, w := range s.ReferenceWindowsMS {
		if w <= 0 {
			bad(fmt.Sprintf("reference_windows_ms[%d]", i), w, "above 0")
		}
	}
	if s.Gate.Kind == judge.KindBinary && s.Positive == "" {
		bad("positive", `""`, "the label that counts as 1")
	}
	objective := map[judge.Kind]string{judge.KindBinary: gbdt.Logistic, judge.KindMulticlass: gbdt.Softprob, judge.KindRegression: gbdt.SquaredError}[s.Gate.Kind]
	if objective != "" && s.Params.Objective != objective {
		bad("params.objective", fmt.Sprintf("%q", s.Params.Objective), fmt.Sprintf("%s with a gate of kind %s", objective, s.Gate.Kind))
	}
	for _, part := range []struct {
		key string
		err error
	}{{"params", s.Params.Validate()}, {"gate", s.Gate.Validate()}} {
		if part.err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", part.key, part.err))
		}
	}
	if err := s.Segments.Validate(); err != nil {
		errs = append(errs, err)
	}
	if s.Gate.Slices != nil || s.Gate.Bias != nil {
		errs = append(errs, errors.New("gate: slices and bias need columns that a training spec does not name: leave them out"))
	}
	return errors.Join(errs...)
}

func (s Spec) experiment() string {
	if s.Experiment != "" {
		return s.Experiment
	}
	return s.Model
}

func floorDay(ms int64) int64 { return floorDiv(ms, dayMS) * dayMS }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

// dayNumber is the event-time day, days since 1970-01-01.
func dayNumber(ms int64) int32 { return int32(floorDiv(ms, dayMS)) }
