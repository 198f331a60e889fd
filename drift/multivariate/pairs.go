package multivariate

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/sketches/joint"
)

// PairChange is how the correlation of two features changed.
type PairChange struct {
	A, B     int     // indices in the grid, A < B
	Ref, Cur float64 // correlation of their coordinates that changed most
	Change   float64 // atanh ρ − atanh ρ⁰ in standard errors of independent rows; signed
}

// Pairs returns the changes of correlations between two features, the largest first, at
// most as many as asked for, each pair of features once. Like Attribute it names what
// changed and decides nothing.
//
// Errors: sketches.ErrGridMismatch for sums of two embeddings; ErrTooFew for fewer than
// 30 reference rows or 12 rows of the window.
func Pairs(ref, cur *joint.Sums, most int) ([]PairChange, error) {
	if ref.Embedding.ID() != cur.Embedding.ID() {
		return nil, fmt.Errorf("%w: embeddings %s and %s", sketches.ErrGridMismatch, ref.Embedding.ID(), cur.Embedding.ID())
	}
	r, err := NewReference(ref)
	if err != nil {
		return nil, err
	}
	if cur.Rows < correlated {
		return nil, fmt.Errorf("window of %d rows, want at least %d: %w", cur.Rows, correlated, ErrTooFew)
	}
	e := ref.Embedding
	_, gram, _, _ := e.Width()
	w := newWindow(e)
	w.rows = float64(cur.Rows)
	for i := range w.values {
		w.values[i] = cur.Values[i].Float64()
	}
	w.moments(e.Dim(), gram)
	se := math.Sqrt(1/(r.rows-3) + 1/(w.rows-3))
	var out []PairChange
	place := map[[2]int]int{}
	for i := range r.pairs {
		p := &r.pairs[i]
		x := PairChange{A: e.Coordinates[p.j].Feature, B: e.Coordinates[p.l].Feature, Ref: p.r, Cur: w.correlation(p), Change: w.change(p) / se}
		at, met := place[[2]int{x.A, x.B}]
		switch {
		case !met:
			place[[2]int{x.A, x.B}] = len(out)
			out = append(out, x)
		case math.Abs(x.Change) > math.Abs(out[at].Change):
			out[at] = x
		}
	}
	slices.SortStableFunc(out, func(a, b PairChange) int { return cmp.Compare(math.Abs(b.Change), math.Abs(a.Change)) })
	return out[:min(most, len(out))], nil
}
