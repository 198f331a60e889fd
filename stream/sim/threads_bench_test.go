package sim

import (
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
)

// BenchmarkCollect_TwoThreads folds two sources one after the other and at once, on two
// threads that share nothing but the memory log, in turn. ratio is the CPU time per event
// of both at once over that of one at a time, as median over the iterations.
func BenchmarkCollect_TwoThreads(b *testing.B) {
	const events = 100_000
	w := wideWorld(b, events)
	drain := func(part int32) error {
		s := w.source(w.log.Handle(nil), part, loop.Sound)
		for {
			if idle, err := s.Step(b.Context()); err != nil || idle {
				return err
			}
		}
	}
	measure := func(threads int) time.Duration {
		for p := range int32(2) {
			w.log.SetCommit(group, log.Partition{Topic: inputTopic, Index: p}, 0)
		}
		var g errgroup.Group
		g.SetLimit(threads)
		before := cpu(b)
		for p := range int32(2) {
			g.Go(func() error { return drain(p) })
		}
		must(b, g.Wait())
		return cpu(b) - before
	}
	measure(2) // warms up
	var ratios []float64
	var one, two time.Duration
	for range b.N {
		o := measure(1)
		t := measure(2)
		one, two = one+o, two+t
		ratios = append(ratios, float64(t)/float64(o))
	}
	slices.Sort(ratios)
	n := float64(b.N) * events
	b.ReportMetric(float64(one)/n, "one-cpu-ns/event")
	b.ReportMetric(float64(two)/n, "two-cpu-ns/event")
	b.ReportMetric(ratios[len(ratios)/2], "ratio")
}
