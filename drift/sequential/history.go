package sequential

import (
	"fmt"
	"math"

	"github.com/driftline/driftline/sketches"
)

// History is a run of panes in time order, kept small: per pane and feature only the
// cells that were counted. Calibrate resamples it.
type History struct {
	grid  *sketches.Grid
	cells []uint32 // cell, or the number of cells for a missing value
	count []uint32
	end   []int // per pane and feature: end of its run in cells and count
	panes int
}

// NewHistory returns a run without panes.
func NewHistory(g *sketches.Grid) *History { return &History{grid: g} }

// Panes returns the number of panes.
func (h *History) Panes() int { return h.panes }

// Append adds the next pane. A pane without records belongs in the run too.
//
// Errors: sketches.ErrGridMismatch; sketches.ErrOverflow for a count of 2³² or more.
// The run is then unchanged.
func (h *History) Append(c *sketches.Counts) error {
	if c.Grid != h.grid && c.Grid.ID() != h.grid.ID() {
		return fmt.Errorf("%w: a pane of %s in a run of %s", sketches.ErrGridMismatch, c.Grid.ID(), h.grid.ID())
	}
	at, ends := len(h.cells), len(h.end)
	put := func(cell int, k uint64) bool {
		if k > 0 {
			h.cells = append(h.cells, uint32(cell))
			h.count = append(h.count, uint32(k))
		}
		return k <= math.MaxUint32
	}
	for i := range c.Features {
		ok := put(h.grid.Features[i].Cells(), c.Features[i].Null)
		for cell, k := range c.Features[i].Cells {
			ok = put(cell, k) && ok
		}
		if !ok {
			h.cells, h.count, h.end = h.cells[:at], h.count[:at], h.end[:ends]
			return fmt.Errorf("pane %d, feature %q: %w", h.panes, h.grid.Features[i].Name, sketches.ErrOverflow)
		}
		h.end = append(h.end, len(h.cells))
	}
	h.panes++
	return nil
}

// run returns the cells and counts of a feature in a pane.
func (h *History) run(pane, feature int) (cells, count []uint32) {
	i := pane*len(h.grid.Features) + feature
	from := 0
	if i > 0 {
		from = h.end[i-1]
	}
	return h.cells[from:h.end[i]], h.count[from:h.end[i]]
}

// rows returns the values of a feature in a pane, missing ones included or not.
func (h *History) rows(pane, feature int, missing bool) uint64 {
	n := uint64(0)
	cells, count := h.run(pane, feature)
	for i, k := range count {
		if missing || int(cells[i]) < h.grid.Features[feature].Cells() {
			n += uint64(k)
		}
	}
	return n
}

// addTo adds a pane to counts, cells and missing values only.
func (h *History) addTo(c *sketches.Counts, pane int) {
	for f := range c.Features {
		cells, count := h.run(pane, f)
		for i, cell := range cells {
			if int(cell) < len(c.Features[f].Cells) {
				c.Features[f].Cells[cell] += uint64(count[i])
			} else {
				c.Features[f].Null += uint64(count[i])
			}
		}
	}
}

// Counts returns the sum of all panes, cells and missing values only: the reference,
// where the run is the reference.
func (h *History) Counts() *sketches.Counts {
	c := sketches.NewCounts(h.grid)
	for i := range h.panes {
		h.addTo(c, i)
	}
	return c
}

// increments returns those of every pane, paths wide.
func (h *History) increments(t *Tables) []int64 {
	out := make([]int64, h.panes*t.paths)
	for i := range h.panes {
		inc := out[i*t.paths : (i+1)*t.paths]
		for f := range t.features {
			if t.features[f].paths == 0 {
				continue
			}
			cells, count := h.run(i, f)
			for j, cell := range cells {
				t.Add(inc, f, int(cell), uint64(count[j]))
			}
		}
	}
	return out
}
