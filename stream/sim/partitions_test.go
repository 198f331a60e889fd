package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/evaluate"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/memlog"
	"github.com/driftline/driftline/stream/replay"
	"github.com/driftline/driftline/stream/wire"
)

// bareWorld has topics and control, and no input.
func bareWorld(t testing.TB, partitions int) *world {
	t.Helper()
	w := &world{layout: planLayout(inputTopic), log: memlog.New(memlog.Config{NowMS: epochMS + 365*86_400_000}), plan: plan{partitions: partitions, maxAppend: 4}}
	w.createTopics(t, partitions)
	w.control(t)
	return w
}

func (w *world) put(t testing.TB, part int, timeMS int64, value []byte) {
	t.Helper()
	w.write(t, log.Record{Partition: w.part(inputTopic, int32(part)), TimeMS: timeMS, Value: value})
}

// ticks ends an archive: every partition's clock passes the last event.
func (w *world) ticks(t testing.TB, partitions int, afterMS int64) {
	t.Helper()
	for part := range partitions {
		w.put(t, part, afterMS+10*60_000, []byte(`{"type":"tick"}`))
	}
}

// row is one event that no partition calls late or future: its time lies at most
// half the lateness before the record's.
func row(rng *rand.Rand, model string, at int64, id int, shift bool) []byte {
	x := float64(rng.IntN(20))
	if shift {
		x = 15 + float64(rng.IntN(8))
	}
	return event.Encode(event.Event{
		Type: event.TypePrediction, Model: model, Version: fmt.Sprint(1 + rng.IntN(2)), ID: fmt.Sprint(id), TimeMS: at - rng.Int64N(60_000), HasTime: true,
		HasScore: true, Score: float64(rng.IntN(1000)) / 1000,
		Features: []event.Feature{{Name: "x", Value: sketches.Number(x)}, {Name: "s", Value: sketches.String("abcd"[rng.IntN(4):][:1])}},
	})
}

// spread writes the same events to a number of partitions, in order of record time,
// each where `to` says, and returns what the folds make of them.
func spread(t testing.TB, seed uint64, partitions int, mergedClock bool) []replay.Line {
	t.Helper()
	w := spreadWorld(t, seed, partitions, mergedClock)
	must(t, w.bothLife(w.log.Handle(nil), rand.New(rand.NewPCG(seed, uint64(partitions))), loop.Sound))
	return w.results(t)
}

func spreadWorld(t testing.TB, seed uint64, partitions int, mergedClock bool) *world {
	t.Helper()
	w := bareWorld(t, partitions)
	w.references(t)
	rng, to := rand.New(rand.NewPCG(seed, 20)), rand.New(rand.NewPCG(seed, uint64(partitions)))
	at := epochMS
	for i := range 240 {
		at += rng.Int64N(15_000)
		value := row(rng, models[rng.IntN(2)], at, i, i > 120)
		part := to.IntN(partitions)
		if mergedClock && i%8 == 7 {
			// The mutant: a source is told of a clock that others moved. Whoever merges
			// clocks over partitions judges by records that the event's own does not hold.
			w.put(t, part, at+4*60_000, []byte(`{"type":"tick"}`))
		}
		w.put(t, part, at, value)
	}
	w.ticks(t, partitions, at+5*60_000)
	return w
}

// P2: the same events over 1, 2, 7 and 64 partitions, read by workers in random
// order, give the same bytes.
func TestP2_PartitionsDoNotMatter(t *testing.T) {
	t.Parallel()
	for seed := range uint64(seeds(t, 10)) {
		want := spread(t, seed, 1, false)
		events := 0
		for _, l := range want {
			if l.Kind != "score" {
				events++
			}
		}
		if len(want) == 0 || events == 0 {
			t.Fatalf("seed %d: %d lines, %d drift events: nothing to compare", seed, len(want), events)
		}
		for _, partitions := range []int{2, 7, 64} {
			if diff := diffLines(want, spread(t, seed, partitions, false)); diff != "" {
				t.Fatalf("seed %d, %d partitions: %s", seed, partitions, diff)
			}
		}
	}
}

// The mutant: late judged by a clock that other partitions move.
func TestP2_AClockMergedOverPartitionsIsFoundOut(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5) {
		if diffLines(spread(t, seed, 1, true), spread(t, seed, 7, true)) == "" {
			t.Errorf("seed %d: one clock for all and one clock each agree", seed)
		}
	}
}

// One partition falls silent: its panes close by promise, after before.max, margin
// and lateness have passed. With promises off it holds everything up.
func TestFault_IdlePartition(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		silent int // records before partition 1 falls silent
	}{{"silent", 30}, {"empty", 0}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			build := func(promiseMS int64) *world {
				w := bareWorld(t, 2)
				w.references(t)
				w.promiseMS, w.tickMS = promiseMS, 1
				rng := rand.New(rand.NewPCG(1, 21))
				at := epochMS
				for i := range 120 {
					at += 15_000
					w.put(t, 0, at, row(rng, models[i%2], at, i, i > 60))
					if i < tt.silent {
						w.put(t, 1, at, row(rng, models[i%2], at, 1000+i, i > 60))
					}
				}
				w.ticks(t, 1, at) // of partition 0 alone
				w.log.SetNow(at)
				return w
			}
			steps := func(w *world) {
				h := w.log.Handle(nil)
				s := []*loop.Source{w.source(h, 0, loop.Sound), w.source(h, 1, loop.Sound)}
				e := []*loop.Panes{w.evaluator(h, 0, loop.Sound), w.evaluator(h, 1, loop.Sound)}
				for range 60 {
					w.log.Advance(5_000)
					for i := range 2 {
						_, err := s[i].Step(t.Context())
						must(t, err)
						_, err = e[i].Step(t.Context())
						must(t, err)
					}
				}
			}
			last := func(ls []replay.Line) (end int64) {
				for _, l := range ls {
					end = max(end, l.EndMS)
				}
				return end
			}
			const promise = 100_000
			w := build(promise)
			steps(w)
			now := w.log.NowMS()
			got := w.results(t)
			if end := last(got); end > now-promise-120_000 || end < now-promise-120_000-3*60_000 {
				t.Errorf("final up to %d s before the wall clock, want promise + lateness = 220 s and at most three steps more", (now-end)/1000)
			}
			for _, l := range got {
				if l.Kind != "score" {
					continue
				}
				if s, err := wire.DecodeScore(l.Value); err != nil || s.Covered != s.Expected {
					t.Fatalf("covered %d of %d: a promise is a claim", s.Covered, s.Expected)
				}
			}
			off := build(0)
			steps(off)
			held := off.results(t)
			if tt.silent == 0 && len(held) > 0 || last(held) >= last(got) {
				t.Errorf("without promises %d lines up to %d, with them up to %d", len(held), last(held), last(got))
			}
			// The silent partition speaks again: nothing that was final changes.
			at := w.log.NowMS()
			w.ticks(t, 2, at)
			steps(w)
			for i, l := range w.results(t) {
				if l.EndMS <= last(got) && !contains(got, l) {
					t.Fatalf("line %d is new though its window was final: %s", i, l.Value)
				}
			}
		})
	}
}

func contains(ls []replay.Line, x replay.Line) bool {
	for _, l := range ls {
		if l.Compare(x) == 0 {
			return true
		}
	}
	return false
}

// A partition is added while all runs: everyone waits for it, and the results are
// those of a run that had it from the start.
func TestFault_PartitionAdded(t *testing.T) {
	t.Parallel()
	for seed := range uint64(seeds(t, 10)) {
		run := func(fromStart bool) []replay.Line {
			partitions := 2
			if fromStart {
				partitions = 3
			}
			w := bareWorld(t, partitions)
			w.references(t)
			w.tickMS = 1
			rng := rand.New(rand.NewPCG(seed, 22))
			at := epochMS
			first := func(n, parts int) {
				for i := range n {
					at += rng.Int64N(20_000)
					w.put(t, rng.IntN(parts), at, row(rng, models[rng.IntN(2)], at, i, false))
				}
			}
			first(100, 2)
			if !fromStart {
				w.live(t, rand.New(rand.NewPCG(seed, 23)), nil)
				must(t, w.log.AddPartitions(inputTopic, 3))
			}
			at += 300_000 // no record lies in it until the disorder has passed
			w.plan.partitions = 3
			for range 3 { // those that run ask for metadata before records come
				w.put(t, rng.IntN(2), at, []byte(`{"type":"tick"}`))
			}
			first(100, 3)
			w.ticks(t, 3, at)
			w.finish(t, rand.New(rand.NewPCG(seed, 24)), 0.005)
			return w.results(t)
		}
		same(t, int(seed), run(true), run(false))
	}
}

// A partition is added and has records at once, of times that the others have passed
// long ago: what belongs to panes that are final comes too late. It changes nothing that
// was judged, and every such count is told apart (the contradicting ones are paged; a
// restatement mends the history). From there on the new partition is waited for.
func TestFault_PartitionAddedWithRecordsAtOnce(t *testing.T) {
	t.Parallel()
	late, waited := uint64(0), 0
	for seed := range uint64(max(4, seeds(t, 20))) {
		w := bareWorld(t, 2)
		w.references(t)
		w.tickMS = 1
		rng := rand.New(rand.NewPCG(seed, 27))
		at := epochMS
		for i := range 120 {
			at += rng.Int64N(20_000)
			w.put(t, rng.IntN(2), at, row(rng, models[rng.IntN(2)], at, i, false))
		}
		w.live(t, rand.New(rand.NewPCG(seed, 28)), nil)
		before := w.results(t)
		must(t, w.log.AddPartitions(inputTopic, 3))
		w.plan.partitions = 3
		early := at - 10*60_000
		for i := range 40 { // written at once, stamped by a producer that had kept them back
			w.put(t, 2, early+int64(i)*15_000, row(rng, models[i%2], early+int64(i)*15_000, 5000+i, false))
		}
		for i := range 60 {
			at += rng.Int64N(20_000)
			w.put(t, rng.IntN(3), at, row(rng, models[rng.IntN(2)], at, 9000+i, false))
		}
		w.ticks(t, 3, at)
		from := len(w.folds)
		w.finish(t, rand.New(rand.NewPCG(seed, 29)), 0)
		got := w.results(t)
		for i, l := range before {
			if !contains(got, l) {
				t.Fatalf("seed %d: line %d was judged and has changed: %s", seed, i, l.Value)
			}
		}
		var differing uint64
		for _, f := range w.folds[from:] {
			late += f.Stats().LatePartials
			differing += f.Stats().LateDiffering + f.Stats().LateUnverified
		}
		if differing == 0 {
			t.Errorf("seed %d: nothing is told of the counts that came too late", seed)
		}
		for _, l := range got {
			if s, err := wire.DecodeScore(l.Value); l.Kind == "score" && err == nil && l.EndMS > at && s.Covered == s.Expected {
				waited++
			}
		}
	}
	t.Logf("%d counts came too late, %d windows after them with the new partition", late, waited)
	if late == 0 || waited == 0 {
		t.Error("nothing came late, or nothing became final afterwards")
	}
}

// unknownRows is an input in which a model that nobody declared comes up.
func unknownRows(t testing.TB, seed uint64, auto bool) *world {
	t.Helper()
	w := bareWorld(t, 2)
	w.references(t)
	w.admission = evaluate.Admission{Auto: auto, MaxModels: 3}
	rng := rand.New(rand.NewPCG(seed, 25))
	at := epochMS
	for i := range 200 {
		at += rng.Int64N(15_000)
		w.put(t, rng.IntN(2), at, row(rng, []string{"alpha", "beta", "gamma", "delta"}[rng.IntN(4)], at, i, false))
	}
	w.ticks(t, 2, at)
	return w
}

// Where there is no room, by number or by memory, a model is not admitted: it is counted,
// its events stay unregistered, and those that are watched go on as they did.
func TestAdmission_WithoutRoomAModelIsCountedAndLeftOut(t *testing.T) {
	t.Parallel()
	none := unknownRows(t, 1, false)
	must(t, none.bothLife(none.log.Handle(nil), nil, loop.Sound))
	for name, admission := range map[string]evaluate.Admission{
		"number": {Auto: true, MaxModels: 2},
		"memory": {Auto: true, MaxModels: 100, Room: func(v *wire.View, more int) bool { return len(v.Models())+more <= 2 }},
	} {
		w := unknownRows(t, 1, true)
		w.admission = admission
		must(t, w.bothLife(w.log.Handle(nil), nil, loop.Sound))
		left := uint64(0)
		for _, f := range w.folds {
			left += f.Stats().NotAdmitted
		}
		if most := uint64(2 * w.layout.PanesPartitions); left < 2 || left > most {
			t.Errorf("%s: %d models are counted as left out, want gamma and delta, once by each that reads of them", name, left)
		}
		same(t, 1, none.results(t), w.results(t))
	}
}

// A model is admitted by its first events: one control record, collectors read
// again, rows count from the pane it names, and a replay agrees.
func TestAdmission_AModelIsAdmittedByItsFirstEvents(t *testing.T) {
	t.Parallel()
	for seed := range uint64(seeds(t, 10)) {
		w := unknownRows(t, seed, true)
		w.tickMS = 1
		rng := rand.New(rand.NewPCG(seed, 26))
		must(t, w.bothLife(w.log.Handle(memlog.Seeded(rng, memlog.Rates{MaxFetch: 6})), rng, loop.Sound))
		admitted := map[string]int64{}
		for _, r := range w.log.Records(log.Partition{Topic: controlTopic}) {
			if strings.HasPrefix(string(r.Key), "model/") {
				m, err := wire.DecodeModel(r.Value)
				must(t, err)
				if _, had := admitted[m.Name]; !had {
					admitted[m.Name] = m.FromPane
				}
			}
		}
		if len(admitted) < 3 {
			t.Fatalf("seed %d: models %v, want one more than the declared two", seed, admitted)
		}
		rows := map[string]int{}
		for _, l := range w.results(t) {
			rows[l.Model]++
			if from := admitted[l.Model]; l.Kind == "score" && l.EndMS <= from*60_000 && from > 0 {
				t.Fatalf("seed %d: model %s is counted before pane %d: %s", seed, l.Model, from, l.Value)
			}
		}
		if rows["gamma"]+rows["delta"] == 0 {
			t.Errorf("seed %d: no rows of admitted models", seed)
		}
		same(t, int(seed), w.replayed(t), w.results(t))
	}
}
