package config

import (
	"cmp"
	"slices"
	"time"

	"github.com/driftline/driftline/trainer/judge"
)

const (
	second = Duration(time.Second)
	minute = Duration(time.Minute)
	hour   = Duration(time.Hour)
	days   = Duration(day)
	weeks  = Duration(week)
)

// Default returns the configuration without any layer above the defaults.
func Default() Config {
	return Config{
		Namespace: "default",
		DataDir:   "driftline-data",
		Log:       Log{Level: "info", Format: "auto"},
		HTTP:      HTTP{Listen: "127.0.0.1:5000"},
		Ops:       Ops{Listen: "127.0.0.1:5001"},
		Broker: Broker{
			Listen:             "127.0.0.1:9092",
			ClientID:           "driftline",
			Group:              "driftline",
			TimestampBeforeMax: 180 * second,
			TimestampAfterMax:  60 * second,
			Replicas:           3,
			SyncWrites:         true,
			RetentionBytes:     256 << 20,
		},
		Topics: Topics{
			Prefix: "driftline",
			Inputs: []Input{
				{Topic: "ml.features", Role: "events", Format: "native"},
				{Topic: "ml.predictions", Role: "events", Format: "native"},
				{Topic: "ml.labels", Role: "labels", Format: "native"},
			},
			InputPartitions: 6,
			InputRetention:  7 * days,
		},
		SchemaRegistry: SchemaRegistry{Timeout: 10 * second},
		Ingest:         Ingest{Formats: []IngestFormat{{Format: "cloudevents"}, {Format: "kserve"}, {Format: "v2"}}, MaxBody: 4 << 20, MaxEvents: 10_000, EventsPerSecond: 10_000, InFlight: 16, Timeout: 10 * second},
		Stream: Stream{
			Resolution:   60 * second,
			Slide:        60,
			Windows:      []Duration{1 * hour, 24 * hour, 7 * days},
			Lateness:     120 * second,
			Skew:         60 * second,
			Disorder:     15 * minute,
			Partitions:   6,
			Idle:         "auto",
			Assignment:   "static",
			WorkerIndex:  0,
			WorkerCount:  1,
			RecordLimit:  1 << 20,
			FeatureLimit: 2000,
			Thin:         1,
			Versions:     4,
			MemoryLimit:  16 << 30,
		},
		Admission: Admission{Mode: "off", MaxModels: 100},
		Policy:    defaultPolicy(),
		Historian: Historian{ExampleDays: 730, ScoreDays: 400, EventDays: 400, CountDays: 90, BatchRows: 500},
		Trainer:   Trainer{Enabled: true, Lease: 60 * second, Scheduler: "trainer"},
	}
}

// AllInOne is the preset of the commands that bring their own broker: models are
// watched from their first event on.
func AllInOne(c *Config) { c.Admission.Mode = "auto" }

func defaultPolicy() Policy {
	return Policy{
		Name:         "default",
		Rule:         "calibrated",
		Warn:         0.1, // convention
		Drifted:      0.2, // the ACIS platform's limit
		FalseAlarms:  1,
		Early:        "on",
		Joint:        JointAuto,
		Predictions:  PredictionsAlarm,
		Multiplicity: "budget",
		ShareBy:      "count",
		MinRows:      100, // ten rows a bin
		MinEffective: 30,
		ShareFire:    0.3,
		ShareResolve: 0.2,
		MinCoverage:  0.95,
		MinJudged:    0.5,
		WarmUp:       0.5,
		FireAfter:    0.25,
		ResolveAfter: 1,
		Retrigger:    1,
		Steps:        []float64{0.5, 0.7, 0.9},
		TriggerFrom:  24 * hour,
		References:   []string{refTraining},
		Trailing:     Trailing{Length: 4 * weeks, Gap: 7 * days, Warn: 0.1, Drifted: 0.2},
		Seasonal:     Seasonal{Weeks: 4, Warn: 0.1, Drifted: 0.2},
		Quality: Quality{
			NullRate:   0.1,
			OutOfRange: 0.1,
			Unseen:     0.1,
			WrongType:  0.01,
			Volume:     "on",
			Freshness:  "on",
			Schema:     "on",
		},
		Cadence: Cadence{Calendar: Calendar{Zone: "UTC"}},
	}
}

// NewModel returns a model with every default, its policy that of the
// configuration.
func (c *Config) NewModel(name string) Model {
	return Model{
		Name:         name,
		FeaturesFrom: "prediction",
		Label:        Label{Positive: "1", Maturity: 0},
		Examples:     "scores",
		Policy:       c.Policy.clone(),
	}
}

// settle fills in what depends on other options of the model.
func (m *Model) settle() {
	m.Label.Kind = m.LabelKind()
	if m.Automation != "" {
		return
	}
	m.Automation = "observe"
	if m.Training != nil {
		m.Automation = "approve"
	}
}

// LabelKind is what the model predicts: binary, multiclass or regression.
func (m *Model) LabelKind() string {
	if m.Label.Kind == "" && m.Training != nil {
		return cmp.Or(m.Training.Gate.Kind, string(judge.KindBinary))
	}
	return cmp.Or(m.Label.Kind, string(judge.KindBinary))
}

// Model returns the model of that name; where none is configured, what an admitted
// one gets.
func (c *Config) Model(name string) (m Model, configured bool) {
	for _, m := range c.Models {
		if m.Name == name {
			return m, true
		}
	}
	m = c.NewModel(name)
	m.settle()
	return m, false
}

// clone keeps lists of two policies apart.
func (p Policy) clone() Policy {
	p.Critical = slices.Clone(p.Critical)
	p.Ignore = slices.Clone(p.Ignore)
	p.Steps = slices.Clone(p.Steps)
	p.Windows = slices.Clone(p.Windows)
	c := &p.Cadence.Calendar
	c.Weekdays, c.Hours, c.Holidays = slices.Clone(c.Weekdays), slices.Clone(c.Hours), slices.Clone(c.Holidays)
	p.References = slices.Clone(p.References)
	return p
}

// DefaultTraining returns the training section without any key set.
func DefaultTraining() Training {
	return Training{
		Trainer:    "builtin",
		Params:     map[string]any{},
		Window:     26 * weeks,
		MinRows:    1000,
		Cooldown:   7 * days,
		MinFresh:   7 * days,
		Trigger:    "drift+harm",
		MaxPerWeek: 0,
		Refit:      false,
		Gate:       GateOf(judge.Default()),
		Probation:  7 * days,
		Bootstrap:  Bootstrap{Enabled: false, After: 13 * weeks},
	}
}

// What the optional sections of the gate start from once they are there.
var (
	defaultSlices = SliceRule{Metric: judge.LogLoss, Margin: 0.05, MinRows: 100}
	defaultBias   = BiasRule{DemographicParity: 0.1, EqualOpportunity: 0.1, EqualizedOdds: 0, MinRows: 50, Undecided: string(judge.Flag)}
)
