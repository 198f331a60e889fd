package sequential

import "fmt"

// Track is a state that can take panes back: it keeps the increments of the last few
// panes, and the state before them. A pane that is counted again is put in its place,
// and what follows is stepped anew. It is not safe for concurrent use.
type Track struct {
	plan *Plan
	base State // before the kept panes
	now  State // after them
	kept []int64
	from uint64 // number of the oldest kept pane
	n    int    // kept panes
	head int    // place of the oldest kept pane
	cap  int
}

// MaxKept bounds the panes a track keeps.
const MaxKept = 64

// NewTrack starts at zero and keeps the last depth panes, 0 … 64; a depth outside
// is brought inside.
func NewTrack(p *Plan, depth int) *Track {
	depth = max(0, min(depth, MaxKept))
	return &Track{plan: p, base: p.NewState(), now: p.NewState(), cap: depth, kept: make([]int64, depth*len(p.Paths))}
}

// State returns the state after the last pane. It shares the track's memory and is
// valid until the next call.
func (t *Track) State() *State { return &t.now }

// Oldest returns the number of the oldest pane that Restate takes; where nothing is
// kept it is the number of the next pane.
func (t *Track) Oldest() uint64 { return t.from }

func (t *Track) at(i int) []int64 {
	w := len(t.plan.Paths)
	i = (t.head + i) % t.cap
	return t.kept[i*w : (i+1)*w : (i+1)*w]
}

// Push steps one pane. It allocates nothing.
func (t *Track) Push(inc []int64) (Alarm, bool) {
	if t.cap > 0 {
		if t.n == t.cap {
			t.plan.Step(&t.base, t.at(0))
			t.head, t.n, t.from = (t.head+1)%t.cap, t.n-1, t.from+1
		}
		copy(t.at(t.n), inc)
		t.n++
		return t.plan.Step(&t.now, inc)
	}
	t.from++
	return t.plan.Step(&t.now, inc)
}

// Restate puts inc in the place of a kept pane and returns the alarms of that pane and
// all after it, as if it had been so from the first. Alarms given before for these
// panes no longer stand unless they are among them.
//
// Errors: ErrTooOld for a pane before Oldest; ErrBadState for one that was not pushed.
// The track is then unchanged.
func (t *Track) Restate(pane uint64, inc []int64) ([]Alarm, error) {
	switch {
	case pane < t.from:
		return nil, fmt.Errorf("%w: pane %d, the oldest kept is %d", ErrTooOld, pane, t.from)
	case pane-t.from >= uint64(t.n):
		return nil, fmt.Errorf("%w: pane %d was not seen, the last is %d", ErrBadState, pane, t.from+uint64(t.n)-1)
	}
	copy(t.at(int(pane-t.from)), inc)
	return t.replay(pane), nil
}

// replay sets now from base and the kept panes.
func (t *Track) replay(tell uint64) []Alarm {
	t.now.copyFrom(&t.base)
	var alarms []Alarm
	for i := range t.n {
		if a, ok := t.plan.Step(&t.now, t.at(i)); ok && a.Pane >= tell {
			alarms = append(alarms, a)
		}
	}
	return alarms
}
