package judge

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Bounds of the bootstrap.
const (
	minDraws = 100
	maxDraws = 100_000
)

// dayShare is the share of the holdout's days that must hold rows.
const dayShare = 0.9

// GateConfig says what a challenger must show. Keys are those of the training spec.
type GateConfig struct {
	Kind      Kind            `json:"kind"`
	Primary   Primary         `json:"primary"`
	Guards    []Guard         `json:"guards"`
	Floors    []Floor         `json:"floors"`
	Relative  *RelativeFloors `json:"relative_floors,omitempty"`
	Slices    *SliceRule      `json:"slices,omitempty"`
	Bias      *BiasRule       `json:"bias,omitempty"`
	Holdout   Holdout         `json:"holdout"`
	Threshold float64         `json:"threshold"` // score from which a row counts as positive, both models; KindBinary
	Level     float64         `json:"level"`     // one-sided confidence of bounds, inside (0.5, 1)
	Draws     int             `json:"draws"`     // bootstrap draws of days
	Seed      uint64          `json:"seed"`
}

// Primary is the metric the challenger must be better on.
type Primary struct {
	Metric             string    `json:"metric"`
	Direction          Direction `json:"direction"`
	MinImprovement     float64   `json:"min_improvement"`     // the point estimate must exceed it, in the metric's unit
	RequireSignificant bool      `json:"require_significant"` // the paired lower bound must exceed 0 as well
}

// Guard is a metric the challenger must not be worse on by more than Margin: its
// paired lower bound must be at least −Margin.
type Guard struct {
	Metric string  `json:"metric"`
	Margin float64 `json:"margin"`          // ≥ 0, in the metric's unit
	Level  float64 `json:"level,omitempty"` // 0: the gate's
}

// Floor is a limit on one metric of the challenger alone.
type Floor struct {
	Metric string  `json:"metric"`
	Limit  float64 `json:"limit"`
	Strict bool    `json:"strict"` // equal is not enough
}

// RelativeFloors are limits that follow the holdout's own class shares.
type RelativeFloors struct {
	// AccuracyBelowMajority: accuracy ≥ share of the larger class − this.
	AccuracyBelowMajority float64 `json:"accuracy_below_majority"`
	// LogLossShare: log loss ≤ this × that of giving every row the training base rate.
	LogLossShare float64 `json:"log_loss_share"`
	// F1AboveAllPositive: F1 ≥ 2r/(1+r), what calling every row positive reaches at a
	// positive share of r.
	F1AboveAllPositive bool `json:"f1_above_all_positive"`
}

// Holdout is what the rows to judge on must be; less is undecided.
type Holdout struct {
	Days        int  `json:"days"` // 90 % of them must hold rows
	MinRows     int  `json:"min_rows"`
	MinPerClass int  `json:"min_per_class"`
	Fresh       bool `json:"fresh"` // after both trainings and the last decision's holdout
}

// Default returns the gate used where nothing else is said: ACIS's floors (accuracy
// above 0.70, F1 above 0.65, ROC AUC above 0.75), better log loss than the champion,
// accuracy not worse by more than 0.02 at 95 % one-sided, on 14 fresh days with 200
// rows and 50 of each class.
func Default() GateConfig {
	return GateConfig{
		Kind:    KindBinary,
		Primary: Primary{Metric: LogLoss, Direction: Lower},
		Guards:  []Guard{{Metric: Accuracy, Margin: 0.02}},
		Floors:  []Floor{{Accuracy, 0.70, true}, {F1, 0.65, true}, {ROCAUC, 0.75, true}},
		Holdout: Holdout{Days: 14, MinRows: 200, MinPerClass: 50, Fresh: true},
		// 1,000 draws put the 5 % bound within about 0.7 % of its rank (one standard error).
		Threshold: 0.5, Level: 0.95, Draws: 1000, Seed: 42,
	}
}

// Relative returns the gate for labels whose share moves a lot, as the bike-sharing
// demo's does: Default with floors against the majority, the base rate and calling
// every row positive in place of the absolute ones, and ROC AUC at least 0.75, on 280
// rows and 30 of each class.
func Relative() GateConfig {
	c := Default()
	c.Floors = []Floor{{ROCAUC, 0.75, false}}
	c.Relative = &RelativeFloors{AccuracyBelowMajority: 0.02, LogLossShare: 0.9, F1AboveAllPositive: true}
	c.Holdout.MinRows, c.Holdout.MinPerClass = 280, 30
	return c
}

// Validate returns every fault at once, each with its key and the value found.
func (c GateConfig) Validate() error {
	var errs []error
	bad := func(key string, found any, want string) {
		errs = append(errs, fmt.Errorf("%s is %v: must be %s", key, found, want))
	}
	directions := Metrics(c.Kind)
	if directions == nil {
		bad("kind", fmt.Sprintf("%q", c.Kind), fmt.Sprintf("%s, %s or %s", KindBinary, KindMulticlass, KindRegression))
		directions = Metrics(KindBinary)
	}
	names := "one of " + strings.Join(slices.Sorted(maps.Keys(directions)), ", ")
	metric := func(key, name string) {
		if _, ok := directions[name]; !ok {
			bad(key, fmt.Sprintf("%q", name), names)
		}
	}
	level := func(key string, v float64) {
		if !(v > 0.5 && v < 1) {
			bad(key, v, "above 0.5 and below 1")
		}
	}
	margin := func(key string, v float64) {
		if !(v >= 0) || !finite(v) {
			bad(key, v, "finite and not negative")
		}
	}
	metric("primary.metric", c.Primary.Metric)
	if d, ok := directions[c.Primary.Metric]; ok && c.Primary.Direction != d {
		bad("primary.direction", fmt.Sprintf("%q", c.Primary.Direction), fmt.Sprintf("%q for %s", d, c.Primary.Metric))
	}
	margin("primary.min_improvement", c.Primary.MinImprovement)
	for i, g := range c.Guards {
		key := fmt.Sprintf("guards[%d]", i)
		metric(key+".metric", g.Metric)
		margin(key+".margin", g.Margin)
		if g.Level != 0 {
			level(key+".level", g.Level)
		}
		if slices.ContainsFunc(c.Guards[:i], func(o Guard) bool { return o.Metric == g.Metric }) {
			bad(key+".metric", fmt.Sprintf("%q", g.Metric), "guarded once only")
		}
	}
	for i, f := range c.Floors {
		key := fmt.Sprintf("floors[%d]", i)
		metric(key+".metric", f.Metric)
		if !finite(f.Limit) {
			bad(key+".limit", f.Limit, "finite")
		}
		if slices.ContainsFunc(c.Floors[:i], func(o Floor) bool { return o.Metric == f.Metric }) {
			bad(key+".metric", fmt.Sprintf("%q", f.Metric), "given one floor only")
		}
	}
	if c.Kind == KindMulticlass || c.Kind == KindRegression {
		if c.Relative != nil {
			bad("relative_floors", "given", "left out unless kind is binary")
		}
		if c.Bias != nil {
			bad("bias", "given", "left out unless kind is binary")
		}
	}
	if r := c.Relative; r != nil {
		margin("relative_floors.accuracy_below_majority", r.AccuracyBelowMajority)
		if !(r.LogLossShare > 0) || !finite(r.LogLossShare) {
			bad("relative_floors.log_loss_share", r.LogLossShare, "finite and above 0")
		}
	}
	if s := c.Slices; s != nil {
		metric("slices.metric", s.Metric)
		margin("slices.margin", s.Margin)
		if s.MinRows < 1 {
			bad("slices.min_rows", s.MinRows, "at least 1")
		}
	}
	if b := c.Bias; b != nil {
		b.validate(&errs)
	}
	if c.Holdout.Days < 2 {
		bad("holdout.days", c.Holdout.Days, "at least 2: bounds are drawn by days")
	}
	if c.Holdout.MinRows < 1 {
		bad("holdout.min_rows", c.Holdout.MinRows, "at least 1")
	}
	if c.Holdout.MinPerClass < 1 && c.Kind != KindRegression {
		bad("holdout.min_per_class", c.Holdout.MinPerClass, "at least 1")
	}
	if err := checkThreshold(c.Threshold); err != nil {
		errs = append(errs, err)
	}
	level("level", c.Level)
	if c.Draws < minDraws || c.Draws > maxDraws {
		bad("draws", c.Draws, fmt.Sprintf("from %d to %d", minDraws, maxDraws))
	}
	return errors.Join(errs...)
}
