// Command driftline watches models for drift, retrains and promotes them. See
// package cli for how a command is added.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	cmds "github.com/driftline/driftline/cmd/driftline/internal/commands"
)

// Set by the linker: -X main.version=… -X main.commit=…
var version, commit string

func main() { os.Exit(run(os.Args[1:])) }

// run is main without the exit, so that tests can call it.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	app := &cli.App{
		Build: cli.NewBuild(version, commit, uiEmbedded),
		In:    os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.Environ(),
	}
	return app.Execute(ctx, args, commands)
}

// commands lists all commands, in the order of the help.
func commands(a *cli.App) []*cobra.Command {
	return []*cobra.Command{
		cmds.Demo(a), cmds.All(a), cmds.Role(a),
		cmds.Migrate(a), cmds.Topics(a), cmds.Mapping(a), cmds.Doctor(a),
		cmds.Models(a), cmds.Alarms(a), cmds.Explain(a), cmds.Silence(a), cmds.Pause(a), cmds.Resume(a),
		cmds.Reference(a), cmds.Check(a), cmds.Replay(a), cmds.Bench(a), cmds.Predict(a), cmds.Retrain(a), cmds.Retrains(a),
		cli.ConfigCommand(a),
		cli.CompletionCommand(a),
		cli.VersionCommand(a),
	}
}
