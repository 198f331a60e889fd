package mapping

import (
	"strconv"
	"strings"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/mapping/tree"
)

// position is a feature that is known by its place; name is what it is called where the
// mapping has no names.
type position struct {
	at   tree.Ref
	name string
}

// features reads the features of a row: the object or array that the mapping names, the
// members with a prefix, a member called features, or else all members that are nothing
// else.
func (r *reader) features(ev *event.Event, row tree.Ref) *event.Reason {
	t, at := &r.rec.tree, row
	switch {
	case r.m.Features != "":
		if at = find(t, row, r.m.Features); at == tree.None && row != r.rec.root {
			at = find(t, r.rec.root, r.m.Features)
		}
		if at == tree.None || t.At(at).Kind == tree.Null {
			return nil
		}
	case r.m.FeaturesPrefix == "":
		if inner := t.Member(row, "features"); inner != tree.None && !r.used["features"] {
			switch t.At(inner).Kind {
			case tree.Object, tree.List:
				at = inner
			case tree.Null:
				return nil
			}
		}
	}
	switch n := t.At(at); n.Kind {
	case tree.Object:
		return r.object(ev, at, at == row)
	case tree.List:
		r.flat = r.flat[:0]
		r.gather(at, "f")
		return r.positions(ev)
	default:
		return event.Dead(event.CodeWrongType, 0, "features is %s, it must be an object or an array", n.Kind)
	}
}

// object reads features by name. With names configured, these and no others, in their
// order; what is missing is null. rest says that members which are other fields of the
// event are no features.
func (r *reader) object(ev *event.Event, at tree.Ref, rest bool) *event.Reason {
	t := &r.rec.tree
	if r.shape == nil {
		clear(r.seen)
		return r.members(ev, at, "", rest)
	}
	found := 0
	for _, name := range r.shape.Names {
		f := event.Feature{Name: name}
		if c := t.Find(at, r.m.FeaturesPrefix+name); c != tree.None {
			f.Value = r.value(t.At(c))
			found++
		}
		ev.Features = append(ev.Features, f)
	}
	if found == 0 {
		ev.Features = ev.Features[:0] // a record without features, such as a label
		return nil
	}
	ev.Shape = r.shape
	return nil
}

// members reads the members of an object, nested ones with dots. Depth is bounded by the
// tree's.
func (r *reader) members(ev *event.Event, at tree.Ref, prefix string, rest bool) *event.Reason {
	t := &r.rec.tree
	for c, n := range t.Children(at) {
		name := n.Name
		if prefix != "" {
			name = prefix + "." + n.Name
		}
		if rest && r.used[name] || r.dropped[name] {
			continue
		}
		if n.Kind == tree.Object {
			if bad := r.members(ev, c, name, rest); bad != nil {
				return bad
			}
			continue
		}
		name, has := strings.CutPrefix(name, r.m.FeaturesPrefix)
		if !has {
			continue
		}
		if bad := r.add(ev, name, n); bad != nil {
			return bad
		}
	}
	return nil
}

// add appends a feature whose name has not been met.
func (r *reader) add(ev *event.Event, name string, n *tree.Node) *event.Reason {
	if name == "" {
		return event.Dead(event.CodeBadName, 0, "an empty feature name")
	}
	if bad := event.CheckName(r.limits, "feature name", name, 0); bad != nil {
		return bad
	}
	if len(ev.Features) == r.limits.Features {
		return event.Dead(event.CodeTooManyFeatures, 0, "more than %d features", r.limits.Features)
	}
	if _, twice := r.seen[name]; twice {
		return event.Dead(event.CodeDuplicateKey, 0, "the feature %s stands twice", event.Quote(name))
	}
	r.seen[name] = struct{}{}
	ev.Features = append(ev.Features, event.Feature{Name: name, Value: r.value(n)})
	return nil
}

// gather lists the values below at in row-major order, named by their places.
func (r *reader) gather(at tree.Ref, name string) {
	t := &r.rec.tree
	n := t.At(at)
	if n.Kind != tree.List {
		r.flat = append(r.flat, position{at, name})
		return
	}
	i := 0
	for c := range t.Children(at) {
		inner := name + "." + strconv.Itoa(i)
		if name == "f" {
			inner = "f" + strconv.Itoa(i)
		}
		r.gather(c, inner)
		i++
	}
}

// positions makes features of the values that gather listed.
func (r *reader) positions(ev *event.Event) *event.Reason {
	t := &r.rec.tree
	if r.shape == nil {
		clear(r.seen)
		for _, p := range r.flat {
			if bad := r.add(ev, p.name, t.At(p.at)); bad != nil {
				return bad
			}
		}
		return nil
	}
	if len(r.flat) != len(r.shape.Names) {
		return event.Dead(event.CodeWrongShape, 0, "%d features in the row, the configuration names %d (feature_names)", len(r.flat), len(r.shape.Names))
	}
	for i, p := range r.flat {
		ev.Features = append(ev.Features, event.Feature{Name: r.shape.Names[i], Value: r.value(t.At(p.at))})
	}
	ev.Shape = r.shape
	return nil
}
