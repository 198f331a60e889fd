package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
	"github.com/driftline/driftline/stream/kafka"
	"github.com/driftline/driftline/stream/kafka/kafkatest"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/wire"
)

// tables are the rows of a history that a replay may write, without who wrote them.
type tables struct {
	Scores []store.ScoreRow
	Events []store.EventRow
}

// readTables reads the history as it stands; alarms are those of live operation.
func readTables(t *testing.T, url string) (h tables, alarms int) {
	t.Helper()
	s, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for _, model := range []string{"alpha", "beta"} {
		rows, err := s.Scores(t.Context(), store.ScoreQuery{Model: model, Limit: 100_000})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			r.Replayed = false
			h.Scores = append(h.Scores, r)
		}
	}
	if h.Events, err = s.Events(t.Context(), store.EventQuery{Oldest: true, Limit: 100_000}); err != nil {
		t.Fatal(err)
	}
	for i := range h.Events {
		h.Events[i].Replayed = false
	}
	rows, err := s.Alarms(t.Context(), store.AlarmQuery{Limit: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	return h, len(rows)
}

// backfillKilled replays into the database at url and kills or stops the program a few
// times, each time after it has written something; the last run is left alone.
func backfillKilled(t *testing.T, url string, args ...string) {
	t.Helper()
	if _, errs, err := output(t, time.Minute, nil, "migrate", "--database-url", url, "--data-dir", t.TempDir()); err != nil {
		t.Fatalf("migrate: %v\n%s", err, errs)
	}
	db, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	count := func() (n int) {
		for _, model := range []string{"alpha", "beta"} {
			rows, err := db.Scores(t.Context(), store.ScoreQuery{Model: model, Limit: 100_000, NoBody: true})
			if err != nil {
				t.Fatal(err)
			}
			n += len(rows)
		}
		return n
	}
	args = append([]string{"replay", "--to-sql", "-o", "json", "--database-url", url}, args...)
	stopped, said := 0, 0
	for life := 0; life < 8; life++ {
		p := start(t, nil, args...)
		for had := count(); count() == had; {
			select {
			case err := <-p.done:
				p.done <- err
				t.Logf("life %d ended by itself: %v\n%s", life, err, p.log())
				life = 8
			case <-time.After(time.Millisecond):
				continue
			}
			break
		}
		if life >= 8 {
			break
		}
		stopped++
		if life%2 == 0 {
			p.kill()
			continue
		}
		if err := p.stop(); err != nil {
			if !strings.Contains(p.log(), "this goes on where it stood") {
				t.Fatalf("stopped by SIGTERM it does not say how to go on: %v\n%s", err, p.log())
			}
			said++
		}
	}
	out, errs, err := output(t, 3*time.Minute, nil, args...)
	if err != nil {
		t.Fatalf("replay: %v\n%s", err, errs)
	}
	var did app.Backfilled
	if err := json.Unmarshal(out, &did); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("stopped %d times, %d of them said how to go on; the last run went on: %v; %+v", stopped, said, did.ResumedMS != nil, did.BackfillCounts)
	if did.Differ+did.Alike+did.EventsDiffer > 0 {
		t.Errorf("runs of one command contradict each other: %+v", did)
	}
	if stopped == 0 {
		t.Error("no run was stopped while it wrote")
	}
	out, errs, err = output(t, 3*time.Minute, nil, args...)
	if err != nil || json.Unmarshal(out, &did) != nil || did.Changed() {
		t.Errorf("a run after the end: %v, %+v\n%s", err, did, errs)
	}
}

// lateEvents appends events that are minutes late for their partition, without moving
// its clock, and returns the end of the minute they belong to.
func lateEvents(t *testing.T, broker string) (inMS int64) {
	t.Helper()
	l, err := kafka.Dial(kafka.Config{Brokers: []string{broker}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	inMS = archiveStart + 300_000
	var recs []log.Record
	for p := range int32(3) {
		part := log.Partition{Topic: "archive.events", Index: p}
		_, end, err := l.Bounds(t.Context(), part)
		if err != nil {
			t.Fatal(err)
		}
		b, err := l.Fetch(t.Context(), part, end-1, time.Second)
		if err != nil || len(b.Records) == 0 {
			t.Fatalf("last record of %s: %v", part, err)
		}
		for i := range 30 {
			recs = append(recs, log.Record{Partition: part, TimeMS: b.Records[len(b.Records)-1].TimeMS, Value: fmt.Appendf(nil,
				`{"type":"prediction","model":"alpha","version":"1","id":"late-%d-%d","ts":%d,"features":{"x":9,"y":0.5,"colour":"red"},"score":0.5,"prediction":1}`, p, i, inMS-500)})
		}
	}
	if err := l.Append(t.Context(), recs); err != nil {
		t.Fatal(err)
	}
	return inMS
}

// repaired restates the minutes around the late events and checks what the history
// says then; the second time there is nothing to restate.
func repaired(t *testing.T, url string, inMS int64, args ...string) {
	t.Helper()
	before, alarms := readTables(t, url)
	args = append([]string{"replay", "--repair", "--from", wire.RFC3339(inMS - 60_000), "--to", wire.RFC3339(inMS + 400_000), "-o", "json", "--database-url", url}, args...)
	for i := range 2 {
		out, errs, err := output(t, 3*time.Minute, nil, args...)
		if err != nil {
			t.Fatalf("repair: %v\n%s", err, errs)
		}
		var did app.Backfilled
		if err := json.Unmarshal(out, &did); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if i == 0 && (did.Restated == 0 || did.Largest == nil || did.Written > 0 || did.EventsWritten > 0) || i > 0 && did.Changed() {
			t.Fatalf("repair %d: %s", i, out)
		}
		if i == 0 {
			t.Logf("%d windows restated, largest change %+v", did.Restated, *did.Largest)
		}
	}
	after, still := readTables(t, url)
	if still != alarms || !cmp.Equal(before.Events, after.Events) || len(before.Scores) != len(after.Scores) {
		t.Errorf("repair changed more than scores: %d alarms, then %d", alarms, still)
	}
	for i, s := range after.Scores {
		was := before.Scores[i]
		// All 90 late events are of alpha and of one moment.
		hit := s.Model == "alpha" && s.EndMS > inMS-500 && s.EndMS-s.WindowMS <= inMS-500
		switch {
		case hit && (s.Revision != 1 || s.Rows < was.Rows+90 || s.AlarmPhase != was.AlarmPhase):
			t.Fatalf("window %d to %d is not restated: %+v", s.WindowMS, s.EndMS, s)
		case !hit && s.Revision != 0 && s.Rows == was.Rows:
			t.Fatalf("window %d to %d is restated without another row", s.WindowMS, s.EndMS)
		}
	}
}

// The history that a backfill makes on SQLite, killed and stopped at random, is the one
// that live operation made; late events are restated.
func TestReplay_IntoSQLite(t *testing.T) {
	t.Parallel()
	long(t)
	cfg, dir := archive(t, 20_000)
	p := start(t, nil, append([]string{"all", "--config", cfg, "--data-dir", dir, "--log-level", "warn"}, anyPort...)...)
	r := p.ready(dir)
	want := replayed(t, cfg, dir)
	live := "sqlite:" + filepath.Join(dir, "store.db")
	rows := waitForRows(t, live, len(want))
	inMS := lateEvents(t, r.Broker)
	if err := p.stop(); err != nil {
		t.Fatalf("stop: %v\n%s", err, p.log())
	}
	filled := "sqlite:" + filepath.Join(t.TempDir(), "filled.db")
	backfillKilled(t, filled, "--config", cfg, "--data-dir", dir)
	got, alarms := readTables(t, filled)
	if diff := cmp.Diff(rows, got); diff != "" {
		t.Errorf("the backfilled history is not live operation's:\n%.3000s", diff)
	}
	if alarms > 0 {
		t.Errorf("a backfill raised %d alarms", alarms)
	}
	repaired(t, live, inMS, "--config", cfg, "--data-dir", dir)
	repaired(t, filled, inMS, "--config", cfg, "--data-dir", dir)
	t.Logf("%d scores and %d drift events: equal", len(got.Scores), len(got.Events))
}

// waitForRows waits until the history holds as many rows as the replay prints lines.
func waitForRows(t *testing.T, url string, lines int) (h tables) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); time.Sleep(500 * time.Millisecond) {
		if h, _ = readTables(t, url); len(h.Scores)+len(h.Events) >= lines {
			return h
		}
	}
	t.Fatalf("the history holds %d scores and %d events, the replay prints %d lines", len(h.Scores), len(h.Events), lines)
	return h
}

// The same on Apache Kafka and PostgreSQL, beside live roles: a replay of any kind moves
// no topic's end, a backfill killed at random gives live operation's own rows.
func TestFault_ReplayDuringLiveOnKafkaAndPostgreSQL(t *testing.T) {
	t.Parallel()
	long(t)
	cluster := kafkatest.Start(t, 1)
	database, filled := storetest.Postgres(t), storetest.Postgres(t)
	cfg, dir := archiveFiles(t, archiveConfig)
	brokers := strings.Join(cluster.Brokers(), ",")
	fill(t, cfg, 20_000, app.Want{Broker: true}, config.Flag{Name: "--brokers", Key: "broker.brokers", Value: brokers})
	ports := freePorts(t, 4)
	for i, role := range []string{"collect", "evaluate", "historian"} {
		start(t, nil, "run", role, "--config", cfg, "--brokers", brokers, "--database-url", database, "--data-dir", dir+"-"+role,
			"--artifact-root", dir+"-artifacts", "--ops-listen", "127.0.0.1:"+strconv.Itoa(ports[i]), "--listen", "127.0.0.1:"+strconv.Itoa(ports[3]), "--log-level", "warn")
	}
	eventually(t, time.Minute, "the historian is ready, its tables made", func() bool {
		answer, err := get("http://127.0.0.1:" + strconv.Itoa(ports[2]) + "/readyz")
		return err == nil && answer == "ok\n"
	})
	args := []string{"--config", cfg, "--brokers", brokers, "--data-dir", dir + "-replay"}
	want := replayedFrom(t, args...)
	rows := waitForRows(t, database, len(want))
	if again := replayedFrom(t, args...); strings.Join(again, "\n") != strings.Join(want, "\n") {
		t.Error("two replays differ")
	}
	inMS := lateEvents(t, cluster.Brokers()[0])
	ends := topicEnds(t, cluster.Brokers()[0])
	metrics := judgedMetrics(t, "127.0.0.1:"+strconv.Itoa(ports[2]))

	from := wire.RFC3339(inMS + 100_000)
	middle := replayedFrom(t, append([]string{"--from", from, "--database-url", database}, args...)...)
	if len(middle) < 50 {
		t.Fatalf("the part from the middle has %d lines", len(middle))
	}
	whole := map[string]bool{}
	for _, l := range want {
		whole[course(t, l)] = true
	}
	for _, l := range middle { // beta's rule asks what was learnt before; alpha's does not
		if strings.Contains(l, `"model":"alpha"`) && !whole[course(t, l)] {
			t.Fatalf("from the middle, with the history: not a line of the whole: %s", l)
		}
	}
	backfillKilled(t, filled, args...)
	got, alarms := readTables(t, filled)
	if diff := cmp.Diff(rows, got); diff != "" {
		t.Errorf("the backfilled history is not live operation's:\n%.3000s", diff)
	}
	if alarms > 0 {
		t.Errorf("a backfill raised %d alarms", alarms)
	}
	repaired(t, database, inMS, args...)
	if diff := cmp.Diff(ends, topicEnds(t, cluster.Brokers()[0])); diff != "" {
		t.Errorf("topics moved:\n%s", diff)
	}
	if diff := cmp.Diff(metrics, judgedMetrics(t, "127.0.0.1:"+strconv.Itoa(ports[2]))); diff != "" {
		t.Errorf("metrics of what is told and triggered moved:\n%s", diff)
	}
	if _, err := os.Stat(filepath.Join(dir+"-replay", "store.db")); err == nil {
		t.Error("a replay that only prints made a database")
	}
}

// course is what a line says of counts and alarms, without what is learnt from windows
// before; of an event its id, which says what happened when.
func course(t *testing.T, line string) string {
	t.Helper()
	if e, err := wire.DecodeEvent([]byte(line)); err == nil {
		return e.ID
	}
	s, err := wire.DecodeScore([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range s.Features {
		s.Features[i] = wire.FeatureScore{Name: f.Name, M: f.M, PSI: f.PSI, Verdict: f.Verdict}
	}
	return string(s.Encode())
}

// judgedMetrics are the counters of events told and retrains, by the historian.
func judgedMetrics(t *testing.T, addr string) (out []string) {
	t.Helper()
	text, err := get("http://" + addr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "driftline_drift_events_total") || strings.HasPrefix(line, "driftline_retrain") {
			out = append(out, line)
		}
	}
	return out
}

// topicEnds are the ends of every topic but that of counts, where live operation ticks.
func topicEnds(t *testing.T, broker string) map[string]int64 {
	t.Helper()
	l, err := kafka.Dial(kafka.Config{Brokers: []string{broker}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	out := map[string]int64{}
	for _, topic := range []string{"archive.events", "archive.labels", "driftline.scores", "driftline.drift", "driftline.state", "driftline.control", "driftline.lifecycle", "driftline.dead"} {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		n, err := l.Partitions(ctx, topic)
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			p := log.Partition{Topic: topic, Index: int32(i)}
			if _, out[p.String()], err = l.Bounds(ctx, p); err != nil {
				t.Fatal(err)
			}
		}
		cancel()
	}
	return out
}
