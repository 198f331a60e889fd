package sequential

import (
	"errors"
	"fmt"
	"math"

	"github.com/driftline/driftline/sketches"
)

// Plan is what a reference fixes for its model: the paths, their threshold, and how
// the threshold was found. It is data and may be shared.
type Plan struct {
	Grid      sketches.ID
	Paths     []Path // ascending by feature
	Threshold int64  // h in nano-nats: a sum of h or more alarms
	// Cooldown is how many panes after an alarm are not looked at. All sums start
	// again at zero afterwards.
	Cooldown uint32
	Report   Report
}

// Errors of plans and states; test with errors.Is.
var (
	ErrBadPlan   = errors.New("bad sequential plan")
	ErrBadState  = errors.New("state does not fit the plan")
	ErrTooOld    = errors.New("pane is older than what is kept")
	ErrNoHistory = errors.New("not enough panes")
)

// maxPaths bounds the paths of a plan: 2 000 features with 2·10 + 2 each.
const maxPaths = sketches.MaxFeatures * (2*maxBins + 2)

// Validate returns all faults.
func (p *Plan) Validate() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrBadPlan}, args...)...))
	}
	if p.Threshold <= 0 || p.Threshold > limit {
		bad("threshold %d nano-nats, want 1 … 2⁶⁰", p.Threshold)
	}
	if len(p.Paths) > maxPaths {
		bad("%d paths, at most %d", len(p.Paths), maxPaths)
	}
	last := 0
	for i, q := range p.Paths {
		switch {
		case q.Feature < last || q.Feature >= sketches.MaxFeatures:
			bad("path %d is of feature %d after %d", i, q.Feature, last)
		case q.Kind < MeanUp || q.Kind > NullDown:
			bad("path %d is of %s", i, q.Kind)
		case !(q.Effect > 0) || math.IsInf(q.Effect, 1):
			bad("path %d has effect %g", i, q.Effect)
		case q.Bin < 0 || q.Bin >= sketches.MaxVerdictBins:
			bad("path %d has bin %d", i, q.Bin)
		case q.Scale < unscaled || q.Scale > limit:
			bad("path %d has scale %d", i, q.Scale)
		case q.Handicap < 0 || q.Handicap > limit/2:
			bad("path %d has handicap %d", i, q.Handicap)
		}
		last = max(last, q.Feature)
	}
	return errors.Join(errs...)
}

// Alarm is one crossing of the threshold.
type Alarm struct {
	Pane  uint64 // panes stepped before this one, since the state began
	Path  int    // the path furthest above its threshold; ties go to the first
	Since uint64 // the first pane of the path's excursion: an estimate of where it began
	Sum   int64  // the path's sum, nano-nats
}

// State is what the sums remember. Panes are numbered as they are stepped, from 0.
type State struct {
	Panes  uint64 // panes stepped
	Alarms uint64 // alarms so far
	Quiet  uint32 // panes of the cooldown still to come
	Sums   []int64
	// Age is how many panes ago a sum was last zero; it stops at 2³² − 1.
	Age []uint32
}

// NewState returns zero sums.
func (p *Plan) NewState() State {
	return State{Sums: make([]int64, len(p.Paths)), Age: make([]uint32, len(p.Paths))}
}

// copyFrom makes s equal to o in s's own memory.
func (s *State) copyFrom(o *State) {
	sums, age := append(s.Sums[:0], o.Sums...), append(s.Age[:0], o.Age...)
	*s = *o
	s.Sums, s.Age = sums, age
}

// Clone returns an independent copy.
func (s *State) Clone() State {
	var n State
	n.copyFrom(s)
	return n
}

// Step moves a state by one pane and says whether the threshold was crossed. inc are
// the pane's increments (Tables.Pane). A crossing sets all sums to zero. It
// allocates nothing; lengths must be those of the plan.
//
// A pane that is missing or not covered is not stepped: sums stay as they are.
func (p *Plan) Step(s *State, inc []int64) (Alarm, bool) {
	pane := s.Panes
	s.Panes++
	if s.Quiet > 0 {
		s.Quiet--
		return Alarm{}, false
	}
	best, at := int64(math.MinInt64), -1
	sums, age, paths := s.Sums[:len(inc)], s.Age[:len(inc)], p.Paths[:len(inc)]
	for i, x := range inc {
		x = min(limit, sums[i]+x)
		if x <= 0 {
			sums[i], age[i] = 0, 0
			continue
		}
		sums[i] = x
		if age[i] != math.MaxUint32 {
			age[i]++
		}
		if x -= paths[i].Handicap; x > best {
			best, at = x, i
		}
	}
	if at < 0 || best < p.Threshold {
		return Alarm{}, false
	}
	a := Alarm{Pane: pane, Path: at, Sum: sums[at], Since: pane + 1 - min(pane+1, uint64(age[at]))}
	clear(sums)
	clear(age)
	s.Alarms++
	s.Quiet = p.Cooldown
	return a, true
}

// Level is how far a feature's largest sum has come towards its threshold, in parts
// per million; 0 for a feature without paths. For display.
func (p *Plan) Level(s *State, feature int) (ppm int64, path int) {
	path = -1
	for i, q := range p.Paths {
		if q.Feature != feature {
			continue
		}
		if l := int64(1e6 * (float64(s.Sums[i]) / float64(p.Threshold+q.Handicap))); path < 0 || l > ppm {
			ppm, path = l, i
		}
	}
	return ppm, path
}
