package gbdt

// blockRows is the number of rows that are summed into one histogram before blocks
// are added up. It is part of what a model's low bits depend on: never make it
// follow the number of threads.
const blockRows = 16384

// cell holds the sums of one bin. Float64: float32 sums drift at a million rows.
type cell struct{ g, h float64 }

// histograms sums gradients per bin, over the rows of a node.
type histograms struct {
	data   *binned
	pool   *pool
	blocks [][]cell // one partial per block in flight
	free   [][]cell // histograms that no node uses

	// The job in hand, set by build before the pool looks at it.
	grad  []gradPair
	rows  []int32
	cols  []int32 // features of this tree, ascending
	first int     // first block of the wave
	wave  int     // blocks in the wave
	dst   []cell

	sumBlock func(worker, item int)
	addRange func(worker, item int)
}

// addCells is the number of cells one piece of a reduction adds up.
const addCells = 2048

func newHistograms(data *binned, p *pool) *histograms {
	h := &histograms{data: data, pool: p}
	h.sumBlock = func(_, item int) {
		lo := (h.first + item) * blockRows
		h.accumulate(h.blocks[item], h.rows[lo:min(lo+blockRows, len(h.rows))])
	}
	h.addRange = func(_, item int) {
		lo, hi := item*addCells, min((item+1)*addCells, len(h.dst))
		dst := h.dst[lo:hi]
		for b := range h.wave {
			for i, c := range h.blocks[b][lo:hi] {
				dst[i].g += c.g
				dst[i].h += c.h
			}
		}
	}
	return h
}

// take returns a histogram with unspecified content; give hands it back.
func (h *histograms) take() []cell {
	if n := len(h.free); n > 0 {
		c := h.free[n-1]
		h.free = h.free[:n-1]
		return c
	}
	return make([]cell, h.data.offset[h.data.features])
}

func (h *histograms) give(c []cell) { h.free = append(h.free, c) }

// build fills dst with the sums over rows. The result depends on the rows and their
// order, never on the number of threads: ((0 + block 0) + block 1) + …
func (h *histograms) build(dst []cell, rows []int32, grad []gradPair) {
	h.rows, h.grad, h.dst = rows, grad, dst
	blocks := (len(rows) + blockRows - 1) / blockRows
	if blocks <= 1 {
		h.accumulate(dst, rows)
		return
	}
	clear(dst)
	for len(h.blocks) < min(blocks, 2*h.pool.workers) {
		h.blocks = append(h.blocks, make([]cell, len(dst)))
	}
	for h.first = 0; h.first < blocks; h.first += h.wave {
		h.wave = min(len(h.blocks), blocks-h.first)
		h.pool.run(h.wave, h.sumBlock)
		h.pool.run((len(dst)+addCells-1)/addCells, h.addRange)
	}
}

// accumulate zeroes dst and sums rows into it, in order.
func (h *histograms) accumulate(dst []cell, rows []int32) {
	clear(dst)
	nf, codes, grad := h.data.features, h.data.codes, h.grad
	if len(h.cols) < nf {
		for _, r := range rows {
			g, hess := float64(grad[r].g), float64(grad[r].h)
			row := codes[int(r)*nf : int(r)*nf+nf]
			for _, f := range h.cols {
				c := &dst[h.data.offset[f]+int(row[f])]
				c.g += g
				c.h += hess
			}
		}
		return
	}
	offset := h.data.offset[:nf]
	for _, r := range rows {
		g, hess := float64(grad[r].g), float64(grad[r].h)
		row := codes[int(r)*nf : int(r)*nf+nf]
		row = row[:len(offset)]
		for f, at := range offset {
			c := &dst[at+int(row[f])]
			c.g += g
			c.h += hess
		}
	}
}

// subtract leaves the sibling's histogram in parent: parent − child.
func subtract(parent, child []cell) {
	child = child[:len(parent)]
	for i := range parent {
		parent[i].g -= child[i].g
		parent[i].h -= child[i].h
	}
}
