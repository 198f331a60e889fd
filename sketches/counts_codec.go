package sketches

import (
	"fmt"
	"math"
	"math/bits"
)

// countsSchema opens the bytes of EncodeRange. They carry no checksum: they live
// inside a frame.
const countsSchema = 1

// How the cells of a feature are written: every count, or only those above zero
// with the gaps between them. The shorter form is used, dense on a tie.
const (
	cellsDense  = 0
	cellsSparse = 1
)

// What is known about minimum and maximum.
const (
	rangeNone    = 0
	rangeKnown   = 1
	rangeUnknown = 2
)

// EncodeRange returns the canonical bytes of features [from, to) and of Rows:
//
//	schema | rows | per feature: form, cells, 7 side counters,
//	                numeric only: S1..S4, range, min and max if known
//
// Equal counts give equal bytes. A range outside the grid panics: it comes from
// the caller's own split into chunks.
func (c *Counts) EncodeRange(from, to int) []byte {
	if from < 0 || to < from || to > len(c.Features) {
		panic(fmt.Sprintf("sketches: features [%d, %d) of %d", from, to, len(c.Features)))
	}
	var e Encoder
	e.Byte(countsSchema)
	e.Uvarint(c.Rows)
	for i := from; i < to; i++ {
		c.Features[i].encode(&e, &c.Grid.Features[i])
	}
	return e.Data()
}

func (c *FeatureCounts) encode(e *Encoder, f *FeatureGrid) {
	encodeCells(e, c.Cells, f.Cells())
	for _, n := range c.sides() {
		e.Uvarint(n)
	}
	if f.Kind != Numeric {
		return
	}
	for _, s := range c.sums() {
		e.Int128(s)
	}
	switch {
	case c.Min > c.Max:
		e.Byte(rangeNone)
	case c.Min <= c.Max:
		e.Byte(rangeKnown)
		e.Float64(c.Min)
		e.Float64(c.Max)
	default:
		e.Byte(rangeUnknown)
	}
}

// encodeCells writes n counters; nil stands for n zeros.
func encodeCells(e *Encoder, cells []uint64, n int) {
	dense, sparse, used := cellLengths(cells, n)
	if dense <= sparse {
		e.Byte(cellsDense)
		for i := range n {
			if cells == nil {
				e.Uvarint(0)
			} else {
				e.Uvarint(cells[i])
			}
		}
		return
	}
	e.Byte(cellsSparse)
	e.Count(used)
	next := 0
	for i, k := range cells {
		if k != 0 {
			e.Uvarint(uint64(i - next))
			e.Uvarint(k)
			next = i + 1
		}
	}
}

// cellLengths returns the bytes of both forms and the number of counters above 0.
func cellLengths(cells []uint64, n int) (dense, sparse, used int) {
	dense = n - len(cells)
	next := 0
	for i, k := range cells {
		w := uvarintLen(k)
		dense += w
		if k != 0 {
			used++
			sparse += uvarintLen(uint64(i-next)) + w
			next = i + 1
		}
	}
	return dense, sparse + uvarintLen(uint64(used)), used
}

func uvarintLen(x uint64) int { return (bits.Len64(x|1) + 6) / 7 }

// DecodeCounts reads the bytes of EncodeRange(from, to) on g. Features outside the
// range are zero and have nil Cells. It accepts only what EncodeRange can write.
//
// Errors: ErrSchema, ErrCorrupt; a range outside the grid is an error too.
func DecodeCounts(g *Grid, from, to int, b []byte) (*Counts, error) {
	if from < 0 || to < from || to > len(g.Features) {
		return nil, fmt.Errorf("counts: features [%d, %d) of a grid with %d", from, to, len(g.Features))
	}
	d := NewDecoder(b)
	if s := d.Byte(); d.Err() == nil && s != countsSchema {
		return nil, fmt.Errorf("counts: %w %d, this build reads %d: use a newer driftline", ErrSchema, s, countsSchema)
	}
	c := emptyCounts(g)
	c.Rows = d.Uvarint()
	for i := from; i < to && d.Err() == nil; i++ {
		c.Features[i].decode(d, &g.Features[i])
	}
	if err := d.Finish(); err != nil {
		return nil, fmt.Errorf("counts of features [%d, %d): %w", from, to, err)
	}
	return c, nil
}

func (c *FeatureCounts) decode(d *Decoder, f *FeatureGrid) {
	c.Cells = decodeCells(d, f.Cells())
	for _, n := range []*uint64{&c.Null, &c.NaN, &c.PosInf, &c.NegInf, &c.Wrong, &c.Unseen, &c.Clamped} {
		*n = d.Uvarint()
	}
	if f.Kind == Numeric {
		c.decodeNumeric(d)
	}
	if d.Err() != nil {
		return
	}
	total, carry := uint64(0), uint64(0)
	add := func(n uint64) {
		var over uint64
		total, over = bits.Add64(total, n, 0)
		carry |= over
	}
	for _, n := range c.Cells {
		add(n)
	}
	values := total
	for _, n := range [...]uint64{c.Null, c.NaN, c.PosInf, c.NegInf, c.Wrong, c.Unseen} {
		add(n)
	}
	switch {
	case carry != 0:
		d.Fail("feature %q: cells and sides overflow 64 bits", f.Name)
	case f.Kind == Numeric && c.Unseen != 0:
		d.Fail("feature %q is numeric, but has %d unseen categories", f.Name, c.Unseen)
	case c.Clamped > values || f.Kind == Categorical && c.Clamped != 0:
		d.Fail("feature %q: %d of %d values clamped", f.Name, c.Clamped, values)
	case f.Kind == Numeric && (values == 0) != (c.Min > c.Max):
		d.Fail("feature %q: %d values do not fit minimum and maximum", f.Name, values)
	case values == 0 && c.sums() != [4]Int128{}:
		d.Fail("feature %q: sums without values", f.Name)
	}
}

func (c *FeatureCounts) decodeNumeric(d *Decoder) {
	for _, s := range []*Int128{&c.S1, &c.S2, &c.S3, &c.S4} {
		*s = d.Int128()
	}
	switch r := d.Byte(); r {
	case rangeNone:
	case rangeUnknown:
		c.Min, c.Max = math.NaN(), math.NaN()
	case rangeKnown:
		c.Min, c.Max = d.Float64(), d.Float64()
		bad := func(x float64) bool { return x-x != 0 || x == 0 && math.Signbit(x) }
		if d.Err() == nil && (bad(c.Min) || bad(c.Max) || c.Min > c.Max) {
			d.Fail("minimum %g and maximum %g", c.Min, c.Max)
		}
	default:
		d.Fail("range flag %d", r)
	}
}

func decodeCells(d *Decoder, n int) []uint64 {
	form := d.Byte()
	if d.Err() != nil || form == cellsDense && n > d.Left() {
		d.Fail("%d cells, %d bytes left", n, d.Left())
		return nil
	}
	cells := make([]uint64, n)
	switch form {
	case cellsDense:
		for i := range cells {
			cells[i] = d.Uvarint()
		}
	case cellsSparse:
		used := d.Count(2)
		next := uint64(0)
		for range used {
			gap, k := d.Uvarint(), d.Uvarint()
			if d.Err() != nil {
				return cells
			}
			if gap >= uint64(n) || next+gap >= uint64(n) || k == 0 {
				d.Fail("sparse count %d at cell %d+%d of %d", k, next, gap, n)
				return cells
			}
			next += gap
			cells[next] = k
			next++
		}
	default:
		d.Fail("cells in form %d", form)
	}
	if d.Err() == nil {
		if dense, sparse, _ := cellLengths(cells, n); (dense <= sparse) != (form == cellsDense) {
			d.Fail("cells not in their shorter form (dense %d, sparse %d bytes)", dense, sparse)
		}
	}
	return cells
}
