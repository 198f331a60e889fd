package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/cmd/driftline/internal/datadir"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/wire"
)

// States of a check.
const (
	stateOK   = "ok"
	stateWarn = "warn"
	stateFail = "fail"
)

// check is one thing doctor looked at. The JSON keys are stable.
type check struct {
	Name  string `json:"name"`
	State string `json:"state"`
	Found string `json:"found"`
	Mend  string `json:"mend"`
}

// report is what doctor prints as JSON.
type report struct {
	Checks []check `json:"checks"`
}

func checksOf(checks []check) report {
	if checks == nil {
		checks = []check{}
	}
	return report{checks}
}

// doctorTime bounds each group of checks, so that a dead address does not hang it.
const doctorTime = 20 * time.Second

// Doctor is "driftline doctor".
func Doctor(a *cli.App) *cobra.Command {
	c := &cobra.Command{
		Use: "doctor", Short: "Check configuration, brokers, topics, database and artifacts", Args: cobra.NoArgs,
		Long: `Check what Driftline needs: configuration, data directory, ports, brokers, topics and
their settings, what this user may do there, offsets, clocks, database, artifacts, models.
Each check says ok, warn or fail, what was found and what to do. It changes nothing but a
probe file that it removes again. Ends with code 1 if a check fails.`,
	}
	role := c.Flags().String("role", "", "the `role` that this user is for: its rights must be enough; without it, those of any role")
	out := cli.OutputFlag(c)
	asJSON := c.Flags().Bool("json", false, "print one JSON object: checks, each with name, state, found, mend")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *asJSON {
			*out = cli.JSONFormat
		}
		if _, err := app.ParseRole(*role); *role != "" && err != nil {
			return err
		}
		cfg, err := a.Load(nil)
		if err != nil {
			return printChecks(a, *out, []check{{"configuration", stateFail, err.Error(), "correct it; driftline config validate prints every fault"}})
		}
		d := &doctor{app: a, cfg: cfg, role: *role, log: zerolog.New(io.Discard)}
		d.run(c.Context())
		if err := c.Context().Err(); err != nil {
			return err
		}
		return printChecks(a, *out, d.checks)
	}
	return c
}

type doctor struct {
	app    *cli.App
	cfg    *config.Loaded
	role   string // "" for any
	log    zerolog.Logger
	checks []check

	inForce map[string]wire.Segments // what is counted apart of each model with a grid
}

func (d *doctor) add(name, state, found, mend string) {
	d.checks = append(d.checks, check{name, state, found, mend})
}

// fault adds a failed check and tells whether there was one.
func (d *doctor) fault(name string, err error, mend string) bool {
	if err != nil {
		d.add(name, stateFail, err.Error(), mend)
	}
	return err != nil
}

func (d *doctor) run(ctx context.Context) {
	d.configuration()
	state, fresh := d.directory()
	if state == datadir.Free {
		d.ports(ctx)
	}
	d.step(ctx, func(ctx context.Context) { d.stream(ctx, state, fresh) })
	d.step(ctx, func(ctx context.Context) { d.store(ctx, fresh) })
	d.step(ctx, func(ctx context.Context) { d.artifacts(ctx, fresh) })
}

func (d *doctor) step(ctx context.Context, f func(context.Context)) {
	ctx, cancel := context.WithTimeout(ctx, doctorTime)
	defer cancel()
	f(ctx)
}

func (d *doctor) configuration() {
	if w := d.cfg.Warnings; len(w) > 0 {
		d.add("configuration", stateWarn, strings.Join(w, "; "), "driftline config show --origin tells where each value comes from")
	} else {
		d.add("configuration", stateOK, fmt.Sprintf("namespace %s, %d models listed", d.cfg.Namespace, len(d.cfg.Models)), "")
	}
	if d.cfg.Admission.Mode == "off" && len(d.cfg.Models) == 0 {
		d.add("admission", stateWarn, "off, and no model is listed: events are counted as seen, not watched (driftline all watches them by itself)",
			"list models under models:, run driftline models apply, or set admission.mode: auto")
		return
	}
	d.add("admission", stateOK, fmt.Sprintf("%s, %d models listed", d.cfg.Admission.Mode, len(d.cfg.Models)), "")
}

// directory looks at the data directory; fresh tells that nothing has run there.
func (d *doctor) directory() (state datadir.State, fresh bool) {
	const name = "data directory"
	run, state, err := datadir.Look(d.cfg.DataDir)
	if d.fault(name, err, "mend the directory or give another --data-dir") {
		return state, true
	}
	switch state {
	case datadir.Running:
		d.add(name, stateOK, fmt.Sprintf("%s, held by process %d, version %s", d.cfg.DataDir, run.PID, run.Version), "")
		return state, false
	case datadir.Starting:
		d.add(name, stateWarn, fmt.Sprintf("process %d holds %s and is starting or stopping", run.PID, d.cfg.DataDir), "ask again in a moment")
		return state, false
	}
	if _, err := os.Stat(d.cfg.DataDir); errors.Is(err, os.ErrNotExist) {
		d.add(name, stateOK, d.cfg.DataDir+" does not exist yet; the first start makes it", "")
		return state, true
	}
	d.add(name, stateOK, d.cfg.DataDir+", no process holds it", "")
	return state, false
}

// ports tells whether the addresses that a start would take are free.
func (d *doctor) ports(ctx context.Context) {
	addrs := []struct{ key, addr, flag string }{{"http.listen", d.cfg.HTTP.Listen, "--listen"}, {"ops.listen", d.cfg.Ops.Listen, "--ops-listen"}}
	if d.cfg.Embedded() {
		addrs = append(addrs, struct{ key, addr, flag string }{"broker.listen", d.cfg.Broker.Listen, "--broker-listen"})
	}
	for _, x := range addrs {
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", x.addr)
		if d.fault("address "+x.key, err, "stop what listens there, or give another "+x.flag) {
			continue
		}
		if d.fault("address "+x.key, l.Close(), "ask again") {
			continue
		}
		d.add("address "+x.key, stateOK, x.addr+" is free", "")
	}
}

// store checks database, schema and champions. It migrates nothing.
func (d *doctor) store(ctx context.Context, fresh bool) {
	const name = "database"
	if path, ok := strings.CutPrefix(d.cfg.StoreURL(), "sqlite:"); ok {
		if _, err := os.Stat(strings.TrimPrefix(path, "//")); fresh || errors.Is(err, os.ErrNotExist) {
			d.add(name, stateOK, "no SQLite file yet; the first start makes it", "")
			return
		}
	}
	s, err := store.Open(ctx, d.cfg.StoreURL(), store.Options{})
	if d.fault(name, err, "check store.database_url, the network and the database's rights") {
		return
	}
	defer func() { _ = s.Close() }() // opened to look only
	err = s.CheckSchema(ctx)
	if errors.Is(err, store.ErrSchemaOld) {
		d.add(name, stateWarn, err.Error(), "driftline migrate")
		return
	}
	if d.fault(name, err, "check the database; a newer schema needs the newer program") {
		return
	}
	d.add(name, stateOK, s.Dialect()+" answers, its schema is this program's", "")
	d.champions(ctx, s)
	d.segments(ctx, s)
}

// champions tells where alias and stage name different versions.
func (d *doctor) champions(ctx context.Context, s *store.Store) {
	const name = "champions"
	var differ []string
	n := 0
	err := s.Read(ctx, func(t *store.Tx) error {
		champions, err := t.Champions(ctx)
		if err != nil {
			return err
		}
		n = len(champions)
		for _, c := range champions {
			latest, err := t.LatestVersions(ctx, c.Model, []string{store.StageProduction})
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			if len(latest) > 0 && latest[0].Version != c.Version {
				differ = append(differ, fmt.Sprintf("%s: champion is version %s, stage Production holds %s", c.Model, c.Version, latest[0].Version))
			}
		}
		return nil
	})
	switch {
	case d.fault(name, err, "check the database"):
	case len(differ) > 0:
		d.add(name, stateWarn, strings.Join(differ, "; "), "driftline models promote MODEL VERSION sets both")
	default:
		d.add(name, stateOK, fmt.Sprintf("%d, stage and alias agree", n), "")
	}
}

// probe is the artifact that doctor writes, reads and removes.
const probe = "driftline-doctor/probe.txt"

func (d *doctor) artifacts(ctx context.Context, fresh bool) {
	const name = "artifacts"
	root := d.cfg.ArtifactRoot()
	if fresh && d.cfg.Artifacts.Root == "" {
		d.add(name, stateOK, root+" does not exist yet; the first start makes it", "")
		return
	}
	p, err := app.Open(ctx, &d.cfg.Config, d.log, d.app.Build.Version, app.Want{Artifacts: true})
	if d.fault(name, err, "check artifacts.root, its rights, and for S3 the endpoint and AWS_* variables") {
		return
	}
	defer func() { _ = p.Close() }() // the probe below decides
	const text = "written by driftline doctor"
	mend := "give this user the right to put, get and delete below " + root
	if d.fault(name, p.Artifacts.Put(ctx, probe, strings.NewReader(text), 0), mend) {
		return
	}
	got, err := readProbe(ctx, p)
	err = errors.Join(err, p.Artifacts.Delete(ctx, "driftline-doctor"))
	switch {
	case d.fault(name, err, mend):
	case got != text:
		d.add(name, stateFail, "a probe read back differs from what was written", "check the storage behind "+root)
	default:
		d.add(name, stateOK, root+": a probe was put, got and deleted", "")
	}
}

func readProbe(ctx context.Context, p *app.Parts) (string, error) {
	f, _, err := p.Artifacts.Open(ctx, probe)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(f, 1<<10))
	return string(text), also(err, f.Close)
}
