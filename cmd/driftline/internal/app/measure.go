package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/driftline/driftline/cmd/driftline/internal/ingest"
	"github.com/driftline/driftline/cmd/driftline/internal/metrics"
)

// measure makes the metrics of this process. Those of models, records and retrains
// are read from the database, so the roles that have one show them.
func (r *Running) measure(reg *prometheus.Registry) error {
	layout := r.Cfg.Layout(0)
	if r.Declared != nil {
		layout = r.Declared.Layout
	}
	historical := true
	for _, in := range r.Cfg.Topics.Inputs {
		historical = historical && (in.Historical || in.Role != "events")
	}
	var results []string
	if r.ingests {
		results = ingest.Results()
	}
	m, err := metrics.New(reg, metrics.Config{
		Ingest: results,
		Store:  r.Store, Layout: layout, NowMS: NowMS, Historical: historical, Lag: r.Progress.lag, Judged: r.Progress.JudgedMS, Memory: r.Progress.bound,
		Failed: func(err error) { r.Log.Warn().Err(err).Msg("metrics cannot be read from the database") },
	})
	r.Metrics = m
	return err
}

func (g *Progress) lag() []metrics.Lag {
	var out []metrics.Lag
	for p, at := range g.Sources() {
		out = append(out, metrics.Lag{Topic: p.Topic, Partition: p.Index, Next: at.Next, End: at.End})
	}
	return out
}

func (p *Parts) judging() *metrics.Judging {
	if p.Metrics == nil {
		return nil
	}
	return p.Metrics.Judging()
}
