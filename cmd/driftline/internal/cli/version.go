package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// NewBuild fills in what the linker did not set from what the Go toolchain noted in
// the binary.
func NewBuild(version, commit string, ui bool) Build {
	b := Build{Version: version, Commit: commit, Go: runtime.Version(), UI: ui}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b.named()
	}
	if b.Version == "" && info.Main.Version != "(devel)" {
		b.Version = info.Main.Version
	}
	modified := false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			if b.Commit == "" {
				b.Commit = s.Value
			}
		case "vcs.modified":
			modified = commit == "" && s.Value == "true"
		}
	}
	if modified && b.Commit != "" {
		b.Commit += "+changes"
	}
	return b.named()
}

func (b Build) named() Build {
	if b.Version == "" {
		b.Version = "dev"
	}
	if b.Commit == "" {
		b.Commit = "unknown"
	}
	return b
}

// VersionCommand is "driftline version".
func VersionCommand(a *App) *cobra.Command {
	c := &cobra.Command{Use: "version", Short: "Print version, commit and toolchain", Args: cobra.NoArgs}
	asJSON := c.Flags().Bool("json", false, "print one JSON object: version, commit, go, ui")
	c.RunE = func(*cobra.Command, []string) error {
		if *asJSON {
			return a.Print(JSONFormat, a.Build, nil)
		}
		ui := "without web UI"
		if a.Build.UI {
			ui = "with web UI"
		}
		_, err := fmt.Fprintf(a.Out, "driftline %s (%s, %s, %s)\n", a.Build.Version, a.Build.Commit, a.Build.Go, ui)
		return err
	}
	return c
}

// CompletionCommand is "driftline completion SHELL".
func CompletionCommand(a *App) *cobra.Command {
	c := &cobra.Command{
		Use:       "completion bash|zsh|fish|powershell",
		Short:     "Print the completion script of a shell",
		Long:      "Print the completion script of a shell. For bash: source <(driftline completion bash)",
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		root := cmd.Root()
		switch args[0] {
		case "bash":
			return root.GenBashCompletionV2(a.Out, true)
		case "zsh":
			return root.GenZshCompletion(a.Out)
		case "fish":
			return root.GenFishCompletion(a.Out, true)
		}
		return root.GenPowerShellCompletionWithDesc(a.Out)
	}
	return c
}
