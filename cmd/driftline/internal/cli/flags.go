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
	{"brokers", "broker.brokers", "Kafka cluster, `HOST:PORT,...`; empty starts the embedded broker"},
	{"broker-listen", "broker.listen", "serve the embedded broker on `ADDRESS` (default 127.0.0.1:9092)"},
	{"database-url", "store.database_url", "keep registry and history in the database at `URL`: postgres://… or sqlite:PATH"},
	{"artifact-root", "artifacts.root", "keep model files below `PATH`, a directory or s3://bucket/prefix"},
	{"data-dir", "data_dir", "keep embedded broker, store and local files in `DIRECTORY` (default driftline-data)"},
	{"listen", "http.listen", "serve API and pages on `ADDRESS` (default 127.0.0.1:5000)"},
	{"ops-listen", "ops.listen", "serve /livez, /readyz and /metrics on `ADDRESS` (default 127.0.0.1:5001)"},
	{"namespace", "namespace", "`NAME` of this deployment (default default)"},
	{"log-level", "log.level", "log at `LEVEL` and above: debug, info, warn or error (default info)"},
}

// add defines the flags on the root, from which all commands have them. Their
// values are read when the configuration is loaded, so that a default here can
// never disagree with the configuration's.
func (c *commonFlags) add(root *cobra.Command) {
	f := root.PersistentFlags()
	f.SortFlags = false
	f.StringVarP(&c.config, "config", "c", "", "read the configuration from the YAML file `FILE`")
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
	return cmd.Flags().String("server", "", "talk to the instance at `URL` (default: MLFLOW_TRACKING_URI, else the one running on --data-dir)")
}
