package web

import (
	"context"
	"encoding/json"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/registry/store"
)

// limits are the levels at which features and models change colour.
type limits struct {
	Warn, Drifted float64 // of the PSI of a feature
	Fire          float64 // of the share of drifted features
}

// readLimits takes each level from the model's settings, else from the newest drift
// event of the window, else the default.
func readLimits(ctx context.Context, t *store.Tx, w store.WatchedModel, windowMS int64) (l limits, err error) {
	var spec struct {
		Policy struct {
			Warn    float64 `json:"warn"`
			Drifted float64 `json:"drifted"`
			Fire    float64 `json:"share_fire"`
		} `json:"policy"`
	}
	if json.Unmarshal([]byte(w.SpecJSON), &spec) == nil {
		l = limits{spec.Policy.Warn, spec.Policy.Drifted, spec.Policy.Fire}
	}
	events, err := t.Events(ctx, store.EventQuery{Model: w.Name, Limit: 50})
	if err != nil {
		return l, err
	}
	for _, row := range events {
		e, err := parseEvent(row.Body)
		if err != nil {
			return l, err
		}
		if d := e.Data; d.Kind == "drift" && d.WindowMS == windowMS {
			l.fill(limits{d.Warn, d.Threshold, d.ShareFire})
			break
		}
	}
	set := drift.DefaultSettings()
	l.fill(limits{set.Warn, set.Drifted, drift.DefaultFire})
	return l, nil
}

// fill takes what is still open from other.
func (l *limits) fill(other limits) {
	for _, x := range []struct {
		to   *float64
		from float64
	}{{&l.Warn, other.Warn}, {&l.Drifted, other.Drifted}, {&l.Fire, other.Fire}} {
		if *x.to <= 0 {
			*x.to = x.from
		}
	}
}
