package web

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/driftline/driftline/registry/store"
)

// readAroundPart reads what stood around an alarm of a part of the traffic: the part in
// windows of other lengths, and all of the traffic in the same one.
func (s *story) readAroundPart(ctx context.Context, t *store.Tx) error {
	a := s.alarm
	if a.Kind != "drift" {
		return nil
	}
	latest, err := t.LatestSegments(ctx, a.Model)
	if err != nil {
		return err
	}
	newest := func(q store.ScoreQuery) error {
		q.Model, q.Version, q.FinalOnly, q.Newest, q.NoBody, q.Limit = a.Model, anyVersion, true, true, true, 1
		rows, err := t.Scores(ctx, q)
		s.windows = append(s.windows, rows...)
		return err
	}
	for _, l := range latest {
		if l.Segment != a.Segment || l.WindowMS == a.WindowMS || l.Version != anyVersion {
			continue
		}
		if err := newest(store.ScoreQuery{Segment: a.Segment, WindowMS: l.WindowMS, ToMS: a.SinceMS}); err != nil {
			return err
		}
	}
	slices.SortStableFunc(s.windows, func(a, b store.ScoreRow) int { return cmp.Compare(a.WindowMS, b.WindowMS) })
	return newest(store.ScoreQuery{WindowMS: a.WindowMS, FromMS: a.SinceMS - 1, ToMS: a.SinceMS})
}

// whole is the score of all of the traffic in the window in which an alarm of a part fired,
// nil where it is gone.
func (s *story) whole() *store.ScoreRow {
	for i := range s.windows {
		if s.windows[i].Segment == "" {
			return &s.windows[i]
		}
	}
	return nil
}

// trafficText says which part an alarm is about, and how much of the traffic that was.
func (s *story) trafficText() string {
	d := s.first
	out := partText(s.alarm.Segment)
	if d == nil {
		return out
	}
	out += ", " + groupText(d.Rows) + " rows of the window"
	if w := s.whole(); w != nil && w.Rows > 0 {
		out += fmt.Sprintf(" of %s in all (%s)", groupText(w.Rows), percent(float64(d.Rows)/float64(w.Rows)))
	}
	return out + ", judged apart; the alarm of all of the traffic holds these rows, too"
}

// partReferenceText says what a part was compared with: the identity is that of the part of
// a reference, which no list of references has.
func (s *story) partReferenceText() string {
	out := s.alarm.Reference + ", the same part of the model's reference"
	d := s.first
	if d == nil {
		return out
	}
	if d.ReferenceKind != "" {
		out += " of " + d.ReferenceKind
	}
	out += ", " + groupText(d.ReferenceRows) + " rows"
	if d.ReferenceTo > 0 {
		out += fmt.Sprintf(" from %s to %s UTC", momentText(d.ReferenceFrom), momentText(d.ReferenceTo))
	}
	return out
}
