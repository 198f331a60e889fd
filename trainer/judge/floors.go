package judge

import (
	"math"
	"slices"
)

// floorChecks holds the challenger alone against absolute and relative limits.
func floorChecks(cfg GateConfig, in Input) []Check {
	rows := in.size(cfg.Kind)
	all := in.all(cfg.Kind)
	days, dayOf := in.days(cfg.Kind, all)
	side, ones := in.side(cfg, theChallenger, all, dayOf), slices.Repeat([]float64{1}, len(days))
	directions := Metrics(cfg.Kind)
	floor := func(name, metric string, limit float64, strict bool) Check {
		c := Check{Name: name, Limit: some(limit), Support: rows, Outcome: Pass}
		v := side.value(metric, ones)
		if !v.Defined() {
			c.Outcome, c.Reason = Undecided, metric+" is undefined: "+v.Reason
			return c
		}
		c.Value = some(v.Number)
		if metric == Accuracy {
			low, high := Wilson(float64(v.Number*float64(rows)), float64(rows), 2*cfg.Level-1)
			c.Low, c.High = some(low), some(high)
		}
		above := improvement(limit, v.Number, directions[metric])
		if above < 0 || (strict && above == 0) {
			c.Outcome = Fail
		}
		return c
	}
	var checks []Check
	for _, f := range cfg.Floors {
		checks = append(checks, floor("floor_"+f.Metric, f.Metric, f.Limit, f.Strict))
	}
	r := cfg.Relative
	if r == nil {
		return checks
	}
	share := float64(in.counts(cfg.Kind)[1]) / float64(rows)
	majority := floor("floor_accuracy_majority", Accuracy, math.Max(share, 1-share)-r.AccuracyBelowMajority, false)
	majority.Reason = because(majority, "below the share of the larger class less the slack")
	base := floor("floor_log_loss_base_rate", LogLoss, float64(r.LogLossShare*constantLogLoss(in.BaseRate, share)), false)
	base.Reason = because(base, "no better than giving every row the training base rate")
	checks = append(checks, majority, base)
	if r.F1AboveAllPositive {
		f := floor("floor_f1_all_positive", F1, 2*share/(1+share), false)
		f.Reason = because(f, "below what calling every row positive reaches")
		checks = append(checks, f)
	}
	return checks
}

// because keeps a reason already there and gives failed checks theirs.
func because(c Check, why string) string {
	if c.Outcome == Fail && c.Reason == "" {
		return why
	}
	return c.Reason
}
