package sim

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/driftline/driftline/stream/collect"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/memlog"
	"github.com/driftline/driftline/stream/wire"
)

// workerLife runs all sources of a process on one worker, from one session, until
// their input is read, or the process dies.
func (w *world) workerLife(h *memlog.Handle, m loop.Mutant) error {
	worker := loop.NewWorker(w.io(h), log.Partition{Topic: controlTopic})
	for part := range int32(w.plan.partitions) {
		worker.Add(loop.SourceConfig{
			Names:     func(recs []log.Record) int64 { return collect.Names(w.layout, nil, recs) },
			Partition: log.Partition{Topic: inputTopic, Index: part}, Group: group,
			Control: log.Partition{Topic: controlTopic}, Times: collect.Times(w.layout), TickMS: 1 << 40,
			New: func(o loop.Origin) loop.SourceFold {
				return collect.New(collect.Config{
					Source: wire.Source{Topic: inputTopic, Partition: part}, Layout: w.layout,
					PanesTopic: panesTopic, DeadTopic: deadTopic, Mutant: m,
				}, o)
			},
		})
	}
	session := h.Session()
	for {
		idle, err := worker.Step(context.Background(), session)
		if err != nil {
			return err
		}
		if idle && worker.CaughtUp() {
			return session.Close()
		}
	}
}

// runWorker is runCollect with workers. The input also holds what a log cannot give:
// batches that expand beyond the limit, and aborted transactions. The truth is read
// source by source, as one alone reads.
func runWorker(t testing.TB, seed uint64, p plan, m loop.Mutant) string {
	t.Helper()
	newInput := func() *world {
		w := newWorld(t, rand.New(rand.NewPCG(seed, 1)), p)
		rng := rand.New(rand.NewPCG(seed, 3))
		for part := range p.partitions {
			at := log.Partition{Topic: inputTopic, Index: int32(part)}
			must(t, w.log.WriteAborted(at, 1+rng.IntN(4)))
			must(t, w.log.WriteBad(at, 1+rng.IntN(4), log.ErrTooLarge))
			end := epochMS + int64(p.records)*p.stepMS*2
			for step := range int64(8) { // until the pane that they came in is over
				must(t, w.log.Write(log.Record{Partition: at, TimeMS: end + (3+step)*w.layout.PaneMS, Value: []byte(`{"type":"tick"}`)}))
				must(t, w.log.WriteBad(at, 1+rng.IntN(4), log.ErrTooLarge))
			}
		}
		return w
	}
	truth := newInput()
	must(t, truth.collectLife(truth.log.Handle(nil), nil, loop.Sound))
	w := newInput()
	rng := rand.New(rand.NewPCG(seed, 2))
	for life := 0; ; life++ {
		h := w.log.Handle(nil)
		if life < 60 {
			h = w.log.Handle(memlog.Seeded(rng, memlog.Rates{NotDone: 0.02, DoneSaidNo: 0.02, KillBefore: 0.02, KillAfter: 0.02, Cut: 0.5, MaxFetch: 12}))
		}
		err := w.workerLife(h, m)
		if err == nil {
			break
		}
		if !errors.Is(err, memlog.ErrKilled) {
			t.Fatalf("seed %d, life %d: %v", seed, life, err)
		}
	}
	want := truth.read(t)
	for part := range int32(p.partitions) { // the input is of no use if its bad batches are not counted anywhere
		dead := uint64(0)
		for id, v := range want.values {
			if l, err := wire.DecodeLedger(v); err == nil && l.Source.Partition == part {
				dead += l.DeadBy["unreadable"]
			} else if err == nil && l.Source.Topic == "" {
				t.Fatalf("ledger %s without a source", id)
			}
		}
		if dead == 0 {
			t.Fatalf("seed %d: no record of partition %d is dead by a bad batch", seed, part)
		}
	}
	return w.wrong(want, w.read(t), true)
}

// One worker folds several sources from one session, and dies at any I/O step.
func TestFault_WorkerKilledAnywhere(t *testing.T) {
	t.Parallel()
	n := seeds(t, 300)
	inHalves(t, n, func(t *testing.T, seed int) {
		p := plan{partitions: 2 + seed/2%3, records: 60, jitterMS: 90_000, stepMS: 20_000}
		if diff := runWorker(t, uint64(seed), p, loop.Sound); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
	})
	bad := 0
	for seed := range seeds(t, 100) {
		if runWorker(t, uint64(seed), plan{partitions: 2, records: 60, jitterMS: 90_000, stepMS: 20_000}, loop.CommitOldestOpen) != "" {
			bad++
		}
	}
	if bad == 0 {
		t.Error("committing up to the oldest open pane is not found out")
	}
	t.Logf("%d seeds, 0 differ; a wrong rule fails on %d of %d", n, bad, seeds(t, 100))
}
