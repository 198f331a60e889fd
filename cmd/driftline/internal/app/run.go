package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/cmd/driftline/internal/datadir"
	"github.com/driftline/driftline/cmd/driftline/internal/ops"
	"github.com/driftline/driftline/trainer"
)

// Roles are what a process does.
type Roles struct{ Collect, Evaluate, Historian, Trainer, Serve bool }

// Everything is every role, as `all` and `demo` run them.
var Everything = Roles{Collect: true, Evaluate: true, Historian: true, Trainer: true, Serve: true}

// RoleNames are the roles that `run` takes.
var RoleNames = []string{"collect", "evaluate", "historian", "trainer", "serve"}

// ParseRole returns the one role of a name.
func ParseRole(name string) (Roles, error) {
	switch name {
	case "collect":
		return Roles{Collect: true}, nil
	case "evaluate":
		return Roles{Evaluate: true}, nil
	case "historian":
		return Roles{Historian: true}, nil
	case "trainer":
		return Roles{Trainer: true}, nil
	case "serve":
		return Roles{Serve: true}, nil
	}
	return Roles{}, cli.Usagef("unknown role %q; roles are %s", name, strings.Join(RoleNames, ", "))
}

// names are the roles that are set, as RoleNames has them.
func (r Roles) names() []string {
	var out []string
	for i, on := range []bool{r.Collect, r.Evaluate, r.Historian, r.Trainer, r.Serve} {
		if on {
			out = append(out, RoleNames[i])
		}
	}
	return out
}

func (r Roles) stream() bool { return r.Collect || r.Evaluate || r.Historian || r.Trainer }

// Options of Run.
type Options struct {
	Cfg   *config.Config
	Build cli.Build
	Log   zerolog.Logger
	Roles Roles
	// Alone says that this process is the whole deployment: it makes the topics.
	Alone bool
	// Job runs beside the roles once everything is ready; when it returns, the process
	// stops. nil runs until the context ends.
	Job func(ctx context.Context, r *Running) error
}

// Running is a process whose roles run.
type Running struct {
	*Parts
	Build    cli.Build
	Declared *Declared
	Specs    *Specs
	Progress *Progress
	History  *History
	Trainer  *trainer.Trainer
	ingests  bool   // takes events over HTTP
	URL      string // of API and pages, "" without role serve
	ReadyIn  time.Duration
}

// Run opens what the roles need, runs them, and returns when they are down. A
// context that ends is a clean stop.
func Run(ctx context.Context, o Options) error {
	started := time.Now()
	ingests := o.Roles.Serve && o.Cfg.Ingest.Enabled
	if !o.Alone && o.Cfg.Embedded() {
		switch {
		case o.Roles.stream():
			return cli.Usagef("a single role works with other processes through a cluster: give --brokers, or run `driftline all`")
		case ingests:
			return cli.Usagef("ingest.enabled: role serve writes events to brokers: give --brokers, or run `driftline all`")
		}
	}
	local := strings.HasPrefix(o.Cfg.StoreURL(), "sqlite:")
	parts, err := Open(ctx, o.Cfg, o.Log, o.Build.Version, Want{
		Dir:       o.Alone || o.Roles.Trainer || local && (o.Roles.Historian || o.Roles.Serve),
		Broker:    o.Roles.stream() || ingests,
		Store:     o.Roles.Historian || o.Roles.Trainer || o.Roles.Serve,
		Artifacts: o.Roles.Trainer || o.Roles.Serve,
	})
	if err != nil {
		return err
	}
	parts.patient = true
	r := &Running{Parts: parts, Build: o.Build, Progress: NewProgress(), ingests: ingests}
	err = r.run(ctx, o, started)
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		err = nil
	}
	if errors.Is(err, errJobDone) {
		err = nil
	}
	return errors.Join(err, parts.Close())
}

// errJobDone ends the roles after the job.
var errJobDone = errors.New("job done")

func (r *Running) run(ctx context.Context, o Options, started time.Time) error {
	if err := r.prepare(ctx, o); err != nil {
		return err
	}
	reg := prometheus.NewRegistry()
	ops.Register(reg, o.Build.Version, o.Build.Commit, o.Build.Go, o.Build.UI)
	if err := r.measure(reg); err != nil {
		return err
	}
	opsServer := ops.New(reg, o.Log)
	if err := opsServer.Listen(ctx, o.Cfg.Ops.Listen); err != nil {
		return &cli.Exit{Code: cli.Usage, Err: err}
	}
	var listener net.Listener
	var handler http.Handler
	if o.Roles.Serve {
		var err error
		if listener, err = r.Listen(ctx); err != nil {
			return err
		}
		r.URL = "http://" + listener.Addr().String() + strings.TrimSuffix(o.Cfg.HTTP.BasePath, "/")
		if handler, err = r.handler(ctx); err != nil {
			return errors.Join(err, listener.Close())
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return opsServer.Serve(ctx) })
	if listener != nil {
		g.Go(func() error { return r.ServeHTTP(ctx, listener, handler) })
	}
	r.start(ctx, g, o.Roles)
	if err := r.announce(o, opsServer.Addr()); err != nil {
		g.Go(func() error { return err })
	}
	opsServer.Started()
	r.ReadyIn = time.Since(started)
	o.Log.Info().Str("url", r.URL).Strs("brokers", r.Brokers).Str("ops", opsServer.Addr()).Dur("after", r.ReadyIn).Msg("ready")
	if o.Job != nil {
		g.Go(func() error {
			if err := o.Job(ctx, r); err != nil {
				return err
			}
			return errJobDone
		})
	}
	err := g.Wait()
	opsServer.Stopping()
	return err
}

// prepare makes topics, publishes the configuration and readies what roles share.
func (r *Running) prepare(ctx context.Context, o Options) error {
	var err error
	if o.Roles.stream() {
		if o.Alone {
			err = r.CreateTopics(ctx)
		} else if err = r.CheckTopics(ctx, o.Roles); err != nil {
			err = &cli.Exit{Code: cli.Usage, Err: err}
		}
		if err != nil {
			return err
		}
		if err := r.CheckInputs(ctx); err != nil {
			return &cli.Exit{Code: cli.Usage, Err: err}
		}
		if err := r.checkMemory(ctx, o.Roles); err != nil {
			return err
		}
		if r.Declared, err = r.Declare(ctx); err != nil {
			return err
		}
	}
	if r.ingests && !o.Roles.stream() {
		if err := r.CheckTopics(ctx, o.Roles); err != nil {
			return &cli.Exit{Code: cli.Usage, Err: err}
		}
	}
	if r.Store == nil {
		return nil
	}
	if r.Specs, err = NewSpecs(ctx, r.Cfg, r.Store); err != nil {
		return err
	}
	if o.Roles.Historian {
		if r.History, err = r.NewHistory(ctx, r.Declared.Layout, r.Specs); err != nil {
			return err
		}
	}
	if o.Roles.Trainer || o.Roles.Serve {
		r.Trainer, err = r.newTrainer()
	}
	return err
}

// start runs the roles in g.
func (r *Running) start(ctx context.Context, g *errgroup.Group, roles Roles) {
	role := func(name string, run func(context.Context) error) {
		g.Go(func() error {
			if err := run(ctx); err != nil {
				return fmt.Errorf("role %s: %w", name, err)
			}
			return nil
		})
	}
	if roles.Collect {
		role("collect", func(ctx context.Context) error { return r.Collect(ctx, r.Declared.Layout, r.Progress) })
	}
	if roles.Evaluate {
		role("evaluate", func(ctx context.Context) error { return r.Evaluate(ctx, r.Declared.Layout, r.Progress) })
	}
	if roles.Collect || roles.Evaluate {
		role("memory", func(ctx context.Context) error { return r.WatchMemory(ctx, roles) })
	}
	if roles.Historian {
		role("historian", r.History.Run)
		role("historian", r.Janitor)
	}
	if roles.Trainer && r.Cfg.Trainer.Enabled {
		role("trainer", r.Trainer.Run)
		role("trainer", r.Schedule)
	}
	if r.Specs != nil {
		role("models", r.Specs.Run)
	}
}

// announce writes the addresses, so that commands find this process.
func (r *Running) announce(o Options, opsAddr string) error {
	if r.Dir == nil {
		return nil
	}
	run := datadir.Run{HTTP: r.URL, Ops: opsAddr, StartedMS: NowMS(), Version: o.Build.Version}
	if r.Broker != nil {
		run.Broker = r.Broker.Addr()
	}
	return r.Dir.Announce(run)
}
