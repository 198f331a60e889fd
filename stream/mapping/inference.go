package mapping

import (
	"strings"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/mapping/tree"
	v2 "github.com/driftline/driftline/stream/mapping/v2"
)

// inferred is what kind of payload a record holds and where its rows are.
type inferred struct {
	served  bool // an inference payload: rows are inputs or answers, not objects with all fields
	request bool
	v2      bool     // numbers have declared types, so integers are classes
	rows    tree.Ref // None: the payload is the one row
}

// inference finds the rows of a request or response of an inference server, of V1
// (instances, predictions) or V2 (inputs, outputs).
func (r *reader) inference() (inferred, *event.Reason) {
	t, root := &r.rec.tree, r.rec.root
	what := inferred{served: true}
	if t.At(root).Kind != tree.Object {
		return what, event.Dead(event.CodeNotObject, 0, "an inference payload is one JSON object")
	}
	for _, name := range [...]string{"instances", "predictions"} {
		if what.rows = t.Member(root, name); what.rows != tree.None {
			what.request = name == "instances"
			if t.At(what.rows).Kind != tree.List {
				return what, event.Dead(event.CodeWrongType, 0, "%q is %s, it must be an array", name, t.At(what.rows).Kind)
			}
			return what, r.agrees(what.request)
		}
	}
	inputs, outputs := t.Member(root, "inputs"), t.Member(root, "outputs")
	switch {
	case inputs == tree.None && outputs == tree.None:
		if at := t.Member(root, "error"); at != tree.None {
			return what, event.Dead(event.CodeServedError, 0, "the server answered with the error %s", event.Quote(t.At(at).Text))
		}
		return what, event.Dead(event.CodeNoContent, 0, "no instances, predictions, inputs or outputs; this is no inference payload of V1 or V2")
	}
	request := inputs != tree.None // a request may name the outputs it wants
	if bad := r.agrees(request); bad != nil {
		return what, bad
	}
	made, bad := r.v2.JSON(t, root, request)
	if bad != nil {
		return what, bad
	}
	r.rec.root = made
	return inferred{served: true, v2: true, request: request, rows: t.Member(made, v2.Rows)}, nil
}

// agrees holds the body against what the envelope or the topic says that it is.
func (r *reader) agrees(request bool) *event.Reason {
	said := ""
	if r.m.Format == KServe {
		said, _ = r.rec.attribute("type")
	}
	switch {
	case request && (strings.HasSuffix(said, ".response") || constant(r.m.Type) == event.TypePrediction.String()):
		return event.Dead(event.CodeWrongType, 0, "the payload is a request where a response must be")
	case !request && (strings.HasSuffix(said, ".request") || constant(r.m.Type) == event.TypeFeature.String()):
		return event.Dead(event.CodeWrongType, 0, "the payload is a response where a request must be")
	}
	return nil
}

// served fills an event with a row of a request or a response.
func (r *reader) served(ev *event.Event, what inferred, row tree.Ref) *event.Reason {
	if what.request {
		ev.Type = event.TypeFeature
		return r.inputs(ev, row)
	}
	ev.Type = event.TypePrediction
	if r.scored != nil || r.predicted != nil {
		return r.answers(ev, row)
	}
	return r.guess(ev, what, row)
}

// inputs reads the features of a request: items by position, members by name.
func (r *reader) inputs(ev *event.Event, row tree.Ref) *event.Reason {
	t := &r.rec.tree
	if r.m.Features != "" || r.m.FeaturesPrefix != "" {
		return r.features(ev, row)
	}
	switch t.At(row).Kind {
	case tree.Object:
		lists := false
		for _, n := range t.Children(row) {
			lists = lists || n.Kind == tree.List
		}
		one := r.shape != nil && len(r.shape.Names) == 1 && t.At(row).Len == 1 // a column of any name
		if !lists && !one {
			return r.object(ev, row, false)
		}
		r.flat = r.flat[:0]
		for at, n := range t.Children(row) {
			r.gather(at, n.Name)
		}
		return r.positions(ev)
	case tree.List:
		r.flat = r.flat[:0]
		r.gather(row, "f")
		return r.positions(ev)
	}
	r.flat = append(r.flat[:0], position{at: row, name: "f0"})
	return r.positions(ev)
}

// guess reads an answer that no source describes: text and booleans are classes, numbers
// scores, but whole numbers of a format that declares types are classes too.
func (r *reader) guess(ev *event.Event, what inferred, row tree.Ref) *event.Reason {
	t := &r.rec.tree
	candidates := r.flat[:0]
	if t.At(row).Kind == tree.Object {
		for at := range t.Children(row) {
			candidates = append(candidates, position{at: at})
		}
	} else {
		candidates = append(candidates, position{at: row})
	}
	r.flat = candidates
	scores, classes, other := 0, 0, ""
	for _, c := range candidates {
		n := single(t, *t.At(c.at), c.at)
		switch {
		case n.Kind == tree.Number && !(what.v2 && n.Whole):
			scores++
			x, bad := r.score(n)
			if bad != nil {
				return bad
			}
			ev.Score, ev.HasScore = x, true
		case n.Kind == tree.Number || n.Kind == tree.Text || n.Kind == tree.Bool:
			classes++
			v, bad := answer("prediction", n)
			if bad != nil {
				return bad
			}
			ev.Prediction, ev.HasPrediction = v, true
		case n.Kind != tree.Null:
			other = n.Kind.String()
		}
	}
	switch {
	case scores > 1 || classes > 1:
		return event.Dead(event.CodeNoContent, 0, "%d numbers and %d classes in the answer; say which is what with mapping.score and mapping.prediction", scores, classes)
	case scores+classes == 0 && other != "":
		return event.Dead(event.CodeNoContent, 0, "the answer is %s; say where its score and class stand with mapping.score and mapping.prediction, such as score: \"1\"", other)
	}
	return nil
}
