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

// sides reads both sides; one source that serves both is read once.
func (f *checkFlags) sides(ctx context.Context, a *cli.App, now time.Time) (ref, cur driftcheck.Side, err error) {
	if ref, err = f.side(ctx, a, f.reference); err != nil {
		return ref, cur, err
	}
	cur = ref
	if f.current != f.reference {
		if cur, err = f.side(ctx, a, f.current); err != nil {
			return ref, cur, err
		}
	}
	switch {
	case f.asOf != "":
		ms, err := parseMoment("--as-of", f.asOf, now)
		if err != nil {
			return ref, cur, &cli.Exit{Code: cli.Usage, Err: err}
		}
		f.judge.AsOfMS = ms
	case f.judge.Timed && isQuery(f.current):
		f.judge.AsOfMS = now.UnixMilli() // a table that is no longer filled must not look well
	}
	return ref, cur, nil
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

// side reads one source.
func (f *checkFlags) side(ctx context.Context, a *cli.App, source string) (driftcheck.Side, error) {
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
