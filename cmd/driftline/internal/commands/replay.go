package commands

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/stream/loop"
)

// replayFlags are what the user asked for.
type replayFlags struct {
	from, to, model, memory   string
	json, toSQL, repair, anew bool
}

// writes reports whether the history is written to.
func (f *replayFlags) writes() bool { return f.toSQL || f.repair }

// parse checks the flags and returns the range.
func (f *replayFlags) parse(now time.Time) (r app.Range, limit int64, err error) {
	r = app.Range{FromMS: loop.Unset, ToMS: loop.Never, Model: f.model, Repair: f.repair}
	for _, x := range []struct {
		flag, text string
		to         *int64
	}{{"--from", f.from, &r.FromMS}, {"--to", f.to, &r.ToMS}} {
		if x.text == "" {
			continue
		}
		if *x.to, err = parseMoment(x.flag, x.text, now); err != nil {
			return r, 0, &cli.Exit{Code: cli.Usage, Err: err}
		}
	}
	size, err := config.ParseSize(f.memory)
	switch {
	case err != nil:
		return r, 0, cli.Usagef("--max-memory: %w", err)
	case size <= 0:
		return r, 0, cli.Usagef("--max-memory: %s, must be above 0", f.memory)
	case r.ToMS <= r.FromMS:
		return r, 0, cli.Usagef("--to: %s is not after --from %s", f.to, f.from)
	case f.repair && (f.from == "" || f.to == ""):
		return r, 0, cli.Usagef("--repair: give --from and --to; all windows between them are held in memory until the last event is read")
	case f.writes() && f.json:
		return r, 0, cli.Usagef("--json: prints the lines of a replay that writes nothing; with --to-sql and --repair -o json prints what was done")
	case f.anew && !f.writes():
		return r, 0, cli.Usagef("--anew: only --to-sql and --repair go on where they were stopped")
	}
	return r, int64(size), nil
}

// Replay is "driftline replay".
func Replay(a *cli.App) *cobra.Command {
	c := &cobra.Command{
		Use: "replay", Short: "Compute the scores of a time range again from the events", Args: cobra.NoArgs,
		Long: `Read the events of a time range again and compute the same scores and drift events,
beside live operation: no topic changes, no alarm is raised, no retrain starts. The range
holds windows that end after --from and not after --to; without both, all that the topics
hold, up to what is final.

By itself it prints a table, with --json canonical JSON lines: those of two replays of the
same range are equal byte for byte. With --to-sql it writes what the history lacks, marked
as replayed; scores that the history has otherwise are named and left. With --repair it
counts events of any lateness, too, and scores that differ become a new revision, marked
as restated; what they replaced is kept. Alarms stay as live operation raised them.

A replay into the history that was stopped goes on where it stood when the same command
is given again. Without --from alarms are known from the first event on; else their state
comes from the history, and those it does not know say nothing until they are resolved once.

Times are RFC 3339, dates, epoch milliseconds, or now-7d.`,
	}
	var f replayFlags
	c.Flags().StringVar(&f.from, "from", "", "windows that end after `TIME`; default: from the first event")
	c.Flags().StringVar(&f.to, "to", "", "windows that end at or before `TIME`; default: up to the last event")
	c.Flags().StringVar(&f.model, "model", "", "only the model `NAME`")
	c.Flags().BoolVar(&f.json, "json", false, "print canonical JSON lines, sorted: one per score, one per drift event")
	c.Flags().BoolVar(&f.toSQL, "to-sql", false, "write what the history lacks into it")
	c.Flags().BoolVar(&f.repair, "repair", false, "count late events, too, and restate the scores that differ; needs --from and --to")
	c.Flags().BoolVar(&f.anew, "anew", false, "with --to-sql or --repair: begin again where an earlier run was stopped")
	c.Flags().StringVar(&f.memory, "max-memory", "2GiB", "with --repair: refuse a range whose counts need more than `SIZE`")
	output := cli.OutputFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		r, limit, err := f.parse(time.Now())
		if err != nil {
			return err
		}
		cfg, err := a.Load(nil)
		if err != nil {
			return err
		}
		p, _, err := app.Beside(c.Context(), &cfg.Config, quiet(a, cfg), a.Build.Version, app.Want{Broker: true, Store: f.writes()})
		if err != nil {
			return err
		}
		job := replayJob{app: a, parts: p, flags: f, r: r, limit: limit, format: *output}
		return also(job.run(c.Context()), p.Close)
	}
	return c
}
