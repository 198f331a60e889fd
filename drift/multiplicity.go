package drift

import (
	"cmp"
	"math"
	"slices"
)

// Ways to answer for many features that are judged in the same hop.
const (
	ByBudget = "budget" // every decision has its part of the alert budget (BudgetAlpha)
	ByBH     = "bh"     // Benjamini–Hochberg over the features of the hop
)

// BH marks the hypotheses that the step-up procedure of Benjamini & Hochberg 1995†
// rejects at level q:
//
//	reject the j smallest p-values, j = max{i : p_(i) ≤ i·q/M}, M = len(p)
//
// Equal p-values share their fate. The expected share of false rejections among all is
// at most q under independence and positive dependence; where every hypothesis holds, q
// bounds the chance of any rejection. NaN counts as 1.
//
// It returns the marks and the level j·q/M that the rejected ones were held against, or
// q/M, that of the smallest, where none is rejected; 0 for no p-values.
func BH(p []float64, q float64) (rejected []bool, level float64) {
	rejected = make([]bool, len(p))
	if len(p) == 0 {
		return rejected, 0
	}
	sorted := make([]float64, len(p))
	for i, x := range p {
		sorted[i] = orOne(x)
	}
	slices.SortFunc(sorted, cmp.Compare)
	share := q / float64(len(p))
	level = share
	limit := math.Inf(-1)
	for i, x := range sorted {
		if at := float64(float64(i+1) * share); x <= at {
			limit, level = x, at
		}
	}
	for i, x := range p {
		rejected[i] = orOne(x) <= limit
	}
	return rejected, level
}

func orOne(x float64) float64 {
	if math.IsNaN(x) {
		return 1
	}
	return x
}

// ThresholdP returns the p-value of the hypothesis that the true PSI is at most tau: the
// chance of a PSI this large or larger where it is tau. 1 where the debiased PSI is at
// most tau, and where nothing was compared. Below Alpha exactly where PSILower > tau.
func (r *FeatureResult) ThresholdP(tau float64) float64 {
	if !(r.Nu > 0) || !(r.Scale > 0) || !(r.PSIDebiased > tau) {
		return 1
	}
	return law{r.Nu, r.Eta}.sf(r.PSI/r.Scale, tau/r.Scale)
}

// JudgeTogether replaces the verdicts of features that were judged by the calibrated rule
// in one hop with those of BH at level q on ThresholdP(Tau). Alpha becomes the level that
// BH arrived at and PSILower the bound at it, so that drifted ⇔ PSILower > Tau holds as
// before, and with it Warned. Features without a judgement, and those of the classic rule,
// stay as they are and count in no M.
//
// It never finds less than giving each feature q/M, and never more than giving each q.
// warn is Settings.Warn.
func JudgeTogether(rs []*FeatureResult, warn, q float64) {
	var judged []*FeatureResult
	var p []float64
	for _, r := range rs {
		if r.Rule == RuleCalibrated && r.Verdict.Judged() {
			judged, p = append(judged, r), append(p, r.ThresholdP(r.Tau))
		}
	}
	rejected, level := BH(p, q)
	for i, r := range judged {
		r.Alpha, r.Verdict = level, Stable
		if r.HasLower && r.Nu > 0 {
			r.PSILower = float64(law{r.Nu, r.Eta}.lower(r.PSI/r.Scale, level) * r.Scale)
		}
		r.Warned = r.HasLower && r.PSILower > warn
		if rejected[i] {
			r.Verdict, r.Warned = Drifted, true
		}
	}
}

// ShareByWeight returns the share of the drifted among the judged features, each by its
// weight, in [0, 1], and the share of all weight that was judged. weights holds one
// number ≥ 0 per feature, in the order of rs; what is not above 0 counts nothing. ok is
// false where nothing that has a weight was judged: then there is no such share.
func ShareByWeight(rs []FeatureResult, weights []float64) (share, judged float64, ok bool) {
	var drifted, seen, all float64
	for i := range rs {
		w := weights[i]
		if !(w > 0) {
			continue
		}
		all += w
		if rs[i].Verdict.Judged() {
			seen += w
		}
		if rs[i].Verdict == Drifted {
			drifted += w
		}
	}
	if !(seen > 0) {
		return 0, 0, false
	}
	return drifted / seen, seen / all, true
}
