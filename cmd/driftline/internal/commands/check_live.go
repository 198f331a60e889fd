package commands

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	driftcheck "github.com/driftline/driftline/cmd/driftline/internal/check"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/trainer"
)

// checkLive is what a check needs of a deployment: its model, its topics, its history.
type checkLive struct {
	parts    *app.Parts
	declared *app.Declared // nil where no broker was asked for
	model    config.Model
}

// events tells whether a source is one of events: rows of one model, with their times.
func events(text string) bool {
	kind, _, _ := strings.Cut(text, ":")
	return kind == fromTopic || kind == fromExamples
}

// live tells whether the check asks the deployment for more than a database's name.
func (f *checkFlags) live() bool {
	return f.own || f.stored || f.emit || events(f.reference) || events(f.current)
}

// open opens what the check needs of the deployment.
func (f *checkFlags) open(ctx context.Context, a *cli.App) (l *checkLive, err error) {
	cfg, err := a.Load(nil)
	if err != nil {
		return nil, err
	}
	isTopic := func(text string) bool { return strings.HasPrefix(text, fromTopic) && events(text) }
	want := app.Want{Store: true, Broker: f.own || f.emit || isTopic(f.reference) || isTopic(f.current)}
	if local := want.Broker && cfg.Embedded() || strings.HasPrefix(cfg.StoreURL(), "sqlite:"); local {
		// Whoever looks makes no deployment.
		if _, err := os.Stat(cfg.DataDir); errors.Is(err, os.ErrNotExist) {
			return nil, cli.Usagef("no deployment: there is no %s; start driftline all, or name the deployment's --data-dir, or its --brokers and --database-url", cfg.DataDir)
		}
	}
	p, _, err := app.Beside(ctx, &cfg.Config, quiet(a, cfg), a.Build.Version, want)
	if err != nil {
		return nil, err
	}
	l = &checkLive{parts: p}
	defer func() {
		if err != nil {
			err = also(err, p.Close)
		}
	}()
	if want.Broker {
		if l.declared, err = declared(ctx, p); err != nil {
			return nil, err
		}
	}
	if err := l.find(ctx, f.judge.Model); err != nil || !f.emit {
		return l, err
	}
	return l, p.Own(ctx) // before a long read, not after it
}

// find reads the model's specification.
//
// Errors: of usage for a model that nobody watches, with those that are.
func (l *checkLive) find(ctx context.Context, name string) error {
	row, err := l.parts.Store.WatchedModel(ctx, name)
	switch {
	case err == nil:
		l.model, err = config.ParseSpec([]byte(row.SpecJSON), l.parts.Cfg)
		return err
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	var configured bool
	if l.model, configured = l.parts.Cfg.Model(name); configured || l.declared != nil && l.declared.View.Known(name) {
		return nil
	}
	rows, err := l.parts.Store.WatchedModels(ctx)
	if err != nil {
		return err
	}
	var names []string
	for _, m := range rows {
		names = append(names, m.Name)
	}
	if l.declared != nil {
		for _, m := range l.declared.View.Models() {
			names = append(names, m.Name)
		}
	}
	for _, m := range l.parts.Cfg.Models {
		names = append(names, m.Name)
	}
	slices.Sort(names)
	if names = slices.Compact(names); len(names) == 0 {
		return cli.Usagef("--model: %q is not watched, nor is any other model yet; list it under models:, or run driftline models apply", name)
	}
	return cli.Usagef("--model: %q is not watched; there are %s", name, strings.Join(names, ", "))
}

// ownSource is where a model's own rows are: what it is trained on, if that is kept, else
// the input topics.
func (l *checkLive) ownSource() string {
	if l.model.Training != nil && l.model.Examples == "rows" {
		return fromExamples
	}
	return fromTopic
}

// historical tells whether the record times of a source of events are old on purpose.
func (l *checkLive) historical(text string) bool {
	_, topic, _ := strings.Cut(text, ":")
	if strings.HasPrefix(text, fromExamples) {
		topic = ""
	}
	for _, in := range l.parts.Cfg.Topics.Inputs {
		if (topic == "" || in.Topic == topic) && in.Historical {
			return true
		}
	}
	return false
}

// side reads the model's rows with an event time in [from, to); 0 is no limit. Where there
// are fewer than few, it looks for those outside, so that the report can say what there is.
func (l *checkLive) side(ctx context.Context, a *cli.App, flag, text string, columns []string, now time.Time, from, to int64, few int) (driftcheck.Side, error) {
	src, err := parseSource(buildFlags{from: text}, now)
	if err != nil {
		return driftcheck.Side{}, &cli.Exit{Code: cli.Usage, Err: fmt.Errorf("%s: %w", flag, err)}
	}
	src.fromMS, src.toMS = max(src.fromMS, from), lesser(src.toMS, to)
	feed := feed{parts: l.parts, model: l.model.Name, flag: flag, skip: true}
	if l.declared != nil {
		feed.view, feed.skewMS = l.declared.View, l.declared.Layout.SkewMS
	}
	read := func(src source) (*gathered, error) {
		g := &gathered{limit: columns, narrow: "narrow it with --as-of, --reference-days and --current-days, or with --columns"}
		return g, feed.read(ctx, src, g, newTicker(a.Err))
	}
	g, err := read(src)
	if err != nil {
		return driftcheck.Side{}, err
	}
	if limited := src.fromMS != 0 || src.toMS != 0; limited {
		g.outside = leftOut{} // of those that were read at all
		if len(g.times) < few {
			if g.outside, err = l.elsewhere(ctx, src, feed, newTicker(a.Err)); err != nil {
				return driftcheck.Side{}, err
			}
			g.outside.rows -= len(g.times)
		}
	}
	names := g.names()
	s := driftcheck.Side{Source: text + " of model " + l.model.Name, Names: names, Rows: g.rows(names)}
	s.Unread = driftcheck.Unread{Rows: g.outside.rows, First: g.outside.first, Last: g.outside.last}
	return s, nil
}

// lesser is the smaller of two limits, of which 0 is none.
func lesser(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// elsewhere counts the rows of a source whatever their time, and keeps none.
func (l *checkLive) elsewhere(ctx context.Context, src source, feed feed, tell *ticker) (leftOut, error) {
	if src.kind == fromExamples {
		c, err := l.parts.Store.ExampleCounts(ctx, store.ExampleQuery{Model: feed.model, WithFeatures: true})
		return leftOut{rows: int(c.Rows), first: c.FirstMS, last: c.LastMS}, err
	}
	g := &gathered{}
	feed.skip = false
	src.fromMS, src.toMS = 1<<62, 0 // no row lies there
	err := feed.read(ctx, src, g, tell)
	return g.outside, err
}

// reference reads the reference that is in force: the newest.
//
// Errors: of usage where the model has none.
func (l *checkLive) reference(ctx context.Context) (ref driftcheck.Stored, err error) {
	name := l.model.Name
	rows, err := l.parts.Store.References(ctx, name)
	if err != nil {
		return ref, err
	}
	i := slices.IndexFunc(rows, func(r store.ReferenceRow) bool { return r.Kind != trainer.KindGrid })
	if i < 0 {
		return ref, cli.Usagef("model %q has no reference in force to judge --current against; make one with driftline reference build %s --from SOURCE, or give --reference", name, name)
	}
	row, err := l.parts.Store.Reference(ctx, name, rows[i].ID)
	if err != nil {
		return ref, err
	}
	grid, err := l.parts.Store.Reference(ctx, name, row.GridID)
	if err != nil {
		return ref, fmt.Errorf("grid of reference %s of model %q: %w", row.ID, name, err)
	}
	g, err := sketches.DecodeGrid(grid.Data)
	if err != nil {
		return ref, fmt.Errorf("grid of reference %s of model %q: %w", row.ID, name, err)
	}
	ref.Reference, err = wire.DecodeReference(row.Data, func(string, sketches.ID) (*sketches.Grid, bool) { return g, true })
	if err != nil {
		return ref, err
	}
	ref.Source = fmt.Sprintf("%.12s of model %s", row.ID, name)
	return ref, nil
}
