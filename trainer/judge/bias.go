package judge

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
)

// Group splits the holdout by a protected column, which need not be a feature.
type Group struct {
	Name string   // of the column
	Of   []string // the group of each row; empty = unknown, left out
}

// Policy is what an undecided bias measure does to the decision.
type Policy string

// The two policies.
const (
	Block Policy = "block" // undecided does not promote
	Flag  Policy = "flag"  // reported, does not hold the promotion back
)

// BiasRule limits differences between groups. A limit of 0 leaves that measure out.
type BiasRule struct {
	// Parity: largest − smallest share of rows predicted positive.
	Parity float64 `json:"demographic_parity"`
	// Opportunity: largest − smallest true-positive rate.
	Opportunity float64 `json:"equal_opportunity"`
	// Odds: the larger of the differences of true- and false-positive rates.
	Odds      float64 `json:"equalized_odds"`
	MinRows   int     `json:"min_rows"` // smaller groups are left out, and named
	Undecided Policy  `json:"undecided"`
}

func (b BiasRule) validate(errs *[]error) {
	for key, v := range map[string]float64{"demographic_parity": b.Parity, "equal_opportunity": b.Opportunity, "equalized_odds": b.Odds} {
		if !(v >= 0 && v <= 1) {
			*errs = append(*errs, fmt.Errorf("bias.%s is %v: must be in [0, 1], 0 for off", key, v))
		}
	}
	if b.Parity == 0 && b.Opportunity == 0 && b.Odds == 0 {
		*errs = append(*errs, errors.New("bias has no limit above 0: give one or leave bias out"))
	}
	if b.MinRows < 1 {
		*errs = append(*errs, fmt.Errorf("bias.min_rows is %d: must be at least 1", b.MinRows))
	}
	if b.Undecided != Block && b.Undecided != Flag {
		*errs = append(*errs, fmt.Errorf("bias.undecided is %q: must be %q or %q", b.Undecided, Block, Flag))
	}
}

// groupRows are the rows of one group, by label.
type groupRows struct {
	name  string
	all   [2]int // by label
	yes   [2]int // of these, predicted positive
	drawn [2]int // yes in the bootstrap draw at hand
}

// biasChecks measures the challenger per group. Bounds come from a bootstrap within
// group and label, which keeps each group's size but takes rows for independent: pass iff the upper bound is below
// the limit, fail iff the lower one is above it. Largest − smallest over many groups
// is biased upwards, so a pass is the more certain, a fail the less, the more groups.
func biasChecks(cfg GateConfig, in Input) []Check {
	rule := cfg.Bias
	if rule == nil {
		return nil
	}
	var checks []Check
	for _, column := range in.Groups {
		groups, left := groupsOf(column, in.Rows, cfg.Threshold, rule.MinRows)
		for _, m := range []struct {
			name    string
			limit   float64
			measure func([]groupRows, bool) Value
		}{
			{"demographic_parity", rule.Parity, parity}, {"equal_opportunity", rule.Opportunity, opportunity}, {"equalized_odds", rule.Odds, odds},
		} {
			if m.limit == 0 {
				continue
			}
			c := biasCheck(cfg, groups, m.limit, m.measure)
			c.Name, c.Support = "bias_"+m.name+"_"+column.Name, len(in.Rows)
			if len(left) > 0 {
				if c.Reason != "" {
					c.Reason += "; "
				}
				c.Reason += fmt.Sprintf("left out, fewer than %d rows: %q", rule.MinRows, left)
			}
			c.Advisory = c.Outcome == Undecided && rule.Undecided == Flag
			checks = append(checks, c)
		}
	}
	return checks
}

func groupsOf(column Group, rows []Scored, threshold float64, least int) (groups []groupRows, left []string) {
	byName := map[string]*groupRows{}
	for i, name := range column.Of {
		if name == "" {
			continue
		}
		g := byName[name]
		if g == nil {
			g = &groupRows{name: name}
			byName[name] = g
		}
		g.all[rows[i].Label]++
		if rows[i].Challenger >= threshold {
			g.yes[rows[i].Label]++
		}
	}
	for _, g := range byName {
		if g.all[0]+g.all[1] < least {
			left = append(left, g.name)
		} else {
			groups = append(groups, *g)
		}
	}
	slices.Sort(left)
	slices.SortFunc(groups, func(a, b groupRows) int {
		if a.name < b.name {
			return -1
		}
		return 1
	})
	return groups, left
}

func biasCheck(cfg GateConfig, groups []groupRows, limit float64, measure func([]groupRows, bool) Value) Check {
	c := Check{Limit: some(limit), Outcome: Undecided}
	if len(groups) < 2 {
		c.Reason = "fewer than two groups with enough rows"
		return c
	}
	point := measure(groups, false)
	if !point.Defined() {
		c.Reason = point.Reason
		return c
	}
	c.Value = some(point.Number)
	r := rand.New(rand.NewPCG(cfg.Seed, bootstrapStream))
	s := &spread{sorted: make([]float64, 0, cfg.Draws)}
	for range cfg.Draws {
		for i := range groups {
			g := &groups[i]
			for label, n := range g.all {
				g.drawn[label] = 0
				for range n {
					if r.IntN(n) < g.yes[label] {
						g.drawn[label]++
					}
				}
			}
		}
		s.add(measure(groups, true))
	}
	s.seal()
	low, high, ok := s.bounds(cfg.Level)
	if !ok {
		c.Reason = manyUndefined(s)
		return c
	}
	c.Low, c.High = some(low), some(high)
	switch {
	case high < limit:
		c.Outcome = Pass
	case low > limit:
		c.Outcome, c.Reason = Fail, "the groups differ by more than the limit"
	default:
		c.Reason = "the limit lies inside the interval"
	}
	return c
}

// gap is largest − smallest of a rate over groups.
func gap(groups []groupRows, rate func(g *groupRows) Value) Value {
	var lo, hi float64
	for i := range groups {
		v := rate(&groups[i])
		if !v.Defined() {
			return v
		}
		if i == 0 {
			lo, hi = v.Number, v.Number
		}
		lo, hi = min(lo, v.Number), max(hi, v.Number)
	}
	return number(hi - lo)
}

// positive is yes, as observed or as drawn.
func (g *groupRows) positive(drawn bool) [2]int {
	if drawn {
		return g.drawn
	}
	return g.yes
}

func parity(groups []groupRows, drawn bool) Value {
	return gap(groups, func(g *groupRows) Value {
		yes := g.positive(drawn)
		return ratio(float64(yes[0]+yes[1]), float64(g.all[0]+g.all[1]), "a group has no rows")
	})
}

// rateGap is the gap of the positive rate among rows of one label.
func rateGap(groups []groupRows, drawn bool, label int) Value {
	return gap(groups, func(g *groupRows) Value {
		return ratio(float64(g.positive(drawn)[label]), float64(g.all[label]), fmt.Sprintf("group %q has no row with label %d", g.name, label))
	})
}

func opportunity(groups []groupRows, drawn bool) Value { return rateGap(groups, drawn, 1) }

func odds(groups []groupRows, drawn bool) Value {
	t, f := rateGap(groups, drawn, 1), rateGap(groups, drawn, 0)
	if !t.Defined() {
		return t
	}
	if !f.Defined() {
		return f
	}
	return number(max(t.Number, f.Number))
}
