package sketches

import "math"

const (
	// bufferRows is how many rows wait at most.
	bufferRows = 64
	// bufferStride parts the columns of a buffer; not a power of two, so that the columns
	// of one row do not fall into the same few sets of the cache.
	bufferStride = bufferRows + 8
	// BufferBytes bounds the memory of one buffer: wide grids get fewer rows.
	BufferBytes = 128 << 10
)

// columns says where the columns of a grid's numeric features lie in a buffer.
type columns struct {
	rows int   // how many there is room for
	size int   // of a buffer, in numbers
	base []int // by feature; −1: categorical, counted at once
}

func newColumns(features []FeatureGrid) columns {
	c := columns{rows: bufferRows, base: make([]int, len(features))}
	n := 0
	for i := range features {
		c.base[i] = -1
		if features[i].Kind == Numeric {
			c.base[i] = n
			n++
		}
	}
	stride := bufferStride
	for c.rows > 1 && n*stride*8 > BufferBytes {
		c.rows /= 2
		stride = c.rows + 8
	}
	if c.rows == 1 {
		stride = 1
	}
	for i, at := range c.base {
		if at > 0 {
			c.base[i] = at * stride
		}
	}
	c.size = n * stride
	return c
}

// Buffer holds rows of a tally that are not counted yet, feature by feature.
type Buffer struct {
	tally   *Tally // whose rows they are
	n       int    // rows that are held
	base    []int  // where the column of a feature begins, as the grid says
	numbers []float64
	codes   Codes // of these rows, where someone observes the tally
	idle    bool  // no row since it was looked at last
	owner   *Buffers
}

// hold makes b the buffer of t.
func (b *Buffer) hold(t *Tally) {
	c := &t.grid.columns
	if cap(b.numbers) < c.size {
		b.numbers = make([]float64, c.size)
	}
	b.tally, b.n, b.base, b.numbers = t, 0, c.base, b.numbers[:c.size]
	b.room()
}

// Put sets the value of feature i of the row that Buffers.Row began. Each feature of the
// grid must be put once per row, Null where the record does not carry it.
func (b *Buffer) Put(i int, v Value) {
	if at := b.base[i]; v.kind == ValueNumber && at >= 0 && v.num-v.num == 0 {
		b.numbers[at+b.n-1] = v.num
	} else {
		b.putOther(i, v)
	}
}

// PutRow is Put of each value under the feature that to names at its place; a negative
// one passes over it.
func (b *Buffer) PutRow(to []int32, row []NamedValue) {
	base, numbers, last := b.base, b.numbers, b.n-1
	row = row[:len(to)]
	for i, f := range to {
		if f < 0 {
			continue
		}
		v := &row[i].Value
		if at := base[f]; v.kind == ValueNumber && at >= 0 && v.num-v.num == 0 {
			numbers[at+last] = v.num
		} else {
			b.putOther(int(f), *v)
		}
	}
}

// putOther counts at once what cannot wait, and marks its place.
func (b *Buffer) putOther(i int, v Value) {
	code := b.tally.add(i, v)
	if b.tally.observer != nil {
		b.codes.Columns[i][b.n-1] = code
	}
	if at := b.base[i]; at >= 0 {
		b.numbers[at+b.n-1] = math.NaN()
	}
}

// count empties the buffer into its tally.
func (b *Buffer) count() {
	if b.n == 0 {
		return
	}
	if b.tally.observer != nil {
		b.observe()
	}
	for i, at := range b.base {
		if at >= 0 {
			b.tally.numbers(i, b.numbers[at:at+b.n])
		}
	}
	b.n = 0
}

// free gives the buffer back.
func (b *Buffer) free() {
	b.tally = nil
	b.owner.free = append(b.owner.free, b)
}

// Buffers lends buffers to tallies within a budget of memory, which the last one lent
// may exceed. Where it is used up, rows of a tally without a buffer are counted one by
// one, and a buffer that had no row since it was looked at last changes hands: so what
// is busy is counted quickly, and what is not costs no more than without.
//
// It belongs to one goroutine, with all tallies that it serves.
type Buffers struct {
	budget int
	used   int
	all    []*Buffer
	free   []*Buffer // of them, those without a tally
	hand   int       // the next to be looked at
	single Buffer    // for rows that are counted one by one
}

// NewBuffers returns an empty set with a budget in bytes.
func NewBuffers(budget int) *Buffers { return &Buffers{budget: budget} }

// Row begins the next row of t and returns the buffer to put its values into, before
// any other row is begun.
func (s *Buffers) Row(t *Tally) *Buffer {
	if s.single.n > 0 {
		s.single.count()
	}
	b := t.buffer
	if b == nil {
		b = s.lend(t)
	} else if b.n == t.grid.columns.rows {
		b.count()
	}
	b.idle = false
	t.rows++
	b.n++
	return b
}

func (s *Buffers) lend(t *Tally) *Buffer {
	if b := s.find(); b != nil {
		before := cap(b.numbers)
		b.hold(t)
		s.used += 8 * (cap(b.numbers) - before)
		t.buffer = b
		return b
	}
	s.single.hold(t)
	t.single = &s.single
	return &s.single
}

// find returns a buffer that is free or may change hands, nil for none.
func (s *Buffers) find() *Buffer {
	if n := len(s.free); n > 0 {
		b := s.free[n-1]
		s.free = s.free[:n-1]
		return b
	}
	if s.used < s.budget {
		b := &Buffer{owner: s}
		s.all = append(s.all, b)
		return b
	}
	if len(s.all) == 0 {
		return nil
	}
	b := s.all[s.hand]
	s.hand = (s.hand + 1) % len(s.all)
	if !b.idle {
		b.idle = true
		return nil
	}
	b.count()
	b.tally.buffer = nil
	return b
}
