package commands

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/commands/table"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/trainer"
	"github.com/driftline/driftline/trainer/reference"
)

// Kinds of sources.
const (
	fromFile     = "file"
	fromSQL      = "sql"
	fromTable    = "table"
	fromExamples = "examples"
	fromTopic    = "topic"
	fromRun      = "run"
	fromLastGood = "last-good"
)

// source is where rows come from.
type source struct {
	kind, text   string
	path         string // of a file
	query        string // to a database
	topic        string // "" for every input topic
	run          string // id
	days         int    // last-good: how many
	fromMS, toMS int64  // 0: no limit
}

// parseSource reads --from with the times beside it.
func parseSource(f buildFlags, now time.Time) (s source, err error) {
	kind, rest, _ := strings.Cut(f.from, ":")
	s = source{kind: kind, text: f.from}
	switch {
	case f.from == "":
		return s, errors.New("reference build needs --from SOURCE: file:PATH, sql:QUERY, table:NAME, examples, topic, run:ID or last-good")
	case kind == fromFile && rest != "":
		s.path = rest
	case (kind == fromSQL || kind == fromTable) && rest != "":
		s.query, _ = query(f.from)
	case kind == fromExamples:
		if rest != "" {
			if s.fromMS, s.toMS, err = parseRange("--from examples", rest, now); err != nil {
				return s, err
			}
		}
	case kind == fromTopic:
		s.topic = rest
	case kind == fromRun && rest != "":
		s.run = rest
	case kind == fromLastGood:
		if s.days, err = parseDays(rest); err != nil {
			return s, err
		}
	default:
		return s, fmt.Errorf("--from: %q; want file:PATH, sql:QUERY, table:NAME, examples, examples:FROM..TO, topic, topic:NAME, run:ID, last-good or last-good:DAYS", f.from)
	}
	if f.fromTime != "" {
		if s.fromMS, err = parseMoment("--from-time", f.fromTime, now); err != nil {
			return s, err
		}
	}
	if f.toTime != "" {
		if s.toMS, err = parseMoment("--to-time", f.toTime, now); err != nil {
			return s, err
		}
	}
	switch {
	case s.days > 0 && (s.fromMS != 0 || s.toMS != 0):
		return s, errors.New("--from-time and --to-time: last-good chooses its days; to choose them yourself, take --from topic")
	case s.toMS != 0 && s.toMS <= s.fromMS:
		return s, errors.New("--to-time: ends before --from-time begins")
	case s.columns() && f.time == "" && (s.fromMS != 0 || s.toMS != 0):
		return s, errors.New("--from-time and --to-time need --time-column for a file or a query")
	case !s.columns() && (f.time != "" || len(f.drop) > 0):
		return s, errors.New("--time-column and --label-column are for files and queries")
	case s.query == "" && f.database != "":
		return s, errors.New("--database is for sql:QUERY and table:NAME")
	case !s.columns() && f.noSegments:
		return s, errors.New("--no-segments is for files and queries: other sources tell of segments, or do not")
	case f.minRows < 0:
		return s, fmt.Errorf("--min-rows: %d; want 0 or more", f.minRows)
	}
	return s, nil
}

// columns tells whether the rows are those of a table, with columns of any name.
func (s source) columns() bool { return s.kind == fromFile || s.query != "" }

// rows reads the rows and sets names and order in the specification.
func (b *builder) rows(ctx context.Context, src source, spec *reference.Spec) ([]reference.Row, error) {
	show := newBars(b.app.Err, "reference")
	show.tell.every = time.Second // a person waits for it
	defer show.end()
	if src.columns() {
		return b.tableRows(ctx, src, spec, show)
	}
	spec.Ordered = true
	if src.kind == fromRun {
		return b.runRows(ctx, src, spec)
	}
	g := &gathered{limit: b.flags.columns, skips: b.skips, known: reference.NewMembers(spec.Segments), narrow: "narrow it with --from-time, --to-time or --columns"}
	b.answered = b.newAnswers()
	g.answers = b.answered
	f := feed{parts: b.parts, model: b.model, view: b.declared.View, flag: "--from", show: show}
	if src.kind == fromLastGood {
		f.skip, f.skewMS = true, b.declared.Layout.SkewMS
	}
	if err := f.read(ctx, src, g, show.tell); err != nil {
		return nil, err
	}
	spec.Names = b.order(g.names())
	return g.rows(spec.Names), nil
}

// tableRows reads a file or a query.
func (b *builder) tableRows(ctx context.Context, src source, spec *reference.Spec, show *bars) ([]reference.Row, error) {
	o := table.Options{
		Columns: b.flags.columns, Drop: b.flags.drop, Time: b.flags.time, FromMS: src.fromMS, ToMS: src.toMS,
		Progress: func(rows int) { show.counted(shortened(src.text), rows) },
	}
	if !b.flags.noSegments {
		o.Members = reference.NewMembers(spec.Segments)
	}
	var t *table.Table
	var err error
	if src.query != "" {
		t, err = askDatabase(ctx, b.cfg, b.flags.database, table.Query{Text: src.query}, o)
	} else {
		t, err = table.Read(src.path, o)
	}
	if errors.Is(err, table.ErrNoSegment) {
		return nil, cli.Usagef("%w; model %s declares the segment: give its column, or --no-segments, and the rows lie in none", err, b.model)
	}
	if err != nil {
		return nil, tableFault(err)
	}
	spec.Ordered = b.flags.time != ""
	spec.Names = b.order(t.Names)
	return reference.Pick(tableOf(t), t.Names, spec.Names), nil
}

// tableOf gives the rows of a table as those of a reference.
func tableOf(t *table.Table) []reference.Row {
	rows := make([]reference.Row, len(t.Rows))
	for i, r := range t.Rows {
		rows[i] = reference.Row(r)
	}
	return rows
}

// order puts features in the order in force where they are the same ones, so that the
// grid can be kept; asked-for columns stay as they were asked for.
func (b *builder) order(names []string) []string {
	g, ok := b.declared.View.Newest(b.model)
	if !ok || len(b.flags.columns) > 0 || len(g.Grid.Features) != len(names) {
		return names
	}
	var inForce []string
	for i := range g.Grid.Features {
		if !slices.Contains(names, g.Grid.Features[i].Name) {
			return names
		}
		inForce = append(inForce, g.Grid.Features[i].Name)
	}
	return inForce
}

// gathered collects rows whose features differ from row to row.
type gathered struct {
	limit   []string
	narrow  string              // what to do where it is too much
	skips   func(ms int64) bool // kept out of references; nil: nothing is
	known   *reference.Members  // of segments; nil: rows have none
	answers *answers            // of predictions in the range; nil: none are collected
	seen    map[string]int      // place of a name in the values of a record
	rowsOf
	outside leftOut
}

type rowsOf struct {
	times  []int64
	in     []reference.Membership
	values [][]sketches.Value // shorter rows lack the names that were seen later
	cells  int
}

func (g *gathered) add(ms int64, features []event.Feature) error { return g.addIn(ms, features, 0) }

func (g *gathered) addIn(ms int64, features []event.Feature, in reference.Membership) error {
	if g.skips != nil && g.skips(ms) {
		return nil
	}
	if g.seen == nil {
		g.seen = map[string]int{}
	}
	row := make([]sketches.Value, len(g.seen), len(g.seen)+len(features))
	for _, f := range features {
		if len(g.limit) > 0 && !slices.Contains(g.limit, f.Name) {
			continue
		}
		at, ok := g.seen[f.Name]
		if !ok {
			at = len(g.seen)
			g.seen[strings.Clone(f.Name)] = at
		}
		for len(row) <= at {
			row = append(row, sketches.Null())
		}
		row[at] = f.Value
	}
	if g.cells += len(row); g.cells > table.MaxCells || len(g.seen) > sketches.MaxFeatures {
		return cli.Usagef("too much to hold: %d rows, %d features; at most %d values and %d features fit; %s",
			len(g.times), len(g.seen), table.MaxCells, sketches.MaxFeatures, g.narrow)
	}
	g.times, g.values, g.in = append(g.times, ms), append(g.values, row), append(g.in, in)
	return nil
}

func (g *gathered) names() []string {
	if len(g.limit) > 0 {
		return g.limit
	}
	return slices.Sorted(maps.Keys(g.seen))
}

func (g *gathered) rows(names []string) []reference.Row {
	out := make([]reference.Row, len(g.times))
	for i, values := range g.values {
		row := make([]sketches.Value, len(names))
		for k, n := range names {
			if at, ok := g.seen[n]; ok && at < len(values) {
				row[k] = values[at]
			}
		}
		out[i] = reference.Row{TimeMS: g.times[i], Values: row, In: g.in[i]}
	}
	return out
}

// runRows reads the data set that a run logged.
func (b *builder) runRows(ctx context.Context, src source, spec *reference.Spec) ([]reference.Row, error) {
	have, all, err := trainer.RunRows(ctx, b.parts.Store, b.parts.Artifacts, "", b.model, src.run, spec.Segments)
	if errors.Is(err, trainer.ErrOtherModel) {
		return nil, cli.Usagef("--from: %w; its rows say nothing of what is normal for model %s: give a run of that model (driftline retrains list --model %s)", err, b.model, b.model)
	}
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, trainer.ErrNoRows) {
		return nil, cli.Usagef("--from: %w", err)
	}
	if err != nil {
		return nil, err
	}
	want := have
	for _, name := range b.flags.columns {
		if !slices.Contains(have, name) {
			return nil, cli.Usagef("--columns: run %s has no feature %q; it has %s", src.run, name, strings.Join(have, ", "))
		}
		want = b.flags.columns
	}
	var rows []reference.Row
	for _, r := range all {
		if src.fromMS != 0 && r.TimeMS < src.fromMS || src.toMS != 0 && r.TimeMS >= src.toMS || b.skips(r.TimeMS) {
			continue
		}
		rows = append(rows, r)
	}
	spec.Names = b.order(want)
	return reference.Pick(rows, have, spec.Names), nil
}
