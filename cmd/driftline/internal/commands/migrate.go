package commands

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
)

// Migrate is "driftline migrate".
func Migrate(a *cli.App) *cobra.Command {
	return &cobra.Command{
		Use: "migrate", Short: "Bring the database schema to this version", Args: cobra.NoArgs,
		Long: "Bring the database schema to this version. Several programs may do so at once. Newer schemas are refused and stay as they are.",
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := a.Load(nil)
			if err != nil {
				return err
			}
			// Opening migrates, unless a running instance holds the database: then its
			// schema is compared.
			p, running, err := app.Beside(c.Context(), &cfg.Config, quiet(a, cfg), a.Build.Version, app.Want{Store: true})
			if err != nil {
				return err
			}
			text := "%s schema is up to date\n"
			if running {
				text = "%s schema is up to date; a running instance uses it\n"
			}
			_, err = fmt.Fprintf(a.Out, text, p.Store.Dialect())
			return also(err, p.Close)
		},
	}
}
