package commands

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/memlog"
	"github.com/driftline/driftline/trainer"
	"github.com/driftline/driftline/trainer/reference"
)

// servingSettings are a deployment that counts by the hour, with two models that people
// promote.
const servingSettings = `
namespace: test
data_dir: %s
http: {listen: "127.0.0.1:0"}
ops: {listen: "127.0.0.1:0"}
broker: {listen: "127.0.0.1:0", sync_writes: false}
topics:
  inputs: [{topic: ml.events, role: events, historical: true}]
  input_partitions: 2
stream: {resolution: 1h, slide: 24, windows: [24h, 168h], lateness: 2h, skew: 1h, disorder: 2h, partitions: 1}
policy: {early: "off", rule: classic, trigger_from: 24h}
models:
  - name: churn
  - name: plain
`

// promoted makes version 1 of a model champion from a day on, with a run that promised an
// accuracy; 0 for none.
func (b *bench) promoted(ctx context.Context, r *app.Running, model string, day int, accuracy float64) {
	b.t.Helper()
	err := r.Store.Tx(ctx, func(t *store.Tx) error {
		if _, err := t.CreateModel(ctx, model, "", nil); err != nil {
			return err
		}
		run, err := t.CreateRun(ctx, store.NewRun{})
		if err != nil {
			return err
		}
		if _, err := t.CreateVersion(ctx, store.NewVersion{Name: model, Source: run.ArtifactURI, RunID: run.ID}); err != nil {
			return err
		}
		if accuracy > 0 {
			if err := t.LogBatch(ctx, run.ID, store.Batch{Metrics: []store.Metric{{Key: "accuracy", Value: accuracy}}}); err != nil {
				return err
			}
		}
		_, _, err = t.Promote(ctx, model, "1", "test", "test", startMS+int64(day)*testDayMS-testDayMS/4)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// answered writes 40 predictions a day of both models, with amounts around mean, and for
// churn their labels an hour later: 36 are right, on the bad day 24.
func (b *bench) answered(ctx context.Context, r *app.Running, from, to int, mean float64, bad int) {
	b.t.Helper()
	var recs []log.Record
	put := func(part int32, ms int64, format string, args ...any) {
		recs = append(recs, log.Record{Partition: log.Partition{Topic: "ml.events", Index: part}, TimeMS: ms, Value: fmt.Appendf(nil, format, args...)})
	}
	for day := from; day < to; day++ {
		random := rand.New(rand.NewPCG(uint64(day), 13))
		for i := range 40 {
			ms := startMS + int64(day)*testDayMS + int64(i)*(testDayMS-2*3_600_000)/40
			for part, model := range []string{"churn", "plain"} {
				put(int32(part), ms, `{"type":"prediction","model":%q,"version":"1","id":"%d-%d","ts":%d,"features":{"amount":%.3f,"age":%.3f},"score":0.9,"prediction":1}`,
					model, day, i, ms, mean+10*random.NormFloat64(), 40+10*random.NormFloat64())
			}
			right := i%10 != 0
			if day == bad {
				right = i%10 < 6
			}
			label := 0
			if right {
				label = 1
			}
			put(0, ms+3_600_000, `{"type":"label","model":"churn","id":"%d-%d","ts":%d,"label":%d}`, day, i, ms+3_600_000, label)
		}
	}
	for part := range int32(2) {
		put(part, startMS+int64(to)*testDayMS+6*3_600_000, `{"type":"tick"}`)
	}
	slices.SortStableFunc(recs, func(a, b log.Record) int { return int(a.TimeMS/1000 - b.TimeMS/1000) })
	for len(recs) > 0 {
		n := min(1000, len(recs))
		if err := r.Kafka.Append(ctx, recs[:n]); err != nil {
			b.t.Fatal(err)
		}
		recs = recs[n:]
	}
	last := time.UnixMilli(startMS + int64(to-1)*testDayMS).UTC().Format(time.DateOnly)
	b.until(ctx, "windows did not become final, or labels did not mature", func() bool {
		ms, ok := r.Progress.DoneMS(r.Declared.Layout.PanesPartitions)
		days, err := r.Store.PerformanceDays(ctx, store.PerformanceQuery{Model: "churn", From: last})
		if err != nil {
			b.t.Fatal(err)
		}
		end := startMS + int64(to)*testDayMS
		for _, model := range []string{"churn", "plain"} { // in the history, too
			rows, err := r.Store.LatestScores(ctx, model)
			if err != nil {
				b.t.Fatal(err)
			}
			ok = ok && slices.ContainsFunc(rows, func(s store.ScoreRow) bool { return s.EndMS >= end })
		}
		return ok && ms >= end && len(days) == 1 && days[0].Labelled == 40
	})
}

func (b *bench) until(ctx context.Context, what string, done func() bool) {
	b.t.Helper()
	for !done() {
		select {
		case <-ctx.Done():
			b.t.Fatalf("%s: %v", what, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// check finds a condition of a build.
func (x built) check(name string) (c gateResult) {
	for _, c = range x.Checks {
		if c.Name == name {
			return c
		}
	}
	return gateResult{}
}

// A model with labels, a day on which it did badly, a time that was excluded, and a drift
// later: the reference is of the newest week that is free of all of them.
func TestReferenceFromLastGood_FollowsTheDaysOnWhichAModelDidWell(t *testing.T) {
	t.Parallel()
	b := &bench{t: t, dir: t.TempDir()}
	b.file = b.write("driftline.yaml", fmt.Sprintf(servingSettings, filepath.Join(b.dir, "data")))
	day := func(n int) int64 { return startMS + int64(n)*testDayMS }
	b.during(func(ctx context.Context, r *app.Running) {
		code, out, errs := b.run("reference", "build", "churn", "--from", "last-good")
		if code != cli.NotEnoughData || !strings.Contains(out, "a version that serves") || !strings.Contains(errs, "driftline models promote churn") {
			t.Errorf("without a champion: code %d\n%s%s", code, out, errs)
		}
		b.promoted(ctx, r, "churn", 2, 0.9)
		b.promoted(ctx, r, "plain", 2, 0)
		b.answered(ctx, r, 0, 34, 100, 30)

		build := func(from string, more ...string) (got built) {
			t.Helper()
			model, from, _ := strings.Cut(from, " ")
			decode(t, b.must(append([]string{"reference", "build", model, "--from", from, "-o", "json"}, more...)...), &got)
			return got
		}
		chosen := func(got built, from, to int) {
			t.Helper()
			if got.Chosen == nil || got.Chosen.FromMS != day(from) || got.Chosen.ToMS != day(to) || got.Rows != 40*(to-from) {
				t.Fatalf("chosen %+v, %d rows; want days %d to %d\n%s", got.Chosen, got.Rows, from, to, b.json(got.Checks))
			}
		}
		// Day 30 had 24 of 40 right: no alarm, for the week still has 0.857.
		got := build("churn last-good", "--dry-run")
		chosen(got, 23, 30)
		if c := got.check("accuracy in the days"); c.Found != "0.900 of 280 labelled answers" || !strings.Contains(c.Needed, "at least 0.850") || !got.Chosen.PerformanceKnown {
			t.Errorf("performance %+v of %+v", c, got.Chosen)
		}
		chosen(build("churn last-good:3", "--dry-run"), 31, 34)
		b.must("reference", "exclude", "add", "churn", "2026-01-27..2026-01-28", "--reason", "migration")
		got = build("churn last-good")
		chosen(got, 19, 26)
		if !got.Published || !got.Stored || got.Source != "last-good" {
			t.Errorf("built %+v, want it published and stored", got)
		}
		if list := b.must("reference", "list", "churn"); !strings.Contains(list, "last good") {
			t.Errorf("the list does not say where it came from:\n%s", list)
		}
		if show := b.must("reference", "show", "churn", got.Reference[:8], "-o", "json"); !strings.Contains(show, `"kind": "last_good"`) || !strings.Contains(show, "with performance that was good") || !strings.Contains(show, `"version": "1"`) {
			t.Errorf("kind, version or reason is missing:\n%s", show)
		}

		// Without labels: the first days after the promotion, and it is said.
		first := build("plain last-good:5")
		chosen(first, 2, 7)
		if c := first.check("performance in the days"); first.Chosen.PerformanceKnown || !strings.HasPrefix(c.Found, "not known: no labels have matured") || !c.OK {
			t.Errorf("performance %+v", c)
		}
		if table := b.must("reference", "build", "plain", "--from", "last-good:5", "--dry-run"); !strings.Contains(table, "days 2026-01-03 to 2026-01-07: the first 5 whole days after the promotion of version 1") {
			t.Errorf("the table does not say which days, and why:\n%s", table)
		}

		// The amounts move: what follows is judged against the new reference, and is no good day.
		b.answered(ctx, r, 35, 44, 160, -1)
		firing := b.firing(ctx)[0]
		if lines := b.lines(ctx, r); !strings.Contains(lines, `"reference_kind":"last_good"`) {
			t.Errorf("no score or event names the kind of reference:\n%.2000s", lines)
		}
		if text := b.must("explain", firing.ID); !strings.Contains(text, "the reference of the last good days (2026-01-") || !strings.Contains(text, ", of last good, ") {
			t.Errorf("the alarm does not say what it was compared with:\n%s", text)
		}
		chosen(build("churn last-good", "--dry-run"), 19, 26)

		b.refusesDays(ctx, r)
		b.refusesTheRunOfAnotherModel(ctx, r)
	})
}

// refusesDays asks for good days where there are none: code 4, and nothing changes.
func (b *bench) refusesDays(ctx context.Context, r *app.Running) {
	t := b.t
	t.Helper()
	before := b.must("reference", "list", "plain", "-o", "json")
	err := r.Store.PutEvents(ctx, []store.EventRow{{
		ID: "e1", Type: "dev.driftline.quality.fired.v1", Model: "plain", TimeMS: startMS + 4*testDayMS, Body: "{}", Episode: "feedbeef0123", Kind: "quality", Phase: "firing", WindowMS: testDayMS,
	}})
	if err != nil {
		t.Fatal(err)
	}
	code, out, errs := b.run("reference", "build", "plain", "--from", "last-good", "-o", "json")
	var got built
	decode(t, out, &got)
	if code != cli.NotEnoughData || got.Published || got.Chosen != nil || got.Reference != "" || got.check("alarms of the model in the days").OK {
		t.Errorf("an alarm in the first days ends with %d: %s", code, out)
	}
	for _, want := range []string{"alarms of the model in the days: found", "in 2026-01-03 to 2026-01-09", "alarm feedbeef (quality), from 2026-01-04T00:00:00Z, still open", "What to do: ask for fewer days"} {
		if !strings.Contains(errs, want) {
			t.Errorf("the message lacks %q: %s", want, errs)
		}
	}
	if after := b.must("reference", "list", "plain", "-o", "json"); after != before {
		t.Errorf("references changed:\n%s\n%s", before, after)
	}
	if code, _, errs := b.run("reference", "build", "churn", "--from", "last-good:60"); code != cli.NotEnoughData || !strings.Contains(errs, "whole days since version 1 serves") || !strings.Contains(errs, "ask for fewer days") {
		t.Errorf("too many days end with %d: %s", code, errs)
	}
	for _, args := range [][]string{{"--from", "last-good:0"}, {"--from", "last-good:x"}, {"--from", "last-good", "--from-time", "2026-01-01"}, {"--from", "last-good", "--time-column", "ts"}} {
		if code, _, errs := b.run(append([]string{"reference", "build", "churn"}, args...)...); code != cli.Usage {
			t.Errorf("%v ends with %d: %s", args, code, errs)
		}
	}
}

// refusesTheRunOfAnotherModel: its rows are no reference of this one.
func (b *bench) refusesTheRunOfAnotherModel(ctx context.Context, r *app.Running) {
	t := b.t
	t.Helper()
	var run store.Run
	err := r.Store.Tx(ctx, func(tx *store.Tx) (err error) {
		run, err = tx.CreateRun(ctx, store.NewRun{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	_, at, ok := strings.Cut(run.ArtifactURI, ":/")
	if !ok {
		t.Fatalf("artifacts under %s", run.ArtifactURI)
	}
	manifest := b.json(trainer.Manifest{Model: "fraud", Features: []string{"amount"}, Trained: 1})
	if err := r.Artifacts.Put(ctx, strings.TrimPrefix(at, "/")+"/dataset/manifest.json", strings.NewReader(manifest), 0); err != nil {
		t.Fatal(err)
	}
	code, _, errs := b.run("reference", "build", "churn", "--from", "run:"+run.ID)
	if code != cli.Usage {
		t.Errorf("the run of another model ends with %d: %s", code, errs)
	}
	for _, want := range []string{"--from", run.ID, `is of model "fraud", not of "churn"`, "driftline retrains list --model churn"} {
		if !strings.Contains(errs, want) {
			t.Errorf("the message lacks %q: %s", want, errs)
		}
	}
}

func TestHeldFrom_IsWhereThePartitionThatLostMostBegins(t *testing.T) {
	t.Parallel()
	l := memlog.New(memlog.Config{})
	parts := []log.Partition{{Topic: "in"}, {Topic: "in", Index: 1}, {Topic: "in", Index: 2}}
	if err := l.Create(log.Topic{Name: "in", Partitions: 3}); err != nil {
		t.Fatal(err)
	}
	for i := range int64(10) {
		for _, p := range parts {
			if err := l.Write(log.Record{Partition: p, TimeMS: 1000 * (i + 1), Value: []byte("x")}); err != nil {
				t.Fatal(err)
			}
		}
	}
	h := l.Handle(nil)
	for _, step := range []struct {
		part, start int
		want        int64
	}{{0, 0, 0}, {0, 3, 4000}, {1, 6, 7000}, {0, 5, 7000}, {2, 10, 7000}, {1, 9, 10_000}} {
		if step.start > 0 {
			if err := l.Truncate(parts[step.part], int64(step.start)); err != nil {
				t.Fatal(err)
			}
		}
		got, err := heldFrom(t.Context(), h, []string{"in"})
		if err != nil || got != step.want {
			t.Errorf("partition %d begins at %d: held from %d, %v; want %d", step.part, step.start, got, err, step.want)
		}
	}
	if _, err := heldFrom(t.Context(), h, []string{"none"}); !errors.Is(err, log.ErrNoTopic) {
		t.Errorf("a topic that is not there: %v", err)
	}
}

// Days that topics lost in part are refused, and another way is named where there is one.
func TestHolds_NamesAnotherWay(t *testing.T) {
	t.Parallel()
	const skew = 3_600_000
	for _, tt := range []struct {
		name     string
		fromMS   int64
		examples string
		ok       bool
		says     string // what is to be done, or was found
	}{
		{"nothing was removed", 0, "scores", true, "all there ever were"},
		{"just enough", startMS - skew, "scores", true, "those from record time 2025-12-31T23:00:00Z on"},
		{"a millisecond too little, with features in the history", startMS - skew + 1, "rows", false, "--from examples:2026-01-01T00:00:00Z..2026-01-08T00:00:00Z"},
		{"too little, without", startMS + testDayMS, "scores", false, "the history keeps no features of model churn"},
	} {
		g := reference.GoodDays{OK: true, Why: "because", FromMS: startMS, ToMS: startMS + 7*testDayMS}
		holds(&g, tt.fromMS, skew, config.Model{Name: "churn", Examples: tt.examples})
		c := g.Checks[0]
		if g.OK != tt.ok || c.OK != tt.ok || (g.Why == "") == tt.ok || !strings.Contains(g.Mend+c.Found, tt.says) {
			t.Errorf("%s: %+v", tt.name, g)
		}
	}
}
