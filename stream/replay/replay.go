package replay

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

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
	NewPanes              func(partition int32) loop.PanesFold
	Wait                  time.Duration
	// Progress is called as sources are read; nil is allowed.
	Progress func(s wire.Source, position, end, clockMS int64)
}

// Line is one record of the result with what it is sorted by.
type Line struct {
	Model, Version, Reference string
	WindowMS, EndMS           int64
	Kind                      string // "score", Provisional, or the event type
	Value                     []byte // canonical JSON
}

// Compare orders lines by model, version, reference, window, end, kind, value.
func (l Line) Compare(o Line) int {
	return cmp.Or(cmp.Compare(l.Model, o.Model), cmp.Compare(l.Version, o.Version), cmp.Compare(l.Reference, o.Reference),
		cmp.Compare(l.WindowMS, o.WindowMS), cmp.Compare(l.EndMS, o.EndMS), cmp.Compare(l.Kind, o.Kind), slices.Compare(l.Value, o.Value))
}

// Provisional is the kind of scores that were made without sources that were behind.
// Results are compared without them.
const Provisional = "provisional"

// ScoreLine gives a score its place.
func ScoreLine(value []byte) (Line, error) {
	s, err := wire.DecodeScore(value)
	kind := "score"
	if s.Provisional {
		kind = Provisional
	}
	return Line{Model: s.Model, Version: s.Version, Reference: s.Reference, WindowMS: s.WindowMS, EndMS: s.EndMS, Kind: kind, Value: value}, err
}

// EventLine gives a drift event its place.
func EventLine(value []byte) (Line, error) {
	e, err := wire.DecodeEvent(value)
	d := e.Data
	return Line{Model: d.Model, Version: d.Version, Reference: d.Reference, WindowMS: d.WindowMS, EndMS: d.EndMS, Kind: e.Type, Value: value}, err
}

// Dedupe sorts lines and drops repeats of one record, and what is provisional.
func Dedupe(lines []Line) []Line {
	lines = slices.DeleteFunc(lines, func(l Line) bool { return l.Kind == Provisional })
	slices.SortFunc(lines, Line.Compare)
	return slices.CompactFunc(lines, func(a, b Line) bool { return a.Compare(b) == 0 })
}

// runner holds a replay under way.
type runner struct {
	cfg     Config
	io      loop.IO
	sources []*source
	panes   []*panes
	control []log.Record
	next    int64 // control offset after the last record
	lines   []Line
}

type source struct {
	id       wire.Source
	p        log.Partition
	fold     loop.SourceFold
	position int64
	end      int64
	clockMS  int64
	closed   bool
}

type panes struct {
	fold   loop.PanesFold
	offset int64
}

// Run replays and returns the result sorted.
func Run(ctx context.Context, io loop.IO, cfg Config) ([]Line, error) {
	r := &runner{cfg: cfg, io: io}
	if err := r.start(ctx); err != nil {
		return nil, err
	}
	for {
		s := r.slowest()
		if s == nil {
			break
		}
		if err := r.step(ctx, s); err != nil {
			return nil, err
		}
	}
	for _, e := range r.panes {
		if err := r.drain(e, 1); err != nil {
			return nil, err
		}
	}
	return Dedupe(r.lines), nil
}

func (r *runner) start(ctx context.Context) error {
	reader := loop.NewReader(r.io, log.Partition{Topic: r.cfg.Control}, -1)
	var err error
	if r.control, err = reader.ToEnd(ctx); err != nil {
		return err
	}
	r.next = reader.Next()
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
			if err := r.startSource(ctx, wire.Source{Topic: in.Topic, Incarnation: in.Incarnation, Partition: int32(i)}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *runner) startPanes(ctx context.Context, q int32) error {
	state, err := loop.NewReader(r.io, log.Partition{Topic: r.cfg.State, Index: q}, -1).ToEnd(ctx)
	if err != nil {
		return err
	}
	var applied []log.Record
	for _, rec := range state {
		if kind, err := wire.Peek(rec.Value); err == nil && kind == wire.KindApplied {
			applied = append(applied, rec)
		}
	}
	e := &panes{fold: r.cfg.NewPanes(q)}
	if err := e.fold.Control(r.control, r.next); err != nil {
		return fmt.Errorf("control: %w", err)
	}
	if err := e.fold.Load(applied); err != nil {
		return fmt.Errorf("applied control: %w", err)
	}
	if _, err := e.fold.Resume(-1, 0); err != nil {
		return fmt.Errorf("applied control: %w", err)
	}
	r.panes = append(r.panes, e)
	return nil
}

func (r *runner) startSource(ctx context.Context, id wire.Source) error {
	s := &source{id: id, p: log.Partition{Topic: id.Topic, Index: id.Partition}, clockMS: loop.Unset}
	lo, hi, err := r.io.Log.Bounds(ctx, s.p)
	if err != nil {
		return fmt.Errorf("bounds of %s: %w", s.p, err)
	}
	s.end = hi
	l := r.cfg.Layout
	var origin loop.Origin
	if r.cfg.FromMS == loop.Unset {
		origin, err = loop.Start(-1, lo, hi, loop.Oldest, s.p)
	} else {
		at := r.cfg.FromMS - l.LongestMS() - l.LatenessMS - l.SkewMS - l.DisorderMS - 2*l.PaneMS
		origin, err = loop.StartAt(ctx, r.io.Log, s.p, at, loop.Times{PaneMS: l.PaneMS, LatenessMS: l.LatenessMS, SkewMS: l.SkewMS, DisorderMS: l.DisorderMS})
	}
	if err != nil {
		return err
	}
	s.position = origin.Offset
	s.fold = r.cfg.NewSource(id, origin)
	if _, err := s.fold.Control(r.control, r.next); err != nil {
		return fmt.Errorf("control: %w", err)
	}
	r.sources = append(r.sources, s)
	return nil
}

// slowest returns the open source of smallest clock: reading in step keeps few
// panes pending.
func (r *runner) slowest() *source {
	var best *source
	for _, s := range r.sources {
		if !s.closed && (best == nil || s.clockMS < best.clockMS) {
			best = s
		}
	}
	return best
}

func (r *runner) step(ctx context.Context, s *source) error {
	if s.position >= s.end {
		return r.close(ctx, s)
	}
	b, err := r.io.Log.Fetch(ctx, s.p, s.position, r.cfg.Wait)
	if err != nil {
		return fmt.Errorf("fetch %s at %d: %w", s.p, s.position, err)
	}
	for _, rec := range b.Records {
		if rec.Offset < s.position || rec.Offset >= s.end {
			continue
		}
		if rec.Offset > s.position {
			s.fold.Skip(rec.Offset, 0)
		}
		s.fold.Apply(rec)
		s.position = rec.Offset + 1
		s.clockMS = max(s.clockMS, rec.TimeMS)
	}
	s.position = max(s.position, min(b.Next, s.end))
	if r.cfg.Progress != nil {
		r.cfg.Progress(s.id, s.position, s.end, s.clockMS)
	}
	if r.cfg.ToMS != loop.Never && s.clockMS != loop.Unset && s.clockMS-r.cfg.Layout.LatenessMS > r.cfg.ToMS {
		return r.close(ctx, s)
	}
	if s.fold.Due() {
		return r.publish(ctx, s, loop.Unset)
	}
	return nil
}

// close ends a source: with a time to replay to, it claims everything up to there;
// without one, only what its clock has passed.
func (r *runner) close(ctx context.Context, s *source) error {
	s.closed = true
	promise := loop.Unset
	if r.cfg.ToMS != loop.Never {
		promise = r.cfg.ToMS
	}
	return r.publish(ctx, s, promise)
}

func (r *runner) publish(ctx context.Context, s *source, promise int64) error {
	n, err := r.io.Log.Partitions(ctx, s.p.Topic)
	if err != nil {
		return fmt.Errorf("partitions of %s: %w", s.p.Topic, err)
	}
	c, err := s.fold.Publish(n, promise)
	if err != nil {
		return err
	}
	for _, stage := range c.Stages {
		for _, rec := range stage.Records {
			if rec.Partition.Topic != r.cfg.Panes {
				continue
			}
			e := r.panes[rec.Partition.Index]
			rec.Offset = e.offset
			e.offset++
			if err := e.fold.Apply(rec); err != nil {
				return err
			}
			if err := r.drain(e, 0); err != nil {
				return err
			}
		}
	}
	s.fold.Published()
	return nil
}

// drain publishes the runs that are complete, or with least = 1 all that is final.
func (r *runner) drain(e *panes, least int) error {
	for {
		waiting, run := e.fold.Final()
		if waiting == 0 || least == 0 && waiting < run {
			return nil
		}
		c, ok, err := e.fold.Publish()
		if err != nil || !ok {
			return err
		}
		for _, stage := range c.Stages {
			for _, rec := range stage.Records {
				if err := r.keep(rec); err != nil {
					return err
				}
			}
		}
		e.fold.Published()
	}
}

func (r *runner) keep(rec log.Record) error {
	var line Line
	var err error
	switch rec.Partition.Topic {
	case r.cfg.Scores:
		line, err = ScoreLine(rec.Value)
	case r.cfg.Drift:
		line, err = EventLine(rec.Value)
	default:
		return nil
	}
	if err != nil {
		return err
	}
	if line.EndMS <= r.cfg.FromMS || line.EndMS > r.cfg.ToMS || r.cfg.Model != "" && line.Model != r.cfg.Model {
		return nil
	}
	r.lines = append(r.lines, line)
	return nil
}
