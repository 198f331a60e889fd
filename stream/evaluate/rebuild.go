package evaluate

import (
	"fmt"
	"math"
	"slices"

	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/wire"
)

// What a load finds missing is made again while the records that it came from last. A
// coarse slot whose panes are all in the fine ring is their sum. Everything else comes
// from the panes topic: the fold stands at an older marker, from before what is missing,
// and goes on from there. By E3 that gives the same bytes, those that were published
// already among them, and the missing slots with them. As far back as the rings
// allow, a marker that was moved back is nothing else.

// missing is a slot or coverage record that a load did not find.
type missing struct {
	model  string // "": coverage
	ring   uint8
	number int64
}

// lacks returns what is marked as lost.
func (f *Fold) lacks() (all []missing) {
	for name, m := range f.models {
		for ring := range m.lost {
			for n := range m.lost[ring] {
				all = append(all, missing{name, uint8(ring), n})
			}
		}
	}
	for ring := range f.uncovered {
		for n := range f.uncovered[ring] {
			all = append(all, missing{"", uint8(ring), n})
		}
	}
	return all
}

// sumUp makes coarse slots that are missing from the panes they consist of, where all of
// these are known, and writes them with the next cycle.
func (f *Fold) sumUp() error {
	l := f.cfg.Layout
	whole := func(m *model, slot int64) bool {
		first := slot * l.SlotPanes
		if first < f.oldest()[0] {
			return false // what is missing there was not looked for
		}
		for p := first; p < first+l.SlotPanes; p++ {
			if m != nil && m.lost[0][p] || m == nil && f.uncovered[0][p] {
				return false
			}
		}
		return true
	}
	for _, x := range f.lacks() {
		m := f.models[x.model]
		if x.ring != 1 || m == nil || !whole(m, x.number) {
			continue
		}
		f.summed++
		sum, _, err := f.sumOf(m, x.number)
		if err != nil {
			return err
		}
		m.ring[1][x.number] = sum
		delete(m.lost[1], x.number)
		f.repair(m, x.number, sum)
	}
	for slot := range f.uncovered[1] {
		if !whole(nil, slot) {
			continue
		}
		// Which slots there were is not known: each model's is made again.
		c := f.coverOf(slot)
		for _, m := range f.models {
			if !whole(m, slot) {
				continue
			}
			sum, found, err := f.sumOf(m, slot)
			if err != nil {
				return err
			}
			if found {
				m.ring[1][slot] = sum
				c.Slots += uint64(f.repair(m, slot, sum))
			}
		}
		f.cover[1][slot] = c
		delete(f.uncovered[1], slot)
		f.summed++
		f.repairs = append(f.repairs, f.state(wire.CoverageKey(1, mod(slot, l.Ring1())), c.Encode()))
	}
	return nil
}

// repair writes a coarse slot again, with the next cycle, and returns how many records
// it takes.
func (f *Fold) repair(m *model, number int64, c *cell) int {
	base := wire.Slot{Model: m.name, Ring: 1, Number: number, Prev: wire.NoPane, Control: f.control}
	for n := range m.ring[1] {
		if n < number {
			base.Prev = max(base.Prev, n)
		}
	}
	slots := c.slots(base, f.cfg.SlotBytes)
	for _, s := range slots {
		f.repairs = append(f.repairs, f.state(wire.SlotKey(m.name, s.Chunk, 1, mod(s.Number, f.cfg.Layout.Ring1())), s.Encode()))
	}
	m.newest[1] = max(m.newest[1], number)
	return len(slots)
}

// sumOf adds up the panes of a slot; found is false where no rows came.
func (f *Fold) sumOf(m *model, slot int64) (sum *cell, found bool, err error) {
	sum = newCell()
	for p := slot * f.cfg.Layout.SlotPanes; p < (slot+1)*f.cfg.Layout.SlotPanes; p++ {
		if c := m.ring[0][p]; c != nil {
			found = true
			if err := sum.merge(c); err != nil {
				return nil, found, fmt.Errorf("slot %d of model %q: %w", slot, m.name, err)
			}
		}
	}
	return sum, found, nil
}

// coverOf adds up the coverage of a slot's panes.
func (f *Fold) coverOf(slot int64) wire.Coverage {
	c := wire.Coverage{Ring: 1, Number: slot}
	for p := slot * f.cfg.Layout.SlotPanes; p < (slot+1)*f.cfg.Layout.SlotPanes; p++ {
		c.Covered += f.cover[0][p].Covered
		c.Expected += f.cover[0][p].Expected
	}
	return c
}

// goBack stands the fold at an older marker if that makes whole what is missing now; start
// is the first offset that the panes topic holds.
func (f *Fold) goBack(l *loaded, start int64) error {
	lost := f.lacks()
	if len(lost) == 0 {
		return nil
	}
	newest := f.done
	back, ok := f.before(l, lost, start)
	if !ok {
		return nil
	}
	if err := f.stand(l, back); err != nil {
		return err
	}
	if len(f.lacks()) == 0 {
		f.stats.RebuiltSlots += uint64(len(lost))
		return nil
	}
	// What windows of that time need is missing too: republished, they would say less than
	// they did.
	return f.stand(l, l.markers[newest])
}

// before returns the newest marker from before everything that is missing, if a load
// may begin there.
func (f *Fold) before(l *loaded, lost []missing, start int64) (m wire.Done, ok bool) {
	first := int64(math.MaxInt64)
	for _, x := range lost {
		if x.ring == 1 {
			x.number *= f.cfg.Layout.SlotPanes
		}
		first = min(first, x.number)
	}
	for pane, d := range l.markers {
		if pane < first && (!ok || pane > m.Pane) {
			m, ok = d, true
		}
	}
	ok = ok && f.done-m.Pane <= int64(maxRun(f.cfg.Layout)) && m.Resume >= start && l.learntKnown(m.Pane)
	return m, ok
}

// learntKnown reports whether what was learnt up to a pane is still there: a record that
// old, or for a window that was first written to later, its very first.
func (l *loaded) learntKnown(pane int64) bool {
	type of struct {
		model  string
		window int64
	}
	known := map[of]bool{}
	for _, x := range l.learnt {
		k := of{x.Model, x.WindowMS}
		known[k] = known[k] || x.Pane <= pane || x.Writes == 1
	}
	for _, ok := range known {
		if !ok {
			return false
		}
	}
	return true
}

// reset forgets what stands in the state topic, not what stands in control.
func (f *Fold) reset() {
	for _, m := range f.models {
		fresh := newModel(m.name)
		fresh.refs, fresh.policies, fresh.excluded = m.refs, m.policies, m.excluded
		*m = *fresh
	}
	f.cover = [2]map[int64]wire.Coverage{{}, {}}
	f.uncovered = [2]map[int64]bool{{}, {}}
	f.repairs, f.summed, f.keptLost, f.stats.LostSlots = nil, 0, 0, 0
}

// takeRepairs returns what the next cycle writes beside its own slots.
func (f *Fold) takeRepairs() []log.Record {
	r := f.repairs
	f.repairs = nil
	return slices.Clip(r)
}

// countLost sets the count of what a load could not make whole.
func (f *Fold) countLost() { f.stats.LostSlots = uint64(len(f.lacks())) + f.keptLost }
