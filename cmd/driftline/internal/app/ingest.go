package app

import (
	"fmt"
	"net/http"

	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/ingest"
	"github.com/driftline/driftline/stream/event"
)

// formats are the readers of events over HTTP beside those that package ingest brings.
var formats = map[string]func() event.Reader{}

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
