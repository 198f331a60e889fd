package gbdt

import (
	"math"
	"math/bits"
)

// cutSampleRows bounds the rows that quantiles are taken from: past some hundred
// thousand, more rows move a 255-bin cut by less than a bin's own width.
const cutSampleRows = 1 << 18

// binned is a matrix of bin codes: row-major, one byte per cell. A value's code is
// the number of cuts ≤ the value; the code after the last bin stands for missing.
type binned struct {
	rows, features int
	codes          []uint8
	cuts           [][]float32 // per feature, ascending; one fewer than its bins
	offset         []int       // first histogram cell of each feature; one more entry at the end
	present        []float32   // per feature: a cut above every value seen, or NaN if there is none
	hasMissing     []bool      // per feature: some row lacks it
}

// missingCode is the code of a missing value of feature f, also its bin count.
func (b *binned) missingCode(f int) uint8 { return uint8(len(b.cuts[f]) + 1) }

// newBinned cuts every feature of m into at most bins bins (2 … 255) and codes it.
func newBinned(m Matrix, bins int, p *pool) *binned {
	nf := len(m.Names)
	b := &binned{
		rows: m.Rows, features: nf, codes: make([]uint8, m.Rows*nf),
		cuts: make([][]float32, nf), offset: make([]int, nf+1),
		present: make([]float32, nf), hasMissing: make([]bool, nf),
	}
	step := (m.Rows + cutSampleRows - 1) / cutSampleRows
	sample := (m.Rows + step - 1) / step
	scratch := make([]sortScratch, p.workers)
	p.run(nf, func(worker, f int) {
		s := &scratch[worker]
		s.reserve(sample)
		keys := s.a[:0]
		top := float32(math.Inf(-1))
		for i, at := 0, f; i < m.Rows; i, at = i+1, at+nf {
			x := m.X[at]
			if x != x {
				b.hasMissing[f] = true
				continue
			}
			top = max(top, x)
			if i%step == 0 {
				keys = append(keys, sortKey(x))
			}
		}
		b.cuts[f] = quantileCuts(s.sort(keys), bins)
		b.present[f] = math.MaxFloat32
		if top == math.MaxFloat32 {
			b.present[f] = float32(math.NaN()) // no float32 cut lies above it
		}
	})
	for f := range nf {
		b.offset[f+1] = b.offset[f] + len(b.cuts[f]) + 2 // bins and the missing cell
	}
	b.code(m, p)
	return b
}

// code fills codes by the rule of package gbdt: x < cut goes left.
func (b *binned) code(m Matrix, p *pool) {
	nf := b.features
	// Padding with +∞ gives every bisection the same 8 steps without branches.
	padded := make([][256]float32, nf)
	steps := make([]int, nf)
	for f, cuts := range b.cuts {
		n := copy(padded[f][:], cuts)
		for ; n < 256; n++ {
			padded[f][n] = float32(math.Inf(1))
		}
		steps[f] = 1 << bits.Len(uint(len(cuts))) >> 1
	}
	blocks := (b.rows + blockRows - 1) / blockRows
	p.run(blocks, func(_, block int) {
		lo, hi := block*blockRows, min((block+1)*blockRows, b.rows)
		for i := lo; i < hi; i++ {
			x, out := m.X[i*nf:(i+1)*nf], b.codes[i*nf:(i+1)*nf]
			for f, v := range x {
				if v != v {
					out[f] = b.missingCode(f)
					continue
				}
				table, at := &padded[f], 0
				for step := steps[f]; step > 0; step >>= 1 {
					if table[uint8(at+step-1)] <= v {
						at += step
					}
				}
				out[f] = uint8(at)
			}
		}
	})
}

// quantileCuts returns at most bins−1 ascending cuts of the sorted keys. With few
// enough distinct values each has its own bin; else bins hold near-equal counts,
// and a value that fills more than a bin has one to itself.
func quantileCuts(sorted []uint32, bins int) []float32 {
	distinct := 0
	for i, k := range sorted {
		if i == 0 || k != sorted[i-1] {
			distinct++
		}
	}
	if distinct < 2 {
		return nil
	}
	cuts := make([]float32, 0, min(distinct, bins)-1)
	if distinct <= bins {
		for i := 1; i < len(sorted); i++ {
			if sorted[i] != sorted[i-1] {
				cuts = append(cuts, cutBetween(keyValue(sorted[i-1]), keyValue(sorted[i])))
			}
		}
		return cuts
	}
	// Close a bin at the first change of value after its fair share of what is left.
	left, binsLeft, filled := len(sorted), bins, 0
	for i := 1; i < len(sorted) && binsLeft > 1; i++ {
		filled++
		if sorted[i] == sorted[i-1] {
			continue
		}
		run := 1 // how many rows the next value brings; counted no further than a share
		share := float64(left) / float64(binsLeft)
		for run < int(share)+1 && i+run < len(sorted) && sorted[i+run] == sorted[i] {
			run++
		}
		// Close as well when the next value overshoots by more than we are short.
		if float64(filled) >= share || float64(filled+run)-share > share-float64(filled) {
			cuts = append(cuts, cutBetween(keyValue(sorted[i-1]), keyValue(sorted[i])))
			left, binsLeft, filled = left-filled, binsLeft-1, 0
		}
	}
	return cuts
}

// cutBetween returns a float32 c with a < c ≤ b, near the middle.
func cutBetween(a, b float32) float32 {
	c := float32((float64(a) + float64(b)) / 2)
	if c <= a {
		return b
	}
	return c
}

// sortKey maps a float32 that is not NaN to a key of the same order; −0 becomes +0.
func sortKey(x float32) uint32 {
	k := math.Float32bits(x + 0)
	if x == 0 {
		k = 0
	}
	if k>>31 == 1 {
		return ^k
	}
	return k | 1<<31
}

func keyValue(k uint32) float32 {
	if k>>31 == 1 {
		return math.Float32frombits(k &^ (1 << 31))
	}
	return math.Float32frombits(^k)
}

// sortScratch sorts keys by three counting passes of 11 bits.
type sortScratch struct{ a, b []uint32 }

func (s *sortScratch) reserve(n int) {
	if cap(s.a) < n {
		s.a, s.b = make([]uint32, n), make([]uint32, n)
	}
}

// sort returns keys in ascending order; keys must lie in s.a.
func (s *sortScratch) sort(keys []uint32) []uint32 {
	const digit = 11
	from, to := keys, s.b[:len(keys)]
	for shift := 0; shift < 32; shift += digit {
		var count [1 << digit]int
		for _, k := range from {
			count[k>>shift&(1<<digit-1)]++
		}
		at := 0
		for d, n := range count {
			count[d] = at
			at += n
		}
		for _, k := range from {
			d := k >> shift & (1<<digit - 1)
			to[count[d]] = k
			count[d]++
		}
		from, to = to, from
	}
	return from
}
