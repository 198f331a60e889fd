package sim

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/driftline/driftline/stream/collect"
	"github.com/driftline/driftline/stream/evaluate"
	"github.com/driftline/driftline/stream/kafka"
	"github.com/driftline/driftline/stream/kafka/embedded"
	"github.com/driftline/driftline/stream/kafka/kafkatest"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/wire"
)

// generations counts how often partitions were shared out.
type generations struct{ collect, evaluate atomic.Int64 }

// member is one process with both roles in group mode, as package app drives them,
// until its context ends.
func (w *world) member(ctx context.Context, brokers []string, n *generations) error {
	l, err := kafka.Dial(kafka.Config{Brokers: brokers, RetryTimeout: time.Minute})
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }() // opened for this life only
	group := func(role, topic string) kafka.GroupConfig {
		return kafka.GroupConfig{
			ID: w.groupName() + "-" + role + kafka.Members, Topics: []string{topic},
			Heartbeat: 100 * time.Millisecond, Session: 6 * time.Second, Rebalance: 6 * time.Second,
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		return l.Join(ctx, group("collect", w.prefix+inputTopic), func(ctx context.Context, gen *kafka.Generation) error {
			n.collect.Add(1)
			workers := loop.NewWorkers(w.io(l), w.part(controlTopic, 0), 2)
			for _, p := range gen.Partitions {
				workers.Add(w.sourceConfig(p))
			}
			return workers.Run(ctx)
		})
	})
	g.Go(func() error {
		return l.Join(ctx, group("evaluate", w.prefix+panesTopic), func(ctx context.Context, gen *kafka.Generation) error {
			n.evaluate.Add(1)
			g, ctx := errgroup.WithContext(ctx)
			for _, p := range gen.Partitions {
				panes := loop.NewPanes(w.io(l), loop.PanesConfig{
					Panes: p, State: w.part(stateTopic, p.Index), Control: w.part(controlTopic, 0), Group: w.groupName(), Alive: gen.Alive,
					New: func() loop.PanesFold {
						return evaluate.New(evaluate.Config{
							Layout: w.layout, Partition: p.Index, Namespace: "sim", MaxRun: 3, Admission: w.admission, Policy: wire.DefaultPolicy(), Topics: w.topics(),
						})
					},
				})
				g.Go(func() error { return panes.Run(ctx) })
			}
			<-ctx.Done() // also where there are fewer partitions than members
			return g.Wait()
		})
	})
	return g.Wait()
}

// sourceConfig is a source of the world's input as members drive it.
func (w *world) sourceConfig(p log.Partition) loop.SourceConfig {
	return loop.SourceConfig{
		Names:     func(recs []log.Record) int64 { return collect.Names(w.layout, recs) },
		Partition: p, Group: w.groupName(), Control: w.part(controlTopic, 0), Times: collect.Times(w.layout), TickMS: 1000,
		New: func(o loop.Origin) loop.SourceFold {
			return collect.New(collect.Config{
				Source: wire.Source{Topic: p.Topic, Partition: p.Index}, Layout: w.layout,
				PanesTopic: w.prefix + panesTopic, DeadTopic: w.prefix + deadTopic,
			}, o)
		},
	}
}

// stormy lets three members come and go while the input is folded a little at a time,
// then lets the rest finish, and compares with a run in memory that was left alone.
func stormy(t *testing.T, brokers []string) {
	w, sim := onKafka(t, brokers, func(w *world) {
		filled(t, 7)(w)
		w.plan.maxAppend = 2 // so that generations end between the records of one stage
	})
	want := sim.undisturbed(t).results(t)
	wantSum, _ := sim.outcomes(t)
	var n generations
	rng := rand.New(rand.NewPCG(7, 7))
	var storm, calm errgroup.Group
	steady, stop := context.WithCancel(t.Context())
	defer stop()
	for range 3 {
		lives := 2 + rng.IntN(2)
		spans := make([]time.Duration, lives)
		for i := range spans {
			spans[i] = time.Duration(300+rng.IntN(900)) * time.Millisecond
		}
		storm.Go(func() error {
			for _, span := range spans {
				life, leave := context.WithTimeout(steady, span)
				err := w.member(life, brokers, &n)
				leave()
				if err != nil && life.Err() == nil {
					return err
				}
			}
			return nil
		})
	}
	must(t, storm.Wait())
	stormed := n.collect.Load() + n.evaluate.Load()
	for range 2 {
		calm.Go(func() error { return w.member(steady, brokers, &n) })
	}
	deadline, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	for diffLines(want, w.results(t)) != "" {
		select {
		case <-tick.C:
		case <-deadline.Done():
			t.Fatalf("after %d generations: %s", n.collect.Load()+n.evaluate.Load(), diffLines(want, w.results(t)))
		}
	}
	stop()
	if err := calm.Wait(); !errors.Is(err, context.Canceled) {
		t.Errorf("members ended with %v", err)
	}
	same(t, 7, want, w.results(t)) // nor did anything come too much
	if sum, _ := w.outcomes(t); sum != wantSum {
		t.Errorf("records by outcome %v, want %v", sum, wantSum)
	}
	if stormed < 6 {
		t.Errorf("%d generations in the storm: that was none", stormed)
	}
	t.Logf("%d lines equal; %d generations in the storm, %d of collect and %d of evaluate in all", len(want), stormed, n.collect.Load(), n.evaluate.Load())
}

// Members join and leave all the time: work is repeated, results are not changed.
func TestFault_RebalanceStorm(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("brokers: skipped with -short")
	}
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		e, err := embedded.Start(embedded.Config{Listen: "127.0.0.1:0"})
		must(t, err)
		t.Cleanup(func() { must(t, e.Close()) })
		stormy(t, []string{e.Addr()})
	})
	t.Run("Apache Kafka", func(t *testing.T) {
		t.Parallel()
		stormy(t, kafkatest.Shared(t))
	})
}
