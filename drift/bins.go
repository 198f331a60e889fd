package drift

import "github.com/driftline/driftline/sketches"

// minPooled is the least pooled count of a bin that stays alone. The rule looks at
// pooled counts only, so given those the null law keeps B' − 1 degrees of freedom [D].
const minPooled = 5

// fold sums counts of cells into bins.
func fold(cells []uint64, cellToBin []int, bins int) []uint64 {
	out := make([]uint64, bins)
	for i, k := range cells {
		out[cellToBin[i]] += k
	}
	return out
}

// mergeSmall merges bins of small pooled count and returns the group of every bin,
// 0 … groups−1 in order.
//
// Numeric: first under, then over, then the lowest bin below 5 goes to the neighbour
// of smaller pooled count (lower index on ties), until none is below 5 or one bin is
// left. Categorical: all bins below 5 go to the last one, other; if that stays below
// 5 it joins the smallest remaining bin (lower index on ties).
func mergeSmall(kind sketches.Kind, a, b []uint64) (group []int, groups int) {
	n := len(a)
	pool := make([]uint64, n)
	for i := range pool {
		pool[i] = a[i] + b[i]
	}
	into := make([]int, n) // the head of the group that a bin belongs to
	for i := range into {
		into[i] = i
	}
	if kind == sketches.Categorical {
		mergeCategories(pool, into)
	} else {
		mergeNeighbours(pool, into)
	}
	return consecutive(into)
}

func mergeCategories(pool []uint64, into []int) {
	other := len(pool) - 1
	for i := range other {
		if pool[i] < minPooled {
			pool[other] += pool[i]
			into[i] = other
		}
	}
	if pool[other] >= minPooled {
		return
	}
	best := -1
	for i := range other {
		if into[i] == i && (best < 0 || pool[i] < pool[best]) {
			best = i
		}
	}
	if best < 0 {
		return
	}
	for i := range into {
		if into[i] == other {
			into[i] = best
		}
	}
}

func mergeNeighbours(pool []uint64, into []int) {
	heads := make([]int, len(pool)) // heads of the runs that are left, ascending
	for i := range heads {
		heads[i] = i
	}
	join := func(at, to int) { // positions in heads; neighbours
		lo, hi := min(at, to), max(at, to)
		pool[heads[lo]] += pool[heads[hi]]
		for i := heads[hi]; i < len(into) && into[i] == heads[hi]; i++ {
			into[i] = heads[lo]
		}
		heads = append(heads[:hi], heads[hi+1:]...)
	}
	if len(heads) > 1 && pool[heads[0]] < minPooled {
		join(0, 1)
	}
	if last := len(heads) - 1; last > 0 && pool[heads[last]] < minPooled {
		join(last, last-1)
	}
	for at := 0; at < len(heads) && len(heads) > 1; {
		if pool[heads[at]] >= minPooled {
			at++
			continue
		}
		to := at - 1
		if at == 0 || at+1 < len(heads) && pool[heads[at+1]] < pool[heads[at-1]] {
			to = at + 1
		}
		join(at, to)
		at = 0
	}
}

// consecutive turns heads into consecutive group numbers in order of the first bin.
func consecutive(into []int) (group []int, groups int) {
	group = make([]int, len(into))
	seen := make([]int, len(into)) // group number + 1 of a head
	for i, head := range into {
		if seen[head] == 0 {
			groups++
			seen[head] = groups
		}
		group[i] = seen[head] - 1
	}
	return group, groups
}

// regroup sums bins into groups, as float64 for the formulas.
func regroup(bins []uint64, group []int, groups int) []float64 {
	out := make([]float64, groups)
	for i, k := range bins {
		out[group[i]] += float64(k)
	}
	return out
}
