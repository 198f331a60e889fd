package evaluate

import (
	"fmt"
	"maps"
	"math"
	"math/bits"
	"slices"
	"strconv"

	"github.com/driftline/driftline/drift/sequential"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
)

// The early warning steps once a slot, when the slot's last pane is final and all of its
// input is there. Increments are a function of the slot's counts, which the coarse ring
// holds; so a state that a load does not find is stepped again from an older one.

// early is the state of a model's early warning.
type early struct {
	reference sketches.ID
	track     *sequential.Track // nil: none is in force
	slot      int64             // the last slot it has seen, looked at or not
	unknown   bool              // what stood before this fold is not known: it says nothing
	gaps      []wire.EarlyGap
}

// maxGaps is how many gaps a state remembers; an excursion over more began earlier than
// it says.
const maxGaps = 32

// maxEarlyInScore is the largest state that a score carries into the history. With more,
// a replay from the middle does not know the state.
const maxEarlyInScore = 64 << 10

// warnsEarly reports whether a model is warned early under a policy.
func (in *installed) warnsEarly(p wire.Policy) bool {
	in = in.whole()
	return in.tables != nil && p.Early != wire.EarlyOff
}

// prepare makes the tables of a reference with a plan.
func (in *installed) prepare() (err error) {
	if in.ref.Early == nil {
		return nil
	}
	if in.tables, err = sequential.NewTables(in.ref.Early.Plan.Paths, in.ref.Counts); err != nil {
		return fmt.Errorf("early warning of the reference of model %q: %w", in.ref.Model, err)
	}
	in.inc = make([]int64, len(in.ref.Early.Plan.Paths))
	return nil
}

// judgeEarly steps the early warning where a slot ends with the pane, and notes its state
// in the score of the shortest window.
func (f *Fold) judgeEarly(m *model, pane int64, hops []*judgement, out *output) error {
	slot := f.slotOf(pane)
	if f.slotOf(pane+1) == slot {
		return nil
	}
	if err := f.stepEarly(m, slot, out); err != nil {
		return err
	}
	s, _ := m.early.state(m.name)
	if len(s.Track) == 0 {
		return nil
	}
	frame := s.Encode()
	out.slots = append(out.slots, f.state(wire.EarlyKey(m.name, slot), frame))
	if len(hops) > 0 && len(frame) <= maxEarlyInScore {
		hops[0].score.Early = frame
	}
	return nil
}

// stepEarly moves the early warning of a model by one slot. out nil: what it says was
// published by an earlier life.
func (f *Fold) stepEarly(m *model, slot int64, out *output) error {
	first := slot * f.cfg.Layout.SlotPanes
	last := first + f.cfg.Layout.SlotPanes - 1
	in, policy := m.reference(last), m.policy(last, f.cfg.Policy)
	if in == nil || !in.warnsEarly(policy) {
		m.early = &early{slot: slot}
		return nil
	}
	e := m.early
	if e == nil || e.reference != in.id {
		e = &early{
			reference: in.id, track: sequential.NewTrack(in.ref.Early.Plan, 0),
			unknown: e == nil && f.unknown(m, f.cfg.Layout.SlotMS()),
		}
		m.early = e
	}
	e.slot = slot
	c, whole := f.wholeSlot(m, slot, out != nil)
	if !whole || first < in.grid.FromPane {
		e.skip()
		return nil
	}
	counts, err := in.increments(c)
	if err != nil {
		return fmt.Errorf("early warning of model %q, slot %d: %w", m.name, slot, err)
	}
	a, crossed := e.track.Push(in.inc)
	if crossed && !e.unknown && out != nil {
		f.warn(m, in, policy, e, a, counts, out)
	}
	return nil
}

// wholeSlot returns the counts of a slot, and whether all of its input is in them. ended
// says that it ended just now, so that its panes are still in the fine ring; a fold that
// began within the slot has not seen them all.
func (f *Fold) wholeSlot(m *model, slot int64, ended bool) (c *cell, whole bool) {
	l := f.cfg.Layout
	c, cover := f.stored(m, 1, slot)
	whole = slot*l.SlotPanes >= f.first && cover.Expected > 0 && cover.Covered == cover.Expected
	for p := slot * l.SlotPanes; ended && p < (slot+1)*l.SlotPanes; p++ {
		whole = whole && f.cover[0][p].Expected > 0
	}
	return c, whole
}

// increments computes those of a slot into in.inc and returns its rows. A slot with more
// rows than any that the plan was calibrated on counts as one of that many: rows of one
// slot hang together, and what the calibration did not see must not count as evidence.
func (in *installed) increments(c *cell) (rows uint64, err error) {
	var counts *sketches.Counts
	if c != nil {
		counts = c.on(in.ref.Counts.Grid.ID())
	}
	if counts == nil {
		clear(in.inc)
		return 0, nil
	}
	if err := in.tables.Pane(in.inc, counts); err != nil {
		return 0, err
	}
	if most := in.ref.Early.Rows; counts.Rows > most {
		for i, x := range in.inc {
			in.inc[i] = shrink(x, most, counts.Rows)
		}
	}
	return counts.Rows, nil
}

// shrink is x·most/rows towards zero, for most < rows.
func shrink(x int64, most, rows uint64) int64 {
	hi, lo := bits.Mul64(uint64(max(x, -x)), most)
	q, _ := bits.Div64(hi, lo, rows)
	if x < 0 {
		return -int64(q)
	}
	return int64(q)
}

// skip notes a slot that is not looked at.
func (e *early) skip() {
	before := e.track.State().Panes
	if n := len(e.gaps); n > 0 && e.gaps[n-1].Before == before {
		e.gaps[n-1].Slots++
		return
	}
	e.gaps = append(e.gaps, wire.EarlyGap{Before: before, Slots: 1})
	e.gaps = slices.Delete(e.gaps, 0, max(0, len(e.gaps)-maxGaps))
}

// since returns the slot in which the excursion behind an alarm began, where the alarm
// comes with the newest slot.
func (e *early) since(a sequential.Alarm) int64 {
	back := a.Pane - a.Since
	for _, g := range e.gaps {
		if g.Before > a.Since && g.Before <= a.Pane {
			back += g.Slots
		}
	}
	return e.slot - int64(back)
}

// warn writes the drift event of a warning. It opens no episode and asks for no retrain.
func (f *Fold) warn(m *model, in *installed, policy wire.Policy, e *early, a sequential.Alarm, rows uint64, out *output) {
	l, plan := f.cfg.Layout, in.ref.Early.Plan
	end := (e.slot + 1) * l.SlotMS()
	path, report := plan.Paths[a.Path], plan.Report
	feature := &in.ref.Counts.Grid.Features[path.Feature]
	monthly := func(panes float64) float64 { return rounded(sequential.PerMonth(panes, l.SlotMS())) }
	achieved, low, high := report.Achieved()
	detail := wire.EarlyDetail{
		Feature: feature.Name, Path: path.Label(feature, &in.ref.Counts.Features[path.Feature]), Sum: float64(a.Sum) / 1e9,
		Target: monthly(report.TargetPanes), Achieved: monthly(achieved), Low: monthly(high), High: monthly(low), Basis: report.Basis.String(),
	}
	data := wire.EventData{
		Model: m.name, Version: wire.AnyVersion, Kind: wire.KindOfEarly, Policy: policy.Name, Rule: "early warning", Reference: in.hex,
		WindowMS: l.SlotMS(), StartMS: end - l.SlotMS(), EndMS: end, SinceMS: e.since(a) * l.SlotMS(),
		Rows: rows, ReferenceRows: in.ref.Counts.Rows, Covered: coverageParts, Expected: coverageParts,
		All:       len(in.ref.Counts.Grid.Features),
		Threshold: float64(plan.Threshold+path.Handicap) / 1e9, QualityOpen: m.qualityOpen(), Detail: detail.Map(),
	}
	typ := wire.EventType(kindDrift, "warned")
	id := wire.EventID(wire.EpisodeID(f.cfg.Namespace, m.name, data.Version, data.Policy, data.Reference, data.WindowMS, end, data.Kind), typ, end)
	ev := wire.NewEvent(f.cfg.Namespace, typ, id, "info", end, data)
	out.events = append(out.events, f.output(f.cfg.Topics.Drift, m.name, ev.Encode()))
}

// rounded keeps three digits, which is more than a simulated figure holds; what is no
// finite number is 0.
func rounded(x float64) float64 {
	y, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 3, 64), 64)
	if err != nil || math.IsNaN(y) || math.IsInf(y, 0) {
		return 0
	}
	return y
}

// state returns what is written down, false where no early warning is or was in force.
func (e *early) state(model string) (wire.EarlyState, bool) {
	if e == nil {
		return wire.EarlyState{}, false
	}
	s := wire.EarlyState{Model: model, Slot: e.slot, Reference: e.reference, Unknown: e.unknown, Gaps: e.gaps}
	if e.track != nil {
		s.Track = e.track.Encode()
	}
	return s, true
}

// restoreEarly takes a state that was written down, where its reference is known and in
// force still; else the model has none.
func (m *model) restoreEarly(s wire.EarlyState) error {
	m.early = nil
	if len(s.Track) == 0 {
		m.early = &early{slot: s.Slot}
		return nil
	}
	for i := range m.refs {
		in := &m.refs[i]
		if in.id != s.Reference || in.tables == nil {
			continue
		}
		t, err := sequential.DecodeTrack(in.ref.Early.Plan, s.Track)
		if err != nil {
			return fmt.Errorf("early warning of model %q, slot %d: %w", m.name, s.Slot, err)
		}
		m.early = &early{reference: s.Reference, track: t, slot: s.Slot, unknown: s.Unknown, gaps: s.Gaps}
		return nil
	}
	return nil
}

// loadEarly takes per model the state of the newest slot that is done, or of an older
// one, and steps what follows again. Where none is left it begins with the coarse ring.
func (f *Fold) loadEarly(all map[string]wire.EarlyState) error {
	newest := f.slotOf(f.done+1) - 1
	best := map[string]wire.EarlyState{}
	for _, s := range all {
		if old, had := best[s.Model]; s.Slot <= newest && (!had || s.Slot > old.Slot) {
			best[s.Model] = s
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.models)) {
		m := f.models[name]
		next := max(f.slotOf(f.first), newest-f.cfg.Layout.Ring1()+1)
		if s, found := best[name]; found {
			if err := m.restoreEarly(s); err != nil {
				return err
			}
			next = max(next, s.Slot+1)
		}
		for ; next <= newest; next++ {
			if err := f.stepEarly(m, next, nil); err != nil {
				return err
			}
		}
	}
	return nil
}
