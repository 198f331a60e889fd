package sketches

import (
	"fmt"
	"math"
	"math/bits"
)

// Merge adds o to c. Errors: ErrGridMismatch, ErrOverflow; c is then unchanged.
func (c *Counts) Merge(o *Counts) error { return c.combine(o, addition) }

// Subtract takes o out of c, which must contain it. Minimum and maximum of every
// feature that lost a value become unknown (none where no value is left); set
// them again with RebuildMinMax.
//
// Errors: ErrGridMismatch, ErrNegative; c is then unchanged.
func (c *Counts) Subtract(o *Counts) error { return c.combine(o, subtraction) }

// operation is addition or subtraction. The other one undoes it exactly, as both
// are exact modulo 2⁶⁴ and 2¹²⁸: that is how one that failed half-way leaves no
// trace.
type operation bool

const (
	addition    operation = true
	subtraction operation = false
)

func (op operation) err() error {
	if op == addition {
		return ErrOverflow
	}
	return ErrNegative
}

// count returns a op b and 1 where the result left the range.
func (op operation) count(a, b uint64) (uint64, uint64) {
	if op == addition {
		return bits.Add64(a, b, 0)
	}
	return bits.Sub64(a, b, 0)
}

func (op operation) sum(a, b Int128) (Int128, bool) {
	if op == addition {
		return a.Add(b)
	}
	return a.Sub(b)
}

// cells combines equally long counters; bad is true where any left its range.
func (op operation) cells(a, b []uint64) (bad bool) {
	carries := uint64(0)
	if len(b) == 0 {
		return false
	}
	a = a[:len(b)]
	if op == addition {
		for i, x := range b {
			var carry uint64
			a[i], carry = bits.Add64(a[i], x, 0)
			carries |= carry
		}
	} else {
		for i, x := range b {
			var carry uint64
			a[i], carry = bits.Sub64(a[i], x, 0)
			carries |= carry
		}
	}
	return carries != 0
}

func (c *Counts) combine(o *Counts, op operation) error {
	if err := c.sameGrid(o); err != nil {
		return err
	}
	rows, carry := op.count(c.Rows, o.Rows)
	if carry != 0 {
		return fmt.Errorf("rows %d and %d: %w", c.Rows, o.Rows, op.err())
	}
	for i := range c.Features {
		if bad := c.Features[i].apply(&o.Features[i], op); bad {
			for j := 0; j <= i; j++ {
				c.Features[j].apply(&o.Features[j], !op)
			}
			return fmt.Errorf("feature %q: %w", c.Grid.Features[i].Name, op.err())
		}
	}
	c.Rows = rows
	for i := range c.Features {
		c.Features[i].combineRange(&o.Features[i], op == addition)
	}
	return nil
}

// apply changes counters and sums, not the extremes. It reports whether any left
// its range; all are changed all the same, so that the inverse undoes all.
func (c *FeatureCounts) apply(o *FeatureCounts, op operation) (bad bool) {
	if c.Cells == nil && o.Cells != nil {
		c.Cells = make([]uint64, len(o.Cells))
	}
	bad = op.cells(c.Cells, o.Cells)
	step := func(a *uint64, b uint64) {
		var carry uint64
		*a, carry = op.count(*a, b)
		bad = bad || carry != 0
	}
	step(&c.Null, o.Null)
	step(&c.NaN, o.NaN)
	step(&c.PosInf, o.PosInf)
	step(&c.NegInf, o.NegInf)
	step(&c.Wrong, o.Wrong)
	step(&c.Unseen, o.Unseen)
	step(&c.Clamped, o.Clamped)
	for _, s := range [...]struct{ a, b *Int128 }{{&c.S1, &o.S1}, {&c.S2, &o.S2}, {&c.S3, &o.S3}, {&c.S4, &o.S4}} {
		var over bool
		*s.a, over = op.sum(*s.a, *s.b)
		bad = bad || over
	}
	return bad
}

// combineRange runs after the cells were combined.
func (c *FeatureCounts) combineRange(o *FeatureCounts, merge bool) {
	switch {
	case o.Min > o.Max: // o has no values: nothing changes
	case merge && c.Min > c.Max:
		c.Min, c.Max = o.Min, o.Max
	case merge: // min and max keep NaN, the unknown
		c.Min, c.Max = min(c.Min, o.Min), max(c.Max, o.Max)
	case c.Total() == 0:
		c.Min, c.Max = math.Inf(1), math.Inf(-1)
	default:
		c.Min, c.Max = math.NaN(), math.NaN()
	}
}

// RebuildMinMax sets minimum and maximum of every feature from the parts that c is
// the sum of. A part with unknown extremes makes them unknown.
//
// Errors: ErrGridMismatch; c is then unchanged.
func (c *Counts) RebuildMinMax(parts []*Counts) error {
	for _, p := range parts {
		if err := c.sameGrid(p); err != nil {
			return err
		}
	}
	for i := range c.Features {
		f := &c.Features[i]
		f.Min, f.Max = math.Inf(1), math.Inf(-1)
		for _, p := range parts {
			f.combineRange(&p.Features[i], true)
		}
	}
	return nil
}
