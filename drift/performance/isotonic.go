package performance

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// block is a run of points that share one chance, positives ÷ total.
type block struct {
	first, last      int // points, both included
	positives, total uint64
	// effective is how many labels the chance rests on: total, or fewer where weights
	// differ (Kish's size).
	effective float64
}

func (b block) chance() float64 { return float64(b.positives) / float64(b.total) }

// poolAdjacent is the least-squares ascending fit to shares positives/totals with
// weights totals: neighbours are merged while the left ratio exceeds the right one.
// The comparison is exact, by products of 128 bits. Points without weight are left
// out. Every point of a block is predicted its ratio; the ratios ascend [D].
func poolAdjacent(positives, totals []uint64) ([]block, error) {
	if len(positives) != len(totals) {
		return nil, fmt.Errorf("%w: %d positives for %d totals", ErrBadInput, len(positives), len(totals))
	}
	var blocks []block
	for i, n := range totals {
		if positives[i] > n {
			return nil, fmt.Errorf("%w: %d positives of %d at point %d", ErrBadInput, positives[i], n, i)
		}
		if n == 0 {
			continue
		}
		b := block{first: i, last: i, positives: positives[i], total: n}
		for len(blocks) > 0 {
			left := blocks[len(blocks)-1]
			if !exceeds(left, b) {
				break
			}
			var carry uint64
			if b.total, carry = bits.Add64(left.total, b.total, 0); carry != 0 {
				return nil, fmt.Errorf("%w: the totals leave 64 bits", ErrBadInput)
			}
			b.positives += left.positives
			b.first = left.first
			blocks = blocks[:len(blocks)-1]
		}
		blocks = append(blocks, b)
	}
	for i := range blocks {
		blocks[i].effective = float64(blocks[i].total)
	}
	return blocks, nil
}

// exceeds reports whether the ratio of a is above that of b.
func exceeds(a, b block) bool {
	hi, lo := bits.Mul64(a.positives, b.total)
	hi2, lo2 := bits.Mul64(b.positives, a.total)
	return hi > hi2 || hi == hi2 && lo > lo2
}

// Isotonic is an ascending step fit to labels over a number, read as a curve: linear
// between the points it was made from, level beyond the ends.
type Isotonic struct {
	x, p []float64 // distinct points ascending, and their chances
}

// FitIsotonic fits an ascending curve: at x[i], positives[i] of totals[i] labels are
// positive. Equal x are taken together; points without labels count for nothing.
// Least squares, by pooling adjacent violators (Ayer et al. 1955†).
//
// Errors: ErrBadInput for lengths that differ, more positives than labels, x that is
// not finite, or no labels at all.
func FitIsotonic(x []float64, positives, totals []uint64) (*Isotonic, error) {
	if len(x) != len(totals) || len(x) != len(positives) {
		return nil, fmt.Errorf("%w: %d points, %d positives, %d totals", ErrBadInput, len(x), len(positives), len(totals))
	}
	order := make([]int, len(x))
	for i, v := range x {
		if !finite(v) {
			return nil, fmt.Errorf("%w: point %d is %g", ErrBadInput, i, v)
		}
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(x[a], x[b]) })
	var f Isotonic
	var k, n []uint64
	for _, i := range order {
		if totals[i] == 0 && positives[i] == 0 {
			continue
		}
		if last := len(f.x) - 1; last >= 0 && f.x[last] == x[i] {
			k[last], n[last] = k[last]+positives[i], n[last]+totals[i]
			continue
		}
		f.x, k, n = append(f.x, x[i]), append(k, positives[i]), append(n, totals[i])
	}
	if len(f.x) == 0 {
		return nil, fmt.Errorf("%w: no labels to fit a curve to", ErrBadInput)
	}
	blocks, err := poolAdjacent(k, n)
	if err != nil {
		return nil, err
	}
	f.p = make([]float64, len(f.x))
	for _, b := range blocks {
		for i := b.first; i <= b.last; i++ {
			f.p[i] = b.chance()
		}
	}
	return &f, nil
}

// At returns the chance at x; NaN for NaN.
func (f *Isotonic) At(x float64) float64 {
	if math.IsNaN(x) {
		return math.NaN()
	}
	i, found := slices.BinarySearch(f.x, x)
	switch {
	case found:
		return f.p[i]
	case i == 0:
		return f.p[0]
	case i == len(f.x):
		return f.p[i-1]
	}
	t := (x - f.x[i-1]) / (f.x[i] - f.x[i-1])
	return f.p[i-1] + float64(t*(f.p[i]-f.p[i-1]))
}
