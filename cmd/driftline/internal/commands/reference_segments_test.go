package commands

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/wire"
)

// regionOf is the region of a row by its place: three of four in eu, else us or another.
func regionOf(i int) string {
	if i%4 > 0 {
		return "eu"
	}
	return []string{"us", "ap"}[i/4%2]
}

// partedCSV holds rows of two minutes with the column of a segment.
func (b *bench) partedCSV(rows int) string {
	r := rand.New(rand.NewPCG(1, 2))
	var s strings.Builder
	s.WriteString("ts,amount,region\n")
	for i := range rows {
		at := time.UnixMilli(startMS - 120_000 + int64(i)*120_000/int64(rows)).UTC()
		fmt.Fprintf(&s, "%s,%.2f,%s\n", at.Format(time.RFC3339Nano), 100+10*r.NormFloat64(), regionOf(i))
	}
	return b.write("parted.csv", s.String())
}

// partedEvents writes a minute of predictions with segments, those of us with amounts
// shifted by so much, and ticks.
func (b *bench) partedEvents(ctx context.Context, r *app.Running, rows int, shift float64) {
	b.t.Helper()
	random := rand.New(rand.NewPCG(3, 4))
	var recs []log.Record
	put := func(part int32, ms int64, value string) {
		recs = append(recs, log.Record{Partition: log.Partition{Topic: "ml.events", Index: part}, TimeMS: ms, Value: []byte(value)})
	}
	for i := range rows {
		ms, mean := startMS+int64(i)*60_000/int64(rows), 100.0
		if regionOf(i) == "us" {
			mean += shift
		}
		put(int32(i%2), ms, fmt.Sprintf(`{"type":"prediction","model":"churn","version":"1","id":"p%d","ts":%d,"features":{"amount":%.2f},"score":0.5,"segments":{"region":"%s","plan":"%s","customer":"c%d"}}`,
			i, ms, mean+10*random.NormFloat64(), regionOf(i), []string{"free", "paid"}[i%2], i))
	}
	for part := range int32(2) {
		put(part, startMS+70_000, `{"type":"tick"}`)
	}
	if err := r.Kafka.Append(ctx, recs); err != nil {
		b.t.Fatal(err)
	}
	for {
		if ms, ok := r.Progress.DoneMS(r.Declared.Layout.PanesPartitions); ok && ms >= startMS+66_000 {
			return
		}
		select {
		case <-ctx.Done():
			b.t.Fatalf("windows did not become final: %v", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// segmentRows are the rows of each part that a build printed.
func segmentRows(x built) map[string]uint64 {
	rows := map[string]uint64{}
	for _, p := range x.Parts {
		rows[p.Segment] = p.Rows
	}
	return rows
}

// doctorOn returns what doctor says of one thing.
func (b *bench) doctorOn(name string) check {
	b.t.Helper()
	_, out, _ := b.run("doctor", "--json")
	var rep report
	decode(b.t, out, &rep)
	for _, c := range rep.Checks {
		if c.Name == name {
			return c
		}
	}
	b.t.Fatalf("doctor does not look at %s", name)
	return check{}
}

func TestReferenceBuild_CountsSegmentsApart(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	text, err := os.ReadFile(b.file)
	if err != nil {
		t.Fatal(err)
	}
	b.write("driftline.yaml", string(text)+"    examples: rows\n    segments: {region: [eu, us]}\n")
	csv := b.partedCSV(1200)
	file := []string{"reference", "build", "churn", "--from", "file:" + csv, "--time-column", "ts", "-o", "json"}
	same := func(what string, got built, want map[string]uint64) {
		t.Helper()
		if diff := cmp.Diff(want, segmentRows(got)); diff != "" {
			t.Errorf("%s: rows of segments (-want +got):\n%s", what, diff)
		}
	}
	b.during(func(ctx context.Context, r *app.Running) {
		// Files: a column that is named as the segment is, or none by request.
		plain := b.referenceCSV(500)
		code, _, errs := b.run("reference", "build", "churn", "--from", "file:"+plain, "--time-column", "ts", "--dry-run")
		if code != cli.Usage || !strings.Contains(errs, `no column for the segment "region"; there are ts, plan, amount, label`) || !strings.Contains(errs, "--no-segments") {
			t.Errorf("a file without the column: code %d, %s", code, errs)
		}
		var got built
		decode(t, b.must("reference", "build", "churn", "--from", "file:"+plain, "--time-column", "ts", "--no-segments", "--dry-run", "-o", "json"), &got)
		same("--no-segments", got, map[string]uint64{"region=eu": 0, "region=us": 0})
		code, _, errs = b.run("reference", "build", "churn", "--from", "topic", "--no-segments")
		if code != cli.Usage || !strings.Contains(errs, "--no-segments is for files") {
			t.Errorf("--no-segments of a topic: code %d, %s", code, errs)
		}
		decode(t, b.must(append(file, "--columns", "amount,region", "--dry-run")...), &got)
		same("a segment that is a feature too", got, map[string]uint64{"region=eu": 900, "region=us": 150})
		if diff := cmp.Diff([]string{"amount", "region"}, got.Features); diff != "" {
			t.Errorf("features (-want +got):\n%s", diff)
		}
		decode(t, b.must(file...), &got)
		same("a file", got, map[string]uint64{"region=eu": 900, "region=us": 150})
		if diff := cmp.Diff([]string{"amount"}, got.Features); diff != "" || len(got.Parts[0].Windows) != 2 || got.Counted != 0 {
			t.Errorf("windows %v, counted from %d; features (-want +got):\n%s", got.Parts[0].Windows, got.Counted, diff)
		}
		if c := b.doctorOn("segments"); c.State != stateOK {
			t.Errorf("doctor: %+v", c)
		}

		// Topics and examples.
		b.partedEvents(ctx, r, 800, 0)
		want := map[string]uint64{"region=eu": 600, "region=us": 100}
		decode(t, b.must("reference", "build", "churn", "--from", "topic", "--dry-run", "-o", "json"), &got)
		same("the topic", got, want)
		if got.NewGrid || got.Rows != 800 {
			t.Errorf("%d rows from the topic, new grid %v: %s", got.Rows, got.NewGrid, got.Why)
		}
		b.stored(ctx, r, 800)
		decode(t, b.must("reference", "build", "churn", "--from", "examples", "--dry-run", "-o", "json"), &got)
		same("examples", got, want)

		// Segments alone change: the grid stays, and says from when they count.
		apply := b.write("models.yaml", "models: [{name: churn, examples: rows, segments: {plan: [free, paid]}}]\n")
		if _, _, errs = b.run("models", "apply", "-f", apply); !strings.Contains(errs, "segments of churn count with its next reference") {
			t.Errorf("models apply says %q", errs)
		}
		b.write("driftline.yaml", string(text)+"    examples: rows\n    segments: {plan: [free, paid]}\n")
		if c := b.doctorOn("segments"); c.State != stateWarn || !strings.Contains(c.Found, "churn") || !strings.Contains(c.Mend, "reference build") {
			t.Errorf("doctor: %+v", c)
		}
		decode(t, b.must("reference", "build", "churn", "--from", "topic", "-o", "json"), &got)
		same("other segments", got, map[string]uint64{"plan=free": 400, "plan=paid": 400})
		if got.NewGrid || got.AppliesMS != 0 || got.Counted < startMS+60_000 {
			t.Errorf("new grid %v, in force from %d, segments from %d", got.NewGrid, got.AppliesMS, got.Counted)
		}
		dec, err := r.ReadControl(ctx)
		if err != nil {
			t.Fatal(err)
		}
		g, _ := dec.View.Newest("churn")
		at := got.Counted / dec.Layout.PaneMS
		before, after := g.SegmentsIn(at-1), g.SegmentsIn(at)
		if !before.Equal(wire.Segments{{Name: "region", Values: []string{"eu", "us"}}}) || !after.Equal(wire.Segments{{Name: "plan", Values: []string{"free", "paid"}}}) {
			t.Errorf("counted apart before %v, after %v", before, after)
		}
		if c := b.doctorOn("segments"); c.State != stateOK {
			t.Errorf("doctor: %+v", c)
		}
		out := b.must("reference", "build", "churn", "--from", "topic")
		for _, says := range []string{"rows of plan=free", "or it is learning", "segments: plan=free 400 rows, plan=paid 400 rows\n"} {
			if !strings.Contains(out, says) {
				t.Errorf("the table lacks %q:\n%s", says, out)
			}
		}
	})
}
