package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	driftcheck "github.com/driftline/driftline/cmd/driftline/internal/check"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/commands/table"
)

// checkFlags are what check is asked for.
type checkFlags struct {
	judge driftcheck.Config

	reference, current, database, time, asOf string
	columns, drop, reports                   []string
	timeout                                  time.Duration
	exitZero, emit                           bool

	own    bool // both sides are the model's own rows
	stored bool // the reference is the model's, as the registry keeps it
}

// Check is "driftline check".
func Check(a *cli.App) *cobra.Command {
	f := checkFlags{judge: driftcheck.DefaultConfig()}
	c := &cobra.Command{
		Use: "check", Short: "Compare rows with a reference once: files, a database, topics, a model's own rows", Args: cobra.NoArgs,
		Long: `Compare rows with a reference once. Either side is one of

  PATH or file:PATH     .csv, .csv.gz, .tsv or .parquet; an empty field is null
  SELECT … or sql:…     one query to a database of sources:, read-only (--database)
  table:NAME            every row of a table there
  topic[:NAME]          events of --model that an input topic, or all of them, still hold
  examples[:FROM..TO]   examples of --model with features that the history keeps

With --model alone both sides are that model's own rows: the examples if it is trained on
them and they are kept, else the input topics. With --model and --current the reference is
the model's, as the registry keeps it.

Rows with times (--time-column; events always) are cut: the current ones are those of the
last days (--current-days) before --as-of, the reference those of the days before them
(--reference-days); 0 days takes all. As of is the end of the newest current day (UTC) in a
file and a historical topic, and now for a query, a topic and examples. Both sides may be
the same source, --current is then not needed. Times also tell how dependent records are;
without times that is assumed none, and every row counts.

--strategy S checks the table ml_training_features of the ACIS platform, as its own
drift check does.

--emit tells the outcome to the deployment as a drift event of the model, policy "check":
drift opens an alarm or goes on in the one that is open, no drift ends it, too little data
says nothing. The trainer may act on it, under its usual gates and cool-down. The same
check told twice is the same event.

Codes: 0 no drift, 3 drift (at least --alert-threshold of the judged features), 4 not
enough data, 2 what was asked for cannot be done. --report writes a file also with 3
and 4, by the end of its name JSON or a page for people.`,
		Example: `  driftline check --reference train.parquet --current week.csv --report drift.html
  driftline check --reference rows.csv --time-column date --as-of 2026-03-01
  driftline check --model churn --emit
  driftline check --model churn --current "SELECT * FROM scored WHERE day = CURRENT_DATE"
  driftline check --strategy growth --alert-threshold 0.3`,
	}
	fl := c.Flags()
	fl.StringVar(&f.reference, "reference", "", "rows to compare with: `SOURCE`; with --model and --current default the registry's reference")
	fl.StringVar(&f.current, "current", "", "rows to judge: `SOURCE`; default the reference's source")
	fl.StringVar(&f.database, "database", "", "`NAME` of the database under sources: (default the only one)")
	fl.DurationVar(&f.timeout, "statement-timeout", table.DefaultStatementTimeout, "longest time of one query")
	fl.StringVar(&f.judge.Model, "model", "", "the rows or the reference of the model `NAME`; else a name for the report")
	fl.StringVar(&f.judge.Strategy, "strategy", "", "ACIS: `STRATEGY` whose features are checked")
	fl.StringVar(&f.time, "time-column", "", "event time stands in column `NAME`")
	fl.StringVar(&f.asOf, "as-of", "", "judge the days before `TIME`")
	fl.IntVar(&f.judge.ReferenceDays, "reference-days", f.judge.ReferenceDays, "with times: `N` days before the current ones; 0: all")
	fl.IntVar(&f.judge.CurrentDays, "current-days", f.judge.CurrentDays, "with times: the last `N` days; 0: all")
	fl.StringSliceVar(&f.columns, "columns", nil, "only these features, `A,B,…`")
	fl.StringSliceVar(&f.drop, "label-column", nil, "leave out column `NAME`, which is no feature; may be repeated")
	fl.Float64Var(&f.judge.Threshold, "alert-threshold", f.judge.Threshold, "share of drifted features from which retraining is needed")
	fl.Float64Var(&f.judge.PSI, "psi-threshold", f.judge.PSI, "PSI above which a feature is drifted")
	fl.StringVar(&f.judge.Rule, "rule", f.judge.Rule, "`calibrated|classic`: by the PSI's lower confidence bound, or by the PSI alone")
	fl.IntVar(&f.judge.MinRows, "min-rows", f.judge.MinRows, "rows that either side must have")
	fl.StringVar(&f.judge.Compat, "compat", "", "decide by another tool's definitions: `evidently|nannyml|acis`")
	fl.StringSliceVar(&f.reports, "report", nil, "write `FILE`.json or .html; may be repeated")
	fl.BoolVar(&f.emit, "emit", false, "tell the outcome to the deployment as a drift event of --model, from which its trainer may act")
	fl.BoolVar(&f.exitZero, "exit-zero", false, "end with 0 also where there is drift")
	c.RunE = func(c *cobra.Command, _ []string) error { return f.run(c.Context(), a) }
	return c
}

func (f *checkFlags) run(ctx context.Context, a *cli.App) error {
	if err := f.validate(); err != nil {
		return &cli.Exit{Code: cli.Usage, Err: err}
	}
	var l *checkLive
	if f.live() {
		var err error
		if l, err = f.open(ctx, a); err != nil {
			return err
		}
		if f.own {
			f.reference = l.ownSource()
			f.current = f.reference
		}
	}
	err := f.check(ctx, a, l, time.Now())
	if l != nil {
		err = also(err, l.parts.Close)
	}
	return err
}

// check reads, judges, tells and ends with the code for what was found. An event that could
// not be told leaves the reports where they are.
func (f *checkFlags) check(ctx context.Context, a *cli.App, l *checkLive, now time.Time) error {
	out, err := f.outcome(ctx, a, l, now)
	if err != nil {
		return err
	}
	var untold error
	if f.emit {
		untold = f.tell(ctx, l, out, now)
	}
	for _, path := range f.reports {
		var content any = out
		if f.judge.Compat == "acis" {
			content = out.ACIS(now.UnixMilli())
		}
		if err := driftcheck.WriteFile(path, content, out.HTML); err != nil {
			return err
		}
	}
	if err := out.Summary(a.Out); err != nil {
		return err
	}
	switch {
	case untold != nil:
		return untold
	case !out.Enough:
		return &cli.Exit{Code: cli.NotEnoughData, Err: errors.New(out.Why)}
	case out.RetrainingNeeded && !f.exitZero:
		return &cli.Exit{Code: cli.Drift}
	}
	return nil
}

// validate returns every fault of the flags.
func (f *checkFlags) validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if f.judge.Strategy != "" {
		f.acis(bad)
	}
	f.sources(bad)
	if f.timeout <= 0 {
		bad("--statement-timeout: %s; want more than 0", f.timeout)
	}
	for _, path := range f.reports {
		if err := driftcheck.CheckPath(path); err != nil {
			errs = append(errs, err)
		} else if f.judge.Compat == "acis" && filepath.Ext(path) != ".json" {
			bad("--report: %s; with --compat acis the report is JSON", path)
		}
	}
	return errors.Join(append(errs, f.judge.Validate())...)
}

// sources fills in which rows are meant where flags leave it open.
func (f *checkFlags) sources(bad func(string, ...any)) {
	switch model := f.judge.Model != ""; {
	case f.reference == "" && f.current == "" && model:
		f.own = true
	case f.reference == "" && f.current != "" && model:
		f.stored = true
	case f.reference == "":
		bad("--reference: missing; want a file, a query, table:NAME, topic or examples, or --model alone for its own rows")
	}
	timed := func(source string) bool { return f.own || events(source) || f.time != "" }
	if f.current == "" && !f.own {
		if f.reference != "" && !timed(f.reference) || f.reference == "" {
			bad("--current: missing; without --time-column nothing tells the current rows from the reference")
		}
		f.current = f.reference
	}
	tables := !f.own && (f.reference != "" && !events(f.reference) || !events(f.current))
	f.judge.Timed = timed(f.current)
	f.judge.UntimedRef = !f.stored && f.judge.Timed && !timed(f.reference)
	switch {
	case !f.judge.Timed && !f.stored && f.reference != "" && timed(f.reference):
		bad("--time-column: missing; the current rows need times where those of the reference have them")
	case !f.judge.Timed && f.asOf != "" && !f.emit:
		bad("--as-of: needs --time-column")
	case f.time != "" && !tables:
		bad("--time-column: events carry their own time; it is for files and queries")
	}
	if len(f.drop) > 0 && !tables {
		bad("--label-column: events carry their labels apart; it is for files and queries")
	}
	if f.judge.Model == "" && (events(f.reference) || events(f.current)) {
		bad("--model: missing; topics and examples hold those of many models")
	}
	if f.stored && f.judge.Compat != "" {
		bad("--compat: its definitions take the rows of the reference; name them with --reference")
	}
	if f.emit {
		f.emits(bad)
	}
}

// acis fills in what the ACIS platform's own check reads.
func (f *checkFlags) acis(bad func(string, ...any)) {
	if f.reference != "" || f.current != "" {
		f.current = cmp.Or(f.current, f.reference) // one fault is enough
		f.reference = f.current
		bad("--strategy: names the rows by itself; leave out --reference and --current")
		return
	}
	f.reference, f.time = acisTable, "date"
	f.drop = append(f.drop, "ticker", "strategy", "target_return")
	if f.judge.Model == "" {
		f.judge.Model = "acis_" + f.judge.Strategy + "_classifier"
	}
}

// tableFault makes what is wrong with a file or a query one of usage.
func tableFault(err error) error {
	if errors.Is(err, table.ErrFormat) || errors.Is(err, table.ErrDatabase) || errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		return &cli.Exit{Code: cli.Usage, Err: err}
	}
	return err
}
