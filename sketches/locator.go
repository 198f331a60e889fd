package sketches

import (
	"math"
	"math/bits"
)

// locator finds the cell of a number: a table lookup leaves the few edges that share
// the number's slot, which are then compared without a branch.
//
// A slot is a function of the number that never falls as the number rises. Edges in
// lower slots are therefore below the number and edges in higher slots above it,
// whatever the rounding: the table only saves comparisons and cannot change a result.
// Slots are equal steps of the value, or of its ordered bits (so roughly of its
// logarithm), over a range that may leave out the outermost edges, so that one far
// value in the reference does not press all others into one slot. Which of these it
// is, is decided per feature when the grid is built, by the mean cost over the cells:
// edges are quantiles, so cells are hit about equally often.
//
// The worst case is a binary search over all edges, about 10 comparisons.
type locator struct {
	edges []float64 // the n edges, then beyond of them that no number reaches
	n     int
	start []uint16 // start[s] = edges below slot s, and crowded where it has many; length 2^k + 2
	lo    float64  // the table serves lo ≤ x < hi
	hi    float64
	inv   float64 // slots per unit of the value; 0: slots go by ordered bits
	keyLo uint64
	shift uint
}

const (
	// perEdge is how many slots there are for one edge, rounded up to a power of two.
	perEdge = 4
	// beside is how many edges are compared unconditionally; slots with more are searched.
	beside = 3
	// crowded marks a slot with more edges than that.
	crowded = 1 << 15
	// maxEdges is far more than NewNumeric ever makes, and leaves room for the mark.
	maxEdges = 1 << 14
)

// newLocator makes the table and returns the edges in the memory that the locator uses.
func newLocator(edges []float64) (locator, []float64) {
	n := len(edges)
	padded := make([]float64, n, n+beside)
	copy(padded, edges)
	for range beside {
		padded = append(padded, math.Inf(1))
	}
	return chooseTable(padded, n), padded[:n:n]
}

// chooseTable returns the locator of least cost; padded holds n edges and what is beyond.
func chooseTable(padded []float64, n int) locator {
	edges := padded[:n]
	// Without a table everything is searched: so it stays where two edges are all there is
	// and no finite number lies between them.
	never := math.Inf(1)
	best, cost := locator{edges: padded, n: n, start: []uint16{uint16(n)}, lo: never, hi: never}, never
	for _, low := range trims(n) {
		for _, high := range trims(n) {
			base := locator{edges: padded, n: n, lo: edges[low], hi: min(edges[n-1-high], math.MaxFloat64)}
			if base.lo >= base.hi {
				continue
			}
			for _, l := range [2]locator{base.linear(), base.byBits()} {
				if c := l.cost(); c < cost {
					best, cost = l, c
				}
			}
			if cost <= float64(n)+searchCost(n) { // nothing is searched but what lies beyond the last edge
				best.fill()
				return best
			}
		}
	}
	if best.start == nil {
		best.fill()
	}
	return best
}

// trims are the numbers of outermost edges that may lie outside the table.
func trims(n int) []int {
	all := []int{0, 2, 8}
	for len(all) > 1 && all[len(all)-1] > n/8 {
		all = all[:len(all)-1]
	}
	return all
}

// tableSize is perEdge·n rounded up to a power of two.
func tableSize(n int) int { return 1 << bits.Len(uint(perEdge*n-1)) }

// linear makes the slots equal steps of the value, or of its bits where their size
// cannot be expressed.
func (l locator) linear() locator {
	l.inv = float64(tableSize(l.n)) / (l.hi - l.lo)
	if math.IsInf(l.hi-l.lo, 0) || math.IsInf(l.inv, 0) || l.inv == 0 {
		return l.byBits()
	}
	return l
}

func (l locator) byBits() locator {
	l.inv, l.keyLo, l.shift = 0, orderedBits(l.lo), 0
	for width := orderedBits(l.hi) - l.keyLo; width>>l.shift >= uint64(tableSize(l.n)); {
		l.shift++
	}
	return l
}

// cost returns what a lookup of each edge costs together, in comparisons: 1 where its
// slot has few edges.
func (l *locator) cost() (sum float64) {
	size := 0 // edges in the slot of the last one
	last := uint(math.MaxUint)
	end := func() {
		if size > beside {
			sum += float64(size) * searchCost(size)
		} else {
			sum += float64(size)
		}
	}
	for _, e := range l.edges[:l.n] {
		if e < l.lo || e >= l.hi {
			sum += searchCost(l.n)
			continue
		}
		s := l.slot(e)
		if s != last {
			end()
			size, last = 0, s
		}
		size++
	}
	end()
	return sum
}

// fill makes the table.
func (l *locator) fill() {
	size := tableSize(l.n)
	l.start = make([]uint16, size+2)
	at, s := 0, uint(0)
	for i, e := range l.edges[:l.n] {
		if e < l.lo {
			at = i + 1
			continue
		}
		if e >= l.hi {
			break
		}
		for to := l.slot(e); s <= to; s++ {
			l.start[s] = uint16(at)
		}
		at = i + 1
	}
	for ; s < uint(len(l.start)); s++ {
		l.start[s] = uint16(at)
	}
	for s := range l.start[1:] {
		if l.start[s+1]-l.start[s] > beside {
			l.start[s] |= crowded
		}
	}
}

// within finds x among the edges of a crowded slot.
func (l *locator) within(s uint, x float64) int {
	from, to := l.start[s]&^crowded, l.start[s+1]&^crowded
	return int(from) + search(l.edges[from:to], x)
}

// searchCost is what a binary search over k edges costs beside one lookup: its steps
// wait for each other, and the branch towards it is not foreseen.
func searchCost(k int) float64 { return 3 + float64(bits.Len(uint(k))) }

// slot is for lo ≤ x < hi, x not −0.
func (l *locator) slot(x float64) uint {
	if l.inv != 0 {
		return uint(int(float64((x - l.lo) * l.inv)))
	}
	return uint((orderedBits(x) - l.keyLo) >> (l.shift & 63))
}

// cell returns the number of edges ≤ x, for finite x that is not −0.
func (l *locator) cell(x float64) int {
	if !(x >= l.lo && x < l.hi) {
		return l.outside(x)
	}
	s := l.slot(x)
	from := uint(l.start[s])
	if from >= crowded {
		return l.within(s, x)
	}
	e := l.edges[from : from+beside : from+beside]
	return int(from) + reaches(x, e[0]) + reaches(x, e[1]) + reaches(x, e[2])
}

// outside is cell for what the table does not serve.
func (l *locator) outside(x float64) int {
	if x >= l.hi {
		from := int(l.start[len(l.start)-1])
		return from + search(l.edges[from:l.n], x)
	}
	return search(l.edges[:l.start[0]&^crowded], x)
}

// search returns how many of the ascending edges are ≤ x; the loop holds no branch that
// depends on the data.
func search(edges []float64, x float64) int {
	at, n := 0, len(edges)
	for n > 1 {
		half := n >> 1
		at += half & -reaches(x, edges[at+half-1])
		n -= half
	}
	if n == 1 {
		at += reaches(x, edges[at])
	}
	return at
}

// reaches is 1 if edge ≤ x and 0 if not, computed without a jump.
func reaches(x, edge float64) int {
	if edge <= x {
		return 1
	}
	return 0
}
