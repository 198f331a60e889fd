package commands

import (
	"bufio"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/replay"
	"github.com/driftline/driftline/stream/wire"
)

// Replay is "driftline replay".
func Replay(a *cli.App) *cobra.Command {
	c := &cobra.Command{
		Use: "replay", Short: "Compute the scores of a time range again from the events", Args: cobra.NoArgs,
		Long: `Read the events of a time range again and compute the same scores and drift events,
beside live operation: nothing is written, no topic is made, no alarm is raised. The
range holds windows that end after --from and not after --to; without both, all that the
topics hold, up to what is final.

With --json the lines of two replays of the same range are equal byte for byte. Alarms
that were open before --from are unknown at first: they say nothing until they are
resolved once.

Times are RFC 3339, dates, epoch milliseconds, or now-7d.`,
	}
	from := c.Flags().String("from", "", "windows that end after `TIME`; default: from the first event")
	to := c.Flags().String("to", "", "windows that end at or before `TIME`; default: up to the last event")
	model := c.Flags().String("model", "", "only the model `NAME`")
	asJSON := c.Flags().Bool("json", false, "print canonical JSON lines, sorted: one per score, one per drift event")
	c.RunE = func(c *cobra.Command, _ []string) error {
		r := app.Range{FromMS: loop.Unset, ToMS: loop.Never, Model: *model}
		var err error
		now := time.Now()
		if *from != "" {
			if r.FromMS, err = parseMoment("--from", *from, now); err != nil {
				return &cli.Exit{Code: cli.Usage, Err: err}
			}
		}
		if *to != "" {
			if r.ToMS, err = parseMoment("--to", *to, now); err != nil {
				return &cli.Exit{Code: cli.Usage, Err: err}
			}
		}
		if r.ToMS <= r.FromMS {
			return cli.Usagef("--to: %s is not after --from %s", *to, *from)
		}
		cfg, err := a.Load(nil)
		if err != nil {
			return err
		}
		p, _, err := app.Beside(c.Context(), &cfg.Config, quiet(a, cfg), a.Build.Version, app.Want{Broker: true})
		if err != nil {
			return err
		}
		return also(replayRange(c.Context(), a, p, r, *asJSON), p.Close)
	}
	return c
}

func replayRange(ctx context.Context, a *cli.App, p *app.Parts, r app.Range, asJSON bool) error {
	d, err := declared(ctx, p)
	if err != nil {
		return err
	}
	if r.Model != "" && !d.View.Known(r.Model) {
		return cli.Usagef("--model: %q is not watched in this deployment; driftline models list shows what is", r.Model)
	}
	show := newBars(a.Err)
	lines, err := p.Replay(ctx, d.Layout, r, show.at)
	show.end()
	if err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("stopped; nothing was written. The same command begins anew")
		}
		return err
	}
	if asJSON {
		return printLines(a, lines)
	}
	t, err := summary(lines)
	if err != nil {
		return err
	}
	return a.Print(cli.TableFormat, nil, func() cli.Table { return t })
}

func printLines(a *cli.App, lines []replay.Line) error {
	w := bufio.NewWriter(a.Out)
	for _, l := range lines {
		if _, err := w.Write(append(l.Value, '\n')); err != nil {
			return err
		}
	}
	return w.Flush()
}

// series is what a table shows of one model, version, reference and window.
type series struct {
	model, version, reference string
	windowMS                  int64
}

type seriesSum struct {
	scores, judged, drifted, events int
	firstMS, lastMS                 int64
	worst                           int64 // PSI, nano-units
	feature                         string
}

// summary counts the lines per series, in their order.
func summary(lines []replay.Line) (cli.Table, error) {
	t := cli.Table{
		Head:  []string{"MODEL", "VERSION", "REFERENCE", "WINDOW", "SCORES", "JUDGED", "WITH DRIFT", "DRIFT EVENTS", "FIRST", "LAST", "MAX PSI", "FEATURE"},
		Empty: "no window of the range is final",
	}
	var order []series
	sums := map[series]*seriesSum{}
	for _, l := range lines {
		k := series{l.Model, l.Version, l.Reference, l.WindowMS}
		s := sums[k]
		if s == nil {
			s = &seriesSum{firstMS: l.EndMS, worst: -1}
			sums[k], order = s, append(order, k)
		}
		s.firstMS, s.lastMS = min(s.firstMS, l.EndMS), max(s.lastMS, l.EndMS)
		if l.Kind != "score" {
			s.events++
			continue
		}
		score, err := wire.DecodeScore(l.Value)
		if err != nil {
			return t, err
		}
		s.scores++
		if score.Judged > 0 {
			s.judged++
		}
		if score.Drifted > 0 {
			s.drifted++
		}
		if f, ok := score.Worst(); ok && *f.PSI > s.worst {
			s.worst, s.feature = *f.PSI, f.Name
		}
	}
	for _, k := range order {
		s := sums[k]
		psi := unknown
		if s.worst >= 0 {
			psi = strconv.FormatFloat(float64(s.worst)/1e9, 'f', 3, 64)
		}
		reference := or(k.reference, unknown)
		t.Rows = append(t.Rows, []string{
			k.model, or(k.version, unknown), reference[:min(12, len(reference))], span(k.windowMS), strconv.Itoa(s.scores), strconv.Itoa(s.judged),
			strconv.Itoa(s.drifted), strconv.Itoa(s.events), moment(s.firstMS), moment(s.lastMS), psi, or(s.feature, unknown),
		})
	}
	return t, nil
}
