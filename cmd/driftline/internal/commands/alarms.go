package commands

import (
	"fmt"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/client"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/web"
)

// Alarms is "driftline alarms list|show|ack|note".
func Alarms(a *cli.App) *cobra.Command {
	return cli.Group("alarms", "Alarms: list, show, take up, write notes", alarmsList(a), alarmsShow(a), alarmsAck(a), alarmsNote(a))
}

// filters are the flags of a list; empty ones are not asked for.
type filters struct {
	values map[string]*string
	limit  *int
}

func (f filters) query() url.Values {
	q := url.Values{"limit": {strconv.Itoa(*f.limit)}}
	for name, v := range f.values {
		if *v != "" {
			q.Set(name, *v)
		}
	}
	return q
}

func filterFlags(c *cobra.Command, states, kinds string) filters {
	return filters{
		values: map[string]*string{
			"model": c.Flags().String("model", "", "only of the model `NAME`"),
			"state": c.Flags().String("state", "", "only in `STATE`: "+states),
			"kind":  c.Flags().String("kind", "", "only of `KIND`: "+kinds),
		},
		limit: c.Flags().Int("limit", 100, "at most `N` of them, 1 to 5000"),
	}
}

// more tells on standard error that a list was cut.
func more(a *cli.App, cut bool) error {
	if !cut {
		return nil
	}
	_, err := fmt.Fprintln(a.Err, "driftline: there are more; raise --limit or narrow the list")
	return err
}

func alarmsList(a *cli.App) *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "List alarms, newest first", Args: cobra.NoArgs}
	r, out := remoteOf(a, c), cli.OutputFlag(c)
	f := filterFlags(c, "firing, resolved, superseded or warned; with --incidents firing or ended", "drift, quality, performance, joint, prediction or early")
	f.values["segment"] = c.Flags().String("segment", "", "only of the part `NAME=VALUE` of the traffic, such as region=eu; * for all parts")
	incidents := c.Flags().Bool("incidents", false, "list incidents: the alarms of one model whose times overlap, as one")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *incidents {
			return incidentsList(a, c, r, *out, f)
		}
		return r.do(c.Context(), func(_ *config.Loaded, api *client.Client) error {
			var list web.List[web.Alarm]
			if err := api.Get(c.Context(), "/alarms", f.query(), &list); err != nil {
				return err
			}
			err := a.Print(*out, list.Items, func() cli.Table {
				t := cli.Table{Head: []string{"ALARM", "MODEL", "VERSION", "KIND", "STATE", "WINDOW", "SINCE", "LAST", "SHARE", "TAKEN UP BY", "SILENCED UNTIL", "INCIDENT"}, Empty: "no alarms"}
				for _, al := range list.Items {
					t.Rows = append(t.Rows, []string{
						al.ID, al.Model, al.Version, kindOf(al), al.State, span(al.WindowMS), moment(al.SinceMS), moment(al.LastMS),
						strconv.FormatFloat(al.Share, 'f', 2, 64), or(al.AckBy, unknown), moment(al.SilencedUntilMS), or(al.Incident, unknown),
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

func alarmsShow(a *cli.App) *cobra.Command {
	c := &cobra.Command{Use: "show ALARM", Short: "Show an alarm with its events, notes and retrains", Args: cobra.ExactArgs(1)}
	r, out := remoteOf(a, c), cli.OutputFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return r.do(c.Context(), func(_ *config.Loaded, api *client.Client) error {
			var al web.AlarmDetail
			if err := api.Get(c.Context(), "/alarms/"+url.PathEscape(args[0]), nil, &al); err != nil {
				return err
			}
			return a.Print(*out, al, func() cli.Table { return alarmTable(al) })
		})
	}
	return c
}

func alarmTable(al web.AlarmDetail) cli.Table {
	t := cli.Table{Head: []string{"WHEN", "WHAT", "VALUE"}}
	add := func(ms int64, what, format string, args ...any) {
		t.Rows = append(t.Rows, []string{moment(ms), what, fmt.Sprintf(format, args...)})
	}
	add(al.SinceMS, "alarm", "%s of model %s, version %s, over %s: %s, share %.2f", kindOf(al.Alarm), al.Model, al.Version, span(al.WindowMS), al.State, al.Share)
	if al.Incident != "" {
		add(al.SinceMS, "incident", "%s", al.Incident)
	}
	if al.Segment != "" {
		add(al.SinceMS, "traffic", "the part %s, against the same part of the reference; starts no retrain", al.Segment)
	}
	add(al.SinceMS, "reference", "%s, policy %s", or(al.Reference, unknown), al.Policy)
	for _, e := range al.Events {
		add(e.TimeMS, "event", "%s", e.Type)
	}
	if n := len(al.Events); n > 0 && al.Kind == wire.KindOfJoint {
		for _, line := range jointEvidence(al.Events[0].Event) {
			add(al.SinceMS, "evidence", "%s", line)
		}
	}
	if n := len(al.Events); n > 0 && al.Kind == wire.KindOfPrediction {
		for _, line := range predictionEvidence(al.Events[0].Event) {
			add(al.SinceMS, "evidence", "%s", line)
		}
	}
	for _, n := range al.Notes {
		add(n.AtMS, "note", "%s: %s", n.Author, n.Text)
	}
	if al.AckBy != "" {
		add(al.AckMS, "taken up", "%s", al.AckBy)
	}
	for _, s := range al.Silences {
		add(s.CreatedMS, "silence", "%s, feature %s, until %s by %s: %s", silencedOf(s), or(s.Feature, "any"), moment(s.UntilMS), s.Author, s.Reason)
	}
	if al.SilencedUntilMS > 0 {
		add(al.SilencedUntilMS, "silenced", "nobody is told until then")
	}
	for _, x := range al.Retrains {
		add(x.CreatedMS, "retrain", "%s %s: %s", x.ID, x.State, x.Reason)
	}
	return t
}

func alarmsAck(a *cli.App) *cobra.Command {
	c := &cobra.Command{Use: "ack ALARM", Short: "Take an alarm up", Args: cobra.ExactArgs(1)}
	r := remoteOf(a, c)
	reason := c.Flags().String("reason", "taken up from the command line", "`TEXT` kept as a note")
	c.RunE = func(c *cobra.Command, args []string) error {
		return r.done(c, "/alarms/"+url.PathEscape(args[0])+"/ack", map[string]any{"reason": *reason}, "alarm "+args[0]+" taken up")
	}
	return c
}

func alarmsNote(a *cli.App) *cobra.Command {
	c := &cobra.Command{Use: "note ALARM TEXT", Short: "Write a note to an alarm", Args: cobra.ExactArgs(2)}
	r := remoteOf(a, c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return r.done(c, "/alarms/"+url.PathEscape(args[0])+"/note", map[string]any{"text": args[1]}, "note kept with alarm "+args[0])
	}
	return c
}

// done acts and says so in one line.
func (r *remote) done(c *cobra.Command, path string, body any, text string) error {
	return r.do(c.Context(), func(_ *config.Loaded, api *client.Client) error {
		if err := api.Post(c.Context(), path, body, nil); err != nil {
			return err
		}
		_, err := fmt.Fprintln(r.app.Out, text)
		return err
	})
}

// kindOf is the kind of an alarm, with what a data-quality alarm checks and the part of the
// traffic that the alarm is about.
func kindOf(a web.Alarm) string {
	kind := a.Kind
	if a.Check != "" {
		kind += ": " + a.Check
	}
	if a.Segment != "" {
		kind += " of " + a.Segment
	}
	return kind
}

// nameOf is a model, with the part of its traffic that is meant.
func nameOf(model, segment string) string {
	if segment == "" {
		return model
	}
	return model + ", " + segment
}
