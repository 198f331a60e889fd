package loop

import (
	"context"
	"errors"
	"fmt"

	"github.com/driftline/driftline/stream/log"
)

// PanesFold is fold 2 for one partition of the panes topic, as this package
// drives it. Pure: no I/O, no clock.
type PanesFold interface {
	// Control takes new control records in log order; next is the offset after them.
	Control(recs []log.Record, next int64) error
	// Load restores the state that the records of the state partition describe. It
	// is called once, after the first Control and before the first Apply.
	Load(state []log.Record) error
	// Resume returns the offset to read from, given the committed one (−1: none)
	// and the first offset held.
	Resume(committed, start int64) (int64, error)
	// Apply folds one record; offsets ascend.
	Apply(r log.Record) error
	// ReadNext returns the offset to read next, given the one after the last record
	// applied: the same, an earlier one to read records again, or a later one after that.
	ReadNext(next int64) int64
	// Trimmed says that records before start were removed before they were read, or
	// read again: what they counted must not be claimed.
	Trimmed(start int64)
	// Final returns how many panes can be published now and how many one cycle may hold.
	Final() (waiting, run int)
	// Publish returns the cycle for the oldest run of final panes; ok is false where
	// there is none.
	Publish() (c Cycle, ok bool, err error)
	// Published says that the last cycle is complete.
	Published()
	// Behind reports whether a source is far behind the others.
	Behind() bool
	// Provisional returns scores made without the sources that are behind.
	Provisional() ([]log.Record, error)
	// Done returns the last pane whose done marker is acknowledged.
	Done() (pane int64, ok bool)
}

// PanesConfig describes one partition of the panes topic to drive.
type PanesConfig struct {
	Panes, State, Control log.Partition
	Group                 string
	New                   func() PanesFold
	// Alive asks whether this process still owns the partition; nil: static
	// assignment, where the state partition's end alone tells.
	Alive func(ctx context.Context) error
	// ProvisionalMS is how long, in wall-clock time, a source must have been behind
	// before provisional scores are written, and how often they are; 0: never.
	ProvisionalMS int64
	// Progress is called after each cycle and each poll; nil is allowed.
	Progress func(done int64, ok bool, position, end int64)
}

// Panes drives fold 2 for one partition. Step and Run must not be called at the
// same time.
type Panes struct {
	io  IO
	cfg PanesConfig

	fold     PanesFold // nil: load (again)
	control  *Reader
	position int64
	end      int64
	stateEnd int64 // end of the state partition if nobody else writes to it
	behind   bool  // since behindMS, wall clock, or the last provisional scores
	behindMS int64
}

// NewPanes prepares a driver; nothing is read yet.
func NewPanes(io IO, cfg PanesConfig) *Panes { return &Panes{io: io, cfg: cfg} }

// Run steps until the context ends or a final error comes.
func (e *Panes) Run(ctx context.Context) error {
	err := repeat(ctx, e.Step)
	if e.control != nil {
		err = errors.Join(err, e.control.Close())
	}
	return err
}

// Step fetches once, folds what came and publishes the cycles that are due. idle
// reports that nothing was read and nothing published.
func (e *Panes) Step(ctx context.Context) (idle bool, err error) {
	if e.fold == nil {
		if err := e.load(ctx); err != nil {
			return false, err
		}
	}
	batch, err := e.io.fetch(ctx, e.cfg.Panes, e.position, e.io.Wait)
	if errors.Is(err, log.ErrOutOfRange) {
		return false, e.skipTrimmed(ctx)
	}
	if err != nil {
		return false, err
	}
	idle = len(batch.Records) == 0
	e.end = batch.End
	if !idle {
		// Whatever control a collector had read when it wrote these records is read now.
		if err := e.readControl(ctx); err != nil {
			return false, err
		}
	}
	for _, r := range batch.Records {
		if r.Offset < e.position {
			continue
		}
		if err := e.fold.Apply(r); err != nil {
			return false, fmt.Errorf("fold %s at %d: %w", e.cfg.Panes, r.Offset, err)
		}
		e.position = r.Offset + 1
		for waiting, run := e.fold.Final(); waiting >= run; waiting, run = e.fold.Final() {
			if err := e.cycle(ctx); err != nil || e.fold == nil {
				return false, err
			}
		}
		if e.seek() {
			return false, nil
		}
	}
	e.position = max(e.position, batch.Next)
	if e.seek() {
		return false, nil
	}
	if e.position >= batch.End {
		for waiting, _ := e.fold.Final(); waiting > 0; waiting, _ = e.fold.Final() {
			idle = false
			if err := e.cycle(ctx); err != nil || e.fold == nil {
				return false, err
			}
			if e.seek() {
				return false, nil
			}
		}
	}
	e.report()
	return idle, e.writeProvisional(ctx)
}

// writeProvisional writes provisional scores where a source stays behind. They are no
// state: written twice, or by a process thought dead, they do no harm.
func (e *Panes) writeProvisional(ctx context.Context) error {
	if e.cfg.ProvisionalMS <= 0 {
		return nil
	}
	was := e.behind
	if e.behind = e.fold.Behind(); !e.behind {
		return nil
	}
	now := e.io.NowMS()
	if !was {
		e.behindMS = now
	}
	if now-e.behindMS < e.cfg.ProvisionalMS {
		return nil
	}
	e.behindMS = now
	recs, err := e.fold.Provisional()
	if err != nil {
		return fmt.Errorf("provisional scores of %s: %w", e.cfg.Panes, err)
	}
	return e.io.append(ctx, "provisional scores of "+e.cfg.Panes.String(), recs)
}

// seek moves to where the fold wants to read next, and reports whether that is
// somewhere else.
func (e *Panes) seek() bool {
	at := e.fold.ReadNext(e.position)
	moved := at != e.position
	e.position = at
	return moved
}

// Position returns the next offset to be read and the end as last seen.
func (e *Panes) Position() (position, end int64) { return e.position, e.end }

func (e *Panes) report() {
	if e.cfg.Progress == nil || e.fold == nil {
		return
	}
	done, ok := e.fold.Done()
	e.cfg.Progress(done, ok, e.position, e.end)
}

// skipTrimmed moves on after retention removed records that were not read; the
// panes they belonged to end with coverage below one.
func (e *Panes) skipTrimmed(ctx context.Context) error {
	return e.io.try(ctx, fmt.Sprintf("bounds of %s", e.cfg.Panes), func() error {
		lo, _, err := e.io.Log.Bounds(ctx, e.cfg.Panes)
		if err != nil {
			return err
		}
		if lo <= e.position { // the end moved back: the topic was made again, or acknowledged records are lost
			return fmt.Errorf("%s begins at %d, offset %d is refused: %w", e.cfg.Panes, lo, e.position, ErrRemade)
		}
		e.io.count(e.cfg.Panes, "removed_unread", lo-e.position)
		e.position = lo
		e.fold.Trimmed(lo)
		return nil
	})
}

func (e *Panes) load(ctx context.Context) error {
	fold := e.cfg.New()
	if e.control != nil {
		if err := e.control.Close(); err != nil {
			return err
		}
	}
	e.control = NewReader(e.io, e.cfg.Control, -1)
	e.fold = fold
	if err := e.readControl(ctx); err != nil {
		e.fold = nil
		return err
	}
	e.fold = nil // loaded only when everything below succeeds
	var start, committed int64
	err := e.io.try(ctx, fmt.Sprintf("load %s", e.cfg.State), func() (err error) {
		if _, e.stateEnd, err = e.io.Log.Bounds(ctx, e.cfg.State); err != nil {
			return err
		}
		if start, _, err = e.io.Log.Bounds(ctx, e.cfg.Panes); err != nil {
			return err
		}
		committed, err = e.io.Log.Committed(ctx, e.cfg.Group, e.cfg.Panes)
		return err
	})
	if err != nil {
		return err
	}
	state, _, err := ReadAll(ctx, e.io, e.cfg.State)
	if err != nil {
		return err
	}
	if err := fold.Load(state); err != nil {
		return fmt.Errorf("load %s: %w", e.cfg.State, err)
	}
	from, err := fold.Resume(committed, start)
	if err != nil {
		return fmt.Errorf("load %s: %w", e.cfg.State, err)
	}
	e.fold, e.position = fold, from
	if committed >= 0 {
		e.io.count(e.cfg.Panes, "removed_unread", start-committed)
	}
	return nil
}

// cycle publishes one run of panes. A fold that has said what to publish stands
// behind it: after an error it is dropped and loaded again.
func (e *Panes) cycle(ctx context.Context) error {
	fold := e.fold
	err := e.publish(ctx)
	if err != nil && e.fold == fold {
		e.fold = nil
	}
	return err
}

func (e *Panes) publish(ctx context.Context) error {
	if err := e.readControl(ctx); err != nil {
		return err
	}
	c, ok, err := e.fold.Publish()
	if err != nil {
		return fmt.Errorf("publish %s: %w", e.cfg.Panes, err)
	}
	if !ok {
		return nil
	}
	for _, stage := range c.Stages {
		if len(stage.Records) == 0 {
			continue
		}
		if stage.State {
			if err := e.alive(ctx); err != nil {
				if errors.Is(err, log.ErrLost) && e.cfg.Alive == nil {
					e.fold = nil // somebody else wrote: load what is there and go on from it
					return nil
				}
				return err
			}
		}
		if err := e.io.append(ctx, stage.What+" of "+e.cfg.Panes.String(), stage.Records); err != nil {
			return err
		}
		if stage.State {
			e.stateEnd += int64(len(stage.Records))
		}
	}
	err = e.io.try(ctx, fmt.Sprintf("commit %s at %d", e.cfg.Panes, c.Commit), func() error {
		return e.io.Log.Commit(ctx, e.cfg.Group, e.cfg.Panes, c.Commit)
	})
	if err != nil {
		return err
	}
	e.fold.Published()
	e.report()
	if c.Admits {
		return e.readControl(ctx)
	}
	return nil
}

func (e *Panes) readControl(ctx context.Context) error {
	recs, err := e.control.ToEnd(ctx)
	if err != nil {
		return err
	}
	if err := e.fold.Control(recs, e.control.Next()); err != nil {
		return fmt.Errorf("control for %s: %w", e.cfg.Panes, err)
	}
	return nil
}

// alive reports ErrLost once another process owns this partition or has written to
// its state. A retried append that had been stored after all looks the same; the
// load that follows is harmless.
func (e *Panes) alive(ctx context.Context) error {
	if e.cfg.Alive != nil {
		return e.io.try(ctx, "heartbeat for "+e.cfg.Panes.String(), func() error { return e.cfg.Alive(ctx) })
	}
	var end int64
	err := e.io.try(ctx, fmt.Sprintf("bounds of %s", e.cfg.State), func() (err error) {
		_, end, err = e.io.Log.Bounds(ctx, e.cfg.State)
		return err
	})
	if err != nil {
		return err
	}
	if end != e.stateEnd {
		return fmt.Errorf("%s ends at %d, expected %d: %w", e.cfg.State, end, e.stateEnd, log.ErrLost)
	}
	return nil
}
