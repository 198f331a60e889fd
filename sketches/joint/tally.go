package joint

import "github.com/driftline/driftline/sketches"

const (
	// blockRows is how many rows are added at a time: as many as a buffer of package
	// sketches holds.
	blockRows = 64
	// together is how many rows share the reading of a frequency.
	together = 4
	// spillRows is after how many rows 64 bits are emptied into 128: a product of two Z'
	// is below 2⁴³.
	spillRows = 1 << 19
)

// Tally is the sums of one pane in the making, in 64 bits.
//
// Not safe for concurrent use.
type Tally struct {
	embedding *Embedding
	rows      uint64 // not spilled yet
	low       []int64
	high      *Sums // what was spilled; nil: nothing
}

// NewTally returns zero sums.
func NewTally(e *Embedding) *Tally {
	width, _, _, _ := e.Width()
	return &Tally{embedding: e, low: make([]int64, width)}
}

// Embedding returns what is added up.
func (t *Tally) Embedding() *Embedding { return t.embedding }

// Rows returns the number of rows.
func (t *Tally) Rows() uint64 {
	if t.high != nil {
		return t.rows + t.high.Rows
	}
	return t.rows
}

// Sums returns what was added, in a copy.
func (t *Tally) Sums() *Sums {
	s := NewSums(t.embedding)
	if t.high != nil {
		s = t.high.Clone()
	}
	s.addLow(t.rows, t.low)
	return s
}

// AddTo adds all sums to to, in the order of Sums.Values and modulo 2¹²⁸, and returns
// the rows. It does not allocate: running totals over panes give each window as the
// difference of two of them.
func (t *Tally) AddTo(to []sketches.Int128) uint64 {
	if t.high != nil {
		t.high.AddTo(to)
	}
	for i, x := range t.low {
		to[i], _ = to[i].Add(sketches.Int128From(x))
	}
	return t.Rows()
}

// Reset forgets all rows.
func (t *Tally) Reset() {
	t.rows, t.high = 0, nil
	clear(t.low)
}

// spill makes room in 64 bits.
func (t *Tally) spill() {
	if t.high == nil {
		t.high = NewSums(t.embedding)
	}
	t.high.addLow(t.rows, t.low)
	clear(t.low)
	t.rows = 0
}

// group holds Z' of one coordinate in four rows.
type group [together]int32

// Adder adds rows to tallies; it holds the memory for one block of rows, and belongs
// to one goroutine.
type Adder struct {
	points []group // by group of rows, then by coordinate
	angles [blockRows]uint64
}

// NewAdder returns an adder for any embedding.
func NewAdder() *Adder {
	return &Adder{points: make([]group, MaxCoordinates*blockRows/together)}
}

// Add adds rows to t. c has a column for each feature of the embedding, from one block
// of at most 64 rows; codes come from the embedding's grid. It neither allocates (but
// after 2¹⁹ rows, once in the life of a tally) nor fails.
//
// Rows go in groups of four, so that a frequency is read once for all of them; places
// of the last group that no row has are zeros, whose angles are not looked at.
func (a *Adder) Add(t *Tally, c *sketches.Codes) {
	e := t.embedding
	if c.Rows == 0 {
		return
	}
	if t.rows+uint64(c.Rows) > spillRows {
		t.spill()
	}
	t.rows += uint64(c.Rows)
	d := len(e.Coordinates)
	groups := (c.Rows + together - 1) / together
	points := a.points[:groups*d]
	for k := range e.Coordinates {
		c0 := &e.Coordinates[k]
		t.low[k] += load(points[k:], d, c0.Table, c.Columns[c0.Feature][:c.Rows])
	}
	_, gram, wave, norm := e.Width()
	for g := range groups {
		products(t.low[gram:wave], points[g*d:(g+1)*d])
	}
	waves, packed := t.low[wave:norm], e.packed
	angles := a.angles[:c.Rows]
	squares := int64(0)
	for len(waves) >= 4 && len(packed) >= d {
		turn(angles, packed[:d], points)
		cos, sin, square := circles(angles, 0)
		waves[0], waves[1] = waves[0]+cos, waves[1]+sin
		squares += square
		cos, sin, square = circles(angles, 32)
		waves[2], waves[3] = waves[2]+cos, waves[3]+sin
		squares += square
		waves, packed = waves[4:], packed[d:]
	}
	t.low[norm] += squares
}

// load writes Z' of one coordinate, every stride-th group, and returns Σ Z.
func load(to []group, stride int, table []int32, codes []uint16) (sum int64) {
	for at := 0; len(codes) > 0; at += stride {
		var g group
		n := min(len(codes), together)
		for i, code := range codes[:n] {
			z := table[code]
			sum += int64(z)
			g[i&(together-1)] = short(z)
		}
		to[at] = g
		codes = codes[n:]
	}
	return sum
}

// products adds the products of all pairs of coordinates over one group of rows.
func products(gram []int64, points []group) {
	for len(points) > 0 && len(gram) >= len(points) {
		a := &points[0]
		a0, a1, a2, a3 := int64(a[0]), int64(a[1]), int64(a[2]), int64(a[3])
		row := gram[:len(points)]
		for l := range points {
			q := &points[l]
			row[l] += a0*int64(q[0]) + a1*int64(q[1]) + a2*int64(q[2]) + a3*int64(q[3])
		}
		gram, points = gram[len(points):], points[1:]
	}
}

// turn writes the angles of two frequencies for all rows.
func turn(angles []uint64, w []uint64, points []group) {
	for len(angles) > 1 && len(points) >= len(w) {
		a0, a1, a2, a3 := turnGroup(w, points)
		if len(angles) < together {
			copy(angles, []uint64{a0, a1, a2, a3})
			return
		}
		to := (*[together]uint64)(angles)
		to[0], to[1], to[2], to[3] = a0, a1, a2, a3
		angles, points = angles[together:], points[len(w):]
	}
	if len(angles) == 1 {
		angles[0] = turnRow(w, points)
	}
}

// turnGroup returns the angles of two frequencies for one group: a function of its own,
// so that all it needs stays in registers.
//
//go:noinline
func turnGroup(w []uint64, points []group) (a0, a1, a2, a3 uint64) {
	points = points[:len(w)]
	for k, x := range w {
		g := &points[k]
		a0 += x * uint64(int64(g[0]))
		a1 += x * uint64(int64(g[1]))
		a2 += x * uint64(int64(g[2]))
		a3 += x * uint64(int64(g[3]))
	}
	return a0, a1, a2, a3
}

// turnRow is turnGroup for its first row alone.
func turnRow(w []uint64, points []group) (a uint64) {
	points = points[:len(w)]
	for k, x := range w {
		a += x * uint64(int64(points[k][0]))
	}
	return a
}

// circles returns Σ cos, Σ sin and the sum of their squares, scale 2³⁰, of the 32 bits
// of each angle above shift.
func circles(angles []uint64, shift uint8) (cos, sin, squares int64) {
	for _, a := range angles {
		c, s := circle(uint32(a >> (shift & 63)))
		cos += c
		sin += s
		squares += int64(uint64(c*c+s*s) >> waveBits)
	}
	return cos, sin, squares
}
