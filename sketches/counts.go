package sketches

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
)

// Errors of arithmetic on counts; test with errors.Is. After any of them the
// receiver is as it was before.
var (
	ErrGridMismatch = errors.New("counts are on different grids")
	ErrNegative     = errors.New("a count would go below zero")
	ErrOverflow     = errors.New("a count would overflow")
)

// FeatureCounts is the state of one feature: a count per cell, the side counters
// and, for numeric features, exact moment sums of q = round((x−centre)·2^−exp).
//
// Min and Max are the extremes of the finite values. Without any they are +Inf and
// −Inf; after Subtract they are NaN, which means unknown. Range tells.
//
// Cells is nil where a decoded range left the feature out; that means all zero.
type FeatureCounts struct {
	Cells []uint64
	FeatureSums
}

// FeatureSums is the state of one feature beside its cells.
type FeatureSums struct {
	Null, NaN, PosInf, NegInf, Wrong, Unseen, Clamped uint64
	S1, S2, S3, S4                                    Int128
	Min, Max                                          float64
}

// maxStep bounds |q|: S4 then stays in 128 bits for 2³⁵ values.
const maxStep = 1 << 23

// roundEven added and taken off again rounds |x| ≤ 2²³ to a whole number, half to
// even: at 1.5·2⁵² float64 has steps of 1.
const roundEven = 3 << 51

func (c *FeatureCounts) cell(i int) uint64 {
	if c.Cells == nil {
		return 0
	}
	return c.Cells[i]
}

// Total returns the number of values in cells, the n of every statistic.
func (c *FeatureCounts) Total() uint64 {
	n := uint64(0)
	for _, k := range c.Cells {
		n += k
	}
	return n
}

// Sides returns the number of values beside the cells: null, NaN, ±Inf, wrong
// type and unseen. Clamped is none of them: a clamped value is in its cell.
func (c *FeatureCounts) Sides() uint64 {
	return c.Null + c.NaN + c.PosInf + c.NegInf + c.Wrong + c.Unseen
}

// Range returns the extremes of the finite values; ok is false where there are none
// or Subtract made them unknown.
func (c *FeatureCounts) Range() (lo, hi float64, ok bool) {
	return c.Min, c.Max, c.Min <= c.Max
}

// Counts is the state of all features of a grid over some set of records. It is
// not safe for concurrent use.
type Counts struct {
	Grid     *Grid
	Rows     uint64
	Features []FeatureCounts
}

// NewCounts returns zero counts on g.
func NewCounts(g *Grid) *Counts {
	c := emptyCounts(g)
	cells := 0
	for i := range g.Features {
		cells += g.Features[i].Cells()
	}
	all := make([]uint64, cells)
	for i := range c.Features {
		n := g.Features[i].Cells()
		c.Features[i].Cells, all = all[:n:n], all[n:]
	}
	return c
}

// emptyCounts is NewCounts without memory for the cells.
func emptyCounts(g *Grid) *Counts {
	c := &Counts{Grid: g, Features: make([]FeatureCounts, len(g.Features))}
	for i := range c.Features {
		c.Features[i].Min, c.Features[i].Max = math.Inf(1), math.Inf(-1)
	}
	return c
}

// AddRow counts one record. The caller then adds a value per feature, Null for a
// feature the record does not carry.
func (c *Counts) AddRow() { c.Rows++ }

// Add counts v under feature i of the grid; i outside the grid panics. It neither
// allocates nor fails: what does not belong into a cell goes to a side counter.
func (c *Counts) Add(i int, v Value) {
	f, fc := &c.Grid.Features[i], &c.Features[i]
	if fc.Cells == nil {
		fc.Cells = make([]uint64, f.Cells()) // only after decoding a range without i
	}
	cell, side := f.Locate(v)
	if side != InCell {
		fc.beside(side)
		return
	}
	fc.Cells[cell]++
	if f.Kind == Numeric {
		fc.addNumber(f, v.num+0)
	}
}

// beside counts a value that belongs to no cell.
func (c *FeatureSums) beside(side Side) {
	switch side {
	case SideNull:
		c.Null++
	case SideNaN:
		c.NaN++
	case SidePosInf:
		c.PosInf++
	case SideNegInf:
		c.NegInf++
	case SideWrong:
		c.Wrong++
	case SideUnseen:
		c.Unseen++
	case InCell:
	}
}

// addNumber adds a finite x to the moment sums and the extremes.
func (c *FeatureSums) addNumber(f *FeatureGrid, x float64) {
	if x < c.Min {
		c.Min = x
	}
	if x > c.Max {
		c.Max = x
	}
	c.addStep(float64((x - f.Centre) * f.scale))
}

// addStep adds a value, given as its distance from the centre in steps of 2^Exp, to the
// sums.
func (c *FeatureSums) addStep(step float64) {
	if step > maxStep {
		step = maxStep
		c.Clamped++
	} else if step < -maxStep {
		step = -maxStep
		c.Clamped++
	}
	q := int64(float64(step+roundEven) - roundEven)
	sign := uint64(q >> 63) // all ones for a negative q
	abs := (uint64(q) ^ sign) - sign
	sq := abs * abs // ≤ 2⁴⁶

	c.S1 = c.S1.plus(q>>63, uint64(q))
	c.S2 = c.S2.plus(0, sq)
	hi, lo := bits.Mul64(sq, abs)
	lo, carry := bits.Add64(lo^sign, sign&1, 0) // two's complement of a negative cube
	c.S3 = c.S3.plus(int64(hi^sign+carry), lo)
	hi, lo = bits.Mul64(sq, sq)
	c.S4 = c.S4.plus(int64(hi), lo)
}

// Clone returns a copy that shares only the grid.
func (c *Counts) Clone() *Counts {
	n := &Counts{Grid: c.Grid, Rows: c.Rows, Features: append([]FeatureCounts(nil), c.Features...)}
	cells := 0
	for i := range c.Features {
		cells += len(c.Features[i].Cells)
	}
	all := make([]uint64, cells)
	for i := range n.Features {
		if old := c.Features[i].Cells; old != nil {
			n.Features[i].Cells, all = all[:len(old):len(old)], all[len(old):]
			copy(n.Features[i].Cells, old)
		}
	}
	return n
}

// IsZero reports whether nothing was counted.
func (c *Counts) IsZero() bool {
	if c.Rows != 0 {
		return false
	}
	for i := range c.Features {
		if f := &c.Features[i]; f.Total() != 0 || f.Sides() != 0 {
			return false
		}
	}
	return true
}

// Equal reports whether both hold the same numbers on the same grid, unknown
// extremes being equal to each other only.
func (c *Counts) Equal(o *Counts) bool {
	if c.sameGrid(o) != nil || c.Rows != o.Rows {
		return false
	}
	for i := range c.Features {
		if !c.Features[i].equal(&o.Features[i]) {
			return false
		}
	}
	return true
}

func (c *FeatureCounts) equal(o *FeatureCounts) bool {
	for i := range max(len(c.Cells), len(o.Cells)) {
		if c.cell(i) != o.cell(i) {
			return false
		}
	}
	same := func(a, b float64) bool { return a == b || a != a && b != b }
	return c.sides() == o.sides() && c.sums() == o.sums() && same(c.Min, o.Min) && same(c.Max, o.Max)
}

func (c *FeatureCounts) sides() [7]uint64 {
	return [...]uint64{c.Null, c.NaN, c.PosInf, c.NegInf, c.Wrong, c.Unseen, c.Clamped}
}

func (c *FeatureCounts) sums() [4]Int128 { return [...]Int128{c.S1, c.S2, c.S3, c.S4} }

func (c *Counts) sameGrid(o *Counts) error {
	if c.Grid == o.Grid || c.Grid.ID() == o.Grid.ID() {
		return nil
	}
	return fmt.Errorf("%w: %s and %s", ErrGridMismatch, c.Grid.ID(), o.Grid.ID())
}
