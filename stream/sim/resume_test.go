package sim

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/driftline/driftline/stream/memlog"
	"github.com/driftline/driftline/stream/replay"
	"github.com/driftline/driftline/stream/wire"
)

// scoresOf is the history as live operation left it.
func scoresOf(t *testing.T, ls []replay.Line) (out []wire.Score) {
	t.Helper()
	for _, l := range ls {
		if l.Kind == replay.KindScore {
			s, err := wire.DecodeScore(l.Value)
			must(t, err)
			out = append(out, s)
		}
	}
	return out
}

// From the middle, with a history: what a replay prints is what live operation printed,
// byte for byte, alarms and drift events too. beta learns from live windows; what it
// had learnt is known only as long as live operation's state keeps it.
func TestReplay_FromTheMiddleWithHistoryPrintsWhatLivePrinted(t *testing.T) {
	t.Parallel()
	scores, events, learnt := 0, 0, 0
	for seed := range seeds(t, 40) {
		w := newWorld(t, rand.New(rand.NewPCG(uint64(seed), 1)), bothPlan)
		w.blocks = true
		w.references(t)
		w.finish(t, rand.New(rand.NewPCG(uint64(seed), 12)), 0)
		want := w.results(t)
		last := int64(0)
		for _, l := range want {
			last = max(last, l.EndMS)
		}
		rng := rand.New(rand.NewPCG(uint64(seed), 15))
		cfg := w.replayConfig()
		cfg.FromMS = epochMS + (1+rng.Int64N(30))*60_000 + rng.Int64N(2)*rng.Int64N(60_000)
		cfg.ToMS = min(last, cfg.FromMS+(1+rng.Int64N(30))*60_000)
		var err error
		cfg.Alarms, err = replay.PastAlarms(w.layout, cfg.FromMS, scoresOf(t, want))
		must(t, err)
		got, err := replay.Run(t.Context(), w.io(w.log.Handle(nil)), cfg)
		must(t, err)
		if diff := diffLines(within(want, cfg.FromMS, cfg.ToMS, "alpha"), within(got, cfg.FromMS, cfg.ToMS, "alpha")); diff != "" {
			t.Fatalf("seed %d, %d to %d: %s", seed, cfg.FromMS, cfg.ToMS, diff)
		}
		if diffLines(within(want, cfg.FromMS, cfg.ToMS, "beta"), within(got, cfg.FromMS, cfg.ToMS, "beta")) == "" {
			learnt++
		}
		for _, l := range got {
			if l.Kind == replay.KindScore {
				scores++
			} else {
				events++
			}
		}
	}
	t.Logf("%d scores and %d drift events compared; a reference without blocks: %d ranges equal", scores, events, learnt)
	if scores == 0 || events == 0 {
		t.Error("nothing was compared")
	}
}

// A replay that is stopped at any batch and goes on from there gives what one gives
// that was left alone, from the beginning and from the middle, with what is learnt on
// the way.
func TestReplay_StoppedAnywhereGoesOnToTheSameResult(t *testing.T) {
	t.Parallel()
	stops := 0
	for seed := range seeds(t, 24) {
		w, live := prepared(t, seed)
		if seed%2 == 0 { // also where live operation never ran
			w.finish(t, rand.New(rand.NewPCG(uint64(seed), 12)), 0)
		}
		rng := rand.New(rand.NewPCG(uint64(seed), 16))
		cfg := w.replayConfig()
		if seed%3 > 0 {
			cfg.FromMS = epochMS + (5+rng.Int64N(20))*60_000
			cfg.ToMS = cfg.FromMS + (5+rng.Int64N(40))*60_000
		}
		if seed%3 > 1 {
			var err error
			cfg.Alarms, err = replay.PastAlarms(w.layout, cfg.FromMS, scoresOf(t, live))
			must(t, err)
		}
		io := w.io(w.log.Handle(nil))
		want, err := replay.Run(t.Context(), io, cfg)
		must(t, err)

		got, n := w.interrupted(t, rng, cfg, 4, 20)
		stops += n
		all := len(got)
		if got = replay.Dedupe(got); len(got) != all {
			t.Fatalf("seed %d: %d lines were given again after a stop", seed, all-len(got))
		}
		if diff := diffLines(want, got); diff != "" {
			t.Fatalf("seed %d, from %d: %s", seed, cfg.FromMS, diff)
		}
	}
	t.Logf("%d stops", stops)
	if stops == 0 {
		t.Error("nothing was stopped")
	}
}

// The same around a new reference: alarms that it closed, and those that began with it,
// are told apart from those whose past is unknown, with a history and after a stop.
func TestReplay_FromTheMiddleAroundANewReference(t *testing.T) {
	t.Parallel()
	around, stops := 0, 0
	for seed := range seeds(t, 24) {
		w, _ := prepared(t, seed)
		rng := rand.New(rand.NewPCG(uint64(seed), 17))
		w.live(t, rng, w.swapAfter(t, 60+rng.Int64N(300))(func(memlog.Op) memlog.Fault { return memlog.Fault{} }))
		live := w.results(t)
		first, last := int64(0), int64(0)
		for _, l := range live {
			if last = max(last, l.EndMS); l.Model == "alpha" && first == 0 && l.Reference != "" && l.Reference != live[0].Reference {
				first = l.EndMS
			}
		}
		cfg := w.replayConfig()
		cfg.FromMS = epochMS + (1+rng.Int64N(30))*60_000
		if first > 0 {
			around++
			cfg.FromMS = max(epochMS+60_000, first+(rng.Int64N(16)-8)*60_000)
		}
		cfg.ToMS = min(last, cfg.FromMS+(5+rng.Int64N(30))*60_000)
		if cfg.ToMS <= cfg.FromMS {
			continue
		}
		var err error
		cfg.Alarms, err = replay.PastAlarms(w.layout, cfg.FromMS, scoresOf(t, live))
		must(t, err)
		got, n := w.interrupted(t, rng, cfg, 3, 10)
		stops += n
		if diff := diffLines(within(live, cfg.FromMS, cfg.ToMS, ""), replay.Dedupe(got)); diff != "" {
			t.Fatalf("seed %d, %d to %d, new reference from %d: %s", seed, cfg.FromMS, cfg.ToMS, first, diff)
		}
	}
	t.Logf("%d ranges around a new reference, %d stops", around, stops)
	if around == 0 || stops == 0 {
		t.Error("nothing was compared")
	}
}

// A restating replay counts the events that live operation called late, however late
// they were, and refuses those from the future still.
func TestReplay_RestatesWithLateEvents(t *testing.T) {
	t.Parallel()
	more := uint64(0)
	for seed := range seeds(t, 20) {
		w, want := prepared(t, seed)
		cfg := w.restating(epochMS+10*60_000, epochMS+30*60_000)
		var got []replay.Line
		cfg.Sink = func(_ context.Context, b replay.Batch) error {
			if b.AtMS > cfg.ToMS {
				t.Errorf("seed %d: windows to %d are judged, the range ends at %d", seed, b.AtMS, cfg.ToMS)
			}
			got = append(got, b.Lines...)
			return nil
		}
		_, err := replay.Run(t.Context(), w.io(w.log.Handle(nil)), cfg)
		must(t, err)
		rows := func(ls []replay.Line) map[string]uint64 {
			m := map[string]uint64{}
			for _, l := range within(ls, cfg.FromMS, cfg.ToMS, "") {
				if l.Kind != replay.KindScore || l.Version != wire.AnyVersion {
					continue
				}
				s, err := wire.DecodeScore(l.Value)
				must(t, err)
				if s.Segment == "" {
					m[scoreID(l)] = s.Rows
				}
			}
			return m
		}
		have, restated := rows(want), rows(got)
		truth := w.rowsOfAnyLateness(t, cfg)
		for id, n := range restated {
			if n < have[id] || n != truth[id] {
				t.Fatalf("seed %d, %s: %d rows, live %d, the log holds %d", seed, id, n, have[id], truth[id])
			}
			more += n - have[id]
		}
		for id := range have {
			if _, had := restated[id]; !had {
				t.Fatalf("seed %d: %s is missing", seed, id)
			}
		}
	}
	t.Logf("%d rows more", more)
	if more == 0 {
		t.Error("no event was late: nothing was restated")
	}
}

// A broker that fails now and then is asked again, batches of any size come ahead of
// the folds, and more sources than are fetched ahead give the same result.
func TestReplay_FetchFailsAndBatchesVary(t *testing.T) {
	t.Parallel()
	for seed := range seeds(t, 10) {
		for _, partitions := range []int{2, 70} {
			p := bothPlan
			p.partitions = partitions
			if partitions > 2 {
				p.records = 4
			}
			w := newWorld(t, rand.New(rand.NewPCG(uint64(seed), 1)), p)
			w.references(t)
			want, err := replay.Run(t.Context(), w.io(w.log.Handle(nil)), w.replayConfig())
			must(t, err)
			if len(want) == 0 {
				t.Fatal("nothing to compare")
			}
			rng, failed := rand.New(rand.NewPCG(uint64(seed), 18)), 0
			got, err := replay.Run(t.Context(), w.io(w.log.Handle(func(op memlog.Op) memlog.Fault {
				if op.Kind == memlog.Fetch && op.Partition.Topic == inputTopic && rng.IntN(4) == 0 {
					failed++
					return memlog.Fault{Outcome: memlog.NotDone}
				}
				return memlog.Fault{Limit: 1 + rng.IntN(9)}
			})), w.replayConfig())
			must(t, err)
			if diff := diffLines(want, got); diff != "" {
				t.Fatalf("seed %d, %d partitions: %s", seed, partitions, diff)
			}
			if failed == 0 {
				t.Error("no fetch failed")
			}
		}
	}
}

// A replay that is told to stop does so at once, whatever is under way.
func TestReplay_StopsWhenAsked(t *testing.T) {
	t.Parallel()
	w, _ := prepared(t, 1)
	for n := range 12 {
		ctx, cancel := context.WithCancel(t.Context())
		cfg := w.replayConfig()
		left := n + 1
		cfg.Progress = func(replay.Progress) {
			if left--; left == 0 {
				cancel()
			}
		}
		lines, err := replay.Run(ctx, w.io(w.log.Handle(func(memlog.Op) memlog.Fault { return memlog.Fault{Limit: 5} })), cfg)
		if cancel(); !errors.Is(err, context.Canceled) || lines != nil {
			t.Errorf("stopped at step %d: %d lines, %v", n, len(lines), err)
		}
	}
}

// interrupted runs a replay that is stopped at one of its next most batches, again and
// again for so many lives, goes on from there each time, and returns all that it gave.
func (w *world) interrupted(t testing.TB, rng *rand.Rand, cfg replay.Config, most, lives int) (lines []replay.Line, stops int) {
	t.Helper()
	stop := errors.New("stop")
	resume := make([]*wire.Past, w.layout.PanesPartitions)
	for life := 0; ; life++ {
		left := 1 + rng.IntN(most)
		cfg.Resume = resume
		cfg.Sink = func(_ context.Context, b replay.Batch) error {
			if left--; left == 0 && life < lives {
				return stop
			}
			lines = append(lines, b.Lines...)
			p, err := wire.DecodePast(b.Past().Encode())
			must(t, err)
			resume[b.Partition] = &p
			return nil
		}
		_, err := replay.Run(t.Context(), w.io(w.log.Handle(nil)), cfg)
		if err == nil {
			return lines, stops
		}
		if !errors.Is(err, stop) {
			t.Fatal(err)
		}
		stops++
	}
}
