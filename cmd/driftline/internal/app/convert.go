package app

import (
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/stream/wire"
)

// PolicyOf turns a configured policy into the one that travels in control.
func PolicyOf(c config.Policy) wire.Policy {
	p := wire.Policy{
		Name: c.Name, Rule: c.Rule, Warn: c.Warn, Drifted: c.Drifted, FalseAlarms: c.FalseAlarms,
		MinRows: uint64(max(0, c.MinRows)), MinEffective: c.MinEffective,
		ShareFire: c.ShareFire, ShareResolve: c.ShareResolve, MinCoverage: c.MinCoverage, MinJudged: c.MinJudged, WarmUp: c.WarmUp,
		FireAfter: c.FireAfter, ResolveAfter: c.ResolveAfter, Retrigger: c.Retrigger, Steps: c.Steps,
		RetrainFromMS: c.TriggerFrom.MS(), Ignore: c.Ignore, Critical: c.Critical,
		Quality: wire.Quality{NullRate: c.Quality.NullRate, OutOfRange: c.Quality.OutOfRange, Unseen: c.Quality.Unseen, WrongType: c.Quality.WrongType},
	}
	for _, w := range c.Windows {
		p.WindowsMS = append(p.WindowsMS, w.MS())
	}
	return p
}

// ModelControl admits a model from a pane on.
func ModelControl(m config.Model, fromPane, seq int64) wire.Control {
	classes := m.Classes
	if len(classes) == 0 {
		classes = wire.DefaultClasses
	}
	w := wire.Model{Name: m.Name, FromPane: fromPane, FeaturesFrom: m.FeaturesFrom, Classes: classes}
	return wire.Control{Kind: "model", ID: m.Name, Seq: seq, Value: w.Encode()}
}
