package performance

import (
	"fmt"
	"maps"
	"math"
	"math/bits"

	"github.com/driftline/driftline/sketches"
)

// Names of the two features of a regression's grid.
const (
	PredictionFeature = "prediction"
	OutcomeFeature    = "outcome"
)

// NumberGrid makes the grid that a regression is counted on, from predictions and
// outcomes of a labelled reference: cells by the quantiles of each. Predictions have
// cells of their own because they spread less than what they predict.
//
// Errors: those of sketches.NewNumeric.
func NumberGrid(predictions, outcomes []float64) (*sketches.Grid, error) {
	p, err := sketches.NewNumeric(PredictionFeature, predictions)
	if err != nil {
		return nil, err
	}
	a, err := sketches.NewNumeric(OutcomeFeature, outcomes)
	if err != nil {
		return nil, err
	}
	return sketches.NewGrid([]sketches.FeatureGrid{p, a})
}

const (
	// finer: sums are in steps 2⁻²⁴ of the outcome's spread, a thousand times finer than
	// the grid's moments, since a good model's errors are small beside the spread.
	finer = 10
	// maxStep bounds predictions and outcomes in steps; squares of differences then fit
	// 128 bits for 2⁴⁵ rows. What lies beyond is set to it and counted as clamped.
	maxStep = 1 << 40
)

// Numbers counts a cohort of a regression, all in whole numbers (M1): exact sums of
// predictions, outcomes, their squares and products and absolute errors in fixed
// point, the same errors per prediction cell, and counts per pair of prediction and
// outcome cell, from which ranks are read. It is not safe for concurrent use.
//
// Rows of one cell tie, so a rank correlation is one of cells: with 240 of them it is
// off by about 1/240² where values are spread as in the reference. Everything beyond
// the reference's ends ties.
type Numbers struct {
	grid *sketches.Grid

	Unlabelled uint64 // no outcome (yet)
	NoNumber   uint64 // labelled, but prediction or outcome is no finite number
	Clamped    uint64 // rows with a value beyond the fixed point; they count as its end

	rows                uint64
	p, a, pp, aa, pa, e sketches.Int128 // e: Σ|prediction − outcome|
	byCell              map[int]cellSums
	pairs               map[uint32]uint64 // prediction cell·2¹⁶ + outcome cell
}

// cellSums are the rows of one prediction cell.
type cellSums struct {
	n     uint64
	a     sketches.Int128 // Σ outcome
	e, ee sketches.Int128 // Σ|error|, Σ error²
}

// NewNumbers makes zero counts on a grid of NumberGrid. Errors: ErrBadInput.
func NewNumbers(g *sketches.Grid) (*Numbers, error) {
	if g == nil || len(g.Features) != 2 {
		return nil, fmt.Errorf("%w: a regression is counted on a grid of two features", ErrBadInput)
	}
	for i, name := range []string{PredictionFeature, OutcomeFeature} {
		if f := &g.Features[i]; f.Name != name || f.Kind != sketches.Numeric {
			return nil, fmt.Errorf("%w: feature %d of the grid is %s %q, want numeric %q", ErrBadInput, i, f.Kind, f.Name, name)
		}
	}
	return &Numbers{grid: g, byCell: map[int]cellSums{}, pairs: map[uint32]uint64{}}, nil
}

// Forecast is one prediction, with what became of it.
type Forecast struct {
	Predicted  float64
	Outcome    float64
	HasOutcome bool
}

// step is the unit of the sums.
func (n *Numbers) step() (centre, unit float64) {
	f := &n.grid.Features[1]
	return f.Centre, math.Ldexp(1, f.Exp-finer)
}

// fixed brings x into steps from the centre.
func (n *Numbers) fixed(x float64) (q int64, clamped bool) {
	centre, unit := n.step()
	s := math.RoundToEven((x - centre) / unit)
	if s > maxStep {
		return maxStep, true
	}
	if s < -maxStep {
		return -maxStep, true
	}
	return int64(s), false
}

// Add counts one prediction.
func (n *Numbers) Add(x Forecast) { _ = n.count(x, true) }

// Remove takes one out that was added. Errors: sketches.ErrNegative, and nothing
// changed.
func (n *Numbers) Remove(x Forecast) error { return n.count(x, false) }

func (n *Numbers) count(x Forecast, add bool) error {
	by := uint64(1)
	if !add {
		by = math.MaxUint64 // −1
	}
	beside := &n.Unlabelled
	if x.HasOutcome {
		beside = &n.NoNumber
	}
	if !x.HasOutcome || !finite(x.Predicted) || !finite(x.Outcome) {
		if !add && *beside == 0 {
			return errNotCounted
		}
		*beside += by
		return nil
	}
	p, far := n.fixed(x.Predicted)
	a, far2 := n.fixed(x.Outcome)
	cell, _ := n.grid.Features[0].Locate(sketches.Number(x.Predicted))
	other, _ := n.grid.Features[1].Locate(sketches.Number(x.Outcome))
	pair := uint32(cell)<<16 | uint32(other)
	if !add && (n.pairs[pair] == 0 || (far || far2) && n.Clamped == 0) {
		return errNotCounted
	}
	if far || far2 {
		n.Clamped += by
	}
	n.rows += by
	if n.pairs[pair] += by; n.pairs[pair] == 0 {
		delete(n.pairs, pair)
	}
	// The sums stay within 128 bits for 2⁴⁵ rows.
	d := p - a
	e, ee := sketches.Int128From(max(d, -d)), product(d, d)
	for i, s := range [...]sketches.Int128{sketches.Int128From(p), sketches.Int128From(a), product(p, p), product(a, a), product(p, a), e} {
		combineSum(n.sums()[i], s, add)
	}
	c := n.byCell[cell]
	c.n += by
	combineSum(&c.a, sketches.Int128From(a), add)
	combineSum(&c.e, e, add)
	combineSum(&c.ee, ee, add)
	if n.byCell[cell] = c; c.n == 0 {
		delete(n.byCell, cell)
	}
	return nil
}

var errNotCounted = fmt.Errorf("take out a prediction that was not counted: %w", sketches.ErrNegative)

func product(a, b int64) sketches.Int128 {
	p, _ := sketches.MulUint(uint64(max(a, -a)), uint64(max(b, -b))) // at most 2⁸²
	if (a < 0) != (b < 0) {
		p, _ = sketches.Int128{}.Sub(p)
	}
	return p
}

// Merge adds o. Errors: sketches.ErrGridMismatch, sketches.ErrOverflow; nothing
// changed then.
func (n *Numbers) Merge(o *Numbers) error { return n.combine(o, true) }

// Subtract takes o out. Errors: sketches.ErrGridMismatch, sketches.ErrNegative.
func (n *Numbers) Subtract(o *Numbers) error { return n.combine(o, false) }

func (n *Numbers) combine(o *Numbers, add bool) error {
	if n.grid != o.grid && n.grid.ID() != o.grid.ID() {
		return fmt.Errorf("%w: predictions and outcomes", sketches.ErrGridMismatch)
	}
	next := n.totals()
	ok := true
	both := func(to *uint64, x uint64) {
		var carry uint64
		if add {
			*to, carry = bits.Add64(*to, x, 0)
		} else {
			*to, carry = bits.Sub64(*to, x, 0)
		}
		ok = ok && carry == 0
	}
	for i, to := range next.counts() {
		both(to, *o.counts()[i])
	}
	for i, to := range next.sums() {
		ok = combineSum(to, *o.sums()[i], add) && ok
	}
	cells := make(map[int]cellSums, len(o.byCell))
	for at, x := range o.byCell {
		c := n.byCell[at]
		both(&c.n, x.n)
		ok = combineSum(&c.a, x.a, add) && ok
		ok = combineSum(&c.e, x.e, add) && ok
		ok = combineSum(&c.ee, x.ee, add) && ok
		cells[at] = c
	}
	pairs := make(map[uint32]uint64, len(o.pairs))
	for at, x := range o.pairs {
		k := n.pairs[at]
		both(&k, x)
		pairs[at] = k
	}
	if !ok {
		if add {
			return fmt.Errorf("merge numbers: %w", sketches.ErrOverflow)
		}
		return fmt.Errorf("subtract numbers: %w", sketches.ErrNegative)
	}
	next.byCell, next.pairs = n.byCell, n.pairs
	for at, c := range cells {
		if c.n == 0 {
			delete(next.byCell, at)
		} else {
			next.byCell[at] = c
		}
	}
	for at, k := range pairs {
		if k == 0 {
			delete(next.pairs, at)
		} else {
			next.pairs[at] = k
		}
	}
	*n = next
	return nil
}

// totals is a copy of what is not a map.
func (n *Numbers) totals() Numbers {
	t := *n
	t.byCell, t.pairs = nil, nil
	return t
}

func (n *Numbers) counts() []*uint64 {
	return []*uint64{&n.Unlabelled, &n.NoNumber, &n.Clamped, &n.rows}
}

func (n *Numbers) sums() [6]*sketches.Int128 {
	return [...]*sketches.Int128{&n.p, &n.a, &n.pp, &n.aa, &n.pa, &n.e}
}

// Clone returns an independent copy.
func (n *Numbers) Clone() *Numbers {
	c := *n
	c.byCell, c.pairs = maps.Clone(n.byCell), maps.Clone(n.pairs)
	return &c
}

// Equal reports whether both are on one grid and hold the same numbers.
func (n *Numbers) Equal(o *Numbers) bool {
	a, b := n.totals(), o.totals()
	for i, k := range a.counts() {
		if *k != *b.counts()[i] {
			return false
		}
	}
	for i, s := range a.sums() {
		if *s != *b.sums()[i] {
			return false
		}
	}
	return n.grid.ID() == o.grid.ID() && maps.Equal(n.byCell, o.byCell) && maps.Equal(n.pairs, o.pairs)
}

// Rows returns how many rows have a finite prediction and outcome.
func (n *Numbers) Rows() uint64 { return n.rows }
