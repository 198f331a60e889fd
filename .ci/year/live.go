package main

import (
	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/drift/sequential"
	"github.com/driftline/driftline/sketches"
)

// outcome holds the hours behind the reference at which something was said.
type outcome struct{ alarms, warnings []int }

// hour is what came in within an hour, by feature.
type hour [][rowsPerHour]uint16

// live runs the days behind the reference.
func (m *model) live(sc scenario) (o outcome, err error) {
	const before = referenceDays * 24 * rowsPerHour
	sources := make([]*traffic, m.features)
	for f := range sources {
		sources[f] = newTraffic(m.seed+1_000_000, f) // the reference's law, other draws
		own := newTraffic(m.seed, f)
		sources[f].daily, sources[f].weekly, sources[f].phase = own.daily, own.weekly, own.phase
	}
	longest := 0
	sums := make([]*sketches.Counts, len(m.windows))
	states := make([]drift.AlarmState, len(m.windows))
	for i, w := range m.windows {
		sums[i], longest = sketches.NewCounts(m.grid), max(longest, w.hours)
	}
	ring := make([]hour, longest)
	track, inc := sequential.NewTrack(m.plan, 4), make([]int64, len(m.plan.Paths))
	for h := range sc.days * 24 {
		now := make(hour, m.features)
		pane := sketches.NewCounts(m.grid)
		for f := range now {
			shift := 0.0
			if h >= shiftDay*24 && float64(f) < sc.share*float64(m.features) {
				shift = sc.size
			}
			g := &m.grid.Features[f]
			for k := range now[f] {
				x := sketches.Number(sources[f].next(before+h*rowsPerHour+k, shift))
				cell, _ := g.Locate(x)
				now[f][k] = uint16(cell)
				pane.Features[f].Cells[cell]++
			}
		}
		pane.Rows = rowsPerHour
		for i := range m.windows {
			w := &m.windows[i]
			if h >= w.hours {
				slide(sums[i], ring[(h-w.hours)%longest], -1)
			}
			slide(sums[i], now, 1)
		}
		ring[h%longest] = now
		if err := m.tables.Pane(inc, pane); err != nil {
			return o, err
		}
		if _, ok := track.Push(inc); ok {
			o.warnings = append(o.warnings, h+1)
		}
		for i := range m.windows {
			w := &m.windows[i]
			end := int64(referenceDays*24+h+1) * hourMS
			if !w.cfg.IsHop(end) {
				continue
			}
			var events []drift.AlarmEvent
			states[i], events = drift.Step(w.cfg, states[i], w.evidence(sums[i], end, h+1))
			for _, e := range events {
				if e.Type == drift.AlarmDetected {
					o.alarms = append(o.alarms, h+1)
				}
			}
		}
	}
	return o, nil
}

func slide(sum *sketches.Counts, h hour, by int) {
	for f := range h {
		cells := sum.Features[f].Cells
		for _, cell := range h[f] {
			cells[cell] = uint64(int64(cells[cell]) + int64(by))
		}
	}
	sum.Rows = uint64(int64(sum.Rows) + int64(by*rowsPerHour))
}

// evidence judges all features of a window that has seen so many hours.
func (w *window) evidence(sum *sketches.Counts, endMS int64, hours int) drift.Evidence {
	ev := drift.Evidence{EndMS: endMS, All: len(w.judges), Full: hours >= w.hours}
	for f, j := range w.judges {
		r := j.Judge(&sum.Features[f])
		if r.Verdict.Judged() {
			ev.Judged++
		}
		if r.Verdict == drift.Drifted {
			ev.Drifted++
		}
	}
	filled := min(1, float64(hours)/float64(w.hours))
	ev.Valid = w.cfg.IsValid(1, sum.Rows, ev.Judged, ev.All, filled)
	return ev
}
