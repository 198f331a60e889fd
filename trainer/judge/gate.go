package judge

import (
	"fmt"
	"math"
	"slices"
)

// Used names days that were already learnt from or decided on.
type Used struct {
	What    string // as the reason says it: "the champion's training rows"
	Through int32  // last day, inclusive
}

// Input is what a decision is made from.
type Input struct {
	Rows     []Scored        // for KindBinary
	Classes  []ScoredClasses // for KindMulticlass
	Numbers  []ScoredNumber  // for KindRegression
	First    bool            // there is no champion: the rows' Champion is ignored
	BaseRate float64         // positive share of the challenger's training rows, for relative floors
	Used     []Used          // for Holdout.Fresh; the holdout must begin after each
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
	Champion   *Report  `json:"champion,omitempty"`
	Challenger *Report  `json:"challenger,omitempty"`
	Flips      *float64 `json:"flips,omitempty"` // share of rows whose predicted class differs
}

// Decide judges a challenger. It promotes only if no check fails or is undecided.
//
// Errors: the faults of cfg; labels outside their set or outcomes not finite; a base rate that is not
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
	d.Checks = append(d.Checks, holdoutChecks(cfg, in)...)
	scores := scoresCheck(cfg.Kind, in)
	d.Checks = append(d.Checks, scores)
	if scores.Outcome == Pass && in.size(cfg.Kind) > 0 {
		if err := d.measure(cfg, in); err != nil {
			return Decision{}, fmt.Errorf("gate: %w", err)
		}
		d.Checks = append(d.Checks, floorChecks(cfg, in)...)
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
	n := in.size(cfg.Kind)
	if others := len(in.Rows) + len(in.Classes) + len(in.Numbers) - n; others > 0 {
		return fmt.Errorf("%d rows of another kind than %s", others, cfg.Kind)
	}
	for i := range n {
		if err := in.checkOutcome(cfg.Kind, i); err != nil {
			return err
		}
	}
	if cfg.Relative != nil && !(in.BaseRate >= 0 && in.BaseRate <= 1) {
		return fmt.Errorf("base rate is %v: must be the positive share of the training rows, in [0, 1]", in.BaseRate)
	}
	for _, s := range in.Slices {
		if len(s.In) != n {
			return fmt.Errorf("slice %q tells of %d rows, the holdout has %d", s.Name, len(s.In), n)
		}
	}
	for _, g := range in.Groups {
		if len(g.Of) != n {
			return fmt.Errorf("groups by %q tell of %d rows, the holdout has %d", g.Name, len(g.Of), n)
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
func (d *Decision) measure(cfg GateConfig, in Input) (err error) {
	if d.Challenger, err = in.report(cfg, theChallenger); err != nil {
		return fmt.Errorf("challenger: %w", err)
	}
	if in.First {
		return nil
	}
	if d.Champion, err = in.report(cfg, theChampion); err != nil {
		return fmt.Errorf("champion: %w", err)
	}
	d.Flips = in.flips(cfg)
	return nil
}

// scoresCheck counts rows with predictions that are none.
func scoresCheck(kind Kind, in Input) Check {
	n := in.size(kind)
	c := Check{Name: "scores_finite", Value: some(0), Limit: some(0), Support: n, Outcome: Pass}
	for i := range n {
		err, whose := in.checkScore(kind, i, theChallenger), theChallenger
		if err == nil && !in.First {
			err, whose = in.checkScore(kind, i, theChampion), theChampion
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

func holdoutChecks(cfg GateConfig, in Input) []Check {
	h, n := cfg.Holdout, in.size(cfg.Kind)
	days, _ := in.days(cfg.Kind, in.all(cfg.Kind))
	need := max(2, math.Ceil(dayShare*float64(h.Days)-1e-9))
	checks := []Check{
		atLeast("holdout_days", float64(len(days)), need, n, Undecided, "too few days with labelled rows"),
		atLeast("holdout_rows", float64(n), float64(h.MinRows), n, Undecided, "too few labelled rows"),
	}
	if counts := in.counts(cfg.Kind); len(counts) > 0 {
		checks = append(checks, atLeast("holdout_per_class", float64(slices.Min(counts)), float64(h.MinPerClass), n, Undecided,
			fmt.Sprintf("too few rows of a class: %d from class 0 on", counts)))
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
