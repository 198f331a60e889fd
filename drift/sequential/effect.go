package sequential

import (
	"fmt"
	"math"
	"math/big"

	"github.com/driftline/driftline/sketches"
)

// variance returns the variance of a path's score of one record under the reference,
// and its mean. Scores of what the path does not count (missing values, for most) are
// left out by restricting the law to the columns that it counts.
func variance(ft *table, i int, columns []uint64) (mean, v float64) {
	n, s, ss := 0.0, 0.0, 0.0
	for c, a := range columns {
		x := float64(ft.score[c*ft.paths+i])
		n += float64(a)
		s += float64(a) * x
		ss += float64(a) * x * x
	}
	if n == 0 {
		return 0, 0
	}
	mean = s / n
	return mean, max(0, ss/n-mean*mean)
}

// countsMissing reports whether a path asks about missing values.
func (p Path) countsMissing() bool { return p.Kind == NullUp || p.Kind == NullDown }

func (p Path) columns(fc *sketches.FeatureCounts) []uint64 {
	if p.countsMissing() {
		return columnsOf(fc)
	}
	return fc.Cells
}

// setScale sets the design effect: long-run variance of the score sums over that of
// independent records, at least 1.
func (p *Path) setScale(longRun, single float64) {
	d := 1.0
	if single > 0 {
		d = max(1, longRun/single)
	}
	p.Scale = int64(min(math.RoundToEven(d*unscaled), limit/nano))
}

// significant is the size of an autocorrelation, in standard errors 1/√panes, from
// which it counts.
const significant = 2

// blockPerLag is the mean block length over the largest significant lag. Blocks of
// geometric length L keep the share (1 − 1/L)^k of the covariance at lag k: with the
// customary 2 a tenth of the long-run variance is lost, and a tenth of h with it. What
// is still lost is put right by scaleByHistory.
const blockPerLag = 6

// scaleByHistory sets the design effects of all paths from panes, with scores of
// unscaled tables t, and returns the mean length of blocks: Settings.Block, or
// blockPerLag times the largest lag up to which every autocorrelation of some path's
// pane sums is significant. kept is, per path, the share of the long-run variance that
// blocks of this length keep: what is simulated is scaled by so much less.
func (c *calibration) scaleByHistory(paths []Path, t *Tables, h *History) (block float64, kept []float64) {
	inc := h.increments(t)
	most := h.panes / 10
	largest := 0
	series := make([][]float64, len(paths))
	rows := make([]float64, h.panes)
	for i := range paths {
		p := &paths[i]
		ft := &t.features[p.Feature]
		mean, _ := variance(ft, i-ft.first, p.columns(&c.ref.Features[p.Feature]))
		x := make([]float64, h.panes)
		if i == ft.first || p.countsMissing() {
			for k := range rows {
				rows[k] = float64(h.rows(k, p.Feature, p.countsMissing()))
			}
		}
		// Less what the pane's size explains: busy hours are no dependence.
		for k := range x {
			x[k] = float64(inc[k*len(paths)+i]) - mean*rows[k]
		}
		centre(x, c.s.Cycle)
		series[i] = x
		largest = max(largest, lastSignificant(x, most))
	}
	block = c.s.Block
	if block == 0 {
		block = min(max(1, blockPerLag*float64(largest)), float64(most))
	}
	for i := range paths {
		p := &paths[i]
		ft := &t.features[p.Feature]
		_, v := variance(ft, i-ft.first, p.columns(&c.ref.Features[p.Feature]))
		all := 0.0
		for k := range h.panes {
			all += float64(h.rows(k, p.Feature, p.countsMissing()))
		}
		whole := longRun(series[i], largest, 1)
		p.setScale(whole, v*all/float64(h.panes))
		share := 1.0
		if part := longRun(series[i], largest, 1-1/block); whole > 0 && part > 0 && p.Scale > unscaled {
			share = min(1, max(leastKept, part/whole))
		}
		kept = append(kept, share)
	}
	return block, kept
}

// leastKept bounds what is put right: below it blocks are too short to be mended.
const leastKept = 0.5

// centre takes off the mean, or of a season the mean of each place in it.
func centre(x []float64, cycle int) {
	cycle = max(cycle, 1)
	for c := range cycle {
		s, n := 0.0, 0
		for k := c; k < len(x); k += cycle {
			s += x[k]
			n++
		}
		for k := c; k < len(x); k += cycle {
			x[k] -= s / float64(n)
		}
	}
}

func covariance(x []float64, lag int) float64 {
	s := 0.0
	for k := lag; k < len(x); k++ {
		s += x[k] * x[k-lag]
	}
	return s / float64(len(x))
}

// lastSignificant returns the largest lag up to which all autocorrelations count.
func lastSignificant(x []float64, most int) int {
	v := covariance(x, 0)
	if v == 0 {
		return 0
	}
	bound := significant / math.Sqrt(float64(len(x)))
	for lag := 1; lag <= most; lag++ {
		if math.Abs(covariance(x, lag)) < bound*v {
			return lag - 1
		}
	}
	return most
}

// longRun is the long-run variance by the sum of the covariances up to a lag, each times
// keep to the power of its lag.
func longRun(x []float64, lag int, keep float64) float64 {
	s, w := covariance(x, 0), 2.0
	for k := 1; k <= lag; k++ {
		w *= keep
		s += w * covariance(x, k)
	}
	return s
}

// scaleByBlocks sets the design effects from block sums on verdict bins, the score of a
// bin being the mean of its cells under the reference:
//
//	(J/(J−1) · Σ_t (Σ_i ℓ_i e_ti)² / Σ_t N_t) / Var(ℓ),  e_t = k_t − N_t·p
//
// Coarse bins know little of the tails, which rule the spread. Wider and Narrower get
// at least (d² + 1)/(2d), d the effect of the mean paths: what an AR(1) would give. Missing
// values are in no block: their paths get the largest effect of the feature.
func scaleByBlocks(paths []Path, t *Tables, ref *sketches.Counts, b *sketches.Blocks) error {
	if len(b.Features) != len(ref.Features) {
		return fmt.Errorf("%w: block sums of %d features for %d", sketches.ErrGridMismatch, len(b.Features), len(ref.Features))
	}
	most := make([]int64, len(ref.Features))
	for i := range paths {
		p := &paths[i]
		f, fc, sums := &ref.Grid.Features[p.Feature], &ref.Features[p.Feature], &b.Features[p.Feature]
		of, bins := f.VerdictBins(fc)
		if bins != sums.Bins() {
			return fmt.Errorf("%w: feature %q has %d verdict bins, its block sums %d", sketches.ErrGridMismatch, f.Name, bins, sums.Bins())
		}
		if sums.J < 3 {
			return fmt.Errorf("%w: %d blocks of feature %q, want at least 3", ErrNoHistory, sums.J, f.Name)
		}
		if p.countsMissing() {
			p.Scale = max(unscaled, most[p.Feature])
			continue
		}
		ft := &t.features[p.Feature]
		score, weight := make([]float64, bins), make([]float64, bins)
		for cell, a := range fc.Cells {
			score[of[cell]] += float64(a) * float64(ft.score[cell*ft.paths+i-ft.first])
			weight[of[cell]] += float64(a)
		}
		n, mean, v := 0.0, 0.0, 0.0
		for k := range score {
			if weight[k] > 0 {
				score[k] = math.RoundToEven(score[k] / weight[k])
			}
			n += weight[k]
			mean += weight[k] * score[k]
		}
		mean /= n
		for k := range score {
			v += weight[k] * (score[k] - mean) * (score[k] - mean)
		}
		p.setScale(blockVariance(sums, score), v/n)
		if p.Kind == Wider || p.Kind == Narrower {
			d := float64(most[p.Feature]) / unscaled
			p.Scale = max(p.Scale, int64(unscaled*(d*d+1)/(2*d)))
		}
		most[p.Feature] = max(most[p.Feature], p.Scale)
	}
	return nil
}

// blockVariance is the long-run variance per record of whole-numbered bin scores, the
// sums taken in whole numbers.
func blockVariance(b *sketches.BlockSums, score []float64) float64 {
	s := make([]*big.Int, len(score))
	for i, x := range score {
		s[i] = big.NewInt(int64(x))
	}
	dot := func(k []sketches.Int128) *big.Int {
		sum, x := new(big.Int), new(big.Int)
		for i := range s {
			sum.Add(sum, x.Mul(s[i], k[i].Big()))
		}
		return sum
	}
	quad, x := new(big.Int), new(big.Int)
	for i := range s {
		for j := range s {
			x.Mul(s[i], s[j])
			quad.Add(quad, x.Mul(x, b.At(i, j).Big()))
		}
	}
	// N²·Σ(ℓ·e_t)² = N²·Σ(ℓ·k_t)² − 2N·(ℓ·K)(ℓ·Σ N k) + ΣN²·(ℓ·K)²
	n, k := b.N.Big(), dot(b.K)
	quad.Mul(quad, new(big.Int).Mul(n, n))
	x.Mul(k, dot(b.NK))
	x.Mul(x, n)
	quad.Sub(quad, x.Lsh(x, 1))
	x.Mul(k, k)
	quad.Add(quad, x.Mul(x, b.NN.Big()))
	n3 := new(big.Int).Exp(n, big.NewInt(3), nil)
	v, _ := new(big.Rat).SetFrac(quad, n3).Float64()
	return v * float64(b.J) / float64(b.J-1)
}
