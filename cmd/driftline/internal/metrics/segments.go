package metrics

import (
	"cmp"
	"context"
	"slices"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/wire"
)

// segmentRead is the newest final score of a declared part of the traffic, in windows of one
// length.
type segmentRead struct {
	row   store.ScoreRow
	score wire.Score // of row
	fires []store.AlarmRow
}

// byTraffic tells alarms of all of the traffic from those of its parts: series that know no
// parts are of the first alone.
func byTraffic(alarms []store.AlarmRow) (whole, parts []store.AlarmRow) {
	for _, a := range alarms {
		if a.Segment == "" {
			whole = append(whole, a)
		} else {
			parts = append(parts, a)
		}
	}
	return whole, parts
}

// readSegments reads the parts that are still judged: those with a score at the newest step
// of the window's alarm. One that is declared no longer leaves its last score behind, which
// must not stand here for ever. The caller has read the windows.
func (m *Metrics) readSegments(ctx context.Context, t *store.Tx, r *modelRead, open []store.AlarmRow) error {
	latest, err := t.LatestSegments(ctx, r.name)
	if err != nil {
		return err
	}
	for _, w := range r.windows {
		length := w.row.WindowMS
		since := w.row.EndMS - drift.DefaultAlarm(length, m.cfg.Layout.Hop(length)).HopMS
		for _, row := range latest {
			if row.WindowMS != length || row.Version != wire.AnyVersion || row.EndMS < since {
				continue
			}
			s := segmentRead{row: row, score: m.decode(row)}
			for _, a := range open {
				if a.WindowMS == length && a.Segment == row.Segment {
					s.fires = append(s.fires, a)
				}
			}
			r.segments = append(r.segments, s)
		}
	}
	// A model has no more than may be declared, whatever the database holds.
	most := wire.MaxSegments * len(r.windows)
	slices.SortStableFunc(r.segments, func(a, b segmentRead) int { return cmp.Compare(b.row.EndMS, a.row.EndMS) })
	r.segments = r.segments[:min(len(r.segments), most)]
	return nil
}

// segments shows the parts of a model's traffic. Of names that are the same as labels the
// first stands for all.
func (m *Metrics) segments(out *output, parts []segmentRead, label string) {
	type series struct{ segment, window string }
	taken := map[series]bool{}
	for i := range parts {
		p := &parts[i]
		s := series{clean(p.row.Segment), windowLabel(p.row.WindowMS)}
		if taken[s] {
			continue
		}
		taken[s] = true
		gauge := func(name string, v float64) { out.gauge(name, v, label, s.segment, s.window) }
		gauge("driftline_segment_rows", float64(p.row.Rows))
		if p.row.Judged > 0 {
			gauge("driftline_segment_drifted_share", float64(p.row.Drifted)/float64(p.row.Judged))
		}
		state := alarmOK
		for _, a := range p.score.Alarms {
			if a.Kind == "drift" && a.Phase == "pending" {
				state = alarmPending
			}
		}
		gauge("driftline_segment_alarm_state", float64(firing(p.fires, state)))
	}
}
