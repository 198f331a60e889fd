package judge

import (
	"fmt"
	"math"
	"slices"
)

// Scored is one labelled row of the holdout with both models' chances of label 1.
type Scored struct {
	Day        int32 // event-time day, days since 1970-01-01; rows of a day are drawn together
	Label      int   // 0 or 1; rows without a label are left out and counted by the caller
	Champion   float64
	Challenger float64
}

// Used names days that were already learnt from or decided on.
type Used struct {
	What    string // as the reason says it: "the champion's training rows"
	Through int32  // last day, inclusive
}

// Input is what a decision is made from.
type Input struct {
	Rows     []Scored
	First    bool    // there is no champion: Scored.Champion is ignored
	BaseRate float64 // positive share of the challenger's training rows, for relative floors
	Used     []Used  // for Holdout.Fresh; the holdout must begin after each
	Slices   []Slice
	Groups   []Group
	Extra    []Check // checks made elsewhere (data quality, smoke load, size); they count as any other
}

// Decision is the gate's verdict with everything it rests on.
type Decision struct {
	Promote    bool     `json:"promote"`
	Outcome    Outcome  `json:"outcome"`
	First      bool     `json:"first"` // floors only: there was nothing to compare with
	Checks     []Check  `json:"checks"`
	Champion   *Binary  `json:"champion,omitempty"`
	Challenger *Binary  `json:"challenger,omitempty"`
	Flips      *float64 `json:"flips,omitempty"` // share of rows whose predicted class differs
}

// Decide judges a challenger. It promotes only if no check fails or is undecided.
//
// Errors: the faults of cfg; a label that is neither 0 nor 1; a base rate that is not
// a share, where a relative floor needs it; slices or groups of the wrong length.
// Scores that are not chances are no error but a failed check: that is the model's
// fault, and trying again would not mend it.
func Decide(cfg GateConfig, in Input) (Decision, error) {
	if err := cfg.Validate(); err != nil {
		return Decision{}, fmt.Errorf("gate: %w", err)
	}
	if err := in.validate(cfg); err != nil {
		return Decision{}, fmt.Errorf("gate: %w", err)
	}
	d := Decision{First: in.First}
	d.Checks = append(d.Checks, holdoutChecks(cfg.Holdout, in)...)
	scores := scoresCheck(in)
	d.Checks = append(d.Checks, scores)
	if scores.Outcome == Pass && len(in.Rows) > 0 {
		if err := d.measure(cfg, in); err != nil {
			return Decision{}, fmt.Errorf("gate: %w", err)
		}
		d.Checks = append(d.Checks, floorChecks(cfg, in, d.Challenger)...)
		d.Checks = append(d.Checks, compare(cfg, in)...)
		d.Checks = append(d.Checks, sliceChecks(cfg, in)...)
		d.Checks = append(d.Checks, biasChecks(cfg, in)...)
	}
	d.Checks = append(d.Checks, in.Extra...)
	d.Outcome = overall(d.Checks)
	d.Promote = d.Outcome == Pass
	return d, nil
}

func (in Input) validate(cfg GateConfig) error {
	for i, r := range in.Rows {
		if r.Label != 0 && r.Label != 1 {
			return fmt.Errorf("row %d: label is %d, must be 0 or 1: leave rows without a label out", i, r.Label)
		}
	}
	if cfg.Relative != nil && !(in.BaseRate >= 0 && in.BaseRate <= 1) {
		return fmt.Errorf("base rate is %v: must be the positive share of the training rows, in [0, 1]", in.BaseRate)
	}
	for _, s := range in.Slices {
		if len(s.In) != len(in.Rows) {
			return fmt.Errorf("slice %q tells of %d rows, the holdout has %d", s.Name, len(s.In), len(in.Rows))
		}
	}
	for _, g := range in.Groups {
		if len(g.Of) != len(in.Rows) {
			return fmt.Errorf("groups by %q tell of %d rows, the holdout has %d", g.Name, len(g.Of), len(in.Rows))
		}
	}
	for _, c := range in.Extra {
		if !slices.Contains([]Outcome{Pass, Fail, Undecided, Skipped}, c.Outcome) {
			return fmt.Errorf("check %q has outcome %q: must be pass, fail, undecided or skipped", c.Name, c.Outcome)
		}
	}
	return nil
}

// measure reports both models on the holdout.
func (d *Decision) measure(cfg GateConfig, in Input) error {
	labels, old, scores := make([]int, len(in.Rows)), make([]float64, len(in.Rows)), make([]float64, len(in.Rows))
	flips := 0
	for i, r := range in.Rows {
		labels[i], old[i], scores[i] = r.Label, r.Champion, r.Challenger
		if (r.Champion >= cfg.Threshold) != (r.Challenger >= cfg.Threshold) {
			flips++
		}
	}
	challenger, err := EvaluateBinary(scores, labels, cfg.Threshold)
	if err != nil {
		return fmt.Errorf("challenger: %w", err)
	}
	d.Challenger = &challenger
	if in.First {
		return nil
	}
	champion, err := EvaluateBinary(old, labels, cfg.Threshold)
	if err != nil {
		return fmt.Errorf("champion: %w", err)
	}
	d.Champion = &champion
	d.Flips = some(float64(flips) / float64(len(in.Rows)))
	return nil
}

// scoresCheck counts rows whose scores are no chances.
func scoresCheck(in Input) Check {
	c := Check{Name: "scores_finite", Value: some(0), Limit: some(0), Support: len(in.Rows), Outcome: Pass}
	for i, r := range in.Rows {
		err, whose := checkChance(r.Challenger), "challenger"
		if err == nil && !in.First {
			err, whose = checkChance(r.Champion), "champion"
		}
		if err == nil {
			continue
		}
		*c.Value++
		if c.Outcome == Pass {
			c.Outcome, c.Reason = Fail, fmt.Sprintf("%s, row %d: %v", whose, i, err)
		}
	}
	return c
}

func holdoutChecks(h Holdout, in Input) []Check {
	n := len(in.Rows)
	days := make([]int32, 0, n)
	positives := 0
	for _, r := range in.Rows {
		days = append(days, r.Day)
		positives += r.Label
	}
	slices.Sort(days)
	days = slices.Compact(days)
	need := max(2, math.Ceil(dayShare*float64(h.Days)-1e-9))
	checks := []Check{
		atLeast("holdout_days", float64(len(days)), need, n, Undecided, "too few days with labelled rows"),
		atLeast("holdout_rows", float64(n), float64(h.MinRows), n, Undecided, "too few labelled rows"),
		atLeast("holdout_per_class", float64(min(positives, n-positives)), float64(h.MinPerClass), n, Undecided,
			fmt.Sprintf("too few rows of a class: %d positive, %d negative", positives, n-positives)),
	}
	fresh := Check{Name: "holdout_fresh", Support: n, Outcome: Pass}
	switch {
	case !h.Fresh:
		fresh.Outcome, fresh.Reason = Skipped, "holdout.fresh is off"
	case n == 0:
		fresh.Outcome, fresh.Reason = Undecided, noRows
	default:
		fresh.Value = some(float64(days[0]))
		for _, u := range in.Used {
			if limit := float64(u.Through) + 1; fresh.Limit == nil || limit > *fresh.Limit {
				fresh.Limit = some(limit)
				if *fresh.Value < limit {
					fresh.Outcome = Undecided
					fresh.Reason = fmt.Sprintf("the holdout begins on day %d, %s reach through day %d", days[0], u.What, u.Through)
				}
			}
		}
	}
	return append(checks, fresh)
}
