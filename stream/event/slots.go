package event

import (
	"strings"

	"github.com/driftline/driftline/sketches"
)

// slots reads the values outside the features.
func (d *Decoder) slots(t *template, slots []slot, ev *Event, others bool) bool {
	c := &d.cursor
	for i := range slots {
		s := &slots[i]
		if !c.literal(&s.literal, t) {
			return false
		}
		start, ok := c.at, false
		switch s.field {
		case fieldModel:
			if ok = c.quoted(t.model); ok {
				ev.Model, d.met = t.model, t.hash
			} else if ev.Model, ok = c.name(d.limits.Name); ok {
				ok = !strings.HasPrefix(ev.Model, "_")
				if d.met = nameHash(ev.Model); d.met != t.hash && !others {
					return false
				}
			}
		case fieldVersion:
			ev.Version, ok = c.name(d.limits.Name)
			ok = ok && ev.Version != "*"
		case fieldID:
			ev.ID, ok = c.name(d.limits.Name)
		case fieldTS:
			ev.TimeMS, ok = d.days.time(c)
			ev.HasTime = ok
		case fieldScore:
			ev.Score, ok = c.number()
			ev.HasScore = ok
		case fieldPrediction:
			ev.Prediction, ok = c.scalar()
			ev.HasPrediction = ok && ev.Prediction.Kind() != sketches.ValueNull
		case fieldLabel:
			ev.Label, ok = c.scalar()
			ev.HasLabel = ok && ev.Label.Kind() != sketches.ValueNull
		case fieldSegments:
			if !d.segmentAt(s.key, ev) {
				return false
			}
			continue
		case fieldUnknown:
			if _, ok = c.string(); ok {
				d.ignore(s.key)
			}
		}
		if ok {
			continue
		}
		c.at = start
		if !d.slowly(1, func() *Reason { return d.field(s.field, s.key, ev) }) {
			return false
		}
	}
	return true
}

// segmentAt reads one segment; null leaves it out.
func (d *Decoder) segmentAt(key string, ev *Event) bool {
	c := &d.cursor
	if c.word("null") {
		return true
	}
	if len(ev.Segments) == d.limits.Segments {
		return false
	}
	value, ok := c.name(d.limits.Name)
	if !ok && !d.slowly(2, func() (bad *Reason) {
		value, bad = d.segment(key)
		return bad
	}) {
		return false
	}
	ev.Segments = append(ev.Segments, Segment{Name: key, Value: value})
	return true
}
