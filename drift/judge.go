package drift

import (
	"fmt"
	"math"
	"slices"

	"github.com/driftline/driftline/sketches"
)

// perBin: a window needs this many values for every merged bin.
const perBin = 10

// Judge compares a window with its reference on one feature. Both must be counts of
// f; dep must rest on the verdict bins of this very reference. It is deterministic
// and changes nothing.
//
// The PSI is native: verdict bins (sketches.VerdictBins), bins of pooled count below
// 5 merged, Jeffreys shares. Rule calibrated: drifted ⇔ L > Settings.Drifted, with L
// the lower confidence bound of the PSI given dep; it is computed only where the
// debiased PSI is above a threshold, since L is always below that [D]. Insufficient
// where the effective size is below MinEffective or the window has fewer than ten
// values a bin. Rule classic: drifted ⇔ PSI ≥ Settings.Drifted.
//
// Cost: a few microseconds plus O(cells); a lower bound adds about 10 µs to 1 ms.
func Judge(f *sketches.FeatureGrid, ref, cur *sketches.FeatureCounts, dep Dependence, s Settings) FeatureResult {
	r := FeatureResult{
		Name: f.Name, Kind: f.Kind, N: ref.Total(), M: cur.Total(),
		Dependence: dep.kind, BlockCount: dep.j,
		DesignEffect: 1, Eta: math.Inf(1), W1Certified: true,
		Rule: s.Rule, Alpha: s.Alpha, Tau: s.Drifted,
	}
	r.quality(f, ref, cur)
	if r.N == 0 || r.M == 0 {
		side := "reference"
		if r.N > 0 {
			side = "window"
		}
		r.Reason = fmt.Sprintf("the %s holds no value of this feature", side)
		return r
	}

	cellToBin, bins := f.VerdictBins(ref)
	if dep.s != nil && dep.bins != bins {
		r.Reason = fmt.Sprintf("the design effect was learnt on %d bins, the reference has %d: build its blocks again", dep.bins, bins)
		return r
	}
	binA, binB := fold(ref.Cells, cellToBin, bins), fold(cur.Cells, cellToBin, bins)
	group, groups := mergeSmall(f.Kind, binA, binB)
	a, b := regroup(binA, group, groups), regroup(binB, group, groups)
	n, m := float64(r.N), float64(r.M)
	r.Bins = groups

	terms := make([]float64, groups)
	shares := make([]float64, groups)
	half := 0.5 * float64(groups)
	for i := range terms {
		terms[i] = psiTerm((a[i]+0.5)/(n+half), (b[i]+0.5)/(m+half))
		r.PSI += terms[i]
		shares[i] = a[i] / n
	}
	r.distances(f, ref, cur, binA, binB)
	r.Chi2, r.Chi2DF = tableStat(a, b, n, m), groups-1

	e := dep.effectOn(shares, group, n, m)
	r.DesignEffect, r.A2, r.Nu, r.Eta, r.Scale, r.FewBlocks = e.d1, e.a2, e.nu, e.eta, e.scale, e.few
	r.NEff = min(n, m) / float64(e.d1*(1+e.a2))
	r.PSIDebiased = r.PSI - e.t1
	r.Top = topTerms(f, cellToBin, group, a, b, n, m, terms, s.TopCells)

	r.decide(dep, s)
	return r
}

// decide sets verdict, warning, lower bound and reason.
func (r *FeatureResult) decide(dep Dependence, s Settings) {
	if s.AlwaysLower || s.Rule != RuleClassic && r.PSIDebiased > s.Warn {
		r.HasLower = true
		if r.Nu > 0 {
			r.PSILower = float64(law{r.Nu, r.Eta}.lower(r.PSI/r.Scale, s.Alpha) * r.Scale)
		}
	}
	if r.M < uint64(s.MinRows) {
		r.Reason = fmt.Sprintf("%d values in the window, at least %d are needed", r.M, s.MinRows)
		return
	}
	if s.Rule == RuleClassic {
		r.Warned = r.PSI >= s.Warn
		r.Verdict = Stable
		if r.PSI >= s.Drifted {
			r.Verdict = Drifted
		}
		return
	}
	switch {
	case dep.kind == LearningLive:
		r.Verdict = Learning
		r.Reason = fmt.Sprintf("fewer than %d windows seen: how records hang together is still being learnt", MinLiveWindows)
		return
	case r.M < uint64(perBin*r.Bins):
		r.Reason = fmt.Sprintf("%d values in the window for %d bins, at least %d are needed", r.M, r.Bins, perBin*r.Bins)
		return
	case r.NEff < s.MinEffective:
		r.Reason = fmt.Sprintf("effective size %.1f below %g (design effect %.2f): widen the window", r.NEff, s.MinEffective, r.DesignEffect*(1+r.A2))
		return
	}
	r.Warned = r.HasLower && r.PSILower > s.Warn
	r.Verdict = Stable
	if r.HasLower && r.PSILower > s.Drifted {
		r.Verdict = Drifted
	}
}

// quality fills the rates that are no part of PSI or KS.
func (r *FeatureResult) quality(f *sketches.FeatureGrid, ref, cur *sketches.FeatureCounts) {
	rate := func(k, of uint64) float64 {
		if of == 0 {
			return 0
		}
		return float64(k) / float64(of)
	}
	refAll, curAll := r.N+ref.Sides(), r.M+cur.Sides()
	r.NullRateRef, r.NullRate = rate(ref.Null, refAll), rate(cur.Null, curAll)
	r.UnseenRef, r.Unseen = rate(ref.Unseen, refAll), rate(cur.Unseen, curAll)
	if f.Kind == sketches.Numeric {
		ends := func(c *sketches.FeatureCounts) uint64 {
			if len(c.Cells) == 0 {
				return 0
			}
			return c.Cells[0] + c.Cells[len(c.Cells)-1]
		}
		r.OutOfRangeRef, r.OutOfRange = rate(ends(ref), r.N), rate(ends(cur), r.M)
	}
}

func (r *FeatureResult) distances(f *sketches.FeatureGrid, ref, cur *sketches.FeatureCounts, binA, binB []uint64) {
	p, q := make([]float64, len(binA)), make([]float64, len(binA))
	for i := range p {
		p[i], q[i] = float64(binA[i])/float64(r.N), float64(binB[i])/float64(r.M)
	}
	r.JS, r.Hellinger = JSDistance(p, q, 2), HellingerDiff(p, q)
	r.TVD, r.Linf = TVD(p, q), Linf(p, q)
	if f.Kind == sketches.Numeric {
		r.KSLow, r.KSHigh = KSInterval(f, ref, cur)
		r.W1, r.W1Low, r.W1High, r.W1Certified = WassersteinCells(f, ref, cur)
	}
}

// topTerms names the bins with the largest terms, largest first, ties by cell.
func topTerms(f *sketches.FeatureGrid, cellToBin, group []int, a, b []float64, n, m float64, terms []float64, k int) []Contribution {
	order := make([]int, 0, len(terms))
	for i, t := range terms {
		if t > 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(x, y int) int {
		switch {
		case terms[x] > terms[y]:
			return -1
		case terms[x] < terms[y]:
			return 1
		}
		return 0
	})
	order = order[:min(k, len(order))]
	out := make([]Contribution, len(order))
	for i, g := range order {
		first, last := -1, -1
		for cell, bin := range cellToBin {
			if group[bin] == g {
				if first < 0 {
					first = cell
				}
				last = cell
			}
		}
		out[i] = Contribution{Cell: first, Last: last, Label: BinLabel(f, first, last), Ref: a[g] / n, Cur: b[g] / m, Term: terms[g]}
	}
	return out
}

// BinLabel names a run of cells of a numeric feature, first and last included, or a
// group of categories.
func BinLabel(f *sketches.FeatureGrid, first, last int) string {
	if first == last {
		return f.Label(first)
	}
	if f.Kind == sketches.Categorical {
		return "other"
	}
	end := len(f.Edges)
	switch {
	case first == 0 && last == end:
		return "all values"
	case first == 0:
		return fmt.Sprintf("< %.6g", f.Edges[last])
	case last == end:
		return fmt.Sprintf("≥ %.6g", f.Edges[first-1])
	}
	return fmt.Sprintf("[%.6g, %.6g)", f.Edges[first-1], f.Edges[last])
}
