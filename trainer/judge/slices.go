package judge

import "fmt"

// Slice is a part of the holdout that is looked at by itself.
type Slice struct {
	Name string
	In   []bool // one per row
}

// SliceRule asks that no slice gets worse by more than Margin, by the rule of guards:
// what cannot be told blocks. Choose MinRows and Margin so that it mostly can.
type SliceRule struct {
	Metric  string  `json:"metric"`
	Margin  float64 `json:"margin"`
	MinRows int     `json:"min_rows"` // smaller slices are skipped, and named
}

func sliceChecks(cfg GateConfig, in Input) []Check {
	rule := cfg.Slices
	if rule == nil {
		return nil
	}
	var checks []Check
	for _, s := range in.Slices {
		var rows []int
		for i, inside := range s.In {
			if inside {
				rows = append(rows, i)
			}
		}
		name := "slice_" + s.Name
		switch {
		case in.First:
			checks = append(checks, Check{Name: name, Support: len(rows), Outcome: Skipped, Reason: "there is no champion yet"})
			continue
		case len(rows) < rule.MinRows:
			checks = append(checks, Check{Name: name, Support: len(rows), Outcome: Skipped, Reason: fmt.Sprintf("fewer than %d rows", rule.MinRows)})
			continue
		}
		p := newPaired(cfg, in, rows)
		spreads := p.spreads([]string{rule.Metric}, cfg.Draws, cfg.Seed)
		checks = append(checks, nonInferior(name, rule.Margin, cfg.Level, p.gain(rule.Metric, p.ones), spreads[rule.Metric], len(rows)))
	}
	return checks
}
