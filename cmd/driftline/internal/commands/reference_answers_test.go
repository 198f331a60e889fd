package commands

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/web"
)

// answeredEvents writes predictions of version 1, ten a second from a moment on and for so
// many seconds, whose scores are spread up to top, and a few of version 2; then ticks.
func (b *bench) answeredEvents(ctx context.Context, r *app.Running, fromMS int64, seconds int, top float64) {
	b.t.Helper()
	random := rand.New(rand.NewPCG(5, uint64(seconds)))
	var recs []log.Record
	put := func(part int32, ms int64, value string) {
		recs = append(recs, log.Record{Partition: log.Partition{Topic: "ml.events", Index: part}, TimeMS: ms, Value: []byte(value)})
	}
	for i := range seconds * 10 {
		ms := fromMS + int64(i)*100
		score, version := random.Float64()*top, 1
		if i%20 == 0 {
			version = 2
		}
		put(int32(i%2), ms, fmt.Sprintf(`{"type":"prediction","model":"churn","version":"%d","id":"p%d","ts":%d,"features":{"amount":%.2f},"score":%.4f,"prediction":%d}`,
			version, ms, ms, 100+10*random.NormFloat64(), score, int(score+0.5)))
	}
	end := fromMS + int64(seconds)*1000
	for part := range int32(2) {
		put(part, end+10_000, `{"type":"tick"}`)
	}
	if err := r.Kafka.Append(ctx, recs); err != nil {
		b.t.Fatal(err)
	}
	for {
		if ms, ok := r.Progress.DoneMS(r.Declared.Layout.PanesPartitions); ok && ms >= end+5_000 {
			return
		}
		select {
		case <-ctx.Done():
			b.t.Fatalf("windows did not become final: %v", ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// A reference from a topic holds what the version with most events answered; when it answers
// otherwise for the same inputs, that is a drift of predictions and of nothing else.
func TestReferenceBuild_AnswersThatChangeAreFound(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.during(func(ctx context.Context, r *app.Running) {
		b.answeredEvents(ctx, r, startMS, 240, 1)
		var got built
		decode(t, b.must("reference", "build", "churn", "--from", "topic", "-o", "json"), &got)
		if a := got.Answers; !a.Held || a.Version != "1" || a.Rows != 2280 || len(a.Windows) == 0 || a.Why != "" {
			t.Fatalf("answers %+v", a)
		}
		if diff := cmp.Diff([]string{"score", "prediction"}, got.Answers.Features); diff != "" {
			t.Errorf("features of answers (-want +got):\n%s", diff)
		}
		if out := b.must("reference", "build", "churn", "--from", "topic", "--dry-run"); !strings.Contains(out, "answers of version 1: 2280, compared by score and prediction\n") {
			t.Errorf("the table does not tell of answers:\n%s", out)
		}
		csv := b.referenceCSV(500)
		if out := b.must("reference", "build", "churn", "--from", "file:"+csv, "--time-column", "ts", "--dry-run"); !strings.Contains(out, "answers are not compared: a source of kind file tells of none") {
			t.Errorf("a file: \n%s", out)
		}
		b.answeredEvents(ctx, r, startMS+300_000, 120, 0.4)
		kinds := b.drifted(ctx, r)
		if kinds["score"] == 0 || kinds["prediction"] == 0 {
			t.Errorf("features that drifted in the scores of version 1: %v", kinds)
		}
		if kinds["amount"] > 0 || kinds["others"] > 0 {
			t.Errorf("more has drifted than answers of version 1: %v", kinds)
		}
		var alarms []web.Alarm
		b.until(ctx, "an alarm on the predictions of the longer windows", func() bool {
			alarms = nil
			decode(t, b.must("alarms", "list", "-o", "json"), &alarms)
			alarms = slices.DeleteFunc(alarms, func(a web.Alarm) bool { return a.Kind != "prediction" || a.WindowMS != 40_000 })
			return len(alarms) > 0
		})
		if a := alarms[0]; a.Version != "1" || a.Segment != "" {
			t.Errorf("an alarm of version %q, part %q", a.Version, a.Segment)
		}
		if out := b.must("explain", alarms[0].ID); !strings.Contains(out, "version 1") {
			t.Errorf("the explanation does not name the version:\n%s", out)
		}
		if out := b.must("models", "show", "churn"); !strings.Contains(out, "predictions") {
			t.Errorf("models show says nothing of predictions:\n%s", out)
		}
	})
}

// drifted are the features with drift in the longer windows' scores, by name; "others" are those of another
// version's answers.
func (b *bench) drifted(ctx context.Context, r *app.Running) map[string]int {
	b.t.Helper()
	n := map[string]int{}
	for q := range r.Declared.Layout.PanesPartitions {
		recs, err := loop.NewReader(r.IO(), log.Partition{Topic: r.Topics().Scores, Index: q}, -1).ToEnd(ctx)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, rec := range recs {
			s, err := wire.DecodeScore(rec.Value)
			if err != nil {
				b.t.Fatal(err)
			}
			for _, f := range s.Features {
				switch { // by the classic rule the few rows of short windows drift by chance
				case s.WindowMS < 40_000:
				case f.Verdict != "drifted":
				case s.Version != "1" && s.Version != wire.AnyVersion:
					n["others"]++
				default:
					n[f.Name]++
				}
			}
		}
	}
	return n
}
