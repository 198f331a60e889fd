package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/kafka"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/mapping"
	"github.com/driftline/driftline/stream/mapping/avro"
	"github.com/driftline/driftline/stream/mapping/schemas"
)

// inputs knows how the records of each input topic become events. All roles and commands
// read through it, so that a record is the same event for all of them.
type inputs struct {
	topics   map[string]config.Input
	files    map[string]*avro.Schema // of topics without framing
	registry *schemas.Registry       // nil: none is configured
}

// openInputs reads schema files and prepares the registry's client; nothing is asked yet.
func (p *Parts) openInputs() error {
	in := &inputs{topics: map[string]config.Input{}, files: map[string]*avro.Schema{}}
	for _, x := range p.Cfg.Topics.Inputs {
		in.topics[x.Topic] = x
		s, err := x.Schema()
		if err != nil {
			return err
		}
		in.files[x.Topic] = s
	}
	if r := p.Cfg.SchemaRegistry; r.URL != "" {
		cfg, err := r.Client()
		if err != nil {
			return err
		}
		if in.registry, err = schemas.New(cfg); err != nil {
			return &config.Fault{Key: "schema_registry.url", Text: err.Error()}
		}
		p.closers = append(p.closers, in.registry.Close)
	}
	p.inputs = in
	for _, x := range p.Cfg.Topics.Inputs {
		if _, err := p.newReader(x); err != nil {
			return fmt.Errorf("topic %s: %w", x.Topic, err)
		}
	}
	return nil
}

func (p *Parts) newReader(in config.Input) (event.Reader, error) {
	cfg := mapping.Config{Mapping: in.Reads(), Topic: in.Topic, Limits: p.limits(), Schema: p.inputs.files[in.Topic]}
	if p.inputs.registry != nil {
		cfg.Schemas = p.inputs.registry
	}
	return mapping.New(cfg)
}

// Reader returns a reader for the records of a topic: the mapping of the configuration,
// native events for topics that are not in it. It belongs to one goroutine.
func (p *Parts) Reader(topic string) event.Reader {
	in, ok := p.inputs.topics[topic]
	if !ok {
		return event.NewDecoder(p.limits())
	}
	r, err := p.newReader(in)
	if err != nil {
		panic(fmt.Sprintf("mapping of %s, which was checked at the start: %v", topic, err))
	}
	return r
}

// Registry returns the schema registry, nil where none is configured.
func (p *Parts) Registry() *schemas.Registry { return p.inputs.registry }

// Source is the broker as the readers of input topics see it.
func (p *Parts) Source() log.Log {
	for _, in := range p.inputs.topics {
		if in.Framed() {
			return &framedLog{Log: p.Kafka, inputs: p.inputs}
		}
	}
	return p.Kafka
}

// framedLog makes sure that the schemas of the records it hands out are known. A registry
// that gives no answer fails the fetch, which is tried again: the records wait unread, so
// whatever comes later is read by what the registry says, never by its silence.
type framedLog struct {
	*kafka.Log
	inputs *inputs
}

// Fetch implements log.Log.
func (l *framedLog) Fetch(ctx context.Context, p log.Partition, from int64, wait time.Duration) (log.Batch, error) {
	b, err := l.Log.Fetch(ctx, p, from, wait)
	in := l.inputs.topics[p.Topic]
	if err != nil || !in.Framed() || l.inputs.registry == nil {
		return b, err
	}
	if err := PrepareSchemas(ctx, l.inputs.registry, b.Records); err != nil {
		return log.Batch{}, fmt.Errorf("records of %s: %w", p, err)
	}
	return b, nil
}

// Session implements log.Log.
func (l *framedLog) Session() log.Session {
	return &framedSession{Session: l.Log.Session(), inputs: l.inputs, failed: noAsk}
}

// framedSession is framedLog for a session.
type framedSession struct {
	log.Session
	inputs *inputs
	ctx    context.Context // of the fetch that Next gives the pieces of
	asks   []log.Ask       // of it
	failed int             // the ask whose schemas the registry did not give; its other pieces are left out
}

const noAsk = -1

// Fetch implements log.Session.
func (s *framedSession) Fetch(ctx context.Context, asks []log.Ask, wait time.Duration) error {
	s.ctx, s.asks, s.failed = ctx, asks, noAsk
	return s.Session.Fetch(ctx, asks, wait)
}

// Next implements log.Session.
func (s *framedSession) Next() (log.Answer, bool) {
	for {
		a, ok := s.Session.Next()
		if !ok {
			return a, false
		}
		if a.Ask == s.failed {
			continue
		}
		in := s.inputs.topics[s.asks[a.Ask].Partition.Topic]
		if a.Err != nil || !in.Framed() || s.inputs.registry == nil {
			return a, true
		}
		if err := PrepareSchemas(s.ctx, s.inputs.registry, a.Records); err != nil {
			s.failed = a.Ask
			return log.Answer{Ask: a.Ask, Err: fmt.Errorf("records of %s: %w: %w", s.asks[a.Ask].Partition, log.ErrAgain, err)}, true
		}
		return a, true
	}
}

// Prepare makes sure that the schemas which records of a topic name are known.
func (p *Parts) Prepare(ctx context.Context, topic string, recs []log.Record) error {
	if in := p.inputs.topics[topic]; !in.Framed() || p.inputs.registry == nil {
		return nil
	}
	return PrepareSchemas(ctx, p.inputs.registry, recs)
}

// PrepareSchemas looks up the schemas that records name.
func PrepareSchemas(ctx context.Context, r *schemas.Registry, recs []log.Record) error {
	last, known := uint32(0), false
	for i := range recs {
		id, _, bad := avro.Unframe(recs[i].Value)
		if bad != nil || known && id == last {
			continue
		}
		if err := r.Prepare(ctx, id); err != nil {
			return err
		}
		last, known = id, true
	}
	return nil
}

// retry decides what drivers try again: a command does not wait for a registry.
func (p *Parts) retry(err error) bool {
	if !p.patient && errors.Is(err, schemas.ErrUnreachable) {
		return false
	}
	return loop.Retryable(err)
}

// mappingFault makes an error of the configuration one of usage.
func mappingFault(err error) error {
	if err == nil {
		return nil
	}
	return &cli.Exit{Code: cli.Usage, Err: err}
}
