package collect

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/wire"
)

// Control takes new control records. A record that names a pane which may already
// have been counted without it asks for a start by time look-up.
func (s *Source) Control(recs []log.Record, next int64) (fromMS int64, err error) {
	fromMS = loop.Never
	if len(recs) > 0 {
		s.forget()
	}
	for _, r := range recs {
		c, ok := s.view.Add(r.Offset, r.Key, r.Value)
		if !ok {
			continue
		}
		switch c.Kind {
		case "layout":
			if l, _ := s.view.Layout(); !sameLayout(l, s.cfg.Layout) {
				return fromMS, fmt.Errorf("layout in the control topic differs from the one this process was started with: stop it and start it again")
			}
		case "model", "grid", "fold":
			s.thin.known = false
			fromMS = min(fromMS, s.late(c))
		}
	}
	s.control = next
	return fromMS, nil
}

// late returns the time from which the input must be read again because of c, or
// loop.Never if no pane that c changes can have been counted yet.
func (s *Source) late(c wire.Control) int64 {
	if s.tracker.Clock() == loop.Unset {
		return loop.Never
	}
	from, ok := namedPane(s.cfg.Grids, c.Kind, c.Value)
	if !ok {
		return loop.Never
	}
	// Panes up to the horizon were published by an earlier run, which may have been far
	// ahead of where this one stands now.
	if from > s.times.Pane(s.tracker.Clock()+s.times.SkewMS) && s.tracker.Builds(from) {
		return loop.Never
	}
	// Whatever this run has not published is lost with it: begin at the oldest such
	// pane, not at the oldest that is open by now.
	unpublished := s.closed
	if !s.hasClosed {
		h := s.tracker.Horizon()
		if h == loop.Unset {
			return 0
		}
		unpublished = s.times.Pane(h) + 1
	}
	return before(s.times, min(from, unpublished))
}

// before returns the time from which the input must be read so that pane and all
// later ones are built.
func before(times loop.Times, pane int64) int64 {
	if pane < math.MinInt64/2/times.PaneMS { // "from the beginning"
		return 0
	}
	return max(0, times.Start(pane)-times.SkewMS-1)
}

// namedPane returns the pane from which a control record changes what is counted.
func namedPane(grids *wire.Grids, kind string, value []byte) (pane int64, ok bool) {
	switch kind {
	case "model":
		if m, err := wire.DecodeModel(value); err == nil {
			return m.FromPane, true
		}
	case "grid":
		if g, err := grids.Decode(value); err == nil {
			return g.FromPane, true
		}
	case "fold":
		if f, err := wire.DecodeFold(value); err == nil {
			return f.FromPane, true
		}
	}
	return 0, false
}

// Names returns the earliest time at which one of the records changes what is
// counted. A record that came in parts cannot be read alone: it may name any pane.
func Names(l wire.Layout, grids *wire.Grids, recs []log.Record) int64 {
	from := loop.Never
	for _, r := range recs {
		kind, _, _ := strings.Cut(string(r.Key), "/")
		if kind != "model" && kind != "grid" && kind != "fold" {
			continue
		}
		if pane, ok := namedPane(grids, kind, r.Value); ok {
			from = min(from, before(Times(l), pane))
		} else {
			from = 0
		}
	}
	return from
}

func sameLayout(a, b wire.Layout) bool { return slices.Equal(a.Encode(), b.Encode()) }
