package performance

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/driftline/driftline/sketches"
)

// Merge adds p. Errors: sketches.ErrGridMismatch for other classes,
// sketches.ErrOverflow; nothing changed then.
func (o *Outcomes) Merge(p *Outcomes) error { return o.combine(p, true) }

// Subtract takes p out. Errors: sketches.ErrGridMismatch, sketches.ErrNegative.
func (o *Outcomes) Subtract(p *Outcomes) error { return o.combine(p, false) }

func (o *Outcomes) combine(p *Outcomes, add bool) error {
	if !o.Classes.Equal(p.Classes) {
		return fmt.Errorf("%w: outcomes of classes %q (kind %d, positive %q) and %q (kind %d, positive %q)", sketches.ErrGridMismatch,
			o.Classes.Names, o.Classes.Kind, o.Classes.Positive, p.Classes.Names, p.Classes.Kind, p.Classes.Positive)
	}
	sums := [3]sketches.Int128{o.scoreSum, o.brierSum, o.lossSum}
	ok := o.counters(p, add, false)
	for i, x := range [3]sketches.Int128{p.scoreSum, p.brierSum, p.lossSum} {
		ok = combineSum(&sums[i], x, add) && ok
		ok = ok && sums[i].Sign() >= 0 // as no part of the counts can leave it
	}
	if !ok {
		if add {
			return fmt.Errorf("merge outcomes: %w", sketches.ErrOverflow)
		}
		return fmt.Errorf("subtract outcomes: %w", sketches.ErrNegative)
	}
	o.counters(p, add, true)
	o.scoreSum, o.brierSum, o.lossSum = sums[0], sums[1], sums[2]
	return nil
}

// counters adds those of p, or takes them out. Without apply it only tells whether all
// of them can be: nothing may change after an error, and a copy costs more than asking.
func (o *Outcomes) counters(p *Outcomes, add, apply bool) (ok bool) {
	ok = true
	both := func(to *uint64, x uint64) {
		var sum, carry uint64
		if add {
			sum, carry = bits.Add64(*to, x, 0)
		} else {
			sum, carry = bits.Sub64(*to, x, 0)
		}
		ok = ok && carry == 0
		if apply {
			*to = sum
		}
	}
	both(&o.Unlabelled, p.Unlabelled)
	both(&o.StrangeLabel, p.StrangeLabel)
	both(&o.NoClass, p.NoClass)
	for i := range p.rows {
		r, from := &o.rows[i], &p.rows[i]
		both(&r.null, from.null)
		both(&r.nan, from.nan)
		both(&r.out, from.out)
		if from.cells != nil && r.cells == nil && apply {
			r.cells = make([]uint64, sketches.ScoreCells)
		}
		for c, x := range from.cells {
			switch {
			case x == 0:
			case r.cells == nil: // none yet: adding fits, taking out does not
				ok = ok && add
			default:
				both(&r.cells[c], x)
			}
		}
	}
	return ok
}

func combineSum(to *sketches.Int128, x sketches.Int128, add bool) (ok bool) {
	var over bool
	if add {
		*to, over = to.Add(x)
	} else {
		*to, over = to.Sub(x)
	}
	return !over
}

// Clone returns an independent copy.
func (o *Outcomes) Clone() *Outcomes {
	n := *o
	n.rows = make([]row, len(o.rows))
	for i, r := range o.rows {
		if r.cells != nil {
			r.cells = append([]uint64(nil), r.cells...)
		}
		n.rows[i] = r
	}
	return &n
}

// Equal reports whether both hold the same classes and numbers.
func (o *Outcomes) Equal(p *Outcomes) bool { return string(o.Encode()) == string(p.Encode()) }

const outcomesSchema = 1

// Encode returns the canonical bytes; equal counts have equal bytes.
//
//	schema | kind | names | positive | unlabelled | strange | no class |
//	per predicted class and label: null, NaN, outside, cells in use as (gap, count) |
//	three sums
func (o *Outcomes) Encode() []byte {
	var e sketches.Encoder
	e.Byte(outcomesSchema)
	e.Byte(byte(o.Classes.Kind))
	e.Count(len(o.Classes.Names))
	for _, n := range o.Classes.Names {
		e.String(n)
	}
	e.String(o.Classes.Positive)
	e.Uvarint(o.Unlabelled)
	e.Uvarint(o.StrangeLabel)
	e.Uvarint(o.NoClass)
	for _, r := range o.rows {
		e.Uvarint(r.null)
		e.Uvarint(r.nan)
		e.Uvarint(r.out)
		used := 0
		for _, k := range r.cells {
			if k > 0 {
				used++
			}
		}
		e.Count(used)
		last := -1
		for c, k := range r.cells {
			if k > 0 {
				e.Uvarint(uint64(c - last - 1))
				e.Uvarint(k)
				last = c
			}
		}
	}
	e.Int128(o.scoreSum)
	e.Int128(o.brierSum)
	e.Int128(o.lossSum)
	return e.Data()
}

// DecodeOutcomes reads what Encode wrote, and nothing else. Errors:
// sketches.ErrSchema, sketches.ErrCorrupt, ErrBadInput.
func DecodeOutcomes(b []byte) (*Outcomes, error) {
	d := sketches.NewDecoder(b)
	if v := d.Byte(); d.Err() == nil && v != outcomesSchema {
		return nil, fmt.Errorf("outcomes: %w %d, this build reads %d: use a newer driftline", sketches.ErrSchema, v, outcomesSchema)
	}
	c := Classes{Kind: Kind(d.Byte())}
	for n := d.Count(1); n > 0 && d.Err() == nil; n-- {
		c.Names = append(c.Names, d.String())
	}
	c.Positive = d.String()
	if err := d.Err(); err != nil {
		return nil, fmt.Errorf("outcomes: %w", err)
	}
	o, err := NewOutcomes(c)
	if err != nil {
		return nil, fmt.Errorf("outcomes: %w", err)
	}
	o.Unlabelled, o.StrangeLabel, o.NoClass = d.Uvarint(), d.Uvarint(), d.Uvarint()
	for i := range o.rows {
		o.rows[i].decode(d)
	}
	o.scoreSum, o.brierSum, o.lossSum = d.Int128(), d.Int128(), d.Int128()
	o.checkSums(d)
	if err := d.Finish(); err != nil {
		return nil, fmt.Errorf("outcomes: %w", err)
	}
	return o, nil
}

// mostLoss is the log loss of a sure mistake, in steps.
var mostLoss = uint64(steps(-math.Log(clipChance)))

// checkSums refuses sums that no scores have.
func (o *Outcomes) checkSums(d *sketches.Decoder) {
	if d.Err() != nil {
		return
	}
	_, said := o.spoken(-1)
	var n, carry uint64
	for _, k := range said {
		var c uint64
		n, c = bits.Add64(n, k, 0)
		carry += c
	}
	for _, x := range []struct {
		sum  sketches.Int128
		most uint64
	}{{o.scoreSum, nano}, {o.brierSum, nano}, {o.lossSum, mostLoss}} {
		limit, ok := sketches.MulUint(n, x.most)
		if carry > 0 || !ok || x.sum.Sign() < 0 || x.sum.Cmp(limit) > 0 {
			d.Fail("sum %s over %d scores, at most %d each", x.sum, n, x.most)
			return
		}
	}
}

func (r *row) decode(d *sketches.Decoder) {
	r.null, r.nan, r.out = d.Uvarint(), d.Uvarint(), d.Uvarint()
	used := d.Count(2)
	if used == 0 || d.Err() != nil {
		return
	}
	if used > sketches.ScoreCells {
		d.Fail("%d cells in use, at most %d", used, sketches.ScoreCells)
		return
	}
	r.cells = make([]uint64, sketches.ScoreCells)
	for last := -1; used > 0 && d.Err() == nil; used-- {
		gap, k := d.Uvarint(), d.Uvarint()
		if d.Err() != nil {
			return
		}
		if gap >= sketches.ScoreCells || last+1+int(gap) >= sketches.ScoreCells || k == 0 {
			d.Fail("cell %d + %d with count %d", last+1, gap, k)
			return
		}
		last += 1 + int(gap)
		r.cells[last] = k
	}
}
