package judge

import "fmt"

// compare holds the challenger against the champion on the same rows. Values and
// bounds are improvements: positive is better, whatever the metric's direction.
func compare(cfg GateConfig, in Input) []Check {
	primary := "primary_" + cfg.Primary.Metric
	if in.First {
		const why = "there is no champion yet: floors only"
		checks := []Check{{Name: primary, Support: in.size(cfg.Kind), Outcome: Skipped, Reason: why}}
		for _, g := range cfg.Guards {
			checks = append(checks, Check{Name: "guard_" + g.Metric, Limit: some(-g.Margin), Support: in.size(cfg.Kind), Outcome: Skipped, Reason: why})
		}
		return checks
	}
	p := newPaired(cfg, in, in.all(cfg.Kind))
	metrics := []string{cfg.Primary.Metric}
	for _, g := range cfg.Guards {
		metrics = append(metrics, g.Metric)
	}
	spreads := p.spreads(metrics, cfg.Draws, cfg.Seed)
	checks := []Check{primaryCheck(primary, cfg, p.gain(cfg.Primary.Metric, p.ones), spreads[cfg.Primary.Metric], p.rows)}
	for _, g := range cfg.Guards {
		level := cfg.Level
		if g.Level != 0 {
			level = g.Level
		}
		checks = append(checks, nonInferior("guard_"+g.Metric, g.Margin, level, p.gain(g.Metric, p.ones), spreads[g.Metric], p.rows))
	}
	return checks
}

func primaryCheck(name string, cfg GateConfig, gain Value, s *spread, rows int) Check {
	c := Check{Name: name, Limit: some(cfg.Primary.MinImprovement), Support: rows}
	if !gain.Defined() {
		c.Outcome, c.Reason = Undecided, "undefined: "+gain.Reason
		return c
	}
	c.Value = some(gain.Number)
	low, high, ok := s.bounds(cfg.Level)
	if ok {
		c.Low, c.High = some(low), some(high)
	}
	switch {
	case !(gain.Number > cfg.Primary.MinImprovement):
		c.Outcome, c.Reason = Fail, "not better than the champion by more than the limit"
	case !cfg.Primary.RequireSignificant:
		c.Outcome = Pass
	case !ok:
		c.Outcome, c.Reason = Undecided, manyUndefined(s)
	case low > 0:
		c.Outcome = Pass
	default:
		c.Outcome, c.Reason = Undecided, "better, but the paired lower bound is not above 0"
	}
	return c
}

// nonInferior passes iff the paired lower bound is at least −margin. It fails where
// even the upper bound lies below: the challenger is worse for sure.
func nonInferior(name string, margin, level float64, gain Value, s *spread, rows int) Check {
	c := Check{Name: name, Limit: some(-margin), Support: rows}
	if !gain.Defined() {
		c.Outcome, c.Reason = Undecided, "undefined: "+gain.Reason
		return c
	}
	c.Value = some(gain.Number)
	low, high, ok := s.bounds(level)
	if !ok {
		c.Outcome, c.Reason = Undecided, manyUndefined(s)
		return c
	}
	c.Low, c.High = some(low), some(high)
	switch {
	case low >= -margin:
		c.Outcome = Pass
	case high < -margin:
		c.Outcome, c.Reason = Fail, "worse than the champion by more than the margin"
	default:
		c.Outcome, c.Reason = Undecided, "the paired lower bound is below −margin: not shown to be no worse"
	}
	return c
}

func manyUndefined(s *spread) string {
	return fmt.Sprintf("undefined in %d of %d draws of days", s.undefined, s.undefined+len(s.sorted))
}
