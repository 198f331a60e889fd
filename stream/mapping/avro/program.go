package avro

import (
	"encoding/binary"
	"math"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/mapping/tree"
)

// Target says where the value at a path goes: Fields[Slot], or Features[Slot].Value.
type Target struct {
	Path    string
	Feature bool
	Slot    int
}

// Program reads values of one schema straight into fields and features, without a tree.
// It gives what Decode and a look-up would.
type Program struct{ steps []step }

// step reads or passes over one field of a record.
type step struct {
	typ    *typ
	target int8 // toNothing, toField, toFeature; toRecord goes on inside
	slot   int
	inner  []step
}

const (
	toNothing int8 = iota
	toField
	toFeature
	toRecord
)

// Leaves lists the paths of the values below a record at path, "" for the whole, nested
// ones with dots, in the order of the schema. ok is false where the schema alone does not
// tell them: maps and unions of records.
func (s *Schema) Leaves(path string) (leaves []string, ok bool) {
	if s.bad != nil {
		return nil, false
	}
	x := s.root
	for path != "" {
		if x = x.field(&path); x == nil {
			return nil, false
		}
	}
	if x.kind != record {
		return nil, false
	}
	return x.leaves(nil, "", 0)
}

// field follows the first name of a path.
func (x *typ) field(path *string) *typ {
	if x.kind != record {
		return nil
	}
	name, rest, _ := strings.Cut(*path, ".")
	for i := range x.fields {
		if x.fields[i].name == name {
			*path = rest
			return x.fields[i].typ
		}
	}
	return nil
}

func (x *typ) leaves(out []string, prefix string, depth int) ([]string, bool) {
	if depth > tree.MaxDepth {
		return nil, false
	}
	for i := range x.fields {
		f := &x.fields[i]
		switch {
		case strings.Contains(f.name, "."):
			return nil, false
		case f.typ.kind == record:
			var ok bool
			if out, ok = f.typ.leaves(out, prefix+f.name+".", depth+1); !ok {
				return nil, false
			}
		case !f.typ.plain():
			return nil, false
		default:
			out = append(out, prefix+f.name)
		}
	}
	return out, true
}

// plain says that values of a type are one value each: no record or map in any branch.
func (x *typ) plain() bool {
	switch x.kind {
	case record, mapOf:
		return false
	case union:
		for _, branch := range x.of {
			if !branch.plain() {
				return false
			}
		}
	}
	return true
}

// Program compiles the reading of targets. ok is false where one of them is not a plain
// value inside records.
func (s *Schema) Program(targets []Target) (p *Program, ok bool) {
	if s.bad != nil || s.root.kind != record {
		return nil, false
	}
	steps, left, ok := compile(s.root, "", targets, 0)
	if !ok || left != len(targets) {
		return nil, false
	}
	return &Program{steps: steps}, true
}

// compile makes the steps of a record; found counts the targets that lie in it.
func compile(x *typ, prefix string, targets []Target, depth int) (steps []step, found int, ok bool) {
	if depth > tree.MaxDepth {
		return nil, 0, false
	}
	for i := range x.fields {
		f := &x.fields[i]
		path := prefix + f.name
		st, inside := step{typ: f.typ}, false
		for _, t := range targets {
			switch {
			case t.Path == path && (st.target != toNothing || !f.typ.plain()):
				return nil, 0, false
			case t.Path == path && t.Feature:
				st.target, st.slot = toFeature, t.Slot
				found++
			case t.Path == path:
				st.target, st.slot = toField, t.Slot
				found++
			case strings.HasPrefix(t.Path, path+"."):
				inside = true
			}
		}
		if inside {
			if f.typ.kind != record || st.target != toNothing {
				return nil, 0, false
			}
			inner, n, ok := compile(f.typ, path+".", targets, depth+1)
			if !ok {
				return nil, 0, false
			}
			st.target, st.inner = toRecord, inner
			found += n
		}
		steps = append(steps, st)
	}
	return steps, found, true
}

// Run reads the value that begins at b[at:]. Slots without a value in the record are left
// as they are.
func (p *Program) Run(b []byte, at int, fields []tree.Node, features []event.Feature) *event.Reason {
	d := decoder{b: b, at: at}
	d.steps(p.steps, fields, features)
	if d.bad == nil && d.at < len(b) {
		d.fail(event.CodeNotAvro, "%d bytes are left after the value; it was written with another schema", len(b)-d.at)
	}
	return d.bad
}

func (d *decoder) steps(steps []step, fields []tree.Node, features []event.Feature) {
	for i := range steps {
		st := &steps[i]
		switch st.target {
		case toRecord:
			d.steps(st.inner, fields, features)
		case toFeature:
			if st.typ.kind == double && len(d.b)-d.at >= 8 { // what such records are full of
				features[st.slot].Value = sketches.Number(math.Float64frombits(binary.LittleEndian.Uint64(d.b[d.at:])))
				d.at += 8
				continue
			}
			var n tree.Node
			d.plain(st.typ, &n)
			features[st.slot].Value = value(&n)
		case toField:
			d.plain(st.typ, &fields[st.slot])
		default:
			d.skip(st.typ, 0)
		}
		if d.bad != nil {
			return
		}
	}
}

// value makes the value of a feature, as package mapping does of a node.
func value(n *tree.Node) sketches.Value {
	switch n.Kind {
	case tree.Null:
		return sketches.Null()
	case tree.Bool:
		return sketches.Bool(n.Num != 0)
	case tree.Number:
		return sketches.Number(n.Num)
	case tree.Text:
		return sketches.String(n.Text)
	}
	return sketches.Wrong()
}

// plain reads one value of a plain type.
func (d *decoder) plain(x *typ, n *tree.Node) {
	*n = tree.Node{}
	switch x.kind {
	case boolean:
		if b := d.take(1); b != nil {
			if b[0] > 1 {
				d.fail(event.CodeNotAvro, "a boolean of the byte 0x%02x", b[0])
			}
			n.Kind, n.Num = tree.Bool, float64(b[0])
		}
	case integer, long:
		v := d.number(x)
		n.Kind, n.Num, n.Int, n.Whole, n.Unit = tree.Number, float64(v), v, true, x.unit
	case float:
		if b := d.take(4); b != nil {
			n.Kind, n.Num = tree.Number, float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
		}
	case double:
		if b := d.take(8); b != nil {
			n.Kind, n.Num = tree.Number, math.Float64frombits(binary.LittleEndian.Uint64(b))
		}
	case text:
		if b := d.take(d.size()); b != nil {
			if !utf8.Valid(b) {
				d.fail(event.CodeBadUTF8, "a text is not UTF-8: %s", event.Quote(string(b)))
			}
			n.Kind, n.Text = tree.Text, unsafe.String(unsafe.SliceData(b), len(b))
		}
	case enum:
		if i := d.long(); i < 0 || i >= int64(len(x.symbols)) {
			d.fail(event.CodeNotAvro, "symbol %d of an enum of %d", i, len(x.symbols))
		} else {
			n.Kind, n.Text = tree.Text, x.symbols[i]
		}
	case union:
		if i := d.long(); i < 0 || i >= int64(len(x.of)) {
			d.fail(event.CodeNotAvro, "branch %d of a union of %d", i, len(x.of))
		} else if d.bad == nil {
			d.plain(x.of[i], n)
		}
	case bytes, fixed:
		size := x.size
		if x.kind == bytes {
			size = d.size()
		}
		if b := d.take(size); b != nil {
			n.Kind = tree.List // of no type that an event has
			if v, ok := decimalOf(x, b); ok {
				n.Kind, n.Num = tree.Number, v
			}
		}
	case array:
		n.Kind = tree.List
		d.skip(x, 0)
	}
}

// skip passes over a value, bounded as the tree is.
func (d *decoder) skip(x *typ, depth int) {
	if d.skipped++; d.skipped > tree.MaxNodes {
		d.fail(event.CodeTooLarge, "%v", tree.ErrTooMuch)
	}
	if depth > tree.MaxDepth {
		d.fail(event.CodeTooDeep, "%v", tree.ErrTooDeep)
	}
	if d.bad != nil {
		return
	}
	switch x.kind {
	case null:
	case record:
		for i := range x.fields {
			d.skip(x.fields[i].typ, depth+1)
		}
	case union:
		if i := d.long(); i < 0 || i >= int64(len(x.of)) {
			d.fail(event.CodeNotAvro, "branch %d of a union of %d", i, len(x.of))
		} else {
			d.skip(x.of[i], depth+1)
		}
	case array, mapOf:
		for d.bad == nil {
			n := d.long()
			if n < 0 {
				if n = -n; n < 0 {
					d.fail(event.CodeNotAvro, "a run of %d items", n)
				}
				d.long()
			}
			if n == 0 {
				return
			}
			for ; n > 0 && d.bad == nil; n-- {
				if x.kind == mapOf {
					if key := d.take(d.size()); !utf8.Valid(key) {
						d.fail(event.CodeBadUTF8, "a key of a map is not UTF-8")
					}
				}
				d.skip(x.item, depth+1)
			}
		}
	default:
		var n tree.Node
		d.plain(x, &n)
	}
}
