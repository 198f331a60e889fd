package evaluate

import (
	"fmt"
	"maps"
	"slices"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
)

// What a model remembers for its moving references: its counts slot by slot, kept in
// state records of their own for longer than the rings, and which slots never become part
// of a reference. Both are functions of the log: counts are those of the coarse ring, and
// a slot is out from the moment one of the model's alarms fires over it, or where input
// is missing. What people exclude is control, and asked when a reference is made.

// moving is that memory.
type moving struct {
	state  wire.MovingState
	newest int64                 // number of the newest slot kept, NoPane if none
	kept   map[int64][]wire.Kept // by slot, its chunks in order
	sum    *summed               // the trailing sum of the last time
}

func newMoving(s wire.MovingState) *moving {
	return &moving{state: s, newest: wire.NoPane, kept: map[int64][]wire.Kept{}}
}

// installedExclusions are exclusions with the pane from which they count.
type installedExclusions struct {
	pane int64
	all  wire.Exclusions
}

// exclusions returns those in force at a pane.
func (m *model) exclusions(pane int64) wire.Exclusions {
	for i := len(m.excluded) - 1; i >= 0; i-- {
		if m.excluded[i].pane <= pane {
			return m.excluded[i].all
		}
	}
	return wire.Exclusions{}
}

// remember begins to keep a model's past where its policy asks for it, and stops where it
// does not. changed says that the state must be written down.
func (f *Fold) remember(m *model, in *installed, policy wire.Policy, pane int64) (changed bool) {
	wants := in != nil && len(policy.Moving()) > 0
	if wants == (m.moving != nil) {
		return false
	}
	if !wants {
		m.moving = nil
		return true
	}
	since := f.slotOf(pane)
	if pane != since*f.cfg.Layout.SlotPanes {
		since++ // the slot under way is not whole
	}
	m.moving = newMoving(wire.MovingState{Since: since})
	return true
}

// mark takes the slots out that a firing alarm stands over: those of the window that it
// fired on, so that what drifted before it fired does not enter either. What a version answers
// is no input; and the alarm of a segment that fell silent while it fired would take out all
// that still comes.
func (f *Fold) mark(m *model, pane int64) {
	if f.cfg.Past != nil && !f.joined {
		return // what alarms said before a replay begins, it is told
	}
	end, slot := f.end(pane), f.slotOf(pane)
	for k, a := range m.alarms { // in any order: marks are a union
		if a.state.Phase != drift.PhaseFiring || k.kind == wire.KindOfPrediction || a.state.Stale && m.segmentOf(k.reference) != "" {
			continue
		}
		first := slot
		if drift.DefaultAlarm(k.windowMS, f.cfg.Layout.Hop(k.windowMS)).IsHop(end) {
			first = f.slotOf(floorDiv(end-k.windowMS, f.cfg.Layout.PaneMS))
		}
		m.moving.state.Mark(first, slot)
	}
}

// keep puts a slot that has ended into the model's past, and lets go of what no reference
// to come can reach.
func (f *Fold) keep(m *model, policy wire.Policy, slot int64, out *output) {
	p, l := m.moving, f.cfg.Layout
	c, cover := f.stored(m, 1, slot)
	if cover.Expected == 0 || float64(cover.Covered) < policy.MinCoverage*float64(cover.Expected) {
		p.state.Mark(slot, slot)
	}
	if c != nil && slot >= p.state.Since {
		p.kept[slot] = keptOf(c, m.name, slot, p.newest)
		p.newest = slot
		for _, k := range p.kept[slot] {
			out.slots = append(out.slots, f.state(wire.KeptKey(m.name, k.Chunk, mod(slot, l.Kept())), k.Encode()))
		}
	}
	back := policy.BackMS(l)
	p.state.Trim(slot + 1 - (back+l.SlotMS()-1)/l.SlotMS())
	maps.DeleteFunc(p.kept, func(n int64, _ []wire.Kept) bool { return n < p.state.Since })
}

// recall brings a model's past up to a pane, after its alarms have stepped, and notes how
// it stands in the score of the shortest window, where a replay looks for it. changed says
// that the state must be written down: an alarm marks at panes without rows too, and may
// have ended when the next slot is written.
func (f *Fold) recall(m *model, policy wire.Policy, pane int64, hops []*judgement, out *output) (changed bool) {
	if m.moving == nil {
		return false
	}
	before := slices.Clone(m.moving.state.Out)
	f.mark(m, pane)
	changed = !slices.Equal(before, m.moving.state.Out)
	if slot := f.slotOf(pane); f.slotOf(pane+1) != slot {
		f.keep(m, policy, slot, out)
	}
	if len(hops) > 0 && hops[0].isHop {
		hops[0].score.Moving = m.moving.state.Encode()
	}
	return changed
}

// keptOf writes what a slot holds of all rows on grids, by chunk; at least one record, so
// that a slot can be missed.
func keptOf(c *cell, name string, slot, prev int64) []wire.Kept {
	whole := newCell() // moving references have no segments
	for k, e := range c.entries {
		if k.segment == "" {
			whole.entries[k] = e
		}
	}
	var out []wire.Kept
	for _, s := range whole.slots(wire.Slot{}, wire.SlotBytes) {
		k := wire.Kept{Model: name, Chunk: s.Chunk, Number: slot, Prev: prev}
		for _, e := range s.Entries {
			if !e.Grid.IsZero() {
				k.Entries = append(k.Entries, wire.KeptEntry{Grid: e.Grid, Counts: e.Counts})
			}
		}
		out = append(out, k)
	}
	return out
}

// on returns what a slot holds on a grid, zero counts where no rows came.
func (p *moving) on(g *sketches.Grid, slot int64) (*sketches.Counts, error) {
	sum, id := sketches.NewCounts(g), g.ID()
	for _, k := range p.kept[slot] {
		for _, e := range k.Entries {
			if e.Grid != id {
				continue
			}
			from, to := wire.ChunkRange(int(k.Chunk), len(g.Features))
			c, err := sketches.DecodeCounts(g, from, to, e.Counts)
			if err != nil {
				return nil, fmt.Errorf("kept slot %d: %w", slot, err)
			}
			if k.Chunk > 0 {
				c.Rows = 0 // rows stand in every chunk and count once
			}
			if err := sum.Merge(c); err != nil {
				return nil, fmt.Errorf("kept slot %d: %w", slot, err)
			}
		}
	}
	return sum, nil
}

// loadKept takes the records of the slots that are done, and takes out what is not there:
// a slot that a later one names as its predecessor, one without all of its chunks, and the
// newest where the coarse ring knows of one.
func (f *Fold) loadKept(all []wire.Kept) {
	for _, k := range all {
		m := f.models[k.Model]
		if m == nil || m.moving == nil || k.Number < m.moving.state.Since || k.Number >= f.slotOf(f.done+1) {
			continue
		}
		p := m.moving
		if !slices.ContainsFunc(p.kept[k.Number], func(o wire.Kept) bool { return o.Chunk == k.Chunk }) {
			p.kept[k.Number] = append(p.kept[k.Number], k)
		}
		p.newest = max(p.newest, k.Number)
	}
	for _, m := range f.models {
		if m.moving != nil {
			f.findLostKept(m)
		}
	}
}

// keptBefore is the newest slot before another that is kept, or the one before the first.
func (p *moving) keptBefore(slot int64) int64 {
	before := p.state.Since - 1
	for n := range p.kept {
		if n < slot {
			before = max(before, n)
		}
	}
	return before
}

func (f *Fold) findLostKept(m *model) {
	p := m.moving
	lose := func(slot int64) {
		p.state.Mark(slot, slot)
		delete(p.kept, slot)
		f.keptLost++
	}
	for _, slot := range slices.Sorted(maps.Keys(p.kept)) {
		chunks := p.kept[slot]
		slices.SortFunc(chunks, func(a, b wire.Kept) int { return int(a.Chunk) - int(b.Chunk) })
		need := 1
		for _, k := range chunks {
			for _, e := range k.Entries {
				if g, ok := f.view.Grid(m.name, e.Grid); ok {
					need = max(need, wire.Chunks(len(g.Grid.Features)))
				}
			}
		}
		prev := chunks[0].Prev
		if len(chunks) < need || chunks[0].Chunk != 0 {
			lose(slot)
		}
		if prev >= p.state.Since && p.kept[prev] == nil && p.state.Has(prev) {
			lose(prev)
			p.state.Mark(p.keptBefore(prev)+1, prev) // with it what it named: more may be lost
		}
	}
	if last := m.newest[1]; last > p.newest && last >= p.state.Since {
		for n := max(p.newest+1, p.state.Since); n <= last; n++ {
			if m.ring[1][n] != nil {
				lose(n)
			}
		}
		p.newest = last
	}
}

// joinMoving takes what a replay that begins in the middle is told of a model's past: the
// slots that never enter. What it has not read whole itself stays out too. Where it is
// told nothing of a past that there may have been, there is none.
func (f *Fold) joinMoving(m *model, told *wire.MovingState, pane int64) {
	if m.moving == nil {
		return
	}
	own := &m.moving.state
	switch {
	case told != nil:
		own.Trim(told.Since)
		for _, r := range told.Out {
			own.Mark(r.First, r.Last)
		}
		own.Trim(own.Since)
	case f.cfg.Past.Unknown:
		*own = wire.MovingState{Since: f.slotOf(pane) + 1}
	}
}

// BackMS returns how far before the end of a window anything is that it is judged by: the
// longest window, or the oldest part of a moving reference.
func (f *Fold) BackMS() int64 {
	l := f.cfg.Layout
	back := max(l.LongestMS(), f.cfg.Policy.BackMS(l))
	for _, m := range f.models {
		for _, p := range m.policies {
			back = max(back, p.policy.BackMS(l))
		}
	}
	return back
}
