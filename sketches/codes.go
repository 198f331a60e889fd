package sketches

// Codes are rows as cells, feature by feature: what a layer on all features together
// is fed with. A code is the cell of a value, or Missing or Unseen.
type Codes struct {
	Rows    int
	Columns [][]uint16 // by feature of the grid, Rows codes each
}

// NewCodes returns room for that many rows on g, none of them used.
func NewCodes(g *Grid, rows int) *Codes {
	c := &Codes{Columns: make([][]uint16, len(g.Features))}
	all := make([]uint16, rows*len(g.Features))
	for i := range c.Columns {
		c.Columns[i], all = all[:rows:rows], all[rows:]
	}
	return c
}

// Missing is the code of what is not a value of the feature: null, NaN, ±Inf, a wrong
// type.
func (f *FeatureGrid) Missing() uint16 { return uint16(f.Cells()) }

// Unseen is the code of a category that the reference never had.
func (f *FeatureGrid) Unseen() uint16 { return uint16(f.Cells() + 1) }

// Code returns the code of a value.
func (f *FeatureGrid) Code(v Value) uint16 {
	cell, side := f.Locate(v)
	return f.code(cell, side)
}

func (f *FeatureGrid) code(cell int, side Side) uint16 {
	switch side {
	case InCell:
		return uint16(cell)
	case SideUnseen:
		return f.Unseen()
	}
	return f.Missing()
}

// RowObserver is told of rows while a tally counts them.
type RowObserver interface {
	// ObserveRows gets every row once, in blocks of at most 64. It must not keep c.
	ObserveRows(c *Codes)
}

// Observe makes o see every row that is begun from now on; nil ends that. The rows that
// wait are counted first.
func (t *Tally) Observe(o RowObserver) {
	t.Settle()
	t.observer = o
}

// room makes place for codes where someone observes the tally.
func (b *Buffer) room() {
	if b.tally.observer == nil {
		return
	}
	g := b.tally.grid
	rows := g.columns.rows
	if len(b.codes.Columns) != len(g.Features) || len(b.codes.Columns[0]) < rows {
		b.codes = *NewCodes(g, rows)
	}
}

// observe gives the rows that are about to be counted to the observer. Codes of values
// that could not wait were written when they were put.
func (b *Buffer) observe() {
	b.codes.Rows = b.n
	for i, at := range b.base {
		if at < 0 {
			continue
		}
		l, codes := &b.tally.grid.Features[i].at, b.codes.Columns[i]
		for r, x := range b.numbers[at : at+b.n] {
			if x == x {
				codes[r] = uint16(l.cell(x + 0))
			}
		}
	}
	b.tally.observer.ObserveRows(&b.codes)
}
