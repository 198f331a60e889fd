package config

import (
	"slices"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/trainer/judge"
)

// Model is one watched model.
type Model struct {
	Name         string    `yaml:"name" doc:"Name as the events carry it."`
	FeaturesFrom string    `yaml:"features_from" enum:"prediction|feature" doc:"Events whose features are counted; those of the other type are joined to examples, not counted."`
	Classes      []string  `yaml:"classes" doc:"Predicted classes counted apart, fixed when the model is first admitted; empty for 0, 1, false and true."`
	Segments     Segments  `yaml:"segments" doc:"Parts of the traffic that are counted and judged apart: names of segments in the events, each with the values that are watched. In force with the next reference."`
	Label        Label     `yaml:"label" doc:"What the labels mean."`
	Examples     string    `yaml:"examples" enum:"off|scores|rows" doc:"What is stored per event: nothing, scores and labels, or features too (needed where training reads examples)."`
	Columns      []string  `yaml:"columns" doc:"Features that may be stored with examples: rows; empty for all."`
	Automation   string    `yaml:"automation" enum:"observe|retrain|approve|promote" doc:"observe alarms only; retrain stops after the gate; approve waits for a person; promote goes through by itself. Default: approve with training, else observe."`
	Policy       Policy    `yaml:"policy" doc:"Overrides of the policy above; what is left out is inherited."`
	Training     *Training `yaml:"training" doc:"How this model is retrained; left out, it is not."`
}

// Wire returns the model's admission as the stream takes it, from the given start on.
func (m *Model) Wire(from int64) wire.Model {
	return wire.Model{Name: m.Name, FromPane: from, FeaturesFrom: m.FeaturesFrom, Classes: m.classes()}
}

func (m *Model) classes() []string {
	if len(m.Classes) == 0 {
		return slices.Clone(wire.DefaultClasses)
	}
	return m.Classes
}

// Segments are the parts of a model's traffic that are judged apart: values by name.
type Segments map[string][]string

// Wire returns them as the stream takes them.
func (s Segments) Wire() wire.Segments {
	var out wire.Segments
	for name, values := range s {
		out = append(out, wire.Dimension{Name: name, Values: values})
	}
	return out.Canonical()
}

// check finds names and values that no event can carry: nothing would ever count there.
func (s Segments) check(k *checker, key string) {
	carried := func(what, text string) {
		if bad := event.CheckName(event.DefaultLimits(), what, text, 0); bad != nil {
			k.bad(key, "no event carries it: %s", bad.Detail)
		}
	}
	for _, d := range s.Wire() {
		carried("name", d.Name)
		for _, v := range d.Values {
			carried("value of "+d.Name, v)
		}
	}
}

// Label says how labels are read.
type Label struct {
	Kind     string   `yaml:"kind" enum:"|binary|multiclass|regression" doc:"What is predicted: two classes, several, or a number. Default: that of training.gate, else binary."`
	Positive string   `yaml:"positive" doc:"Label that counts as positive. The other class is the other one of two under classes, else 0 for 1, false for true, and the other way round."`
	Maturity Duration `yaml:"maturity" doc:"Event time after a prediction until its label can be relied on to have come."`
}

// Training says when and how a new version is made.
type Training struct {
	Features           []string       `yaml:"features" doc:"Features to train on, in this order; empty for all of the reference."`
	Trainer            string         `yaml:"trainer" enum:"builtin" doc:"builtin: gradient-boosted trees, exchangeable with XGBoost."`
	Params             map[string]any `yaml:"params" doc:"Parameters of the learner, by XGBoost's names."`
	Window             Duration       `yaml:"window" doc:"Event time of the training rows, back from the newest mature label."`
	MinRows            int            `yaml:"min_rows" doc:"Fewest labelled rows to train on."`
	Cooldown           Duration       `yaml:"cooldown" doc:"Event time since the last decision before drift may start another retrain."`
	MinFresh           Duration       `yaml:"min_fresh" doc:"Labelled event time needed since the last decision; --force does not skip it."`
	Trigger            string         `yaml:"trigger" enum:"drift|drift+harm|harm" doc:"drift: every drift event; drift+harm: only where performance suffers too; harm: performance alone."`
	PerformanceTrigger bool           `yaml:"performance_trigger" doc:"A fall of the realised performance starts a retrain too, also with trigger: drift."`
	MaxPerWeek         int            `yaml:"max_per_week" doc:"Most promotions in a week of event time; 0 for no limit."`
	Refit              bool           `yaml:"refit" doc:"After a passed gate train again on all rows, holdout included, with the rounds fixed; the version is marked as untested."`
	Gate               Gate           `yaml:"gate" doc:"What a new version must pass."`
	Probation          Duration       `yaml:"probation" doc:"Event time after a promotion in which worse live labels roll it back; 0 for none."`
	Bootstrap          Bootstrap      `yaml:"bootstrap" doc:"A first version where there is none."`
}

// Gate holds the checks of a new version. Keys and meaning are those of package judge.
type Gate struct {
	Kind      string          `yaml:"kind" enum:"binary|multiclass|regression" doc:"What is predicted: two classes, several, or a number."`
	Primary   Primary         `yaml:"primary" doc:"Measure that must be better than the champion's."`
	Guards    []Guard         `yaml:"guards" doc:"Measures in which the new version may not be worse than the champion by more than a margin, by the paired lower bound."`
	Floors    []Floor         `yaml:"floors" doc:"Limits on the new version alone."`
	Relative  *RelativeFloors `yaml:"relative_floors" doc:"Limits that follow the class shares of the holdout; left out, none."`
	Slices    *SliceRule      `yaml:"slices" doc:"Limits per slice of the holdout; left out, none."`
	Bias      *BiasRule       `yaml:"bias" doc:"Limits on differences between groups; left out, none."`
	Holdout   Holdout         `yaml:"holdout" doc:"Newest labelled rows, kept out of training and used to judge; with less the gate is undecided, which does not promote."`
	Threshold float64         `yaml:"threshold" doc:"Score from which a row counts as positive."`
	Level     float64         `yaml:"level" doc:"One-sided confidence of bounds, inside 0.5 to 1."`
	Draws     int             `yaml:"draws" doc:"Bootstrap draws of days behind the bounds, 100 to 100000."`
	Seed      int             `yaml:"seed" doc:"Seed of the draws."`
}

// Primary is the measure a new version must be better on.
type Primary struct {
	Metric             string  `yaml:"metric" doc:"Of two classes: log_loss, brier, accuracy, precision, recall, f1, roc_auc or average_precision; of several: log_loss, brier, accuracy, macro_f1 or weighted_f1; of numbers: rmse, mae, r2, pearson or mean_ic."`
	MinImprovement     float64 `yaml:"min_improvement" doc:"Least gain of the point estimate, in the measure's unit; 0 asks for any gain."`
	RequireSignificant bool    `yaml:"require_significant" doc:"The paired lower bound of the gain must be above 0 too."`
}

// Guard is one measure in which the champion's value is protected.
type Guard struct {
	Metric string  `yaml:"metric" doc:"Measure."`
	Margin float64 `yaml:"margin" doc:"Most that the new version may be worse, in the measure's unit."`
}

// Floor is a limit on one measure of the new version.
type Floor struct {
	Metric string  `yaml:"metric" doc:"Measure."`
	Limit  float64 `yaml:"limit" doc:"Worst value allowed."`
	Strict bool    `yaml:"strict" doc:"Equal to the limit is not enough."`
}

// RelativeFloors are limits against the simplest baselines of the same rows.
type RelativeFloors struct {
	AccuracyBelowMajority float64 `yaml:"accuracy_below_majority" doc:"Accuracy at least the share of the larger class less this."`
	LogLossShare          float64 `yaml:"log_loss_share" doc:"Log loss at most this times that of the training base rate."`
	F1AboveAllPositive    bool    `yaml:"f1_above_all_positive" doc:"F1 at least what calling every row positive reaches."`
}

// SliceRule limits how much worse a slice may become.
type SliceRule struct {
	Columns []string `yaml:"columns" doc:"Features or segments whose values are the slices."`
	Metric  string   `yaml:"metric" doc:"Measure."`
	Margin  float64  `yaml:"margin" doc:"Most that the new version may be worse on a slice."`
	MinRows int      `yaml:"min_rows" doc:"Smaller slices are skipped, and named."`
}

// BiasRule limits differences between groups.
type BiasRule struct {
	Columns           []string `yaml:"columns" doc:"Columns whose values are the groups; they need not be features of the model."`
	DemographicParity float64  `yaml:"demographic_parity" doc:"Largest less smallest share predicted positive; 0 for no limit."`
	EqualOpportunity  float64  `yaml:"equal_opportunity" doc:"Largest less smallest true-positive rate; 0 for no limit."`
	EqualizedOdds     float64  `yaml:"equalized_odds" doc:"Larger of the differences of true- and false-positive rates; 0 for no limit."`
	MinRows           int      `yaml:"min_rows" doc:"Smaller groups are left out, and named."`
	Undecided         string   `yaml:"undecided" enum:"block|flag" doc:"What an undecided bias check does."`
}

// Holdout is the set a new version is judged on.
type Holdout struct {
	Days        int  `yaml:"days" doc:"Newest days; nine tenths of them must hold rows."`
	MinRows     int  `yaml:"min_rows" doc:"Fewest rows."`
	MinPerClass int  `yaml:"min_per_class" doc:"Fewest rows of each class."`
	Fresh       bool `yaml:"fresh" doc:"Only rows newer than the training rows of both versions and the last decision's holdout."`
}

// Judge returns the gate as package judge takes it.
func (g Gate) Judge() judge.GateConfig {
	kind := judge.Kind(g.Kind)
	out := judge.GateConfig{
		Kind: kind,
		Primary: judge.Primary{
			Metric: g.Primary.Metric, Direction: judge.Metrics(kind)[g.Primary.Metric],
			MinImprovement: g.Primary.MinImprovement, RequireSignificant: g.Primary.RequireSignificant,
		},
		Holdout:   judge.Holdout(g.Holdout),
		Threshold: g.Threshold, Level: g.Level, Draws: g.Draws, Seed: uint64(g.Seed),
	}
	for _, x := range g.Guards {
		out.Guards = append(out.Guards, judge.Guard{Metric: x.Metric, Margin: x.Margin})
	}
	for _, x := range g.Floors {
		out.Floors = append(out.Floors, judge.Floor(x))
	}
	if r := g.Relative; r != nil {
		relative := judge.RelativeFloors(*r)
		out.Relative = &relative
	}
	if r := g.Slices; r != nil {
		out.Slices = &judge.SliceRule{Metric: r.Metric, Margin: r.Margin, MinRows: r.MinRows}
	}
	if r := g.Bias; r != nil {
		out.Bias = &judge.BiasRule{
			Parity: r.DemographicParity, Opportunity: r.EqualOpportunity, Odds: r.EqualizedOdds,
			MinRows: r.MinRows, Undecided: judge.Policy(r.Undecided),
		}
	}
	return out
}

// GateOf is the other way round, for defaults and presets.
func GateOf(g judge.GateConfig) Gate {
	out := Gate{
		Kind: string(g.Kind),
		Primary: Primary{
			Metric: g.Primary.Metric, MinImprovement: g.Primary.MinImprovement, RequireSignificant: g.Primary.RequireSignificant,
		},
		Holdout:   Holdout(g.Holdout),
		Threshold: g.Threshold, Level: g.Level, Draws: g.Draws, Seed: int(g.Seed),
	}
	for _, x := range g.Guards {
		out.Guards = append(out.Guards, Guard{Metric: x.Metric, Margin: x.Margin})
	}
	for _, x := range g.Floors {
		out.Floors = append(out.Floors, Floor(x))
	}
	if r := g.Relative; r != nil {
		relative := RelativeFloors(*r)
		out.Relative = &relative
	}
	return out
}

// Bootstrap says when a first version is trained.
type Bootstrap struct {
	Enabled bool     `yaml:"enabled" doc:"Train a first version; it passes the floors only and is marked so."`
	After   Duration `yaml:"after" doc:"Labelled event time that must have come in first."`
}
