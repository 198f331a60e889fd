package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/driftline/driftline/cmd/driftline/internal/client"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
)

// Build says what this binary is.
type Build struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Go      string `json:"go"`
	UI      bool   `json:"ui"` // the pages of the web UI are inside
}

// App is what every command shares.
type App struct {
	Build  Build
	In     io.Reader
	Out    io.Writer
	Err    io.Writer
	Env    []string // NAME=value
	common commonFlags
	root   *cobra.Command
}

// Load reads the configuration: the command's preset (nil for none), file,
// variables and the common flags. Warnings go to standard error. Faults come back
// joined and end the command with code 2.
func (a *App) Load(preset func(*config.Config)) (*config.Loaded, error) {
	cfg, err := config.Load(config.Layers{Preset: preset, File: a.common.file(a.Env), Env: a.Env, Flags: a.common.given(a.root)})
	if err != nil {
		return nil, err
	}
	for _, w := range cfg.Warnings {
		if _, err := fmt.Fprintln(a.Err, "driftline: warning:", oneLine(w)); err != nil {
			return nil, err
		}
	}
	return cfg, nil
}

// Logger returns the logger of the configuration, on standard error.
func (a *App) Logger(cfg config.Log) zerolog.Logger {
	w := a.Err
	if cfg.Format == "console" || cfg.Format == "auto" && isTerminal(w) {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly, NoColor: !isTerminal(w) || a.Getenv("NO_COLOR") != ""}
	}
	level, err := zerolog.ParseLevel(cfg.Level)
	if err != nil {
		level = zerolog.InfoLevel // cfg was not checked; say too much rather than too little
	}
	return zerolog.New(w).Level(level).With().Timestamp().Logger()
}

// Getenv returns a variable of the environment the App was given.
func (a *App) Getenv(name string) string {
	value := ""
	for _, line := range a.Env {
		if len(line) > len(name) && line[len(name)] == '=' && line[:len(name)] == name {
			value = line[len(name)+1:]
		}
	}
	return value
}

// Client returns a client of the instance that the command should talk to: the
// server flag (empty where the command has none), MLFLOW_TRACKING_URI, the one
// running on the data directory, else what open serves inside this process.
// open may be nil.
func (a *App) Client(ctx context.Context, cfg *config.Loaded, server string, open client.Opener) (*client.Client, error) {
	return client.Find(ctx, client.Options{
		Server:    server,
		Tracking:  a.Getenv("MLFLOW_TRACKING_URI"),
		DataDir:   cfg.DataDir,
		Open:      open,
		Username:  a.Getenv("MLFLOW_TRACKING_USERNAME"),
		Password:  a.Getenv("MLFLOW_TRACKING_PASSWORD"),
		Token:     a.Getenv("MLFLOW_TRACKING_TOKEN"),
		UserAgent: "driftline/" + a.Build.Version,
	})
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
