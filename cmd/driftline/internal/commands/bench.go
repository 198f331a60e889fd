package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	measure "github.com/driftline/driftline/cmd/driftline/internal/bench"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
)

// Bench is "driftline bench ingest|rivals".
func Bench(a *cli.App) *cobra.Command {
	return cli.Group("bench", "Measure this machine: ingest, rivals", benchIngest(a), benchRivals(a), benchBroker(a))
}

func benchIngest(a *cli.App) *cobra.Command {
	cfg := measure.Config{Features: 50, Events: 131_072, Rounds: 5, Format: measure.Formats[0], Codec: "none", Seed: 1}
	c := &cobra.Command{
		Use: "ingest", Short: "What counting an event costs here, beside other ways", Args: cobra.NoArgs,
		Long: `Measure what counting an event costs on this machine, in CPU time: a broker of its own
is started and filled, and in each round the layers are measured alone and together,
beside a library that only decodes the same events, and beside the plain way: kafka-go's
Reader, encoding/json into a map, sort.Search. Medians are printed. It takes about half a
minute, needs nothing and leaves nothing behind.

With --json the last line of standard output is one JSON object.`,
	}
	c.Flags().StringVar(&cfg.Format, "format", cfg.Format, "encoding of the events: `"+strings.Join(measure.Formats, "|")+"`; beside others only json")
	measured(a, c, &cfg, "events that are written and read", func() error { return cfg.Validate() },
		func(ctx context.Context) (measure.Result, error) { return measure.Ingest(ctx, cfg) }, printIngest)
	return c
}

// measured gives a benchmark's command the flags that all of them have, and runs it: run
// measures by cfg once check has found no fault, and show prints what it found for people.
func measured[R any](a *cli.App, c *cobra.Command, cfg *measure.Config, events string, check func() error, run func(context.Context) (R, error), show func(*cli.App, R) error) {
	c.Flags().IntVar(&cfg.Features, "features", cfg.Features, "numeric features of an event")
	c.Flags().IntVar(&cfg.Events, "events", cfg.Events, events)
	c.Flags().IntVar(&cfg.Rounds, "rounds", cfg.Rounds, "rounds, after one that warms up")
	c.Flags().StringVar(&cfg.Codec, "codec", cfg.Codec, "compression: `"+strings.Join(measure.Codecs, "|")+"`")
	c.Flags().Uint64Var(&cfg.Seed, "seed", cfg.Seed, "seed of the events")
	asJSON := c.Flags().Bool("json", false, "print one JSON object")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := check(); err != nil {
			return &cli.Exit{Code: cli.Usage, Err: err}
		}
		self, err := os.Executable()
		if err != nil {
			return fmt.Errorf("find this executable, to start it as a broker: %w", err)
		}
		cfg.Self = self
		cfg.Progress = func(what string) { _, _ = fmt.Fprintln(a.Err, what) }
		res, err := run(c.Context())
		if err != nil {
			return err
		}
		if *asJSON {
			return json.NewEncoder(a.Out).Encode(res)
		}
		return show(a, res)
	}
}

func printIngest(a *cli.App, r measure.Result) error {
	t := cli.Table{Head: []string{"LAYER", "CPU NS PER EVENT", "LEAST", "MOST", "ALLOCATIONS"}}
	for _, l := range r.Layers {
		t.Rows = append(t.Rows, []string{
			l.Name, fmt.Sprintf("%.0f", l.Nanos), fmt.Sprintf("%.0f", l.Least), fmt.Sprintf("%.0f", l.Most), fmt.Sprintf("%.3f", l.Allocs),
		})
	}
	if err := a.Print(cli.TableFormat, nil, func() cli.Table { return t }); err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.Out, `
%s events/s on one core: %d features, %.0f bytes as %s, compression %s
%.2f × the sum of its layers · a restart costs %.2f × what it may
`, thousands(r.EventsPerSecondPerCore), r.Features, r.EventBytes, r.Format, r.Codec, r.RatioSumOfLayers, r.RatioCatchUp)
	if err != nil || r.RatioPlain == 0 {
		return err
	}
	_, err = fmt.Fprintf(a.Out, "%.2f × the library's decode alone · %.1f × faster than the plain way\n", r.RatioLibraryDecode, r.RatioPlain)
	return err
}

// thousands writes a count with separators.
func thousands(x float64) string {
	s := fmt.Sprintf("%.0f", x)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func benchBroker(a *cli.App) *cobra.Command {
	return &cobra.Command{
		Use: "broker", Hidden: true, Args: cobra.NoArgs, Short: "The broker of the benchmarks; ends with its standard input",
		RunE: func(c *cobra.Command, _ []string) error { return measure.ServeBroker(c.Context(), a.In, a.Out) },
	}
}
