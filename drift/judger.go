package drift

import (
	"fmt"
	"math"
	"slices"

	"github.com/driftline/driftline/sketches"
)

// Judger compares windows with one reference on one feature. What does not hang on the
// window is computed once, and the buffers are kept, so that a comparison costs a few
// microseconds. It belongs to one goroutine.
type Judger struct {
	f   *sketches.FeatureGrid
	ref *sketches.FeatureCounts
	dep Dependence
	s   Settings

	n, sides  uint64  // reference values, and those beside the cells
	cellToBin []uint8 // of a category; nil for a numeric feature, whose bins are runs of cells
	bins      int
	first     []int // cell of each bin
	last      []int
	refBins   []uint64
	traced    traced // of the dependence on bins merged as tracedOn says
	tracedOn  []int  // nil: on none yet
	labels    []named

	*Scratch
}

// Scratch holds what a comparison under way needs. Judgers of one goroutine share one, so
// that it stays in the processor's cache.
type Scratch struct {
	curBins       []uint64
	merged        merging
	a, b          []float64 // counts of merged bins
	p, q          []float64 // shares on bins before merging
	terms, shares []float64
	order         []int
}

// fit sets the buffers to so many bins.
func (s *Scratch) fit(bins int) {
	if cap(s.curBins) < bins {
		most := max(bins, sketches.MaxVerdictBins)
		s.curBins, s.merged, s.order = make([]uint64, most), newMerging(most), make([]int, most)
		x := make([]float64, 6*most)
		float := func() (y []float64) { y, x = x[:most:most], x[most:]; return y }
		s.a, s.b, s.p, s.q, s.terms, s.shares = float(), float(), float(), float(), float(), float()
	}
	s.curBins, s.p, s.q = s.curBins[:bins], s.p[:bins], s.q[:bins]
	s.merged.fit(bins)
}

// NewJudger prepares comparisons with ref, counts of f; dep must rest on the verdict
// bins of this very reference. None of them may change afterwards. Judgers of one
// goroutine may share a scratch.
func NewJudger(f *sketches.FeatureGrid, ref *sketches.FeatureCounts, dep Dependence, s Settings, shared *Scratch) *Judger {
	return NewJudgerOn(f, ref, ref, dep, s, shared)
}

// NewJudgerOn is NewJudger for a reference that is judged on the verdict bins of another
// one: counts that move along change from day to day, and their bins must not.
func NewJudgerOn(f *sketches.FeatureGrid, bins, ref *sketches.FeatureCounts, dep Dependence, s Settings, shared *Scratch) *Judger {
	j := &Judger{f: f, ref: ref, dep: dep, s: s, n: ref.Total(), sides: ref.Sides(), Scratch: shared}
	var cellToBin []int
	cellToBin, j.bins = f.VerdictBins(bins)
	j.cellToBin = make([]uint8, len(cellToBin)) // at most sketches.MaxVerdictBins
	j.first, j.last = make([]int, j.bins), make([]int, j.bins)
	for cell, bin := range slices.Backward(cellToBin) {
		j.cellToBin[cell], j.first[bin] = uint8(bin), cell
		j.last[bin] = max(j.last[bin], cell)
	}
	if f.Kind == sketches.Numeric {
		j.cellToBin = nil
	}
	j.refBins = make([]uint64, j.bins)
	j.foldInto(j.refBins, ref.Cells)
	return j
}

// Judge compares a window with its reference on one feature once; NewJudger is for more
// than one window.
func Judge(f *sketches.FeatureGrid, ref, cur *sketches.FeatureCounts, dep Dependence, s Settings) FeatureResult {
	return NewJudger(f, ref, dep, s, new(Scratch)).Judge(cur)
}

// Judge compares a window, counts of the same feature. It is deterministic and changes
// nothing that can be seen.
//
// The PSI is native: verdict bins (sketches.VerdictBins), bins of pooled count below
// 5 merged, Jeffreys shares. Rule calibrated: drifted ⇔ L > Settings.Drifted, with L
// the lower confidence bound of the PSI given the dependence; it is computed only where
// the debiased PSI is above a threshold, since L is always below that [D]. Insufficient
// where the effective size is below MinEffective or the window has fewer than ten
// values a bin. Rule classic: drifted ⇔ PSI ≥ Settings.Drifted.
//
// Cost: 2 to 3 µs at 240 cells; a lower bound adds about 10 µs to 1 ms.
func (j *Judger) Judge(cur *sketches.FeatureCounts) FeatureResult {
	j.fit(j.bins)
	r := FeatureResult{
		Name: j.f.Name, Kind: j.f.Kind, N: j.n, M: j.foldInto(j.curBins, cur.Cells),
		Dependence: j.dep.kind, BlockCount: j.dep.j,
		DesignEffect: 1, Eta: math.Inf(1), W1Certified: true,
		Rule: j.s.Rule, Alpha: j.s.Alpha, Tau: j.s.Drifted,
	}
	j.quality(&r, cur)
	if r.N == 0 || r.M == 0 {
		side := "reference"
		if r.N > 0 {
			side = "window"
		}
		r.Reason = fmt.Sprintf("the %s holds no value of this feature", side)
		return r
	}
	if j.dep.s != nil && j.dep.bins != j.bins {
		r.Reason = fmt.Sprintf("the design effect was learnt on %d bins, the reference has %d: build its blocks again", j.dep.bins, j.bins)
		return r
	}
	groups := j.merged.merge(j.f.Kind, j.refBins, j.curBins)
	a, b := j.a[:groups], j.b[:groups]
	clear(a)
	clear(b)
	for i, g := range j.merged.group {
		a[g] += float64(j.refBins[i])
		b[g] += float64(j.curBins[i])
	}
	n, m := float64(r.N), float64(r.M)
	r.Bins = groups

	terms, shares := j.terms[:groups], j.shares[:groups]
	half := 0.5 * float64(groups)
	for i := range terms {
		terms[i] = psiTerm((a[i]+0.5)/(n+half), (b[i]+0.5)/(m+half))
		r.PSI += terms[i]
		shares[i] = a[i] / n
	}
	j.distances(&r, cur)
	if j.s.Full || r.Kind != sketches.Numeric {
		r.Chi2, r.Chi2DF = tableStat(a, b, n, m), groups-1
	}

	e := j.effect(shares, groups, n, m)
	r.DesignEffect, r.A2, r.Nu, r.Eta, r.Scale, r.FewBlocks = e.d1, e.a2, e.nu, e.eta, e.scale, e.few
	r.NEff = min(n, m) / float64(e.d1*(1+e.a2))
	r.PSIDebiased = r.PSI - e.t1
	r.decide(j.dep, j.s)
	if j.s.Full || r.Warned {
		r.Top = j.top(a, b, n, m, terms)
	}
	return r
}

// Parts returns the bins that contribute most to the PSI of a window, also where nothing is
// warned about: what Judge fills under Settings.Full.
func (j *Judger) Parts(cur *sketches.FeatureCounts) []Contribution {
	was := j.s.Full
	j.s.Full = true
	r := j.Judge(cur)
	j.s.Full = was
	return r.Top
}

// foldInto puts the counts of cells into bins and returns their sum.
func (j *Judger) foldInto(bins []uint64, cells []uint64) (total uint64) {
	if j.cellToBin == nil {
		for bin := range bins {
			k := uint64(0)
			for _, c := range cells[j.first[bin] : j.last[bin]+1] {
				k += c
			}
			bins[bin] = k
			total += k
		}
		return total
	}
	clear(bins)
	for i, k := range cells {
		bins[j.cellToBin[i]] += k
		total += k
	}
	return total
}

// effect is the design effect; as long as the same bins are merged its traces are those
// of the last time.
func (j *Judger) effect(shares []float64, groups int, n, m float64) effect {
	if j.dep.s != nil && !slices.Equal(j.tracedOn, j.merged.group) {
		j.traced = j.dep.trace(shares, j.merged.group)
		j.tracedOn = append(j.tracedOn[:0], j.merged.group...)
	}
	return j.dep.finish(j.traced, groups, n, m)
}

// distances fills what counts tell about cdfs and shares.
func (j *Judger) distances(r *FeatureResult, cur *sketches.FeatureCounts) {
	n, m := float64(r.N), float64(r.M)
	for i := range j.p {
		j.p[i], j.q[i] = float64(j.refBins[i])/n, float64(j.curBins[i])/m
	}
	r.JS, r.Hellinger = JSDistance(j.p, j.q, 2), HellingerDiff(j.p, j.q)
	r.TVD, r.Linf = TVD(j.p, j.q), Linf(j.p, j.q)
	if j.f.Kind == sketches.Numeric {
		c := cdfs{f: j.f, ref: j.ref, cur: cur, n: r.N, m: r.M}
		if c.small() {
			c.walk(r)
		} else {
			r.KSLow, r.KSHigh = KSInterval(j.f, j.ref, cur)
			r.W1, r.W1Low, r.W1High, r.W1Certified = WassersteinCells(j.f, j.ref, cur)
		}
	}
}

// quality fills the rates that are no part of PSI or KS.
func (j *Judger) quality(r *FeatureResult, cur *sketches.FeatureCounts) {
	rate := func(k, of uint64) float64 {
		if of == 0 {
			return 0
		}
		return float64(k) / float64(of)
	}
	refAll, curAll := r.N+j.sides, r.M+cur.Sides()
	r.NullRateRef, r.NullRate = rate(j.ref.Null, refAll), rate(cur.Null, curAll)
	r.UnseenRef, r.Unseen = rate(j.ref.Unseen, refAll), rate(cur.Unseen, curAll)
	if j.f.Kind == sketches.Numeric {
		ends := func(c *sketches.FeatureCounts) uint64 {
			if len(c.Cells) == 0 {
				return 0
			}
			return c.Cells[0] + c.Cells[len(c.Cells)-1]
		}
		r.OutOfRangeRef, r.OutOfRange = rate(ends(j.ref), r.N), rate(ends(cur), r.M)
	}
}

// top names the bins with the largest terms, largest first, ties by cell.
func (j *Judger) top(a, b []float64, n, m float64, terms []float64) []Contribution {
	k := j.s.TopCells
	order := j.order[:0]
	for i, t := range terms {
		if !(t > 0) {
			continue
		}
		at := len(order)
		for at > 0 && terms[order[at-1]] < t {
			at--
		}
		if at >= k {
			continue
		}
		if len(order) < k {
			order = append(order, 0)
		}
		copy(order[at+1:], order[at:])
		order[at] = i
	}
	out := make([]Contribution, len(order))
	for i, g := range order {
		first, last := -1, -1
		for bin, of := range j.merged.group {
			if of == g {
				if first < 0 || j.first[bin] < first {
					first = j.first[bin]
				}
				last = max(last, j.last[bin])
			}
		}
		out[i] = Contribution{Cell: first, Last: last, Label: j.label(first, last), Ref: a[g] / n, Cur: b[g] / m, Term: terms[g]}
	}
	return out
}

// named is a run of cells with its name.
type named struct {
	first, last int
	name        string
}

// maxLabels is how many names are kept: windows merge few bins, and mostly the same.
const maxLabels = 64

// label names a run of cells, from memory where it was named before.
func (j *Judger) label(first, last int) string {
	for i := range j.labels {
		if l := &j.labels[i]; l.first == first && l.last == last {
			return l.name
		}
	}
	s := BinLabel(j.f, first, last)
	if len(j.labels) < maxLabels {
		j.labels = append(j.labels, named{first, last, s})
	}
	return s
}
