package sim

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/driftline/driftline/stream/kafka"
	"github.com/driftline/driftline/stream/kafka/kafkatest"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/memlog"
	"github.com/driftline/driftline/stream/replay"
)

// answered runs both folds while a share of all writes meets one outcome, alone.
func answered(t *testing.T, n int, outcome memlog.Outcome) (w *world) {
	t.Helper()
	struck := 0
	for seed := range n {
		var want []replay.Line
		w, want = prepared(t, seed)
		rng := rand.New(rand.NewPCG(uint64(seed), 44))
		must(t, w.bothLife(w.conn(func(op memlog.Op) memlog.Fault {
			if !op.Kind.Writes() || rng.IntN(3) > 0 {
				return memlog.Fault{}
			}
			struck++
			f := memlog.Fault{Outcome: outcome}
			if outcome == memlog.NotDone && len(op.Records) > 1 {
				f.Stored = rng.IntN(len(op.Records)) // some of them were
			}
			return f
		}), rng, loop.Sound))
		same(t, seed, want, w.results(t))
	}
	t.Logf("%d writes were struck", struck)
	if struck == 0 {
		t.Error("no write was struck")
	}
	return w
}

func TestFault_NotStored(t *testing.T) {
	t.Parallel()
	answered(t, seeds(t, 20), memlog.NotDone)
}

func TestFault_StoredButSaidNo(t *testing.T) {
	t.Parallel()
	answered(t, seeds(t, 20), memlog.DoneSaidNo)
}

// A producer without idempotence writes twice what was stored though it was told
// otherwise. Repeats are bytes that stood there before, so ids tell them.
func TestFault_DuplicateOutput(t *testing.T) {
	t.Parallel()
	w := answered(t, 1, memlog.DoneSaidNo)
	for _, topic := range []string{panesTopic, scoresTopic, driftTopic, stateTopic} {
		repeats := 0
		for q := range w.layout.PanesPartitions {
			recs := w.records(t, w.part(topic, q))
			for i, r := range recs {
				for _, before := range recs[:i] {
					if bytes.Equal(r.Value, before.Value) && bytes.Equal(r.Key, before.Key) {
						repeats++
						break
					}
				}
			}
		}
		if repeats == 0 {
			t.Errorf("no record of %s is there twice: nothing was tried", topic)
		}
	}
}

// The broker goes down in order and comes back, several times, under both folds: the
// connections they hold are stale.
func TestFault_BrokerRestart_Kafka(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, 1)
	w, sim := onKafka(t, c.Brokers(), filled(t, 4))
	want := sim.undisturbed(t).results(t)
	rng := rand.New(rand.NewPCG(4, 45))
	restarts := 0
	must(t, w.bothLife(w.conn(func(op memlog.Op) memlog.Fault {
		if op.N == 40 || op.N == 120 {
			c.Stop(0)
			c.Restart(0)
			restarts++
		}
		return memlog.Fault{}
	}), rng, loop.Sound))
	same(t, 4, want, w.results(t))
	if restarts != 2 {
		t.Errorf("%d restarts, want 2", restarts)
	}
}

// The same in the simulation: for a while every operation fails, some of them having
// happened.
func TestFault_BrokerRestart(t *testing.T) {
	t.Parallel()
	for seed := range seeds(t, 40) {
		w, want := prepared(t, seed)
		rng := rand.New(rand.NewPCG(uint64(seed), 46))
		from := 40 + rng.Int64N(200)
		must(t, w.bothLife(w.conn(func(op memlog.Op) memlog.Fault {
			if op.N < from || op.N > from+60 {
				return memlog.Fault{}
			}
			return memlog.Fault{Outcome: []memlog.Outcome{memlog.NotDone, memlog.NotDone, memlog.DoneSaidNo}[rng.IntN(3)]}
		}), rng, loop.Sound))
		same(t, seed, want, w.results(t))
	}
}

// The broker dies as by a power cut and is away while dozens of operations fail.
func TestFault_BrokerDown_Kafka(t *testing.T) {
	t.Parallel()
	c := kafkatest.Start(t, 1)
	w, sim := onKafka(t, c.Brokers(), filled(t, 5))
	want := sim.undisturbed(t).results(t)
	l, err := kafka.Dial(kafka.Config{Brokers: c.Brokers(), RetryTimeout: -1}) // so that the loop sees every failure
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	failed := 0
	conn := &faulty{Log: l, plan: func(op memlog.Op) memlog.Fault {
		if op.N == 60 {
			c.Kill(0)
		}
		return memlog.Fault{}
	}}
	conn.seen = func(err error) {
		if err == nil {
			return
		}
		if failed++; failed == 50 {
			c.Restart(0)
		}
	}
	must(t, w.bothLife(conn, rand.New(rand.NewPCG(5, 47)), loop.Sound))
	if failed < 50 {
		t.Errorf("%d operations failed, want at least 50", failed)
	}
	w.real.Log = fresh(t, c.Brokers())
	same(t, 5, want, w.results(t))
}

func fresh(t testing.TB, brokers []string) *kafka.Log {
	t.Helper()
	l, err := kafka.Dial(kafka.Config{Brokers: brokers})
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	return l
}
