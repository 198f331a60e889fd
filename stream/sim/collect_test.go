package sim

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"testing"

	"github.com/driftline/driftline/stream/collect"
	"github.com/driftline/driftline/stream/kafka/kafkatest"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/memlog"
	"github.com/driftline/driftline/stream/wire"
)

func (w *world) source(l log.Log, part int32, m loop.Mutant) *loop.Source {
	times := collect.Times(w.layout)
	return loop.NewSource(w.io(l), loop.SourceConfig{
		Names:     func(recs []log.Record) int64 { return collect.Names(w.layout, recs) },
		Partition: w.part(inputTopic, part), Group: w.groupName(),
		Control: w.part(controlTopic, 0), Times: times, TickMS: cmp.Or(w.tickMS, 1<<40), PromiseMS: w.promiseMS,
		New: func(o loop.Origin) loop.SourceFold {
			return collect.New(collect.Config{
				Source: wire.Source{Topic: w.prefix + inputTopic, Partition: part}, Layout: w.layout,
				PanesTopic: w.prefix + panesTopic, DeadTopic: w.prefix + deadTopic, Mutant: m,
			}, o)
		},
	})
}

// collectLife runs all sources of a process until their input is read, or the
// process dies.
func (w *world) collectLife(l log.Log, rng *rand.Rand, m loop.Mutant) error {
	ctx := context.Background()
	l = mutated(l, m)
	sources := make([]*loop.Source, w.plan.partitions)
	for i := range sources {
		sources[i] = w.source(l, int32(i), m)
	}
	done := make([]bool, len(sources))
	for left := len(sources); left > 0; {
		i := 0
		if rng != nil {
			i = rng.IntN(len(sources))
		}
		for done[i] {
			i = (i + 1) % len(sources)
		}
		idle, err := sources[i].Step(ctx)
		if err != nil {
			return err
		}
		if pos, end := sources[i].Position(); idle && pos >= end {
			done[i], left = true, left-1
		}
	}
	return nil
}

// claimed is what the panes topic says: per identity the value of largest through,
// and per source the panes that its frontiers claim.
type claimed struct {
	values map[string][]byte
	byPane map[paneOf][]string
	claims map[wire.Source][]wire.Frontier
}

type paneOf struct {
	source wire.Source
	pane   int64
}

func (w *world) read(t testing.TB) claimed {
	t.Helper()
	c := claimed{values: map[string][]byte{}, byPane: map[paneOf][]string{}, claims: map[wire.Source][]wire.Frontier{}}
	through := map[string]int64{}
	put := func(id string, p paneOf, thr int64, value []byte) {
		old, had := through[id]
		if !had {
			c.byPane[p] = append(c.byPane[p], id)
		}
		if !had || thr > old {
			through[id], c.values[id] = thr, value
		}
	}
	for q := range w.layout.PanesPartitions {
		for _, r := range w.records(t, w.part(panesTopic, q)) {
			kind, err := wire.Peek(r.Value)
			must(t, err)
			switch kind {
			case wire.KindPartial:
				p, err := wire.DecodePartial(r.Value)
				must(t, err)
				thr := p.Through
				p.Through = 0
				put(fmt.Sprintf("partial %+v", p.ID), paneOf{p.ID.Source, p.ID.Pane}, thr, p.Encode())
			case wire.KindLedger:
				l, err := wire.DecodeLedger(r.Value)
				must(t, err)
				thr := l.Through
				l.Through = 0
				put(fmt.Sprintf("ledger %v %d", l.Source, l.Pane), paneOf{l.Source, l.Pane}, thr, l.Encode())
			case wire.KindFrontier:
				f, err := wire.DecodeFrontier(r.Value)
				must(t, err)
				c.claims[f.Source] = append(c.claims[f.Source], f)
			}
		}
	}
	return c
}

// wrong compares every claimed pane with the run that was left alone, and returns
// the first difference. all asks that every finished pane is claimed.
func (w *world) wrong(truth, got claimed, all bool) string {
	for source, fs := range got.claims {
		for _, f := range fs {
			for p := range w.panesOf(truth, got, source) {
				if p*w.layout.PaneMS <= f.SinceMS || (p+1)*w.layout.PaneMS > f.UptoMS {
					continue
				}
				if diff := comparePane(truth, got, paneOf{source, p}); diff != "" {
					return diff
				}
			}
		}
	}
	if !all {
		return ""
	}
	for source, fs := range truth.claims {
		for p := range w.panesOf(truth, truth, source) {
			if w.holds(fs, p) && !w.holds(got.claims[source], p) {
				return fmt.Sprintf("pane %d of %s is claimed by nobody", p, source)
			}
		}
	}
	return ""
}

func (w *world) panesOf(a, b claimed, s wire.Source) map[int64]bool {
	ps := map[int64]bool{}
	for _, c := range []claimed{a, b} {
		for k := range c.byPane {
			if k.source == s {
				ps[k.pane] = true
			}
		}
	}
	return ps
}

func (w *world) holds(fs []wire.Frontier, pane int64) bool {
	for _, f := range fs {
		if pane*w.layout.PaneMS > f.SinceMS && (pane+1)*w.layout.PaneMS <= f.UptoMS {
			return true
		}
	}
	return false
}

func comparePane(truth, got claimed, p paneOf) string {
	for _, id := range truth.byPane[p] {
		if !bytes.Equal(truth.values[id], got.values[id]) {
			return "differs or is missing: " + id
		}
	}
	for _, id := range got.byPane[p] {
		if _, had := truth.values[id]; !had {
			return "is not in the undisturbed run: " + id
		}
	}
	return ""
}

type collectCase struct {
	plan   plan
	cut    bool // the log is truncated before anything has run
	resets bool // an operator moves the committed offsets between lives
	mutant loop.Mutant
	all    bool
}

// runCollect kills a collector until it has read everything, and returns the first
// difference to a run that was left alone, or "".
func runCollect(t testing.TB, seed uint64, c collectCase) string {
	t.Helper()
	truth := newWorld(t, rand.New(rand.NewPCG(seed, 1)), c.plan)
	must(t, truth.collectLife(truth.log.Handle(nil), nil, loop.Sound))

	w := newWorld(t, rand.New(rand.NewPCG(seed, 1)), c.plan)
	rng := rand.New(rand.NewPCG(seed, 2))
	if c.cut {
		for part := range c.plan.partitions {
			p := log.Partition{Topic: inputTopic, Index: int32(part)}
			must(t, w.log.Truncate(p, 1+rng.Int64N(int64(c.plan.records)/2)))
		}
	}
	for life := 0; ; life++ {
		var h *memlog.Handle
		if life < 60 {
			rates := memlog.Rates{NotDone: 0.02, DoneSaidNo: 0.02, KillBefore: 0.02, KillAfter: 0.02, Cut: 0.5, MaxFetch: 12}
			h = w.log.Handle(memlog.Seeded(rng, rates))
		} else {
			h = w.log.Handle(nil)
		}
		err := w.collectLife(h, rng, c.mutant)
		if err == nil {
			break
		}
		if !errors.Is(err, memlog.ErrKilled) {
			t.Fatalf("seed %d, life %d: %v", seed, life, err)
		}
		if c.resets && rng.IntN(4) == 0 {
			p := log.Partition{Topic: inputTopic, Index: int32(rng.IntN(c.plan.partitions))}
			_, end := w.log.Ends(p)
			w.log.SetCommit(group, p, rng.Int64N(end))
		}
	}
	return w.wrong(truth.read(t), w.read(t), c.all)
}

// inHalves runs do for seeds 0 … n−1, split over two parallel subtests.
func inHalves(t *testing.T, n int, do func(t *testing.T, seed int)) {
	t.Helper()
	for half := range 2 {
		t.Run([]string{"even seeds", "odd seeds"}[half], func(t *testing.T) {
			t.Parallel()
			for seed := half; seed < n; seed += 2 {
				do(t, seed)
			}
		})
	}
}

// TestMain lets garbage grow: the simulation makes much of it in a small heap.
func TestMain(m *testing.M) {
	debug.SetGCPercent(800)
	os.Exit(kafkatest.Main(m))
}

func seeds(t testing.TB, n int) int {
	if testing.Short() {
		return n / 10
	}
	return n
}

func TestFault_CollectorKilledAnywhere(t *testing.T) {
	t.Parallel()
	n := seeds(t, 3000)
	inHalves(t, n, func(t *testing.T, seed int) {
		c := collectCase{plan: plan{partitions: 1 + seed/2%2, records: 120, jitterMS: 90_000, stepMS: 20_000}, all: true}
		if diff := runCollect(t, uint64(seed), c); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
	})
	t.Logf("%d seeds", n)
}
