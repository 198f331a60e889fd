package sequential

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mathext"

	"github.com/driftline/driftline/sketches"
)

// Tables hold the score of every path in every cell, for one reference. They are
// immutable and may be shared; the same grid, counts and paths give the same tables
// on one machine.
type Tables struct {
	grid     *sketches.Grid
	paths    int
	features []table
}

// table is one feature's part. Columns are the cells and, last, the missing value.
type table struct {
	first, paths int // its run of the plan's paths
	columns      int
	score        []int64 // column·paths + path, nano-nats
}

// NewTables makes the tables of paths against ref. Paths are in ascending order of
// features, as a plan holds them.
//
// Errors: sketches.ErrGridMismatch for counts of another grid or a path outside it.
func NewTables(paths []Path, ref *sketches.Counts) (*Tables, error) {
	return newTables(paths, ref, ref)
}

// newTables takes shares from ref, and the bins that paths number from binned.
func newTables(paths []Path, ref, binned *sketches.Counts) (*Tables, error) {
	g := ref.Grid
	t := &Tables{grid: g, paths: len(paths), features: make([]table, len(g.Features))}
	at := 0
	for i := range g.Features {
		first := at
		for at < len(paths) && paths[at].Feature == i {
			at++
		}
		if first < at && len(ref.Features[i].Cells) != g.Features[i].Cells() {
			return nil, fmt.Errorf("%w: the reference holds no cells of feature %q", sketches.ErrGridMismatch, g.Features[i].Name)
		}
		t.features[i] = newTable(&g.Features[i], &ref.Features[i], &binned.Features[i], first, paths[first:at])
	}
	if at != len(paths) {
		return nil, fmt.Errorf("%w: path %d of %d is of feature %d, out of order or beyond %d features", sketches.ErrGridMismatch, at, len(paths), paths[at].Feature, len(g.Features))
	}
	return t, nil
}

func newTable(f *sketches.FeatureGrid, ref, binned *sketches.FeatureCounts, first int, paths []Path) table {
	t := table{first: first, paths: len(paths), columns: f.Cells() + 1}
	t.score = make([]int64, t.columns*t.paths)
	if t.paths == 0 {
		return t
	}
	law := newLaw(f, ref, binned)
	column := make([]float64, t.columns)
	for i, p := range paths {
		law.ratios(p, column)
		for c, l := range column {
			t.score[c*t.paths+i] = int64(math.RoundToEven(l * (nano * unscaled) / float64(p.Scale)))
		}
	}
	return t
}

// law is what a reference says about one feature.
type law struct {
	share []float64 // of the cells among values, smoothed, all above 0
	z     []float64 // normal scores of the cells' upper ends, without the last; numeric only
	bin   []int     // verdict bin of each cell; categories only
	null  float64   // (null + ½)/(n + null + 1)
}

// newLaw smooths: (a_i + ½) values in a cell, and (a_i + 1) in under and over, since a
// new value of a continuous law lies below the smallest of n with chance 1/(n + 1).
func newLaw(f *sketches.FeatureGrid, ref, binned *sketches.FeatureCounts) law {
	n, cells := ref.Total(), f.Cells()
	l := law{share: make([]float64, cells), null: (float64(ref.Null) + 0.5) / (float64(n+ref.Null) + 1)}
	whole := float64(n) + 0.5*float64(cells)
	numeric := f.Kind == sketches.Numeric
	if numeric {
		whole++ // ½ more in each outer cell
	}
	for i, a := range ref.Cells {
		k := float64(a) + 0.5
		if numeric && (i == 0 || i == cells-1) {
			k += 0.5
		}
		l.share[i] = k / whole
	}
	if !numeric {
		l.bin, _ = f.VerdictBins(binned)
		return l
	}
	// The upper half is counted from above, so that both tails are equally exact.
	l.z = make([]float64, cells-1)
	below := uint64(0)
	for i := range l.z {
		below += ref.Cells[i]
		lower := float64(below) + 0.5*float64(i+2)
		upper := float64(n-below) + 0.5*float64(cells-i)
		if lower <= upper {
			l.z[i] = mathext.NormalQuantile(lower / whole)
		} else {
			l.z[i] = -mathext.NormalQuantile(upper / whole)
		}
	}
	return l
}

// ratios writes ln(w/p) of a path into the columns.
func (l *law) ratios(p Path, column []float64) {
	last := len(column) - 1
	column[last] = 0
	switch p.Kind {
	case MeanUp:
		l.normal(p.Effect, 1, column)
	case MeanDown:
		l.normal(-p.Effect, 1, column)
	case Wider, Narrower:
		l.normal(0, p.Effect, column)
	case ShareUp, ShareDown:
		share := 0.0
		for i, s := range l.share {
			if l.bin[i] == p.Bin {
				share += s
			}
		}
		in, out := oddsRatios(share, p.Effect, p.Kind == ShareUp)
		for i := range l.share {
			column[i] = out
			if l.bin[i] == p.Bin {
				column[i] = in
			}
		}
	case NullUp, NullDown:
		in, out := oddsRatios(l.null, p.Effect, p.Kind == NullUp)
		for i := range l.share {
			column[i] = out
		}
		column[last] = in
	}
}

// normal: the alternative is N(shift, stretch²) on the scale on which the reference is
// N(0, 1); w_i = Φ((z_i − shift)/stretch) − Φ((z_{i−1} − shift)/stretch).
func (l *law) normal(shift, stretch float64, column []float64) {
	lo := math.Inf(-1)
	for i, p := range l.share {
		hi := math.Inf(1)
		if i < len(l.z) {
			hi = (l.z[i] - shift) / stretch
		}
		column[i] = math.Log(normalBetween(lo, hi) / p)
		lo = hi
	}
}

// normalBetween is Φ(hi) − Φ(lo) without cancellation in either tail, never zero.
func normalBetween(lo, hi float64) float64 {
	if lo > 0 {
		lo, hi = -hi, -lo
	}
	return max(0.5*(math.Erfc(-hi/math.Sqrt2)-math.Erfc(-lo/math.Sqrt2)), math.SmallestNonzeroFloat64*1e16)
}

// oddsRatios returns ln(w/p) inside and outside of a set of share p, where w has
// odds times (or divided by) ratio.
func oddsRatios(p, ratio float64, up bool) (in, out float64) {
	if !up {
		ratio = 1 / ratio
	}
	p = min(max(p, rareShare), 1-rareShare)
	rest := 1 - p + float64(p*ratio) // w = p·ratio/rest, 1 − w = (1 − p)/rest
	out = -math.Log(rest)
	return math.Log(ratio) + out, out
}
