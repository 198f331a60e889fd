package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/cli"
	"github.com/driftline/driftline/cmd/driftline/internal/datadir"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/replay"
)

// history is what the tables say that a replay may, and may not, write to.
type history struct {
	Scores   []store.ScoreRow
	Events   []store.EventRow
	Alarms   []store.AlarmRow
	Retrains []store.Retrain
	Outbox   []store.OutboxRow
	Progress []store.Progress
}

func historyOf(t *testing.T, db *store.Store) (h history) {
	t.Helper()
	err := db.Read(t.Context(), func(tx *store.Tx) (err error) {
		ctx := t.Context()
		read := func(f func() error) {
			if err == nil {
				err = f()
			}
		}
		read(func() error {
			h.Scores, err = tx.Scores(ctx, store.ScoreQuery{Model: "churn", Limit: 100_000})
			return err
		})
		read(func() error {
			h.Events, err = tx.Events(ctx, store.EventQuery{Oldest: true, Limit: 100_000})
			return err
		})
		read(func() error { h.Alarms, err = tx.Alarms(ctx, store.AlarmQuery{Limit: 1000}); return err })
		read(func() error { h.Retrains, err = tx.Retrains(ctx, store.RetrainQuery{}); return err })
		read(func() error { h.Outbox, err = tx.PendingOutbox(ctx, 1000); return err })
		read(func() error { h.Progress, err = tx.Progress(ctx, "historian"); return err })
		h.Progress = slices.DeleteFunc(h.Progress, func(p store.Progress) bool { return strings.HasSuffix(p.Topic, ".panes") }) // live operation ticks there
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// unmarked leaves out who wrote the rows.
func (h history) unmarked() history {
	h.Scores, h.Events = append([]store.ScoreRow(nil), h.Scores...), append([]store.EventRow(nil), h.Events...)
	for i := range h.Scores {
		h.Scores[i].Replayed = false
	}
	for i := range h.Events {
		h.Events[i].Replayed = false
	}
	return h
}

// caughtUp waits until the history holds what the topics hold.
func (b *bench) caughtUp(ctx context.Context, r *app.Running) {
	b.t.Helper()
	for {
		behind := ""
		for _, topic := range []string{r.Topics().Scores, r.Topics().Drift} {
			p := log.Partition{Topic: topic}
			_, end, err := r.Kafka.Bounds(ctx, p)
			if err != nil {
				b.t.Fatal(err)
			}
			if r.History.Position(p) < end {
				behind = p.String()
			}
		}
		if behind == "" {
			return
		}
		select {
		case <-ctx.Done():
			b.t.Fatalf("the history is behind in %s", behind)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (b *bench) referenced() {
	b.t.Helper()
	b.must("reference", "build", "churn", "--from", "file:"+b.referenceCSV(3000), "--time-column", "ts", "--label-column", "label")
}

func (b *bench) backfilled(args ...string) (did app.Backfilled) {
	b.t.Helper()
	decode(b.t, b.must(append([]string{"replay", "-o", "json"}, args...)...), &did)
	return did
}

// A backfill adds exactly what live operation would have written, touches nothing else,
// and changes nothing the second time.
func TestReplay_ToSQLFillsTheHistory(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.during(func(ctx context.Context, r *app.Running) {
		b.referenced()
		b.events(ctx, r)
		b.caughtUp(ctx, r)
		live := historyOf(t, r.Store)
		did := b.backfilled("--to-sql")
		if did.Changed() || did.Differ > 0 || did.Equal != int64(len(live.Scores)) || did.EventsEqual != int64(len(live.Events)) || did.Equal == 0 || did.EventsEqual == 0 {
			t.Errorf("over live operation's own history: %+v; want %d windows and %d events, all equal", did, len(live.Scores), len(live.Events))
		}
		if diff := cmp.Diff(live, historyOf(t, r.Store)); diff != "" {
			t.Errorf("a backfill of what is there changed the history:\n%s", diff)
		}
		if _, err := r.Store.DeleteScoresBefore(ctx, "2026-02-01"); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Store.DeleteEventsBefore(ctx, startMS+10*86_400_000); err != nil {
			t.Fatal(err)
		}
		ends := b.ends(ctx, r)
		did = b.backfilled("--to-sql")
		if did.Written != int64(len(live.Scores)) || did.EventsWritten != int64(len(live.Events)) {
			t.Errorf("into an empty history: %+v", did)
		}
		filled := historyOf(t, r.Store)
		if diff := cmp.Diff(live.unmarked(), filled.unmarked()); diff != "" {
			t.Errorf("the backfilled history is not live operation's:\n%s", diff)
		}
		for _, s := range filled.Scores {
			if !s.Replayed {
				t.Fatalf("not marked: %+v", s)
			}
		}
		if did = b.backfilled("--to-sql"); did.Changed() {
			t.Errorf("a second time: %+v", did)
		}
		if diff := cmp.Diff(filled, historyOf(t, r.Store)); diff != "" {
			t.Errorf("a second time changed the history:\n%s", diff)
		}
		if diff := cmp.Diff(ends, b.ends(ctx, r)); diff != "" {
			t.Errorf("topics moved:\n%s", diff)
		}
		if code, _, errs := b.run("replay", "--to-sql", "--namespace", "other"); code != cli.Usage || !strings.Contains(errs, "--namespace test") {
			t.Errorf("another namespace ends with %d: %s", code, errs)
		}
		if table := b.must("replay", "--to-sql", "--model", "churn"); !strings.Contains(table, "windows looked at") {
			t.Errorf("the table says nothing:\n%s", table)
		}
	})
}

// ends are the offsets behind the last record of every topic of ours that a replay
// must not write to. Live operation says how far it is in the topic of counts, with or
// without a replay.
func (b *bench) ends(ctx context.Context, r *app.Running) map[string]int64 {
	b.t.Helper()
	t := r.Topics()
	out := map[string]int64{}
	for _, topic := range append([]string{t.Scores, t.Drift, t.State, t.Control, t.Lifecycle, t.Dead}, t.Inputs...) {
		n, err := r.Kafka.Partitions(ctx, topic)
		if err != nil {
			b.t.Fatal(err)
		}
		for i := range n {
			p := log.Partition{Topic: topic, Index: int32(i)}
			_, end, err := r.Kafka.Bounds(ctx, p)
			if err != nil {
				b.t.Fatal(err)
			}
			out[p.String()] = end
		}
	}
	return out
}

// A backfill that is stopped at any moment and asked for again fills the same tables.
func TestReplay_ToSQLStoppedAnywhereGoesOn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.during(func(ctx context.Context, r *app.Running) {
		b.referenced()
		b.events(ctx, r)
		b.caughtUp(ctx, r)
		live := historyOf(t, r.Store)
		l := r.Declared.Layout
		resumed := 0
		for seed := range uint64(6) {
			rng := rand.New(rand.NewPCG(seed, 1))
			empty := func() {
				if _, err := r.Store.DeleteScoresBefore(ctx, "2026-02-01"); err != nil {
					t.Fatal(err)
				}
				if _, err := r.Store.DeleteEventsBefore(ctx, startMS+10*86_400_000); err != nil {
					t.Fatal(err)
				}
			}
			empty()
			rg := app.Range{FromMS: loop.Unset, ToMS: startMS + 60_000}
			if seed%2 > 0 {
				rg.ToMS = startMS + 50_000
			}
			for life := 0; ; life++ {
				stop, cancel := context.WithCancel(ctx)
				left := 1 + rng.IntN(7)
				step := func() {
					if left--; left == 0 && life < 10 {
						cancel()
					}
				}
				did, err := r.Backfill(stop, l, rg, false, app.Watch{Read: func(replay.Progress) { step() }, Written: func(int64) { step() }})
				cancel()
				if did.ResumedMS != nil {
					resumed++
				}
				if err == nil {
					break
				}
				if stop.Err() == nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
			}
			if _, found, err := r.Stopped(ctx, l, rg); err != nil || found {
				t.Errorf("seed %d: a place is left after the end: %v", seed, err)
			}
			want := live.unmarked()
			var scores []store.ScoreRow
			for _, s := range want.Scores {
				if s.EndMS <= rg.ToMS {
					scores = append(scores, s)
				}
			}
			want.Scores, want.Events = scores, nil
			got := historyOf(t, r.Store).unmarked()
			for _, e := range live.unmarked().Events {
				if e.TimeMS <= rg.ToMS {
					want.Events = append(want.Events, e)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("seed %d: not the tables of a run that was left alone:\n%s", seed, diff)
			}
		}
		t.Logf("%d runs went on where one was stopped", resumed)
		if resumed == 0 {
			t.Error("no run was resumed: the places were not tested")
		}
	})
}

// Late events are restated: a new revision with its mark, what it replaced kept, the
// alarms as they stood, and no difference to what a replay prints.
func TestReplay_RepairRestates(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.during(func(ctx context.Context, r *app.Running) {
		b.referenced()
		b.events(ctx, r)
		b.caughtUp(ctx, r)
		printed := b.must("replay", "--json", "--to", "2026-01-01T00:01:00Z")
		live := historyOf(t, r.Store)
		var late []log.Record
		for i := range 40 { // most of a minute behind the record clock, which they do not move
			late = append(late, log.Record{Partition: log.Partition{Topic: "ml.events", Index: int32(i % 2)}, TimeMS: startMS + 70_000, Value: fmt.Appendf(nil,
				`{"type":"prediction","model":"churn","version":"1","id":"late%d","ts":%d,"features":{"amount":500,"plan":"free"},"score":0.5,"prediction":1}`, i, startMS+20_500)})
		}
		if err := r.Kafka.Append(ctx, late); err != nil {
			t.Fatal(err)
		}
		if again := b.must("replay", "--json", "--to", "2026-01-01T00:01:00Z"); again != printed {
			t.Errorf("late events change what a replay prints:\n%s", cmp.Diff(printed, again))
		}
		args := []string{"--repair", "--from", "2026-01-01T00:00:10Z", "--to", "2026-01-01T00:01:00Z"}
		for _, wrong := range [][]string{args[:3], append(args, "--json"), append(args, "--max-memory", "1kB"), {"--repair", "--from", "2026-01-01T00:00:10Z", "--to", "now"}, {"--anew"}} {
			if code, _, errs := b.run(append([]string{"replay"}, wrong...)...); code != cli.Usage {
				t.Errorf("replay %v ends with %d: %s", wrong, code, errs)
			}
		}
		ends := b.ends(ctx, r)
		did := b.backfilled(args...)
		// Windows of 10 s that hold the second: 10; of 40 s, sliding by 10 s: 4; each for
		// all versions and for version 1.
		changed := map[int64]bool{}
		restated := historyOf(t, r.Store)
		for i, s := range restated.Scores {
			was := live.Scores[i]
			hit := s.EndMS > startMS+20_500 && s.EndMS-s.WindowMS <= startMS+20_500 && s.EndMS > startMS+10_000 && s.EndMS <= startMS+60_000
			switch {
			case hit != (s.Revision == 1), hit && (!s.Replayed || s.Rows != was.Rows+40), !hit && !cmp.Equal(s, was), s.AlarmPhase != was.AlarmPhase:
				t.Fatalf("window %d to %d, late events inside: %v: was %+v, now %+v", s.WindowMS, s.EndMS, hit, was, s)
			}
			if hit {
				changed[s.EndMS] = true
				revs, err := r.Store.ScoreRevisions(ctx, s)
				if err != nil || len(revs) != 1 || revs[0].Revision != 0 || revs[0].Replayed || revs[0].Body != was.Body {
					t.Errorf("replaced by %d: %+v, %v", s.EndMS, revs, err)
				}
			}
		}
		if did.Restated == 0 || did.Largest == nil || did.Largest.Feature != "amount" || did.Written > 0 || did.EventsWritten > 0 {
			t.Errorf("repair: %+v; want windows restated and the feature that moved", did)
		}
		live.Scores, restated.Scores = nil, nil
		live.Progress, restated.Progress = nil, nil // the historian reads on
		if diff := cmp.Diff(live, restated); diff != "" {
			t.Errorf("more than scores changed:\n%s", diff)
		}
		if again := b.backfilled(args...); again.Changed() || again.Equal != did.Equal+did.Restated {
			t.Errorf("a second repair: %+v after %+v", again, did)
		}
		if diff := cmp.Diff(ends, b.ends(ctx, r)); diff != "" {
			t.Errorf("topics moved:\n%s", diff)
		}
		if kept := b.backfilled("--to-sql"); kept.Changed() || kept.Kept != did.Restated || kept.Differ > 0 {
			t.Errorf("a backfill over restated windows: %+v", kept)
		}
		// What live operation's alarms were is still known.
		part := b.must("replay", "--json", "--from", "2026-01-01T00:00:30Z", "--to", "2026-01-01T00:01:00Z")
		if part != within(t, printed, startMS+30_000, startMS+60_000) {
			t.Errorf("from the middle, after a repair:\n%s", cmp.Diff(within(t, printed, startMS+30_000, startMS+60_000), part))
		}
		t.Logf("%d windows restated, %d ends", did.Restated, len(changed))
	})
}

// within picks the lines of a range.
func within(t *testing.T, lines string, fromMS, toMS int64) string {
	t.Helper()
	var out strings.Builder
	for line := range strings.Lines(lines) {
		var x struct {
			EndMS int64 `json:"end_ms"`
			Data  struct {
				EndMS int64 `json:"end_ms"`
			} `json:"data"`
		}
		if err := json.Unmarshal([]byte(line), &x); err != nil {
			t.Fatal(err)
		}
		if end := max(x.EndMS, x.Data.EndMS); end > fromMS && end <= toMS {
			out.WriteString(line)
		}
	}
	return out.String()
}

// A replay that only prints moves nothing: no topic's end, no committed offset, no row,
// no metric.
func TestFault_ReplayDuringLive(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.during(func(ctx context.Context, r *app.Running) {
		b.referenced()
		b.events(ctx, r)
		b.caughtUp(ctx, r)
		ends, rows, metrics := b.ends(ctx, r), historyOf(t, r.Store), b.metrics(r)
		if !strings.Contains(metrics, "driftline_drift_events_total") {
			t.Fatalf("no metrics to compare:\n%s", metrics)
		}
		for _, args := range [][]string{{}, {"--json"}, {"--from", "2026-01-01T00:00:30Z"}, {"--json", "--from", "2026-01-01T00:00:20Z", "--to", "2026-01-02"}} {
			b.must(append([]string{"replay"}, args...)...)
		}
		if diff := cmp.Diff(ends, b.ends(ctx, r)); diff != "" {
			t.Errorf("topics moved:\n%s", diff)
		}
		if diff := cmp.Diff(rows, historyOf(t, r.Store)); diff != "" {
			t.Errorf("rows changed:\n%s", diff)
		}
		if diff := cmp.Diff(metrics, b.metrics(r)); diff != "" {
			t.Errorf("metrics moved:\n%s", diff)
		}
	})
}

// metrics reads those that say what was judged, told and triggered: not the clocks,
// and not what the runtime and HTTP count by themselves.
func (b *bench) metrics(r *app.Running) string {
	b.t.Helper()
	run, _, err := datadir.Look(r.Cfg.DataDir)
	if err != nil {
		b.t.Fatal(err)
	}
	resp, err := http.Get("http://" + run.Ops + "/metrics")
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	var out strings.Builder
	for line := range strings.Lines(string(text)) {
		for _, area := range []string{"driftline_model_", "driftline_feature_", "driftline_drift_events", "driftline_retrain", "driftline_fleet", "driftline_stream_records"} {
			if strings.HasPrefix(line, area) {
				out.WriteString(line)
			}
		}
	}
	return out.String()
}
