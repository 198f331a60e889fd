package commands

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/client"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/web"
)

// Models is "driftline models list|show|apply|promote|rollback".
func Models(a *cli.App) *cobra.Command {
	return cli.Group("models", "Watched models: list, change settings, promote versions",
		modelsList(a), modelsShow(a), modelsApply(a), modelsPromote(a), modelsRollback(a))
}

func modelsList(a *cli.App) *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "List watched models, most urgent first", Args: cobra.NoArgs}
	r, out := remoteOf(a, c), cli.OutputFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		return r.do(c.Context(), func(_ *config.Loaded, api *client.Client) error {
			var list web.List[web.ModelSummary]
			if err := api.Get(c.Context(), "/models", nil, &list); err != nil {
				return err
			}
			return a.Print(*out, list.Items, func() cli.Table {
				t := cli.Table{
					Head:  []string{"MODEL", "STATUS", "CHAMPION", "ALARMS", "WINDOW", "TO", "MAX PSI", "FEATURE", "DRIFTED", "ACCURACY", "RETRAIN", "MISSING"},
					Empty: "no model is watched; list one under models: in the configuration, or run driftline models apply -f FILE",
				}
				for _, m := range list.Items {
					t.Rows = append(t.Rows, []string{
						m.Name, statusText(m), or(m.Champion, unknown), alarmCount(m), span(m.WindowMS), moment(m.EndMS), number(m.MaxPSI),
						or(m.MaxFeature, unknown), fmt.Sprintf("%d/%d", m.Drifted, m.Judged), number(m.Accuracy), or(m.Retrain, unknown), or(m.Missing, unknown),
					})
				}
				return t
			})
		})
	}
	return c
}

// statusText adds to the status that the model is paused, where another comes first.
func statusText(m web.ModelSummary) string {
	if m.PausedMS != 0 && m.Status != m.State {
		return m.Status + ", paused"
	}
	return m.Status
}

func alarmCount(m web.ModelSummary) string {
	if m.Silenced > 0 {
		return fmt.Sprintf("%d (%d silenced)", m.Alarms, m.Silenced)
	}
	return fmt.Sprint(m.Alarms)
}

func modelsShow(a *cli.App) *cobra.Command {
	c := &cobra.Command{Use: "show MODEL", Short: "Show a model: scores, open alarms, versions, champions, settings", Args: cobra.ExactArgs(1)}
	r, out := remoteOf(a, c), cli.OutputFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return r.do(c.Context(), func(_ *config.Loaded, api *client.Client) error {
			var m web.ModelDetail
			if err := api.Get(c.Context(), "/models/"+url.PathEscape(args[0]), nil, &m); err != nil {
				return err
			}
			return a.Print(*out, m, func() cli.Table { return modelTable(m) })
		})
	}
	return c
}

func modelTable(m web.ModelDetail) cli.Table {
	t := cli.Table{Head: []string{"WHAT", "WHICH", "VALUE"}}
	add := func(what, which, format string, args ...any) {
		t.Rows = append(t.Rows, []string{what, which, fmt.Sprintf(format, args...)})
	}
	add("model", m.Name, "%s, %s, automation %s", m.Status, m.State, m.Automation)
	if m.PausedMS != 0 {
		add("paused", "since "+moment(m.PausedMS), "by %s: %s", m.PausedBy, m.PausedReason)
	}
	if m.Missing != "" {
		add("missing", "for a first verdict", "%s", m.Missing)
	}
	if m.EarlyMS != 0 {
		add("early warning", moment(m.EarlyMS), "%s no longer follows the reference; driftline alarms list --kind early --model %s", or(m.EarlyOf, "a feature"), m.Name)
	}
	for _, s := range m.Silences {
		add("silence", s.ID, "%s, feature %s, until %s by %s: %s", silencedOf(s), or(s.Feature, "any"), moment(s.UntilMS), s.Author, s.Reason)
	}
	add("champion", or(m.Champion, unknown), "accuracy %s over %d labelled predictions", number(m.Accuracy), m.Labelled)
	for i := range m.Performance {
		performanceRows(&m.Performance[i], add)
	}
	for _, s := range m.Scores {
		if s.Version != wire.AnyVersion {
			add("predictions", "version "+s.Version, "%s", predictionsText(s))
			continue
		}
		add("score", span(s.WindowMS)+" to "+moment(s.EndMS), "version %s: %d of %d judged features drifted, largest PSI %s (%s), %d rows, coverage %s, alarm %s",
			s.Version, s.Drifted, s.Judged, number(s.MaxPSI), or(s.MaxFeature, unknown), s.Rows, number(s.Coverage), or(s.AlarmPhase, unknown))
	}
	for _, s := range m.Scores {
		if s.Missing != "" && s.Missing != m.Missing {
			add("missing", span(s.WindowMS)+" to "+moment(s.EndMS), "%s", s.Missing)
		}
	}
	for _, s := range m.Segments {
		add("segment", s.Segment, "%s", segmentText(s))
	}
	for _, al := range m.Open {
		add("alarm", al.ID, "%s over %s since %s", kindOf(al), span(al.WindowMS), moment(al.SinceMS))
	}
	for _, v := range m.Versions {
		add("version", v.Version, "stage %s, aliases %s, run %s", v.Stage, or(strings.Join(v.Aliases, ","), unknown), or(v.RunID, unknown))
	}
	for _, h := range m.History {
		add("champion since "+moment(h.SinceMS), or(h.Version, unknown), "%s by %s: %s", h.Act, h.Actor, h.Reason)
	}
	if m.Retrain != "" {
		add("last retrain", m.Retrain, "driftline retrains list --model %s", m.Name)
	}
	return t
}

// segmentText is how a part of the traffic stands in its newest window.
func segmentText(s web.Score) string {
	text := fmt.Sprintf("%s to %s, version %s: %d rows, ", span(s.WindowMS), moment(s.EndMS), s.Version, s.Rows)
	if s.Judged == 0 {
		return text + "no verdict: " + or(s.Reason, or(s.State, "nothing was judged"))
	}
	return text + fmt.Sprintf("%d of %d judged features drifted, largest PSI %s (%s), alarm %s", s.Drifted, s.Judged, number(s.MaxPSI), or(s.MaxFeature, unknown), or(s.AlarmPhase, unknown))
}

func modelsApply(a *cli.App) *cobra.Command {
	c := &cobra.Command{
		Use: "apply -f FILE", Short: "Apply settings of models from a file", Args: cobra.NoArgs,
		Long: "Apply the settings of the models that FILE lists under models:, as in the configuration. " +
			"What a model leaves out comes from the configuration. Models that FILE does not list stay as they are.",
	}
	r, out := remoteOf(a, c), cli.OutputFlag(c)
	file := c.Flags().StringP("file", "f", "", "read the models from the YAML file `FILE`")
	dry := c.Flags().Bool("dry-run", false, "only print what would change")
	reason := c.Flags().String("reason", "driftline models apply", "`TEXT` for the audit log")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *file == "" {
			return cli.Usagef("models apply needs -f FILE: a YAML file with a list under models:")
		}
		if _, err := os.Stat(*file); err != nil {
			return cli.Usagef("-f: %w", err)
		}
		cfg, err := a.Load(nil)
		if err != nil {
			return err
		}
		models, err := config.ReadModels(*file, &cfg.Config)
		if err != nil {
			return err
		}
		return r.with(c.Context(), cfg, func(_ *config.Loaded, api *client.Client) error {
			applied := []web.Applied{}
			for i := range models {
				spec, err := models[i].Spec()
				if err != nil {
					return err
				}
				path := "/models/" + url.PathEscape(models[i].Name)
				if *dry {
					path += "?dry_run=true"
				}
				var one web.Applied
				body := map[string]any{"spec": json.RawMessage(spec), "reason": *reason}
				if err := api.Do(c.Context(), http.MethodPut, path, body, &one); err != nil {
					return err
				}
				applied = append(applied, one)
			}
			if err := a.Print(*out, applied, func() cli.Table { return appliedTable(applied) }); err != nil {
				return err
			}
			return tellSegments(a, applied)
		})
	}
	return c
}

func appliedTable(applied []web.Applied) cli.Table {
	t := cli.Table{Head: []string{"MODEL", "RESULT", "KEY", "BEFORE", "AFTER"}}
	for _, m := range applied {
		result := "changed"
		switch {
		case m.Created:
			result = "new"
		case !m.Changed:
			result = "as it is"
		}
		if m.DryRun && m.Changed {
			result += " (dry run)"
		}
		if m.Created || len(m.Diff) == 0 {
			t.Rows = append(t.Rows, []string{m.Model, result})
			continue
		}
		for _, d := range m.Diff {
			t.Rows = append(t.Rows, []string{m.Model, result, d.Key, jsonText(d.Before), jsonText(d.After)})
		}
	}
	return t
}

func jsonText(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

func modelsPromote(a *cli.App) *cobra.Command {
	c := &cobra.Command{
		Use: "promote MODEL VERSION --reason TEXT", Short: "Make a version champion", Args: cobra.ExactArgs(2),
		Long: "Make a version champion: its alias champion and its stage Production are set in one act. The version that served before keeps its files.",
	}
	r, out := remoteOf(a, c), cli.OutputFlag(c)
	reason := reasonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return r.serve(c, *out, "/models/"+url.PathEscape(args[0])+"/promote", map[string]any{"version": args[1], "reason": *reason})
	}
	return c
}

func modelsRollback(a *cli.App) *cobra.Command {
	c := &cobra.Command{
		Use: "rollback MODEL [VERSION] --reason TEXT", Short: "Go back to an earlier champion", Args: cobra.RangeArgs(1, 2),
		Long: "Go back to an earlier champion: VERSION, else the champion before the present one.",
	}
	r, out := remoteOf(a, c), cli.OutputFlag(c)
	reason := reasonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		body := map[string]any{"reason": *reason}
		if len(args) == 2 {
			body["version"] = args[1]
		}
		return r.serve(c, *out, "/models/"+url.PathEscape(args[0])+"/rollback", body)
	}
	return c
}

// reasonFlag adds --reason, without which the command does not act.
func reasonFlag(c *cobra.Command) *string {
	reason := c.Flags().String("reason", "", "why, as `TEXT` for history and audit log (required)")
	check := c.Args
	c.Args = func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return err
		}
		if strings.TrimSpace(*reason) == "" {
			return fmt.Errorf("needs --reason TEXT: it stands in the history")
		}
		return nil
	}
	return reason
}

// serve changes which version serves and prints the result.
func (r *remote) serve(c *cobra.Command, out cli.Format, path string, body any) error {
	return r.do(c.Context(), func(_ *config.Loaded, api *client.Client) error {
		var s web.Serving
		if err := api.Post(c.Context(), path, body, &s); err != nil {
			return err
		}
		return r.app.Print(out, s, func() cli.Table {
			result := "champion"
			if !s.Changed {
				result = "champion already"
			}
			return cli.Table{Head: []string{"MODEL", "VERSION", "RESULT", "BEFORE"}, Rows: [][]string{{s.Model, s.Version, result, or(s.Previous, unknown)}}}
		})
	})
}
