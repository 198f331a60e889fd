package sim

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/driftline/driftline/drift/sequential"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/evaluate"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/memlog"
	"github.com/driftline/driftline/stream/replay"
	"github.com/driftline/driftline/stream/wire"
)

// references gives every model a reference and a policy, so that windows are judged
// and alarms come and go within a short input. alpha uses the classic rule, beta the
// calibrated one against a reference without blocks, which learns from live windows.
func (w *world) references(t testing.TB) {
	t.Helper()
	g := testGrid(t)
	c := sketches.NewCounts(g)
	for i := range 400 {
		c.AddRow()
		c.Add(0, sketches.Number(float64(i%20)))
		c.Add(1, sketches.String("aaaaabbbbc"[i%10:][:1]))
	}
	for _, m := range models {
		r := wire.Reference{Model: m, Kind: "file", Counts: c}
		if m == "alpha" {
			r.Early, r.Joint, r.Parts, r.Answers = earlyPlan(t, c), jointPart(), w.parts(t, g), predicted(t)
		}
		if m == "alpha" && w.blocks {
			r.Blocks = w.referenceBlocks(t, c)
		}
		w.append(t, wire.Control{Kind: "reference", ID: m, Seq: 1, Value: r.Encode()})
		p := wire.DefaultPolicy()
		p.Rule, p.MinRows, p.FireAfter, p.ResolveAfter = "classic", 5, 0, 0
		p.Quality.OutOfRange = 0.6
		if m == "beta" {
			p.Rule, p.MinEffective = "calibrated", 1
		} else {
			p.Joint = wire.JointAlarm
		}
		w.append(t, wire.Control{Kind: "policy", ID: m, Seq: 1, Value: p.Encode()})
	}
}

// earlyPlan warns about once in ten slots of what the input holds without drift, so that
// warnings come in every run.
func earlyPlan(t testing.TB, c *sketches.Counts) *wire.EarlyPlan {
	t.Helper()
	s := sequential.DefaultSettings()
	s.Target, s.PaneRows, s.Cooldown, s.Alarms, s.Replicates, s.Work = 20, 12, 1, 20, 4, 1e5
	p, err := sequential.Calibrate(c, sequential.Evidence{}, s)
	must(t, err)
	return &wire.EarlyPlan{Plan: p, Rows: 12}
}

// referenceBlocks are block sums for every window, as a reference in order of time has.
func (w *world) referenceBlocks(t testing.TB, c *sketches.Counts) (all []*sketches.Blocks) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 1))
	for _, window := range w.layout.WindowsMS {
		var bins []int
		for i := range c.Grid.Features {
			_, n := c.Grid.Features[i].VerdictBins(&c.Features[i])
			bins = append(bins, n)
		}
		b, err := sketches.NewBlocks(window, bins)
		must(t, err)
		for range 12 {
			var counts [][]uint64
			for _, n := range bins {
				x := make([]uint64, n)
				for k := range x {
					x[k] = uint64(5 + rng.IntN(10))
				}
				counts = append(counts, x)
			}
			must(t, b.AddBlock(counts))
		}
		all = append(all, b)
	}
	return all
}

func (w *world) panesFold(q int32, m loop.Mutant, run int) *evaluate.Fold {
	return evaluate.New(evaluate.Config{
		Layout: w.layout, Partition: q, Namespace: "sim", MaxRun: run, MaxPending: w.pending(run), Mutant: m, Policy: wire.DefaultPolicy(), Admission: w.admission,
		Topics: w.topics(), WeekMS: w.weekMS, SlotBytes: 300, // so that segments take further records
	})
}

// pending is how many panes a fold holds merged before they are final: all of them in
// a replay (no run given), which cannot read again.
func (w *world) pending(run int) int {
	if run == 0 {
		return -1
	}
	return w.maxPending
}

func (w *world) evaluator(l log.Log, q int32, m loop.Mutant) *loop.Panes {
	return loop.NewPanes(w.io(l), loop.PanesConfig{
		Panes: w.part(panesTopic, q), State: w.part(stateTopic, q), Control: w.part(controlTopic, 0), Group: w.groupName(), ProvisionalMS: w.ahead,
		New: func() loop.PanesFold {
			f := w.panesFold(q, m, cmp.Or(w.maxRun, 3))
			w.folds = append(w.folds, f)
			return f
		},
	})
}

// bothLife runs sources and evaluators of one process in random order until all
// input is read and evaluated, or the process dies.
func (w *world) bothLife(l log.Log, rng *rand.Rand, m loop.Mutant) error {
	ctx := context.Background()
	var sources []*loop.Source
	for i := range w.plan.partitions {
		sources = append(sources, w.source(l, int32(i), m))
	}
	var evaluators []*loop.Panes
	for q := range w.layout.PanesPartitions {
		evaluators = append(evaluators, w.evaluator(l, q, m))
	}
	n := len(sources) + len(evaluators)
	for quiet := 0; quiet < 3*n; {
		i := quiet % n
		if rng != nil {
			i = rng.IntN(n)
		}
		var idle bool
		var err error
		if i < len(sources) {
			idle, err = sources[i].Step(ctx)
		} else {
			idle, err = evaluators[i-len(sources)].Step(ctx)
		}
		if err != nil {
			return err
		}
		if idle {
			quiet++
		} else {
			quiet = 0
		}
	}
	// The random order may have left one of them behind: finish in order.
	for moved := true; moved; {
		moved = false
		for _, s := range sources {
			idle, err := s.Step(ctx)
			if err != nil {
				return err
			}
			moved = moved || !idle
		}
		for _, e := range evaluators {
			idle, err := e.Step(ctx)
			if err != nil {
				return err
			}
			moved = moved || !idle
		}
	}
	return nil
}

// results are the final scores and drift events, deduplicated and sorted.
func (w *world) results(t testing.TB) []replay.Line {
	t.Helper()
	var lines []replay.Line
	seen := map[string]bool{} // repeats are many after kills, and parsing them costs
	add := func(topic string, line func([]byte) (replay.Line, error)) {
		for q := range w.layout.PanesPartitions {
			for _, r := range w.records(t, w.part(topic, q)) {
				if seen[string(r.Value)] {
					continue
				}
				seen[string(r.Value)] = true
				l, err := line(r.Value)
				must(t, err)
				lines = append(lines, l)
			}
		}
	}
	add(scoresTopic, replay.ScoreLine)
	add(driftTopic, replay.EventLine)
	return replay.Dedupe(lines)
}

func diffLines(want, got []replay.Line) string {
	for i := range max(len(want), len(got)) {
		switch {
		case i >= len(want):
			return fmt.Sprintf("one more: %s", got[i].Value)
		case i >= len(got):
			return fmt.Sprintf("missing: %s", want[i].Value)
		case !bytes.Equal(want[i].Value, got[i].Value):
			return fmt.Sprintf("line %d\nwant %s\ngot  %s", i, want[i].Value, got[i].Value)
		}
	}
	return ""
}

var bothPlan = plan{partitions: 2, records: 80, jitterMS: 90_000, stepMS: 15_000, shift: true, maxAppend: 4}

// runBoth kills both folds together, and returns the first difference between their
// results and those of a run that was left alone.
func runBoth(t testing.TB, seed uint64, m loop.Mutant, rate float64) string {
	t.Helper()
	p := bothPlan
	p.scores = seed%8 == 0
	p.pending = int(seed % 4) // 0: the default; else so few that panes are read again
	if m == loop.Sound {
		p.records = 60 // many seeds: rings still turn over and alarms still come
	}
	if m == loop.NewestSlotIsDone {
		p.one, p.maxAppend = true, 1
	}
	truth := newWorld(t, rand.New(rand.NewPCG(seed, 1)), p)
	truth.references(t)
	must(t, truth.bothLife(truth.log.Handle(nil), nil, loop.Sound))
	want := truth.results(t)
	if len(want) == 0 {
		t.Fatalf("seed %d: the undisturbed run has no results", seed)
	}

	w := newWorld(t, rand.New(rand.NewPCG(seed, 1)), p)
	w.references(t)
	rng := rand.New(rand.NewPCG(seed, 3))
	for life := 0; ; life++ {
		h := w.log.Handle(nil)
		if life < 40 {
			h = w.log.Handle(memlog.Seeded(rng, memlog.Rates{NotDone: 0.01, DoneSaidNo: 0.01, KillBefore: rate, KillAfter: rate, Cut: 0.5, MaxFetch: 30}))
		}
		err := w.bothLife(h, rng, m)
		if err == nil {
			break
		}
		if !errors.Is(err, memlog.ErrKilled) {
			t.Fatalf("seed %d, life %d: %v", seed, life, err)
		}
		if rng.IntN(4) == 0 {
			must(t, w.log.Compact(stateTopic))
		}
	}
	if diff := diffLines(want, w.results(t)); diff != "" || seed%8 != 0 || m != loop.Sound {
		return diff
	}
	return w.wrong(truth.read(t), w.read(t), true) // each claim too, where results agree
}

func TestFault_EvaluatorKilledAnywhere(t *testing.T) {
	t.Parallel()
	n, events := 1000, 0
	if testing.Short() {
		n = 60
	}
	inHalves(t, n, func(t *testing.T, seed int) {
		if diff := runBoth(t, uint64(seed), loop.Sound, 0.01); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
	})
	for seed := range 10 {
		w := newWorld(t, rand.New(rand.NewPCG(uint64(seed), 1)), bothPlan)
		w.references(t)
		must(t, w.bothLife(w.log.Handle(nil), nil, loop.Sound))
		for _, l := range w.results(t) {
			if l.Kind != "score" {
				events++
			}
		}
	}
	if events == 0 {
		t.Error("no seed raises an alarm: drift events were not compared")
	}
	t.Logf("%d seeds; %d drift events in the first 10", n, events)
}

// A replay of the log, cut into other batches and read by other workers, gives the
// bytes that live operation gave.
func TestReplay_PrintsWhatLiveOperationPrinted(t *testing.T) {
	t.Parallel()
	for seed := range seeds(t, 50) {
		w := newWorld(t, rand.New(rand.NewPCG(uint64(seed), 1)), bothPlan)
		w.references(t)
		must(t, w.bothLife(w.log.Handle(nil), nil, loop.Sound))
		before := w.log.Ops(memlog.Append)
		got, err := replay.Run(t.Context(), w.io(w.log.Handle(nil)), w.replayConfig())
		must(t, err)
		if diff := diffLines(w.results(t), got); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
		if after := w.log.Ops(memlog.Append); after != before {
			t.Fatalf("seed %d: the replay wrote to the log: %d appends", seed, after-before)
		}
	}
}
