package sketches

import (
	"fmt"
	"math/bits"
	"slices"
)

// VerdictCoarse is B of the verdict bins.
const VerdictCoarse = 10

// MaxVerdictBins bounds the verdict bins of a categorical feature; block sums grow
// with its square. Categories of smaller reference count share the last bin.
const MaxVerdictBins = 64

// Coarse maps cells to b coarse bins; b must be 10, 20, 30 or 60 (another value
// panics: it is a constant of the caller's). Numeric: interior edges are the
// quantiles j/b with duplicates removed, outer bins are open, and a bin is the
// number of interior edges ≤ value. Categorical: every cell is its own bin.
func (f *FeatureGrid) Coarse(b int) (cellToBin []int, bins int) {
	if b != 10 && b != 20 && b != 30 && b != 60 {
		panic(fmt.Sprintf("sketches: coarse bins for B = %d", b))
	}
	if f.Kind == Categorical {
		cellToBin = make([]int, f.Cells())
		for i := range cellToBin {
			cellToBin[i] = i
		}
		return cellToBin, len(cellToBin)
	}
	return f.coarse(b)
}

func (f *FeatureGrid) coarse(b int) (cellToBin []int, bins int) {
	cellToBin = make([]int, f.Cells())
	bin, step, j := 0, Quantiles/b, Quantiles/b
	for cell := 1; cell < len(cellToBin); cell++ {
		if f.begins(cell, step, &j) {
			bin++
		}
		cellToBin[cell] = bin
	}
	return cellToBin, bin + 1
}

// begins reports whether a coarse bin begins with the cell; j is the next quantile that is
// looked at.
func (f *FeatureGrid) begins(cell, step int, j *int) (rises bool) {
	for *j < Quantiles && f.Quantile[*j] < cell { // edge cell−1 is the cell's lower end
		rises = true
		*j += step
	}
	return rises
}

// foldCoarse sums the cells of a numeric feature to its coarse bins.
func (f *FeatureGrid) foldCoarse(b int, cells []uint64) []uint64 {
	bins, step, j := make([]uint64, 1, b), Quantiles/b, Quantiles/b
	for cell, k := range cells {
		if f.begins(cell, step, &j) {
			bins = append(bins, 0)
		}
		bins[len(bins)-1] += k
	}
	return bins
}

// VerdictBins maps cells to the bins that verdicts are judged on, before bins of
// small pooled count are merged (which needs the window too: package drift).
//
// Numeric: the coarse bins for B = 10, cut again so that under, over and every atom
// with at least 1/20 of the reference's values are bins of their own. Bins are runs
// of neighbouring cells in ascending order. Categorical: a bin per cell in cell
// order; above 64 cells the 63 of largest reference count keep theirs (ties: lower
// cell) and the others share the last bin.
//
// ref must be on the same grid.
func (f *FeatureGrid) VerdictBins(ref *FeatureCounts) (cellToBin []int, bins int) {
	if f.Kind == Categorical {
		return f.verdictCategories(ref)
	}
	coarse := f.verdict
	n := ref.Total()
	last := len(coarse) - 1
	own := func(cell int) bool {
		if cell == 0 || cell == last {
			return true
		}
		return f.SingleValue(cell) && atLeastShare(ref.cell(cell), 2*VerdictCoarse, n)
	}
	cellToBin = make([]int, len(coarse))
	bin := 0
	for cell := 1; cell <= last; cell++ {
		if coarse[cell] != coarse[cell-1] || own(cell) || own(cell-1) {
			bin++
		}
		cellToBin[cell] = bin
	}
	return cellToBin, bin + 1
}

// atLeastShare reports count/n ≥ 1/parts for n > 0, in exact integers.
func atLeastShare(count, parts, n uint64) bool {
	hi, lo := bits.Mul64(count, parts)
	return n > 0 && (hi > 0 || lo >= n)
}

func (f *FeatureGrid) verdictCategories(ref *FeatureCounts) (cellToBin []int, bins int) {
	cells := f.Cells()
	cellToBin = make([]int, cells)
	if cells <= MaxVerdictBins {
		for i := range cellToBin {
			cellToBin[i] = i
		}
		return cellToBin, cells
	}
	rank := make([]int, cells)
	for i := range rank {
		rank[i] = i
	}
	slices.SortStableFunc(rank, func(a, b int) int {
		switch x, y := ref.cell(a), ref.cell(b); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	for _, cell := range rank[MaxVerdictBins-1:] {
		cellToBin[cell] = MaxVerdictBins - 1
	}
	keep := slices.Clone(rank[:MaxVerdictBins-1])
	slices.Sort(keep)
	for bin, cell := range keep {
		cellToBin[cell] = bin
	}
	return cellToBin, MaxVerdictBins
}
