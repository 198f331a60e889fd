package evaluate

import (
	"fmt"
	"maps"
	"slices"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/drift/cadence"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/wire"
)

// What is known of a model's cadence steps once a slot, when the slot's last pane is final
// and its alarms have stepped; between the slots the newest rows move with every pane. A
// state is written with every slot. A load takes the newest that is done; slots that no
// state is left of teach nothing.

// weekMS is the week of the calendar, which learnt volume repeats with.
const weekMS = int64(7 * 86_400_000)

// pace is what is known of one model's cadence.
type pace struct {
	volume *cadence.Volume
	slot   int64 // the last slot it has seen
	lastMS int64 // end of the newest pane with rows; NoPane: there was none

	due cachedDue
}

// cachedDue keeps when the delivery after lastMS is overdue, by one declared plan.
type cachedDue struct {
	plan         *cadence.Plan
	lastMS, atMS int64
}

func (f *Fold) newPace() (*pace, error) {
	week := f.cfg.WeekMS
	if week == 0 {
		week = weekMS
	}
	v, err := cadence.NewVolume(f.cfg.Layout.SlotMS(), max(week, f.cfg.Layout.SlotMS()))
	if err != nil {
		return nil, err
	}
	return &pace{volume: v, slot: wire.NoPane, lastMS: wire.NoPane}, nil
}

// paceOf returns the model's pace, a new one where it has none.
func (f *Fold) paceOf(m *model) (*pace, error) {
	if m.pace == nil {
		p, err := f.newPace()
		if err != nil {
			return nil, fmt.Errorf("cadence of model %q: %w", m.name, err)
		}
		m.pace = p
	}
	return m.pace, nil
}

// see notes whether a final pane holds rows.
func (f *Fold) see(m *model, pane int64) error {
	p, err := f.paceOf(m)
	if err != nil {
		return err
	}
	if c := m.ring[0][pane]; c != nil && c.rows() > 0 {
		p.lastMS = f.end(pane)
	}
	return nil
}

// teach adds the slot that ends with the pane, and notes the state in a score, if any. What stands in a firing alarm of volume or freshness teaches nothing;
// after a week it does: it is how things are now.
func (f *Fold) teach(m *model, pane int64, policy wire.Policy, score *wire.Score, out *output) error {
	slot := f.slotOf(pane)
	if f.slotOf(pane+1) == slot {
		return nil
	}
	p, l := m.pace, f.cfg.Layout
	c, whole := f.wholeSlot(m, slot, true)
	from, to := slot*l.SlotMS(), (slot+1)*l.SlotMS()
	if policy.Cadence.Declared() && policy.Cadence.Calendar.Holiday(from, to) {
		whole = false
	}
	rows := uint64(0)
	if c != nil {
		rows = c.rows()
	}
	if err := p.volume.Add(from, rows, whole); err != nil {
		return fmt.Errorf("cadence of model %q, slot %d: %w", m.name, slot, err)
	}
	for k, a := range m.alarms {
		if k.kind != wire.CheckVolume && k.kind != wire.CheckFreshness || a.state.Phase != drift.PhaseFiring {
			continue
		}
		since := a.state.EpisodeMS
		if to-since >= p.volume.WeekMS() {
			continue
		}
		if k.kind == wire.CheckVolume {
			p.volume.Forget(since-k.windowMS, to)
		} else if p.lastMS != wire.NoPane {
			p.volume.Forget(min(since, p.lastMS), to)
		}
	}
	p.slot = slot
	frame := p.state(m.name).Encode()
	out.slots = append(out.slots, f.state(wire.CadenceKey(m.name, slot), frame))
	if score != nil {
		score.Cadence = frame
	}
	return nil
}

func (p *pace) state(model string) wire.CadenceState {
	return wire.CadenceState{Model: model, Slot: p.slot, LastMS: p.lastMS, Volume: p.volume.Encode()}
}

// restorePace takes a state that was written down. One of other units, from before the
// layout was as it is, is worth nothing.
func (f *Fold) restorePace(m *model, s wire.CadenceState) error {
	p, err := f.newPace()
	if err != nil {
		return err
	}
	m.pace = p
	v, err := cadence.DecodeVolume(s.Volume)
	if err != nil {
		return fmt.Errorf("cadence of model %q, slot %d: %w", m.name, s.Slot, err)
	}
	p.lastMS = s.LastMS
	if v.UnitMS() == p.volume.UnitMS() && v.WeekMS() == p.volume.WeekMS() && v.PartMS() == p.volume.PartMS() {
		p.volume, p.slot = v, s.Slot
	}
	return nil
}

// loadPace takes per model the state of the newest slot that is done, or of an older one.
// The newest pane with rows is looked for among those behind it.
func (f *Fold) loadPace(all map[string]wire.CadenceState) error {
	newest := f.slotOf(f.done+1) - 1
	best := map[string]wire.CadenceState{}
	for _, s := range all {
		if old, had := best[s.Model]; s.Slot <= newest && (!had || s.Slot > old.Slot) {
			best[s.Model] = s
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.models)) {
		m := f.models[name]
		m.pace = nil
		if s, found := best[name]; found && f.cfg.Mutant != loop.ForgetsCadence {
			if err := f.restorePace(m, s); err != nil {
				return err
			}
		}
		p, err := f.paceOf(m)
		if err != nil {
			return err
		}
		for pane, c := range m.ring[0] {
			if pane <= f.done && c.rows() > 0 {
				p.lastMS = max(p.lastMS, f.end(pane))
			}
		}
	}
	return nil
}

// joinPace takes the state that a replay is told.
func (f *Fold) joinPace(m *model, a wire.PastAlarm) error {
	s, err := wire.DecodeCadenceState(a.State)
	if err != nil {
		return err
	}
	seen := wire.NoPane
	if m.pace != nil {
		seen = m.pace.lastMS // panes that were read again, from before the moment
	}
	if err := f.restorePace(m, s); err != nil {
		return err
	}
	m.pace.lastMS = max(m.pace.lastMS, seen)
	return nil
}

// overdue reports whether a row should have come by now, by the declared cadence or what is
// learnt; known is false where neither says.
func (p *pace) overdue(plan *cadence.Plan, nowMS int64) (overdue, known bool, d wire.FreshnessDetail) {
	d = wire.FreshnessDetail{LastMS: p.lastMS, Source: plan.Source()}
	if p.lastMS == wire.NoPane {
		return false, false, d
	}
	if plan.Declared() {
		d.DueMS = p.dueMS(plan)
		return nowMS > d.DueMS, true, d
	}
	overdue, known = p.volume.Overdue(p.lastMS, nowMS)
	return overdue, known, d
}

func (p *pace) dueMS(plan *cadence.Plan) int64 {
	if p.due.plan != plan || p.due.lastMS != p.lastMS {
		p.due = cachedDue{plan, p.lastMS, plan.DueMS(p.lastMS)}
	}
	return p.due.atMS
}

// excused reports whether no verdict could be expected of a window, so that its lack does
// not make an alarm stale. In a quiet hour nothing is missed. Where nothing is overdue and
// all input is there, neither is a window of too few rows for a verdict, which says that
// the model has little traffic, nor one that the cadence fills less than half. Where the
// cadence is neither declared nor learnt for the time since the last row, a week without
// rows counts as an outage.
func (p *pace) excused(j *judgement) bool {
	plan, now := j.policy.Cadence, j.window.endMS
	from := now - j.cfg.HopMS
	late, known, _ := p.overdue(plan, now)
	quiet := plan.Closed(from, now)
	if !plan.Declared() {
		hour, learnt := p.volume.Quiet(from, now)
		if quiet = learnt && hour && !late; !known && !quiet {
			late = p.lastMS == wire.NoPane || now-p.lastMS > p.volume.WeekMS()
		}
	}
	if quiet {
		return true
	}
	return !late && j.window.covered && (!known || j.score.Rows < j.policy.MinRows || p.thin(j))
}

// thin reports whether the cadence fills such a window with less than half of the open
// time, or of the rows, that so long a window has on average.
func (p *pace) thin(j *judgement) bool {
	unit, now := p.volume.UnitMS(), j.window.endMS
	if j.policy.Cadence.Thin(now-j.window.lengthMS, now) {
		return true
	}
	from := floorDiv(now-j.window.lengthMS, unit) * unit
	e, ok := p.volume.Expect(from, max(from+unit, floorDiv(now, unit)*unit))
	if !ok {
		return false
	}
	usual, ok := p.volume.Usual(j.window.lengthMS)
	return ok && 2*e.Rows < usual
}
