package evaluate

import (
	"fmt"
	"maps"
	"slices"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
)

// begins returns the first pane to be final, given the smallest pending one (found
// false: none) and how far every source has come. A fold that is told of an earlier
// start does not wait for data: the panes that its first windows look back on count as
// covered or not, empty or full, as they did then.
func (f *Fold) begins(pending int64, found bool, upto int64) (first int64, ok bool) {
	p := f.cfg.Past
	if p == nil || p.First == wire.NoPane {
		return pending, found
	}
	first = max(p.First, floorDiv(p.AtMS-f.BackMS(), f.cfg.Layout.PaneMS))
	if found {
		first = min(first, pending)
	}
	return first, f.end(first) <= upto
}

// told is the first pane that the windows of this fold may count back to.
func (f *Fold) told(first int64) int64 {
	if p := f.cfg.Past; p != nil && p.First != wire.NoPane {
		return min(first, p.First)
	}
	return first
}

// join puts what the fold was told in force, before the first pane that ends after
// that moment is judged.
func (f *Fold) join(pane int64) error {
	p := f.cfg.Past
	if p == nil || f.joined || f.end(pane) <= p.AtMS {
		return nil
	}
	f.joined = true
	for _, name := range slices.Sorted(maps.Keys(f.models)) {
		m := f.models[name]
		told, found := p.Model(name)
		if p.Whole || !p.Unknown {
			clear(m.alarms)
			m.early, m.pace = nil, nil
		}
		was := m.policy(pane-1, f.cfg.Policy)
		m.was = &was
		if p.Whole {
			m.born, m.following, m.followed = told.Born, told.Following, found
		}
		if err := f.joinAlarms(m, told, pane-1); err != nil {
			return fmt.Errorf("model %q: %w", name, err)
		}
		if err := m.joinLearnt(told); err != nil {
			return fmt.Errorf("model %q: %w", name, err)
		}
	}
	return nil
}

// joinAlarms takes the alarms that still stand at the pane: one whose reference or
// policy was replaced before it ended there.
func (f *Fold) joinAlarms(m *model, told wire.ModelPast, pane int64) error {
	in, policy := m.reference(pane), m.policy(pane, f.cfg.Policy)
	var moved *wire.MovingState
	for _, a := range told.Alarms {
		if a.Kind == wire.KindOfMoving {
			s, err := wire.DecodeMovingState(a.State)
			if err != nil {
				return err
			}
			moved = &s
			continue
		}
		if a.Kind == wire.KindOfEarly {
			if err := f.joinEarly(m, a, in, policy); err != nil {
				return err
			}
			continue
		}
		if a.Kind == wire.KindOfCadence {
			if err := f.joinPace(m, a); err != nil {
				return err
			}
			continue
		}
		if checkOf(a.Kind) == "" && !slices.Contains(told.Untold, a.WindowMS) {
			m.told[a.WindowMS] = true
		}
		st, err := drift.DecodeAlarmState(a.State)
		if err != nil {
			return fmt.Errorf("alarm of window %d ms: %w", a.WindowMS, err)
		}
		k := alarmKey{a.Version, a.Policy, a.Kind, a.WindowMS, a.Reference}
		if f.cfg.Past.Whole || f.stands(k, in, policy, pane) && a.Policy == policy.Name && watches(policy, a.WindowMS) {
			m.alarms[k] = &alarm{state: st}
		}
	}
	f.joinMoving(m, moved, pane)
	return nil
}

// joinEarly takes the state of the early warning, if it still stands.
func (f *Fold) joinEarly(m *model, a wire.PastAlarm, in *installed, policy wire.Policy) error {
	s, err := wire.DecodeEarlyState(a.State)
	if err != nil {
		return err
	}
	if stands := in != nil && in.id == s.Reference && in.warnsEarly(policy); stands || f.cfg.Past.Whole {
		return m.restoreEarly(s)
	}
	return nil
}

func (m *model) joinLearnt(told wire.ModelPast) error {
	clear(m.learnt)
	for _, frame := range told.Learnt {
		x, err := wire.DecodeLearnt(frame)
		if err != nil {
			return fmt.Errorf("learnt sums: %w", err)
		}
		b, err := sketches.DecodeBlocks(x.Blocks)
		if err != nil {
			return fmt.Errorf("learnt sums of window %d ms: %w", x.WindowMS, err)
		}
		m.learnt[x.WindowMS] = &learnt{reference: x.Reference, pane: x.Pane, writes: x.Writes, blocks: b}
	}
	return nil
}

// follow notes which reference the model's alarms stand on. Once it has changed under
// this fold, an alarm that the fold makes is new and its past is known.
func (m *model) follow(in *installed) {
	id := sketches.ID{}
	if in != nil {
		id = in.id
	}
	if m.followed && id != m.following {
		m.born = true
	}
	m.following, m.followed = id, true
}

// unknown reports whether an alarm that the model does not have yet may have a past:
// not if the model's reference came in force under this fold, nor if the window has had
// no alarm hop between the first pane ever and the moment the fold is told of.
func (f *Fold) unknown(m *model, hop int64) bool {
	p := f.cfg.Past
	if p == nil || m.born || f.joined && !p.Unknown {
		return false
	}
	if p.First == wire.NoPane {
		return true
	}
	return p.AtMS-mod(p.AtMS, hop) >= f.end(p.First)
}

// begun reports whether an alarm that the model does not have yet began under this fold:
// the policy of the moment that the fold was told of had no such alarm.
func (f *Fold) begun(m *model, k alarmKey) bool {
	if m.was == nil {
		return false
	}
	i := slices.IndexFunc(m.refs, func(in installed) bool { return in.id == m.following })
	return i >= 0 && !f.keeps(&m.refs[i], *m.was, k, floorDiv(f.cfg.Past.AtMS, f.cfg.Layout.PaneMS)-1)
}

// Past returns what a fold that goes on after the last published pane must be told.
func (f *Fold) Past() wire.Past {
	p := wire.Past{AtMS: f.end(f.done), First: wire.NoPane, Whole: true, Unknown: f.cfg.Past != nil && f.cfg.Past.Unknown}
	if f.started {
		p.First = f.first
	}
	for _, name := range slices.Sorted(maps.Keys(f.models)) {
		m := f.models[name]
		x := wire.ModelPast{Model: name, Born: m.born, Following: m.following}
		if p.Unknown {
			x.Untold = m.untold()
		}
		for _, a := range f.alarmStates(m) {
			x.Alarms = append(x.Alarms, wire.PastAlarm(a))
		}
		if s, known := m.early.state(name); known {
			x.Alarms = append(x.Alarms, wire.PastAlarm{
				Version: wire.AnyVersion, Kind: wire.KindOfEarly, WindowMS: f.cfg.Layout.SlotMS(), Reference: s.Reference, State: s.Encode(),
			})
		}
		if m.pace != nil {
			x.Alarms = append(x.Alarms, wire.PastAlarm{
				Version: wire.AnyVersion, Kind: wire.KindOfCadence, WindowMS: f.cfg.Layout.SlotMS(), State: m.pace.state(name).Encode(),
			})
		}
		for _, w := range slices.Sorted(maps.Keys(m.learnt)) {
			l := m.learnt[w]
			x.Learnt = append(x.Learnt, wire.Learnt{
				Model: name, WindowMS: w, Pane: l.pane, Writes: l.writes, Reference: l.reference, Blocks: l.blocks.Encode(),
			}.Encode())
		}
		p.Models = append(p.Models, x)
	}
	return p
}

// untold are the windows of alarms that a replay was not told of, ascending.
func (m *model) untold() (windows []int64) {
	for _, k := range m.alarmKeys() {
		if checkOf(k.kind) == "" && !m.told[k.windowMS] && !slices.Contains(windows, k.windowMS) {
			windows = append(windows, k.windowMS)
		}
	}
	slices.Sort(windows)
	return windows
}

func floorDiv(a, b int64) int64 { return (a - mod(a, b)) / b }
