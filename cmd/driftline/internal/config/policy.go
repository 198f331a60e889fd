package config

import (
	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/stream/wire"
)

// Policy says when a feature counts as drifted and when a model alarms.
type Policy struct {
	Name         string     `yaml:"name" doc:"Name of the policy in alarms and drift events."`
	Rule         string     `yaml:"rule" enum:"calibrated|classic" doc:"calibrated: the lower bound of PSI, with rows and their dependence counted in, exceeds the limit; classic: PSI itself does."`
	Warn         float64    `yaml:"warn" doc:"PSI above which a feature warns."`
	Drifted      float64    `yaml:"drifted" doc:"PSI above which a feature counts as drifted."`
	FalseAlarms  float64    `yaml:"false_alarms" doc:"False alarms accepted per model and month; sets the level of the calibrated rule."`
	Early        string     `yaml:"early" enum:"on|off" doc:"on: hour by hour (stream.slide), a model whose reference allows it is warned early, and half of false_alarms is for that; off: windows have all of it."`
	Multiplicity string     `yaml:"multiplicity" enum:"budget|bh" doc:"How the calibrated rule answers for many features. budget: each decision has its part of false_alarms; bh: Benjamini–Hochberg over the features of a hop, which finds more where several drift together."`
	MinRows      int        `yaml:"min_rows" doc:"Fewest rows of a window for a verdict."`
	MinEffective float64    `yaml:"min_effective" doc:"Fewest effective rows (dependence counted in) for a calibrated verdict."`
	ShareFire    float64    `yaml:"share_fire" doc:"Share of judged features drifted at which the alarm fires."`
	ShareResolve float64    `yaml:"share_resolve" doc:"Share at or below which it resolves."`
	Importance   Weights    `yaml:"importance" doc:"Weight of each feature, such as its importance in the model; the share by importance stands beside the plain one. A feature that is not named weighs nothing."`
	ShareBy      string     `yaml:"share_by" enum:"count|importance" doc:"Which share fires and resolves the alarm: count, of features, or importance, of their weight."`
	Critical     []string   `yaml:"critical" doc:"Features that fire the alarm alone once they drifted."`
	Ignore       []string   `yaml:"ignore" doc:"Features that are scored but never count towards the share, such as calendar columns."`
	MinCoverage  float64    `yaml:"min_coverage" doc:"Least share of the expected input that a window must hold to be judged."`
	MinJudged    float64    `yaml:"min_judged" doc:"Least share of the features with a verdict."`
	WarmUp       float64    `yaml:"warm_up" doc:"Part of the window that must be filled before it is judged."`
	FireAfter    float64    `yaml:"fire_after" doc:"How long the share must stay up before the alarm fires, in windows."`
	ResolveAfter float64    `yaml:"resolve_after" doc:"How long it must stay down before the alarm resolves, in windows."`
	Retrigger    float64    `yaml:"retrigger" doc:"How often an alarm that goes on says so, in windows."`
	Steps        []float64  `yaml:"steps" doc:"Shares at which a firing alarm is reported as worsened, ascending."`
	TriggerFrom  Duration   `yaml:"trigger_from" doc:"Shortest window whose drift may start a retrain."`
	Windows      []Duration `yaml:"windows" doc:"Windows that are judged; empty for all of stream.windows."`
	Quality      Quality    `yaml:"quality" doc:"Data-quality alarms. While one is open no retrain starts by itself."`
}

// Weights are a number per feature.
type Weights map[string]float64

// Quality holds the limits of the data-quality alarms.
type Quality struct {
	NullRate   float64 `yaml:"null_rate" doc:"Rise of a feature's null share over the reference; 0 switches the limit off, here and below."`
	OutOfRange float64 `yaml:"out_of_range" doc:"Rise of the share outside the reference's range."`
	Unseen     float64 `yaml:"unseen" doc:"Rise of the share of categories the reference never saw."`
	WrongType  float64 `yaml:"wrong_type" doc:"Rise of the share of values of the wrong type."`
}

// Wire returns the policy as the stream takes it.
func (p Policy) Wire() wire.Policy {
	out := wire.Policy{
		Name: p.Name, Rule: p.Rule, Warn: p.Warn, Drifted: p.Drifted, FalseAlarms: p.FalseAlarms,
		MinRows: uint64(max(0, p.MinRows)), MinEffective: p.MinEffective,
		ShareFire: p.ShareFire, ShareResolve: p.ShareResolve,
		MinCoverage: p.MinCoverage, MinJudged: p.MinJudged, WarmUp: p.WarmUp,
		FireAfter: p.FireAfter, ResolveAfter: p.ResolveAfter, Retrigger: p.Retrigger, Steps: p.Steps,
		RetrainFromMS: p.TriggerFrom.MS(), Ignore: p.Ignore, Critical: p.Critical,
		Quality: wire.Quality(p.Quality),
	}
	if p.Early == wire.EarlyOff {
		out.Early = wire.EarlyOff // on is what the stream does by itself
	}
	if p.Multiplicity == drift.ByBH {
		out.Multiplicity = drift.ByBH
	}
	if p.ShareBy == wire.ByImportance {
		out.ShareBy = wire.ByImportance
	}
	if len(p.Importance) > 0 {
		out.Importance = p.Importance
	}
	for _, w := range p.Windows {
		out.WindowsMS = append(out.WindowsMS, w.MS())
	}
	return out
}
