package replay

import (
	"context"
	"fmt"

	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/wire"
)

// Fold is fold 2 as a replay drives it.
type Fold interface {
	loop.PanesFold
	// Past returns what a fold that goes on after the last published pane must be told.
	Past() wire.Past
	// BackMS returns how far before its end a window looks back, moving references included.
	BackMS() int64
}

// panes drives fold 2 for one partition of the panes topic.
type panes struct {
	fold   Fold
	index  int32
	fromMS int64 // results that end at or before were given by an earlier run, or are not asked for
	offset int64
}

func (r *runner) startPanes(ctx context.Context, q int32) error {
	state, _, err := loop.ReadAll(ctx, r.io, log.Partition{Topic: r.cfg.State, Index: q})
	if err != nil {
		return err
	}
	s := readState(state)
	e := &panes{index: q, fromMS: r.cfg.FromMS}
	past := r.past(q, s)
	if past != nil {
		e.fromMS = max(e.fromMS, past.AtMS)
	}
	e.fold = r.cfg.NewPanes(q, past)
	if err := e.fold.Control(r.control, r.next); err != nil {
		return fmt.Errorf("control: %w", err)
	}
	if err := e.fold.Load(s.applied); err != nil {
		return fmt.Errorf("applied control: %w", err)
	}
	if _, err := e.fold.Resume(-1, 0); err != nil {
		return fmt.Errorf("applied control: %w", err)
	}
	r.panes = append(r.panes, e)
	return nil
}

// past is what the fold of a partition is told: where it stopped, or at the start of a
// range what history and live operation's state say; nil from the beginning on.
func (r *runner) past(q int32, s state) *wire.Past {
	if int(q) < len(r.cfg.Resume) {
		if p := r.cfg.Resume[q]; p != nil {
			return p
		}
	}
	if r.cfg.FromMS == loop.Unset {
		return nil
	}
	p := &wire.Past{AtMS: r.cfg.FromMS, First: s.first, Unknown: true}
	if s.first != wire.NoPane && (s.first+1)*r.cfg.Layout.PaneMS > r.cfg.FromMS {
		p.Unknown = false // the range begins before live operation did: there were no alarms
		return p
	}
	models := map[string]*wire.ModelPast{}
	of := func(name string) *wire.ModelPast {
		m := models[name]
		if m == nil {
			m = &wire.ModelPast{Model: name}
			models[name] = m
		}
		return m
	}
	for name, alarms := range r.cfg.Alarms {
		of(name).Alarms = alarms
	}
	for _, l := range s.learntAt(r.cfg.FromMS / r.cfg.Layout.PaneMS) {
		m := of(l.Model)
		m.Learnt = append(m.Learnt, l.Encode())
	}
	for _, m := range models {
		p.Models = append(p.Models, *m)
	}
	return p
}

// state is what a replay takes from the state partition of live operation.
type state struct {
	applied []log.Record
	first   int64 // first pane that was ever final, NoPane where nothing was
	learnt  []wire.Learnt
}

func readState(recs []log.Record) state {
	s := state{first: wire.NoPane}
	newest := wire.NoPane
	for _, rec := range recs {
		kind, err := wire.Peek(rec.Value)
		if err != nil {
			continue
		}
		switch kind {
		case wire.KindApplied:
			s.applied = append(s.applied, rec)
		case wire.KindDone:
			if d, err := wire.DecodeDone(rec.Value); err == nil && d.Pane > newest {
				newest, s.first = d.Pane, d.First
			}
		case wire.KindLearnt:
			if l, err := wire.DecodeLearnt(rec.Value); err == nil {
				s.learnt = append(s.learnt, l)
			}
		}
	}
	return s
}

// learntAt returns, per model and window, the sums as they were before pane. The topic
// keeps the last few writes: of those before the pane the newest is the one, if any is
// left; else the sums are learnt anew.
func (s state) learntAt(pane int64) []wire.Learnt {
	type key struct {
		model  string
		window int64
	}
	best := map[key]wire.Learnt{}
	for _, l := range s.learnt {
		k := key{l.Model, l.WindowMS}
		if old, had := best[k]; l.Pane < pane && (!had || l.Writes > old.Writes) {
			best[k] = l
		}
	}
	out := make([]wire.Learnt, 0, len(best))
	for _, l := range best {
		out = append(out, l)
	}
	return out
}

// take folds the records that a cycle of fold 1 wrote.
func (r *runner) take(ctx context.Context, c loop.Cycle) error {
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
			if err := r.drain(ctx, e, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// drain publishes the runs that are complete, or with least = 1 all that is final.
func (r *runner) drain(ctx context.Context, e *panes, least int) error {
	for {
		waiting, run := e.fold.Final()
		if waiting == 0 || least == 0 && waiting < run {
			return nil
		}
		c, ok, err := e.fold.Publish()
		if err != nil || !ok {
			return err
		}
		var lines []Line
		for _, stage := range c.Stages {
			for _, rec := range stage.Records {
				line, ok, err := r.line(e, rec)
				if err != nil {
					return err
				}
				if ok {
					lines = append(lines, line)
				}
			}
		}
		e.fold.Published()
		done, _ := e.fold.Done()
		at := (done + 1) * r.cfg.Layout.PaneMS
		if at <= e.fromMS {
			continue
		}
		if err := r.cfg.Sink(ctx, Batch{Lines: lines, Partition: e.index, AtMS: at, Past: e.fold.Past}); err != nil {
			return err
		}
	}
}

// line gives a record its place; ok is false for what is not asked for.
func (r *runner) line(e *panes, rec log.Record) (line Line, ok bool, err error) {
	switch rec.Partition.Topic {
	case r.cfg.Scores:
		line, err = ScoreLine(rec.Value)
	case r.cfg.Drift:
		line, err = EventLine(rec.Value)
	default:
		return line, false, nil
	}
	ok = line.EndMS > e.fromMS && line.EndMS <= r.cfg.ToMS && (r.cfg.Model == "" || line.Model == r.cfg.Model)
	return line, ok, err
}
