package commands

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/client"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/trainer"
	"github.com/driftline/driftline/web"
)

// Reference is "driftline reference build|list|show|exclude".
func Reference(a *cli.App) *cobra.Command {
	return cli.Group("reference", "References, what windows are compared with: build, list, show, exclude",
		referenceBuild(a), referenceList(a), referenceShow(a), referenceExclude(a))
}

// references asks for a model's references, newest first. Rows that hold a grid alone
// are no references of their own.
func references(c *cobra.Command, api *client.Client, model string) ([]web.Reference, error) {
	var list web.List[web.Reference]
	err := api.Get(c.Context(), "/references", url.Values{"model": {model}}, &list)
	return slices.DeleteFunc(list.Items, func(r web.Reference) bool { return r.Kind == trainer.KindGrid }), err
}

func referenceList(a *cli.App) *cobra.Command {
	c := &cobra.Command{Use: "list MODEL", Short: "List a model's references, newest first", Args: cobra.ExactArgs(1)}
	r, out := remoteOf(a, c), cli.OutputFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return r.do(c.Context(), func(_ *config.Loaded, api *client.Client) error {
			refs, err := references(c, api, args[0])
			if err != nil {
				return err
			}
			if refs == nil {
				refs = []web.Reference{}
			}
			return a.Print(*out, refs, func() cli.Table {
				t := cli.Table{
					Head:  []string{"REFERENCE", "KIND", "VERSION", "ROWS", "FROM", "TO", "MADE"},
					Empty: fmt.Sprintf("model %s has no reference stored; driftline reference build makes one", args[0]),
				}
				for _, x := range refs {
					t.Rows = append(t.Rows, []string{x.ID, kindWords(x.Kind), or(x.Version, unknown), count(x.Rows), moment(x.FromMS), moment(x.ToMS), moment(x.CreatedMS)})
				}
				return t
			})
		})
	}
	return c
}

func referenceShow(a *cli.App) *cobra.Command {
	c := &cobra.Command{
		Use: "show MODEL REFERENCE", Short: "Show one reference", Args: cobra.ExactArgs(2),
		Long: "Show one reference of a model. The beginning of its id is enough where it is the only one.",
	}
	r, out := remoteOf(a, c), cli.OutputFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return r.do(c.Context(), func(_ *config.Loaded, api *client.Client) error {
			refs, err := references(c, api, args[0])
			if err != nil {
				return err
			}
			found := slices.DeleteFunc(refs, func(x web.Reference) bool { return !strings.HasPrefix(x.ID, args[1]) })
			switch len(found) {
			case 0:
				return fmt.Errorf("model %s has no reference %s; driftline reference list %s shows them", args[0], args[1], args[0])
			case 1:
			default:
				return cli.Usagef("%d references of model %s begin with %s; give more of the id", len(found), args[0], args[1])
			}
			x := found[0]
			return a.Print(*out, x, func() cli.Table {
				if x.Moving {
					return movingTable(x)
				}
				return cli.Table{Head: []string{"WHAT", "VALUE"}, Rows: [][]string{
					{"reference", x.ID}, {"model", x.Model}, {"version", or(x.Version, "any")}, {"kind", kindWords(x.Kind)}, {"rows", count(x.Rows)},
					{"from", moment(x.FromMS)}, {"to", moment(x.ToMS)}, {"made", moment(x.CreatedMS)}, {"notes", string(x.Meta)},
				}}
			})
		})
	}
	return c
}

// kindWords is a kind as people read it.
func kindWords(kind string) string { return strings.ReplaceAll(kind, "_", " ") }

// movingTable shows a reference that the stream makes itself, as of the newest window.
func movingTable(x web.Reference) cli.Table {
	return cli.Table{Head: []string{"WHAT", "VALUE"}, Rows: [][]string{
		{"reference", x.ID}, {"model", x.Model}, {"kind", x.Kind + ", moves along"}, {"as of", moment(x.CreatedMS)}, {"rows", count(x.Rows)},
		{"from", moment(x.FromMS)}, {"to", moment(x.ToMS)}, {"holds", or(x.Digest, unknown)}, {"too little", or(x.Reason, "no")},
	}}
}
