package commands

import (
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/client"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/web"
)

// referenceExclude is "driftline reference exclude add|list|expire".
func referenceExclude(a *cli.App) *cobra.Command {
	return cli.Group("exclude", "Keep times that were not normal out of references: add, list, expire",
		excludeAdd(a), excludeList(a), excludeExpire(a))
}

func excludeAdd(a *cli.App) *cobra.Command {
	c := &cobra.Command{
		Use: "add MODEL FROM..TO --reason TEXT", Short: "Keep a span of event time out of a model's references", Args: cobra.ExactArgs(2),
		Long: `Keep a span of event time out of what a model calls normal: out of trailing and seasonal
references from the next window on, and out of driftline reference build from examples,
topics and runs. Windows of that time are judged and alarms fire as ever; a reference that was built
before stays as it is.

Times are RFC 3339, dates, epoch milliseconds, or now-7d.`,
	}
	r, out := remoteOf(a, c), cli.OutputFlag(c)
	reason := reasonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		from, to, err := parseRange("FROM..TO", args[1], time.Now())
		if err == nil && (from == 0 || to == 0) {
			err = fmt.Errorf("FROM..TO: %q; an exclusion has a beginning and an end", args[1])
		}
		if err != nil {
			return cli.Usagef("%w", err)
		}
		body := map[string]any{"model": args[0], "from_ms": from, "to_ms": to, "reason": *reason}
		return r.do(c.Context(), func(_ *config.Loaded, api *client.Client) error {
			var x web.Exclusion
			if err := api.Post(c.Context(), "/exclusions", body, &x); err != nil {
				return err
			}
			return a.Print(*out, x, func() cli.Table { return exclusionTable([]web.Exclusion{x}) })
		})
	}
	return c
}

func exclusionTable(list []web.Exclusion) cli.Table {
	t := cli.Table{Head: []string{"EXCLUSION", "MODEL", "FROM", "TO", "STATE", "BY", "REASON"}, Empty: "no exclusions"}
	for _, x := range list {
		state := "in force"
		if !x.InForce {
			state = "ended by " + x.EndedBy
		}
		t.Rows = append(t.Rows, []string{x.ID, x.Model, moment(x.FromMS), moment(x.ToMS), state, x.Author, x.Reason})
	}
	return t
}

func excludeList(a *cli.App) *cobra.Command {
	c := &cobra.Command{Use: "list [MODEL]", Short: "List exclusions that are in force, newest span first", Args: cobra.MaximumNArgs(1)}
	r, out := remoteOf(a, c), cli.OutputFlag(c)
	all := c.Flags().Bool("all", false, "also those that were ended")
	limit := c.Flags().Int("limit", 100, "at most `N` of them, 1 to 5000")
	c.RunE = func(c *cobra.Command, args []string) error {
		q := url.Values{"limit": {strconv.Itoa(*limit)}, "all": {strconv.FormatBool(*all)}}
		if len(args) > 0 {
			q.Set("model", args[0])
		}
		return r.do(c.Context(), func(_ *config.Loaded, api *client.Client) error {
			var list web.List[web.Exclusion]
			if err := api.Get(c.Context(), "/exclusions", q, &list); err != nil {
				return err
			}
			if err := a.Print(*out, list.Items, func() cli.Table { return exclusionTable(list.Items) }); err != nil {
				return err
			}
			return more(a, list.More)
		})
	}
	return c
}

func excludeExpire(a *cli.App) *cobra.Command {
	c := &cobra.Command{
		Use: "expire EXCLUSION", Short: "End an exclusion: its span may be normal after all", Args: cobra.ExactArgs(1),
		Long: "End an exclusion. Its span counts again in references that are made from then on; spans that an alarm stood over stay out all the same.",
	}
	r := remoteOf(a, c)
	reason := c.Flags().String("reason", "ended from the command line", "`TEXT` for history and audit log")
	c.RunE = func(c *cobra.Command, args []string) error {
		return r.done(c, "/exclusions/"+url.PathEscape(args[0])+"/expire", map[string]any{"reason": *reason}, "exclusion "+args[0]+" ended")
	}
	return c
}
