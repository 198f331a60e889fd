package performance

import (
	"fmt"
	"maps"
	"slices"

	"github.com/driftline/driftline/sketches"
)

const numbersSchema = 1

// Encode returns the canonical bytes; equal counts on one grid have equal bytes. The
// grid is in them: a cohort can be read without anything beside it.
//
//	schema | grid | unlabelled | no number | clamped | rows | six sums |
//	prediction cells in use as (gap, rows, Σ outcome, Σ|error|, Σ error²) |
//	pairs of cells in use as (gap, rows)
func (n *Numbers) Encode() []byte {
	var e sketches.Encoder
	e.Byte(numbersSchema)
	e.Bytes(n.grid.Encode())
	t := n.totals()
	for _, k := range t.counts() {
		e.Uvarint(*k)
	}
	for _, s := range t.sums() {
		e.Int128(*s)
	}
	e.Count(len(n.byCell))
	last := -1
	for _, at := range slices.Sorted(maps.Keys(n.byCell)) {
		c := n.byCell[at]
		e.Uvarint(uint64(at - last - 1))
		e.Uvarint(c.n)
		e.Int128(c.a)
		e.Int128(c.e)
		e.Int128(c.ee)
		last = at
	}
	e.Count(len(n.pairs))
	last = -1
	for _, at := range slices.Sorted(maps.Keys(n.pairs)) {
		e.Uvarint(uint64(int(at) - last - 1))
		e.Uvarint(n.pairs[at])
		last = int(at)
	}
	return e.Data()
}

// DecodeNumbers reads what Encode wrote, and nothing else: rows and sums per cell must
// add up to the whole, in whole numbers.
//
// Errors: sketches.ErrSchema, sketches.ErrCorrupt, ErrBadInput for another grid.
func DecodeNumbers(b []byte) (*Numbers, error) {
	d := sketches.NewDecoder(b)
	if v := d.Byte(); d.Err() == nil && v != numbersSchema {
		return nil, fmt.Errorf("numbers: %w %d, this build reads %d: use a newer driftline", sketches.ErrSchema, v, numbersSchema)
	}
	raw := d.Bytes()
	if err := d.Err(); err != nil {
		return nil, fmt.Errorf("numbers: %w", err)
	}
	g, err := sketches.DecodeGrid(raw)
	if err != nil {
		return nil, fmt.Errorf("numbers: %w", err)
	}
	n, err := NewNumbers(g)
	if err != nil {
		return nil, fmt.Errorf("numbers: %w", err)
	}
	for _, k := range n.counts() {
		*k = d.Uvarint()
	}
	for _, s := range n.sums() {
		*s = d.Int128()
	}
	n.decodeCells(d)
	n.decodePairs(d)
	n.checkWhole(d)
	if err := d.Finish(); err != nil {
		return nil, fmt.Errorf("numbers: %w", err)
	}
	return n, nil
}

// gap reads the next place of an ascending list.
func gap(d *sketches.Decoder, last, end int) int {
	x := d.Uvarint()
	if d.Err() == nil && x >= uint64(end-last-1) {
		d.Fail("place %d + %d of %d", last+1, x, end)
	}
	return last + 1 + int(x)
}

func (n *Numbers) decodeCells(d *sketches.Decoder) {
	last := -1
	for used := d.Count(5); used > 0 && d.Err() == nil; used-- {
		at := gap(d, last, n.grid.Features[0].Cells())
		c := cellSums{n: d.Uvarint(), a: d.Int128(), e: d.Int128(), ee: d.Int128()}
		if d.Err() != nil {
			return
		}
		if c.n == 0 || c.e.Sign() < 0 || c.ee.Sign() < 0 {
			d.Fail("prediction cell %d: %d rows, Σ|error| %s, Σ error² %s", at, c.n, c.e, c.ee)
			return
		}
		n.byCell[at], last = c, at
	}
}

func (n *Numbers) decodePairs(d *sketches.Decoder) {
	predictions, outcomes := n.grid.Features[0].Cells(), n.grid.Features[1].Cells()
	last := -1
	for used := d.Count(2); used > 0 && d.Err() == nil; used-- {
		at := gap(d, last, predictions<<16)
		k := d.Uvarint()
		if d.Err() != nil {
			return
		}
		if k == 0 || at&0xffff >= outcomes {
			d.Fail("pair of cells %d, %d with %d rows", at>>16, at&0xffff, k)
			return
		}
		n.pairs[uint32(at)], last = k, at
	}
}

// checkWhole refuses parts that do not add up.
func (n *Numbers) checkWhole(d *sketches.Decoder) {
	if d.Err() != nil {
		return
	}
	const most = 1 << 45 // rows for which the sums stay within 128 bits
	if n.rows > most || n.Clamped > n.rows {
		d.Fail("%d rows, at most %d; %d of them clamped", n.rows, uint64(most), n.Clamped)
		return
	}
	var rows uint64
	var a, e, ee sketches.Int128
	left := make(map[int]uint64, len(n.byCell))
	ok := true
	for at, c := range n.byCell {
		ok = ok && c.n <= n.rows-rows
		if !ok {
			break
		}
		rows += c.n
		left[at] = c.n
		ok = combineSum(&a, c.a, true) && combineSum(&e, c.e, true) && combineSum(&ee, c.ee, true)
	}
	for at, k := range n.pairs {
		cell := int(at >> 16)
		ok = ok && k <= left[cell]
		left[cell] -= k
	}
	for _, k := range left {
		ok = ok && k == 0
	}
	// Σ(p−a)² = Σp² − 2Σpa + Σa²
	square := n.pp
	ok = ok && combineSum(&square, n.pa, false) && combineSum(&square, n.pa, false) && combineSum(&square, n.aa, true)
	if !ok || rows != n.rows || a.Cmp(n.a) != 0 || e.Cmp(n.e) != 0 || ee.Cmp(square) != 0 {
		d.Fail("rows or sums of the cells do not add up to the %d rows of the cohort", n.rows)
	}
}

// Predictions returns the labelled predictions as counts on the prediction's grid, as
// if their outcomes were unknown: what an estimate of this very cohort starts from.
func (n *Numbers) Predictions() *sketches.FeatureCounts {
	c := emptyCounts(&n.grid.Features[0])
	for at, s := range n.byCell {
		c.Cells[at] = s.n
	}
	return c
}

// Grid returns the grid that the cohort is counted on.
func (n *Numbers) Grid() *sketches.Grid { return n.grid }
