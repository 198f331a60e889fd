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
	Predictions  string     `yaml:"predictions" enum:"alarm|score|off" doc:"Scores and predicted classes of the version whose answers the reference holds: alarm compares each window and raises an alarm, score compares and shows, off counts and shows them."`
	Joint        string     `yaml:"joint" enum:"auto|off|score|alarm" doc:"All features together, where the reference allows it: score judges and shows each window, alarm raises an alarm too (a quarter of false_alarms is for that), off does neither. auto is score up to 1000 rows a second of the reference: counting a row of 50 features costs three times as much with it."`
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
	References   []string   `yaml:"references" doc:"What windows are compared with. training: the model's own reference, however it was made; it always stays. Beside it trailing: what came some time before; seasonal: the same hours of the weeks before. Each has alarms of its own, and false_alarms is for all together; those beside never start a retrain."`
	Trailing     Trailing   `yaml:"trailing" doc:"Where references names trailing. It takes slow drift along: that is what training is there for."`
	Seasonal     Seasonal   `yaml:"seasonal" doc:"Where references names seasonal. Hours of the week are in UTC."`
	Quality      Quality    `yaml:"quality" doc:"Data-quality alarms. While one is open no retrain starts by itself."`
	Cadence      Cadence    `yaml:"cadence" doc:"When rows are to be expected: quiet hours make no alarm stale, and a delivery that is missed does. Nothing set: as learnt from the rows of each hour of the last four weeks."`
}

// JointAuto lets the traffic decide whether all features are looked at together.
const JointAuto = "auto"

// PredictionsAlarm raises alarms on answers; it is what the stream does by itself.
const PredictionsAlarm = "alarm"

// Weights are a number per feature.
type Weights map[string]float64

// Quality holds the limits of the data-quality alarms.
type Quality struct {
	NullRate   float64 `yaml:"null_rate" doc:"Rise of a feature's null share over the reference, and beyond what the window's rows say by chance; 0 switches the limit off, here and below."`
	OutOfRange float64 `yaml:"out_of_range" doc:"Rise of the share outside the reference's range."`
	Unseen     float64 `yaml:"unseen" doc:"Rise of the share of categories the reference never saw."`
	WrongType  float64 `yaml:"wrong_type" doc:"Rise of the share of values of the wrong type."`
	Volume     string  `yaml:"volume" enum:"on|off" doc:"on: less than half or more than twice the rows that the last four weeks held in these hours, and beyond their spread, is an alarm."`
	Freshness  string  `yaml:"freshness" enum:"on|off" doc:"on: no rows although a delivery is due, by cadence, is an alarm."`
	Schema     string  `yaml:"schema" enum:"on|off" doc:"on: a feature that is absent from every row of a window, or came as another type, is an alarm."`
}

// wire returns the limits as the stream takes them.
func (q Quality) wire() wire.Quality {
	off := func(s string) wire.Checked {
		if s == string(wire.CheckOff) {
			return wire.CheckOff
		}
		return "" // on is what the stream does by itself
	}
	return wire.Quality{
		NullRate: q.NullRate, OutOfRange: q.OutOfRange, Unseen: q.Unseen, WrongType: q.WrongType,
		Volume: off(q.Volume), Freshness: off(q.Freshness), Schema: off(q.Schema),
	}
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
		Quality: p.Quality.wire(), Cadence: p.Cadence.Wire(),
	}
	if p.Early == wire.EarlyOff {
		out.Early = wire.EarlyOff // on is what the stream does by itself
	}
	p.moving(&out)
	if p.Predictions != PredictionsAlarm {
		out.Predictions = p.Predictions
	}
	if p.Joint != JointAuto && p.Joint != wire.JointScore {
		out.Joint = p.Joint // score is what the stream does by itself
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
