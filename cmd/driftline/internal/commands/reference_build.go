package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/drift/sequential"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/trainer"
	"github.com/driftline/driftline/trainer/reference"
)

// buildFlags are what reference build is asked for.
type buildFlags struct {
	from, time, fromTime, toTime, version, database string
	columns, drop                                   []string
	minRows                                         int
	dry, noSegments                                 bool
}

// built is what reference build prints as JSON.
type built struct {
	Model     string       `json:"model"`
	Reference string       `json:"reference"`
	Grid      string       `json:"grid"`
	NewGrid   bool         `json:"new_grid"`
	Why       string       `json:"why"`
	Source    string       `json:"source"`
	Rows      int          `json:"rows"`
	Excluded  int          `json:"excluded"` // rows that exclusions kept out
	Features  []string     `json:"features"`
	FromMS    int64        `json:"from_ms"`
	ToMS      int64        `json:"to_ms"`
	Windows   []int64      `json:"windows_ms"` // lengths whose dependence is known
	Early     builtEarly   `json:"early"`
	Joint     builtJoint   `json:"joint"`
	Chosen    *chosenDays  `json:"chosen,omitempty"` // last-good
	Parts     []builtPart  `json:"parts"`            // of the model's segments
	Counted   int64        `json:"segments_ms"`      // event time from which other segments count than before; 0: no change, or from the first event on
	Answers   builtAnswers `json:"answers"`
	Checks    []gateResult `json:"checks"`
	Published bool         `json:"published"`
	Stored    bool         `json:"stored"`
	AppliesMS int64        `json:"applies_ms"` // event time from which a new grid counts; 0: at once
}

// builtEarly says whether the model is warned early, and how well that is calibrated.
type builtEarly struct {
	InForce bool   `json:"in_force"`
	Why     string `json:"why,omitempty"` // why not
	// False alarms per month: asked for, and found in simulation with its 95 % interval.
	Target   float64 `json:"false_alarms_target,omitempty"`
	Achieved float64 `json:"false_alarms_achieved,omitempty"`
	Low      float64 `json:"false_alarms_low,omitempty"`
	High     float64 `json:"false_alarms_high,omitempty"`
	Basis    string  `json:"basis,omitempty"`
	Paths    int     `json:"paths,omitempty"` // kinds of change that are looked for, over all features
}

type gateResult struct {
	Name   string `json:"name"`
	Found  string `json:"found"`
	Needed string `json:"needed"`
	OK     bool   `json:"ok"`
}

func referenceBuild(a *cli.App) *cobra.Command {
	c := &cobra.Command{
		Use: "build MODEL --from SOURCE", Short: "Make a reference from rows and put it in force", Args: cobra.ExactArgs(1),
		Long: `Make a reference from rows, check it, and put it in force. SOURCE is

  file:PATH              .csv, .csv.gz, .tsv or .parquet; an empty field is null
  sql:QUERY, table:NAME  rows of a database under sources:, read-only (--database)
  examples[:FROM..TO]    examples with features that the history keeps
  topic[:TOPIC]          events of the model that an input topic still holds
  run:ID                 the rows that a retrain's run of this model was trained and judged on
  last-good[:DAYS]       events that the input topics still hold, of the newest whole days (7) on
                         which the version that serves was known to do well: no alarm and no
                         exclusion in them, labels matured, performance as promised; without
                         labels the first days after its promotion

Every condition is printed with what was found and what is needed; where one fails
nothing changes and the command ends with code 4. Rows in order of time (--time-column,
examples, topics, runs) tell how dependent records are; without, that is learnt live.

Where the model declares segments, their rows are counted apart too: by the segments of
events and examples, by what a run logged, and by columns that are named as segments are.

Times are RFC 3339, dates, epoch milliseconds, or now-7d.`,
	}
	out := cli.OutputFlag(c)
	var f buildFlags
	c.Flags().StringVar(&f.from, "from", "", "take the rows from `SOURCE` (required)")
	c.Flags().StringVar(&f.time, "time-column", "", "files, queries: event time stands in column `NAME`")
	c.Flags().StringSliceVar(&f.columns, "columns", nil, "only these features, `A,B,...`; default all, or those in force")
	c.Flags().StringSliceVar(&f.drop, "label-column", nil, "files, queries: leave out column `NAME`, which is no feature; may be repeated")
	c.Flags().StringVar(&f.database, "database", "", "queries: `NAME` of the database under sources: (default the only one)")
	c.Flags().StringVar(&f.fromTime, "from-time", "", "only rows at or after `TIME`")
	c.Flags().StringVar(&f.toTime, "to-time", "", "only rows before `TIME`")
	c.Flags().StringVar(&f.version, "version", "", "the reference belongs to `VERSION` of the model")
	c.Flags().BoolVar(&f.noSegments, "no-segments", false, "files, queries: rows lie in no segment, although the model declares some")
	c.Flags().IntVar(&f.minRows, "min-rows", 0, "need at least `N` rows (default 100)")
	c.Flags().BoolVar(&f.dry, "dry-run", false, "check only; change nothing")
	c.RunE = func(c *cobra.Command, args []string) error {
		src, err := parseSource(f, time.Now())
		if err != nil {
			return &cli.Exit{Code: cli.Usage, Err: err}
		}
		cfg, err := a.Load(nil)
		if err != nil {
			return err
		}
		want := app.Want{Broker: true, Store: true, Artifacts: src.kind == fromRun}
		p, _, err := app.Beside(c.Context(), &cfg.Config, quiet(a, cfg), a.Build.Version, want)
		if err != nil {
			return err
		}
		b := builder{app: a, cfg: &cfg.Config, parts: p, flags: f, model: args[0]}
		return also(b.run(c.Context(), src, *out), p.Close)
	}
	return c
}

// builder makes one reference.
type builder struct {
	app   *cli.App
	cfg   *config.Config
	parts *app.Parts
	flags buildFlags
	model string

	declared *app.Declared
	excluded wire.Exclusions
	kept     int                // rows that exclusions kept out
	good     reference.GoodDays // last-good
	answered *answers           // nil: the source tells of none
	res      reference.Result
	out      built
}

func (b *builder) run(ctx context.Context, src source, out cli.Format) error {
	if err := b.prepare(ctx); err != nil {
		return err
	}
	spec := reference.Spec{
		Model: b.model, Version: b.flags.version, Kind: src.kind, WindowsMS: b.declared.Layout.WindowsMS,
		Gate: reference.Gate{MinRows: b.flags.minRows},
	}
	m, err := b.spec(ctx)
	if err != nil {
		return err
	}
	spec.Early, spec.Joint = app.EarlyOf(m, b.declared.Layout), app.JointOf(m, b.declared.Layout)
	spec.Segments, spec.Gate.SegmentRows = m.Segments.Wire(), int(m.Policy.Wire().MinRows)
	if g, ok := b.declared.View.Newest(b.model); ok {
		spec.Keep, spec.KeepJoint, spec.KeepSegments = g.Grid, g.Joint, segmentsInForce(g)
	}
	if !src.columns() {
		if b.excluded, err = b.exclusions(ctx); err != nil {
			return err
		}
	}
	if src.kind == fromLastGood {
		if err := b.chooseDays(ctx, m, &src, &spec); err != nil {
			return b.refuse(spec, src, out, err)
		}
	}
	rows, err := b.rows(ctx, src, &spec)
	if err != nil {
		return err
	}
	if spec.Ordered && spec.Early.StepMS > 0 {
		if _, err := fmt.Fprintf(b.app.Err, "%d rows, %d features: counting, and calibrating the early warning\n", len(rows), len(spec.Names)); err != nil {
			return err
		}
	}
	var gate error
	b.res, gate = reference.Build(spec, rows)
	if gate != nil && !errors.Is(gate, reference.ErrGate) {
		return cli.Usagef("%w", gate)
	}
	if spec.Ordered && len(rows) > 0 && src.kind != fromLastGood { // which asks about every alarm
		c, err := b.qualityCheck(ctx, rows)
		if err != nil {
			return err
		}
		b.res.Checks = append(b.res.Checks, c)
		if !c.OK && gate == nil {
			gate = fmt.Errorf("%w for model %q: %s: found %s, needed %s", reference.ErrGate, b.model, c.Name, c.Found, c.Needed)
		}
	}
	answers := builtAnswers{Why: "the reference is refused"}
	if gate == nil {
		if answers, err = b.answer(src, spec.Version); err != nil {
			return cli.Usagef("%w", err)
		}
	}
	b.describe(spec, src, len(rows))
	b.out.Answers = answers
	if gate == nil && !b.flags.dry {
		if err := b.install(ctx); err != nil {
			return err
		}
	}
	if err := b.print(out); err != nil {
		return err
	}
	if gate != nil {
		return &cli.Exit{Code: cli.NotEnoughData, Err: gate}
	}
	return nil
}

// prepare reads what is in force and makes sure that the model is watched.
func (b *builder) prepare(ctx context.Context) (err error) {
	if b.declared, err = declared(ctx, b.parts); err != nil {
		return err
	}
	if b.declared.View.Known(b.model) {
		return nil
	}
	if _, configured := b.cfg.Model(b.model); configured {
		return nil // install admits it
	}
	_, err = b.parts.Store.WatchedModel(ctx, b.model)
	if errors.Is(err, store.ErrNotFound) {
		return cli.Usagef("model %q is not watched; list it under models:, run driftline models apply, or let admission.mode: auto see its first event", b.model)
	}
	return err
}

// exclusions returns the spans of the model that are kept out of its references.
func (b *builder) exclusions(ctx context.Context) (x wire.Exclusions, err error) {
	list, err := b.parts.Store.Exclusions(ctx, store.ExclusionQuery{Model: b.model, InForce: true, Limit: wire.MaxExclusions})
	for _, e := range list {
		x.Ranges = append(x.Ranges, wire.Span{FromMS: e.FromMS, ToMS: e.ToMS})
	}
	return x, err
}

// skips tells whether a row is kept out, and counts it.
func (b *builder) skips(ms int64) bool {
	if !b.excluded.Covers(ms, ms+1) {
		return false
	}
	b.kept++
	return true
}

// qualityCheck refuses rows of a time in which a data-quality alarm was open.
func (b *builder) qualityCheck(ctx context.Context, rows []reference.Row) (reference.Check, error) {
	from, to := rows[0].TimeMS, rows[0].TimeMS
	for _, r := range rows {
		from, to = min(from, r.TimeMS), max(to, r.TimeMS)
	}
	c := reference.Check{Name: "data-quality alarms in the rows' time", Needed: "none", Found: "none", OK: true}
	alarms, err := b.parts.Store.Alarms(ctx, store.AlarmQuery{Model: b.model, Kind: "quality", FromMS: from, ToMS: to + 1, Limit: 10})
	if err != nil {
		return c, err
	}
	if len(alarms) > 0 {
		c.OK = false
		c.Found = fmt.Sprintf("%d, the newest %s since %s", len(alarms), alarms[0].Episode, moment(alarms[0].SinceMS))
	}
	return c, nil
}

func (b *builder) describe(spec reference.Spec, src source, rows int) {
	b.out = built{Model: b.model, Source: src.text, Rows: rows, Excluded: b.kept, Features: spec.Names, Windows: []int64{}, Parts: []builtPart{}, Checks: []gateResult{}}
	b.out.Chosen = b.chosen()
	for _, c := range slices.Concat(b.good.Checks, b.res.Checks) {
		b.out.Checks = append(b.out.Checks, gateResult(c))
	}
	if b.res.Grid == nil || b.res.Reference.Counts == nil {
		return
	}
	b.out.Reference, b.out.Grid = b.res.Reference.ID().String(), b.res.Grid.ID().String()
	b.out.NewGrid, b.out.Why, b.out.FromMS, b.out.ToMS = b.res.NewGrid, b.res.Why, b.res.Reference.FromMS, b.res.Reference.ToMS
	b.out.Early, b.out.Joint, b.out.Parts = b.early(), b.joint(), b.parted()
	for _, x := range b.res.Reference.Blocks {
		b.out.Windows = append(b.out.Windows, x.LengthMS)
	}
}

// early describes the early warning of what was built.
func (b *builder) early() builtEarly {
	e := b.res.Reference.Early
	if e == nil {
		return builtEarly{Why: b.res.WhyEarly}
	}
	monthly := func(steps float64) float64 { return sequential.PerMonth(steps, b.declared.Layout.SlotMS()) }
	r := e.Plan.Report
	achieved, low, high := r.Achieved()
	return builtEarly{
		InForce: true, Target: monthly(r.TargetPanes), Achieved: monthly(achieved), Low: monthly(high), High: monthly(low),
		Basis: r.Basis.String(), Paths: len(e.Plan.Paths),
	}
}

// words says it in a line.
func (e builtEarly) words() string {
	if !e.InForce {
		return "no early warning: " + e.Why
	}
	return fmt.Sprintf("early warning: %d changes are looked for; %.2g false alarms a month, %.2g to %.2g, where %.2g were asked for (%s)",
		e.Paths, e.Achieved, e.Low, e.High, e.Target, e.Basis)
}

// install publishes grid and reference, then stores both. A crash in between leaves a
// reference in force that lists do not show; the same command again mends it, for
// equal content has equal ids.
func (b *builder) install(ctx context.Context) error {
	from, err := b.parts.NextFree(ctx, b.declared)
	if err != nil {
		return err
	}
	var controls []wire.Control
	if !b.declared.View.Known(b.model) {
		m, err := b.spec(ctx)
		if err != nil {
			return err
		}
		controls = append(controls, app.ModelControl(m, from))
	}
	// Sequences of records from other hands are counters; the clock is beyond them all.
	now := app.NowMS()
	if b.res.NewGrid || b.res.NewJoint || b.res.NewSegments {
		g := wire.GridControl{Model: b.model, FromPane: from, Grid: b.res.Grid, Joint: b.res.Embedding(), Segments: b.res.Segments()}
		controls = append(controls, wire.Control{Kind: "grid", ID: b.model, Seq: now, Value: g.Encode()})
	}
	if b.res.NewGrid || b.res.NewJoint {
		b.out.AppliesMS = from * b.declared.Layout.PaneMS
	}
	if b.res.NewSegments {
		b.out.Counted = from * b.declared.Layout.PaneMS
	}
	controls = append(controls, wire.Control{Kind: "reference", ID: b.model, Seq: now, Value: b.res.Reference.Encode()})
	if err := b.parts.CheckAdmission(ctx, 0, controls...); err != nil {
		return err
	}
	if err := b.parts.Publish(ctx, controls...); err != nil {
		return err
	}
	b.out.Published = true
	if err := b.parts.Store.Tx(ctx, func(t *store.Tx) error { return b.store(ctx, t, now) }); err != nil {
		return fmt.Errorf("the reference is in force, but storing it failed (run the command again): %w", err)
	}
	b.out.Stored = true
	return nil
}

// spec is the model's specification: the stored one, else the configured one.
func (b *builder) spec(ctx context.Context) (config.Model, error) {
	row, err := b.parts.Store.WatchedModel(ctx, b.model)
	if errors.Is(err, store.ErrNotFound) {
		m, _ := b.cfg.Model(b.model)
		return m, nil
	}
	if err != nil {
		return config.Model{}, err
	}
	return config.ParseSpec([]byte(row.SpecJSON), b.cfg)
}

func (b *builder) store(ctx context.Context, t *store.Tx, now int64) error {
	rows, err := t.References(ctx, b.model)
	if err != nil {
		return err
	}
	if len(rows) > 0 {
		now = max(now, rows[0].CreatedMS+1) // the newest is the one in force
	}
	ref := b.res.Reference
	if _, err := t.AddReference(ctx, store.ReferenceRow{
		Model: b.model, ID: b.out.Grid, Version: ref.Version, Kind: trainer.KindGrid, GridID: b.out.Grid, CreatedMS: now, MetaJSON: "{}", Data: b.res.Grid.Encode(),
	}); err != nil {
		return err
	}
	notes := map[string]any{"source": b.out.Source, "why_grid": b.out.Why, "features": len(b.out.Features), "blocks": len(ref.Blocks)}
	if b.good.Why != "" {
		notes["why_days"] = b.good.Why
	}
	meta, err := json.Marshal(notes)
	if err != nil {
		return err
	}
	_, err = t.AddReference(ctx, store.ReferenceRow{
		Model: b.model, ID: b.out.Reference, Version: ref.Version, Kind: ref.Kind, GridID: b.out.Grid, Rows: int64(ref.Counts.Rows),
		FromMS: ref.FromMS, ToMS: ref.ToMS, CreatedMS: now, MetaJSON: string(meta), Data: ref.Encode(),
	})
	if err != nil {
		return err
	}
	return t.Audit(ctx, "reference.build", "watched:"+b.model, nil, map[string]string{"reference": b.out.Reference, "source": b.out.Source})
}

func (b *builder) print(out cli.Format) error {
	err := b.app.Print(out, b.out, func() cli.Table {
		t := cli.Table{Head: []string{"CHECK", "STATE", "FOUND", "NEEDED"}}
		for _, c := range b.out.Checks {
			state := stateOK
			if !c.OK {
				state = stateFail
			}
			t.Rows = append(t.Rows, []string{c.Name, state, c.Found, c.Needed})
		}
		return t
	})
	if err != nil || out != cli.TableFormat || b.out.Reference == "" {
		return err
	}
	if b.kept > 0 {
		if _, err := fmt.Fprintf(b.app.Out, "\n%d rows are kept out: driftline reference exclude list %s shows why\n", b.kept, b.model); err != nil {
			return err
		}
	}
	if c := b.out.Chosen; c != nil {
		if _, err := fmt.Fprintf(b.app.Out, "\ndays %s: %s\n", c.Days, c.Why); err != nil {
			return err
		}
	}
	what := fmt.Sprintf("reference %s of model %s: %d rows, %d features; %s", b.out.Reference, b.model, b.out.Rows, len(b.out.Features), b.out.Why)
	lines := []string{what, b.out.Early.words(), b.out.Joint.words(), b.out.Answers.words(), b.segmentLine(), b.effect()}
	var text strings.Builder
	for _, line := range lines {
		if line != "" {
			text.WriteString(cli.Plain(line) + "\n") // versions, features and segments are names from outside
		}
	}
	_, err = fmt.Fprintf(b.app.Out, "\n%s", text.String())
	return err
}

// effect says when the reference counts.
func (b *builder) effect() string {
	switch {
	case !b.out.Published:
		return "nothing was changed"
	case b.out.AppliesMS > 0:
		return fmt.Sprintf("in force for event times from %s on; windows are compared as they fill from there", moment(b.out.AppliesMS))
	case b.out.NewGrid:
		return "in force from the first event on"
	}
	return "in force with the next window, over all history"
}
