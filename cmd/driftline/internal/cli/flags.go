package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/driftline/driftline/cmd/driftline/internal/config"
)

// commonFlags are the flags every command takes and the option each sets.
type commonFlags struct {
	config string
}

// optionFlags is the table of common flags, in the order of the help.
var optionFlags = []struct{ name, key, help string }{
	{"brokers", "broker.brokers", "`HOST:PORT,…` of the Kafka cluster; empty starts the embedded broker"},
	{"broker-listen", "broker.listen", "`HOST:PORT` of the embedded broker (default 127.0.0.1:9092)"},
	{"database-url", "store.database_url", "`URL` of the store: postgres://… or sqlite:PATH"},
	{"artifact-root", "artifacts.root", "`PATH` or s3://bucket/prefix where model files are kept"},
	{"data-dir", "data_dir", "`DIRECTORY` of embedded broker, store and local files (default driftline-data)"},
	{"listen", "http.listen", "`HOST:PORT` of API and pages (default 127.0.0.1:5000)"},
	{"ops-listen", "ops.listen", "`HOST:PORT` of /livez, /readyz and /metrics (default 127.0.0.1:5001)"},
	{"namespace", "namespace", "`NAME` of this deployment"},
	{"log-level", "log.level", "`LEVEL`: debug, info, warn or error"},
}

// add defines the flags on the root, from which all commands have them. Their
// values are read when the configuration is loaded, so that a default here can
// never disagree with the configuration's.
func (c *commonFlags) add(root *cobra.Command) {
	f := root.PersistentFlags()
	f.SortFlags = false
	f.StringVarP(&c.config, "config", "c", "", "`FILE` with the configuration, YAML")
	for _, o := range optionFlags {
		f.String(o.name, "", o.help)
	}
}

// file is the configuration file: the flag, else DRIFTLINE_CONFIG.
func (c *commonFlags) file(env []string) string {
	if c.config != "" {
		return c.config
	}
	for _, line := range env {
		if value, ok := strings.CutPrefix(line, "DRIFTLINE_CONFIG="); ok {
			return value
		}
	}
	return ""
}

// given returns the flags that stand on the command line.
func (c *commonFlags) given(root *cobra.Command) []config.Flag {
	var out []config.Flag
	for _, o := range optionFlags {
		if f := root.PersistentFlags().Lookup(o.name); f.Changed {
			out = append(out, config.Flag{Name: "--" + o.name, Key: o.key, Value: f.Value.String()})
		}
	}
	return out
}

// ServerFlag adds --server to a command that talks to an instance.
func ServerFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("server", "", "`URL` of the instance to talk to (default: MLFLOW_TRACKING_URI, else the one running on --data-dir)")
}
