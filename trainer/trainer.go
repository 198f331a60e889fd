package trainer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/driftline/driftline/registry/artifacts"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/log"
)

// Actor is the name under which the trainer acts in audit rows and champion history.
const Actor = "driftline-trainer"

// Artifacts is the home of artifacts as the trainer needs it.
type Artifacts interface {
	Open(ctx context.Context, path string) (io.ReadCloser, artifacts.Info, error)
	Put(ctx context.Context, path string, r io.Reader, limit int64) error
}

// Config is what a Trainer needs.
type Config struct {
	Store        *store.Store
	Artifacts    Artifacts
	ArtifactRoot string // URI under which experiments keep their artifacts, as the MLflow API is told; default mlflow-artifacts:/
	Broker       log.Log
	DriftTopic   string

	// Spec gives the training spec of a model; false: it is not retrained.
	Spec func(ctx context.Context, model string) (Spec, bool, error)
	// Models lists the models that may have one.
	Models func(ctx context.Context) ([]string, error)
	// Clock is the record clock the stream has reached for a model; nil or false:
	// unknown, then the newest labelled event stands in.
	Clock func(ctx context.Context, model string) (ms int64, ok bool, err error)

	// Ready tells whether the store holds every example and label that the log held
	// up to an event time; nil: it always does. What asks for a retrain is left unread
	// until then, so that a retrain sees the same rows whoever is faster.
	Ready func(ctx context.Context, model string, clockMS int64) (bool, error)

	PaneMS, SkewMS int64 // as the stream is configured; a new grid starts behind both
	NowMS          func() int64
	Owner          string // name of this instance, kept over restarts
	LeaseMS        int64  // wall clock; default 5 minutes
	Idle           time.Duration
	CodeVersion    string // of the program, for tags
	Log            zerolog.Logger
}

func (c Config) withDefaults() Config {
	if c.ArtifactRoot == "" {
		c.ArtifactRoot = "mlflow-artifacts:/"
	}
	if c.NowMS == nil {
		c.NowMS = func() int64 { return time.Now().UnixMilli() }
	}
	if c.LeaseMS == 0 {
		c.LeaseMS = 5 * 60 * 1000
	}
	if c.Idle == 0 {
		c.Idle = 200 * time.Millisecond
	}
	if c.CodeVersion == "" {
		c.CodeVersion = "unknown"
	}
	return c
}

func (c Config) validate() error {
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, errors.New(what))
		}
	}
	need(c.Store != nil, "store is missing")
	need(c.Artifacts != nil, "artifact store is missing")
	need(c.Broker != nil && c.DriftTopic != "", "broker or drift topic is missing")
	need(c.Spec != nil && c.Models != nil, "source of training specs is missing")
	need(c.PaneMS > 0, fmt.Sprintf("pane length is %d ms: must be above 0", c.PaneMS))
	need(c.SkewMS >= 0, fmt.Sprintf("skew is %d ms: must not be negative", c.SkewMS))
	need(c.Owner != "", "owner is empty: give the instance a name that survives a restart")
	need(c.LeaseMS > 0, fmt.Sprintf("lease is %d ms: must be above 0", c.LeaseMS))
	return errors.Join(errs...)
}

// Trainer carries retrains forward. Step and Run must not be called at the same time;
// Trigger and IdlePasses may be called from anywhere.
type Trainer struct {
	cfg    Config
	models *Models
	idle   atomic.Int64

	waiting bool // in this pass something was left until Ready; owned by Step

	// fault, if not nil, is asked before and after every durable write; an error stops
	// the trainer there. Tests kill with it.
	fault func(what string) error
}

// New checks the configuration.
func New(cfg Config) (*Trainer, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("trainer: %w", err)
	}
	return &Trainer{cfg: cfg, models: NewModels(cfg.Store, cfg.Artifacts, cfg.ArtifactRoot)}, nil
}

// IdlePasses counts the completed passes that found nothing to do and nothing to wait
// for. A producer that
// waits for it to rise by two knows that everything before its question was handled.
func (t *Trainer) IdlePasses() int64 { return t.idle.Load() }

// Step makes one pass: it reads the drift topic to its end and queues what it asks
// for, looks for first versions and schedules, frees what data quality blocked,
// carries at most one retrain to a state where it rests, and looks at probations.
// worked is false if there was nothing to do.
func (t *Trainer) Step(ctx context.Context) (worked bool, err error) {
	ctx = store.WithActor(ctx, Actor)
	t.waiting = false
	for _, part := range []struct {
		doing string
		do    func(context.Context) (bool, error)
	}{
		{"read drift events", t.intake},
		{"look for first versions and schedules", t.due},
		{"look at blocked retrains", t.unblock},
		{"carry a retrain forward", t.carryOne},
		{"look at probations", t.probations},
	} {
		did, err := part.do(ctx)
		worked = worked || did
		if err != nil {
			return worked, fmt.Errorf("%s: %w", part.doing, err)
		}
	}
	if !worked && !t.waiting {
		t.idle.Add(1)
	}
	return worked, nil
}

// Bounds of the pause after an error.
const (
	firstPause = time.Second
	maxPause   = time.Minute
)

// Run makes passes until ctx ends. After an error it says why, pauses and goes on:
// every pass begins from what the store holds.
func (t *Trainer) Run(ctx context.Context) error {
	pause := firstPause
	for {
		worked, err := t.Step(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			t.cfg.Log.Error().Err(err).Dur("pause", pause).Msg("trainer pass ended early")
			if !sleep(ctx, pause) {
				return ctx.Err()
			}
			pause = min(2*pause, maxPause)
			continue
		case !worked && !sleep(ctx, t.cfg.Idle):
			return ctx.Err()
		}
		pause = firstPause
	}
}

// sleep waits, and tells whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// write runs one transaction.
func (t *Trainer) write(ctx context.Context, what string, f func(*store.Tx) error) error {
	if err := t.at(what, "before"); err != nil {
		return err
	}
	if err := t.cfg.Store.Tx(ctx, f); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return t.at(what, "after")
}

func (t *Trainer) at(what, when string) error {
	if t.fault == nil {
		return nil
	}
	return t.fault(when + " " + what)
}

// spec returns a usable training spec; one with faults counts as none and is logged.
func (t *Trainer) spec(ctx context.Context, model string) (Spec, bool, error) {
	s, ok, err := t.cfg.Spec(ctx, model)
	if err != nil || !ok {
		return Spec{}, false, err
	}
	if err := s.Validate(); err != nil {
		t.cfg.Log.Error().Str("model", model).Err(err).Msg("training spec cannot be used")
		return Spec{}, false, nil
	}
	return s, true, nil
}

// ready asks Config.Ready and notes that something waits.
func (t *Trainer) ready(ctx context.Context, model string, clockMS int64) (bool, error) {
	if t.cfg.Ready == nil {
		return true, nil
	}
	ok, err := t.cfg.Ready(ctx, model, clockMS)
	t.waiting = t.waiting || err == nil && !ok
	return ok, err
}

// clock is the record clock of a model, 0 where nobody knows it.
func (t *Trainer) clock(ctx context.Context, model string) (int64, error) {
	if t.cfg.Clock == nil {
		return 0, nil
	}
	ms, ok, err := t.cfg.Clock(ctx, model)
	if err != nil || !ok {
		return 0, err
	}
	return ms, nil
}
