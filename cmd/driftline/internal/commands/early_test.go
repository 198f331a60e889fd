package commands

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/wire"
)

// longCSV holds rows over twenty minutes, enough to calibrate an early warning.
func (b *bench) longCSV() string {
	r := rand.New(rand.NewPCG(1, 2))
	var s strings.Builder
	s.WriteString("ts,plan,amount\n")
	for i := range 6000 {
		at := time.UnixMilli(startMS - 1_200_000 + int64(i)*200).UTC()
		fmt.Fprintf(&s, "%s,%s,%.2f\n", at.Format(time.RFC3339Nano), []string{"free", "paid"}[r.IntN(2)], 100+10*r.NormFloat64())
	}
	return b.write("long.csv", s.String())
}

// A reference in order of time makes its model be warned: the warning is in the drift
// topic, in a replay and in the history, and asks for nothing.
func TestReference_WarnsEarly(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	warned := wire.EventType("drift", "warned")
	build := []string{"reference", "build", "churn", "--from", "file:" + b.longCSV(), "--time-column", "ts"}
	b.during(func(ctx context.Context, r *app.Running) {
		var got built
		decode(t, b.must(append(build, "-o", "json")...), &got)
		if out := got.Early.words(); !strings.Contains(out, "where 0.5 were asked for") {
			t.Errorf("reference build says %q", out)
		}
		if e := got.Early; !e.InForce || e.Target != 0.5 || e.Achieved <= 0 || e.Low > e.High || e.Paths == 0 {
			t.Errorf("early warning %+v, want one in force with 0.5 false alarms a month", e)
		}
		if j := got.Joint; !j.InForce || len(j.Laws) == 0 || j.Embedding == "" || !strings.Contains(j.words(), "all features together: windows of ") {
			t.Errorf("all features together: %+v", j)
		}
		b.events(ctx, r)
		live, replayed := b.lines(ctx, r), b.must("replay", "--json")
		if live != replayed {
			t.Errorf("replay differs from what ran (-live +replay):\n%s", cmp.Diff(live, replayed))
		}
		if n := strings.Count(live, `"joint":{"verdict":`); n == 0 {
			t.Error("no score has a verdict on all features together")
		}
		if n := strings.Count(live, warned); n == 0 {
			t.Errorf("nobody is warned of a shift by three standard deviations:\n%.3000s", live)
		}
		for {
			events, err := r.Store.Events(ctx, store.EventQuery{Model: "churn", Limit: 100})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				if e.Type != warned {
					continue
				}
				if e.Episode != "" {
					t.Errorf("the warning opened the episode %s", e.Episode)
				}
				return
			}
			time.Sleep(50 * time.Millisecond)
			if ctx.Err() != nil {
				t.Fatal("the warning did not reach the history")
			}
		}
	})
}
