package commands

import (
	"github.com/spf13/cobra"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
)

// All is "driftline all": every role in one process, on your own events.
func All(a *cli.App) *cobra.Command {
	return &cobra.Command{
		Use:   "all",
		Short: "Run everything in one process, on your own events",
		Long: `Run every role in one process. Without --brokers it starts an embedded, single-node
broker that any Kafka client can use, keeps its store in SQLite and its artifacts on
disk, all in --data-dir. With --brokers it works on your cluster.

Send events to the topics under topics.inputs (ml.features, ml.predictions and
ml.labels, unless configured otherwise). A model is watched from its first event on.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.Load(config.AllInOne)
			if err != nil {
				return err
			}
			return app.Run(cmd.Context(), app.Options{
				Cfg: &cfg.Config, Build: a.Build, Log: a.Logger(cfg.Log), Roles: app.Everything, Alone: true,
			})
		},
	}
}

// Role is "driftline run ROLE".
func Role(a *cli.App) *cobra.Command {
	return &cobra.Command{
		Use:       "run ROLE",
		Short:     "Run one role: collect, evaluate, historian, trainer or serve",
		Long:      "Run one role of a deployment whose processes share a Kafka cluster and a database.\nMake the topics first: driftline topics create.",
		ValidArgs: app.RoleNames,
		Args:      cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			roles, err := app.ParseRole(args[0])
			if err != nil {
				return err
			}
			cfg, err := a.Load(nil)
			if err != nil {
				return err
			}
			return app.Run(cmd.Context(), app.Options{Cfg: &cfg.Config, Build: a.Build, Log: a.Logger(cfg.Log), Roles: roles})
		},
	}
}
