package gbdt

import (
	"errors"
	"fmt"
	"math"
)

// fileTree is one tree of the document.
type fileTree struct {
	ID    *int `json:"id"`
	Param struct {
		NumNodes   string `json:"num_nodes"`
		NumDeleted string `json:"num_deleted"`
		NumFeature string `json:"num_feature"`
		SizeLeaf   string `json:"size_leaf_vector"`
	} `json:"tree_param"`
	Left        intList   `json:"left_children"`
	Right       intList   `json:"right_children"`
	Parent      intList   `json:"parents"`
	Feature     intList   `json:"split_indices"`
	SplitType   intList   `json:"split_type"`
	DefaultLeft flagList  `json:"default_left"`
	Cond        floatList `json:"split_conditions"`
	Gain        floatList `json:"loss_changes"`
	Hess        floatList `json:"sum_hessian"`
	Weight      floatList `json:"base_weights"`
}

func (m *Model) readTrees(file *fileModel, limits Limits) error {
	f := file.Learner.Booster.Model
	n := len(f.Trees)
	if n > limits.Trees {
		return fmt.Errorf("%d trees: the limit is %d", n, limits.Trees)
	}
	if _, err := wholeParam("num_trees", f.Param.NumTrees, -1, n, n); err != nil {
		return err
	}
	if len(f.TreeInfo) != n {
		return fmt.Errorf("tree_info has %d entries for %d trees", len(f.TreeInfo), n)
	}
	if _, err := wholeParam("size_leaf_vector", f.Param.SizeLeaf, 0, 0, 1); err != nil {
		return fmt.Errorf("%w: vector leaves cannot be scored", err)
	}
	var err error
	if m.parallel, err = wholeParam("num_parallel_tree", f.Param.NumParallel, 1, 1, limits.Trees); err != nil {
		return err
	}
	for i, class := range f.TreeInfo {
		if class < 0 || int(class) >= m.groups {
			return fmt.Errorf("tree_info[%d] is %d: must be from 0 to %d", i, class, m.groups-1)
		}
	}
	m.class = f.TreeInfo
	if err := m.readRounds(f.IndPtr, n); err != nil {
		return err
	}
	m.trees = make([]tree, n)
	for i := range f.Trees {
		if m.trees[i], err = f.Trees[i].compact(i, m.flat.features); err != nil {
			return fmt.Errorf("trees[%d]: %w", i, err)
		}
	}
	return nil
}

// readRounds takes iteration_indptr, or derives it where the file has none, as before
// XGBoost 2.0.
func (m *Model) readRounds(indptr intList, trees int) error {
	step := m.groups * m.parallel
	if len(indptr) == 0 {
		if trees%step != 0 {
			return fmt.Errorf("%d trees are not whole rounds of %d", trees, step)
		}
		for n := 0; n <= trees; n += step {
			m.indptr = append(m.indptr, n)
		}
		return nil
	}
	for i, n := range indptr {
		if (i == 0 && n != 0) || (i > 0 && n < indptr[i-1]) {
			return fmt.Errorf("iteration_indptr[%d] is %d: must start at 0 and never fall", i, n)
		}
		m.indptr = append(m.indptr, int(n))
	}
	if last := m.indptr[len(m.indptr)-1]; last != trees {
		return fmt.Errorf("iteration_indptr ends at %d for %d trees", last, trees)
	}
	return nil
}

// compact checks a tree and returns the nodes reachable from the root, numbered
// breadth first.
func (f *fileTree) compact(position, features int) (tree, error) {
	n := len(f.Left)
	if n == 0 {
		return tree{}, errors.New("left_children is missing or empty")
	}
	if f.ID != nil && *f.ID != position {
		return tree{}, fmt.Errorf("id is %d: must be its position %d", *f.ID, position)
	}
	if _, err := wholeParam("tree_param.num_nodes", f.Param.NumNodes, n, n, n); err != nil {
		return tree{}, err
	}
	deleted, err := wholeParam("tree_param.num_deleted", f.Param.NumDeleted, 0, 0, n-1)
	if err != nil {
		return tree{}, err
	}
	if _, err := wholeParam("tree_param.size_leaf_vector", f.Param.SizeLeaf, 0, 0, 1); err != nil {
		return tree{}, fmt.Errorf("%w: vector leaves cannot be scored", err)
	}
	for _, a := range []struct {
		name   string
		length int
	}{
		{"right_children", len(f.Right)}, {"parents", len(f.Parent)}, {"split_indices", len(f.Feature)},
		{"default_left", len(f.DefaultLeft)}, {"split_conditions", len(f.Cond)}, {"loss_changes", len(f.Gain)},
		{"sum_hessian", len(f.Hess)}, {"base_weights", len(f.Weight)},
	} {
		if a.length != n {
			return tree{}, fmt.Errorf("%s has %d entries for %d nodes", a.name, a.length, n)
		}
	}
	if len(f.SplitType) != 0 && len(f.SplitType) != n {
		return tree{}, fmt.Errorf("split_type has %d entries for %d nodes", len(f.SplitType), n)
	}
	order, number, err := f.breadthFirst()
	if err != nil {
		return tree{}, err
	}
	if n-len(order) != deleted {
		return tree{}, fmt.Errorf("%d of %d nodes cannot be reached from the root, num_deleted is %d", n-len(order), n, deleted)
	}
	out := newTree(len(order))
	for at, id := range order {
		if err := f.copyNode(&out, at, id, number, features); err != nil {
			return tree{}, fmt.Errorf("node %d: %w", id, err)
		}
	}
	return out, nil
}

// breadthFirst walks from the root: order lists old node numbers, number maps an old
// number to its place in order plus 1. Each node is met once, so there is no cycle
// and no second parent.
func (f *fileTree) breadthFirst() (order, number []int32, err error) {
	n := int32(len(f.Left))
	number = make([]int32, n)
	if p := f.Parent[0]; p != noParent && p != -1 {
		return nil, nil, fmt.Errorf("parents[0] is %d: node 0 must be the root, %d", p, noParent)
	}
	order, number[0] = append(order, 0), 1
	for at := 0; at < len(order); at++ {
		id := order[at]
		left, right := f.Left[id], f.Right[id]
		if left == leafMark && right == leafMark {
			continue
		}
		for _, child := range [2]int32{left, right} {
			switch {
			case child < 0 || child >= n:
				return nil, nil, fmt.Errorf("node %d has child %d: must be from 0 to %d, or both -1", id, child, n-1)
			case number[child] != 0:
				return nil, nil, fmt.Errorf("node %d is reached twice: the tree has a cycle or a node with two parents", child)
			case f.Parent[child] != id:
				return nil, nil, fmt.Errorf("node %d is a child of %d, its parents entry says %d", child, id, f.Parent[child])
			}
			order = append(order, child)
			number[child] = int32(len(order))
		}
	}
	return order, number, nil
}

func (f *fileTree) copyNode(out *tree, at int, id int32, number []int32, features int) error {
	leaf := f.Left[id] == leafMark
	if len(f.SplitType) > 0 && f.SplitType[id] != 0 && !leaf {
		return fmt.Errorf("categorical split on feature %d: only numeric splits can be scored", f.Feature[id])
	}
	for _, v := range []struct {
		name  string
		value float32
	}{{"split_conditions", f.Cond[id]}, {"loss_changes", f.Gain[id]}, {"sum_hessian", f.Hess[id]}, {"base_weights", f.Weight[id]}} {
		if x := float64(v.value); math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("%s is %v: must be finite", v.name, x)
		}
	}
	out.cond[at], out.gain[at], out.hess[at], out.weight[at] = f.Cond[id], f.Gain[id], f.Hess[id], f.Weight[id]
	out.parent[at] = noParent
	if id != 0 {
		out.parent[at] = number[f.Parent[id]] - 1
	}
	if leaf {
		out.left[at], out.right[at], out.gain[at] = leafMark, leafMark, 0
		return nil
	}
	if f.Feature[id] < 0 || int(f.Feature[id]) >= features {
		return fmt.Errorf("split_indices is %d: must be from 0 to %d", f.Feature[id], features-1)
	}
	out.feature[at], out.defaultLeft[at] = f.Feature[id], f.DefaultLeft[id]
	out.left[at], out.right[at] = number[f.Left[id]]-1, number[f.Right[id]]-1
	return nil
}
