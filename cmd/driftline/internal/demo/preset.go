package demo

import (
	"time"

	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/trainer/judge"
)

// Model is the watched model of the demo.
const Model = "bikeshare_high_demand"

// Topics of the demo.
const (
	predictionsTopic = "bikeshare.predictions"
	labelsTopic      = "bikeshare.labels"
	inputPartitions  = 2
)

const (
	day  = 24 * time.Hour
	week = 7 * day
)

// Preset pins what the demo must not leave to defaults: a weekly window of hourly
// rows has too small an effective size for the calibrated verdict, so the classic
// rule judges it, and at 6 % positives the usual floors would never let a first
// version through, so the floors are relative to the class shares.
func Preset(c *config.Config) {
	c.Namespace = "demo"
	c.Topics.Inputs = []config.Input{
		{Topic: predictionsTopic, Role: "events", Format: "native", Historical: true},
		{Topic: labelsTopic, Role: "labels", Format: "native", Historical: true},
	}
	c.Topics.InputPartitions = inputPartitions
	c.Stream.Resolution = config.Duration(time.Hour)
	c.Stream.Slide = 24
	c.Stream.Windows = []config.Duration{config.Duration(week)}
	c.Stream.Partitions = 1
	c.Stream.Idle = "off"
	c.Admission.Mode = "auto"
	c.Trainer.Enabled = false // the demo steps the trainer itself, at the end of each day

	c.Policy.Rule = "classic"
	c.Policy.Drifted = 0.2
	c.Policy.ShareFire = 0.3
	c.Policy.MinCoverage = 0.95
	c.Policy.Early = "off"          // weeks are judged; seasons within a reference of half a year would warn day by day
	c.Policy.Joint = "off"          // the story is told feature by feature
	c.Policy.Predictions = "score"  // shown; an alarm on each new season of answers would tell it twice
	c.Policy.Quality.OutOfRange = 0 // seasons leave the range of a quarter: that is the story, not a fault

	m := c.NewModel(Model)
	m.FeaturesFrom = "prediction"
	m.Examples = "rows"
	m.Automation = "promote"
	m.Label.Maturity = config.Duration(day) // known after an hour; relied on after a day
	t := config.DefaultTraining()
	t.Features = features
	t.Params = map[string]any{"n_estimators": 80}
	t.Window = config.Duration(26 * week)
	t.MinRows = 300
	t.Cooldown = config.Duration(4 * week)
	t.MinFresh = config.Duration(2 * week)
	t.Trigger = "drift"
	t.PerformanceTrigger = true
	t.Refit = true
	t.Gate = config.GateOf(judge.Relative())
	t.Bootstrap = config.Bootstrap{Enabled: true, After: config.Duration(13 * week)}
	m.Training = &t
	c.Models = []config.Model{m}
}
