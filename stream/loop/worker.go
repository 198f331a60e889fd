package loop

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/driftline/driftline/stream/log"
)

// Worker drives fold 1 for many sources on one goroutine, from one session: one
// request per leader fetches for all of them, and control is read once per poll.
//
// The sources share nothing but the time of the worker. While one of them waits, to
// publish again what a broker refused or to start, the others wait with it: nothing is
// folded meanwhile, and no records pile up.
type Worker struct {
	io      IO
	feed    *feed
	sources []*Source
	asks    []log.Ask

	mu    sync.Mutex     // guards added
	added []SourceConfig // to be taken in at the next poll
	wake  chan struct{}  // holds one note that there are some
}

// NewWorker prepares a worker without sources, whose control is the partition given.
func NewWorker(io IO, control log.Partition) *Worker {
	return &Worker{io: io, feed: newFeed(io, control), wake: make(chan struct{}, 1)}
}

// Add gives the worker a source more, also while it runs.
func (w *Worker) Add(cfg SourceConfig) {
	w.mu.Lock()
	w.added = append(w.added, cfg)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default: // it has been told
	}
}

// Run polls until the context ends or a source has a final error.
func (w *Worker) Run(ctx context.Context) error {
	session := w.io.Log.Session()
	err := w.run(ctx, session)
	return errors.Join(err, session.Close(), w.feed.close())
}

func (w *Worker) run(ctx context.Context, session log.Session) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		w.admit()
		if len(w.sources) == 0 {
			select {
			case <-ctx.Done():
			case <-w.wake:
			}
			continue
		}
		if _, err := w.Step(ctx, session); err != nil {
			return err
		}
	}
}

func (w *Worker) admit() {
	w.mu.Lock()
	added := w.added
	w.added = nil
	w.mu.Unlock()
	for _, cfg := range added {
		w.sources = append(w.sources, newSource(w.io, cfg, w.feed))
	}
}

// Step fetches once for all sources, folds what came and publishes the cycles that are
// due. idle reports that nothing was read and nothing published. Run does this; a
// simulation calls it with a session of its own.
func (w *Worker) Step(ctx context.Context, session log.Session) (idle bool, err error) {
	w.admit()
	w.asks = w.asks[:0]
	for _, s := range w.sources {
		if err := s.begin(ctx); err != nil {
			return false, s.name(err)
		}
		w.asks = append(w.asks, log.Ask{Partition: s.cfg.Partition, From: s.position})
	}
	nowMS := w.io.NowMS()
	err = w.io.try(ctx, fmt.Sprintf("fetch %d partitions", len(w.asks)), func() error {
		return session.Fetch(ctx, w.asks, w.io.Wait)
	})
	if err != nil {
		return false, err
	}
	if err := w.fold(ctx, session); err != nil {
		return false, err
	}
	idle = true
	for _, s := range w.sources {
		quiet, err := s.finish(ctx, nowMS)
		if err != nil {
			return false, s.name(err)
		}
		idle = idle && quiet
	}
	return idle, nil
}

// CaughtUp reports whether there are sources and every one stood at the end of its
// partition at the last poll. Not while Run runs.
func (w *Worker) CaughtUp() bool {
	w.admit()
	for _, s := range w.sources {
		if s.fold == nil || !s.answered || s.position < s.end {
			return false
		}
	}
	return len(w.sources) > 0
}

// fold hands the answers to their sources. Control is read behind the fetch and before
// the first record that it may concern is folded.
func (w *Worker) fold(ctx context.Context, session log.Session) error {
	current := false // control was read behind this fetch
	for a, ok := session.Next(); ok; a, ok = session.Next() {
		s := w.sources[a.Ask]
		if s.uncovered(a.Batch) && !current {
			current = true
			if err := w.feed.read(ctx); err != nil {
				return err
			}
		}
		if current {
			s.cover(a)
		}
		if err := s.take(a); err != nil {
			return s.name(err)
		}
	}
	return nil
}

// name says in an error which source it stopped.
func (s *Source) name(err error) error {
	return fmt.Errorf("collect %s: %w", s.cfg.Partition, err)
}

// Workers is a fixed number of workers, over which sources are spread.
type Workers struct {
	all []*Worker

	mu   sync.Mutex // guards next
	next int
}

// NewWorkers prepares n workers, at least one.
func NewWorkers(io IO, control log.Partition, n int) *Workers {
	w := &Workers{}
	for range max(1, n) {
		w.all = append(w.all, NewWorker(io, control))
	}
	return w
}

// Add gives a source to the worker whose turn it is, so that their numbers differ by at most one.
func (w *Workers) Add(cfg SourceConfig) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all[w.next%len(w.all)].Add(cfg)
	w.next++
}

// Run runs all workers until the context ends or one of them fails, which stops the others.
func (w *Workers) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, one := range w.all {
		g.Go(func() error { return one.Run(ctx) })
	}
	return g.Wait()
}
