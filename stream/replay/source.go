package replay

import (
	"context"
	"fmt"

	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/wire"
)

// source drives fold 1 for one source.
type source struct {
	id         wire.Source
	fold       loop.SourceFold
	feed       feed
	partitions int // of its topic
	start      int64
	position   int64
	end        int64
	clockMS    int64
	closed     bool
}

// readFrom is the event time that results are given from, Unset for all.
func (r *runner) readFrom() int64 {
	from := loop.Never
	for _, e := range r.panes {
		from = min(from, e.fromMS)
	}
	return from
}

// backMS is how far before a range its windows look back.
func (r *runner) backMS() int64 {
	back := r.cfg.Layout.LongestMS()
	for _, e := range r.panes {
		back = max(back, e.fold.BackMS())
	}
	return back
}

func (r *runner) startSource(ctx context.Context, id wire.Source, partitions int) error {
	p := log.Partition{Topic: id.Topic, Index: id.Partition}
	s := &source{id: id, partitions: partitions, clockMS: loop.Unset}
	lo, hi, err := r.io.Log.Bounds(ctx, p)
	if err != nil {
		return fmt.Errorf("bounds of %s: %w", p, err)
	}
	s.end = hi
	l := r.cfg.Layout
	var origin loop.Origin
	if from := r.readFrom(); from == loop.Unset {
		origin, err = loop.Start(-1, lo, hi, loop.Oldest, p)
	} else {
		at := from - r.backMS() - l.LatenessMS - l.SkewMS - l.DisorderMS - 2*l.PaneMS
		origin, err = loop.StartAt(ctx, r.io.Log, p, at, loop.Times{PaneMS: l.PaneMS, LatenessMS: l.LatenessMS, SkewMS: l.SkewMS, DisorderMS: l.DisorderMS})
	}
	if err != nil {
		return err
	}
	s.start, s.position = origin.Offset, origin.Offset
	s.feed = feed{io: r.io, from: r.io.Log, p: p, next: origin.Offset, end: hi, tasks: r.tasks}
	s.fold = r.cfg.NewSource(id, origin)
	if _, err := s.fold.Control(r.control, r.next); err != nil {
		return fmt.Errorf("control: %w", err)
	}
	r.sources = append(r.sources, s)
	r.progress(s) // so that whoever shows it knows the whole from the start
	return nil
}

// slowest returns the open source of smallest clock: reading in step keeps few
// panes pending. A restating replay holds them all anyway and reads source by source,
// so that only one source's counts are open at a time.
func (r *runner) slowest() *source {
	var best *source
	for _, s := range r.sources {
		switch {
		case s.closed:
		case best == nil:
			best = s
		case s.clockMS < best.clockMS && !r.cfg.Restate:
			best = s
		}
	}
	return best
}

// step folds one batch of a source.
func (r *runner) step(ctx context.Context, s *source) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.position >= s.end {
		return r.close(ctx, s)
	}
	b, err := s.feed.batch(ctx)
	if err != nil {
		return err
	}
	s.apply(b)
	r.progress(s)
	switch {
	case r.cfg.Restate:
		return nil // open until the end of the log: an event of any lateness may still come
	case r.cfg.ToMS != loop.Never && s.clockMS != loop.Unset && s.clockMS-r.cfg.Layout.LatenessMS > r.cfg.ToMS:
		return r.close(ctx, s)
	case s.fold.Due():
		return r.publish(ctx, s, loop.Unset)
	}
	return nil
}

func (s *source) apply(b log.Batch) {
	for i := range b.Records {
		rec := &b.Records[i]
		if rec.Offset < s.position || rec.Offset >= s.end {
			continue
		}
		if rec.Offset > s.position {
			s.fold.Skip(rec.Offset, 0)
		}
		s.fold.Apply(*rec)
		s.position = rec.Offset + 1
		s.clockMS = max(s.clockMS, rec.TimeMS)
	}
	s.position = max(s.position, min(b.Next, s.end))
}

func (r *runner) progress(s *source) {
	if r.cfg.Progress != nil {
		r.cfg.Progress(Progress{Source: s.id, Start: s.start, Position: s.position, End: s.end, Clock: s.clockMS, Closed: s.closed})
	}
}

// close ends a source: with a time to replay to, it claims everything up to there;
// without one, only what its clock has passed.
func (r *runner) close(ctx context.Context, s *source) error {
	s.closed = true
	r.progress(s)
	promise := loop.Unset
	if r.cfg.ToMS != loop.Never {
		promise = r.cfg.ToMS
	}
	return r.publish(ctx, s, promise)
}

func (r *runner) publish(ctx context.Context, s *source, promise int64) error {
	c, err := s.fold.Publish(s.partitions, promise)
	if err != nil {
		return err
	}
	if err := r.take(ctx, c); err != nil {
		return err
	}
	s.fold.Published()
	return nil
}
