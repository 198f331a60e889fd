package multivariate

import (
	"cmp"
	"math"
	"slices"

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
// Errors: sketches.ErrGridMismatch for sums of another embedding; ErrTooFew for a window
// of fewer than 12 rows.
func (r *Reference) Pairs(cur *joint.Sums, most int) ([]PairChange, error) {
	e := r.embedding
	w, err := r.window(cur, correlated)
	if err != nil {
		return nil, err
	}
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
