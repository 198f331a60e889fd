package mapping

import (
	"strconv"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/mapping/tree"
)

// MaxRows is how many rows one record may carry.
const MaxRows = 10_000

// events makes one event per row. Type, model, version and time are those of the record:
// where rows carry them, they must agree.
func (r *reader) events(what inferred) ([]event.Event, *event.Reason) {
	t := &r.rec.tree
	if what.rows == tree.None {
		if r.m.Rows != "" {
			return nil, event.Dead(event.CodeNoContent, 0, "no array at rows: %s", event.Quote(r.m.Rows))
		}
		r.grow(1)
		return r.rows, r.row(&r.rows[0], what, r.rec.root, -1)
	}
	switch n := t.At(what.rows); {
	case n.Kind != tree.List:
		return nil, event.Dead(event.CodeWrongType, 0, "rows is %s, it must be an array", n.Kind)
	case n.Len == 0:
		return nil, event.Dead(event.CodeNoContent, 0, "no rows in the record")
	case n.Len > MaxRows:
		return nil, event.Dead(event.CodeTooManyRows, 0, "%d rows, at most %d are read", n.Len, MaxRows)
	default:
		r.grow(n.Len)
	}
	i := 0
	for at := range t.Children(what.rows) {
		number := i
		if len(r.rows) == 1 {
			number = -1 // a single row keeps the id
		}
		if bad := r.row(&r.rows[i], what, at, number); bad != nil {
			if number >= 0 {
				bad.Detail = "row " + strconv.Itoa(i) + ": " + bad.Detail
			}
			return nil, bad
		}
		if a, b := &r.rows[0], &r.rows[i]; a.Type != b.Type || a.Model != b.Model || a.Version != b.Version || a.HasTime != b.HasTime || a.TimeMS != b.TimeMS {
			return nil, event.Dead(event.CodeWrongShape, 0, "row %d has another type, model, version or time than row 0; such rows need records of their own", i)
		}
		i++
	}
	return r.rows, nil
}

// grow makes room for n rows and keeps what slices they have.
func (r *reader) grow(n int) {
	if cap(r.rows) > 1000 && n < 100 { // one huge record must not hold memory for good
		r.rows = nil
	}
	for cap(r.rows) < n {
		r.rows = append(r.rows[:cap(r.rows)], event.Event{})
	}
	r.rows = r.rows[:n]
}

// row fills one event; number ≥ 0 is appended to an id that the rows share.
func (r *reader) row(ev *event.Event, what inferred, row tree.Ref, number int) *event.Reason {
	ev.Reset()
	if bad := r.common(ev, row, number); bad != nil {
		return bad
	}
	var bad *event.Reason
	if what.served {
		bad = r.served(ev, what, row)
	} else {
		if bad = r.answers(ev, row); bad == nil {
			bad = r.features(ev, row)
		}
	}
	if bad != nil {
		return bad
	}
	return ev.Finish(r.limits, 0)
}

// common reads what names an event.
func (r *reader) common(ev *event.Event, row tree.Ref, number int) *event.Reason {
	var bad *event.Reason
	if n, _, ok := r.rec.get(r.typ, row); ok {
		if ev.Type = event.ParseType(n.Text); ev.Type == 0 {
			return event.Dead(event.CodeUnknownType, 0, "type %s; it must be feature, prediction, label or tick; set mapping.type to one, such as =prediction", event.Quote(n.Text))
		}
	}
	if n, _, ok := r.rec.get(r.model, row); ok {
		if ev.Model, bad = name("model", n); bad != nil {
			return bad
		}
	}
	if n, _, ok := r.rec.get(r.version, row); ok {
		if ev.Version, bad = name("version", n); bad != nil {
			return bad
		}
	}
	if n, inRow, ok := r.rec.get(r.id, row); ok {
		if ev.ID, bad = name("id", n); bad != nil {
			return bad
		}
		if !inRow && number >= 0 {
			ev.ID += "#" + strconv.Itoa(number)
		}
	}
	if n, _, ok := r.rec.get(r.when, row); ok {
		if ev.TimeMS, bad = r.time(n); bad != nil {
			return bad
		}
		ev.HasTime = true
	}
	for _, s := range r.segments {
		if bad := r.segment(ev, s, row); bad != nil {
			return bad
		}
	}
	return nil
}

// answers reads score, prediction and label.
func (r *reader) answers(ev *event.Event, row tree.Ref) *event.Reason {
	var bad *event.Reason
	if n, ok := r.answerAt(r.scored, row); ok {
		if ev.Score, bad = r.score(n); bad != nil {
			return bad
		}
		ev.HasScore = true
	}
	if n, ok := r.answerAt(r.predicted, row); ok {
		if ev.Prediction, bad = answer("prediction", n); bad != nil {
			return bad
		}
		ev.HasPrediction = true
	}
	if n, ok := r.answerAt(r.labelled, row); ok {
		if ev.Label, bad = answer("label", n); bad != nil {
			return bad
		}
		ev.HasLabel = true
	}
	return nil
}

// answerAt finds an answer; an array of one is its item. It is looked up in the row alone
// where rows have answers of their own.
func (r *reader) answerAt(s source, row tree.Ref) (tree.Node, bool) {
	t := &r.rec.tree
	for _, f := range s {
		if f.kind == fromPath {
			if at := find(t, row, f.text); at != tree.None {
				if n := single(t, *t.At(at), at); n.Kind != tree.Null {
					return n, true
				}
			}
			continue
		}
		if n, _, ok := r.rec.get(source{f}, row); ok {
			return n, true
		}
	}
	return tree.Node{}, false
}

// segment reads a segment, named by the last part of its path, or an object of them.
func (r *reader) segment(ev *event.Event, s source, row tree.Ref) *event.Reason {
	t := &r.rec.tree
	for _, f := range s {
		if f.kind != fromPath {
			if n, _, ok := r.rec.get(source{f}, row); ok {
				return r.addSegment(ev, lastPart(f.text), n)
			}
			continue
		}
		at := find(t, row, f.text)
		if at == tree.None {
			at = find(t, r.rec.root, f.text)
		}
		switch {
		case at == tree.None || t.At(at).Kind == tree.Null:
			continue
		case t.At(at).Kind == tree.Object:
			for _, n := range t.Children(at) {
				if bad := r.addSegment(ev, n.Name, *n); bad != nil {
					return bad
				}
			}
			return nil
		}
		return r.addSegment(ev, lastPart(f.text), *t.At(at))
	}
	return nil
}

func (r *reader) addSegment(ev *event.Event, called string, n tree.Node) *event.Reason {
	if n.Kind == tree.Null {
		return nil
	}
	text := ""
	switch n.Kind {
	case tree.Bool:
		text, _ = sketches.Bool(n.Num != 0).Text()
	default:
		var bad *event.Reason
		if text, bad = name("segment "+event.Quote(called), n); bad != nil {
			return bad
		}
	}
	if called == "" {
		return event.Dead(event.CodeBadName, 0, "an empty segment name")
	}
	for _, x := range [...]string{called, text} {
		if bad := event.CheckName(r.limits, "segment", x, 0); bad != nil {
			return bad
		}
	}
	for i := range ev.Segments {
		if ev.Segments[i].Name == called {
			return event.Dead(event.CodeDuplicateKey, 0, "the segment %s stands twice", event.Quote(called))
		}
	}
	ev.Segments = append(ev.Segments, event.Segment{Name: called, Value: text})
	return nil
}

func lastPart(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '.' {
			return path[i+1:]
		}
	}
	return path
}
