package loop

import (
	"context"
	"errors"
	"fmt"

	"github.com/driftline/driftline/stream/log"
)

// SourceFold is fold 1 for one source, as this package drives it. Pure: no I/O,
// no clock.
type SourceFold interface {
	// Control takes new control records. fromMS < Never asks for a new start by
	// time look-up: a record names a pane that may already have been built without it.
	Control(recs []log.Record, next int64) (fromMS int64, err error)
	// Apply folds one record; offsets ascend.
	Apply(r log.Record)
	// Skip says that offsets below next held no readable record, aborted of them
	// for the transaction they belonged to.
	Skip(next, aborted int64)
	// Due reports whether a pane has closed since the last cycle.
	Due() bool
	// Full reports that a cycle must come before the next record is folded.
	Full() bool
	// Publish returns the next cycle. partitions is the topic's count as asked after
	// the last fetch; promiseMS is an idle promise or Unset.
	Publish(partitions int, promiseMS int64) (Cycle, error)
	// Published says that every stage and the commit of the last cycle succeeded.
	Published()
}

// SourceConfig describes one source to drive.
type SourceConfig struct {
	Partition log.Partition
	Group     string
	Control   log.Partition
	Times     Times
	First     First
	TickMS    int64 // frontiers are sent at least this often, also when unchanged
	// PromiseMS is before.max + the margin for clocks and replica lag; ≤ 0 turns
	// idle promises off.
	PromiseMS int64
	New       func(Origin) SourceFold
	// Names returns the earliest time at which one of the control records changes what
	// is counted, Never if none does.
	Names func(recs []log.Record) (fromMS int64)
	// Progress is called after each cycle; nil is allowed.
	Progress func(position, end int64)
}

// Source drives fold 1 for one source. Step and Run must not be called at the
// same time.
type Source struct {
	io  IO
	cfg SourceConfig

	fold    SourceFold // nil: start (again)
	control *Reader
	// controlAt is what this process committed last to the control group.
	controlAt int64
	position  int64
	end       int64
	restart   int64 // time to look up at the next start; Never: none
	lastTick  int64
	empty     int   // empty polls in a row at the high watermark
	pollMS    int64 // wall clock before the last of them
	emptyMS   int64 // wall clock before the one before it
}

// NewSource prepares a driver; nothing is read yet.
func NewSource(io IO, cfg SourceConfig) *Source {
	return &Source{io: io, cfg: cfg, restart: Never}
}

// Run steps until the context ends or a final error comes.
func (s *Source) Run(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := s.Step(ctx); err != nil {
			return err
		}
	}
}

// Step fetches once, folds what came and publishes a cycle where one is due. idle
// reports that nothing was read and nothing published.
func (s *Source) Step(ctx context.Context) (idle bool, err error) {
	if s.fold == nil {
		if err := s.start(ctx); err != nil {
			return false, err
		}
	}
	nowMS := s.io.NowMS()
	batch, err := s.io.fetch(ctx, s.cfg.Partition, s.position, s.io.Wait)
	if errors.Is(err, log.ErrOutOfRange) {
		s.fold = nil // retention overtook us: start again, the horizon flags the gap
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if len(batch.Records) > 0 {
		// Control that was there before these records is known before they are folded.
		if err := s.readControl(ctx); err != nil || s.fold == nil {
			return false, err
		}
	}
	s.apply(batch)
	s.end = batch.End
	s.noteEmpty(len(batch.Records) == 0 && s.position >= batch.End, nowMS)

	promise := s.promise()
	tick := nowMS-s.lastTick >= s.cfg.TickMS
	if !s.fold.Due() && !tick {
		return len(batch.Records) == 0, nil
	}
	return false, s.cycle(ctx, nowMS, promise)
}

// apply folds a batch: its records, and between them the holes that transactions
// and compaction leave. A batch says how many records of aborted transactions it
// left out, not where: each hole but the last keeps one offset for the marker that
// ends a transaction, which is exact where a hole is one transaction.
func (s *Source) apply(batch log.Batch) {
	aborted := batch.Aborted
	skip := func(next int64, last bool) {
		hole := next - s.position
		if !last {
			hole--
		}
		n := min(aborted, hole)
		s.fold.Skip(next, n)
		aborted -= n
		s.position = next
	}
	for i, r := range batch.Records {
		if r.Offset < s.position {
			continue // a batch is served whole
		}
		if r.Offset > s.position {
			last := batch.Next == batch.Records[len(batch.Records)-1].Offset+1 && dense(batch.Records[i:])
			skip(r.Offset, last)
		}
		s.fold.Apply(r)
		s.position = r.Offset + 1
		if s.fold.Full() {
			return // the rest of the batch is fetched again after the cycle
		}
	}
	if batch.Next > s.position {
		skip(batch.Next, true)
	}
}

// dense reports whether no offset is missing between the records.
func dense(recs []log.Record) bool {
	return recs[len(recs)-1].Offset-recs[0].Offset == int64(len(recs)-1)
}

// Position returns the next offset to be read and the end as last seen.
func (s *Source) Position() (position, end int64) { return s.position, s.end }

func (s *Source) noteEmpty(empty bool, beforeMS int64) {
	if !empty {
		s.empty = 0
		return
	}
	s.emptyMS, s.pollMS = s.pollMS, beforeMS
	s.empty++
}

// promise returns the time up to which no accepted record can still come, or
// Unset. It needs two empty polls in a row, the clock read before the first of them.
func (s *Source) promise() int64 {
	if s.cfg.PromiseMS <= 0 || s.empty < 2 {
		return Unset
	}
	t := s.emptyMS - s.cfg.PromiseMS - s.cfg.Times.LatenessMS
	return s.cfg.Times.Start(s.cfg.Times.Pane(t))
}

// ControlGroup is what the group of control offsets is called after the source's own.
const ControlGroup = "-control"

// controlGroup keeps, per source, the control offset up to which everything that was
// published knew control. It is committed after the source's own offset and only
// together with it, so that a start can tell which control its predecessor may have
// missed.
func (s *Source) controlGroup() string { return s.cfg.Group + ControlGroup }

func (s *Source) start(ctx context.Context) error {
	p := s.cfg.Partition
	s.control = NewReader(s.io, s.cfg.Control, -1)
	control, err := s.control.ToEnd(ctx)
	if err != nil {
		return err
	}
	var origin Origin
	err = s.io.try(ctx, fmt.Sprintf("start %s", p), func() (err error) {
		if s.restart != Never {
			origin, err = StartAt(ctx, s.io.Log, p, s.restart, s.cfg.Times)
			return err
		}
		origin, err = s.resume(ctx, control)
		return err
	})
	if err != nil {
		return err
	}
	s.restart = Never
	s.io.count(p, "removed_unread", origin.GapBefore)
	s.fold = s.cfg.New(origin)
	s.position, s.empty, s.lastTick = origin.Offset, 0, s.io.NowMS()
	if _, err := s.fold.Control(control, s.control.Next()); err != nil {
		return fmt.Errorf("control for %s: %w", p, err)
	}
	return nil
}

// resume starts at the committed offset, or before it where control came that the
// run which committed had not read, and that names panes it may have published.
func (s *Source) resume(ctx context.Context, control []log.Record) (Origin, error) {
	p := s.cfg.Partition
	lo, hi, err := s.io.Log.Bounds(ctx, p)
	if err != nil {
		return Origin{}, err
	}
	committed, err := s.io.Log.Committed(ctx, s.cfg.Group, p)
	if err != nil {
		return Origin{}, err
	}
	origin, err := Start(committed, lo, hi, s.cfg.First, p)
	if err != nil || committed < 0 {
		return origin, err
	}
	known, err := s.io.Log.Committed(ctx, s.controlGroup(), p)
	if err != nil {
		return Origin{}, err
	}
	i := 0
	for i < len(control) && control[i].Offset < known {
		i++
	}
	from := s.cfg.Names(control[i:])
	if from == Never {
		return origin, nil
	}
	if origin.HorizonMS == Unset {
		return origin, nil
	}
	at, ok, err := firstTime(ctx, s.io.Log, p, origin.Offset, hi)
	if err != nil {
		return Origin{}, err
	}
	t := s.cfg.Times
	if ok && from+t.SkewMS >= at+t.SkewMS+t.DisorderMS {
		return origin, nil // this start builds every pane that is named
	}
	return StartAt(ctx, s.io.Log, p, from, t)
}

// readControl hands new control records to the fold. A record that names a pane
// which may have been built without it sends the source back by time look-up.
func (s *Source) readControl(ctx context.Context) error {
	recs, err := s.control.ToEnd(ctx)
	if err != nil {
		return err
	}
	from, err := s.fold.Control(recs, s.control.Next())
	if err != nil {
		return fmt.Errorf("control for %s: %w", s.cfg.Partition, err)
	}
	if from != Never {
		s.fold, s.restart = nil, from
	}
	return nil
}

func (s *Source) cycle(ctx context.Context, nowMS, promise int64) error {
	if err := s.readControl(ctx); err != nil || s.fold == nil {
		return err
	}
	var partitions int
	err := s.io.try(ctx, "partitions of "+s.cfg.Partition.Topic, func() (err error) {
		partitions, err = s.io.Log.Partitions(ctx, s.cfg.Partition.Topic)
		return err
	})
	if err != nil {
		return err
	}
	c, err := s.fold.Publish(partitions, promise)
	if err != nil {
		return fmt.Errorf("publish %s: %w", s.cfg.Partition, err)
	}
	for _, stage := range c.Stages {
		if err := s.io.append(ctx, stage.What+" of "+s.cfg.Partition.String(), stage.Records); err != nil {
			return err
		}
	}
	if c.Commit >= 0 {
		err := s.io.try(ctx, fmt.Sprintf("commit %s at %d", s.cfg.Partition, c.Commit), func() error {
			return s.io.Log.Commit(ctx, s.cfg.Group, s.cfg.Partition, c.Commit)
		})
		if err != nil {
			return err
		}
		if err := s.commitControl(ctx); err != nil {
			return err
		}
	}
	s.fold.Published()
	s.lastTick = nowMS
	if s.cfg.Progress != nil {
		s.cfg.Progress(s.position, s.end)
	}
	return nil
}

// commitControl notes up to where control was known, where that has changed.
func (s *Source) commitControl(ctx context.Context) error {
	if s.control.Next() == s.controlAt {
		return nil
	}
	next := s.control.Next()
	err := s.io.try(ctx, fmt.Sprintf("commit control %d for %s", next, s.cfg.Partition), func() error {
		return s.io.Log.Commit(ctx, s.controlGroup(), s.cfg.Partition, next)
	})
	if err == nil {
		s.controlAt = next
	}
	return err
}
