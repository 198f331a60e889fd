package sequential

import (
	"fmt"
	"math/bits"

	"github.com/driftline/driftline/sketches"
)

// limit bounds an increment and a sum, in nano-nats: 1.1·10⁹ nats, beyond any
// threshold, and low enough that two of them add up without wrapping.
const limit = 1 << 60

// plain: of fewer values than this, in whatever cells, increments stay below limit without
// looking, since a score is below 2³⁵ nano-nats (no share is below e⁻³⁴).
const plain = 1 << 24

// Pane writes the increments of a pane, one per path, into inc. It allocates nothing.
//
// Counts that are not in cells (other than null) add nothing: they have rules of
// their own. A pane of one record is as good as any.
//
// Errors: sketches.ErrGridMismatch for counts of another grid or a wrong length of inc.
func (t *Tables) Pane(inc []int64, c *sketches.Counts) error {
	if len(inc) != t.paths {
		return fmt.Errorf("%w: room for %d increments, %d paths", sketches.ErrGridMismatch, len(inc), t.paths)
	}
	if c.Grid != t.grid && c.Grid.ID() != t.grid.ID() {
		return fmt.Errorf("%w: a pane of %s, tables of %s", sketches.ErrGridMismatch, c.Grid.ID(), t.grid.ID())
	}
	clear(inc)
	for f := range t.features {
		if t.features[f].paths == 0 {
			continue
		}
		fc := &c.Features[f]
		add := (*Tables).Add
		if n, over := bits.Add64(fc.Total(), fc.Null, 0); over == 0 && n < plain {
			add = (*Tables).addFew
		}
		for cell, k := range fc.Cells {
			if k != 0 {
				add(t, inc, f, cell, k)
			}
		}
		if fc.Null != 0 {
			add(t, inc, f, t.features[f].columns-1, fc.Null)
		}
	}
	return nil
}

// addFew is Add for a feature with fewer than plain values in the whole pane.
func (t *Tables) addFew(inc []int64, f, cell int, count uint64) {
	ft := &t.features[f]
	score := ft.score[cell*ft.paths : (cell+1)*ft.paths]
	to := inc[ft.first : ft.first+ft.paths]
	k := int64(count)
	for i, s := range score {
		to[i] += k * s
	}
}

// Row writes the increments of one record into inc: per feature the cell of its
// value, Missing for null, or Beside for what is in no cell. Lengths must fit.
func (t *Tables) Row(inc []int64, cells []int) {
	clear(inc)
	for f, cell := range cells {
		switch {
		case cell >= 0:
			t.addFew(inc, f, cell, 1)
		case cell == Missing:
			t.addFew(inc, f, t.features[f].columns-1, 1)
		}
	}
}

// What a row says of a feature without a value in a cell.
const (
	Missing = -1 // null
	Beside  = -2 // NaN, infinite, of a wrong type, unseen: rules of their own
)

// Add adds count values in a cell of feature f to the increments of a pane; the
// column after the last cell stands for missing values.
func (t *Tables) Add(inc []int64, f, cell int, count uint64) {
	ft := &t.features[f]
	score := ft.score[cell*ft.paths : (cell+1)*ft.paths]
	to := inc[ft.first : ft.first+ft.paths]
	for i, s := range score {
		to[i] = bounded(to[i] + product(s, count))
	}
}

// bounded keeps x within ±limit.
func bounded(x int64) int64 { return max(-limit, min(limit, x)) }

// product is s·k, kept within ±limit.
func product(s int64, k uint64) int64 {
	abs := uint64(max(s, -s))
	hi, lo := bits.Mul64(abs, k)
	if hi != 0 || lo > limit {
		lo = limit
	}
	if s < 0 {
		return -int64(lo)
	}
	return int64(lo)
}
