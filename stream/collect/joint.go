package collect

import (
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/sketches/joint"
)

// counted is a tally of one grid and what is added up over all its features together.
type counted struct {
	*sketches.Tally
	together *joint.Tally // nil: the grid has no embedding in this pane
	segment  string       // whose rows alone are counted, "" for all
}

// counted makes the tally of a grid, which shows its rows to the joint sums where the
// pane has an embedding. Rows come to them in blocks, as the buffers are emptied, so that
// one adder serves all tallies of a source.
func (s *Source) counted(g *sketches.Grid, e *joint.Embedding) counted {
	c := counted{Tally: sketches.NewTally(g)}
	if e != nil {
		if s.adder == nil {
			s.adder = joint.NewAdder()
		}
		c.together = joint.NewTally(e)
		c.Observe(joint.NewObserver(s.adder, c.together))
	}
	return c
}

// joint returns the encoded joint sums, nil where there are none. The tally is settled.
func (c counted) joint() []byte {
	if c.together == nil {
		return nil
	}
	return c.together.Sums().Encode()
}

// Bytes that joint sums take: of one pane at its worst, where rows went beyond 64 bits,
// and of a source.
const adderBytes = 128 * 64 * 4

func jointBytes(e *joint.Embedding) int64 {
	if e == nil {
		return 0
	}
	width, _, _, _ := e.Width()
	return int64(width) * (8 + 16)
}
