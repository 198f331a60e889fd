package sketches

import (
	"math"
	"math/bits"
)

// Tally is a Counts in the making, in a third of its memory: cells are 16 bits wide and
// get upper halves only where one overflows. Numbers of many rows are counted feature
// by feature, so that the tables of one feature stay in the nearest cache: rows wait in
// a Buffer until it is full or someone asks.
//
// Not safe for concurrent use.
type Tally struct {
	grid     *Grid
	rows     uint64
	low      []uint16 // cells of all features, modulo 2¹⁶, one feature after another
	features []tallyFeature
	buffer   *Buffer // holds rows that are not counted yet; nil: none
	single   *Buffer // may hold one row that is not counted yet; nil: none
	observer RowObserver
}

type tallyFeature struct {
	high []uint32 // what the cells of this feature hold above 16 bits; nil: nothing
	FeatureSums
}

// TallyBytes is the memory of one feature with that many cells in a Tally: as long as no
// cell exceeds 65 535, and at worst.
func TallyBytes(cells int) (usual, worst int) {
	const fixed = 160 // one tallyFeature
	return fixed + 2*cells, fixed + 6*cells
}

// NewTally returns zero counts on g.
func NewTally(g *Grid) *Tally {
	t := &Tally{grid: g, low: make([]uint16, g.cells()), features: make([]tallyFeature, len(g.Features))}
	for i := range t.features {
		t.features[i].Min, t.features[i].Max = math.Inf(1), math.Inf(-1)
	}
	return t
}

// Grid returns the grid that is counted on.
func (t *Tally) Grid() *Grid { return t.grid }

// Rows returns the number of rows, counted or waiting.
func (t *Tally) Rows() uint64 { return t.rows }

// Counts returns what was counted, waiting rows included, in a copy.
func (t *Tally) Counts() *Counts {
	t.Settle()
	c := NewCounts(t.grid)
	c.Rows = t.rows
	for i := range t.features {
		from, f := &t.features[i], &c.Features[i]
		low := t.cells(i)
		for j := range f.Cells {
			f.Cells[j] = uint64(low[j])
			if from.high != nil {
				f.Cells[j] |= uint64(from.high[j]) << 16
			}
		}
		f.FeatureSums = from.FeatureSums
	}
	return c
}

// Settle counts the waiting rows and gives their buffer back.
func (t *Tally) Settle() {
	if t.buffer != nil {
		t.buffer.count()
		t.buffer.free()
		t.buffer = nil
	}
	if t.single != nil {
		if t.single.tally == t {
			t.single.count()
		}
		t.single = nil
	}
}

func (t *Tally) cells(i int) []uint16 {
	from := t.grid.offset[i]
	to := from + t.grid.Features[i].Cells()
	return t.low[from:to:to]
}

// carry notes that a cell went through 2¹⁶.
func (t *Tally) carry(i, cell int) {
	f := &t.features[i]
	if f.high == nil {
		f.high = make([]uint32, t.grid.Features[i].Cells())
	}
	f.high[cell]++
}

// add counts a value that does not wait in a buffer, and returns its code.
func (t *Tally) add(i int, v Value) uint16 {
	f := &t.features[i]
	cell, side := t.grid.Features[i].Locate(v)
	switch {
	case side != InCell:
		f.beside(side)
	case t.grid.Features[i].Kind == Numeric:
		one := [1]float64{v.num}
		t.numbers(i, one[:])
	default:
		low := &t.low[t.grid.offset[i]+cell]
		if *low++; *low == 0 {
			t.carry(i, cell)
		}
	}
	return t.grid.Features[i].code(cell, side)
}

// smallStep bounds the steps whose powers fit the sums of one buffer in 64 bits: with
// |q| < 2¹⁶ a cube is below 2⁴⁸, and the fourth power below 2⁶⁴.
const smallStep = 1 << 16

// numbers counts finite values of numeric feature i, at most bufferRows of them, and
// passes over NaN, which marks a value that was counted otherwise. It is Counts.Add for
// each of them, in two passes so that what each needs stays in registers.
func (t *Tally) numbers(i int, values []float64) {
	cells := t.cells(i)
	if l := &t.grid.Features[i].at; l.inv != 0 {
		t.countByValue(i, l, cells, values)
	} else {
		t.countByBits(i, l, cells, values)
	}
	t.features[i].addAll(&t.grid.Features[i], values)
}

// countByValue and countByBits are locator.cell and a count in a loop.
func (t *Tally) countByValue(i int, l *locator, cells []uint16, values []float64) {
	start, edges, lo, hi, inv := l.start, l.edges, l.lo, l.hi, l.inv
	for _, x := range values {
		var c int
		if x >= lo && x < hi {
			s := uint(int(float64((x - lo) * inv)))
			if from := uint(start[s]); from < crowded {
				e := edges[from : from+beside : from+beside]
				c = int(from) + reaches(x, e[0]) + reaches(x, e[1]) + reaches(x, e[2])
			} else {
				c = l.within(s, x)
			}
		} else if x == x {
			c = l.outside(x + 0)
		} else {
			continue
		}
		k := cells[c] + 1
		if cells[c] = k; k == 0 {
			t.carry(i, c)
		}
	}
}

func (t *Tally) countByBits(i int, l *locator, cells []uint16, values []float64) {
	start, edges, lo, hi, keyLo, shift := l.start, l.edges, l.lo, l.hi, l.keyLo, l.shift
	for _, x := range values {
		var c int
		if x >= lo && x < hi {
			x += 0 // −0 becomes +0
			s := uint((orderedBits(x) - keyLo) >> (shift & 63))
			if from := uint(start[s]); from < crowded {
				e := edges[from : from+beside : from+beside]
				c = int(from) + reaches(x, e[0]) + reaches(x, e[1]) + reaches(x, e[2])
			} else {
				c = l.within(s, x)
			}
		} else if x == x {
			c = l.outside(x + 0)
		} else {
			continue
		}
		k := cells[c] + 1
		if cells[c] = k; k == 0 {
			t.carry(i, c)
		}
	}
}

// addAll adds values to the sums and the extremes, passing over NaN.
func (c *FeatureSums) addAll(f *FeatureGrid, values []float64) {
	centre, scale := f.Centre, f.scale
	least, most := c.Min, c.Max
	var s1, s3 int64
	var s2, s4, s4hi uint64
	for _, x := range values {
		step := float64((x - centre) * scale)
		if !(step < smallStep && step > -smallStep) {
			if x == x {
				least, most = min(least, x+0), max(most, x+0)
				c.addStep(step)
			}
			continue
		}
		if x < least {
			least = x + 0
		}
		if x > most {
			most = x + 0
		}
		q := int64(float64(step+roundEven) - roundEven)
		square := uint64(q * q)
		s1 += q
		s2 += square
		s3 += q * int64(square)
		if square>>32 != 0 { // |q| = 2¹⁶, rounded up
			s4hi++
			continue
		}
		var carry uint64
		s4, carry = bits.Add64(s4, square*square, 0)
		s4hi += carry
	}
	c.Min, c.Max = least, most
	c.S1 = c.S1.plus(s1>>63, uint64(s1))
	c.S2 = c.S2.plus(0, s2)
	c.S3 = c.S3.plus(s3>>63, uint64(s3))
	c.S4 = c.S4.plus(int64(s4hi), s4)
}
