package app

import (
	"fmt"
	"net/http"

	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/ingest"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/mapping"
)

// formats are the readers of events over HTTP beside the native one.
func (p *Parts) formats() (map[string]func() event.Reader, error) {
	out := map[string]func() event.Reader{}
	for _, f := range p.Cfg.Ingest.Formats {
		cfg := mapping.Config{Mapping: f.Reads(), Limits: p.limits()}
		if _, err := mapping.New(cfg); err != nil {
			return nil, fmt.Errorf("ingest.formats, %s: %w", f.Format, err)
		}
		out[f.Format] = func() event.Reader {
			r, err := mapping.New(cfg)
			if err != nil {
				panic(fmt.Sprintf("mapping of %s, which was checked at the start: %v", f.Format, err))
			}
			return r
		}
	}
	return out, nil
}

// newIngest makes the way in for events over HTTP; nil where it is off.
func (r *Running) newIngest() (http.Handler, error) {
	if !r.ingests {
		return nil, nil
	}
	c := r.Cfg.Ingest
	tokens, err := c.AllTokens()
	if err != nil {
		return nil, &cli.Exit{Code: cli.Usage, Err: err}
	}
	secrets := make(map[string]string, len(tokens))
	for name, t := range tokens {
		secrets[name] = t.Reveal()
	}
	formats, err := r.formats()
	if err != nil {
		return nil, &cli.Exit{Code: cli.Usage, Err: err}
	}
	s, err := ingest.New(ingest.Config{
		Log: r.Kafka, Tokens: secrets, Topic: r.Cfg.IngestTopic(), LabelTopic: r.Cfg.IngestLabelTopic(),
		Formats: formats, Limits: r.limits(), MaxBody: int64(c.MaxBody), MaxEvents: c.MaxEvents, EventsPerSecond: c.EventsPerSecond,
		InFlight: c.InFlight, Timeout: c.Timeout.Std(), ModelPartitions: c.ModelPartitions,
		Count: r.Metrics.Ingested, NowMS: NowMS, Logger: r.Log,
	})
	if err != nil {
		return nil, fmt.Errorf("events over HTTP: %w", err)
	}
	return s, nil
}
