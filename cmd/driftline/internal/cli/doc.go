// Package cli is the frame of the driftline command: common flags, configuration,
// output, errors and exit codes. What a command does stands elsewhere.
//
// A command is a function that takes the App and returns a *cobra.Command; main
// lists them:
//
//	func Models(a *cli.App) *cobra.Command {
//		list := &cobra.Command{
//			Use:   "list",
//			Short: "List watched models",
//			Args:  cobra.NoArgs,
//		}
//		out := cli.OutputFlag(list)
//		list.RunE = func(cmd *cobra.Command, _ []string) error {
//			cfg, err := a.Load(nil)
//			if err != nil {
//				return err // configuration faults end with code 2
//			}
//			…
//			return a.Print(*out, models, table)
//		}
//		return cli.Group("models", "Watched models", list)
//	}
//
// There is no registration: nothing happens by importing a package.
//
// Exit codes: 0 ok, 1 failure, 2 usage, configuration or environment, 3 drift found,
// 4 not enough data. A command returns *Exit to choose one; everything wrong before
// a command runs (flags, arguments, names) is 2.
//
// Data goes to standard output, everything else to standard error. Nothing is sent
// anywhere.
package cli
