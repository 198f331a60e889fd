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
	// Bad counts the records of a batch that cannot be read as dead, and moves no clock.
	Bad(b *log.BadBatch)
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

// Source drives fold 1 for one source, alone (Step, Run) or as one of many (Worker).
// Step and Run must not be called at the same time.
type Source struct {
	io  IO
	cfg SourceConfig

	fold SourceFold // nil: start (again)
	feed *feed      // of control; shared with the other sources of a worker
	// known is the offset up to which the fold knows control, pending what is read of it
	// and not told yet.
	known   int64
	pending []log.Record
	covered int64 // records below it were written before control was last read
	// controlAt is what this process committed last to the control group.
	controlAt int64
	position  int64
	end       int64
	restart   int64 // time to look up at the next start; Never: none
	fresh     bool  // no record with a time was folded since the start
	overtaken int64 // position that retention overtook; 0: it has not
	lastTick  int64
	empty     int   // empty polls in a row at the high watermark
	pollMS    int64 // wall clock before the last of them
	emptyMS   int64 // wall clock before the one before it

	// Of the poll under way.
	answered bool // it told how far the partition goes
	read     bool // records came, be they bad
	again    int  // polls in a row that were not answered
}

// NewSource prepares a driver; nothing is read yet.
func NewSource(io IO, cfg SourceConfig) *Source {
	return newSource(io, cfg, newFeed(io, cfg.Control))
}

func newSource(io IO, cfg SourceConfig, feed *feed) *Source {
	s := &Source{io: io, cfg: cfg, restart: Never, feed: feed}
	feed.sources = append(feed.sources, s)
	return s
}

// Run steps until the context ends or a final error comes.
func (s *Source) Run(ctx context.Context) error {
	return errors.Join(repeat(ctx, s.Step), s.feed.close())
}

// Step fetches once, folds what came and publishes a cycle where one is due. idle
// reports that nothing was read and nothing published.
func (s *Source) Step(ctx context.Context) (idle bool, err error) {
	if err := s.begin(ctx); err != nil {
		return false, err
	}
	nowMS := s.io.NowMS()
	batch, err := s.io.fetch(ctx, s.cfg.Partition, s.position, s.io.Wait)
	a := log.Answer{Batch: batch, Err: err}
	if s.uncovered(batch) {
		if err := s.feed.read(ctx); err != nil {
			return false, err
		}
		s.cover(a)
	}
	if err := s.take(a); err != nil {
		return false, err
	}
	return s.finish(ctx, nowMS)
}

// begin starts the fold where it has to be.
func (s *Source) begin(ctx context.Context) error {
	s.answered, s.read = false, false
	if s.fold != nil {
		return nil
	}
	return s.start(ctx)
}

// uncovered reports that records may be younger than the last reading of control.
// Whatever control was there when a record was written must be known before it is
// folded. A backlog was all written before its end was told, so control that is read
// behind that answer covers it whole.
func (s *Source) uncovered(b log.Batch) bool {
	return len(b.Records) > 0 && b.Records[len(b.Records)-1].Offset >= s.covered
}

// cover notes that control was read behind an answer.
func (s *Source) cover(a log.Answer) {
	if a.Err == nil {
		s.covered = a.End
	}
}

// take folds an answer of the poll under way. Control that was there when its records
// were written is in s.pending by now, and is told to the fold before them.
func (s *Source) take(a log.Answer) error {
	if s.fold == nil || s.fold.Full() {
		return nil // an answer before this one sent the source to a new start, or filled it: it asks again
	}
	var bad *log.BadBatch
	switch {
	case errors.Is(a.Err, log.ErrOutOfRange):
		s.fold, s.overtaken = nil, s.position // retention overtook us: start again, the horizon flags the gap
		return nil
	case errors.Is(a.Err, log.ErrAgain):
		if s.again++; s.io.Retried != nil {
			s.io.Retried(fmt.Sprintf("fetch %s at %d", s.cfg.Partition, s.position), s.again, a.Err)
		}
		s.answered = false
		return nil
	case errors.As(a.Err, &bad) && bad.Records > 0 && bad.Last >= s.position:
		// Its header was sound, so its records can be counted, and read never.
		s.read = true
		s.fold.Bad(bad)
		s.position = bad.Last + 1
		return nil
	case a.Err != nil:
		return a.Err
	}
	if len(a.Records) > 0 {
		s.read = true
		if err := s.tell(); err != nil || s.fold == nil {
			return err
		}
	}
	s.apply(a.Batch)
	s.end, s.answered, s.again = a.End, true, 0
	return nil
}

// finish ends a poll that was begun at nowMS, with a cycle where one is due.
func (s *Source) finish(ctx context.Context, nowMS int64) (idle bool, err error) {
	if s.fold == nil {
		return false, nil
	}
	if s.answered || s.read {
		s.noteEmpty(!s.read && s.position >= s.end, nowMS)
	}
	promise := s.promise()
	tick := nowMS-s.lastTick >= s.cfg.TickMS
	if !s.fold.Due() && !s.fold.Full() && !tick {
		return !s.read, nil
	}
	return false, s.cycle(ctx, nowMS, promise)
}

// apply folds a batch: its records, and between them the holes that transactions and
// compaction leave, with the aborted records in each.
func (s *Source) apply(batch log.Batch) {
	aborted := batch.Aborted
	skip := func(next int64) {
		n := int64(0)
		for ; len(aborted) > 0 && aborted[0] < next; aborted = aborted[1:] {
			if aborted[0] >= s.position {
				n++
			}
		}
		s.fold.Skip(next, n)
		s.position = next
	}
	for _, r := range batch.Records {
		if r.Offset < s.position {
			continue // a batch is served whole
		}
		if r.Offset > s.position {
			skip(r.Offset)
		}
		s.fold.Apply(r)
		s.position, s.fresh = r.Offset+1, s.fresh && r.TimeMS < 0
		if s.fold.Full() {
			return // the rest of the batch is fetched again after the cycle
		}
	}
	if batch.Next > s.position {
		skip(batch.Next)
	}
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
	control, known, err := s.feed.all(ctx)
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
	gap := origin.GapBefore
	if s.overtaken > 0 { // where nothing was committed yet, only we know how far we had read
		gap, s.overtaken = max(gap, origin.LogStart-s.overtaken), 0
	}
	s.io.count(p, "removed_unread", gap)
	s.fold = s.cfg.New(origin)
	s.position, s.empty, s.lastTick, s.fresh = origin.Offset, 0, s.io.NowMS(), true
	s.known, s.pending, s.covered = known, nil, 0
	if _, err := s.fold.Control(control, known); err != nil {
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
	// Brokers forget commits together with their topic: a run under way still knows.
	origin, err := Start(max(committed, s.overtakenPast(hi)), lo, hi, s.cfg.First, p)
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
	earlier, err := StartAt(ctx, s.io.Log, p, from, t)
	earlier.GapBefore = origin.GapBefore
	return earlier, err
}

// overtakenPast returns the position at which this run was refused where it lies past
// the end, so that the log cannot be the one it read, else −1.
func (s *Source) overtakenPast(end int64) int64 {
	if s.overtaken > end {
		return s.overtaken
	}
	return -1
}

// tell hands control that was read to the fold. A record that names a pane which may
// have been built without it sends the source back by time look-up.
func (s *Source) tell() error {
	recs, next := s.pending, s.feed.next()
	s.pending = nil
	for len(recs) > 0 && recs[0].Offset < s.known {
		recs = recs[1:] // the source started after they were read for others
	}
	if next <= s.known {
		return nil
	}
	if s.fresh && s.cfg.Names(recs) != Never {
		// The fold cannot tell yet what it will build; an earlier run may have published
		// panes that these records name. The start knows how far that one came.
		s.fold = nil
		return nil
	}
	s.known = next
	from, err := s.fold.Control(recs, next)
	if err != nil {
		return fmt.Errorf("control for %s: %w", s.cfg.Partition, err)
	}
	if from != Never {
		s.fold, s.restart = nil, from
	}
	return nil
}

func (s *Source) cycle(ctx context.Context, nowMS, promise int64) error {
	if err := s.feed.read(ctx); err != nil {
		return err
	}
	if err := s.tell(); err != nil || s.fold == nil {
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
	if s.known == s.controlAt {
		return nil
	}
	next := s.known
	err := s.io.try(ctx, fmt.Sprintf("commit control %d for %s", next, s.cfg.Partition), func() error {
		return s.io.Log.Commit(ctx, s.controlGroup(), s.cfg.Partition, next)
	})
	if err == nil {
		s.controlAt = next
	}
	return err
}
