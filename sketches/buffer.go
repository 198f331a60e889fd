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

// Buffer holds rows of a tally that are not counted yet, feature by feature.
type Buffer struct {
	tally   *Tally // nil: free
	grid    *Grid
	rows    int // how many there is room for
	stride  int
	n       int // rows that are held
	numbers []float64
	base    []int // where the column of a feature begins; −1: categorical, counted at once
}

func newBuffer(g *Grid) *Buffer {
	b := &Buffer{grid: g, rows: bufferRows, stride: bufferStride, base: make([]int, len(g.Features))}
	columns := 0
	for i := range g.Features {
		b.base[i] = -1
		if g.Features[i].Kind == Numeric {
			b.base[i] = columns
			columns++
		}
	}
	for b.rows > 1 && columns*b.stride*8 > BufferBytes-8*len(g.Features) {
		b.rows /= 2
		b.stride = b.rows + 8
	}
	if b.rows == 1 {
		b.stride = 1
	}
	for i, c := range b.base {
		if c > 0 {
			b.base[i] = c * b.stride
		}
	}
	b.numbers = make([]float64, columns*b.stride)
	return b
}

func (b *Buffer) bytes() int { return 8*len(b.numbers) + 8*len(b.base) }

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
	b.tally.add(i, v)
	if at := b.base[i]; at >= 0 {
		b.numbers[at+b.n-1] = math.NaN()
	}
}

// count empties the buffer into its tally.
func (b *Buffer) count() {
	if b.n == 0 {
		return
	}
	for i, at := range b.base {
		if at >= 0 {
			b.tally.numbers(i, b.numbers[at:at+b.n])
		}
	}
	b.n = 0
}

// Buffers lends buffers to tallies within a budget of memory, which the last one
// lent may exceed. It belongs to one
// goroutine, with all tallies that it serves.
type Buffers struct {
	budget int
	used   int
	all    []*Buffer
	hand   int // the next to be taken away
}

// NewBuffers returns an empty set; at least one buffer is lent whatever the budget, in
// bytes.
func NewBuffers(budget int) *Buffers { return &Buffers{budget: budget} }

// Row begins the next row of t and returns the buffer to put its values into.
func (s *Buffers) Row(t *Tally) *Buffer {
	b := t.buffer
	if b == nil {
		b = s.lend(t)
	} else if b.n == b.rows {
		b.count()
	}
	t.rows++
	b.n++
	return b
}

func (s *Buffers) lend(t *Tally) *Buffer {
	b := s.find(t.grid)
	b.tally, t.buffer = t, b
	return b
}

// find returns a free buffer for g. Where the budget is used up the buffer that was taken
// longest ago loses its tally, and where it is for another grid, its memory.
func (s *Buffers) find(g *Grid) *Buffer {
	for _, b := range s.all {
		if b.tally == nil && b.grid == g {
			return b
		}
	}
	if s.used < s.budget || len(s.all) == 0 {
		b := newBuffer(g)
		s.all = append(s.all, b)
		s.used += b.bytes()
		return b
	}
	at := s.hand
	s.hand = (s.hand + 1) % len(s.all)
	old := s.all[at]
	if old.tally != nil {
		old.tally.Settle()
	}
	if old.grid == g {
		return old
	}
	b := newBuffer(g)
	s.used += b.bytes() - old.bytes()
	s.all[at] = b
	return b
}
