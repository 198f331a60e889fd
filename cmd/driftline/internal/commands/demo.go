package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/cmd/driftline/internal/demo"
)

// Demo is "driftline demo": the whole loop on real data.
func Demo(a *cli.App) *cobra.Command {
	var once, noBrowser bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show the whole loop on two years of real data",
		Long: `Replay two years of hourly bike rentals through an embedded broker, as if a prediction
service were answering live: version 1 is trained on the first 13 weeks, drift raises
alarms, challengers are trained, judged, promoted or refused, and accuracy recovers.
Everything is kept in a temporary folder unless --data-dir names one.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDemo(cmd.Context(), a, once)
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "end after the stream and print a JSON summary as the last line")
	cmd.Flags().BoolVar(&noBrowser, "no-browser", false, "accepted for scripts; no browser is ever opened")
	return cmd
}

func runDemo(ctx context.Context, a *cli.App, once bool) (err error) {
	cfg, err := a.Load(demo.Preset)
	if err != nil {
		return err
	}
	c := &cfg.Config
	if !c.Embedded() {
		return cli.Usagef("the demo brings its own broker: leave --brokers away, or run `driftline all` on your cluster")
	}
	if cfg.Origin("data_dir") == "default" {
		dir, err := os.MkdirTemp("", "driftline-demo-")
		if err != nil {
			return &cli.Exit{Code: cli.Usage, Err: fmt.Errorf("temporary folder for the demo: %w; give a --data-dir", err)}
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		c.DataDir = dir
	} else if err := demoDirFree(c); err != nil {
		return err
	}
	if cfg.Origin("log.level") == "default" {
		c.Log.Level = "warn" // the story stands on the same terminal
	}
	// The demo keeps everything in its own folder, whatever the environment names.
	c.Store.DatabaseURL = ""
	c.Artifacts.Root = ""
	return app.Run(ctx, app.Options{
		Cfg: c, Build: a.Build, Log: a.Logger(c.Log), Roles: app.Everything, Alone: true,
		Job: func(ctx context.Context, r *app.Running) error {
			s, err := demo.Run(ctx, r, story(a.Err))
			if err != nil {
				return err
			}
			line, err := json.Marshal(s)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintln(a.Out, string(line)); err != nil || once {
				return err
			}
			if _, err := fmt.Fprintf(a.Err, "\n  Still up: %s   Ctrl-C ends it.\n", r.URL); err != nil {
				return err
			}
			return r.Trainer.Run(ctx) // from here on as in live operation: a person may ask for a retrain
		},
	})
}

// demoDirFree refuses a folder that already holds data: a second stream of the same
// rows would be late from its first record on.
func demoDirFree(c *config.Config) error {
	entries, err := os.ReadDir(c.DataDir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return &cli.Exit{Code: cli.Usage, Err: fmt.Errorf("data_dir %s: %w", c.DataDir, err)}
	}
	if len(entries) > 0 {
		return cli.Usagef("data_dir %s is not empty; the demo streams its data from the beginning: name an empty folder, or remove this one", c.DataDir)
	}
	return nil
}

func story(w io.Writer) demo.Story {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return demo.NewTerminal(w)
	}
	return demo.NewPlain(w)
}
