package commands

import (
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
	exitZero                                 bool
}

// Check is "driftline check".
func Check(a *cli.App) *cobra.Command {
	f := checkFlags{judge: driftcheck.DefaultConfig()}
	c := &cobra.Command{
		Use: "check", Short: "Compare rows with a reference once, from files or a database", Args: cobra.NoArgs,
		Long: `Compare rows with a reference once. Both are files or queries:

  PATH or file:PATH     .csv, .csv.gz, .tsv or .parquet; an empty field is null
  SELECT … or sql:…     one query to a database of sources:, read-only (--database)
  table:NAME            every row of a table there

With --time-column the current rows are those of the last days (--current-days) before
--as-of, the reference those of the days before them (--reference-days); 0 days takes
all rows. As of is the end of the newest current day (UTC) in a file, and now for a query. Both
may be the same source, --current is then not needed. Times also tell how dependent
records are; without times that is assumed none, and every row counts.

--strategy S checks the table ml_training_features of the ACIS platform, as its own
drift check does.

Codes: 0 no drift, 3 drift (at least --alert-threshold of the judged features), 4 not
enough data, 2 what was asked for cannot be done. --report writes a file also with 3
and 4, by the end of its name JSON or a page for people.`,
		Example: `  driftline check --reference train.parquet --current week.csv --report drift.html
  driftline check --reference rows.csv --time-column date --as-of 2026-03-01
  driftline check --strategy growth --alert-threshold 0.3`,
	}
	fl := c.Flags()
	fl.StringVar(&f.reference, "reference", "", "rows to compare with: `FILE|SQL`")
	fl.StringVar(&f.current, "current", "", "rows to judge: `FILE|SQL`; default the reference's source")
	fl.StringVar(&f.database, "database", "", "`NAME` of the database under sources: (default the only one)")
	fl.DurationVar(&f.timeout, "statement-timeout", table.DefaultStatementTimeout, "longest time of one query")
	fl.StringVar(&f.judge.Model, "model", "", "`NAME` for the report")
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
	fl.BoolVar(&f.exitZero, "exit-zero", false, "end with 0 also where there is drift")
	c.RunE = func(c *cobra.Command, _ []string) error { return f.run(c.Context(), a) }
	return c
}

func (f *checkFlags) run(ctx context.Context, a *cli.App) error {
	if err := f.validate(); err != nil {
		return &cli.Exit{Code: cli.Usage, Err: err}
	}
	now := time.Now()
	ref, cur, err := f.sides(ctx, a, now)
	if err != nil {
		return err
	}
	out, err := driftcheck.Run(f.judge, ref, cur)
	if err != nil {
		return &cli.Exit{Code: cli.Usage, Err: err}
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
	if f.reference == "" {
		bad("--reference: missing; want a file, a query or table:NAME")
	}
	if f.current == "" {
		if f.time == "" {
			bad("--current: missing; without --time-column nothing tells the current rows from the reference")
		}
		f.current = f.reference
	}
	if f.time == "" && f.asOf != "" {
		bad("--as-of: needs --time-column")
	}
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
	f.judge.Timed = f.time != ""
	return errors.Join(append(errs, f.judge.Validate())...)
}

// acis fills in what the ACIS platform's own check reads.
func (f *checkFlags) acis(bad func(string, ...any)) {
	if f.reference != "" || f.current != "" {
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
