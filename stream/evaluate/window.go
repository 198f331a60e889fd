package evaluate

import (
	"fmt"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
)

// window is one window of a model that ends with a pane.
type window struct {
	pane     int64
	endMS    int64
	lengthMS int64
	sum      *cell            // all versions and grids
	counts   *sketches.Counts // on the reference's grid, nil where there are none
	cover    wire.Coverage
	covered  bool    // coverage reaches the policy's least
	filled   float64 // share that lies after the model's grid began
	half     bool    // at least half of it does
	full     bool
	// provisional windows hold panes that are not final.
	provisional bool
}

// window sums the panes of a window from the rings: panes up to two slots, slots
// beyond. Integer sums, so it does not matter in which order.
func (f *Fold) window(m *model, pane, lengthMS int64) (*window, error) {
	return f.windowOf(m, pane, lengthMS, func(ring int, number int64) (*cell, wire.Coverage, error) {
		c, cover := f.stored(m, ring, number)
		return c, cover, nil
	})
}

// stored looks a pane or slot up in the rings.
func (f *Fold) stored(m *model, ring int, number int64) (*cell, wire.Coverage) {
	cover := f.cover[ring][number]
	if m.lost[ring][number] {
		cover.Covered = 0
	}
	return m.ring[ring][number], cover
}

func (f *Fold) windowOf(m *model, pane, lengthMS int64, look func(ring int, number int64) (*cell, wire.Coverage, error)) (*window, error) {
	l := f.cfg.Layout
	w := &window{pane: pane, endMS: f.end(pane), lengthMS: lengthMS, sum: newCell()}
	ring, last, n := 0, pane, lengthMS/l.PaneMS
	if lengthMS > 2*l.SlotMS() {
		ring, last, n = 1, f.slotOf(pane), lengthMS/l.SlotMS()
	}
	for number := last - n + 1; number <= last; number++ {
		c, cover, err := look(ring, number)
		if err == nil && c != nil {
			err = w.sum.merge(c)
		}
		if err != nil {
			return nil, fmt.Errorf("window of %d ms of model %q at %d: %w", lengthMS, m.name, w.endMS, err)
		}
		w.cover.Covered += cover.Covered
		w.cover.Expected += cover.Expected
	}
	return w, nil
}

// coverageParts is the denominator of the coverage in scores and events.
const coverageParts = 1_000_000

// coverageShare returns the coverage in parts of a million, floored so that only a
// full window has them all. A count of (source, pane) pairs would make scores depend
// on the number of partitions.
func (w *window) coverageShare() (covered, expected uint64) {
	if w.cover.Expected == 0 {
		return 0, 0
	}
	return w.cover.Covered * coverageParts / w.cover.Expected, coverageParts
}

// fill says how much of the window lies after `since`, the first pane that counts
// for the model.
func (w *window) fill(since, paneMS int64) {
	panes := w.lengthMS / paneMS
	have := max(0, min(w.pane-since+1, panes))
	w.filled = float64(have) / float64(panes)
	w.half, w.full = 2*have >= panes, have >= panes
}

// store puts a final pane into the rings: the pane itself, and at the end of a slot
// the sum of its panes.
func (f *Fold) store(fin final, merged map[string]*cell) error {
	l := f.cfg.Layout
	for name, c := range merged {
		f.model(name).ring[0][fin.pane] = c
	}
	f.cover[0][fin.pane] = fin.covered
	delete(f.cover[0], fin.pane-l.Ring0())
	slot := f.slotOf(fin.pane)
	ends := f.slotOf(fin.pane+1) != slot
	for _, m := range f.models {
		delete(m.ring[0], fin.pane-l.Ring0())
		delete(m.lost[0], fin.pane-l.Ring0())
		if !ends {
			continue
		}
		sum, found, err := f.sumOf(m, slot)
		if err != nil {
			return err
		}
		for p := slot * l.SlotPanes; p <= fin.pane; p++ {
			if m.lost[0][p] {
				found, m.lost[1][slot] = true, true
			}
		}
		if found {
			m.ring[1][slot] = sum
		}
		delete(m.ring[1], slot-l.Ring1())
		delete(m.lost[1], slot-l.Ring1())
	}
	if ends {
		f.cover[1][slot] = f.coverOf(slot)
		delete(f.cover[1], slot-l.Ring1())
	}
	return nil
}
