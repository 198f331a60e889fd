package joint

import "github.com/driftline/driftline/sketches"

// Observer feeds a tally of this package with the rows that a sketches.Tally counts:
//
//	counts := sketches.NewTally(grid)
//	counts.Observe(joint.NewObserver(adder, joint.NewTally(embedding)))
//
// Rows then come in blocks, and the cells are found once more but the rows are not
// held twice. Settle the counts before reading the sums.
type Observer struct {
	Tally *Tally
	adder *Adder
}

// NewObserver returns an observer; a may serve many of them, one after another.
func NewObserver(a *Adder, t *Tally) *Observer { return &Observer{Tally: t, adder: a} }

// ObserveRows implements sketches.RowObserver.
func (o *Observer) ObserveRows(c *sketches.Codes) { o.adder.Add(o.Tally, c) }
