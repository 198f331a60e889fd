package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/kafka/kafkatest"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/memlog"
	"github.com/driftline/driftline/stream/wire"
)

// outcomes sums what the ledgers say, per source and pane the one of largest through.
func (w *world) outcomes(t testing.TB) (sum [wire.Outcomes]uint64, dead map[string]uint64) {
	t.Helper()
	type at struct {
		source wire.Source
		pane   int64
	}
	newest := map[at]wire.Ledger{}
	for q := range w.layout.PanesPartitions {
		for _, r := range w.records(t, w.part(panesTopic, q)) {
			if kind, _ := wire.Peek(r.Value); kind != wire.KindLedger {
				continue
			}
			l, err := wire.DecodeLedger(r.Value)
			must(t, err)
			if old, had := newest[at{l.Source, l.Pane}]; !had || l.Through > old.Through {
				newest[at{l.Source, l.Pane}] = l
			}
		}
	}
	dead = map[string]uint64{}
	for _, l := range newest {
		for i, n := range l.Outcomes {
			sum[i] += n
		}
		for reason, n := range l.DeadBy {
			dead[reason] += n
		}
	}
	return sum, dead
}

// Late and future events of one input under a hundred kill plans: every count of
// every arrival pane is that of the run that was left alone.
func TestFault_LateFutureCounters(t *testing.T) {
	t.Parallel()
	p := plan{partitions: 2, records: 80, jitterMS: 90_000, stepMS: 20_000}
	truth := newWorld(t, rand.New(rand.NewPCG(7, 1)), p)
	must(t, truth.collectLife(truth.log.Handle(nil), nil, loop.Sound))
	want := truth.read(t)
	sum, _ := truth.outcomes(t)
	if sum[wire.Late] < 10 || sum[wire.Future] < 3 {
		t.Fatalf("%d late and %d future events: too few to count", sum[wire.Late], sum[wire.Future])
	}
	n := 100
	if testing.Short() {
		n = 10
	}
	for plan := range n {
		w := newWorld(t, rand.New(rand.NewPCG(7, 1)), p)
		rng := rand.New(rand.NewPCG(uint64(plan), 50))
		for life := 0; ; life++ {
			rates := memlog.Rates{MaxFetch: 12}
			if life < 60 {
				rates.KillBefore, rates.KillAfter, rates.Cut = 0.03, 0.03, 0.5
			}
			err := w.collectLife(w.log.Handle(memlog.Seeded(rng, rates)), rng, loop.Sound)
			if err == nil {
				break
			}
			if !errors.Is(err, memlog.ErrKilled) {
				t.Fatal(err)
			}
		}
		if diff := w.wrong(want, w.read(t), true); diff != "" {
			t.Fatalf("kill plan %d: %s", plan, diff)
		}
		if got, _ := w.outcomes(t); got != sum {
			t.Fatalf("kill plan %d: outcomes %v, want %v", plan, got, sum)
		}
	}
	t.Logf("%d kill plans: %d late and %d future events", n, sum[wire.Late], sum[wire.Future])
}

// Records without a timestamp lie between those with one, also as the very first: they
// are dead, and neither clock nor horizon knows of them.
func TestFault_RecordWithoutTimestamp(t *testing.T) {
	t.Parallel()
	for seed := range seeds(t, 20) {
		build := func(without bool) *world {
			w := bareWorld(t, 2)
			w.references(t)
			rng := rand.New(rand.NewPCG(uint64(seed), 51))
			at := epochMS
			for i := range 160 {
				at += rng.Int64N(15_000)
				part, value := rng.IntN(2), row(rng, models[rng.IntN(2)], at, i, i > 80)
				if without && (i%4 == 0 || i < 3) {
					w.put(t, part, log.NoTime, value)
					w.put(t, part, log.NoTime, []byte("not even an event"))
				}
				w.put(t, part, at, value)
			}
			w.ticks(t, 2, at)
			return w
		}
		plain, w := build(false), build(true)
		want := plain.undisturbed(t).results(t)
		w.finish(t, rand.New(rand.NewPCG(uint64(seed), 52)), 0.005)
		same(t, seed, want, w.results(t))
		if _, dead := w.outcomes(t); dead[string(event.CodeNoTime)] != 2*42 {
			t.Fatalf("seed %d: dead records by reason %v, want %d without a time", seed, dead, 2*42)
		}
	}
}

// A poisoned record is set aside before the commit passes it, wherever the collector
// dies, and once it is set aside it is never missing.
func TestFault_PoisonRecord(t *testing.T) {
	t.Parallel()
	letters := func(w *world) map[string]string {
		out := map[string]string{}
		for _, r := range w.records(t, w.part(deadTopic, 0)) {
			if old, had := out[string(r.Key)]; had && old != string(r.Value) {
				t.Fatalf("letter %s has two texts:\n%s\n%s", r.Key, old, r.Value)
			}
			out[string(r.Key)] = string(r.Value)
		}
		return out
	}
	checked := 0
	for seed := range seeds(t, 100) {
		p := plan{partitions: 1, records: 120, jitterMS: 90_000, stepMS: 20_000}
		truth := newWorld(t, rand.New(rand.NewPCG(uint64(seed), 1)), p)
		must(t, truth.collectLife(truth.log.Handle(nil), nil, loop.Sound))
		want := letters(truth)
		w := newWorld(t, rand.New(rand.NewPCG(uint64(seed), 1)), p)
		rng := rand.New(rand.NewPCG(uint64(seed), 53))
		for life := 0; ; life++ {
			rates := memlog.Rates{MaxFetch: 12}
			if life < 60 {
				rates.KillBefore, rates.KillAfter, rates.Cut = 0.03, 0.03, 0.5
			}
			err := w.collectLife(w.log.Handle(memlog.Seeded(rng, rates)), rng, loop.Sound)
			committed, got := w.log.CommitOf(group, w.part(inputTopic, 0)), letters(w)
			for key := range want {
				var offset int64
				if _, scan := fmt.Sscanf(key, inputTopic+"/0/%d", &offset); scan != nil {
					t.Fatalf("key %q: %v", key, scan)
				}
				if offset < committed && got[key] == "" {
					t.Fatalf("seed %d: committed %d, but %s is not set aside", seed, committed, key)
				}
				checked++
			}
			if err == nil {
				for key, text := range got {
					if want[key] != "" && want[key] != text {
						t.Fatalf("seed %d: letter %s\n%s\nwant\n%s", seed, key, text, want[key])
					}
				}
				break
			}
		}
	}
	if checked == 0 {
		t.Error("no letter was looked for")
	}
}

// fastClock writes an input whose producer's clock is an hour ahead for a while: the
// broker refuses those records, and what stands is an input without them.
func fastClock(t testing.TB, w *world, write func(log.Record) error) (refused int) {
	t.Helper()
	w.control(t)
	w.references(t)
	rng := rand.New(rand.NewPCG(8, 54))
	at := w.nowMS()() - 20*60_000
	for i := range 120 {
		at += 10_000
		r := log.Record{Partition: w.part(inputTopic, 0), TimeMS: at, Value: row(rng, models[i%2], at, i, i > 60)}
		if i%10 == 5 {
			r.TimeMS += 20*60_000 + 3_600_000
			err := write(r)
			if !errors.Is(err, log.ErrTimeBounds) {
				t.Fatalf("record %d, more than an hour ahead: %v, want ErrTimeBounds", i, err)
			}
			refused++
			continue
		}
		must(t, write(r))
	}
	return refused
}

var bounds = map[string]string{"retention.ms": "-1", "message.timestamp.after.max.ms": "60000", "message.timestamp.before.max.ms": "3600000"}

func TestFault_FastProducerClock(t *testing.T) {
	t.Parallel()
	w := &world{layout: planLayout(inputTopic), log: memlog.New(memlog.Config{NowMS: epochMS}), plan: plan{partitions: 1}}
	must(t, w.log.Create(log.Topic{Name: inputTopic, Partitions: 1, Config: bounds}))
	w.createTopics(t, 1)
	refused := fastClock(t, w, func(r log.Record) error { return w.log.Write(r) })
	w.accepted(t, refused)
}

func TestFault_FastProducerClock_Kafka(t *testing.T) {
	t.Parallel()
	w, _ := onKafka(t, kafkatest.Shared(t), func(w *world) {
		w.plan.partitions = 1
		if w.real != nil {
			must(t, w.real.CreateTopics(t.Context(), []log.Topic{{Name: w.prefix + inputTopic, Partitions: 1, Config: bounds}}))
		}
		w.createTopics(t, 1)
	})
	refused := fastClock(t, w, func(r log.Record) error { return w.real.Append(t.Context(), []log.Record{r}) })
	w.accepted(t, refused)
}

// accepted asks that all but the refused records count, none of them late.
func (w *world) accepted(t testing.TB, refused int) {
	t.Helper()
	must(t, w.bothLife(w.conn(nil), nil, loop.Sound))
	sum, _ := w.outcomes(t)
	// Of the 108 that stand, those of the last four minutes lie in panes that may not be
	// closed yet, and have no ledger.
	if sum[wire.Accepted] < 80 || sum[wire.Late]+sum[wire.Future]+sum[wire.Dead] > 0 || refused != 12 {
		t.Errorf("%d refused, outcomes %v: want 12, the rest accepted and none late", refused, sum)
	}
	if len(w.results(t)) == 0 {
		t.Error("no window was final")
	}
}

// On a topic with append times the producer's stamps mean nothing: the time of the
// append is the record clock, for counting, for finality and after kills.
func TestFault_LogAppendTime_Kafka(t *testing.T) {
	t.Parallel()
	build := func(w *world) {
		w.plan.partitions = 2
		w.layout.PaneMS, w.layout.LatenessMS, w.layout.SkewMS, w.layout.DisorderMS = 200, 300, 200, 1_000
		w.layout.WindowsMS = []int64{3 * 200, 12 * 200}
		if w.real != nil {
			must(t, w.real.CreateTopics(t.Context(), []log.Topic{{
				Name: w.prefix + inputTopic, Partitions: 2, Config: map[string]string{"retention.ms": "-1", "message.timestamp.type": "LogAppendTime"},
			}}))
		}
		w.createTopics(t, 2)
		w.control(t)
		w.references(t)
	}
	w, sim := onKafka(t, kafkatest.Shared(t), build)
	rng := rand.New(rand.NewPCG(9, 55))
	from := time.Now().UnixMilli()
	for i := range 300 {
		now := time.Now().UnixMilli()
		value := strings.Replace(string(row(rng, models[i%2], now, i, i > 150)), `"ts"`, `"was"`, 1) // the record time is the event's
		w.put(t, rng.IntN(2), now-3_600_000+rng.Int64N(7_200_000), []byte(value))
	}
	for part := range 2 { // ticks until the clock has passed everything
		for tick := 0; tick < 3; tick++ {
			w.put(t, part, 1, []byte(`{"type":"tick"}`))
		}
	}
	for last := int64(0); last < from+300+2*1_000; { // appended until the last pane is past its lateness
		for part := range 2 {
			w.put(t, part, 1, []byte(`{"type":"tick"}`))
		}
		recs := w.records(t, w.part(inputTopic, 1))
		last = recs[len(recs)-1].TimeMS
	}
	// The same records with the times that the broker gave them.
	for part := range int32(2) {
		before := from - 1_000
		for _, r := range w.records(t, w.part(inputTopic, part)) {
			if r.TimeMS < before || r.TimeMS > time.Now().UnixMilli()+1_000 {
				t.Fatalf("record %d of partition %d has time %d, want that of its append, from %d on", r.Offset, part, r.TimeMS, before)
			}
			before = r.TimeMS
			sim.write(t, log.Record{Partition: r.Partition, TimeMS: r.TimeMS, Value: r.Value})
		}
	}
	want := sim.undisturbed(t).results(t)
	died := w.killedOn(t, rng, 8, 0.02)
	same(t, 9, want, w.results(t))
	a, _ := sim.outcomes(t)
	b, _ := w.outcomes(t)
	if a != b || b[wire.Accepted] < 200 {
		t.Errorf("outcomes %v, in memory %v", b, a)
	}
	t.Logf("%d lives died, %d lines equal, outcomes %v", died, len(want), b)
}

// Transactions, committed and aborted, between plain records: the aborted are counted
// as such and nothing of them is folded.
func TestFault_AbortedTransaction_Kafka(t *testing.T) {
	t.Parallel()
	w, sim := onKafka(t, kafkatest.Shared(t), func(w *world) {
		w.plan.partitions = 2
		w.createTopics(t, 2)
		w.control(t)
		w.references(t)
		rng := rand.New(rand.NewPCG(10, 56))
		at := epochMS
		for i := 0; i < 160; i++ {
			at += rng.Int64N(15_000)
			part, value := rng.IntN(2), row(rng, models[rng.IntN(2)], at, i, i > 80)
			if i%8 != 0 {
				w.put(t, part, at, value)
				continue
			}
			commit, n := rng.IntN(2) == 0, 1+rng.IntN(3)
			var recs []log.Record
			for k := range n {
				recs = append(recs, log.Record{Partition: w.part(inputTopic, int32(part)), TimeMS: at + int64(k), Value: value})
			}
			switch {
			case w.real != nil:
				w.real.op.Transaction(fmt.Sprintf("%s%d", w.prefix, i%24), commit, recs...)
			case commit:
				w.write(t, recs...)
				must(t, w.log.WriteAborted(recs[0].Partition, 0))
			default:
				must(t, w.log.WriteAborted(recs[0].Partition, n))
			}
		}
		w.ticks(t, 2, at)
	})
	want := sim.undisturbed(t).results(t)
	died := w.killedOn(t, rand.New(rand.NewPCG(10, 57)), 8, 0.02)
	a, _ := sim.outcomes(t)
	b, _ := w.outcomes(t)
	t.Logf("outcomes %v, in memory %v", b, a)
	same(t, 10, want, w.results(t))
	if a != b || b[wire.Aborted] == 0 {
		t.Errorf("outcomes %v, in memory %v; want them equal, some aborted", b, a)
	}
	t.Logf("%d lives died, %d lines equal, %d records aborted", died, len(want), b[wire.Aborted])
}
