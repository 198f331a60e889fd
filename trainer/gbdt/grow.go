package gbdt

import "context"

// parallelCells is the number of cells from which looking for a split is shared out.
const parallelCells = 4096

// growNode is a node of the tree being grown. rows lo … hi−1 of grower.rows are its.
type growNode struct {
	left, right int32 // 0 = leaf: the root is nobody's child
	lo, hi      int
	split       split
	g, h        float64
}

// grower grows one tree at a time; its buffers live as long as the training.
type grower struct {
	data *binned
	hist *histograms
	pool *pool
	reg  regular
	deep int

	grad  []gradPair
	rows  []int32 // the sampled rows, those of a node next to each other, ascending
	spare []int32 // left sides of a partition
	right []int32 // right sides of a partition
	nodes []growNode

	// Work in hand for the pool.
	cells    []cell
	totals   cell
	best     []split // per sampled feature
	chosen   split
	part     []int32
	offset   int
	goesLeft []int // rows per block that go left
	search   func(worker, item int)
	separate func(worker, item int)
	gather   func(worker, item int)
}

func newGrower(data *binned, p Params, threads *pool) *grower {
	g := &grower{
		data: data, pool: threads, hist: newHistograms(data, threads),
		reg:  regular{lambda: p.Lambda, alpha: p.Alpha, gamma: p.Gamma, minChild: p.MinChildWeight},
		deep: p.MaxDepth,
		rows: make([]int32, 0, data.rows), spare: make([]int32, data.rows), right: make([]int32, data.rows),
		best:     make([]split, data.features),
		goesLeft: make([]int, (data.rows+blockRows-1)/blockRows+1),
	}
	g.search = func(_, item int) { g.best[item] = g.bestOf(int(g.hist.cols[item])) }
	g.separate = g.separateBlock
	g.gather = g.gatherBlock
	return g
}

func (g *grower) bestOf(f int) split {
	d := g.data
	s := g.reg.best(g.cells[d.offset[f]:d.offset[f+1]], g.totals.g, g.totals.h, d.hasMissing[f], d.present[f] == d.present[f])
	s.feature = f
	return s
}

// grow grows a tree over rows (already in g.rows) and leaves it in g.nodes.
func (g *grower) grow(ctx context.Context, grad []gradPair, cols []int32) error {
	g.grad, g.hist.cols = grad, cols
	g.nodes = append(g.nodes[:0], growNode{hi: len(g.rows)})
	hist := g.hist.take()
	g.hist.build(hist, g.rows, grad)
	// Totals of the root, summed over one feature's cells: every row is in exactly one.
	f := cols[0]
	for _, c := range hist[g.data.offset[f]:g.data.offset[f+1]] {
		g.nodes[0].g += c.g
		g.nodes[0].h += c.h
	}
	return g.expand(ctx, 0, hist, g.deep)
}

// expand splits a node and what comes below it, down to levels more levels. It owns
// hist and gives it back. Going depth first needs one histogram per level; without a
// limit on leaves the tree is the same as level by level.
func (g *grower) expand(ctx context.Context, at int32, hist []cell, levels int) error {
	n := &g.nodes[at]
	if n.hi-n.lo >= blockRows && ctx.Err() != nil {
		g.hist.give(hist)
		return ctx.Err()
	}
	best := g.findSplit(hist, cell{n.g, n.h})
	if best.gain == 0 {
		g.hist.give(hist)
		return nil
	}
	mid := n.lo + g.partition(n.lo, n.hi, best)
	if mid == n.lo || mid == n.hi {
		g.hist.give(hist) // only rounding was left on one side
		return nil
	}
	n.split = best
	left, right := int32(len(g.nodes)), int32(len(g.nodes)+1)
	n.left, n.right = left, right
	// Appending may move nodes: n is not used after this line.
	g.nodes = append(g.nodes,
		growNode{lo: n.lo, hi: mid, g: best.leftG, h: best.leftH},
		growNode{lo: mid, hi: n.hi, g: n.g - best.leftG, h: n.h - best.leftH})
	if levels == 1 {
		g.hist.give(hist)
		return nil
	}
	small, large := left, right
	if s, l := g.nodes[left], g.nodes[right]; s.hi-s.lo > l.hi-l.lo {
		small, large = right, left
	}
	child := g.hist.take()
	g.hist.build(child, g.rows[g.nodes[small].lo:g.nodes[small].hi], g.grad)
	subtract(hist, child)
	if err := g.expand(ctx, small, child, levels-1); err != nil {
		g.hist.give(hist)
		return err
	}
	return g.expand(ctx, large, hist, levels-1)
}

// findSplit looks at every sampled feature; equal gains go to the lowest.
func (g *grower) findSplit(hist []cell, totals cell) split {
	g.cells, g.totals = hist, totals
	n := len(g.hist.cols)
	if len(hist) >= parallelCells {
		g.pool.run(n, g.search)
	} else {
		for i := range n {
			g.search(0, i)
		}
	}
	found := split{}
	for _, s := range g.best[:n] {
		if s.gain > found.gain {
			found = s
		}
	}
	return found
}

// partition orders rows lo … hi−1 so that those going left come first, each side in
// its old order, and returns how many go left.
func (g *grower) partition(lo, hi int, s split) int {
	g.part, g.chosen, g.offset = g.rows[lo:hi], s, lo
	blocks := (hi - lo + blockRows - 1) / blockRows
	g.pool.run(blocks, g.separate)
	left := 0
	for b := range blocks {
		n := g.goesLeft[b]
		g.goesLeft[b] = left // from here on: where the block's left rows start
		left += n
	}
	g.goesLeft[blocks] = left
	g.pool.run(blocks, g.gather)
	return left
}

// separateBlock sorts one block's rows into g.spare (left) and g.right, and counts.
func (g *grower) separateBlock(_, block int) {
	lo, hi := block*blockRows, min((block+1)*blockRows, len(g.part))
	left, right := g.spare[g.offset+lo:g.offset+hi], g.right[g.offset+lo:g.offset+hi]
	nf, codes, f := g.data.features, g.data.codes, g.chosen.feature
	bin, missing := uint8(g.chosen.bin), g.data.missingCode(f)
	nl, nr := 0, 0
	for _, r := range g.part[lo:hi] {
		c := codes[int(r)*nf+f]
		// Both sides are written, one counts: no branch to guess wrong.
		left[nl], right[nr] = r, r
		toLeft := c <= bin
		if c == missing {
			toLeft = g.chosen.defaultLeft
		}
		if toLeft {
			nl++
		} else {
			nr++
		}
	}
	g.goesLeft[block] = nl
}

func (g *grower) gatherBlock(_, block int) {
	lo, hi := block*blockRows, min((block+1)*blockRows, len(g.part))
	blocks := (len(g.part) + blockRows - 1) / blockRows
	start := g.goesLeft[block]
	nl := g.goesLeft[block+1] - start
	copy(g.part[start:], g.spare[g.offset+lo:g.offset+lo+nl])
	// Right rows of earlier blocks = rows before this block − left rows before it.
	copy(g.part[g.goesLeft[blocks]+lo-start:], g.right[g.offset+lo:g.offset+hi-nl])
}
