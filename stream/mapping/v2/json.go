package v2

import (
	"encoding/base64"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/mapping/tree"
)

// JSON reads a payload that stands in t at root and adds the object of rows to t, whose
// Ref it returns. request says whether inputs or outputs are read.
func (d *Decoder) JSON(t *tree.Tree, root tree.Ref, request bool) (tree.Ref, *event.Reason) {
	d.tensors = d.tensors[:0]
	key := "outputs"
	if request {
		key = "inputs"
	}
	list := t.Member(root, key)
	if list == tree.None || t.At(list).Kind != tree.List {
		return tree.None, event.Dead(event.CodeWrongType, 0, "%q must be an array of tensors", key)
	}
	if n := t.At(list).Len; n > maxTensors {
		return tree.None, event.Dead(event.CodeWrongShape, 0, "%d tensors, at most %d are read", n, maxTensors)
	}
	for at := range t.Children(list) {
		if bad := d.jsonTensor(t, at); bad != nil {
			return tree.None, bad
		}
	}
	made := t.Open(tree.Object, "")
	for _, name := range [...]string{"id", "model_name", "model_version"} {
		if at := t.Member(root, name); at != tree.None {
			t.Add(*t.At(at))
		}
	}
	if at := t.Member(root, "parameters"); at != tree.None && t.At(at).Kind == tree.Object {
		t.Open(tree.Object, "parameters")
		for c := range t.Children(at) {
			if n := *t.At(c); n.Kind != tree.Object && n.Kind != tree.List {
				t.Add(n)
			}
		}
		t.Close()
	}
	if bad := d.build(t); bad != nil {
		return tree.None, bad
	}
	t.Close()
	return finish(t, made)
}

// jsonTensor reads one tensor.
func (d *Decoder) jsonTensor(t *tree.Tree, at tree.Ref) *event.Reason {
	x := d.next()
	text := func(name string) string {
		if m := t.Member(at, name); m != tree.None && t.At(m).Kind == tree.Text {
			return t.At(m).Text
		}
		return ""
	}
	x.name, x.datatype = text("name"), text("datatype")
	of, known := datatypes[x.datatype]
	switch {
	case x.name == "":
		return event.Dead(event.CodeBadName, 0, "a tensor without name")
	case !known:
		return x.wrong(event.CodeWrongType, "datatype %s is not one of the protocol", event.Quote(x.datatype))
	}
	shape := t.Member(at, "shape")
	if shape == tree.None || t.At(shape).Kind != tree.List {
		return x.wrong(event.CodeWrongShape, "no shape")
	}
	for _, n := range t.Children(shape) {
		dim, err := strconv.ParseInt(n.Digits(), 10, 64)
		if err != nil {
			return x.wrong(event.CodeWrongShape, "the shape holds %s, sizes are whole numbers", n.Kind)
		}
		x.shape = append(x.shape, dim)
	}
	if _, bad := x.size(); bad != nil {
		return bad
	}
	data := t.Member(at, "data")
	if data == tree.None || t.At(data).Kind != tree.List {
		if p := t.Member(at, "parameters"); t.Member(p, "binary_data_size") != tree.None {
			return x.wrong(event.CodeNoContent, "its data is outside the JSON (binary_data_size), which is not read; log payloads as JSON")
		}
		return x.wrong(event.CodeNoContent, "no data")
	}
	d.refs = d.refs[:0]
	if bad := d.flatten(t, x, data, x.shape); bad != nil {
		return bad
	}
	coded := false
	if p := t.Member(at, "parameters"); p != tree.None {
		if c := t.Member(p, "content_type"); c != tree.None {
			coded = strings.EqualFold(t.At(c).Text, "base64")
		}
	}
	for _, r := range d.refs {
		v, bad := x.value(*t.At(r), of.kind, coded)
		if bad != nil {
			return bad
		}
		x.values = append(x.values, v)
	}
	return x.check()
}

// flatten lists the values of data, which is flat or nested as the shape says. Depth is
// bounded by the tree's.
func (d *Decoder) flatten(t *tree.Tree, x *tensor, list tree.Ref, shape []int64) *event.Reason {
	nested := false
	for _, n := range t.Children(list) {
		nested = n.Kind == tree.List
		break
	}
	if !nested {
		for at, n := range t.Children(list) {
			if n.Kind == tree.List {
				return x.wrong(event.CodeWrongShape, "data mixes values and arrays")
			}
			d.refs = append(d.refs, at)
		}
		if len(shape) < len(x.shape) && len(shape) > 0 {
			want := int64(1)
			for _, dim := range shape {
				want *= dim
			}
			if int64(t.At(list).Len) != want {
				return x.wrong(event.CodeWrongShape, "an inner array holds %d values, the shape %v promises %d", t.At(list).Len, x.shape, want)
			}
		}
		return nil
	}
	switch {
	case len(shape) < 2:
		return x.wrong(event.CodeWrongShape, "data is nested deeper than the shape %v", x.shape)
	case int64(t.At(list).Len) != shape[0]:
		return x.wrong(event.CodeWrongShape, "an array of %d where the shape %v promises %d", t.At(list).Len, x.shape, shape[0])
	}
	for at, n := range t.Children(list) {
		if n.Kind != tree.List {
			return x.wrong(event.CodeWrongShape, "data mixes values and arrays")
		}
		if bad := d.flatten(t, x, at, shape[1:]); bad != nil {
			return bad
		}
	}
	return nil
}

// value holds a JSON value against the declared type. null is a missing value, as
// servers write NaN.
func (x *tensor) value(n tree.Node, k kind, coded bool) (tree.Node, *event.Reason) {
	n.Name = ""
	switch {
	case n.Kind == tree.Null:
		return n, nil
	case k == float && n.Kind == tree.Number:
		return n, nil
	case k == whole && n.Kind == tree.Number:
		if i, err := strconv.ParseInt(n.Text, 10, 64); err == nil {
			return tree.Node{Kind: tree.Number, Num: n.Num, Int: i, Whole: true}, nil
		}
		if _, err := strconv.ParseUint(n.Text, 10, 64); err == nil {
			n.Whole = true // its digits stay as text
			return n, nil
		}
		return n, x.wrong(event.CodeWrongType, "%s in a tensor of %s", event.Quote(n.Text), x.datatype)
	case k == boolean && n.Kind == tree.Bool:
		return n, nil
	case k == boolean && n.Kind == tree.Number && (n.Num == 0 || n.Num == 1):
		return tree.Node{Kind: tree.Bool, Num: n.Num}, nil
	case k == bytes && n.Kind == tree.Text:
		if !coded {
			return n, nil
		}
		out, err := base64.StdEncoding.DecodeString(n.Text)
		if err != nil || !utf8.Valid(out) {
			return n, x.wrong(event.CodeWrongType, "%s is not base64 of UTF-8 text", event.Quote(n.Text))
		}
		return tree.Node{Kind: tree.Text, Text: string(out)}, nil
	}
	return n, x.wrong(event.CodeWrongType, "%s in a tensor of %s", n.Kind, x.datatype)
}
