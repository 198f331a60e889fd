package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/memlog"
	"github.com/driftline/driftline/stream/replay"
	"github.com/driftline/driftline/stream/wire"
)

// backlog is an input of two partitions, n panes long.
func backlog(t testing.TB, seed uint64, n int) *world {
	t.Helper()
	w := bareWorld(t, 2)
	w.references(t)
	rng := rand.New(rand.NewPCG(seed, 40))
	at := epochMS
	for i := 0; at < epochMS+int64(n)*w.layout.PaneMS; i++ {
		at += rng.Int64N(30_000)
		w.put(t, rng.IntN(2), at, row(rng, models[rng.IntN(2)], at, i, i > 2*n))
	}
	w.ticks(t, 2, at)
	return w
}

// slowly runs partition 0 to its end, then partition 1 bit by bit, with the evaluators
// beside them, and returns the most panes that any of them held merged and knew.
func (w *world) slowly(t testing.TB, rng *rand.Rand, rate float64) (held, known int) {
	t.Helper()
	ctx := t.Context()
	life := 0
	open := func() *memlog.Handle {
		life++
		r := memlog.Rates{MaxFetch: 7}
		if life < 60 {
			r.KillBefore, r.KillAfter = rate, rate
		}
		return w.log.Handle(memlog.Seeded(rng, r))
	}
	look := func() {
		for _, f := range w.folds {
			k, m := f.Pending()
			held, known = max(held, m), max(known, k)
		}
		w.folds = w.folds[max(0, len(w.folds)-4):]
	}
	var fast, slow *loop.Source
	var evaluators []*loop.Panes
	start := func() {
		h := open()
		fast, slow = w.source(h, 0, loop.Sound), w.source(h, 1, loop.Sound)
		evaluators = evaluators[:0]
		for q := range w.layout.PanesPartitions {
			evaluators = append(evaluators, w.evaluator(h, q, loop.Sound))
		}
	}
	start()
	for quiet := 0; quiet < 4; {
		idle := true
		w.log.Advance(1)
		do := func(step func() (bool, error)) bool {
			still, err := step()
			if errors.Is(err, memlog.ErrKilled) {
				idle = false
				start()
				return false
			}
			must(t, err)
			idle = idle && still
			return !still
		}
		for do(func() (bool, error) { return fast.Step(ctx) }) {
		}
		do(func() (bool, error) { return slow.Step(ctx) })
		for _, e := range evaluators {
			for do(func() (bool, error) { return e.Step(ctx) }) {
				look()
			}
		}
		look()
		if idle {
			quiet++
		} else {
			quiet = 0
		}
	}
	return held, known
}

// A partition with a backlog: finals wait for it, what is held stays the same however
// long the backlog is, and the results are those of partitions that keep step.
func TestFault_SlowPartition(t *testing.T) {
	t.Parallel()
	for seed := range uint64(max(2, seeds(t, 20))) {
		for _, panes := range []int{40, 160} {
			truth := backlog(t, seed, panes)
			must(t, truth.bothLife(truth.log.Handle(nil), nil, loop.Sound))
			want := truth.results(t)
			w := backlog(t, seed, panes)
			w.maxPending = 4
			rate := 0.0
			if seed%2 == 1 {
				rate = 0.002
			}
			held, known := w.slowly(t, rand.New(rand.NewPCG(seed, 41)), rate)
			same(t, int(seed), want, w.results(t))
			if held > 4+3 { // that wait, and a run
				t.Errorf("seed %d, %d panes: %d held merged, want at most 7", seed, panes, held)
			}
			if known < panes/2 {
				t.Errorf("seed %d, %d panes: at most %d were pending: there was no backlog", seed, panes, known)
			}
			if rate == 0 {
				reread, records := uint64(0), 0
				for q := range w.layout.PanesPartitions {
					records += len(w.log.Records(log.Partition{Topic: panesTopic, Index: q}))
				}
				for _, f := range w.folds {
					reread += f.Stats().Reread
				}
				if reread == 0 || reread > uint64(2*records) {
					t.Errorf("seed %d, %d panes: %d records were read again, want some and at most twice the %d there are", seed, panes, reread, records)
				}
			}
		}
	}
}

// counted is the panes topic of a whole input, to be read by evaluators alone.
func counted(t testing.TB, seed uint64, panes int) (w *world, recs [][]log.Record, want []replay.Line) {
	t.Helper()
	truth := backlog(t, seed, panes)
	must(t, truth.bothLife(truth.log.Handle(nil), nil, loop.Sound))
	w = bareWorld(t, 2)
	w.references(t)
	for q := range w.layout.PanesPartitions {
		recs = append(recs, truth.log.Records(log.Partition{Topic: panesTopic, Index: q}))
	}
	return w, recs, truth.results(t)
}

// An axiom breaks before a pane is final: a source gives other cells than before. The
// partial of larger through stands, wherever the other lies.
func TestFault_BrokenPromiseBeforeThePaneIsFinal(t *testing.T) {
	t.Parallel()
	for seed := range uint64(max(2, seeds(t, 20))) {
		w, recs, want := counted(t, seed, 30)
		w.maxPending = int(seed % 3)
		rng := rand.New(rand.NewPCG(seed, 42))
		contradicted := 0
		for _, rs := range recs {
			for _, r := range rs {
				before := [][]byte{}
				if x, err := wire.DecodePartial(r.Value); err == nil && len(x.Counts) == 0 && rng.IntN(3) == 0 {
					x.Through--
					x.Rows += 5
					if rng.IntN(2) == 0 {
						before = append(before, x.Encode(), r.Value)
						contradicted++
					}
					before = append(before, r.Value, x.Encode()) // a smaller through changes nothing
				} else {
					before = append(before, r.Value)
				}
				for _, value := range before {
					must(t, w.log.Write(log.Record{Partition: r.Partition, TimeMS: log.StampNow, Key: r.Key, Value: value}))
				}
			}
		}
		if contradicted == 0 {
			continue
		}
		got := uint64(0)
		for q := range w.layout.PanesPartitions {
			drain(t, w.evaluator(w.log.Handle(nil), q, loop.Sound))
			got += w.folds[len(w.folds)-1].Stats().Contradicted
		}
		same(t, int(seed), want, w.results(t))
		if got < uint64(contradicted) {
			t.Errorf("seed %d: %d contradictions counted, want at least %d", seed, got, contradicted)
		}
	}
}

// Retention takes panes that were passed over and must be read again: whatever they
// lack is not claimed.
func TestFault_PassedOverPanesTrimmed(t *testing.T) {
	t.Parallel()
	admitted := 0
	for seed := range uint64(max(3, seeds(t, 30))) {
		w, recs, want := counted(t, seed, 40)
		w.maxPending = 2
		rng := rand.New(rand.NewPCG(seed, 43))
		for q, rs := range recs {
			p := log.Partition{Topic: panesTopic, Index: int32(q)}
			var late []log.Record // what the slow source says comes after all of the fast one
			for _, r := range rs {
				if slow(t, r) {
					late = append(late, r)
					continue
				}
				must(t, w.log.Write(log.Record{Partition: p, TimeMS: log.StampNow, Key: r.Key, Value: r.Value}))
			}
			e := w.evaluator(w.log.Handle(nil), int32(q), loop.Sound)
			drain(t, e)
			if _, end := w.log.Ends(p); end > 1 {
				must(t, w.log.Truncate(p, 1+rng.Int64N(end-1)))
			}
			for _, r := range late {
				must(t, w.log.Write(log.Record{Partition: p, TimeMS: log.StampNow, Key: r.Key, Value: r.Value}))
			}
			drain(t, e)
		}
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

// slow reports whether a record of the panes topic comes from partition 1.
func slow(t testing.TB, r log.Record) bool {
	t.Helper()
	switch wire.Kind(r.Value) {
	case wire.KindPartial:
		x, err := wire.DecodePartial(r.Value)
		must(t, err)
		return x.ID.Source.Partition == 1
	case wire.KindFrontier:
		x, err := wire.DecodeFrontier(r.Value)
		must(t, err)
		return x.Source.Partition == 1
	}
	return false
}

// A source that is far behind: its partners' windows are judged without it, as
// provisional scores. Nothing else comes of them: final results are those of a run
// that had none, under kills too, and each of them is followed by a final one.
func TestProvisional_ScoresOfASourceThatIsBehind(t *testing.T) {
	t.Parallel()
	for seed := range uint64(max(2, seeds(t, 20))) {
		truth := backlog(t, seed, 80)
		must(t, truth.bothLife(truth.log.Handle(nil), nil, loop.Sound))
		want := truth.results(t)
		final := map[string]wire.Score{}
		id := func(s wire.Score) string { return fmt.Sprint(s.Model, s.Version, s.Reference, s.WindowMS, s.EndMS) }
		for _, l := range want {
			if s, err := wire.DecodeScore(l.Value); l.Kind == "score" && err == nil {
				final[id(s)] = s
			}
		}
		w := backlog(t, seed, 80)
		w.maxPending, w.ahead = 20, 1
		w.slowly(t, rand.New(rand.NewPCG(seed, 44)), float64(seed%2)*0.002)
		same(t, int(seed), want, w.results(t))
		same(t, int(seed), want, w.replayed(t))
		windows, fewer := map[int64]int{}, 0
		for q := range w.layout.PanesPartitions {
			for _, r := range w.log.Records(log.Partition{Topic: scoresTopic, Index: q}) {
				s, err := wire.DecodeScore(r.Value)
				must(t, err)
				if !s.Provisional {
					continue
				}
				windows[s.WindowMS]++
				f, has := final[id(s)]
				switch {
				case !has:
					t.Fatalf("seed %d: no final score takes the place of %s", seed, r.Value)
				case s.Covered >= s.Expected || len(s.Alarms) > 0:
					t.Fatalf("seed %d: covered %d of %d, %d alarms: %s", seed, s.Covered, s.Expected, len(s.Alarms), r.Value)
				case s.Rows > f.Rows:
					t.Fatalf("seed %d: %d rows, the final score has %d: %s", seed, s.Rows, f.Rows, r.Value)
				case s.Rows < f.Rows:
					fewer++
				}
			}
		}
		if len(windows) != len(w.layout.WindowsMS) || fewer == 0 {
			t.Errorf("seed %d: provisional scores by window %v, %d of them with fewer rows than the final one", seed, windows, fewer)
		}
	}
}
