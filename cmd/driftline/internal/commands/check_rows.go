package commands

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	driftcheck "github.com/driftline/driftline/cmd/driftline/internal/check"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/commands/table"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
)

// acisTable is where the ACIS platform keeps the rows that its models are trained on.
const acisTable = "sql:SELECT * FROM ml_training_features WHERE strategy = $1"

// outcome reads what is asked for and judges it. l is nil where the check asks the
// deployment for nothing.
func (f *checkFlags) outcome(ctx context.Context, a *cli.App, l *checkLive, now time.Time) (*driftcheck.Report, error) {
	if err := f.asOfTime(l, now); err != nil {
		return nil, &cli.Exit{Code: cli.Usage, Err: err}
	}
	if f.stored {
		stored, err := l.reference(ctx)
		if err != nil {
			return nil, err
		}
		cur, err := f.side(ctx, a, l, "--current", f.current, now, f.judge.CurrentDays)
		if err != nil {
			return nil, err
		}
		out, err := driftcheck.RunStored(f.judge, stored, cur)
		return out, usage(err)
	}
	ref, cur, err := f.sides(ctx, a, l, now)
	if err != nil {
		return nil, err
	}
	out, err := driftcheck.Run(f.judge, ref, cur)
	return out, usage(err)
}

// usage makes an error one of usage.
func usage(err error) error {
	if err == nil {
		return nil
	}
	return &cli.Exit{Code: cli.Usage, Err: err}
}

// asOfTime sets as of when is judged. A table or a topic that is no longer filled must not
// look well, so for them that is now; an archive is judged as of its own end, as a file is.
func (f *checkFlags) asOfTime(l *checkLive, now time.Time) (err error) {
	switch {
	case f.asOf != "":
		f.judge.AsOfMS, err = parseMoment("--as-of", f.asOf, now)
		return err
	case f.judge.Timed && (isQuery(f.current) || events(f.current) && !l.historical(f.current)):
		f.judge.AsOfMS = now.UnixMilli()
	}
	return nil
}

// sides reads both sides; one source that serves both is read once.
func (f *checkFlags) sides(ctx context.Context, a *cli.App, l *checkLive, now time.Time) (ref, cur driftcheck.Side, err error) {
	same := f.current == f.reference
	days := f.judge.ReferenceDays
	if days > 0 {
		days += f.judge.CurrentDays
	}
	if same && f.judge.CurrentDays == 0 {
		days = 0 // all rows are current
	}
	if ref, err = f.side(ctx, a, l, "--reference", f.reference, now, days); err != nil || same {
		return ref, ref, err
	}
	cur, err = f.side(ctx, a, l, "--current", f.current, now, f.judge.CurrentDays)
	return ref, cur, err
}

// isQuery tells whether a source is asked of a database.
func isQuery(source string) bool { _, ok := query(source); return ok }

// query returns the SQL of a source that is one.
func query(source string) (text string, ok bool) {
	if text, ok = strings.CutPrefix(source, "sql:"); ok {
		return strings.TrimSpace(text), true
	}
	if name, ok := strings.CutPrefix(source, "table:"); ok {
		parts := strings.Split(name, ".")
		for i, p := range parts {
			parts[i] = `"` + strings.ReplaceAll(p, `"`, `""`) + `"`
		}
		return "SELECT * FROM " + strings.Join(parts, "."), true
	}
	first, _, _ := strings.Cut(strings.TrimSpace(source), " ")
	first, _, _ = strings.Cut(first, "\n")
	if word := strings.ToLower(first); word == "select" || word == "with" {
		return source, true
	}
	return "", false
}

// side reads one source; of events those of the last days before as of, 0 for all.
func (f *checkFlags) side(ctx context.Context, a *cli.App, l *checkLive, flag, source string, now time.Time, days int) (driftcheck.Side, error) {
	if events(source) {
		from, to := int64(0), int64(0)
		if f.judge.AsOfMS != 0 && days > 0 {
			to = f.judge.AsOfMS
			from = max(1, to-int64(days)*24*time.Hour.Milliseconds())
		}
		return l.side(ctx, a, flag, source, f.columns, now, from, to, f.judge.MinRows)
	}
	tell := newTicker(a.Err)
	o := table.Options{
		Columns: f.columns, Drop: f.drop, Time: f.time,
		Progress: func(rows int) { tell.line("%s: %d rows read", shortened(source), rows) },
	}
	var t *table.Table
	var err error
	if text, ok := query(source); ok {
		t, err = f.ask(ctx, a, text, o)
	} else {
		t, err = table.Read(strings.TrimPrefix(source, "file:"), o)
	}
	if err != nil {
		return driftcheck.Side{}, tableFault(err)
	}
	return driftcheck.Side{Source: shortened(source), Names: t.Names, Rows: tableOf(t)}, nil
}

// ask runs a query on the database that is meant.
func (f *checkFlags) ask(ctx context.Context, a *cli.App, text string, o table.Options) (*table.Table, error) {
	cfg, err := a.Load(nil)
	if err != nil {
		return nil, err
	}
	q := table.Query{Text: text, Timeout: f.timeout}
	if f.judge.Strategy != "" {
		q.Args = []any{f.judge.Strategy}
	}
	return askDatabase(ctx, &cfg.Config, f.database, q, o)
}

// askDatabase runs a query on the database of that name under sources:, "" for the only
// one.
func askDatabase(ctx context.Context, cfg *config.Config, name string, q table.Query, o table.Options) (*table.Table, error) {
	names := slices.Sorted(maps.Keys(cfg.Sources))
	switch {
	case len(names) == 0:
		return nil, cli.Usagef("no database to ask; name one under sources: in the configuration, or set DATABASE_URL")
	case name == "" && len(names) > 1:
		return nil, cli.Usagef("--database: missing; sources: names %s", strings.Join(names, ", "))
	case name == "":
		name = names[0]
	}
	url, ok := cfg.Sources[name]
	if !ok {
		return nil, cli.Usagef("--database: %q is not under sources:; there are %s", name, strings.Join(names, ", "))
	}
	q.URL = url.Reveal()
	t, err := table.ReadSQL(ctx, q, o)
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", name, err)
	}
	return t, nil
}

// shortened keeps a query that stands in a line readable.
func shortened(source string) string {
	line := strings.Join(strings.Fields(source), " ")
	if r := []rune(line); len(r) > 100 {
		return string(r[:99]) + "…"
	}
	return line
}
