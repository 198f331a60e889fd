package drift

import (
	"errors"
	"fmt"
	"math"
)

// Phase is where an alarm stands.
type Phase uint8

// Phases.
const (
	PhaseOK Phase = iota
	PhasePending
	PhaseFiring
	PhaseClosed
)

// String gives the word for people.
func (p Phase) String() string {
	switch p {
	case PhaseOK:
		return "ok"
	case PhasePending:
		return "pending"
	case PhaseFiring:
		return "firing"
	case PhaseClosed:
		return "closed"
	}
	return fmt.Sprintf("phase(%d)", uint8(p))
}

// MarshalText makes a phase its word in JSON.
func (p Phase) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads the word.
func (p *Phase) UnmarshalText(b []byte) error {
	for _, w := range []Phase{PhaseOK, PhasePending, PhaseFiring, PhaseClosed} {
		if w.String() == string(b) {
			*p = w
			return nil
		}
	}
	return fmt.Errorf("alarm phase %.40q: want ok, pending, firing or closed", b)
}

// AlarmType is what an alarm event says; the last part of the event's type.
type AlarmType string

// Alarm events.
const (
	AlarmDetected   AlarmType = "detected"
	AlarmOngoing    AlarmType = "ongoing"
	AlarmWorsened   AlarmType = "worsened"
	AlarmResolved   AlarmType = "resolved"
	AlarmStale      AlarmType = "stale"
	AlarmSuperseded AlarmType = "superseded"
)

// AlarmConfig is the policy of one alarm. Times are milliseconds, shares 0 … 1.
type AlarmConfig struct {
	WindowMS     int64     `json:"window_ms"`
	HopMS        int64     `json:"hop_ms"`         // alarm hop: how often Step is asked
	K            int       `json:"k"`              // hops in a row that start it
	M            int       `json:"m"`              // hops in a row that end it
	Fire         float64   `json:"fire"`           // share from which a hop is high
	Resolve      float64   `json:"resolve"`        // share up to which a hop is low
	StaleAfterMS int64     `json:"stale_after_ms"` // without a valid hop
	RetriggerMS  int64     `json:"retrigger_ms"`   // between `ongoing` events
	Coverage     float64   `json:"coverage"`       // least share of input that must be there
	Judged       float64   `json:"judged"`         // least share of features with a verdict
	Filled       float64   `json:"filled"`         // least share of the window that exists: warm-up
	MinRows      uint64    `json:"min_rows"`       // least records in the window
	Steps        []float64 `json:"steps"`          // shares at which a firing alarm has worsened
}

// Defaults of an alarm, all convention.
const (
	DefaultFire     = 0.3
	DefaultResolve  = 0.2
	DefaultCoverage = 0.95
	DefaultJudged   = 0.5
	DefaultFilled   = 0.5
	hourMS          = 3600 * 1000
	hopsPerWindow   = 24
)

// DefaultAlarm returns the defaults for a window that moves by hop.
func DefaultAlarm(windowMS, hopMS int64) AlarmConfig {
	return AlarmConfig{
		Fire: DefaultFire, Resolve: DefaultResolve, Coverage: DefaultCoverage,
		Judged: DefaultJudged, Filled: DefaultFilled, MinRows: 1, Steps: []float64{0.5, 0.7, 0.9},
	}.For(windowMS, hopMS)
}

// For sets what follows from the window and its hop: the alarm hop is the smallest
// multiple of the hop ≥ window/24, k a quarter window and m one window in alarm hops
// (rounded up, at least 1), stale-after max(2 alarm hops, min(2 windows, 1 h)), and
// the retrigger one window. windowMS and hopMS must be positive.
func (cfg AlarmConfig) For(windowMS, hopMS int64) AlarmConfig {
	windowMS, hopMS = max(windowMS, 1), max(hopMS, 1)
	cfg.WindowMS = windowMS
	cfg.HopMS = hopMS * max(1, ceilDiv(windowMS, hopsPerWindow*hopMS))
	cfg.K = int(max(1, ceilDiv(windowMS, 4*cfg.HopMS)))
	cfg.M = int(max(1, ceilDiv(windowMS, cfg.HopMS)))
	cfg.StaleAfterMS = max(2*cfg.HopMS, min(2*windowMS, hourMS))
	cfg.RetriggerMS = windowMS
	return cfg
}

func ceilDiv(a, b int64) int64 { return (a + b - 1) / b }

// IsHop reports whether an alarm steps at this window end: multiples of the alarm
// hop since the epoch, so that every run has the same phase.
func (cfg AlarmConfig) IsHop(endMS int64) bool { return cfg.HopMS > 0 && endMS%cfg.HopMS == 0 }

// IsValid reports whether a window may be judged at all: enough coverage, records,
// features with a verdict, and window behind it.
func (cfg AlarmConfig) IsValid(coverage float64, rows uint64, judged, all int, filled float64) bool {
	return coverage >= cfg.Coverage && rows >= cfg.MinRows && rows > 0 &&
		all > 0 && float64(judged) >= cfg.Judged*float64(all) && judged > 0 && filled >= cfg.Filled
}

// Validate returns all faults, each with the key as the user writes it.
func (cfg AlarmConfig) Validate() error {
	var errs []error
	check := func(ok bool, key string, found any, want string) {
		if !ok {
			errs = append(errs, fmt.Errorf("%s is %v, want %s", key, found, want))
		}
	}
	share := func(x float64) bool { return x >= 0 && x <= 1 }
	check(cfg.WindowMS > 0, "window", cfg.WindowMS, "above 0 ms")
	check(cfg.HopMS > 0, "hop", cfg.HopMS, "above 0 ms")
	check(cfg.K >= 1, "k", cfg.K, "at least 1")
	check(cfg.M >= 1, "m", cfg.M, "at least 1")
	check(cfg.Fire > 0 && cfg.Fire <= 1, "fire", cfg.Fire, "above 0, at most 1")
	check(cfg.Resolve >= 0 && cfg.Resolve < cfg.Fire, "resolve", cfg.Resolve, "at least 0 and below `fire`")
	check(cfg.StaleAfterMS > 0, "stale_after", cfg.StaleAfterMS, "above 0 ms")
	check(cfg.RetriggerMS > 0, "retrigger", cfg.RetriggerMS, "above 0 ms")
	check(share(cfg.Coverage), "coverage", cfg.Coverage, "0 to 1")
	check(share(cfg.Judged), "judged", cfg.Judged, "0 to 1")
	check(share(cfg.Filled), "filled", cfg.Filled, "0 to 1")
	last := 0.0
	for _, s := range cfg.Steps {
		check(s > last && s <= 1, "steps", cfg.Steps, "ascending shares above 0, at most 1")
		last = s
	}
	return errors.Join(errs...)
}

// AlarmState is what an alarm remembers between hops. The zero value is a new alarm.
type AlarmState struct {
	Phase       Phase `json:"phase"`
	Hi          int   `json:"hi,omitempty"`         // high hops in a row, while pending
	Lo          int   `json:"lo,omitempty"`         // low hops in a row, while firing
	EpisodeMS   int64 `json:"episode_ms,omitempty"` // window end at which the running episode started
	EmittedMS   int64 `json:"emitted_ms,omitempty"` // window end of the last detected or ongoing
	Level       int   `json:"level,omitempty"`      // highest step reached
	LastValidMS int64 `json:"last_valid_ms,omitempty"`
	Stale       bool  `json:"stale,omitempty"`
	Started     bool  `json:"started,omitempty"` // LastValidMS is set
	Unknown     bool  `json:"unknown,omitempty"` // steps, but says nothing until its first OK
}

// UnknownAlarm is the state of an alarm whose past is not known, at the start of a
// replay: it steps, but emits nothing until a valid hop finds it OK.
func UnknownAlarm() AlarmState { return AlarmState{Unknown: true} }

// Evidence is what one alarm hop found.
type Evidence struct {
	EndMS      int64 // end of the window
	QuietMS    int64 // part of the time since the last hop in which no input is expected
	Valid      bool  // see AlarmConfig.IsValid
	Drifted    int   // features drifted
	Judged     int   // features with a verdict
	All        int   // features
	Critical   bool  // a feature marked critical is over its own bound
	Full       bool  // the whole window exists
	Superseded bool  // reference or version was replaced
	// QualityOpen: a data-quality alarm of the model is firing. It stands on events.
	QualityOpen bool
	// Weighted: the share by importance decides, which is Weight.
	Weighted bool
	Weight   float64
}

// Share returns drifted ÷ judged, 0 for none judged; or the share by importance where
// that decides.
func (ev Evidence) Share() float64 {
	if ev.Weighted {
		return ev.Weight
	}
	if ev.Judged <= 0 {
		return 0
	}
	return float64(ev.Drifted) / float64(ev.Judged)
}

// AlarmEvent is one thing to tell. The caller makes ids from EpisodeMS and EndMS.
type AlarmEvent struct {
	Type        AlarmType `json:"type"`
	EndMS       int64     `json:"end_ms"`
	EpisodeMS   int64     `json:"episode_ms"` // 0 for `stale` outside an episode
	Level       int       `json:"level"`
	Drifted     int       `json:"drifted"`
	Judged      int       `json:"judged"`
	All         int       `json:"all"`
	Critical    bool      `json:"critical"`
	QualityOpen bool      `json:"quality_open"`
}

// Step moves an alarm by one hop. It is a function of its arguments alone.
//
// High is a share ≥ Fire or a critical feature; low a share ≤ Resolve and no critical
// one. k high hops in a row fire, m low ones of a full window resolve. A hop that is
// not valid leaves every counter as it is; silence is not OK. At most one event of a
// type comes out of a step, in the order in which they are to be published.
func Step(cfg AlarmConfig, st AlarmState, ev Evidence) (AlarmState, []AlarmEvent) {
	var events []AlarmEvent
	emit := func(t AlarmType) {
		if st.Unknown {
			return
		}
		events = append(events, AlarmEvent{
			Type: t, EndMS: ev.EndMS, EpisodeMS: st.EpisodeMS, Level: st.Level,
			Drifted: ev.Drifted, Judged: ev.Judged, All: ev.All, Critical: ev.Critical, QualityOpen: ev.QualityOpen,
		})
	}
	if st.Phase == PhaseClosed {
		return st, nil
	}
	if ev.Superseded {
		if st.Phase == PhaseFiring {
			emit(AlarmSuperseded)
		}
		return AlarmState{Phase: PhaseClosed, EpisodeMS: st.EpisodeMS, Level: st.Level, LastValidMS: st.LastValidMS, Started: st.Started, Unknown: st.Unknown}, events
	}
	if !st.Started {
		st.Started, st.LastValidMS = true, ev.EndMS
	}
	if !ev.Valid {
		st.LastValidMS = min(st.LastValidMS+max(ev.QuietMS, 0), ev.EndMS)
		if !st.Stale && ev.EndMS-st.LastValidMS >= cfg.StaleAfterMS {
			st.Stale = true
			emit(AlarmStale)
		}
		return st, events
	}
	st.Stale, st.LastValidMS = false, ev.EndMS

	share := ev.Share()
	high := share >= cfg.Fire || ev.Critical
	low := share <= cfg.Resolve && !ev.Critical
	switch st.Phase {
	case PhaseOK, PhasePending:
		if !high {
			st = AlarmState{LastValidMS: st.LastValidMS, Started: true}
			break
		}
		st.Phase, st.Hi = PhasePending, st.Hi+1
		if st.Hi >= cfg.K {
			st.Phase, st.Hi, st.Lo = PhaseFiring, 0, 0
			st.EpisodeMS, st.EmittedMS = ev.EndMS, ev.EndMS
			st.Level = cfg.level(share)
			emit(AlarmDetected)
		}
	case PhaseFiring:
		switch {
		case !low:
			st.Lo = 0
		case ev.Full:
			st.Lo++
		}
		if low && ev.Full && st.Lo >= cfg.M {
			emit(AlarmResolved)
			st = AlarmState{LastValidMS: st.LastValidMS, Started: true}
			break
		}
		if l := cfg.level(share); l > st.Level {
			st.Level = l
			emit(AlarmWorsened)
		}
		if ev.EndMS-st.EmittedMS >= cfg.RetriggerMS {
			st.EmittedMS = ev.EndMS
			emit(AlarmOngoing)
		}
	}
	return st, events
}

// level is the number of steps that a share has reached.
func (cfg AlarmConfig) level(share float64) int {
	n := 0
	for _, s := range cfg.Steps {
		if share >= s {
			n++
		}
	}
	return n
}

// maxCounter bounds counters read from bytes.
const maxCounter = math.MaxInt32
