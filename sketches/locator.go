package sketches

import (
	"math"
	"sort"
)

// slots is the size of a locator's table, 2 KB a feature.
const slots = 1024

// locator finds the cell of a number: a table lookup leaves the few edges that share
// the number's slot, which are then compared.
//
// A slot is a function of the number that never falls as the number rises. Edges in
// lower slots are therefore below the number and edges in higher slots above it,
// whatever the rounding: the table only saves comparisons and cannot change a result.
// Slots are equal steps of the value, or of its ordered bits (so roughly of its
// logarithm), whichever spreads the edges better. As edges are quantiles, cells are
// hit about equally often, and the mean number of comparisons is what is minimised.
type locator struct {
	edges []float64
	start []uint16 // start[s] = edges in slots below s; length slots + 1
	lo    float64  // first edge
	hi    float64  // last edge
	inv   float64  // slots per unit of the value; 0: slots go by ordered bits
	keyLo uint64
	shift uint
}

func newLocator(edges []float64) locator {
	l := locator{edges: edges, lo: edges[0], hi: edges[len(edges)-1], keyLo: orderedBits(edges[0])}
	for width := orderedBits(l.hi) - l.keyLo; width>>l.shift >= slots; {
		l.shift++
	}
	byBits := l.fill()
	inv := slots / (l.hi - l.lo)
	if math.IsInf(l.hi-l.lo, 0) || math.IsInf(inv, 0) || inv == 0 {
		return l
	}
	linear := l
	linear.inv = inv
	if linear.fill() <= byBits {
		return linear
	}
	return l
}

// fill makes the table and returns the sum of squares of the edges per slot, a
// measure of the comparisons that are left.
func (l *locator) fill() (cost int) {
	l.start = make([]uint16, slots+1)
	per := make([]int, slots)
	for _, e := range l.edges {
		per[l.slot(min(e, math.MaxFloat64))]++
	}
	at := 0
	for s, n := range per {
		l.start[s] = uint16(at)
		at += n
		cost += n * n
	}
	l.start[slots] = uint16(at)
	return cost
}

// slot is for lo ≤ x ≤ hi, x finite and not −0.
func (l *locator) slot(x float64) int {
	if l.inv != 0 {
		return min(int(float64((x-l.lo)*l.inv)), slots-1)
	}
	return min(int((orderedBits(x)-l.keyLo)>>l.shift), slots-1)
}

// scanned is how many edges in a slot are compared one after another.
const scanned = 4

// cell returns the number of edges ≤ x, for finite x that is not −0.
func (l *locator) cell(x float64) int {
	if x < l.lo {
		return 0
	}
	if x >= l.hi {
		return len(l.edges)
	}
	s := l.slot(x)
	from, to := int(l.start[s]), int(l.start[s+1])
	if to-from > scanned {
		return from + sort.Search(to-from, func(i int) bool { return l.edges[from+i] > x })
	}
	for from < to && l.edges[from] <= x {
		from++
	}
	return from
}
