package commands

import (
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/client"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/web"
)

// Explain is "driftline explain".
func Explain(a *cli.App) *cobra.Command {
	c := &cobra.Command{Use: "explain ALARM", Short: "Say why an alarm fired, and what would have kept it silent", Args: cobra.ExactArgs(1)}
	r, out := remoteOf(a, c), cli.OutputFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return r.do(c.Context(), func(_ *config.Loaded, api *client.Client) error {
			var e web.Explanation
			if err := api.Get(c.Context(), "/alarms/"+url.PathEscape(args[0])+"/explain", nil, &e); err != nil {
				return err
			}
			if *out != cli.TableFormat {
				return a.Print(*out, e, nil)
			}
			_, err := io.WriteString(a.Out, explained(e))
			return err
		})
	}
	return c
}

// mostExplained is how many features the text of an explanation shows; JSON has them all.
const mostExplained = 10

// explained writes an explanation for people: what happened, what it rests on, what other
// rules said, and the features that contribute most.
func explained(e web.Explanation) string {
	var b strings.Builder
	b.WriteString(cli.Plain(e.Text) + "\n")
	if len(e.Evidence) > 0 {
		b.WriteString("\nWhat it rests on\n")
		for _, f := range e.Evidence {
			fmt.Fprintf(&b, "  %s: %s\n", f.Name, cli.Plain(f.Text))
		}
	}
	if len(e.Others) > 0 {
		b.WriteString("\nBy other rules\n")
		for _, o := range e.Others {
			fmt.Fprintf(&b, "  %s\n", cli.Plain(o.Text))
		}
	}
	if len(e.Features) > 0 && (e.Kind == "drift" || e.Kind == wire.KindOfPrediction) {
		b.WriteString("\nFeatures of that window\n")
		features(&b, e.Features)
	}
	return b.String()
}

// features writes those that contribute most as a table, and below each the parts of its
// range.
func features(b *strings.Builder, fs []web.Feature) {
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  FEATURE\tVERDICT\tPSI\tLOWER BOUND\tKS\tEFFECTIVE N\tDESIGN EFFECT\tM\tN\tSMALLEST DETECTABLE\tPARTS, REFERENCE TO WINDOW")
	number := func(x *float64) string {
		if x == nil {
			return unknown
		}
		return strconv.FormatFloat(*x, 'g', 4, 64)
	}
	for _, f := range fs[:min(len(fs), mostExplained)] {
		ks := unknown
		if f.KSLow != nil && f.KSHigh != nil {
			ks = number(f.KSLow) + " to " + number(f.KSHigh)
		}
		var parts []string
		for _, c := range f.Top[:min(len(f.Top), 3)] {
			if c.Ref != nil && c.Cur != nil {
				parts = append(parts, fmt.Sprintf("%s: %.1f %% to %.1f %%", c.Label, 100**c.Ref, 100**c.Cur))
			}
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\t%s\n",
			cli.Plain(f.Name), f.Verdict, number(f.PSI), number(f.PSILower), ks, number(f.NEff), number(f.DesignEffect), f.M, f.N, number(f.Detectable), or(cli.Plain(strings.Join(parts, "; ")), unknown))
	}
	_ = w.Flush() // a strings.Builder takes everything
	if more := len(fs) - mostExplained; more > 0 {
		fmt.Fprintf(b, "  and %d more; -o json gives them all\n", more)
	}
}

// incidentsList is "driftline alarms list --incidents".
func incidentsList(a *cli.App, c *cobra.Command, r *remote, out cli.Format, f filters) error {
	if *f.values["kind"] != "" {
		return cli.Usagef("--kind: an incident holds alarms of several kinds; leave it out")
	}
	if *f.values["segment"] != "" {
		return cli.Usagef("--segment: an incident holds alarms of all of the traffic and of its parts; leave it out")
	}
	return r.do(c.Context(), func(_ *config.Loaded, api *client.Client) error {
		var list web.List[web.Incident]
		if err := api.Get(c.Context(), "/incidents", f.query(), &list); err != nil {
			return err
		}
		err := a.Print(out, list.Items, func() cli.Table {
			t := cli.Table{Head: []string{"INCIDENT", "MODEL", "STATE", "SINCE", "UNTIL", "WORST", "SHARE", "ALARMS"}, Empty: "no incidents"}
			for _, n := range list.Items {
				var members []string
				for _, al := range n.Alarms {
					members = append(members, kindOf(al)+" "+span(al.WindowMS)+" "+al.State)
				}
				t.Rows = append(t.Rows, []string{n.ID, n.Model, n.State, moment(n.SinceMS), moment(n.UntilMS), n.Worst + " " + n.WorstID, strconv.FormatFloat(n.Share, 'f', 2, 64), strings.Join(members, ", ")})
			}
			return t
		})
		if err != nil {
			return err
		}
		return more(a, list.More)
	})
}
