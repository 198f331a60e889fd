package mapping

import (
	"strings"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/mapping/avro"
	"github.com/driftline/driftline/stream/mapping/tree"
)

// fast reads records of one Avro schema straight into an event: fields that the mapping
// names and features, each known by its place in the schema. It gives what the tree would;
// where the schema or the mapping has more to it (arrays of rows, maps, alternatives), the
// tree is taken.
type fast struct {
	program *avro.Program
	fields  []tree.Node
	slots   [nSlots]int // of the fields, −1 for none
	values  []event.Feature
	shape   *event.Shape
	rows    [1]event.Event // its own: the tree's rows are emptied with their features
}

// The fields of an event that a program may fill.
const (
	slotType = iota
	slotModel
	slotVersion
	slotID
	slotTime
	slotScore
	slotPrediction
	slotLabel
	nSlots
)

// compileFast returns nil where the tree is needed.
func (r *reader) compileFast(s *avro.Schema) *fast {
	if r.m.Rows != "" || r.m.NumericStrings || r.m.FeaturesPrefix != "" {
		return nil
	}
	for _, src := range r.segments {
		for _, f := range src {
			if f.kind != fromPath || s.Has(f.text) {
				return nil
			}
		}
	}
	out := &fast{}
	var targets []avro.Target
	for i, src := range [nSlots]source{r.typ, r.model, r.version, r.id, r.when, r.scored, r.predicted, r.labelled} {
		out.slots[i] = -1
		switch {
		case len(src) == 0 || len(src) == 1 && src[0].kind == fromPath && !s.Has(src[0].text):
		case len(src) == 1 && src[0].kind == fromPath:
			out.slots[i] = len(targets)
			targets = append(targets, avro.Target{Path: src[0].text, Slot: len(targets)})
		case len(src) == 1 && src[0].kind == fromConstant: // below
		default:
			return nil
		}
	}
	out.fields = make([]tree.Node, len(targets), len(targets)+nSlots)
	for i, src := range [nSlots]source{r.typ, r.model, r.version, r.id, r.when, r.scored, r.predicted, r.labelled} {
		if len(src) == 1 && src[0].kind == fromConstant {
			out.slots[i] = len(out.fields)
			out.fields = append(out.fields, tree.Node{Kind: tree.Text, Text: src[0].text})
		}
	}
	features, ok := r.fastFeatures(s)
	if !ok {
		return nil
	}
	for i, f := range features {
		targets = append(targets, avro.Target{Path: f.path, Feature: true, Slot: i})
		out.values = append(out.values, event.Feature{Name: f.name})
	}
	if len(features) > 0 {
		out.shape = r.shape
		if out.shape == nil {
			out.shape = &event.Shape{}
			for _, f := range features {
				out.shape.Names = append(out.shape.Names, f.name)
			}
		}
	}
	if out.program, ok = s.Program(targets); !ok {
		return nil
	}
	return out
}

type pathName struct{ path, name string }

// fastFeatures lists the features that a schema has, as features would find them.
func (r *reader) fastFeatures(s *avro.Schema) (out []pathName, ok bool) {
	at, rest := r.m.Features, false
	if at == "" {
		if at = "features"; !s.Has(at) || r.used[at] {
			at, rest = "", true
		}
	}
	if at != "" && !s.Has(at) {
		return nil, true
	}
	prefix := ""
	if at != "" {
		prefix = at + "."
	}
	if r.shape != nil {
		if !s.Has(prefix + r.shape.Names[0]) {
			return nil, true // none of them, as fits has found
		}
		for _, name := range r.shape.Names {
			out = append(out, pathName{prefix + name, name})
		}
		return out, true
	}
	leaves, ok := s.Leaves(at)
	if !ok {
		return nil, false
	}
	for _, name := range leaves {
		if rest && covered(r.used, name) || covered(r.dropped, name) {
			continue
		}
		if event.CheckName(r.limits, "feature name", name, 0) != nil {
			return nil, false
		}
		out = append(out, pathName{prefix + name, name})
	}
	return out, len(out) <= r.limits.Features
}

// covered says whether a path or an object around it is in a set.
func covered(set map[string]bool, path string) bool {
	for !set[path] {
		i := strings.LastIndexByte(path, '.')
		if i < 0 {
			return false
		}
		path = path[:i]
	}
	return true
}

// read fills the one event of a record.
func (f *fast) read(r *reader, b []byte, at int) ([]event.Event, *event.Reason) {
	if bad := f.program.Run(b, at, f.fields, f.values); bad != nil {
		return nil, bad
	}
	ev := &f.rows[0]
	*ev = event.Event{}
	field := func(slot int) (n *tree.Node, ok bool) {
		if f.slots[slot] < 0 {
			return nil, false
		}
		n = &f.fields[f.slots[slot]]
		return n, n.Kind != tree.Null
	}
	var bad *event.Reason
	if n, ok := field(slotType); ok {
		if ev.Type = event.ParseType(n.Text); ev.Type == 0 {
			return nil, unknownType(n)
		}
	}
	for _, x := range [...]struct {
		slot int
		what string
		into *string
	}{{slotModel, "model", &ev.Model}, {slotVersion, "version", &ev.Version}, {slotID, "id", &ev.ID}} {
		if n, ok := field(x.slot); ok {
			if *x.into, bad = name(x.what, *n); bad != nil {
				return nil, bad
			}
		}
	}
	if n, ok := field(slotTime); ok {
		if ev.TimeMS, bad = r.time(*n); bad != nil {
			return nil, bad
		}
		ev.HasTime = true
	}
	if n, ok := field(slotScore); ok {
		if ev.Score, bad = r.score(*n); bad != nil {
			return nil, bad
		}
		ev.HasScore = true
	}
	if n, ok := field(slotPrediction); ok {
		if ev.Prediction, bad = answer("prediction", *n); bad != nil {
			return nil, bad
		}
		ev.HasPrediction = true
	}
	if n, ok := field(slotLabel); ok {
		if ev.Label, bad = answer("label", *n); bad != nil {
			return nil, bad
		}
		ev.HasLabel = true
	}
	if len(f.values) > 0 {
		ev.Features, ev.Shape = f.values, f.shape
	}
	if bad = ev.Finish(r.limits, 0); bad != nil {
		return nil, bad
	}
	return f.rows[:], nil
}
