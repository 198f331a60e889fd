package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/client"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/cmd/driftline/internal/datadir"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/web"
)

// waitPoll is how often --wait asks how far a retrain is.
const waitPoll = 500 * time.Millisecond

// underWay are the states in which a retrain goes on by itself.
var underWay = []string{
	store.RetrainQueued, store.RetrainChecked, store.RetrainLeased, store.RetrainDataset, store.RetrainTrained,
	store.RetrainEvaluated, store.RetrainRegistered, store.RetrainGated,
}

// retrainFlags are what the person asks for.
type retrainFlags struct {
	force, wait, summary bool
	reason, report       string
	timeout              time.Duration
}

// Retrain is "driftline retrain".
func Retrain(a *cli.App) *cobra.Command {
	c := &cobra.Command{
		Use: "retrain MODEL...", Short: "Ask for a retrain of models", Args: cobra.ArbitraryArgs,
		Long: `Ask for a retrain of each model. The trainer checks, fits, judges and, as far as the
model's automation goes, promotes. It needs an open alarm of drift or performance, of all
of the model's traffic; --force skips that and the cool-down, never fresh labels, data
quality or gates.

Where nothing runs on the data directory, --wait runs the trainer in this process until
the retrains rest; without --wait they are queued for the next trainer.

--summary asks for nothing: it prints the newest retrain of each model.
Ends with code 1 if a retrain failed or was not begun, the reason is printed.`,
	}
	r, out := remoteOf(a, c), cli.OutputFlag(c)
	var f retrainFlags
	c.Flags().BoolVar(&f.force, "force", false, "skip the drift condition and the cool-down")
	c.Flags().StringVar(&f.reason, "reason", "asked for from the command line", "why, as `TEXT`")
	c.Flags().BoolVar(&f.wait, "wait", false, "wait until the retrains rest")
	c.Flags().DurationVar(&f.timeout, "timeout", time.Hour, "wait at most so long with --wait")
	c.Flags().StringVar(&f.report, "report", "", "write the outcome per model as JSON to `FILE`; - for standard output")
	c.Flags().BoolVar(&f.summary, "summary", false, "only print the newest retrain of each model, all models if none is named")
	c.RunE = func(c *cobra.Command, models []string) error {
		if len(models) == 0 && !f.summary {
			return cli.Usagef("retrain needs the name of a model; driftline models list shows them")
		}
		r.open = r.openTrigger
		ask := func(_ *config.Loaded, api *client.Client) error { return retrainAll(c, a, api, models, f, *out) }
		if f.wait && !f.summary && *r.server == "" {
			own, cfg, err := nobodyRuns(a)
			if err != nil {
				return err
			}
			if own {
				return runMeanwhile(c.Context(), a, cfg, func(context.Context) error { return r.do(c.Context(), ask) })
			}
		}
		return r.do(c.Context(), ask)
	}
	return c
}

// openTrigger serves the API with retrains in this process.
func (r *remote) openTrigger(ctx context.Context, cfg *config.Loaded) (http.Handler, func() error, error) {
	p, _, err := app.Beside(ctx, &cfg.Config, quiet(r.app, cfg), r.app.Build.Version, app.Want{Broker: true, Store: true, Artifacts: true})
	if err != nil {
		return nil, nil, err
	}
	d, err := declared(ctx, p)
	if err != nil {
		return nil, nil, also(err, p.Close)
	}
	h, err := p.TriggerAPI(ctx, r.app.Build, d)
	if err != nil {
		return nil, nil, also(err, p.Close)
	}
	return h, p.Close, nil
}

// nobodyRuns tells whether no instance could be asked.
func nobodyRuns(a *cli.App) (bool, *config.Loaded, error) {
	cfg, err := a.Load(nil)
	if err != nil || strings.HasPrefix(a.Getenv("MLFLOW_TRACKING_URI"), "http") {
		return false, cfg, err
	}
	_, state, err := datadir.Look(cfg.DataDir)
	return state == datadir.Free, cfg, err
}

// runMeanwhile runs the roles that carry a retrain, on free ports, while job lasts.
func runMeanwhile(ctx context.Context, a *cli.App, cfg *config.Loaded, job func(context.Context) error) error {
	own := cfg.Config
	own.HTTP.Listen, own.HTTP.BasePath, own.Ops.Listen, own.Broker.Listen, own.Broker.Advertise = "127.0.0.1:0", "", "127.0.0.1:0", "127.0.0.1:0", ""
	roles := app.Roles{Trainer: true, Serve: true}
	if own.Embedded() {
		roles = app.Everything
	}
	return app.Run(ctx, app.Options{
		Cfg: &own, Build: a.Build, Log: quiet(a, cfg), Roles: roles, Alone: own.Embedded(),
		Job: func(ctx context.Context, _ *app.Running) error { return job(ctx) },
	})
}

// outcome is what one model's retrain came to; the keys are stable.
type outcome struct {
	Model         string     `json:"model"`
	Strategy      string     `json:"strategy"`
	DriftDetected bool       `json:"drift_detected"`
	DriftRatio    float64    `json:"drift_ratio"`
	Retrained     bool       `json:"retrained"`
	RunID         string     `json:"run_id"`
	Version       string     `json:"version"`
	Promoted      bool       `json:"promoted"`
	Gates         []web.Gate `json:"gates"`
	Error         string     `json:"error"`
	Retrain       string     `json:"retrain"`
	State         string     `json:"state"`
	Reason        string     `json:"reason"`
}

func retrainAll(c *cobra.Command, a *cli.App, api *client.Client, models []string, f retrainFlags, out cli.Format) error {
	ctx := c.Context()
	if f.summary && len(models) == 0 {
		var list web.List[web.ModelSummary]
		if err := api.Get(ctx, "/models", nil, &list); err != nil {
			return err
		}
		for _, m := range list.Items {
			models = append(models, m.Name)
		}
		slices.Sort(models)
	}
	outcomes := []outcome{}
	var faults []error
	for _, m := range models {
		o, err := retrainOne(c, a, api, m, f)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			o.Model, o.Error = m, err.Error()
			faults = append(faults, err)
		}
		outcomes = append(outcomes, o)
	}
	if err := writeReport(a, f.report, outcomes); err != nil {
		return err
	}
	if f.report != "-" {
		if err := a.Print(out, outcomes, func() cli.Table { return outcomeTable(outcomes) }); err != nil {
			return err
		}
	}
	return errors.Join(faults...)
}

func retrainOne(c *cobra.Command, a *cli.App, api *client.Client, model string, f retrainFlags) (outcome, error) {
	var m web.ModelDetail
	if err := api.Get(c.Context(), "/models/"+url.PathEscape(model), nil, &m); err != nil {
		return outcome{}, err
	}
	x := web.RetrainDetail{Gates: []web.Gate{}}
	var err error
	if f.summary {
		var list web.List[web.Retrain]
		if err := api.Get(c.Context(), "/retrains", url.Values{"model": {model}, "limit": {"1"}}, &list); err != nil {
			return outcome{}, err
		}
		if len(list.Items) > 0 {
			x, err = readRetrain(c, api, list.Items[0].ID)
		}
		return outcomeOf(m, x), err
	}
	var row web.Retrain
	if err := api.Post(c.Context(), "/retrains", map[string]any{"model": model, "reason": f.reason, "force": f.force}, &row); err != nil {
		return outcomeOf(m, x), err
	}
	if x, err = readRetrain(c, api, row.ID); err == nil && f.wait {
		x, err = waitFor(c, a, api, x, f.timeout)
	}
	if err != nil {
		return outcomeOf(m, x), err
	}
	switch x.State {
	case store.RetrainFailed:
		err = fmt.Errorf("retrain %s of model %s failed: %s", x.ID, model, x.Reason)
	case store.RetrainCoalesced:
		err = fmt.Errorf("no retrain of model %s: %s", model, x.Reason)
	case store.RetrainBlocked:
		err = fmt.Errorf("retrain %s of model %s is blocked: %s", x.ID, model, x.Reason)
	}
	return outcomeOf(m, x), err
}

// waitFor asks until the retrain rests, and tells each state on standard error.
func waitFor(c *cobra.Command, a *cli.App, api *client.Client, x web.RetrainDetail, timeout time.Duration) (web.RetrainDetail, error) {
	ctx, cancel := context.WithTimeoutCause(c.Context(), timeout, fmt.Errorf("retrain %s of model %s is still under way after %s; driftline retrains show %s tells how far it is", x.ID, x.Model, timeout, x.ID))
	defer cancel()
	told := 0
	for {
		for ; told < len(x.Steps); told++ {
			if _, err := fmt.Fprintf(a.Err, "%s: %s %s\n", x.Model, strings.ToLower(x.Steps[told].State), x.Steps[told].Reason); err != nil {
				return x, err
			}
		}
		if !slices.Contains(underWay, x.State) {
			return x, nil
		}
		select {
		case <-ctx.Done():
			return x, context.Cause(ctx)
		case <-time.After(waitPoll):
		}
		next, err := readRetrain(c, api, x.ID)
		if err != nil {
			return x, err
		}
		x = next
	}
}

func outcomeOf(m web.ModelDetail, x web.RetrainDetail) outcome {
	o := outcome{
		Model: m.Name, Strategy: strategy(m.Name), RunID: x.RunID, Version: x.Version, Gates: x.Gates,
		Retrain: x.ID, State: x.State, Reason: x.Reason, Promoted: reached(x, store.RetrainPromoted), Retrained: reached(x, store.RetrainTrained),
	}
	drifted, judged := m.Drifted, m.Judged
	var asked struct {
		Cause   string `json:"cause"`
		Drifted int64  `json:"drifted"`
		Judged  int64  `json:"judged"`
	}
	// A trigger that is no object is of a person or a schedule: the model's newest window stands in.
	if json.Unmarshal(x.Trigger, &asked) == nil && asked.Judged > 0 {
		drifted, judged = asked.Drifted, asked.Judged
	}
	if judged > 0 {
		o.DriftRatio = float64(drifted) / float64(judged)
	}
	o.DriftDetected = asked.Cause == "drift" || slices.ContainsFunc(m.Open, func(al web.Alarm) bool { return al.Kind == "drift" || al.Kind == wire.KindOfJoint })
	if o.Gates == nil {
		o.Gates = []web.Gate{}
	}
	return o
}

// strategy is the middle of acis_{strategy}_classifier, else the model's name.
func strategy(model string) string {
	if mid, ok := strings.CutPrefix(model, "acis_"); ok {
		if mid, ok = strings.CutSuffix(mid, "_classifier"); ok && mid != "" {
			return mid
		}
	}
	return model
}

func reached(x web.RetrainDetail, state string) bool {
	return slices.ContainsFunc(x.Steps, func(s web.Step) bool { return s.State == state })
}

func outcomeTable(outcomes []outcome) cli.Table {
	t := cli.Table{Head: []string{"MODEL", "RETRAIN", "STATE", "VERSION", "PROMOTED", "DRIFT", "REASON"}, Empty: "no model is watched"}
	for _, o := range outcomes {
		promoted := "no"
		if o.Promoted {
			promoted = "yes"
		}
		t.Rows = append(t.Rows, []string{
			o.Model, or(o.Retrain, unknown), or(strings.ToLower(o.State), unknown), or(o.Version, unknown), promoted,
			fmt.Sprintf("%.2f", o.DriftRatio), or(o.Reason, or(o.Error, unknown)),
		})
	}
	return t
}

func writeReport(a *cli.App, path string, v any) error {
	if path == "" {
		return nil
	}
	if path == "-" {
		return a.Print(cli.JSONFormat, v, nil)
	}
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
		return cli.Usagef("--report: %w", err)
	}
	return nil
}
