package gbdt

import (
	"fmt"
	"math"
)

// flatNode is a node for scoring: 12 bytes, children next to each other.
//
// A leaf is its own child: its cut is NaN, so that no value is below it, and left is
// one less than its own index. A walk may thus take more steps than a path is long.
type flatNode struct {
	cut     float32
	left    int32
	feature uint32 // top bit: missing goes left
}

const missingLeft = 1 << 31

// flatForest is all trees in one slice.
type flatForest struct {
	features int
	nodes    []flatNode
	leaf     []float32 // value per node, 0 at splits
	roots    []int32
	depth    []int32 // longest path of each tree, in steps
}

// flatten derives the scoring layout from the trees. Features must be known.
func (m *Model) flatten() {
	total := 0
	for i := range m.trees {
		total += len(m.trees[i].left)
	}
	f := flatForest{
		features: max(len(m.names), m.flat.features),
		nodes:    make([]flatNode, 0, total), leaf: make([]float32, 0, total),
		roots: make([]int32, len(m.trees)), depth: make([]int32, len(m.trees)),
	}
	type visit struct{ node, depth int32 }
	var queue []visit
	for i := range m.trees {
		t := &m.trees[i]
		first := int32(len(f.nodes))
		f.roots[i] = first
		queue = append(queue[:0], visit{})
		for at := 0; at < len(queue); at++ {
			v := queue[at]
			f.depth[i] = max(f.depth[i], v.depth)
			if t.left[v.node] == leafMark {
				f.nodes = append(f.nodes, flatNode{cut: float32(math.NaN()), left: first + int32(at) - 1})
				f.leaf = append(f.leaf, t.cond[v.node])
				continue
			}
			n := flatNode{cut: t.cond[v.node], left: first + int32(len(queue)), feature: uint32(t.feature[v.node])}
			if t.defaultLeft[v.node] {
				n.feature |= missingLeft
			}
			f.nodes = append(f.nodes, n)
			f.leaf = append(f.leaf, 0)
			queue = append(queue, visit{t.left[v.node], v.depth + 1}, visit{t.right[v.node], v.depth + 1})
		}
	}
	m.flat = f
}

// step returns the index of the next node for row x.
func (n flatNode) step(x []float32) int32 {
	v := x[n.feature&^missingLeft]
	right := int32(1)
	if v < n.cut {
		right = 0
	}
	if v != v {
		right = 1 - int32(n.feature>>31)
	}
	return n.left + right
}

// Predict scores one row: x in column order, out one value per group: the chance of
// label 1 (binary:logistic), the value (reg:squarederror), the chance of each class
// (multi:softprob). NaN is missing; infinite values compare as numbers. It allocates
// nothing.
//
// Errors: x or out of the wrong length.
func (m *Model) Predict(x []float32, out []float64) error {
	if len(x) != m.flat.features || len(out) != m.groups {
		return fmt.Errorf("predict: %d values into %d outputs, the model takes %d into %d", len(x), len(out), m.flat.features, m.groups)
	}
	var few [8]float32
	margins := few[:]
	if m.groups > len(few) {
		margins = make([]float32, m.groups)
	}
	margins = margins[:m.groups]
	copy(margins, m.base)
	f := &m.flat
	for i, at := range f.roots {
		for range f.depth[i] {
			at = f.nodes[at].step(x)
		}
		margins[m.class[i]] += f.leaf[at]
	}
	link(m.objective, margins, out)
	return nil
}

// predictBlock is the number of rows whose values and margins are walked by one tree
// before the next tree takes over: small enough for the first-level cache with some
// tens of features.
const predictBlock = 64

// PredictMatrix scores a table; the result is rows × Groups, row-major, each row the
// same to the last bit as by Predict.
//
// Errors: a table of the wrong shape, or with columns that are not the model's in the
// model's order.
func (m *Model) PredictMatrix(t Matrix) ([]float64, error) {
	if len(t.X) != t.Rows*len(t.Names) {
		return nil, fmt.Errorf("predict: %d values are not %d rows × %d features", len(t.X), t.Rows, len(t.Names))
	}
	if err := m.checkNames(t.Names); err != nil {
		return nil, fmt.Errorf("predict: %w", err)
	}
	out := make([]float64, t.Rows*m.groups)
	margins := make([]float32, predictBlock*m.groups)
	f, nf := &m.flat, m.flat.features
	for lo := 0; lo < t.Rows; lo += predictBlock {
		n := min(predictBlock, t.Rows-lo)
		x := t.X[lo*nf : (lo+n)*nf]
		for i := range n {
			copy(margins[i*m.groups:], m.base)
		}
		for i, root := range f.roots {
			class, depth := int(m.class[i]), f.depth[i]
			r := 0
			// Four rows at once: their walks do not wait for each other.
			for ; r+4 <= n; r += 4 {
				x0, x1, x2, x3 := x[r*nf:(r+1)*nf], x[(r+1)*nf:(r+2)*nf], x[(r+2)*nf:(r+3)*nf], x[(r+3)*nf:(r+4)*nf]
				a, b, c, d := root, root, root, root
				for range depth {
					a, b, c, d = f.nodes[a].step(x0), f.nodes[b].step(x1), f.nodes[c].step(x2), f.nodes[d].step(x3)
				}
				margins[r*m.groups+class] += f.leaf[a]
				margins[(r+1)*m.groups+class] += f.leaf[b]
				margins[(r+2)*m.groups+class] += f.leaf[c]
				margins[(r+3)*m.groups+class] += f.leaf[d]
			}
			for ; r < n; r++ {
				at := root
				for range depth {
					at = f.nodes[at].step(x[r*nf : (r+1)*nf])
				}
				margins[r*m.groups+class] += f.leaf[at]
			}
		}
		for r := range n {
			link(m.objective, margins[r*m.groups:(r+1)*m.groups], out[(lo+r)*m.groups:(lo+r+1)*m.groups])
		}
	}
	return out, nil
}
