package gbdt

import (
	"fmt"
	"math"
	"slices"
)

const (
	leafMark = -1            // child index of a leaf
	noParent = math.MaxInt32 // parent of a root, XGBoost's 2147483647
)

// Model is a trained or loaded ensemble. It is immutable.
type Model struct {
	objective string
	groups    int // outputs per row
	names     []string
	types     []string  // XGBoost's: float, int, i, q, c
	score     []float32 // base score as the file holds it, one per group
	base      []float32 // the same as a margin
	trees     []tree
	class     []int32 // group of each tree
	indptr    []int   // number of trees after each round, 0 first
	parallel  int     // trees per group and round

	flat flatForest
}

// tree is one tree as XGBoost's JSON holds it: node 0 is the root, every slice has
// one entry per node.
type tree struct {
	left, right, parent []int32
	feature             []int32
	cond                []float32 // cut; at a leaf its value, times the learning rate
	defaultLeft         []bool
	gain, hess, weight  []float32
}

func newTree(n int) tree {
	ints := make([]int32, 4*n)
	floats := make([]float32, 4*n)
	return tree{
		left: ints[:n:n], right: ints[n : 2*n : 2*n], parent: ints[2*n : 3*n : 3*n], feature: ints[3*n:],
		cond: floats[:n:n], gain: floats[n : 2*n : 2*n], hess: floats[2*n : 3*n : 3*n], weight: floats[3*n:],
		defaultLeft: make([]bool, n),
	}
}

func (t *tree) leafOf(x []float32) int32 {
	at := int32(0)
	for t.left[at] != leafMark {
		v := x[t.feature[at]]
		toLeft := v < t.cond[at]
		if v != v {
			toLeft = t.defaultLeft[at]
		}
		if toLeft {
			at = t.left[at]
		} else {
			at = t.right[at]
		}
	}
	return at
}

// finite refuses values that no reader would take back.
func (t *tree) finite() error {
	for _, s := range [][]float32{t.cond, t.gain, t.hess, t.weight} {
		for _, v := range s {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				return errOverflow
			}
		}
	}
	return nil
}

func newModel(objective string, groups int, names []string, score float32) *Model {
	m := &Model{objective: objective, groups: groups, names: slices.Clone(names), indptr: []int{0}, parallel: 1}
	m.types = slices.Repeat([]string{"float"}, len(names))
	m.score = slices.Repeat([]float32{score}, groups)
	m.setBase()
	return m
}

func (m *Model) setBase() {
	m.base = make([]float32, m.groups)
	for k := range m.base {
		m.base[k] = baseMargin(m.objective, m.score[k])
	}
}

// cut keeps the first rounds only.
func (m *Model) cut(rounds int) {
	n := m.indptr[rounds]
	m.trees, m.class, m.indptr = m.trees[:n:n], m.class[:n:n], m.indptr[:rounds+1]
}

// Objective is XGBoost's name of the loss, one of the three of this package.
func (m *Model) Objective() string { return m.objective }

// Groups is the number of predictions per row.
func (m *Model) Groups() int { return m.groups }

// Names returns the features in column order; empty if the model's file had none.
func (m *Model) Names() []string { return slices.Clone(m.names) }

// Features is the number of columns a row needs.
func (m *Model) Features() int { return m.flat.features }

// Rounds is the number of boosting steps, after early stopping.
func (m *Model) Rounds() int { return len(m.indptr) - 1 }

// Trees is the number of trees.
func (m *Model) Trees() int { return len(m.trees) }

// Nodes is the number of nodes of all trees.
func (m *Model) Nodes() int { return len(m.flat.nodes) }

// checkNames refuses a table whose columns are not the model's, in the model's order.
func (m *Model) checkNames(names []string) error {
	if len(names) != m.flat.features {
		return fmt.Errorf("table has %d features, the model %d", len(names), m.flat.features)
	}
	for i, want := range m.names {
		if names[i] != want {
			return fmt.Errorf("feature %d is %q, the model wants %q: put the columns in the model's order", i, names[i], want)
		}
	}
	return nil
}
