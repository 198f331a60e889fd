package commands

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/client"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
)

// remote is the instance that a command talks to: a running one, else the API served
// by the command's own process.
type remote struct {
	app    *cli.App
	server *string
	open   func(ctx context.Context, cfg *config.Loaded) (http.Handler, func() error, error) // nil: openAPI
}

// remoteOf adds --server to a command.
func remoteOf(a *cli.App, cmd *cobra.Command) *remote {
	return &remote{app: a, server: cli.ServerFlag(cmd)}
}

// do calls f with a client and closes it.
func (r *remote) do(ctx context.Context, f func(*config.Loaded, *client.Client) error) error {
	cfg, err := r.app.Load(nil)
	if err != nil {
		return err
	}
	return r.with(ctx, cfg, f)
}

// with is do under a configuration that was loaded already.
func (r *remote) with(ctx context.Context, cfg *config.Loaded, f func(*config.Loaded, *client.Client) error) error {
	open := r.open
	if open == nil {
		open = r.openAPI
	}
	c, err := r.app.Client(ctx, cfg, *r.server, func(ctx context.Context) (http.Handler, func() error, error) { return open(ctx, cfg) })
	if errors.Is(err, client.ErrNoInstance) {
		return &cli.Exit{Code: cli.Usage, Err: err}
	}
	if err != nil {
		return err
	}
	return also(f(cfg, c), c.Close)
}

func (r *remote) openAPI(ctx context.Context, cfg *config.Loaded) (http.Handler, func() error, error) {
	p, _, err := app.Beside(ctx, &cfg.Config, quiet(r.app, cfg), r.app.Build.Version, app.Want{Store: true, Artifacts: true})
	if err != nil {
		return nil, nil, err
	}
	h, err := p.API(ctx, r.app.Build)
	if err != nil {
		return nil, nil, also(err, p.Close)
	}
	return h, p.Close, nil
}

// quiet is the logger of a command that does one thing: what goes right needs no line.
func quiet(a *cli.App, cfg *config.Loaded) zerolog.Logger {
	log := a.Logger(cfg.Log)
	if log.GetLevel() == zerolog.InfoLevel {
		log = log.Level(zerolog.WarnLevel)
	}
	return log
}

// also closes after err was decided; the first fault is the one to tell.
func also(err error, closing func() error) error {
	if closed := closing(); err == nil {
		return closed
	}
	return err
}

// Words of tables.

const unknown = "-"

func or(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// moment is a time in UTC; none for 0.
func moment(ms int64) string {
	if ms == 0 {
		return unknown
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05Z07:00")
}

// span is a length of time: 90m, 24h, 7d.
func span(ms int64) string {
	const day = int64(24 * time.Hour / time.Millisecond)
	switch {
	case ms == 0:
		return unknown
	case ms%day == 0 && ms >= 2*day:
		return strconv.FormatInt(ms/day, 10) + "d"
	}
	text := (time.Duration(ms) * time.Millisecond).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// number is a statistic with three decimals; "-" where there is none.
func number(x *float64) string {
	if x == nil {
		return unknown
	}
	return strconv.FormatFloat(*x, 'f', 3, 64)
}

func count(n int64) string { return strconv.FormatInt(n, 10) }
