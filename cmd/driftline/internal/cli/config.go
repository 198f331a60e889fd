package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

// ConfigCommand is "driftline config schema|validate|show".
func ConfigCommand(a *App) *cobra.Command {
	schema := &cobra.Command{Use: "schema", Short: "Print the JSON Schema of the configuration file", Args: cobra.NoArgs}
	schema.RunE = func(*cobra.Command, []string) error { return a.printSchema() }

	validate := &cobra.Command{
		Use:   "validate [FILE]",
		Short: "Check the configuration and print every fault",
		Long: "Check the configuration as a command would read it: file, variables DRIFTLINE_* and flags. " +
			"FILE stands for --config FILE. Ends with code 2 if anything is wrong.",
		Args: cobra.MaximumNArgs(1),
	}
	validate.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) == 1 {
			if a.common.config != "" {
				return Usagef("give the file once: %s or --config %s", args[0], a.common.config)
			}
			a.common.config = args[0]
		}
		if _, err := a.Load(nil); err != nil {
			return err
		}
		_, err := fmt.Fprintln(a.Out, "configuration ok")
		return err
	}

	show := &cobra.Command{
		Use:   "show",
		Short: "Print the configuration in force, passwords masked",
		Args:  cobra.NoArgs,
	}
	origin := show.Flags().Bool("origin", false, "print where each value came from")
	out := YAMLFormat
	show.Flags().VarP(&out, "output", "o", "how to print")
	show.RunE = func(c *cobra.Command, _ []string) error {
		if *origin && !c.Flags().Changed("output") {
			out = TableFormat
		}
		return a.showConfig(out, *origin)
	}
	return Group("config", "Check and print the configuration", schema, validate, show)
}
