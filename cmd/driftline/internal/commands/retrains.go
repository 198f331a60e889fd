package commands

import (
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/client"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/web"
)

// Retrains is "driftline retrains list|show|approve|cancel|retry".
func Retrains(a *cli.App) *cobra.Command {
	return cli.Group("retrains", "Retrains: list, show, approve, cancel, try again",
		retrainsList(a), retrainsShow(a),
		retrainAct(a, "approve", "Approve a retrain that waits for it"),
		retrainAct(a, "cancel", "End a retrain"),
		retrainAct(a, "retry", "Queue a failed retrain again"))
}

func retrainsList(a *cli.App) *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "List retrains, newest first", Args: cobra.NoArgs}
	r, out := remoteOf(a, c), cli.OutputFlag(c)
	f := filterFlags(c, "such as QUEUED, APPROVAL or PROMOTED, several with commas", "alarm, schedule, person or bootstrap")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return r.do(c.Context(), func(_ *config.Loaded, api *client.Client) error {
			var list web.List[web.Retrain]
			if err := api.Get(c.Context(), "/retrains", f.query(), &list); err != nil {
				return err
			}
			err := a.Print(*out, list.Items, func() cli.Table {
				t := cli.Table{Head: []string{"RETRAIN", "MODEL", "KIND", "STATE", "VERSION", "CHAMPION THEN", "ASKED AT", "REASON"}, Empty: "no retrains"}
				for _, x := range list.Items {
					t.Rows = append(t.Rows, []string{
						x.ID, x.Model, x.Kind, x.State, or(x.Version, unknown), or(x.ChampionBefore, unknown), moment(x.ClockMS), x.Reason,
					})
				}
				return t
			})
			if err != nil {
				return err
			}
			return more(a, list.More)
		})
	}
	return c
}

func retrainsShow(a *cli.App) *cobra.Command {
	c := &cobra.Command{Use: "show RETRAIN", Short: "Show a retrain with its history and the report of the gate", Args: cobra.ExactArgs(1)}
	r, out := remoteOf(a, c), cli.OutputFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return r.do(c.Context(), func(_ *config.Loaded, api *client.Client) error {
			x, err := readRetrain(c, api, args[0])
			if err != nil {
				return err
			}
			return a.Print(*out, x, func() cli.Table { return retrainTable(x) })
		})
	}
	return c
}

func readRetrain(c *cobra.Command, api *client.Client, id string) (x web.RetrainDetail, err error) {
	err = api.Get(c.Context(), "/retrains/"+url.PathEscape(id), nil, &x)
	return x, err
}

func retrainTable(x web.RetrainDetail) cli.Table {
	t := cli.Table{Head: []string{"WHAT", "WHICH", "VALUE"}}
	add := func(what, which, format string, args ...any) {
		t.Rows = append(t.Rows, []string{what, which, fmt.Sprintf(format, args...)})
	}
	add("retrain", x.ID, "of model %s, asked for by %s at %s", x.Model, x.Kind, moment(x.ClockMS))
	add("state", x.State, "%s", x.Reason)
	add("version", or(x.Version, unknown), "run %s, champion then %s", or(x.RunID, unknown), or(x.ChampionBefore, unknown))
	if x.Alarm != "" {
		add("alarm", x.Alarm, "driftline explain %s", x.Alarm)
	}
	if x.ApprovedBy != "" {
		add("approved by", x.ApprovedBy, "")
	}
	for _, s := range x.Steps {
		add("step "+s.State, moment(s.AtMS), "%s", s.Reason)
	}
	for _, g := range x.Gates {
		add("gate "+g.Name, g.Outcome, "value %s, limit %s, bounds %s to %s over %d rows%s", number(g.Value), number(g.Limit), number(g.Low), number(g.High), g.Support, advice(g))
	}
	return t
}

func advice(g web.Gate) string {
	text := ""
	if g.Reason != "" {
		text = ": " + g.Reason
	}
	if g.Advisory {
		text += " (does not decide)"
	}
	return text
}

func retrainAct(a *cli.App, act, short string) *cobra.Command {
	c := &cobra.Command{Use: act + " RETRAIN --reason TEXT", Short: short, Args: cobra.ExactArgs(1)}
	r, out := remoteOf(a, c), cli.OutputFlag(c)
	reason := reasonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return r.do(c.Context(), func(_ *config.Loaded, api *client.Client) error {
			var x web.Retrain
			if err := api.Post(c.Context(), "/retrains/"+url.PathEscape(args[0])+"/"+act, map[string]any{"reason": *reason}, &x); err != nil {
				return err
			}
			return a.Print(*out, x, func() cli.Table {
				return cli.Table{Head: []string{"RETRAIN", "MODEL", "STATE", "REASON"}, Rows: [][]string{{x.ID, x.Model, x.State, x.Reason}}}
			})
		})
	}
	return c
}
