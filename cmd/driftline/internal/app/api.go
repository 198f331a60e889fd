package app

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/rs/zerolog"

	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/cmd/driftline/internal/datadir"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/kafka"
	"github.com/driftline/driftline/stream/wire"
)

// API serves, inside this process, what the role serve serves.
func (p *Parts) API(ctx context.Context, build cli.Build) (http.Handler, error) {
	r := &Running{Parts: p, Build: build}
	return r.handler(ctx)
}

// TriggerAPI is API with retrains: it needs broker, store and artifacts, and reads
// what control declares. A trainer of another process, or a later one, does the work.
func (p *Parts) TriggerAPI(ctx context.Context, build cli.Build, d *Declared) (http.Handler, error) {
	r := &Running{Parts: p, Build: build, Declared: d}
	var err error
	if r.Specs, err = NewSpecs(ctx, p.Cfg, p.Store); err != nil {
		return nil, err
	}
	if r.Trainer, err = r.newTrainer(); err != nil {
		return nil, err
	}
	return r.handler(ctx)
}

// Beside opens what a command wants next to whatever runs. A data directory that a
// process holds is left to it: its broker is dialled at the address it announced,
// its database is opened without changing the schema. A free one is taken, with an
// embedded broker on a port of its own. running says which of the two it was.
//
// Errors: a holder that is just starting or stopping, or that has no broker where
// one is wanted; what Open gives.
func Beside(ctx context.Context, cfg *config.Config, log zerolog.Logger, version string, want Want) (p *Parts, running bool, err error) {
	local := want.Broker && cfg.Embedded() || want.Store && strings.HasPrefix(cfg.StoreURL(), "sqlite:")
	if !local {
		want.Dir = false
		p, err = Open(ctx, cfg, log, version, want)
		return p, false, err
	}
	run, state, err := datadir.Look(cfg.DataDir)
	if err != nil {
		return nil, false, &cli.Exit{Code: cli.Usage, Err: err}
	}
	switch {
	case state == datadir.Starting:
		return nil, false, cli.Usagef("process %d holds %s and is starting or stopping; try again in a moment", run.PID, cfg.DataDir)
	case state == datadir.Free:
		own := *cfg
		own.Broker.Listen, own.Broker.Advertise = "127.0.0.1:0", ""
		want.Dir = true
		p, err = Open(ctx, &own, log, version, want)
		return p, false, err
	case want.Broker && cfg.Embedded() && run.Broker == "":
		return nil, false, cli.Usagef("process %d holds %s but runs no broker; give --brokers", run.PID, cfg.DataDir)
	}
	p, err = attach(ctx, cfg, log, want, run)
	return p, true, err
}

// attach opens the parts of a deployment that another process runs.
func attach(ctx context.Context, cfg *config.Config, log zerolog.Logger, want Want, run datadir.Run) (_ *Parts, err error) {
	p, err := Open(ctx, cfg, log, run.Version, Want{Artifacts: want.Artifacts})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = p.Close() // the first fault is the one to tell
		}
	}()
	if want.Broker {
		p.Brokers = cfg.Broker.Brokers
		if cfg.Embedded() {
			p.Brokers = []string{run.Broker}
		}
		kc, err := kafkaConfig(cfg, p.Brokers)
		if err != nil {
			return nil, &cli.Exit{Code: cli.Usage, Err: err}
		}
		if p.Kafka, err = kafka.Dial(kc); err != nil {
			return nil, &cli.Exit{Code: cli.Usage, Err: err}
		}
		p.closers = append(p.closers, p.Kafka.Close)
	}
	if want.Store {
		if p.Store, err = store.Open(ctx, cfg.StoreURL(), store.Options{}); err != nil {
			return nil, &cli.Exit{Code: cli.Usage, Err: fmt.Errorf("store.database_url: %w", err)}
		}
		p.closers = append(p.closers, p.Store.Close)
		if err := p.Store.CheckSchema(ctx); err != nil {
			return nil, &cli.Exit{Code: cli.Usage, Err: fmt.Errorf("store.database_url: %w", err)}
		}
	}
	if want.Artifacts {
		if err := p.openArtifacts(ctx); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// NextFree returns the first step of event time, counted in resolutions since the
// epoch, that no collector can have counted yet; 0 before anything was counted.
func (p *Parts) NextFree(ctx context.Context, d *Declared) (int64, error) { return p.nextFree(ctx, d) }

// Promise says whether a silent partition of an input topic lets windows go on.
func (p *Parts) Promise(ctx context.Context, topic string) (ok bool, err error) {
	ms, err := p.promise(ctx, topic)
	return ms > 0, err
}

// WantedLayout is what the configuration asks for, with the disorder that follows
// from the brokers' bounds where all input topics have them.
func (p *Parts) WantedLayout(ctx context.Context) (wire.Layout, error) { return p.wantedLayout(ctx) }

// SameLayout refuses a configuration that differs from the deployment's layout.
func (p *Parts) SameLayout(have, want wire.Layout) error { return p.sameLayout(have, want) }
