package e2e

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"
)

// P1 and P3 on real Kafka with separate processes, two that count and two that judge,
// while events are written: ten kill -9, the broker stopped and started, a collector
// that stands still for twenty seconds while another takes its place, a storm of stops
// and starts, and partitions that are added. What was recorded is what a replay of
// the resulting log prints, and every record stands in exactly one ledger.
func TestFault_KillStopPauseAndGrow(t *testing.T) {
	long(t)
	f := newFleet(t, 1, 2, 2)
	x := &traffic{f: f, rng: rand.New(rand.NewPCG(21, 1)), partitions: 3, at: archiveStart}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	written := make(chan error, 1)
	go func() { written <- x.run(ctx, 200*time.Millisecond, 60) }()
	rng := rand.New(rand.NewPCG(21, uint64(time.Now().UnixNano())))
	f.advances()

	for range 10 {
		time.Sleep(time.Duration(rng.Int64N(int64(1500 * time.Millisecond)))) // a random moment
		w := f.workers[rng.IntN(len(f.workers))]
		w.p.kill()
		f.start(w)
	}
	f.cluster.Stop(0)
	f.cluster.Restart(0)
	f.advances()

	f.op.AddPartitions("archive.events", 5)
	f.pause(f.roles("collect")[0], 20*time.Second)
	x.grow(5) // the disorder has long passed, and everyone has seen the new partitions

	for range 3 {
		for _, w := range f.workers {
			// One that was started a moment ago may not listen to the signal yet.
			if err := w.p.stop(); err != nil && err.Error() != "signal: terminated" {
				t.Fatalf("stop %s %d: %v\n%s", w.role, w.index, err, w.p.log())
			}
			f.start(w)
		}
	}
	f.advances()
	cancel()
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	x.end()
	lines, events := f.settle(2 * time.Minute)
	records, outcomes := f.ledgers()
	if lines < 500 || events == 0 {
		t.Errorf("%d lines, %d of them drift events: too few to compare", lines, events)
	}
	t.Logf("%d lives; %d scores and %d drift events equal; %d records, lost 0, double 0, by outcome %v", f.lives, lines-events, events, records, outcomes)
}
