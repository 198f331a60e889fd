package commands

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	measure "github.com/driftline/driftline/cmd/driftline/internal/bench"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
)

func benchRivals(a *cli.App) *cobra.Command {
	cfg := measure.RivalsConfig{
		Config: measure.Config{Features: 50, Events: 131_072, Rounds: 3, Format: measure.Formats[0], Codec: "none", Seed: 1},
		Dir:    ".ci/rivals",
	}
	c := &cobra.Command{
		Use: "rivals", Short: "What counting an event costs here, beside consumers in Java and Python", Args: cobra.NoArgs,
		Long: `Measure what counting an event costs on this machine, in CPU time, beside consumers that
others would write for the same topic: Java with kafka-clients, Jackson and DataSketches,
Python with confluent-kafka and whylogs or Evidently. In each round all of them read the
topic once, after one round that warms them up, and what they found is checked against
the exact answer. It takes several minutes.

It needs a checkout of Driftline: ".ci/prepare rivals" fetches the consumers' libraries.
With --json the last line of standard output is one JSON object.`,
	}
	c.Flags().StringVar(&cfg.Dir, "dir", cfg.Dir, "folder of the consumers")
	c.Flags().StringSliceVar(&cfg.Only, "only", nil, "measure only these: `"+strings.Join(measure.RivalNames(), ",")+"`")
	measured(a, c, &cfg.Config, "events that are written; the slow consumers read fewer", func() error { return cfg.Validate() },
		func(ctx context.Context) (measure.RivalsResult, error) { return measure.Rivals(ctx, cfg) }, printRivals)
	return c
}

func printRivals(a *cli.App, r measure.RivalsResult) error {
	t := cli.Table{Head: []string{"CONSUMER", "CPU NS PER EVENT", "LEAST", "MOST", "TIMES OURS", "LEAST", "MOST", "EVENTS"}}
	t.Rows = append(t.Rows, []string{
		"driftline", fmt.Sprintf("%.0f", r.CPUNanosPerEvent), fmt.Sprintf("%.0f", r.Least), fmt.Sprintf("%.0f", r.Most), "1", "", "", fmt.Sprint(r.Events),
	})
	for _, f := range r.Rivals {
		t.Rows = append(t.Rows, []string{
			f.Name, fmt.Sprintf("%.0f", f.CPUNanosPerEvent), fmt.Sprintf("%.0f", f.Least), fmt.Sprintf("%.0f", f.Most),
			fmt.Sprintf("%.1f", f.Ratio), fmt.Sprintf("%.1f", f.RatioLeast), fmt.Sprintf("%.1f", f.RatioMost), fmt.Sprint(f.Events),
		})
	}
	if err := a.Print(cli.TableFormat, nil, func() cli.Table { return t }); err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%d features, %.0f bytes of JSON, compression %s, seed %d, %d rounds\n", r.Features, r.EventBytes, r.Codec, r.Seed, r.Rounds)
	for _, f := range r.Rivals {
		fmt.Fprintf(&b, "%s: %s;", f.Name, f.What)
		for i, name := range slices.Sorted(maps.Keys(f.Versions)) {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, " %s %s", name, f.Versions[name])
		}
		b.WriteByte('\n')
	}
	_, err := fmt.Fprint(a.Out, b.String())
	return err
}
