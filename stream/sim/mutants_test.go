package sim

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/memlog"
)

// foundOut runs a wrong rule over seeds and asks that it fails on more than a share
// of them: a simulation that lets it pass proves nothing.
func foundOut(t *testing.T, n int, share float64, run func(seed uint64) (diff string)) {
	t.Helper()
	bad := 0
	for seed := range uint64(n) {
		if run(seed) != "" {
			bad++
		}
	}
	t.Logf("%d of %d seeds fail (%.1f %%)", bad, n, 100*float64(bad)/float64(n))
	if float64(bad) <= share*float64(n) {
		t.Errorf("%d of %d seeds fail, want more than %.1f %%", bad, n, 100*share)
	}
}

// Each wrong rule of counting; share is the least share of seeds on which it must fail.
func TestFault_WrongCollectRulesAreFoundOut(t *testing.T) {
	t.Parallel()
	for _, m := range []struct {
		name  string
		c     collectCase
		share float64
	}{
		{"M1 commit up to the oldest open pane", collectCase{plan: onePartition, mutant: loop.CommitOldestOpen, all: true}, 0.5},
		{"M3 no horizon at any log start", collectCase{plan: onePartition, mutant: loop.NoHorizonAtLogStart, cut: true}, 0.5},
		{"M4 no disorder", collectCase{plan: onePartition, mutant: loop.NoDisorder, resets: true}, 0.001},
		{"M5 oldest pane that holds data", collectCase{plan: plan{partitions: 1, records: 60, jitterMS: 90_000, stepMS: 90_000}, mutant: loop.OldestPaneWithData, all: true}, 0.001},
		{"M6 commit past the record-high", collectCase{plan: onePartition, mutant: loop.CommitPastHigh, all: true}, 0.001},
		{"M8 commit before the frontier", collectCase{plan: onePartition, mutant: loop.CommitBeforeFrontier, all: true}, 0.001},
	} {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			foundOut(t, seeds(t, 300), m.share, func(seed uint64) string { return runCollect(t, seed, m.c) })
		})
	}
}

// commitFirst is M8: the offset of a cycle is committed before its frontiers are
// acknowledged. The commit is known once the loop makes it, so a cycle's frontiers
// are held back until then.
type commitFirst struct {
	log.Log
	held map[log.Partition][]log.Record // frontiers by the panes partition they go to
}

func (c *commitFirst) Append(ctx context.Context, recs []log.Record) error {
	if !bytes.Equal(recs[0].Key, []byte("_frontier")) {
		return c.Log.Append(ctx, recs)
	}
	for _, r := range recs {
		c.held[r.Partition] = append(c.held[r.Partition], r)
	}
	return nil
}

func (c *commitFirst) flush(ctx context.Context) error {
	for p, recs := range c.held {
		if err := c.Log.Append(ctx, recs); err != nil {
			return err
		}
		delete(c.held, p)
	}
	return nil
}

func (c *commitFirst) Commit(ctx context.Context, group string, p log.Partition, offset int64) error {
	if err := c.Log.Commit(ctx, group, p, offset); err != nil {
		return err
	}
	return c.flush(ctx)
}

// Fetch sends what a cycle without a commit has left.
func (c *commitFirst) Fetch(ctx context.Context, p log.Partition, from int64, wait time.Duration) (log.Batch, error) {
	if err := c.flush(ctx); err != nil {
		return log.Batch{}, err
	}
	return c.Log.Fetch(ctx, p, from, wait)
}

func mutated(l log.Log, m loop.Mutant) log.Log {
	if m == loop.CommitBeforeFrontier {
		return &commitFirst{Log: l, held: map[log.Partition][]log.Record{}}
	}
	return l
}

// Each wrong rule of judging, and those of counting that only judging brings to light.
func TestFault_WrongEvaluateRulesAreFoundOut(t *testing.T) {
	t.Parallel()
	for _, m := range []struct {
		name   string
		mutant loop.Mutant
		n      int
		share  float64
		run    func(seed uint64, m loop.Mutant) string
	}{
		{"M2 newest slot as done marker", loop.NewestSlotIsDone, 100, 0.5, func(seed uint64, m loop.Mutant) string { return runBoth(t, seed, m, 0.005) }},
		{"M7 frontier before the partials", loop.FrontierFirst, 60, 0.001, func(seed uint64, m loop.Mutant) string { return runBoth(t, seed, m, 0.01) }},
		{"M9 marker without a table", loop.MarkerWithoutTable, 60, 0.001, func(seed uint64, m loop.Mutant) string { return runArchive(t, seed, m, 0) }},
		{"M9 no check on load", loop.NoCheckOnLoad, 60, 0.001, func(seed uint64, m loop.Mutant) string { return runArchive(t, seed, m, 1) }},
		{"M11 slots lose their joint sums", loop.SlotsWithoutJoint, 60, 0.5, func(seed uint64, m loop.Mutant) string { return runBoth(t, seed, m, 0.01) }},
		{"M12 slots lose their segments", loop.SlotsWithoutSegments, 60, 0.5, func(seed uint64, m loop.Mutant) string { return runBoth(t, seed, m, 0.01) }},
		{"M10 ring one too short for the run", loop.Sound, 60, 0.001, func(seed uint64, m loop.Mutant) string { return runArchive(t, seed, m, sharpRun+1) }},
	} {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			foundOut(t, max(20, seeds(t, m.n)), m.share, func(seed uint64) string { return m.run(seed, m.mutant) })
		})
	}
	t.Run("the longest run that the ring allows is sound", func(t *testing.T) {
		t.Parallel()
		for seed := range uint64(max(5, seeds(t, 40))) {
			for _, run := range []int{0, sharpRun - 2} {
				if diff := runArchive(t, seed, loop.Sound, run); diff != "" {
					t.Fatalf("seed %d, run of %d: %s", seed, run, diff)
				}
			}
		}
	})
}

// sharpRun is the longest run for which a ring of 16 panes with windows of 8 can be
// right at all: ring = window + run − 1. The configuration allows two less.
const sharpRun = 16 - 8 + 1

// runArchive finishes counting first and then kills evaluators that work through what
// was counted, in runs of at most so many panes (0: three), and returns the first
// difference to a run that was left alone.
func runArchive(t testing.TB, seed uint64, m loop.Mutant, run int) string {
	t.Helper()
	p := plan{partitions: 2, records: 80, jitterMS: 90_000, stepMS: 15_000, shift: true, one: true, windowsMS: []int64{3 * 60_000, 8 * 60_000}}
	truth := newWorld(t, rand.New(rand.NewPCG(seed, 1)), p)
	truth.references(t)
	must(t, truth.bothLife(truth.log.Handle(nil), nil, loop.Sound))

	w := newWorld(t, rand.New(rand.NewPCG(seed, 1)), p)
	w.references(t)
	w.maxRun = run
	rng := rand.New(rand.NewPCG(seed, 90))
	must(t, w.collectLife(w.log.Handle(nil), nil, loop.Sound))
	for life := 0; ; life++ {
		var faults memlog.Faults
		if life < 30 { // it dies at the end of a cycle, between its slots and its marker, or after it
			faults = func(op memlog.Op) memlog.Fault {
				if op.Kind != memlog.Append || !strings.HasPrefix(string(op.Records[0].Key), "_done/") || rng.IntN(3) > 0 {
					return memlog.Fault{}
				}
				return memlog.Fault{Outcome: []memlog.Outcome{memlog.KillBefore, memlog.KillAfter}[rng.IntN(2)]}
			}
		}
		e := w.evaluator(w.log.Handle(faults), 0, m)
		var err error
		for idle := false; !idle && err == nil; {
			idle, err = e.Step(context.Background())
		}
		if err == nil {
			break
		}
		if !errors.Is(err, memlog.ErrKilled) {
			return err.Error() // a mutant may break what it loads
		}
		must(t, w.log.Compact(stateTopic))
	}
	return diffLines(truth.results(t), w.results(t))
}
