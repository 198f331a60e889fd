package cadence

import (
	"errors"
	"fmt"
)

// Plan is a declared cadence. The zero value declares nothing.
type Plan struct {
	EveryMS  int64     `json:"every_ms,omitempty"` // at least one row in so much open time; 0: with a calendar one a day, else not declared
	GraceMS  int64     `json:"grace_ms,omitempty"` // how much later is not late yet, in open time; 0: a quarter of that
	Calendar *Calendar `json:"calendar,omitempty"` // nil: always open
}

// maxEveryMS bounds how long a delivery may take: a year and a day.
const maxEveryMS = 366 * dayMS

// horizonMS is how far a due time is looked for: a calendar that is closed for longer
// expects nothing.
const horizonMS = 2 * maxEveryMS

// Validate returns every fault, by key.
func (p *Plan) Validate() error {
	if p == nil {
		return nil
	}
	var errs []error
	if p.EveryMS < 0 || p.EveryMS > maxEveryMS {
		errs = append(errs, fmt.Errorf("expect_every: %d ms, want 0 to 366 days", p.EveryMS))
	}
	if p.GraceMS < 0 || p.GraceMS > maxEveryMS {
		errs = append(errs, fmt.Errorf("grace: %d ms, want 0 to 366 days", p.GraceMS))
	}
	if p.Calendar != nil {
		errs = append(errs, p.Calendar.Validate())
	}
	return errors.Join(errs...)
}

// Declared reports whether the plan says anything.
func (p *Plan) Declared() bool { return p != nil && (p.EveryMS > 0 || p.Calendar != nil) }

// Source names where the expectation comes from, as a person configures it.
func (p *Plan) Source() string {
	switch {
	case p != nil && p.EveryMS > 0:
		return "expect_every"
	case p != nil && p.Calendar != nil:
		return "calendar"
	}
	return "learnt"
}

// everyMS is the open time within which a row is expected.
func (p *Plan) everyMS() int64 {
	if p.EveryMS > 0 {
		return p.EveryMS
	}
	return p.Calendar.perDay()
}

// DueMS returns when the delivery after the last row is overdue: once the plan's time
// and its grace have passed, both counted in open time. Call it for a declared plan.
func (p *Plan) DueMS(lastMS int64) int64 {
	every, grace := p.everyMS(), p.GraceMS
	if grace == 0 {
		grace = every / 4
	}
	return p.Calendar.After(lastMS, every+grace, horizonMS)
}

// Closed reports whether no part of [fromMS, toMS) is open. A plan without calendar is
// never closed.
func (p *Plan) Closed(fromMS, toMS int64) bool {
	return p.Declared() && p.Calendar != nil && p.Calendar.OpenMS(fromMS, toMS) == 0
}

// Thin reports whether [fromMS, toMS) holds less than half of the open time that so long
// a span has on average: a window that just opens is not expected to be judged.
func (p *Plan) Thin(fromMS, toMS int64) bool {
	if !p.Declared() || p.Calendar == nil {
		return false
	}
	return float64(2*p.Calendar.OpenMS(fromMS, toMS)) < p.Calendar.perWeek()*float64(toMS-fromMS)
}
