package evaluate

import (
	"fmt"
	"maps"
	"slices"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
)

// A season is an hour of the week in UTC (a slot of it, where slots are longer), counted
// from the epoch: the seasons of one kind lie a week apart. A window is compared with the
// mixture of the references of its seasons, each with the weight that the window gives it.

// weekly are the counts of one season over the weeks before a window.
type weekly struct {
	counts       *sketches.Counts
	weeks        int // hours or more that entered, of this season or with its neighbours
	fromMS, toMS int64
}

// seasonal makes the mixture for a window.
func (f *Fold) seasonal(m *model, in *installed, w *window, policy wire.Policy) (ref made, err error) {
	l := f.cfg.Layout
	parts, err := f.seasonsOf(m, in, w)
	if err != nil {
		return ref, err
	}
	x := m.exclusions(w.pane)
	grid := in.ref.Counts.Grid
	mixed := sketches.NewCounts(grid)
	seasons := slices.Sorted(maps.Keys(parts))
	all := make([]weekly, len(seasons))
	for i, season := range seasons {
		y, err := f.weekly(m, in, x, season, w, policy)
		if err != nil {
			return ref, err
		}
		if y.weeks < wire.MinSeasonWeeks {
			if parts[season].Rows == 0 {
				continue // it has no weight
			}
			ref.reason = fmt.Sprintf("the hours from %s may be used of %d of the %d weeks before, at least %d are needed",
				wire.RFC3339(season*l.SeasonMS()), y.weeks, policy.Seasonal.Weeks, wire.MinSeasonWeeks)
			return ref, nil
		}
		all[i] = y
		mixed.Rows += y.counts.Rows
		if ref.fromMS == 0 || y.fromMS < ref.fromMS {
			ref.fromMS = y.fromMS
		}
		ref.toMS = max(ref.toMS, y.toMS)
	}
	for i := range grid.Features {
		mix := make([]drift.Part, 0, len(seasons))
		for k, season := range seasons {
			p := drift.Part{M: parts[season].Features[i].Total()}
			if all[k].counts != nil {
				p.Ref = all[k].counts.Features[i].Cells
			}
			mix = append(mix, p)
		}
		c := &mixed.Features[i]
		if cells, ok := drift.Mixture(mix, grid.Features[i].Cells()); ok {
			c.Cells = cells
			c.Min, c.Max = 0, 0 // there are some, and fill forgets what they were
		}
	}
	ref.fill(mixed, policy)
	return ref, nil
}

// seasonsOf splits the counts of a window by season.
func (f *Fold) seasonsOf(m *model, in *installed, w *window) (map[int64]*sketches.Counts, error) {
	l := f.cfg.Layout
	grid := in.ref.Counts.Grid
	parts := map[int64]*sketches.Counts{}
	_, err := f.windowOf(m, w.pane, w.lengthMS, func(ring int, number int64) (*cell, wire.Coverage, error) {
		c, cover := f.stored(m, ring, number)
		length := l.PaneMS
		if ring == 1 {
			length = l.SlotMS()
		}
		season := floorDiv(number*length, l.SeasonMS())
		if parts[season] == nil {
			parts[season] = sketches.NewCounts(grid)
		}
		if c == nil || c.on(grid.ID()) == nil {
			return nil, cover, nil
		}
		return nil, cover, parts[season].Merge(c.on(grid.ID()))
	})
	return parts, err
}

// weekly sums a season over the weeks before the window: those of its own, and where they
// are short those of its neighbours too, at the same weight. What lies in the window is no
// reference for it.
func (f *Fold) weekly(m *model, in *installed, x wire.Exclusions, season int64, w *window, policy wire.Policy) (weekly, error) {
	l := f.cfg.Layout
	week := weekMS / l.SeasonMS() // in seasons
	slots := l.SeasonMS() / l.SlotMS()
	first := (w.lengthMS + weekMS - 1) / weekMS // weeks that the window reaches into
	y := weekly{counts: sketches.NewCounts(in.ref.Counts.Grid)}
	add := func(s int64) error {
		from, to := s*slots, (s+1)*slots
		if to*l.SlotMS() > w.endMS-w.lengthMS {
			return nil
		}
		for slot := from; slot < to; slot++ {
			if !f.enters(m, in, x, slot) {
				return nil // an hour is whole or not there
			}
		}
		for slot := from; slot < to; slot++ {
			c, err := m.moving.on(y.counts.Grid, slot)
			if err == nil {
				err = y.counts.Merge(c)
			}
			if err != nil {
				return err
			}
		}
		if y.weeks++; y.weeks == 1 || s*l.SeasonMS() < y.fromMS {
			y.fromMS = s * l.SeasonMS()
		}
		y.toMS = max(y.toMS, (s+1)*l.SeasonMS())
		return nil
	}
	for k := range int64(policy.Seasonal.Weeks) {
		if err := add(season - (first+k)*week); err != nil {
			return y, err
		}
	}
	if y.weeks >= wire.MinSeasonWeeks && y.counts.Rows >= policy.MinRows {
		return y, nil
	}
	for k := range int64(policy.Seasonal.Weeks) {
		for _, side := range []int64{-1, 1} {
			if err := add(season - (first+k)*week + side); err != nil {
				return y, err
			}
		}
	}
	return y, nil
}
