package drift

import "github.com/driftline/driftline/sketches"

// minPooled is the least pooled count of a bin that stays alone. The rule looks at
// pooled counts only, so given those the null law keeps B' − 1 degrees of freedom [D].
const minPooled = 5

// merging holds the buffers of merge.
type merging struct {
	group []int // of each bin, what merge has set

	pool              []uint64
	into, heads, seen []int // into: the head of the group that a bin belongs to
}

func newMerging(bins int) merging {
	k := make([]int, 4*bins)
	return merging{
		pool:  make([]uint64, bins),
		group: k[:bins:bins], into: k[bins : 2*bins : 2*bins], heads: k[2*bins : 3*bins : 3*bins], seen: k[3*bins:],
	}
}

// fit sets the buffers to so many bins, at most those that they were made for.
func (x *merging) fit(bins int) {
	x.pool = x.pool[:bins]
	x.group, x.into, x.heads, x.seen = x.group[:bins], x.into[:bins], x.heads[:bins], x.seen[:bins]
}

// merge merges bins of small pooled count and sets the group of every bin, 0 … groups−1
// in order.
//
// Numeric: first under, then over, then the lowest bin below 5 goes to the neighbour
// of smaller pooled count (lower index on ties), until none is below 5 or one bin is
// left. Categorical: all bins below 5 go to the last one, other; if that stays below
// 5 it joins the smallest remaining bin (lower index on ties).
func (x *merging) merge(kind sketches.Kind, a, b []uint64) (groups int) {
	small := false
	for i := range x.pool {
		x.pool[i] = a[i] + b[i]
		x.into[i], x.group[i] = i, i
		small = small || x.pool[i] < minPooled
	}
	if !small {
		return len(x.pool)
	}
	if kind == sketches.Categorical {
		mergeCategories(x.pool, x.into)
	} else {
		mergeNeighbours(x.pool, x.into, x.heads)
	}
	return consecutive(x.into, x.group, x.seen)
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

func mergeNeighbours(pool []uint64, into, heads []int) {
	for i := range heads { // of the runs that are left, ascending
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
func consecutive(into, group, seen []int) (groups int) {
	clear(seen) // group number + 1 of a head
	for i, head := range into {
		if seen[head] == 0 {
			groups++
			seen[head] = groups
		}
		group[i] = seen[head] - 1
	}
	return groups
}
