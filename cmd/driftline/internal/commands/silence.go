package commands

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/client"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/web"
)

// Silence is "driftline silence add|list|expire".
func Silence(a *cli.App) *cobra.Command {
	return cli.Group("silence", "Silences: mute the notification of alarms for a time", silenceAdd(a), silenceList(a), silenceExpire(a))
}

func silenceAdd(a *cli.App) *cobra.Command {
	c := &cobra.Command{
		Use: "add --model MODEL --for LENGTH|--until TIME --reason TEXT", Short: "Mute alarms of a model for a time", Args: cobra.NoArgs,
		Long: `Mute the notification of a model's alarms for at most 90 days. The alarms fire all
the same, with a mark, and what they start, such as a retrain, is started; to stop that,
see driftline pause. With --feature an alarm is muted only if every feature behind it is
known and silenced, so that a feature nobody reckoned with is heard. With --segment alarms
of that part of the traffic are muted alone; without, those of all parts are, too.`,
	}
	r, out := remoteOf(a, c), cli.OutputFlag(c)
	model := c.Flags().String("model", "", "mute alarms of the model `NAME` (required)")
	feature := c.Flags().String("feature", "", "only where the feature `NAME` is behind the alarm")
	kind := c.Flags().String("kind", "", "only alarms of `KIND`: drift, quality, performance, joint or prediction")
	segment := c.Flags().String("segment", "", "only alarms of the part `NAME=VALUE` of the traffic, such as region=eu")
	length := c.Flags().String("for", "", "end after `LENGTH`: 90m, 24h, 7d or 2w")
	until := c.Flags().String("until", "", "end at `TIME`, in UTC: 2026-01-02T03:04:05Z or 2026-01-02")
	reason := reasonFlag(c)
	check := c.Args
	c.Args = func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return err
		}
		switch {
		case *model == "":
			return fmt.Errorf("needs --model NAME")
		case (*length == "") == (*until == ""):
			return fmt.Errorf("needs an end: either --for LENGTH or --until TIME")
		}
		return nil
	}
	c.RunE = func(c *cobra.Command, _ []string) error {
		body := map[string]any{"model": *model, "reason": *reason}
		for name, v := range map[string]string{"feature": *feature, "kind": *kind, "segment": *segment} {
			if v != "" {
				body[name] = v
			}
		}
		if *length != "" {
			d, err := parseSpan(*length)
			if err != nil {
				return cli.Usagef("--for: %w", err)
			}
			if d < time.Millisecond {
				return cli.Usagef("--for: %q ends at once", *length)
			}
			body["for_ms"] = d.Milliseconds()
		} else {
			ms, err := parseMoment("--until", *until, time.Now())
			if err != nil {
				return cli.Usagef("%w", err)
			}
			if ms <= 0 {
				return cli.Usagef("--until: %s is past", *until)
			}
			body["until_ms"] = ms
		}
		return r.do(c.Context(), func(_ *config.Loaded, api *client.Client) error {
			var s web.Silence
			if err := api.Post(c.Context(), "/silences", body, &s); err != nil {
				return err
			}
			return a.Print(*out, s, func() cli.Table { return silenceTable([]web.Silence{s}) })
		})
	}
	return c
}

func silenceTable(list []web.Silence) cli.Table {
	t := cli.Table{Head: []string{"SILENCE", "MODEL", "FEATURE", "KIND", "STATE", "UNTIL", "BY", "REASON"}, Empty: "no silences"}
	for _, s := range list {
		state := "active"
		switch {
		case s.EndedBy != "":
			state = "ended by " + s.EndedBy
		case !s.Active:
			state = "ended"
		}
		t.Rows = append(t.Rows, []string{s.ID, nameOf(s.Model, s.Segment), or(s.Feature, "all"), or(s.Kind, "all"), state, moment(s.UntilMS), s.Author, s.Reason})
	}
	return t
}

// silencedOf is the kind of alarm that a silence is of, with the part of the traffic.
func silencedOf(s web.Silence) string {
	if s.Segment == "" {
		return or(s.Kind, "all kinds")
	}
	return or(s.Kind, "all kinds") + " of " + s.Segment
}

func silenceList(a *cli.App) *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "List silences that are in force, newest first", Args: cobra.NoArgs}
	r, out := remoteOf(a, c), cli.OutputFlag(c)
	model := c.Flags().String("model", "", "only of the model `NAME`")
	all := c.Flags().Bool("all", false, "also those that have ended")
	limit := c.Flags().Int("limit", 100, "at most `N` of them, 1 to 5000")
	c.RunE = func(c *cobra.Command, _ []string) error {
		q := url.Values{"limit": {strconv.Itoa(*limit)}, "all": {strconv.FormatBool(*all)}}
		if *model != "" {
			q.Set("model", *model)
		}
		return r.do(c.Context(), func(_ *config.Loaded, api *client.Client) error {
			var list web.List[web.Silence]
			if err := api.Get(c.Context(), "/silences", q, &list); err != nil {
				return err
			}
			if err := a.Print(*out, list.Items, func() cli.Table { return silenceTable(list.Items) }); err != nil {
				return err
			}
			return more(a, list.More)
		})
	}
	return c
}

func silenceExpire(a *cli.App) *cobra.Command {
	c := &cobra.Command{Use: "expire SILENCE", Short: "End a silence before its time", Args: cobra.ExactArgs(1)}
	r := remoteOf(a, c)
	reason := c.Flags().String("reason", "ended from the command line", "`TEXT` for history and audit log")
	c.RunE = func(c *cobra.Command, args []string) error {
		return r.done(c, "/silences/"+url.PathEscape(args[0])+"/expire", map[string]any{"reason": *reason}, "silence "+args[0]+" ended")
	}
	return c
}

// Pause is "driftline pause".
func Pause(a *cli.App) *cobra.Command {
	c := &cobra.Command{
		Use: "pause MODEL --reason TEXT", Short: "Stop what acts by itself for a model: retrains and promotions", Args: cobra.ExactArgs(1),
		Long: `Stop what acts by itself for a model, until driftline resume: no retrain starts, one
that is under way stands still, nothing is promoted and no probation is decided. Counting
and judging go on, alarms fire and are heard; to mute them, see driftline silence. What a
person does by hand, such as driftline models promote, works as ever.`,
	}
	reason := reasonFlag(c)
	return pauseOr(a, c, reason, "pause", "is paused", "was paused already")
}

// Resume is "driftline resume".
func Resume(a *cli.App) *cobra.Command {
	c := &cobra.Command{Use: "resume MODEL", Short: "End the pause of a model", Args: cobra.ExactArgs(1)}
	reason := c.Flags().String("reason", "resumed from the command line", "`TEXT` for history and audit log")
	return pauseOr(a, c, reason, "resume", "is resumed", "was not paused")
}

// pauseOr completes a command that pauses or resumes.
func pauseOr(a *cli.App, c *cobra.Command, reason *string, what, done, before string) *cobra.Command {
	r, out := remoteOf(a, c), cli.OutputFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return r.do(c.Context(), func(_ *config.Loaded, api *client.Client) error {
			var p web.Paused
			if err := api.Post(c.Context(), "/models/"+url.PathEscape(args[0])+"/"+what, map[string]any{"reason": *reason}, &p); err != nil {
				return err
			}
			if *out != cli.TableFormat {
				return a.Print(*out, p, nil)
			}
			text := done
			if !p.Changed {
				text = before
			}
			if p.Paused && !p.Changed {
				text += " by " + p.By + ", " + moment(p.PausedMS) + ": " + strings.TrimSpace(p.Reason)
			}
			_, err := fmt.Fprintf(a.Out, "model %s %s\n", p.Model, text)
			return err
		})
	}
	return c
}
