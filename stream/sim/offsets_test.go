package sim

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/driftline/driftline/stream/kafka/kafkatest"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/memlog"
)

var onePartition = plan{partitions: 1, records: 120, jitterMS: 90_000, stepMS: 20_000}

func TestFault_TruncatedAtStart(t *testing.T) {
	t.Parallel()
	n := seeds(t, 300)
	for seed := range n {
		if diff := runCollect(t, uint64(seed), collectCase{plan: onePartition, cut: true}); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
	}
	t.Logf("%d seeds, 0 differ", n)
}

// An operator moves offsets anywhere between lives: of the collectors, also on a
// truncated log, and of the evaluators.
func TestFault_OffsetReset(t *testing.T) {
	t.Parallel()
	t.Run("of collectors", func(t *testing.T) {
		t.Parallel()
		for seed := range seeds(t, 400) {
			c := collectCase{plan: onePartition, cut: seed%2 == 0, resets: true}
			if diff := runCollect(t, uint64(seed), c); diff != "" {
				t.Fatalf("seed %d: %s", seed, diff)
			}
		}
	})
	t.Run("of evaluators", func(t *testing.T) {
		disturbed(t, 40, func(t testing.TB, w *world, rng *rand.Rand) {
			for q := range w.layout.PanesPartitions {
				p := w.part(panesTopic, q)
				if _, end := w.log.Ends(p); end > 0 {
					w.log.SetCommit(group, p, rng.Int64N(end))
				}
			}
		})
	})
}

// The group's offsets expire while nobody runs: the first offset held is read again,
// and where retention took the beginning, scores say what is missing.
func TestFault_GroupOffsetsExpired(t *testing.T) {
	t.Parallel()
	t.Run("all input is there", func(t *testing.T) {
		disturbed(t, 40, func(t testing.TB, w *world, rng *rand.Rand) {
			w.log.DropCommits(group)
			w.log.DropCommits(group + loop.ControlGroup)
		})
	})
	t.Run("retention took some", func(t *testing.T) {
		t.Parallel()
		admitted := 0
		for seed := range seeds(t, 40) {
			w, want := prepared(t, seed)
			rng := rand.New(rand.NewPCG(uint64(seed), 60))
			w.live(t, rng, memlog.KillAt(30+rng.Int64N(100), memlog.KillAfter))
			w.log.DropCommits(group)
			must(t, w.log.Truncate(w.part(inputTopic, int32(rng.IntN(2))), 10+rng.Int64N(50)))
			w.finish(t, rng, 0.005)
			lie, n := honest(t, want, w.results(t))
			if lie != "" {
				t.Fatalf("seed %d: %s", seed, lie)
			}
			admitted += n
		}
		if admitted == 0 {
			t.Error("no score admits that something is missing")
		}
	})
}

// remade runs a while, has the input made again with less in it, and asks that the
// collector refuses to start and says what to do.
func remade(t testing.TB, w *world, remake func()) {
	t.Helper()
	must(t, w.bothLife(w.conn(nil), rand.New(rand.NewPCG(11, 61)), loop.Sound))
	remake()
	w.put(t, 0, epochMS, []byte(`{"type":"tick"}`))
	before := len(w.records(t, w.part(panesTopic, 0)))
	err := w.bothLife(w.conn(nil), nil, loop.Sound)
	if !errors.Is(err, loop.ErrRemade) || !strings.Contains(err.Error(), "incarnation") || !strings.Contains(err.Error(), inputTopic+"/0") {
		t.Errorf("error %v, want ErrRemade naming the partition and the incarnation", err)
	}
	if after := len(w.records(t, w.part(panesTopic, 0))); after != before {
		t.Errorf("%d records were published of a topic that is not the old one", after-before)
	}
}

func TestFault_TopicMadeAgain(t *testing.T) {
	t.Parallel()
	w, _ := prepared(t, 11)
	remade(t, w, func() { must(t, w.log.Recreate(inputTopic)) })
	// The topic between the folds is told apart as well.
	w, _ = prepared(t, 12)
	w.live(t, nil, nil)
	h := w.log.Handle(nil)
	e := w.evaluator(h, 0, loop.Sound)
	drain(t, e)
	must(t, w.log.Recreate(panesTopic))
	var err error
	for range 3 {
		if _, err = e.Step(t.Context()); err != nil {
			break
		}
	}
	if !errors.Is(err, loop.ErrRemade) {
		t.Errorf("panes made again: error %v, want ErrRemade", err)
	}
}

// Apache Kafka forgets commits together with the topic. A collector that runs knows
// better; so does one whose commits were kept or restored.
func TestFault_TopicMadeAgain_Kafka(t *testing.T) {
	t.Parallel()
	config := map[string]string{"retention.ms": "-1"}
	w, _ := onKafka(t, kafkatest.Shared(t), filled(t, 11))
	w.group = w.prefix + "group"
	remade(t, w, func() {
		w.real.op.Recreate(w.prefix+inputTopic, 2, config)
		w.real.op.SetCommit(w.group, w.part(inputTopic, 0), 50)
	})
	w, _ = onKafka(t, kafkatest.Shared(t), func(w *world) {
		w.prefix += "running."
		filled(t, 12)(w)
	})
	w.group = w.prefix + "group"
	s := w.source(w.conn(nil), 0, loop.Sound)
	drain(t, s)
	w.real.op.Recreate(w.prefix+inputTopic, 2, config)
	w.put(t, 0, epochMS, []byte(`{"type":"tick"}`))
	var err error
	for range 5 {
		if _, err = s.Step(t.Context()); err != nil {
			break
		}
	}
	if !errors.Is(err, loop.ErrRemade) || !strings.Contains(err.Error(), "incarnation") {
		t.Errorf("under a running collector: error %v, want ErrRemade naming the incarnation", err)
	}
}

// Retention takes input that no collector has read.
func TestFault_RetentionOvertakes(t *testing.T) {
	t.Parallel()
	admitted := 0
	for seed := range seeds(t, 60) {
		w, want := prepared(t, seed)
		rng := rand.New(rand.NewPCG(uint64(seed), 9))
		w.live(t, rng, memlog.KillAt(60+rng.Int64N(100), memlog.KillAfter))
		must(t, w.log.Truncate(w.part(inputTopic, int32(rng.IntN(2))), int64(20+rng.IntN(40))))
		w.finish(t, rng, 0.005)
		lie, n := honest(t, want, w.results(t))
		if lie != "" {
			t.Fatalf("seed %d: %s", seed, lie)
		}
		admitted += n
	}
	if admitted == 0 {
		t.Error("no score admits that something is missing")
	}
}

// On Kafka while the collector runs: its next fetch is answered "out of range", which
// must not be taken for an invitation to skip. The gap is counted and admitted.
func TestFault_RetentionOvertakes_Kafka(t *testing.T) {
	t.Parallel()
	w, sim := onKafka(t, kafkatest.Shared(t), filled(t, 13))
	want := sim.undisturbed(t).results(t)
	lost := w.truncatedUnder(t, 45)
	lie, admitted := honest(t, want, w.results(t))
	if lie != "" || admitted == 0 || lost == 0 {
		t.Errorf("%d records counted as lost, %d scores admit it, lie %q", lost, admitted, lie)
	}
}

// truncatedUnder drops the first records of both partitions once the collector has
// read a few of them, and returns how many it counted as lost unread.
func (w *world) truncatedUnder(t testing.TB, newStart int64) (lost int64) {
	t.Helper()
	w.lost = func(n int64) { lost += n }
	fetched := map[log.Partition]int{}
	must(t, w.bothLife(&slowReader{Log: w.conn(func(op memlog.Op) memlog.Fault {
		if op.Kind == memlog.Fetch && strings.HasSuffix(op.Partition.Topic, inputTopic) {
			if fetched[op.Partition]++; fetched[op.Partition] == 3 {
				w.real.op.DeleteRecords(op.Partition, newStart)
			}
		}
		return memlog.Fault{}
	}), topic: w.prefix + inputTopic}, rand.New(rand.NewPCG(13, 62)), loop.Sound))
	return lost
}

// An offset that the log does not hold is an answer, never a skip: moved past the end
// the start is refused, moved before the start the gap is counted.
func TestFault_OffsetOutOfRange_Kafka(t *testing.T) {
	t.Parallel()
	w, sim := onKafka(t, kafkatest.Shared(t), filled(t, 14))
	want := sim.undisturbed(t).results(t)
	p := w.part(inputTopic, 0)
	_, end, err := w.real.Bounds(t.Context(), p)
	must(t, err)
	for _, offset := range []int64{end + 1, end + 1_000} {
		if _, err := w.real.Fetch(t.Context(), p, offset, 0); !errors.Is(err, log.ErrOutOfRange) {
			t.Errorf("fetch at %d of %d: %v, want ErrOutOfRange", offset, end, err)
		}
	}
	own := w.prefix + "group"
	w.group = own
	w.real.op.SetCommit(own, p, end+10)
	if err := w.collectLife(w.conn(nil), nil, loop.Sound); !errors.Is(err, loop.ErrRemade) {
		t.Errorf("start past the end: %v, want ErrRemade", err)
	}
	w.real.op.SetCommit(own, p, 5)
	w.real.op.DeleteRecords(p, 20)
	if _, err := w.real.Fetch(t.Context(), p, 5, 0); !errors.Is(err, log.ErrOutOfRange) {
		t.Errorf("fetch of what was removed: %v, want ErrOutOfRange", err)
	}
	lost := int64(0)
	w.lost = func(n int64) { lost += n }
	must(t, w.bothLife(w.conn(nil), nil, loop.Sound))
	lie, admitted := honest(t, want, w.results(t))
	if lost != 15 || lie != "" || admitted == 0 {
		t.Errorf("%d records counted as lost, want 15; %d scores admit it, lie %q", lost, admitted, lie)
	}
}

// Offsets are moved at random between lives, as an operator with the wrong command
// does, and the group is deleted: whatever claims to be complete is right.
func TestFault_OffsetReset_Kafka(t *testing.T) {
	t.Parallel()
	w, sim := onKafka(t, kafkatest.Shared(t), filled(t, 15))
	w.group = w.prefix + "group"
	want := sim.undisturbed(t).results(t)
	rng := rand.New(rand.NewPCG(15, 63))
	for life := range 8 {
		w.alive(t, rng, memlog.KillAt(30+rng.Int64N(120), memlog.KillAfter))
		if life == 4 {
			w.real.op.DropGroup(w.group)
			continue
		}
		for _, topic := range []string{inputTopic, panesTopic} {
			p := w.part(topic, int32(rng.IntN(2)))
			_, end, err := w.real.Bounds(t.Context(), p)
			must(t, err)
			if end > 0 {
				w.real.op.SetCommit(w.group, p, rng.Int64N(end))
			}
		}
	}
	w.alive(t, rng, nil)
	lie, admitted := honest(t, want, w.results(t))
	if lie != "" {
		t.Error(lie)
	}
	t.Logf("%d lines, %d admit a gap", len(want), admitted)
}

// A partition is added on Kafka while both folds run.
func TestFault_PartitionAdded_Kafka(t *testing.T) {
	t.Parallel()
	build := func(fromStart bool) func(w *world) {
		return func(w *world) {
			n := 2
			if fromStart {
				n = 3
			}
			w.tickMS, w.plan.partitions = 1, n
			if w.real != nil {
				w.tickMS = 1_000 // of the wall clock
			}
			w.createTopics(t, n)
			w.control(t)
			w.references(t)
		}
	}
	rows := func(w *world, rng *rand.Rand, at int64, n, partitions int) int64 {
		for i := range n {
			at += rng.Int64N(20_000)
			w.put(t, rng.IntN(partitions), at, row(rng, models[rng.IntN(2)], at, i, false))
		}
		return at
	}
	run := func(w *world, fromStart bool) {
		rng := rand.New(rand.NewPCG(16, 64))
		at := rows(w, rng, epochMS, 100, 2)
		if !fromStart {
			w.alive(t, rand.New(rand.NewPCG(16, 65)), nil)
			if w.real != nil {
				w.real.op.AddPartitions(w.prefix+inputTopic, 3)
			}
		}
		at += 300_000 // no record lies in it until the disorder has passed
		w.plan.partitions = 3
		for range 3 {
			w.put(t, rng.IntN(2), at, []byte(`{"type":"tick"}`))
		}
		at = rows(w, rng, at, 100, 3)
		w.ticks(t, 3, at)
	}
	_, sim := onKafka(t, kafkatest.Shared(t), func(w *world) {
		if w.real == nil {
			build(true)(w)
		}
	})
	run(sim, true)
	want := sim.undisturbed(t).results(t)
	w, _ := onKafka(t, kafkatest.Shared(t), build(false))
	run(w, false)
	w.killedOn(t, rand.New(rand.NewPCG(16, 66)), 8, 0.02)
	same(t, 16, want, w.results(t))
}
