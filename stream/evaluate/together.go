package evaluate

import (
	"math"
	"slices"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
)

// judgeTogether answers for the features of a hop together where the policy asks for it.
// The level of the hop is what the alert budget gives it: where no feature drifts, BH
// rejects anything with at most that chance, so that the budget is kept. Features that the
// share leaves out keep their own part of it, but those that fire an alarm all the same.
// The segments of a window, and its answers, are of the same family as the whole.
func judgeTogether(j *judgement, parts ...*judgement) {
	p := j.policy
	if p.Multiplicity != drift.ByBH || p.Rule != drift.RuleCalibrated {
		return
	}
	var family []*drift.FeatureResult
	all := append([]*judgement{j}, parts...)
	for _, x := range all {
		for i := range x.results {
			if !slices.Contains(x.policy.Ignore, x.results[i].Name) || slices.Contains(x.policy.Critical, x.results[i].Name) {
				family = append(family, &x.results[i])
			}
		}
	}
	drift.JudgeTogether(family, p.Warn, drift.BudgetAlpha(p.WindowAlarms(j.in.warnsEarly(p)), 1, 1, 1, j.cfg.HopMS))
	for _, x := range all { // BH warns of features that alone nobody would be warned of
		for i := range x.results {
			if r := &x.results[i]; r.Warned && r.Top == nil {
				r.Top = x.judges[i].Parts(&x.counts.Features[i])
			}
		}
	}
}

// weigh returns the share by importance of features that count towards the share, and
// the part of all weight that was judged; false without weights.
func weigh(shared []drift.FeatureResult, p wire.Policy) (share, judged float64, ok bool) {
	if len(p.Importance) == 0 {
		return 0, 0, false
	}
	weights := make([]float64, len(shared))
	for i := range shared {
		weights[i] = p.Importance[shared[i].Name]
	}
	return drift.ShareByWeight(shared, weights)
}

// weight lets the share by importance decide where the policy says so. Without a judged
// feature that weighs something there is no such share, and the hop is not valid.
func (j *judgement) weight(ev *drift.Evidence) {
	if j.policy.ShareBy != wire.ByImportance {
		return
	}
	ev.Weighted = true
	if j.score.ShareImportance == nil || j.weighed < j.policy.MinJudged {
		ev.Valid = false
		return
	}
	ev.Weight = drift.FromNano(*j.score.ShareImportance)
}

// alpha is the error of one decision of the hop: BH's where it decided, else the
// budget's; 0 under the classic rule.
func (j *judgement) alpha() float64 {
	alpha := 0.0
	for i := range j.results {
		r := &j.results[i]
		if r.Rule != drift.RuleCalibrated {
			continue
		}
		if alpha == 0 || r.Verdict.Judged() && !slices.Contains(j.policy.Ignore, r.Name) {
			alpha = r.Alpha
		}
	}
	return alpha
}

// origin says in an event where its limits come from.
func (j *judgement) origin(d *wire.EventData) {
	if a := j.alpha(); a > 0 {
		d.Alpha, d.FalseAlarms = rounded(a), j.policy.WindowAlarms(j.in.warnsEarly(j.policy))
		d.Multiplicity = j.policy.Multiplicity
	}
	d.HopMS, d.ShareBy = j.cfg.HopMS, j.policy.ShareBy
	if x := j.score.ShareImportance; x != nil {
		share := drift.FromNano(*x)
		d.ShareImportance = &share
	}
}

// reading adds to the score what is kept for people: distances in standard deviations
// of the reference, and on alarm hops the briefs.
func (j *judgement) reading(counts *sketches.Counts) {
	for i := range j.score.Features {
		s, r := &j.score.Features[i], &j.results[i]
		if r.N == 0 || r.M == 0 {
			continue
		}
		if sd := j.in.deviation(i); sd > 0 && r.Kind == sketches.Numeric {
			s.W1, s.W1Low = nano(r.W1/sd), nano(r.W1Low/sd)
			if r.W1Certified {
				s.W1High = nano(r.W1High / sd)
			}
		}
		if !j.isHop || j.score.Provisional || j.against.id != j.in.id || j.in.of != nil { // once is enough
			continue
		}
		if b, ok := sketches.NewBrief(&counts.Grid.Features[i], &counts.Features[i]); ok {
			s.Brief = b.Encode()
		}
	}
}

// deviation is the reference's standard deviation of a feature, 0 where it has none.
func (in *installed) deviation(i int) float64 {
	if in.deviations == nil {
		in.deviations = make([]float64, len(in.ref.Counts.Features))
		for k := range in.deviations {
			sd := in.ref.Counts.Features[k].Moments(&in.ref.Counts.Grid.Features[k]).Std
			if sd > 0 && !math.IsInf(sd, 1) {
				in.deviations[k] = sd
			}
		}
	}
	return in.deviations[i]
}
