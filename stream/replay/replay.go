package replay

import (
	"context"
	"fmt"
	"sync"

	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/wire"
)

// Config describes a replay.
type Config struct {
	Layout                wire.Layout
	Control, State, Panes string // topics
	Scores, Drift         string
	FromMS, ToMS          int64  // event time, [from, to); FromMS = loop.Unset: from the beginning, ToMS = loop.Never: to the end
	Model                 string // "" = all
	NewSource             func(wire.Source, loop.Origin) loop.SourceFold
	NewPanes              func(partition int32, past *wire.Past) Fold

	// Alarms are the states of alarms at FromMS, by model, where the history has them.
	Alarms map[string][]wire.PastAlarm
	// Resume says per partition of the panes topic where an earlier run with the same
	// range stood; nil or a nil entry: at the start.
	Resume []*wire.Past
	// Restate reads every source to the end of its log before it closes, one after the
	// other, so that events of any lateness are counted. The folds that NewSource makes
	// must agree: they hold all windows of the range in memory.
	Restate bool

	// Sink takes the results as they become final; nil: Run returns them.
	Sink func(ctx context.Context, b Batch) error
	// Progress is called as sources are read; nil is allowed.
	Progress func(p Progress)
}

// Batch is what one partition of the panes topic gave since its batch before: every
// line of the range that ends at or before AtMS has been given when it is handled.
type Batch struct {
	Lines     []Line
	Partition int32
	AtMS      int64
	Past      func() wire.Past // what to resume with after this batch; call it before the Sink returns
}

// Progress is how far one source has been read.
type Progress struct {
	Source                      wire.Source
	Start, Position, End, Clock int64 // offsets, and the record clock in ms
	Closed                      bool  // nothing more is read of it
}

// runner holds a replay under way.
type runner struct {
	cfg     Config
	io      loop.IO
	sources []*source
	panes   []*panes
	control []log.Record
	next    int64 // control offset after the last record
	tasks   func(func())
}

// Run replays. Without a Sink it returns the result sorted; all of it stands in memory.
func Run(ctx context.Context, io loop.IO, cfg Config) ([]Line, error) {
	var lines []Line
	if cfg.Sink == nil {
		cfg.Sink = func(_ context.Context, b Batch) error {
			lines = append(lines, b.Lines...)
			return nil
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer cancel()
	r := &runner{cfg: cfg, io: io, tasks: func(f func()) { tasks.Go(f) }}
	if err := r.run(ctx); err != nil {
		return nil, err
	}
	return Dedupe(lines), nil
}

func (r *runner) run(ctx context.Context) error {
	if err := r.start(ctx); err != nil {
		return err
	}
	for s := r.slowest(); s != nil; s = r.slowest() {
		if err := r.step(ctx, s); err != nil {
			return err
		}
	}
	for _, e := range r.panes {
		if err := r.drain(ctx, e, 1); err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) start(ctx context.Context) error {
	var err error
	if r.control, r.next, err = loop.ReadAll(ctx, r.io, log.Partition{Topic: r.cfg.Control}); err != nil {
		return err
	}
	for q := range r.cfg.Layout.PanesPartitions {
		if err := r.startPanes(ctx, q); err != nil {
			return err
		}
	}
	for _, in := range r.cfg.Layout.Inputs {
		n, err := r.io.Log.Partitions(ctx, in.Topic)
		if err != nil {
			return fmt.Errorf("partitions of %s: %w", in.Topic, err)
		}
		for i := range n {
			if err := r.startSource(ctx, wire.Source{Topic: in.Topic, Incarnation: in.Incarnation, Partition: int32(i)}, n); err != nil {
				return err
			}
		}
	}
	if len(r.sources) > maxAhead {
		for _, s := range r.sources {
			s.feed.tasks = nil
		}
	}
	return nil
}
