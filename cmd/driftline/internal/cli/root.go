package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/driftline/driftline/cmd/driftline/internal/config"
)

const about = `Driftline watches machine-learning models while they work. It reads features,
predictions and labels from Kafka, compares rolling windows with each model's
reference, raises alarms, retrains, judges and promotes, and keeps a model registry
that MLflow clients can use.

Start with "driftline demo", or "driftline all" for your own events.

Exit codes: 0 ok, 1 failure, 2 usage, configuration or environment, 3 drift found,
4 not enough data. Nothing is sent anywhere but where the configuration says.`

// Execute runs the command line and returns the exit code. build lists the commands.
func (a *App) Execute(ctx context.Context, args []string, build func(*App) []*cobra.Command) int {
	root := &cobra.Command{
		Use:               "driftline",
		Short:             "Watch models for drift, retrain and promote them",
		Long:              about,
		SilenceErrors:     true, // report prints them
		SilenceUsage:      true,
		DisableAutoGenTag: true,
		Args:              cobra.ArbitraryArgs, // unknown names reach strict below
	}
	a.root = root
	root.SetArgs(args)
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	a.common.add(root)
	root.AddCommand(build(a)...)
	root.Version = a.Build.Version
	root.SetVersionTemplate("driftline {{.Version}}\n")
	root.SetHelpCommand(helpCommand())
	root.CompletionOptions.DisableDefaultCmd = true
	ran := false
	strict(root, &ran)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return OK
	}
	if !ran && !isExit(err) {
		err = &Exit{Code: Usage, Err: err}
	}
	report(a.Err, err)
	return Code(err)
}

// helpCommand is cobra's own, but for an unknown name, which is an error here.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Explain a command",
		RunE: func(c *cobra.Command, args []string) error {
			target, rest, err := c.Root().Find(args)
			if err != nil {
				return &Exit{Code: Usage, Err: err}
			}
			if len(rest) > 0 {
				return group(target, rest)
			}
			target.InitDefaultHelpFlag()
			target.InitDefaultVersionFlag()
			return target.Help()
		},
	}
}

func isExit(err error) bool {
	var exit *Exit
	return errors.As(err, &exit)
}

// strict makes mistakes of the caller errors with a hint: unknown commands, also
// below the root, where cobra would print help and succeed, and unknown flags. It
// sets ran as soon as a command itself runs.
func strict(cmd *cobra.Command, ran *bool) {
	cmd.SetFlagErrorFunc(flagError)
	for _, sub := range cmd.Commands() {
		strict(sub, ran)
	}
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(c *cobra.Command, args []string) error {
			*ran = true
			return run(c, args)
		}
		if check := cmd.Args; check != nil {
			cmd.Args = func(c *cobra.Command, args []string) error {
				if err := check(c, args); err != nil {
					return Usagef("%s: %w; see %s --help", c.CommandPath(), err, c.CommandPath())
				}
				return nil
			}
		}
		return
	}
	if cmd.HasSubCommands() {
		cmd.Args = cobra.ArbitraryArgs
		cmd.RunE = group
	}
}

// group runs where a command stands that only holds others.
func group(c *cobra.Command, args []string) error {
	if len(args) == 0 && !c.HasParent() {
		return c.Help()
	}
	var names []string
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	if len(args) == 0 {
		return Usagef("%s needs one of: %s", c.CommandPath(), strings.Join(names, ", "))
	}
	if near := config.Nearest(args[0], names); near != "" {
		return Usagef("unknown command %q; did you mean %s %s?", args[0], c.CommandPath(), near)
	}
	return Usagef("unknown command %q; see %s --help", args[0], c.CommandPath())
}

// flagError words cobra's error and names the nearest flag.
func flagError(c *cobra.Command, err error) error {
	hint := "see " + c.CommandPath() + " --help"
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		var names []string
		add := func(f *pflag.Flag) { names = append(names, f.Name) }
		c.Flags().VisitAll(add)
		c.InheritedFlags().VisitAll(add)
		if near := config.Nearest(unknown.GetSpecifiedName(), names); near != "" {
			hint = "did you mean --" + near + "?"
		}
	}
	return &Exit{Code: Usage, Err: fmt.Errorf("%w; %s", err, hint)}
}

// Group returns a command that only holds others.
func Group(name, short string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: name, Short: short}
	c.AddCommand(commands...)
	return c
}
