package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/driftline/driftline/stream/kafka"
	"github.com/driftline/driftline/stream/kafka/kafkatest"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/memlog"
)

// realLog is Apache Kafka in the place of package memlog: the same worlds are written
// to it, and the same folds read them.
type realLog struct {
	*kafka.Log
	op *kafkatest.Operator
}

func (r *realLog) records(t testing.TB, p log.Partition) (all []log.Record) {
	t.Helper()
	from, end, err := r.Bounds(t.Context(), p)
	must(t, err)
	for from < end {
		b, err := r.Fetch(t.Context(), p, from, time.Second)
		must(t, err)
		all = append(all, b.Records...)
		from = b.Next
	}
	return all
}

// onKafka builds a world on Apache Kafka, on topics of its own, and the same world
// in memory.
func onKafka(t testing.TB, brokers []string, build func(w *world)) (kept, simulated *world) {
	t.Helper()
	l, err := kafka.Dial(kafka.Config{Brokers: brokers, RetryTimeout: 2 * time.Minute})
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	name := strings.NewReplacer("/", ".", "TestFault_", "", " ", "-").Replace(t.Name()) + "."
	for _, r := range []*realLog{{Log: l, op: kafkatest.Operate(t, brokers)}, nil} {
		w := &world{layout: planLayout(name + inputTopic), log: memlog.New(memlog.Config{NowMS: epochMS + 365*86_400_000}), plan: plan{partitions: 2}, prefix: name, real: r}
		build(w)
		if r != nil {
			kept = w
		} else {
			simulated = w
		}
	}
	return kept, simulated
}

// filled is the input that most tests on Kafka use: the world of the simulation.
func filled(t testing.TB, seed uint64) func(w *world) {
	return func(w *world) {
		w.plan = plan{partitions: 2, records: 60, jitterMS: 90_000, stepMS: 15_000, shift: true}
		w.createTopics(t, w.plan.partitions)
		w.control(t)
		rng := rand.New(rand.NewPCG(seed, 1))
		for part := range w.plan.partitions {
			w.input(t, rng, int32(part))
		}
		w.references(t)
	}
}

// undisturbed is what a run without faults says, in memory.
func (w *world) undisturbed(t testing.TB) *world {
	t.Helper()
	must(t, w.bothLife(w.log.Handle(nil), nil, 0))
	if len(w.results(t)) == 0 {
		t.Fatal("the undisturbed run has no results")
	}
	return w
}

// conn is the connection of one process life: memlog's own, or one to Kafka that
// meets the same faults on its way there.
func (w *world) conn(plan memlog.Faults) log.Log {
	if w.real == nil {
		return w.log.Handle(plan)
	}
	return &faulty{Log: w.real.Log, plan: plan}
}

// faulty meets a plan's faults before and after each operation on a real log.
type faulty struct {
	log.Log
	plan memlog.Faults
	seen func(err error) // of every operation; nil: nobody asks

	mu     sync.Mutex
	ops    int64
	killed bool
}

func (f *faulty) do(op memlog.Op, effect func() error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.killed {
		return memlog.ErrKilled
	}
	f.ops++
	op.N = f.ops
	var x memlog.Fault
	if f.plan != nil {
		x = f.plan(op)
	}
	var err error
	if x.Outcome != memlog.NotDone && x.Outcome != memlog.KillBefore {
		err = effect()
		if f.seen != nil {
			f.seen(err)
		}
	}
	switch x.Outcome {
	case memlog.NotDone, memlog.DoneSaidNo:
		return fmt.Errorf("%s: injected: %w", op, log.ErrUnreachable)
	case memlog.KillBefore, memlog.KillAfter:
		f.killed = true
		return memlog.ErrKilled
	}
	return err
}

func (f *faulty) Fetch(ctx context.Context, p log.Partition, from int64, wait time.Duration) (b log.Batch, err error) {
	err = f.do(memlog.Op{Kind: memlog.Fetch, Partition: p, Offset: from}, func() (err error) {
		b, err = f.Log.Fetch(ctx, p, from, wait)
		return err
	})
	return b, err
}

func (f *faulty) Append(ctx context.Context, recs []log.Record) error {
	return f.do(memlog.Op{Kind: memlog.Append, Partition: recs[0].Partition, Records: recs}, func() error { return f.Log.Append(ctx, recs) })
}

func (f *faulty) Commit(ctx context.Context, group string, p log.Partition, offset int64) error {
	return f.do(memlog.Op{Kind: memlog.Commit, Partition: p, Group: group, Offset: offset}, func() error { return f.Log.Commit(ctx, group, p, offset) })
}

func (f *faulty) Bounds(ctx context.Context, p log.Partition) (start, end int64, err error) {
	err = f.do(memlog.Op{Kind: memlog.Bounds, Partition: p}, func() (err error) {
		start, end, err = f.Log.Bounds(ctx, p)
		return err
	})
	return start, end, err
}

// killedOn runs lives on Kafka that are killed at random I/O steps, until one ends by
// itself, and returns how many died.
func (w *world) killedOn(t testing.TB, rng *rand.Rand, lives int, rate float64) (died int) {
	t.Helper()
	for life := 0; ; life++ {
		var plan memlog.Faults
		if life < lives {
			plan = memlog.Seeded(rng, memlog.Rates{NotDone: rate, DoneSaidNo: rate, KillBefore: rate, KillAfter: rate})
		}
		err := w.bothLife(w.conn(plan), rng, 0)
		if err == nil {
			return died
		}
		if !errors.Is(err, memlog.ErrKilled) {
			t.Fatal(err)
		}
		died++
	}
}

// slowReader hands out the records of one topic a few at a time, so that a test can
// act between them.
type slowReader struct {
	log.Log
	topic string
}

func (s *slowReader) Fetch(ctx context.Context, p log.Partition, from int64, wait time.Duration) (log.Batch, error) {
	b, err := s.Log.Fetch(ctx, p, from, wait)
	if err == nil && p.Topic == s.topic && len(b.Records) > 7 {
		b.Records = b.Records[:7]
		b.Next = b.Records[6].Offset + 1
		b.Aborted = nil // used with inputs that have none
	}
	return b, err
}
