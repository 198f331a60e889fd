package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/drift/cadence"
	"github.com/driftline/driftline/sketches"
)

// Policy says when a model's windows count as drifted and when an alarm is raised.
// Make one with DefaultPolicy and change what differs.
type Policy struct {
	Name          string    `json:"name"`
	Rule          string    `json:"rule"`         // calibrated or classic
	Warn          float64   `json:"warn"`         // PSI
	Drifted       float64   `json:"drifted"`      // PSI
	FalseAlarms   float64   `json:"false_alarms"` // per model and month; sets the level of one decision
	MinRows       uint64    `json:"min_rows"`
	MinEffective  float64   `json:"min_effective"`
	ShareFire     float64   `json:"share_fire"`
	ShareResolve  float64   `json:"share_resolve"`
	MinCoverage   float64   `json:"min_coverage"`
	MinJudged     float64   `json:"min_judged"`
	WarmUp        float64   `json:"warm_up"`
	FireAfter     float64   `json:"fire_after"`    // in windows
	ResolveAfter  float64   `json:"resolve_after"` // in windows
	Retrigger     float64   `json:"retrigger"`     // in windows
	Steps         []float64 `json:"steps"`
	RetrainFromMS int64     `json:"retrain_from_ms"` // windows at least this long may trigger retraining
	WindowsMS     []int64   `json:"windows_ms,omitempty"`
	Ignore        []string  `json:"ignore,omitempty"`
	Critical      []string  `json:"critical,omitempty"`
	Quality       Quality   `json:"quality"`
	Multiplicity  string    `json:"multiplicity,omitempty"` // drift.ByBH, or "": every decision has its part of the budget
	// Importance weighs features for the share by importance; ShareBy says that it decides.
	Importance map[string]float64 `json:"importance,omitempty"`
	ShareBy    string             `json:"share_by,omitempty"` // ByImportance, or "": the plain share
	Early      string             `json:"early,omitempty"`    // EarlyOff, or "": models are warned early where their reference has a plan
	Trailing   *Trailing          `json:"trailing,omitempty"`
	Seasonal   *Seasonal          `json:"seasonal,omitempty"`
	Joint      string             `json:"joint,omitempty"` // JointOff, JointAlarm, or "": JointScore

	Predictions string `json:"predictions,omitempty"` // PredictionsOff, PredictionsScore, or "": an alarm steps where the reference has answers

	// Cadence says when rows are to be expected; nil: what is learnt says so.
	Cadence *cadence.Plan `json:"cadence,omitempty"`
}

// EarlyOff is the value of Policy.Early without early warnings.
const EarlyOff = "off"

// ByImportance is the value of Policy.ShareBy with which the share by importance decides.
const ByImportance = "importance"

// MaxImportance bounds a weight, so that sums stay finite.
const MaxImportance = 1e12

// WindowAlarms is the part of the alert budget, false alarms per model and month, that
// features window by window have: all of it, or with an early warning half; where an
// alarm on all features together steps, less its part; shared by the references.
func (p Policy) WindowAlarms(early bool) float64 {
	left := p.FalseAlarms
	if early {
		left -= p.EarlyAlarms()
	}
	if p.Joint == JointAlarm {
		left -= p.JointAlarms()
	}
	return left / float64(1+len(p.Moving()))
}

// JointAlarms is the part of the alert budget that all features together have: what their
// limits are calibrated for, whether or not an alarm steps.
func (p Policy) JointAlarms() float64 { return p.FalseAlarms / 4 }

// EarlyAlarms is the part of the alert budget that an early warning has.
func (p Policy) EarlyAlarms() float64 { return p.FalseAlarms / 2 }

// Quality holds the limits of the data-quality alarms; 0 switches one off.
type Quality struct {
	NullRate   float64 `json:"null_rate"`    // rise over the reference
	OutOfRange float64 `json:"out_of_range"` // rise over the reference
	Unseen     float64 `json:"unseen"`       // rise over the reference
	WrongType  float64 `json:"wrong_type"`   // rise over the reference
	Volume     Checked `json:"volume,omitempty"`
	Freshness  Checked `json:"freshness,omitempty"`
	Schema     Checked `json:"schema,omitempty"`
}

// Checked says whether one of the data-quality checks runs that are no limit: all do that
// are not switched off.
type Checked string

// CheckOff is the value of a check that does not run.
const CheckOff Checked = "off"

// On reports whether the check runs.
func (c Checked) On() bool { return c != CheckOff }

// DefaultPolicy holds the defaults of DESIGN §5.
func DefaultPolicy() Policy {
	return Policy{
		Name: "default", Rule: "calibrated", Warn: 0.1, Drifted: 0.2, FalseAlarms: 1, MinRows: 100, MinEffective: 30,
		ShareFire: 0.3, ShareResolve: 0.2, MinCoverage: 0.95, MinJudged: 0.5, WarmUp: 0.5,
		FireAfter: 0.25, ResolveAfter: 1, Retrigger: 1, Steps: []float64{0.5, 0.7, 0.9}, RetrainFromMS: 86_400_000,
		Quality: Quality{NullRate: 0.1, OutOfRange: 0.1, Unseen: 0.1, WrongType: 0.01},
	}
}

// Validate returns every fault, by key.
func (p Policy) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	share := func(key string, v float64) {
		check(v >= 0 && v <= 1, "policy.%s: %v, must lie between 0 and 1", key, v)
	}
	check(p.Name != "", "policy.name: empty")
	check(p.Rule == "calibrated" || p.Rule == "classic", "policy.rule: %q, want calibrated or classic", p.Rule)
	check(p.Warn > 0 && p.Drifted >= p.Warn, "policy.warn: %v and policy.drifted: %v, want 0 < warn ≤ drifted", p.Warn, p.Drifted)
	check(p.Early == "" || p.Early == EarlyOff, "policy.early: %q, want off or nothing", p.Early)
	check(p.Joint == "" || p.Joint == JointOff || p.Joint == JointAlarm, "policy.joint: %q, want off, alarm or nothing", p.Joint)
	check(p.Predictions == "" || p.Predictions == PredictionsOff || p.Predictions == PredictionsScore, "policy.predictions: %q, want off, score or nothing", p.Predictions)
	check(p.Multiplicity == "" || p.Multiplicity == drift.ByBH, "policy.multiplicity: %q, want bh or nothing", p.Multiplicity)
	check(p.ShareBy == "" || p.ShareBy == ByImportance, "policy.share_by: %q, want importance or nothing", p.ShareBy)
	check(p.ShareBy == "" || len(p.Importance) > 0, "policy.share_by: %q without policy.importance", p.ShareBy)
	for _, name := range slices.Sorted(maps.Keys(p.Importance)) {
		w := p.Importance[name]
		check(w >= 0 && w <= MaxImportance, "policy.importance: %v for %q, want 0 to %v", w, name, float64(MaxImportance))
	}
	check(p.FalseAlarms > 0, "policy.false_alarms: %v, must be above 0", p.FalseAlarms)
	check(p.MinEffective >= 0, "policy.min_effective: %v, must not be negative", p.MinEffective)
	share("share_fire", p.ShareFire)
	share("share_resolve", p.ShareResolve)
	share("min_coverage", p.MinCoverage)
	share("min_judged", p.MinJudged)
	share("warm_up", p.WarmUp)
	share("quality.null_rate", p.Quality.NullRate)
	share("quality.out_of_range", p.Quality.OutOfRange)
	share("quality.unseen", p.Quality.Unseen)
	share("quality.wrong_type", p.Quality.WrongType)
	for _, c := range []struct {
		key string
		v   Checked
	}{{"volume", p.Quality.Volume}, {"freshness", p.Quality.Freshness}, {"schema", p.Quality.Schema}} {
		check(c.v == "" || c.v == CheckOff, "policy.quality.%s: %q, want off or nothing", c.key, c.v)
	}
	if err := p.Cadence.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("policy.cadence: %w", err))
	}
	check(p.ShareFire > 0 && p.ShareResolve < p.ShareFire, "policy.share_resolve: %v, must be below policy.share_fire, %v", p.ShareResolve, p.ShareFire)
	check(p.FireAfter >= 0 && p.ResolveAfter >= 0, "policy.fire_after: %v and policy.resolve_after: %v windows, must not be negative", p.FireAfter, p.ResolveAfter)
	check(p.Retrigger > 0, "policy.retrigger: %v windows, must be above 0", p.Retrigger)
	errs = append(errs, p.checkMoving()...)
	for i, s := range p.Steps {
		check(s > 0 && s <= 1 && (i == 0 || s > p.Steps[i-1]), "policy.steps: %v, want ascending shares", p.Steps)
	}
	return errors.Join(errs...)
}

// Encode returns the framed bytes: canonical JSON inside our frame.
func (p Policy) Encode() []byte { return sketches.Frame(KindPolicy, schema, canonical(p)) }

// DecodePolicy reads what Encode wrote and validates it.
func DecodePolicy(b []byte) (p Policy, err error) {
	k, s, body, err := sketches.Unframe(b)
	switch {
	case err != nil:
		return p, fmt.Errorf("policy: %w", err)
	case k != KindPolicy:
		return p, fmt.Errorf("policy: %w: frame kind %d, want %d", sketches.ErrNotFrame, k, KindPolicy)
	case s != schema:
		return p, fmt.Errorf("policy: %w %d, this build reads %d: use a newer driftline", sketches.ErrSchema, s, schema)
	}
	p = DefaultPolicy() // what a newer writer leaves out keeps its default
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return p, fmt.Errorf("policy: %w", err)
	}
	if at := dec.InputOffset(); at < int64(len(body)) {
		return p, fmt.Errorf("policy: %w: %d bytes after the JSON", sketches.ErrCorrupt, int64(len(body))-at)
	}
	return p, p.Validate()
}
