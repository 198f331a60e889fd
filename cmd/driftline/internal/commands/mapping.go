package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/mapping"
	"github.com/driftline/driftline/stream/mapping/infer"
	"github.com/driftline/driftline/stream/mapping/schemas"
)

// Mapping is "driftline mapping test|infer".
func Mapping(a *cli.App) *cobra.Command {
	return cli.Group("mapping", "How records become events: test, infer", mappingTest(a), mappingInfer(a))
}

// mappingFlags say where a sample comes from.
type mappingFlags struct {
	topic, file string
	limit       int
}

func (f *mappingFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.topic, "topic", "", "the newest records of the topic `NAME`; with --file, the topic they are of")
	c.Flags().StringVar(&f.file, "file", "", "records in `FILE`, - for standard input: a JSON value per line, or lines with a value in base64, or one binary record")
	c.Flags().IntVar(&f.limit, "records", 100, "at most `N` records")
}

func (f *mappingFlags) check() error {
	switch {
	case f.topic == "" && f.file == "":
		return cli.Usagef("want --topic NAME or --file FILE")
	case f.limit < 1 || f.limit > maxSample:
		return cli.Usagef("--records: %d; want 1 to %d", f.limit, maxSample)
	}
	return nil
}

// maxSample bounds a sample.
const maxSample = 10_000

func mappingTest(a *cli.App) *cobra.Command {
	var f mappingFlags
	c := &cobra.Command{
		Use: "test", Short: "Show what a sample of records becomes", Args: cobra.NoArgs,
		Long: `Read a sample of records as the configuration says and print the events, one line per
row, and for each record that cannot be read the reason. Nothing is written.

Format and mapping are those of the topic in the configuration; --format reads by a
format alone, without mapping. Ends with code 1 if no record can be read.`,
		Example: "  driftline mapping test --topic ml.predictions --config driftline.yaml\n  driftline mapping test --file sample.jsonl --format kserve -o json",
	}
	f.add(c)
	format := c.Flags().String("format", "", "read by the format `NAME`: "+strings.Join(mapping.Formats(), ", "))
	if err := c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(mapping.Formats(), cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err)
	}
	out := cli.OutputFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := f.check(); err != nil {
			return err
		}
		if *format != "" && !slices.Contains(mapping.Formats(), *format) {
			return cli.Usagef("--format: %q; want one of %s", *format, strings.Join(mapping.Formats(), ", "))
		}
		cfg, err := a.Load(nil)
		if err != nil {
			return err
		}
		in, err := inputFor(cfg, f.topic, *format)
		if err != nil {
			return err
		}
		return withSample(c.Context(), a, cfg, f, func(p *app.Parts, recs []log.Record) error {
			if err := p.Prepare(c.Context(), in.Topic, recs); err != nil {
				return registryFault(err)
			}
			return printRead(a, *out, readAll(p.Reader(in.Topic), recs))
		})
	}
	return c
}

// inputFor puts the topic that is read into the configuration: with another format, or
// where it does not stand there.
func inputFor(cfg *config.Loaded, topic, format string) (config.Input, error) {
	in := config.Input{Topic: topic, Role: "events", Format: mapping.Native}
	at := slices.IndexFunc(cfg.Topics.Inputs, func(x config.Input) bool { return x.Topic == topic })
	if at >= 0 {
		in = cfg.Topics.Inputs[at]
	}
	if format != "" {
		in.Format, in.Mapping = format, nil
	} else if at < 0 && topic != "" {
		return in, cli.Usagef("--topic: %s is not among topics.inputs of the configuration; give --format, or driftline mapping infer", topic)
	}
	if faults := in.Reads().Validate(topic); len(faults) > 0 {
		return in, cli.Usagef("--format %s: %v; write topics.inputs[].mapping into a configuration", in.Format, faults[0])
	}
	if in.Framed() && cfg.SchemaRegistry.URL == "" {
		return in, cli.Usagef("format avro needs schema_registry.url in the configuration")
	}
	if at < 0 {
		cfg.Topics.Inputs = append(slices.Clone(cfg.Topics.Inputs), in)
	} else {
		cfg.Topics.Inputs = slices.Clone(cfg.Topics.Inputs)
		cfg.Topics.Inputs[at] = in
	}
	return in, nil
}

// registryFault names what a command cannot go on without.
func registryFault(err error) error {
	if errors.Is(err, schemas.ErrUnreachable) {
		return &cli.Exit{Code: cli.Usage, Err: err}
	}
	return err
}

// readRecord is what one record became.
type readRecord struct {
	Record string            `json:"record"` // partition and offset, or its number in the file
	Events []json.RawMessage `json:"events,omitempty"`
	Reason *readReason       `json:"reason,omitempty"`
	rows   []rowCells
}

type readReason struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
	At     int    `json:"at"`
}

type rowCells [8]string

// readAll reads records one after another.
func readAll(r event.Reader, recs []log.Record) []readRecord {
	out := make([]readRecord, 0, len(recs))
	for i := range recs {
		rec := &recs[i]
		x := readRecord{Record: recordName(rec)}
		rows, err := r.Read(&event.Raw{Key: rec.Key, Value: rec.Value, Headers: rec.Headers, TimeMS: rec.TimeMS})
		var reason *event.Reason
		switch {
		case errors.As(err, &reason):
			x.Reason = &readReason{Code: string(reason.Code), Detail: reason.Detail, At: reason.At}
		case err != nil:
			x.Reason = &readReason{Code: "error", Detail: err.Error()}
		}
		for _, ev := range rows {
			x.Events = append(x.Events, event.Encode(ev))
			x.rows = append(x.rows, cells(ev))
		}
		out = append(out, x)
	}
	return out
}

func recordName(r *log.Record) string {
	if r.Partition.Topic == "" {
		return strconv.FormatInt(r.Offset, 10)
	}
	return fmt.Sprintf("%d:%d", r.Partition.Index, r.Offset)
}

// cells are the columns of the table.
func cells(ev event.Event) rowCells {
	when, score := unknown, unknown
	if ev.HasTime {
		when = moment(ev.TimeMS)
	}
	if ev.HasScore {
		score = strconv.FormatFloat(ev.Score, 'g', 6, 64)
	}
	answer := func(v sketches.Value, has bool) string {
		text, ok := v.Text()
		if !has || !ok {
			return unknown
		}
		return text
	}
	return rowCells{
		ev.Type.String(), or(ev.Model, unknown), or(ev.Version, unknown), or(ev.ID, unknown), when, score,
		answer(ev.Prediction, ev.HasPrediction) + " / " + answer(ev.Label, ev.HasLabel), featureText(ev.Features),
	}
}

// featureText shows how many features there are and the first of them.
func featureText(features []event.Feature) string {
	const shown = 3
	var b strings.Builder
	fmt.Fprintf(&b, "%d", len(features))
	for i, f := range features[:min(shown, len(features))] {
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		fmt.Fprintf(&b, "%s%s=%s", sep, f.Name, event.AppendValue(nil, f.Value))
	}
	if len(features) > shown {
		b.WriteString(", …")
	}
	return b.String()
}

// printRead prints what a sample became and ends with code 1 where nothing could be read.
func printRead(a *cli.App, format cli.Format, recs []readRecord) error {
	good, rows := 0, 0
	for _, r := range recs {
		if r.Reason == nil {
			good++
			rows += len(r.Events)
		}
	}
	err := a.Print(format, recs, func() cli.Table {
		t := cli.Table{
			Head:  []string{"RECORD", "TYPE", "MODEL", "VERSION", "ID", "TIME", "SCORE", "PREDICTION / LABEL", "FEATURES"},
			Empty: "no records",
		}
		for _, r := range recs {
			if r.Reason != nil {
				t.Rows = append(t.Rows, []string{r.Record, "dead", r.Reason.Code + ": " + r.Reason.Detail, "", "", "", "", "", ""})
			}
			for _, c := range r.rows {
				t.Rows = append(t.Rows, append([]string{r.Record}, c[:]...))
			}
		}
		return t
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(a.Err, "%d of %d records read, %d rows\n", good, len(recs), rows)
	if good == 0 {
		return &cli.Exit{Code: cli.Failure}
	}
	return nil
}

func mappingInfer(a *cli.App) *cobra.Command {
	var f mappingFlags
	c := &cobra.Command{
		Use: "infer", Short: "Propose a configuration from a sample of records", Args: cobra.NoArgs,
		Long: `Look at a sample of records and print what to write under topics: in the configuration,
with what was guessed as comments. The proposal is tried on the sample first: how many
records it reads is told last, and driftline mapping test shows the rows.`,
		Example: "  driftline mapping infer --topic scoring.requests > driftline.yaml",
	}
	f.add(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := f.check(); err != nil {
			return err
		}
		cfg, err := a.Load(nil)
		if err != nil {
			return err
		}
		return withSample(c.Context(), a, cfg, f, func(p *app.Parts, recs []log.Record) error {
			return inferred(c.Context(), a, p, f.topic, recs)
		})
	}
	return c
}

// inferred prints the proposal and tries it.
func inferred(ctx context.Context, a *cli.App, p *app.Parts, topic string, recs []log.Record) error {
	raws := make([]event.Raw, len(recs))
	for i, r := range recs {
		raws[i] = event.Raw{Key: r.Key, Value: r.Value, Headers: r.Headers, TimeMS: r.TimeMS}
	}
	proposal, err := infer.Propose(topic, raws)
	if err != nil {
		return fmt.Errorf("nothing to propose: %w", err)
	}
	name := topic
	if name == "" {
		name = "my-topic"
	}
	if _, err := fmt.Fprint(a.Out, proposal.YAML(name)); err != nil {
		return err
	}
	cfg := mapping.Config{Mapping: proposal.Mapping, Topic: topic}
	if r := p.Registry(); r != nil && proposal.Mapping.Format == mapping.Avro {
		if err := app.PrepareSchemas(ctx, r, recs); err != nil {
			return registryFault(err)
		}
		cfg.Schemas = r
	} else if proposal.Mapping.Format == mapping.Avro {
		fmt.Fprintln(a.Err, "not tried: the schemas are in a registry, and schema_registry.url is not set")
		return nil
	}
	r, err := mapping.New(cfg)
	if err != nil {
		fmt.Fprintf(a.Err, "not tried: %v\n", err)
		return nil
	}
	good, rows, types := 0, 0, map[string]int{}
	for _, x := range readAll(r, recs) {
		if x.Reason == nil {
			good++
		}
		rows += len(x.rows)
		for _, c := range x.rows {
			types[c[0]]++
		}
	}
	fmt.Fprintf(a.Err, "%d of %d records read, %d rows: %d feature, %d prediction, %d label\n", good, len(recs), rows, types["feature"], types["prediction"], types["label"])
	return nil
}
