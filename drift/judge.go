package drift

import (
	"fmt"

	"github.com/driftline/driftline/sketches"
)

// perBin: a window needs this many values for every merged bin.
const perBin = 10

// decide sets verdict, warning, lower bound and reason.
func (r *FeatureResult) decide(dep Dependence, s Settings) {
	if s.Full || s.Rule != RuleClassic && r.PSIDebiased > s.Warn {
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
