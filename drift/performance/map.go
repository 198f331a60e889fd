package performance

import (
	"fmt"

	"github.com/driftline/driftline/sketches"
)

// Map turns a score cell into a chance: the share of labels that came true there, as
// an ascending curve. Constant inside a cell; cells without labels lie on the line
// between their neighbours with labels, or level with the nearest beyond the ends.
type Map struct {
	blocks []block
	cells  [sketches.ScoreCells]weighed
}

// weighed is the chance of a cell, a mix of two blocks: share of the right one.
type weighed struct {
	chance      float64
	left, right int
	share       float64
}

// FitMap learns a map: of the labels in a score cell, totals in all, positives came
// true. Shapes: a thousand of each. M4.
//
// Errors: ErrBadInput for other shapes, more positives than labels, or no labels.
func FitMap(positives, totals []uint64) (*Map, error) {
	if len(positives) != sketches.ScoreCells || len(totals) != sketches.ScoreCells {
		return nil, fmt.Errorf("%w: %d and %d cells, want %d", ErrBadInput, len(positives), len(totals), sketches.ScoreCells)
	}
	blocks, err := poolAdjacent(positives, totals)
	if err != nil {
		return nil, err
	}
	if len(blocks) == 0 {
		return nil, fmt.Errorf("%w: no labels to fit a map to", ErrBadInput)
	}
	return newMap(blocks, totals), nil
}

func newMap(blocks []block, totals []uint64) *Map {
	m := &Map{blocks: blocks}
	before, at := -1, 0 // nearest cell with labels to the left, and its block
	for c := range m.cells {
		if totals[c] > 0 {
			for m.blocks[at].last < c {
				at++
			}
			m.cells[c] = weighed{m.blocks[at].chance(), at, at, 0}
			for gap := before + 1; gap < c; gap++ {
				if before < 0 {
					m.cells[gap] = m.cells[c]
					continue
				}
				share := float64(gap-before) / float64(c-before)
				l, r := m.cells[before], m.cells[c]
				m.cells[gap] = weighed{l.chance + float64(share*(r.chance-l.chance)), l.left, r.left, share}
			}
			before = c
		}
	}
	for gap := before + 1; gap < len(m.cells); gap++ {
		m.cells[gap] = m.cells[before]
	}
	return m
}

// weigh sets the labels that each block is worth from Σ weight² per cell, Kish's
// (Σw)²/Σw².
func (m *Map) weigh(squares ...[]float64) {
	for i := range m.blocks {
		b := &m.blocks[i]
		sum := 0.0
		for _, s := range squares {
			if s == nil {
				continue
			}
			for c := b.first; c <= b.last; c++ {
				sum += s[c]
			}
		}
		if sum > 0 {
			b.effective = float64(float64(b.total)*float64(b.total)) / sum
		}
	}
}

// Chance returns the chance of a cell, 0 … 999.
func (m *Map) Chance(cell int) float64 { return m.cells[cell].chance }

// Labels returns how many labels the map rests on.
func (m *Map) Labels() (n uint64) {
	for _, b := range m.blocks {
		n += b.total
	}
	return n
}

// spread adds what d, the change of a figure with the chance of a cell, means for the
// chances of the blocks behind it.
func (m *Map) spread(perBlock []float64, cell int, d float64) {
	w := m.cells[cell]
	perBlock[w.left] += float64((1 - w.share) * d)
	perBlock[w.right] += float64(w.share * d)
}

// variance is Σ over blocks of d²·Var(chance), Var = p(1−p)/n with the labels that the
// chance rests on. For this alone p is that of the block with its two neighbours and
// half a label of each kind: pooling leaves blocks at the ends whose few labels all
// agree, and they are not as certain as they look.
func (m *Map) variance(perBlock []float64) float64 {
	sum := 0.0
	for i, d := range perBlock {
		p := m.around(i)
		sum += float64(d*d) * (float64(p*(1-p)) / m.blocks[i].effective)
	}
	return sum
}

func (m *Map) around(i int) float64 {
	yes, labels := 0.5, 1.0
	for _, b := range m.blocks[max(0, i-1):min(len(m.blocks), i+2)] {
		yes += float64(b.chance() * b.effective)
		labels += b.effective
	}
	return yes / labels
}
