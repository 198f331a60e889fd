package commands

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/spf13/cobra"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/replay"
)

// settings of the deployment under test: steps of one second, record times of 2026.
const settings = `
namespace: test
data_dir: %s
http: {listen: "127.0.0.1:0"}
ops: {listen: "127.0.0.1:0"}
broker: {listen: "127.0.0.1:0", sync_writes: false}
topics:
  inputs: [{topic: ml.events, role: events, historical: true}]
  input_partitions: 2
stream: {resolution: 1s, slide: 10, windows: [10s, 40s], lateness: 2s, skew: 1s, disorder: 2s, partitions: 1}
policy: {rule: classic, trigger_from: 10s}
models:
  - name: churn
`

const startMS = 1_767_225_600_000 // 2026-01-01

// bench is a deployment with the command line beside it.
type bench struct {
	t    *testing.T
	dir  string
	file string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir()}
	b.file = b.write("driftline.yaml", fmt.Sprintf(settings, filepath.Join(b.dir, "data")))
	return b
}

func (b *bench) write(name, text string) string {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
	return path
}

// run runs one command line and returns code, standard output and standard error.
func (b *bench) run(args ...string) (code int, out, errs string) {
	b.t.Helper()
	var o, e bytes.Buffer
	a := &cli.App{Build: cli.Build{Version: "test"}, In: strings.NewReader(""), Out: &o, Err: &e}
	code = a.Execute(b.t.Context(), append(args, "--config", b.file), func(a *cli.App) []*cobra.Command {
		return []*cobra.Command{Check(a), Models(a), Alarms(a), Explain(a), Silence(a), Pause(a), Resume(a), Retrain(a), Retrains(a), Reference(a), Replay(a), Predict(a), Topics(a), Migrate(a), Mapping(a), Doctor(a)}
	})
	return code, o.String(), e.String()
}

// must runs a command line that succeeds.
func (b *bench) must(args ...string) string {
	b.t.Helper()
	code, out, errs := b.run(args...)
	if code != 0 {
		b.t.Fatalf("driftline %s ends with %d:\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

// during runs every role, and job beside them in the test's own goroutine.
func (b *bench) during(job func(ctx context.Context, r *app.Running)) {
	b.t.Helper()
	cfg, err := config.Load(config.Layers{File: b.file})
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(b.t.Context(), 2*time.Minute)
	ready, finish, ended := make(chan *app.Running, 1), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- app.Run(ctx, app.Options{
			Cfg: &cfg.Config, Build: cli.Build{Version: "test"}, Log: zerolog.New(zerolog.NewTestWriter(b.t)).Level(zerolog.WarnLevel),
			Roles: app.Everything, Alone: true,
			Job: func(ctx context.Context, r *app.Running) error {
				ready <- r
				select {
				case <-finish:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			},
		})
	}()
	down := false
	stop := func() {
		if !down {
			down = true
			close(finish)
			if err := <-ended; err != nil {
				b.t.Errorf("the deployment ended with: %v", err)
			}
		}
		cancel()
	}
	defer stop() // also where the job ends the test
	select {
	case r := <-ready:
		job(ctx, r)
	case err := <-ended:
		down = true
		b.t.Fatalf("the deployment did not start: %v", err)
	}
}

// referenceCSV holds rows over two minutes: amount around 100, two plans.
func (b *bench) referenceCSV(rows int) string {
	r := rand.New(rand.NewPCG(1, 2))
	var s strings.Builder
	s.WriteString("ts,plan,amount,label\n")
	for i := range rows {
		at := time.UnixMilli(startMS - 120_000 + int64(i)*120_000/int64(rows)).UTC()
		amount := fmt.Sprintf("%.2f", 100+10*r.NormFloat64())
		if i%50 == 7 {
			amount = ""
		}
		fmt.Fprintf(&s, "%s,%s,%s,%d\n", at.Format(time.RFC3339Nano), []string{"free", "paid"}[r.IntN(2)], amount, r.IntN(2))
	}
	return b.write("reference.csv", s.String())
}

// events writes a minute of predictions, shifted in its second half, and ticks on both
// partitions that let every window end.
func (b *bench) events(ctx context.Context, r *app.Running) {
	b.t.Helper()
	random := rand.New(rand.NewPCG(3, 4))
	var recs []log.Record
	put := func(part int32, ms int64, value string) {
		recs = append(recs, log.Record{Partition: log.Partition{Topic: "ml.events", Index: part}, TimeMS: ms, Value: []byte(value)})
	}
	for i := range 6000 {
		ms := startMS + int64(i)*10
		mean := 100.0
		if i >= 3000 {
			mean = 130
		}
		put(int32(i%2), ms, fmt.Sprintf(`{"type":"prediction","model":"churn","version":"1","id":"p%d","ts":%d,"features":{"amount":%.2f,"plan":"%s"},"score":%.3f,"prediction":%d}`,
			i, ms, mean+10*random.NormFloat64(), []string{"free", "paid"}[random.IntN(2)], random.Float64(), random.IntN(2)))
	}
	for part := range int32(2) {
		put(part, startMS+70_000, `{"type":"tick"}`)
	}
	for len(recs) > 0 {
		n := min(1000, len(recs))
		if err := r.Kafka.Append(ctx, recs[:n]); err != nil {
			b.t.Fatal(err)
		}
		recs = recs[n:]
	}
	const final = startMS + 66_000 // 70 s less lateness and skew, whole steps
	for {
		if ms, ok := r.Progress.DoneMS(r.Declared.Layout.PanesPartitions); ok && ms >= final {
			return
		}
		select {
		case <-ctx.Done():
			b.t.Fatalf("windows did not become final: %v", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// lines reads what the deployment itself has written.
func (b *bench) lines(ctx context.Context, r *app.Running) string {
	b.t.Helper()
	var lines []replay.Line
	topics := r.Topics()
	for topic, decode := range map[string]func([]byte) (replay.Line, error){topics.Scores: replay.ScoreLine, topics.Drift: replay.EventLine} {
		for q := range r.Declared.Layout.PanesPartitions {
			recs, err := loop.NewReader(r.IO(), log.Partition{Topic: topic, Index: q}, -1).ToEnd(ctx)
			if err != nil {
				b.t.Fatal(err)
			}
			for _, rec := range recs {
				l, err := decode(rec.Value)
				if err != nil {
					b.t.Fatal(err)
				}
				lines = append(lines, l)
			}
		}
	}
	var s strings.Builder
	for _, l := range replay.Dedupe(lines) {
		s.Write(l.Value)
		s.WriteByte('\n')
	}
	return s.String()
}

// counts counts scores that judged, and drift events.
func counts(lines string) (judged, events int) {
	for line := range strings.Lines(lines) {
		switch {
		case strings.Contains(line, `"specversion"`):
			events++
		case strings.Contains(line, `"state":"judged"`):
			judged++
		}
	}
	return judged, events
}

func TestReferenceFromCSVJudgesEvents_ReplayGivesTheSame(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	csv := b.referenceCSV(3000)
	build := []string{"reference", "build", "churn", "--from", "file:" + csv, "--time-column", "ts", "--label-column", "label", "-o", "json"}
	var first, again string
	b.during(func(ctx context.Context, r *app.Running) {
		var dry built
		decode(t, b.must(append(build, "--dry-run")...), &dry)
		if dry.Published || dry.Stored || dry.Reference == "" || len(dry.Checks) == 0 {
			t.Errorf("dry run: %+v; want checks and an id, nothing published", dry)
		}
		if out := b.must("reference", "list", "churn", "-o", "json"); strings.TrimSpace(out) != "[]" {
			t.Errorf("references after a dry run: %s; want none", out)
		}
		var got built
		decode(t, b.must(build...), &got)
		if got.Reference != dry.Reference || !got.Published || !got.Stored || !got.NewGrid || got.Rows != 3000 || got.AppliesMS != 0 {
			t.Errorf("built %+v; want the dry run's id, 3000 rows, published and stored, in force from the beginning", got)
		}
		if diff := cmp.Diff([]string{"plan", "amount"}, got.Features); diff != "" {
			t.Errorf("features (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]int64{10_000, 40_000}, got.Windows); diff != "" {
			t.Errorf("windows whose dependence is known (-want +got):\n%s", diff)
		}
		b.events(ctx, r)

		first = b.must("replay", "--json")
		again = b.must("replay", "--json")
		if first != again {
			t.Errorf("two replays differ:\n%s", cmp.Diff(first, again))
		}
		live := b.lines(ctx, r)
		judged, events := counts(first)
		if judged == 0 || events == 0 {
			t.Errorf("replay has %d judged scores and %d drift events, want both:\n%.2000s", judged, events, first)
		}
		if live != first {
			t.Errorf("replay differs from what ran (-live +replay):\n%s", cmp.Diff(live, first))
		}
		if !strings.Contains(first, `"reference":"`+got.Reference+`"`) {
			t.Errorf("no score names the reference %s", got.Reference)
		}

		part := b.must("replay", "--json", "--from", "2026-01-01T00:00:20Z", "--to", "2026-01-01T00:00:30Z")
		for line := range strings.Lines(part) {
			if !strings.Contains(first, line) {
				t.Errorf("a score of the part is not one of the whole: %s", line)
			}
		}
		if judged, _ := counts(part); judged == 0 {
			t.Error("the part of the range holds no judged score")
		}
		if table := b.must("replay", "--model", "churn"); !strings.Contains(table, "amount") {
			t.Errorf("the table does not name the feature that drifted:\n%s", table)
		}
		if code, _, errs := b.run("replay", "--model", "nobody"); code != cli.Usage || !strings.Contains(errs, `"nobody" is not watched`) {
			t.Errorf("replay of an unknown model ends with %d: %s", code, errs)
		}
		b.besideTheInstance(got.Reference)
	})
	// Nothing runs now: the same answers come from the folder itself.
	if offline := b.must("replay", "--json"); offline != first {
		t.Errorf("replay without a running instance differs:\n%s", cmp.Diff(first, offline))
	}
	if out := b.must("reference", "list", "churn"); !strings.Contains(out, "file") {
		t.Errorf("references without a running instance:\n%s", out)
	}
	for _, args := range [][]string{{"retrain", "churn"}, {"retrain", "churn", "--wait"}} {
		path := filepath.Join(b.dir, "out.json")
		code, _, errs := b.run(append(args, "--report", path)...)
		if code != cli.Failure || !strings.Contains(errs, "no training spec") {
			t.Errorf("%v without a running instance ends with %d: %s; want the reason", args, code, errs)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var report []outcome
		decode(t, string(text), &report)
		if len(report) != 1 || report[0].Model != "churn" || report[0].Retrained || !strings.Contains(report[0].Error, "no training spec") {
			t.Errorf("report of %v: %s", args, text)
		}
	}
	var sums []outcome
	decode(t, b.must("retrain", "--summary", "-o", "json"), &sums)
	if len(sums) != 1 || sums[0].Model != "churn" || sums[0].State != "" {
		t.Errorf("summary %+v; want churn without a retrain", sums)
	}
}

// besideTheInstance runs commands against the live deployment.
func (b *bench) besideTheInstance(reference string) {
	t := b.t
	t.Helper()
	var doctor report
	decode(t, b.must("doctor", "--json"), &doctor)
	state := map[string]string{}
	for _, c := range doctor.Checks {
		state[c.Name] = c.State
		if c.State == stateFail {
			t.Errorf("doctor: %+v", c)
		}
	}
	for _, name := range []string{"configuration", "data directory", "brokers", "deployment", "topic driftline.control", "retention of ml.events", "record times of ml.events", "partitions of ml.events", "records of ml.events", "features of churn", "database", "artifacts", "champions", "admission"} {
		if _, ok := state[name]; !ok && name != "retention of ml.events" {
			t.Errorf("doctor did not look at %s; it has %v", name, state)
		}
	}
	b.must("topics", "check")
	if out := b.must("models", "list"); !strings.Contains(out, "churn") {
		t.Errorf("models list:\n%s", out)
	}
	if out := b.must("reference", "show", "churn", reference[:8], "-o", "yaml"); !strings.Contains(out, reference) {
		t.Errorf("reference show:\n%s", out)
	}
	if out := b.must("migrate"); !strings.Contains(out, "a running instance uses it") {
		t.Errorf("migrate: %s", out)
	}
	// The grid fits: the second reference takes effect at once.
	var second built
	decode(t, b.must("reference", "build", "churn", "--from", "topic", "--to-time", "2026-01-01T00:00:30Z", "-o", "json"), &second)
	if second.Rows != 3000 || second.AppliesMS != 0 && !second.NewGrid {
		t.Errorf("reference from the topic: %+v; want 3000 rows", second)
	}
	var refused built
	code, out, errs := b.run("reference", "build", "churn", "--from", "topic", "--to-time", "2026-01-01T00:00:00.050Z", "-o", "json")
	decode(t, out, &refused)
	if code != cli.NotEnoughData || refused.Published || !strings.Contains(errs, "found 5, needed at least 100") {
		t.Errorf("too few rows end with %d, published %v: %s; want code %d and both numbers", code, refused.Published, errs, cli.NotEnoughData)
	}
	code, _, errs = b.run("retrain", "churn")
	if code != cli.Failure || !strings.Contains(errs, "no training spec") {
		t.Errorf("retrain of a model without training ends with %d: %s", code, errs)
	}
}

// What a deployment really writes holds against the schemas that it publishes.
func TestSchemas_TakeRealRecords(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	csv := b.referenceCSV(3000)
	b.during(func(ctx context.Context, r *app.Running) {
		b.must("reference", "build", "churn", "--from", "file:"+csv, "--time-column", "ts", "--label-column", "label")
		b.must("models", "apply", "-f", b.write("models.yaml", "models: [{name: churn, examples: 'off'}]\n")) // a lifecycle event
		bad := log.Record{Partition: log.Partition{Topic: "ml.events"}, TimeMS: startMS, Value: []byte(`{"type":"label","model":"churn","label":1}`)}
		if err := r.Kafka.Append(ctx, []log.Record{bad}); err != nil {
			t.Fatal(err)
		}
		b.events(ctx, r)
		topics := r.Topics()
		for topic, name := range map[string]string{
			topics.Scores: app.SchemaScore, topics.Drift: app.SchemaDrift, topics.Lifecycle: app.SchemaLifecycle, topics.Dead: app.SchemaDeadLetter, "ml.events": app.SchemaEvent,
		} {
			doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(app.Schemas()[name]))
			if err != nil {
				t.Fatal(err)
			}
			c := jsonschema.NewCompiler()
			if err := c.AddResource("schema.json", doc); err != nil {
				t.Fatal(err)
			}
			schema, err := c.Compile("schema.json")
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for ctx.Err() == nil && n == 0 { // the outbox is published a moment after
				n = b.validate(ctx, r, topic, schema)
			}
			if n == 0 {
				t.Errorf("%s: no record to hold against schema %s", topic, name)
			}
		}
	})
}

// validate holds every record of a topic against a schema and returns how many it was.
func (b *bench) validate(ctx context.Context, r *app.Running, topic string, schema *jsonschema.Schema) (n int) {
	b.t.Helper()
	parts, err := r.Kafka.Partitions(ctx, topic)
	if err != nil {
		b.t.Fatal(err)
	}
	for q := range parts {
		recs, err := loop.NewReader(r.IO(), log.Partition{Topic: topic, Index: int32(q)}, -1).ToEnd(ctx)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, rec := range recs {
			n++
			doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(rec.Value))
			if err != nil {
				b.t.Fatalf("%s: %v: %.300s", topic, err, rec.Value)
			}
			refused := strings.Contains(string(rec.Value), `"label":1}`) && topic == "ml.events"
			if err := schema.Validate(doc); (err != nil) != refused {
				b.t.Fatalf("%s: %v (to be refused: %v): %.500s", topic, err, refused, rec.Value)
			}
		}
	}
	return n
}

func decode(t *testing.T, text string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, text)
	}
}
