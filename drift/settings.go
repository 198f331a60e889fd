package drift

import (
	"errors"
	"fmt"
)

// Rules that make a verdict.
const (
	RuleCalibrated = "calibrated" // lower confidence bound of the PSI above the threshold
	RuleClassic    = "classic"    // PSI at or above the threshold, whatever the sample size
)

// Settings of the verdict on one feature.
type Settings struct {
	Rule         string  // RuleCalibrated (default) or RuleClassic
	Warn         float64 // PSI from which a feature is warned about; 0.1, convention
	Drifted      float64 // PSI from which it is drifted; 0.2, convention
	Alpha        float64 // chance of a false `drifted` per decision; calibrated rule only
	MinRows      int     // window values below which nothing is judged
	MinEffective float64 // effective size below which nothing is judged; calibrated rule only
	TopCells     int     // how many contributing cells a result names
	Full         bool    // fill what only reports show: see FeatureResult
}

// MaxAlpha and MinAlpha bound the error of one decision. Below the lower one no law
// fitted to some dozen blocks means anything.
const (
	MaxAlpha = 0.01
	MinAlpha = 1e-4
)

// DefaultSettings returns the calibrated rule with thresholds 0.1 and 0.2.
func DefaultSettings() Settings {
	return Settings{
		Rule: RuleCalibrated, Warn: 0.1, Drifted: 0.2, Alpha: MaxAlpha,
		MinRows: 30, MinEffective: 30, TopCells: 5,
	}
}

// Validate returns all faults, each with the key as the user writes it.
func (s Settings) Validate() error {
	var errs []error
	bad := func(key string, found any, want string) {
		errs = append(errs, fmt.Errorf("%s is %v, want %s", key, found, want))
	}
	if s.Rule != RuleCalibrated && s.Rule != RuleClassic {
		bad("rule", fmt.Sprintf("%q", s.Rule), `"calibrated" or "classic"`)
	}
	if !(s.Warn > 0) || s.Warn > 100 {
		bad("warn", s.Warn, "a PSI above 0")
	}
	if !(s.Drifted >= s.Warn) || s.Drifted > 100 {
		bad("drifted", s.Drifted, "a PSI of at least `warn`")
	}
	if !(s.Alpha >= MinAlpha && s.Alpha <= MaxAlpha) {
		bad("alpha", s.Alpha, fmt.Sprintf("%g to %g", MinAlpha, MaxAlpha))
	}
	if s.MinRows < 1 {
		bad("min_rows", s.MinRows, "at least 1")
	}
	if !(s.MinEffective >= 0) {
		bad("min_effective", s.MinEffective, "at least 0")
	}
	if s.TopCells < 0 {
		bad("top_cells", s.TopCells, "at least 0")
	}
	return errors.Join(errs...)
}

// monthMS is the month of the alert budget: 30 days.
const monthMS = 30 * 24 * 3600 * 1000

// BudgetAlpha returns the error of one decision under the alert budget: perMonth
// false alarms a model and month, spread evenly over features × segments × layers
// at every alarm hop, then bounded to [1e-4, 0.01]. The expected number of false
// alarms is then at most perMonth by linearity, under any dependence, as long as the
// lower bound does not bind. hopMS ≤ 0 stands for a single batch check, which gets
// 0.01 divided by the number of features.
func BudgetAlpha(perMonth float64, features, segments, layers int, hopMS int64) float64 {
	decisions := float64(max(features, 1))
	budget := MaxAlpha
	if hopMS > 0 {
		decisions *= float64(max(segments, 1)) * float64(max(layers, 1)) * (monthMS / float64(hopMS))
		budget = perMonth
	}
	return min(MaxAlpha, max(MinAlpha, budget/decisions))
}
