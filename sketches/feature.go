package sketches

import (
	"errors"
	"fmt"
	"math"
)

// Errors of grid building; test with errors.Is.
var (
	ErrEmpty     = errors.New("no values")
	ErrNonFinite = errors.New("value is not finite")
	ErrBadGrid   = errors.New("bad grid")
)

// Kind is the kind of a feature.
type Kind uint8

// The two kinds of features.
const (
	Numeric     Kind = 1
	Categorical Kind = 2
)

// String gives "numeric" or "categorical".
func (k Kind) String() string {
	switch k {
	case Numeric:
		return "numeric"
	case Categorical:
		return "categorical"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Quantiles is K of the grid: numeric edges are the type-7 quantiles j/K of the
// reference. 240 nests coarse bins of 10, 20, 30 and 60.
const Quantiles = 240

// FeatureGrid is the frozen list of cells of one feature. Its fields are data,
// immutable by convention: make one with NewNumeric or NewCategorical.
//
// Cells of a numeric feature: 0 is under (below Edges[0]), i is [Edges[i−1],
// Edges[i]), the last is over. Cells of a categorical feature: one per name in the
// order of Names, then other, then TailCells hashed cells where Tail is not empty.
type FeatureGrid struct {
	Name string
	Kind Kind

	// Numeric.
	Edges    []float64 // strictly ascending, at least two; only the last may be +Inf
	Quantile []int     // index into Edges of the quantile j/240, j = 0 … 239
	Centre   float64   // moments are sums of q = round((x − Centre)·2^−Exp)
	Exp      int

	// Categorical. Fingerprints are sorted ascending.
	Names []string // named values, most frequent first, ties by bytes
	Tail  []uint64 // known values that share the hashed cells
	Known []uint64 // known values that are counted as other
	Seed  uint64   // of the hashed cells

	// Derived from the above by prepare.
	at      locator // finds cells
	single  []bool  // by cell: holds one float64 only
	verdict []int   // coarse bins for B = VerdictCoarse
	scale   float64 // 2^−Exp
	named   map[string]int32
}

// Side says where a value went.
type Side uint8

// Sides. Everything but InCell is counted beside the cells.
const (
	InCell Side = iota
	SideNull
	SideNaN
	SidePosInf
	SideNegInf
	SideWrong
	SideUnseen
)

// String names the side.
func (s Side) String() string {
	names := [...]string{"cell", "null", "nan", "+inf", "-inf", "wrong type", "unseen"}
	if int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("side(%d)", uint8(s))
}

// Cells returns the number of cells, under, over and other included.
func (f *FeatureGrid) Cells() int {
	switch {
	case f.Kind == Numeric:
		return len(f.Edges) + 1
	case len(f.Tail) > 0:
		return len(f.Names) + 1 + TailCells
	}
	return len(f.Names) + 1
}

// Locate returns the cell of v, or the side counter it belongs to; then cell is −1.
// It never allocates.
func (f *FeatureGrid) Locate(v Value) (cell int, side Side) {
	if f.Kind == Numeric {
		return f.locateNumber(v)
	}
	return f.locateCategory(v)
}

// Label names a cell for people: an interval such as "[1.5, 2)", "= 0", "< 0",
// "≥ 9", a category, "other", or "hashed 17".
func (f *FeatureGrid) Label(cell int) string {
	if cell < 0 || cell >= f.Cells() {
		return fmt.Sprintf("no cell %d", cell)
	}
	if f.Kind == Numeric {
		num := func(x float64) string { return fmt.Sprintf("%.6g", x) }
		switch {
		case cell == 0:
			return "< " + num(f.Edges[0])
		case cell == len(f.Edges):
			return "≥ " + num(f.Edges[cell-1])
		case f.SingleValue(cell):
			return "= " + num(f.Edges[cell-1])
		}
		return "[" + num(f.Edges[cell-1]) + ", " + num(f.Edges[cell]) + ")"
	}
	switch other := len(f.Names); {
	case cell < other:
		return f.Names[cell]
	case cell == other:
		return "other"
	default:
		return fmt.Sprintf("hashed %d", cell-other-1)
	}
}

// prepare checks the data and fills in what is derived. It must run before the
// grid is used; NewNumeric, NewCategorical, NewGrid and DecodeGrid see to it.
func (f *FeatureGrid) prepare() error {
	if f.Name == "" {
		return fmt.Errorf("%w: a feature without a name", ErrBadGrid)
	}
	var err error
	switch f.Kind {
	case Numeric:
		err = f.prepareNumeric()
	case Categorical:
		err = f.prepareCategorical()
	default:
		err = fmt.Errorf("unknown %s", f.Kind)
	}
	if err != nil {
		return fmt.Errorf("%w: feature %q: %w", ErrBadGrid, f.Name, err)
	}
	return nil
}

// plusZero turns −0 into +0 and leaves everything else alone.
func plusZero(x float64) float64 {
	if x == 0 {
		return 0
	}
	return x
}

// nextUp is the next float64 upwards, without ever giving −0.
func nextUp(x float64) float64 { return plusZero(math.Nextafter(x, math.Inf(1))) }

// orderedBits maps float64s to integers of the same order; −0 must be gone.
func orderedBits(x float64) uint64 {
	b := math.Float64bits(x)
	return b ^ (uint64(int64(b)>>63) | 1<<63)
}
