package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/driftline/driftline/sketches"
)

// Policy says when a model's windows count as drifted and when an alarm is raised.
// A zero field takes the default.
type Policy struct {
	Name          string   `json:"name"`
	Rule          string   `json:"rule"` // calibrated or classic
	Warn          float64  `json:"warn"`
	Drifted       float64  `json:"drifted"`
	Alpha         float64  `json:"alpha"` // level of one decision
	MinRows       uint64   `json:"min_rows"`
	MinEffective  float64  `json:"min_effective"`
	ShareFire     float64  `json:"share_fire"`
	ShareResolve  float64  `json:"share_resolve"`
	MinCoverage   float64  `json:"min_coverage"`
	RetrainFromMS int64    `json:"retrain_from_ms"`  // windows at least this long may trigger retraining
	FireHops      int      `json:"fire_hops"`        // 0: a quarter of the window
	ResolveHops   int      `json:"resolve_hops"`     // 0: one window
	Ignore        []string `json:"ignore,omitempty"` // features left out of the share
	NullRise      float64  `json:"null_rise"`        // quality: missing share above the reference's by this much
}

// DefaultPolicy holds the defaults of DESIGN §5.
func DefaultPolicy() Policy {
	return Policy{
		Name: "default", Rule: "calibrated", Warn: 0.1, Drifted: 0.2, Alpha: 0.01, MinRows: 30, MinEffective: 30,
		ShareFire: 0.3, ShareResolve: 0.2, MinCoverage: 0.95, RetrainFromMS: 86_400_000, NullRise: 0.1,
	}
}

// WithDefaults fills in what is zero.
func (p Policy) WithDefaults() Policy {
	d := DefaultPolicy()
	or := func(v *float64, def float64) {
		if *v == 0 {
			*v = def
		}
	}
	if p.Name == "" {
		p.Name = d.Name
	}
	if p.Rule == "" {
		p.Rule = d.Rule
	}
	or(&p.Warn, d.Warn)
	or(&p.Drifted, d.Drifted)
	or(&p.Alpha, d.Alpha)
	or(&p.MinEffective, d.MinEffective)
	or(&p.ShareFire, d.ShareFire)
	or(&p.ShareResolve, d.ShareResolve)
	or(&p.MinCoverage, d.MinCoverage)
	or(&p.NullRise, d.NullRise)
	if p.MinRows == 0 {
		p.MinRows = d.MinRows
	}
	if p.RetrainFromMS == 0 {
		p.RetrainFromMS = d.RetrainFromMS
	}
	return p
}

// Validate returns every fault, by key.
func (p Policy) Validate() error {
	var errs []error
	share := func(key string, v float64, open bool) {
		if !(v >= 0 && v <= 1) || open && (v == 0 || v == 1) {
			errs = append(errs, fmt.Errorf("policy.%s: %v, must lie between 0 and 1", key, v))
		}
	}
	if p.Rule != "calibrated" && p.Rule != "classic" {
		errs = append(errs, fmt.Errorf("policy.rule: %q, want calibrated or classic", p.Rule))
	}
	if !(p.Warn > 0) || !(p.Drifted >= p.Warn) {
		errs = append(errs, fmt.Errorf("policy.warn: %v and policy.drifted: %v, want 0 < warn ≤ drifted", p.Warn, p.Drifted))
	}
	share("alpha", p.Alpha, true)
	share("share_fire", p.ShareFire, false)
	share("share_resolve", p.ShareResolve, false)
	share("min_coverage", p.MinCoverage, false)
	share("quality.null_rate", p.NullRise, false)
	if p.ShareResolve > p.ShareFire {
		errs = append(errs, fmt.Errorf("policy.share_resolve: %v, must not exceed policy.share_fire, %v", p.ShareResolve, p.ShareFire))
	}
	if p.FireHops < 0 || p.ResolveHops < 0 {
		errs = append(errs, fmt.Errorf("policy.fire_hops: %d and policy.resolve_hops: %d, must not be negative", p.FireHops, p.ResolveHops))
	}
	return errors.Join(errs...)
}

// Encode returns the framed bytes: canonical JSON inside our frame.
func (p Policy) Encode() []byte { return sketches.Frame(KindPolicy, schema, canonical(p)) }

// DecodePolicy reads what Encode wrote, fills in defaults and validates.
func DecodePolicy(b []byte) (p Policy, err error) {
	k, s, body, err := sketches.Unframe(b)
	if err != nil || k != KindPolicy || s != schema {
		return p, fmt.Errorf("policy: frame kind %d, schema %d: %w", k, s, errors.Join(err, sketches.ErrNotFrame))
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return p, fmt.Errorf("policy: %w", err)
	}
	p = p.WithDefaults()
	return p, p.Validate()
}
