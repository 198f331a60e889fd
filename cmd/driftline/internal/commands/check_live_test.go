package commands

import (
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

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	driftcheck "github.com/driftline/driftline/cmd/driftline/internal/check"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/web"
)

// dailySettings are a deployment that counts by the hour, with a model that is trained on
// stored rows and one that is only watched.
const dailySettings = `
namespace: test
data_dir: %s
http: {listen: "127.0.0.1:0"}
ops: {listen: "127.0.0.1:0"}
broker: {listen: "127.0.0.1:0", sync_writes: false}
topics:
  inputs: [{topic: ml.events, role: events, historical: true}]
  input_partitions: 2
stream: {resolution: 1h, slide: 24, windows: [24h, 168h], lateness: 2h, skew: 1h, disorder: 2h, partitions: 2}
policy: {early: "off"}
models:
  - name: churn
    examples: rows
    automation: retrain
    training: {trigger: drift}
  - name: plain
`

const testDayMS = int64(86_400_000)

// checkBench is such a deployment.
func checkBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir()}
	b.file = b.write("driftline.yaml", fmt.Sprintf(dailySettings, filepath.Join(b.dir, "data")))
	return b
}

// days writes 40 predictions a day of both models from one day on; the amounts lie around
// mean. Days count from startMS.
func (b *bench) days(ctx context.Context, r *app.Running, from, to int, mean float64) {
	b.t.Helper()
	var recs []log.Record
	for day := from; day < to; day++ {
		random := rand.New(rand.NewPCG(uint64(day), 11))
		for i := range 40 {
			ms := startMS + int64(day)*testDayMS + int64(i)*testDayMS/40
			for part, model := range []string{"churn", "plain"} {
				recs = append(recs, log.Record{Partition: log.Partition{Topic: "ml.events", Index: int32(part)}, TimeMS: ms, Value: fmt.Appendf(nil,
					`{"type":"prediction","model":%q,"version":"1","id":"%d-%d","ts":%d,"features":{"amount":%.3f,"age":%.3f,"plan":%q},"score":0.5,"prediction":1}`,
					model, day, i, ms, mean+10*random.NormFloat64(), 40+10*random.NormFloat64(), []string{"free", "paid"}[random.IntN(2)])})
			}
		}
	}
	for len(recs) > 0 {
		n := min(1000, len(recs))
		if err := r.Kafka.Append(ctx, recs[:n]); err != nil {
			b.t.Fatal(err)
		}
		recs = recs[n:]
	}
}

// checked runs a check and reads its report.
func (b *bench) checked(args ...string) (code int, rep driftcheck.Report, out, errs string) {
	b.t.Helper()
	path := filepath.Join(b.t.TempDir(), "report.json")
	code, out, errs = b.run(append([]string{"check", "--report", path}, args...)...)
	if text, err := os.ReadFile(path); err == nil {
		if err := json.Unmarshal(text, &rep); err != nil {
			b.t.Fatalf("report of %v: %v", args, err)
		}
	}
	return code, rep, out, errs
}

// driftEvents are the events of the drift topic that checks told.
func (b *bench) driftEvents(ctx context.Context, r *app.Running) (events []wire.Event) {
	b.t.Helper()
	for q := range r.Declared.Layout.PanesPartitions {
		recs, err := loop.NewReader(r.IO(), log.Partition{Topic: r.Topics().Drift, Index: q}, -1).ToEnd(ctx)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, rec := range recs {
			e, err := wire.DecodeEvent(rec.Value)
			if err != nil {
				b.t.Fatal(err)
			}
			if e.Data.Policy == wire.PolicyCheck {
				events = append(events, e)
			}
		}
	}
	return events
}

// checkAlarms waits until the history shows so many alarms of checks in a state.
func (b *bench) checkAlarms(ctx context.Context, state string, n int) []web.Alarm {
	b.t.Helper()
	for {
		var list, found []web.Alarm
		decode(b.t, b.must("alarms", "list", "--model", "churn", "--state", state, "-o", "json"), &list)
		for _, a := range list {
			if a.Policy == wire.PolicyCheck {
				found = append(found, a)
			}
		}
		if len(found) == n {
			return found
		}
		select {
		case <-ctx.Done():
			b.t.Fatalf("%d alarms of checks are %s, want %d", len(found), state, n)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// stored waits until the examples of a model are in the history.
func (b *bench) stored(ctx context.Context, r *app.Running, rows int64) {
	b.t.Helper()
	for {
		var n int64
		c, err := r.Store.ExampleCounts(ctx, store.ExampleQuery{Model: "churn", WithFeatures: true})
		if err != nil {
			b.t.Fatal(err)
		}
		if n = c.Rows; n >= rows {
			return
		}
		select {
		case <-ctx.Done():
			b.t.Fatalf("%d examples are stored, want %d", n, rows)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// A model's rows are judged where they are, against themselves and against its reference,
// and the outcome reaches alarms and trainer like that of a window.
func TestCheck_OfALiveModel(t *testing.T) {
	t.Parallel()
	b := checkBench(t)
	b.during(func(ctx context.Context, r *app.Running) {
		b.days(ctx, r, 0, 97, 100)
		b.days(ctx, r, 97, 104, 145)
		b.stored(ctx, r, 104*40)
		b.sourcesAgree()
		b.refuses()

		// Nothing is in force yet.
		code, _, _, errs := b.checked("--model", "plain", "--current", "topic")
		if code != cli.Usage || !strings.Contains(errs, "no reference in force") {
			t.Errorf("no reference: code %d, %s", code, errs)
		}
		var ref built
		decode(t, b.must("reference", "build", "churn", "--from", "topic", "--to-time", "2026-04-08", "-o", "json"), &ref)
		b.againstStored(ref)
		b.emits(ctx, r)
		b.documented()
	})
}

// sourcesAgree holds the rows of topic, topic:NAME and examples against each other.
func (b *bench) sourcesAgree() {
	t := b.t
	t.Helper()
	code, own, out, errs := b.checked("--model", "churn")
	if code != cli.Drift || own.Windows.Current.Source != "examples of model churn" || own.NReference != 90*40 || own.NCurrent != 7*40 {
		t.Errorf("the model's own rows: code %d, %d against %d rows of %q\n%s%s", code, own.NCurrent, own.NReference, own.Windows.Current.Source, out, errs)
	}
	if own.Drifted != 1 || own.Analyzed != 3 || own.Dependence != "reference blocks" || own.Blocks != 12 || own.AsOf.String() != "2026-04-15T00:00:00Z" {
		t.Errorf("the model's own rows: %d of %d drifted, %s, %d blocks, as of %s\n%s", own.Drifted, own.Analyzed, own.Dependence, own.Blocks, own.AsOf, out)
	}
	for _, args := range [][]string{
		{"--reference", "topic"}, {"--reference", "topic:ml.events", "--current", "examples"}, {"--reference", "examples", "--as-of", "2026-04-15"},
		{"--reference", "topic", "--current", "topic:ml.events", "--as-of", "2026-04-15"},
	} {
		code, got, _, errs := b.checked(append(args, "--model", "churn")...)
		if code != cli.Drift {
			t.Errorf("%v: code %d, %s", args, code, errs)
		}
		if diff := cmp.Diff(b.json(own.Features), b.json(got.Features)); diff != "" {
			t.Errorf("%v differs from the model's own rows:\n%s", args, diff)
		}
	}
	// A model without training has its input topics.
	if code, rep, _, errs := b.checked("--model", "plain", "--columns", "age"); code != cli.OK || rep.Windows.Current.Source != "topic of model plain" || rep.Analyzed != 1 {
		t.Errorf("a model without training: code %d, %q, %s", code, rep.Windows.Current.Source, errs)
	}
	// A file that has no times beside a topic that has: all its rows count.
	code, rep, _, errs := b.checked("--model", "churn", "--reference", b.plainCSV(), "--current", "topic")
	if code != cli.Drift || rep.NReference != 2000 || rep.NCurrent != 280 || rep.Dependence != "assumed none" {
		t.Errorf("a file beside a topic: code %d, %d against %d rows, dependence %s, %s", code, rep.NCurrent, rep.NReference, rep.Dependence, errs)
	}
}

// plainCSV are rows without a time.
func (b *bench) plainCSV() string {
	random := rand.New(rand.NewPCG(1, 11))
	var s strings.Builder
	s.WriteString("amount,age,plan\n")
	for range 2000 {
		fmt.Fprintf(&s, "%.3f,%.3f,%s\n", 100+10*random.NormFloat64(), 40+10*random.NormFloat64(), []string{"free", "paid"}[random.IntN(2)])
	}
	return b.write("plain.csv", s.String())
}

func (b *bench) json(v any) string {
	b.t.Helper()
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

// refuses asks for what there is not.
func (b *bench) refuses() {
	t := b.t
	t.Helper()
	csv := b.plainCSV()
	for _, c := range []struct {
		args []string
		code int
		says []string
	}{
		{[]string{"--model", "nobody"}, cli.Usage, []string{`"nobody" is not watched`, "churn, plain"}},
		{[]string{"--reference", "topic"}, cli.Usage, []string{"--model: missing"}},
		{[]string{"--reference", "topic:none", "--model", "churn"}, cli.Usage, []string{"--reference: topic none does not exist", "ml.events"}},
		{[]string{"--reference", csv, "--current", "examples:x", "--model", "churn"}, cli.Usage, []string{"--current", "FROM..TO"}},
		{[]string{"--reference", "topic", "--current", csv, "--model", "churn"}, cli.Usage, []string{"--time-column: missing"}},
		{[]string{"--model", "churn", "--time-column", "ts", "--label-column", "y"}, cli.Usage, []string{"--time-column: events carry", "--label-column: events carry"}},
		{[]string{"--current", "topic", "--model", "churn", "--compat", "acis"}, cli.Usage, []string{"--compat: its definitions"}},
		{[]string{"--model", "churn", "--as-of", "2025-06-01"}, cli.NotEnoughData, []string{"0 rows", "4160 rows lie outside", "2026-01-01T00:00:00Z to 2026-04-14T"}},
		{[]string{"--model", "plain", "--as-of", "2025-06-01"}, cli.NotEnoughData, []string{"0 rows", "4160 rows lie outside", "2026-01-01T00:00:00Z to 2026-04-14T"}},
		{[]string{"--model", "plain", "--as-of", "2026-06-01"}, cli.NotEnoughData, []string{"0 rows", "none came after 2026-04-14T", "--as-of 2026-04-15T00:00:00Z"}},
		{[]string{"--model", "churn", "--current-days", "1"}, cli.NotEnoughData, []string{"40 rows", "40 rows come a day", "--current-days 3 would"}},
		{[]string{"--reference", csv, "--current", csv, "--emit"}, cli.Usage, []string{"--emit: whose drift", "give --as-of"[5:]}},
		{[]string{"--reference", csv, "--current", csv, "--emit", "--model", "nobody", "--as-of", "2026-04-15"}, cli.Usage, []string{`"nobody" is not watched`}},
		{[]string{"--reference", csv, "--current", csv, "--emit", "--model", "churn", "--as-of", "2999-01-01"}, cli.Usage, []string{"yet to come"}},
		{[]string{"--reference", csv, "--current", csv, "--emit", "--model", "churn", "--as-of", "2026-04-15", "--compat", "acis"}, cli.Usage, []string{"leave out --compat"}},
	} {
		code, _, _, errs := b.checked(c.args...)
		if code != c.code {
			t.Errorf("%v ends with %d, want %d: %s", c.args, code, c.code, errs)
		}
		for _, s := range c.says {
			if !strings.Contains(errs, s) {
				t.Errorf("%v: no %q in %s", c.args, s, errs)
			}
		}
	}
}

// againstStored judges rows against the reference of the registry.
func (b *bench) againstStored(ref built) {
	t := b.t
	t.Helper()
	code, got, out, errs := b.checked("--model", "churn", "--current", "topic")
	if code != cli.Drift || got.Reference == nil || got.Reference.ID != ref.Reference || got.Reference.Kind != "topic" || got.NReference != 97*40 || got.NCurrent != 280 {
		t.Fatalf("against the stored reference: code %d, %+v, %d rows\n%s%s", code, got.Reference, got.NCurrent, out, errs)
	}
	if got.Dependence != "reference blocks" || got.BlockMS != 7*testDayMS || got.Blocks == 0 || got.Drifted != 1 {
		t.Errorf("against the stored reference: %s, %d blocks of %d ms, %d drifted", got.Dependence, got.Blocks, got.BlockMS, got.Drifted)
	}
	if !strings.Contains(out, "Reference of the registry: "+ref.Reference+" (topic)") || got.Windows.Reference.Source != ref.Reference[:12]+" of model churn" {
		t.Errorf("the summary does not name the reference:\n%s", out)
	}
	for _, f := range got.Features {
		numeric := f.Kind == "numeric"
		if numeric != (f.Undefined["ks"] != "") || numeric != (len(f.Derived) > 0) {
			t.Errorf("%s: derived %v, undefined %v", f.Name, f.Derived, f.Undefined)
		}
	}
	// A file of today against it, and no drift where there is none.
	path := b.plainCSV()
	if code, got, _, errs := b.checked("--model", "churn", "--current", path); code != cli.OK || got.Dependence != "assumed none" {
		t.Errorf("a file against the stored reference: code %d, %s, %s", code, got.Dependence, errs)
	}
}

// emits tells drift, tells it again, sees trainer and history act once, and ends the alarm.
func (b *bench) emits(ctx context.Context, r *app.Running) {
	t := b.t
	t.Helper()
	args := []string{"--model", "churn", "--current", "topic", "--emit"}
	code, first, out, errs := b.checked(args...)
	if code != cli.Drift || first.Emitted == nil || first.Emitted.Type != "dev.driftline.drift.detected.v1" || first.Emitted.ID == "" {
		t.Fatalf("emit: code %d, %+v\n%s%s", code, first.Emitted, out, errs)
	}
	// At once, whether the history knows of it yet or not.
	if _, twin, _, errs := b.checked(args...); twin.Emitted == nil || twin.Emitted.ID != first.Emitted.ID {
		t.Errorf("emit at once again: %+v, before %+v: %s", twin.Emitted, first.Emitted, errs)
	}
	alarm := b.checkAlarms(ctx, "firing", 1)[0]
	if alarm.ID != first.Emitted.Episode || alarm.Kind != "drift" || alarm.WindowMS != 7*testDayMS || alarm.Share < 0.3 {
		t.Errorf("the alarm %+v is not that of %+v", alarm, first.Emitted)
	}
	code, again, out, errs := b.checked(args...)
	if code != cli.Drift || again.Emitted == nil || again.Emitted.ID != first.Emitted.ID || !again.Emitted.Again {
		t.Errorf("emit again: code %d, %+v, before %+v\n%s%s", code, again.Emitted, first.Emitted, out, errs)
	}
	events := b.driftEvents(ctx, r)
	if len(events) != 3 {
		t.Fatalf("three checks told %d events", len(events))
	}
	for _, e := range events[1:] {
		if diff := cmp.Diff(string(events[0].Encode()), string(e.Encode())); diff != "" {
			t.Errorf("three checks told different events:\n%s", diff)
		}
	}
	d := events[0].Data
	if !d.MayRetrain || d.QualityOpen || d.Kind != "drift" || d.Rows != 280 || d.ReferenceRows != 97*40 || d.Drifted != 1 || d.Judged != 3 || len(d.Top) != 3 || d.Top[0].Name != "amount" ||
		d.Reference != first.Reference.ID || d.EndMS != int64(*first.Windows.Current.Last)+1 || d.StartMS != int64(*first.Windows.Current.From) {
		t.Errorf("evidence %+v", d)
	}
	// What the trainer made of it: one row, with its reason.
	var retrains []web.Retrain
	for {
		decode(t, b.must("retrains", "list", "--model", "churn", "-o", "json"), &retrains)
		if len(retrains) > 0 {
			break
		}
		select {
		case <-ctx.Done():
			t.Fatal("the trainer made nothing of the event")
		case <-time.After(50 * time.Millisecond):
		}
	}
	ours := 0
	for _, x := range retrains {
		if x.Alarm == alarm.ID {
			ours++
			if x.Reason == "" {
				t.Errorf("retrain %+v; want a reason", x)
			}
		}
	}
	if ours != 1 {
		t.Errorf("%d retrains of the alarm %s, want one: %+v", ours, alarm.ID, retrains)
	}
	if text := b.must("explain", alarm.ID); !strings.Contains(text, "1 of 3 features") || !strings.Contains(text, "amount") {
		t.Errorf("explain:\n%s", text)
	}
	if text := b.must("alarms", "show", alarm.ID); !strings.Contains(text, "policy check") || !strings.Contains(text, "drift.detected") {
		t.Errorf("alarms show:\n%s", text)
	}

	// A day later drift goes on in the same alarm.
	b.days(ctx, r, 104, 105, 145)
	code, next, _, errs := b.checked(args...)
	if code != cli.Drift || next.Emitted == nil || next.Emitted.Type != "dev.driftline.drift.ongoing.v1" || next.Emitted.Episode != alarm.ID || next.Emitted.ID == first.Emitted.ID {
		t.Errorf("a day later: code %d, %+v, %s", code, next.Emitted, errs)
	}
	b.checkAlarms(ctx, "firing", 1)
	// Too little data says nothing.
	if code, few, _, errs := b.checked(append(args, "--current-days", "1")...); code != cli.NotEnoughData || few.Emitted == nil || few.Emitted.Type != "" {
		t.Errorf("too little data: code %d, %+v, %s", code, few.Emitted, errs)
	}
	b.checkAlarms(ctx, "firing", 1)
	// And ends once there is none.
	code, last, _, errs := b.checked(append(args, "--columns", "age,plan")...)
	if code != cli.OK || last.Emitted == nil || last.Emitted.Type != "dev.driftline.drift.resolved.v1" || last.Emitted.Episode != alarm.ID {
		t.Errorf("no drift: code %d, %+v, %s", code, last.Emitted, errs)
	}
	b.checkAlarms(ctx, "resolved", 1)
	if code, quiet, _, errs := b.checked(append(args, "--columns", "age")...); code != cli.OK || quiet.Emitted == nil || quiet.Emitted.Type != "" {
		t.Errorf("no drift, no alarm: code %d, %+v, %s", code, quiet.Emitted, errs)
	}
	// The first check once more: the event that it told, no new alarm.
	if code, old, _, errs := b.checked(append(args, "--as-of", "2026-04-15")...); code != cli.Drift || old.Emitted == nil || old.Emitted.ID != first.Emitted.ID || !old.Emitted.Again {
		t.Errorf("the first check once more: code %d, %+v, %s", code, old.Emitted, errs)
	}
	b.checkAlarms(ctx, "firing", 0)
}
