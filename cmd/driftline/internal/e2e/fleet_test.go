package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/driftline/driftline/cmd/driftline/internal/app"
	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/kafka"
	"github.com/driftline/driftline/stream/kafka/kafkatest"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/wire"
)

// fleetConfig has steps of a second, so that a short run has many of them.
const fleetConfig = `
namespace: e2e
broker: {replicas: REPLICAS}
topics:
  inputs:
    - {topic: archive.events, role: events, historical: true}
    - {topic: archive.labels, role: labels, historical: true}
  input_partitions: 3
stream:
  resolution: 1s
  slide: 6
  windows: [3s, 30s]
  lateness: 2s
  skew: 1s
  disorder: 10s
  partitions: 2
  idle: off
policy: {rule: classic, min_rows: 10, fire_after: 0, resolve_after: 0}
models:
  - {name: alpha, features_from: prediction}
  - {name: beta, features_from: prediction, policy: {rule: calibrated, min_effective: 5}}
`

// groupEnv turns a worker's static share into membership of a group, where the
// program knows it: DRIFTLINE_E2E_GROUP_ENV names the variables, such as
// DRIFTLINE_STREAM_ASSIGNMENT=group. Empty: static shares.
func groupEnv() []string {
	return strings.Fields(os.Getenv("DRIFTLINE_E2E_GROUP_ENV"))
}

// worker is one of the processes that share a role.
type worker struct {
	role  string
	index int
	of    int
	p     *process
}

// fleet runs several processes of the stream roles on Apache Kafka.
type fleet struct {
	t       *testing.T
	cluster *kafkatest.Cluster
	op      *kafkatest.Operator
	log     *kafka.Log
	cfg     string
	dir     string
	workers []*worker
	lives   int
}

func newFleet(t *testing.T, nodes, collectors, evaluators int) *fleet {
	t.Helper()
	f := &fleet{t: t, cluster: kafkatest.Start(t, nodes)}
	f.op = kafkatest.Operate(t, f.cluster.Brokers())
	f.cfg, f.dir = archiveFiles(t, strings.ReplaceAll(fleetConfig, "REPLICAS", fmt.Sprint(nodes)))
	fill(t, f.cfg, 0, app.Want{Broker: true}, config.Flag{Name: "--brokers", Key: "broker.brokers", Value: f.brokers()})
	l, err := kafka.Dial(kafka.Config{Brokers: f.cluster.Brokers(), RetryTimeout: 3 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	f.log = l
	for i := range collectors {
		f.workers = append(f.workers, &worker{role: "collect", index: i, of: collectors})
	}
	for i := range evaluators {
		f.workers = append(f.workers, &worker{role: "evaluate", index: i, of: evaluators})
	}
	for _, w := range f.workers {
		f.start(w)
	}
	return f
}

func (f *fleet) brokers() string { return strings.Join(f.cluster.Brokers(), ",") }

// start begins a life of a worker; its data directory is its own, as on a machine of
// its own.
func (f *fleet) start(w *worker) {
	f.t.Helper()
	env := groupEnv()
	if len(env) == 0 {
		env = []string{fmt.Sprintf("DRIFTLINE_STREAM_WORKER_INDEX=%d", w.index), fmt.Sprintf("DRIFTLINE_STREAM_WORKER_COUNT=%d", w.of)}
	}
	f.lives++
	dir := fmt.Sprintf("%s-%s-%d-%d", f.dir, w.role, w.index, f.lives) // a zombie holds the lock of its own
	w.p = start(f.t, env, "run", w.role, "--config", f.cfg, "--brokers", f.brokers(), "--data-dir", dir,
		"--artifact-root", f.dir+"-artifacts", "--ops-listen", "127.0.0.1:0", "--log-level", "warn")
}

func (f *fleet) roles(role string) (ws []*worker) {
	for _, w := range f.workers {
		if w.role == role {
			ws = append(ws, w)
		}
	}
	return ws
}

// pause stops a worker for a while, starts another in its place, and lets the first go
// on beside it.
func (f *fleet) pause(w *worker, d time.Duration) {
	f.t.Helper()
	zombie := w.p
	if err := zombie.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		f.t.Fatal(err)
	}
	f.start(w)
	time.Sleep(d) // standing still for so long is the fault
	if err := zombie.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		f.t.Fatal(err)
	}
	time.Sleep(2 * time.Second) // both work
	zombie.kill()
}

// logs is what every living worker said.
func (f *fleet) logs() string {
	var b strings.Builder
	for _, w := range f.workers {
		fmt.Fprintf(&b, "== %s %d\n%s\n", w.role, w.index, w.p.log())
	}
	return b.String()
}

// traffic writes events whose time runs faster than the wall clock, one chunk at a
// time, bad, late and unknown ones among them.
type traffic struct {
	f   *fleet
	rng *rand.Rand

	mu         sync.Mutex
	partitions int
	at         int64
	n          int
}

// run writes chunks until the context ends.
func (x *traffic) run(ctx context.Context, every time.Duration, chunk int) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := x.f.log.Append(ctx, x.chunk(chunk)); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (x *traffic) grow(partitions int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.partitions = partitions
}

func (x *traffic) chunk(n int) (recs []log.Record) {
	x.mu.Lock()
	defer x.mu.Unlock()
	names := []string{"x", "y", "colour"}
	for range n {
		x.n++
		x.at += x.rng.Int64N(60)
		r := log.Record{Partition: log.Partition{Topic: "archive.events", Index: int32(x.rng.IntN(x.partitions))}, TimeMS: x.at}
		shift := 0.0
		if x.n/3000%2 == 1 {
			shift = 1.5
		}
		ev := event.Event{
			Type: event.TypePrediction, Model: []string{"alpha", "beta"}[x.rng.IntN(2)], Version: fmt.Sprint(1 + x.n/5000%2), ID: fmt.Sprint(x.n), HasTime: true,
			TimeMS: x.at + x.rng.Int64N(1500) - 1200, HasScore: true, Score: x.rng.Float64(), Prediction: sketches.Number(float64(x.rng.IntN(2))), HasPrediction: true,
		}
		for k, v := range sample(x.rng, shift) {
			ev.Features = append(ev.Features, event.Feature{Name: names[k], Value: v})
		}
		switch x.n % 50 {
		case 7:
			ev.TimeMS -= 60_000 // late
		case 17:
			ev.TimeMS += 60_000 // future
		case 27:
			ev.Model = "nobody"
		}
		r.Value = event.Encode(ev)
		if x.n%50 == 37 {
			r.Value = r.Value[:len(r.Value)/2]
		}
		recs = append(recs, r)
	}
	return recs
}

// end passes every clock over what was written.
func (x *traffic) end() {
	x.f.t.Helper()
	x.mu.Lock()
	defer x.mu.Unlock()
	var recs []log.Record
	for _, topic := range []string{"archive.events", "archive.labels"} {
		parts := x.partitions
		if topic == "archive.labels" {
			parts = 3
		}
		for p := range parts {
			recs = append(recs, log.Record{Partition: log.Partition{Topic: topic, Index: int32(p)}, TimeMS: x.at + 60_000, Value: []byte(`{"type":"tick"}`)})
		}
	}
	if err := x.f.log.Append(x.f.t.Context(), recs); err != nil {
		x.f.t.Fatal(err)
	}
}

// settle waits until everything that a replay prints was recorded, and compares.
func (f *fleet) settle(limit time.Duration) (lines, events int) {
	f.t.Helper()
	want := replayedFrom(f.t, "--config", f.cfg, "--brokers", f.brokers(), "--data-dir", f.dir+"-replay")
	var got []string
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(time.Second) {
		if got = recorded(f.t, f.cluster.Brokers()[0]); len(got) >= len(want) {
			break
		}
	}
	if diff := firstDiff(want, got); diff != "" {
		f.t.Fatalf("%d lines, the replay prints %d: %s\n%s", len(got), len(want), diff, f.logs())
	}
	for _, l := range want {
		if strings.HasPrefix(l, `{"specversion"`) {
			events++
		}
	}
	return len(want), events
}

// ledgers asks that every record of the input stands in exactly one ledger, and
// returns the sum per outcome.
func (f *fleet) ledgers() (records int64, sum [wire.Outcomes]uint64) {
	f.t.Helper()
	newest := map[int32]map[int64]wire.Ledger{}
	for q := range int32(2) {
		f.each(log.Partition{Topic: "driftline.panes", Index: q}, func(r log.Record) {
			if kind, _ := wire.Peek(r.Value); kind != wire.KindLedger {
				return
			}
			l, err := wire.DecodeLedger(r.Value)
			if err != nil {
				f.t.Fatal(err)
			}
			if l.Source.Topic != "archive.events" {
				return
			}
			panes := newest[l.Source.Partition]
			if panes == nil {
				panes = map[int64]wire.Ledger{}
				newest[l.Source.Partition] = panes
			}
			if old, had := panes[l.Pane]; !had || l.Through > old.Through {
				panes[l.Pane] = l
			}
		})
	}
	n, err := f.log.Partitions(f.t.Context(), "archive.events")
	if err != nil {
		f.t.Fatal(err)
	}
	for p := range int32(n) {
		part := log.Partition{Topic: "archive.events", Index: p}
		_, end, err := f.log.Bounds(f.t.Context(), part)
		if err != nil {
			f.t.Fatal(err)
		}
		covered, next := int64(0), map[int64]wire.Ledger{}
		for _, l := range newest[p] {
			if l.Last < l.First {
				continue
			}
			if other, had := next[l.First]; had {
				f.t.Fatalf("%s: two ledgers begin at offset %d: panes %d and %d", part, l.First, other.Pane, l.Pane)
			}
			next[l.First] = l
			for i, c := range l.Outcomes {
				sum[i] += c
			}
		}
		for l, had := next[0]; had; l, had = next[covered] { // each begins where one ends: none twice, none missing
			if uint64(l.Last-l.First+1) != l.Records+l.Skipped {
				f.t.Fatalf("%s, offsets %d to %d: %d records and %d skipped", part, l.First, l.Last, l.Records, l.Skipped)
			}
			delete(next, covered)
			covered = l.Last + 1
		}
		// The clock stands in the pane of the last tick, whose ledger is not closed.
		if len(next) > 0 || end-covered > 2 {
			f.t.Fatalf("%s: ledgers cover offsets up to %d of %d without a gap, %d more lie beyond", part, covered, end, len(next))
		}
		records += end
	}
	return records, sum
}

func (f *fleet) each(p log.Partition, do func(log.Record)) {
	f.t.Helper()
	from, end, err := f.log.Bounds(f.t.Context(), p)
	if err != nil {
		f.t.Fatal(err)
	}
	for from < end {
		b, err := f.log.Fetch(f.t.Context(), p, from, time.Second)
		if err != nil {
			f.t.Fatal(err)
		}
		for _, r := range b.Records {
			do(r)
		}
		from = b.Next
	}
}

// advances waits until something new was counted and judged.
func (f *fleet) advances() {
	f.t.Helper()
	sizes := func() (n [2]int64) {
		for i, topic := range []string{"driftline.panes", "driftline.scores"} {
			for q := range int32(2) {
				_, end, err := f.log.Bounds(f.t.Context(), log.Partition{Topic: topic, Index: q})
				if err != nil {
					f.t.Fatal(err)
				}
				n[i] += end
			}
		}
		return n
	}
	from := sizes()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		if n := sizes(); n[0] > from[0] && n[1] > from[1] {
			return
		}
	}
	f.t.Fatalf("nothing new is counted and judged within two minutes\n%s", f.logs())
}
