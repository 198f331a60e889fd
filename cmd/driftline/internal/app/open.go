package app

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/cmd/driftline/internal/datadir"
	"github.com/driftline/driftline/cmd/driftline/internal/metrics"
	"github.com/driftline/driftline/registry/artifacts"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/kafka"
	"github.com/driftline/driftline/stream/kafka/embedded"
	"github.com/driftline/driftline/stream/wire"
)

// Parts are the outside things of one process.
type Parts struct {
	Cfg       *config.Config
	Log       zerolog.Logger
	Dir       *datadir.Dir       // nil where the process does not own a data directory
	Broker    *embedded.Embedded // nil with an outside cluster
	Brokers   []string
	Kafka     *kafka.Log
	Store     *store.Store
	Artifacts artifacts.Store
	Metrics   *metrics.Metrics // nil until the roles start, and in commands

	inputs  *inputs
	grids   *wire.Grids // decoded, shared by all folds
	patient bool        // a role: waits for the broker for ever
	closers []func() error
}

// Want says what a process needs.
type Want struct {
	Dir, Broker, Store, Artifacts bool
}

// Open opens what is wanted; a fault closes what was opened before it.
func Open(ctx context.Context, cfg *config.Config, log zerolog.Logger, version string, want Want) (p *Parts, err error) {
	p = &Parts{Cfg: cfg, Log: log, grids: wire.NewGrids()}
	defer func() {
		if err != nil {
			_ = p.Close() // the first fault is the one to tell
			p = nil
		}
	}()
	if want.Dir {
		if p.Dir, err = datadir.Open(cfg.DataDir, version); err != nil {
			return p, &cli.Exit{Code: cli.Usage, Err: err}
		}
		p.closers = append(p.closers, p.Dir.Close)
	}
	if err := mappingFault(p.openInputs()); err != nil {
		return p, err
	}
	if want.Broker {
		if err := p.openBroker(); err != nil {
			return p, &cli.Exit{Code: cli.Usage, Err: err}
		}
	}
	if want.Store {
		if err := p.openStore(ctx); err != nil {
			return p, &cli.Exit{Code: cli.Usage, Err: err}
		}
	}
	if want.Artifacts {
		if err := p.openArtifacts(ctx); err != nil {
			return p, err
		}
	}
	return p, nil
}

func (p *Parts) openArtifacts(ctx context.Context) (err error) {
	opts := artifacts.FromEnv(os.Getenv)
	if p.Cfg.Artifacts.S3Endpoint != "" {
		opts.S3Endpoint = p.Cfg.Artifacts.S3Endpoint
	}
	if p.Artifacts, err = artifacts.Open(ctx, p.Cfg.ArtifactRoot(), opts); err != nil {
		return &cli.Exit{Code: cli.Usage, Err: fmt.Errorf("artifacts.root %q: %w", p.Cfg.ArtifactRoot(), err)}
	}
	p.closers = append(p.closers, p.Artifacts.Close)
	return nil
}

// Close closes everything, last opened first.
func (p *Parts) Close() error {
	var errs []error
	for i := len(p.closers) - 1; i >= 0; i-- {
		errs = append(errs, p.closers[i]())
	}
	p.closers = nil
	return errors.Join(errs...)
}

func (p *Parts) openBroker() error {
	cfg := p.Cfg
	p.Brokers = cfg.Broker.Brokers
	if cfg.Embedded() {
		dir := ""
		if p.Dir != nil {
			dir = p.Dir.Broker()
		}
		before := cfg.Broker.TimestampBeforeMax.Std()
		if before <= 0 {
			before = embedded.Unbounded
		}
		b, err := embedded.Start(embedded.Config{
			DataDir: dir, SyncWrites: cfg.Broker.SyncWrites, Listen: cfg.Broker.Listen, Advertise: cfg.Broker.Advertise,
			AfterMax: cfg.Broker.TimestampAfterMax.Std(), BeforeMax: before, RetentionBytes: int64(cfg.Broker.RetentionBytes),
			Warn: func(line string) { p.Log.Warn().Str("line", line).Msg("embedded broker") },
		})
		if err != nil {
			return err
		}
		p.Broker = b
		p.closers = append(p.closers, b.Close)
		p.Brokers = []string{b.Addr()}
	}
	kc, err := kafkaConfig(cfg, p.Brokers)
	if err != nil {
		return err
	}
	l, err := kafka.Dial(kc)
	if err != nil {
		return err
	}
	p.Kafka = l
	p.closers = append(p.closers, l.Close)
	return nil
}

func kafkaConfig(cfg *config.Config, brokers []string) (kafka.Config, error) {
	kc := kafka.Config{Brokers: brokers, ClientID: cfg.Broker.ClientID}
	if cfg.Embedded() {
		return kc, nil
	}
	var err error
	if s := cfg.Broker.SASL; s.Mechanism != "" {
		kc.SASL = kafka.SASL{Mechanism: s.Mechanism, User: s.Username}
		if kc.SASL.Password, err = s.Password(); err != nil {
			return kc, err
		}
	}
	kc.TLS, err = cfg.Broker.TLS.Config()
	return kc, err
}

func (p *Parts) openStore(ctx context.Context) error {
	if path, ok := strings.CutPrefix(p.Cfg.StoreURL(), "sqlite:"); ok && p.Dir == nil {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return fmt.Errorf("store.database_url: %w", err)
		}
	}
	s, err := store.Open(ctx, p.Cfg.StoreURL(), store.Options{})
	if err != nil {
		return fmt.Errorf("store.database_url: %w", err)
	}
	p.Store = s
	p.closers = append(p.closers, s.Close)
	if err := s.Migrate(ctx); err != nil {
		return fmt.Errorf("store.database_url: %w", err)
	}
	return nil
}

// NowMS is the wall clock. It moves leases, promises, log lines and record times of
// internal topics; never what is counted.
func NowMS() int64 { return time.Now().UnixMilli() }

// unboundedMS is what brokers report for a bound that is none.
const unboundedMS = math.MaxInt64
