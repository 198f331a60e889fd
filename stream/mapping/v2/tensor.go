package v2

import (
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/mapping/tree"
)

// Rows is the member of the tree that holds the rows.
const Rows = "rows"

// tensor is one column: its values in row-major order.
type tensor struct {
	name, datatype string
	shape          []int64
	values         []tree.Node
	used           bool
}

// kind is what values of a datatype are.
type kind uint8

const (
	unknown kind = iota
	boolean
	whole
	float
	bytes
)

// datatypes are those of the protocol, with the bytes of one raw value (0: a length
// stands before it).
var datatypes = map[string]struct {
	kind kind
	size int
}{
	"BOOL": {boolean, 1},
	"INT8": {whole, 1}, "INT16": {whole, 2}, "INT32": {whole, 4}, "INT64": {whole, 8},
	"UINT8": {whole, 1}, "UINT16": {whole, 2}, "UINT32": {whole, 4}, "UINT64": {whole, 8},
	"FP16": {float, 2}, "BF16": {float, 2}, "FP32": {float, 4}, "FP64": {float, 8},
	"BYTES": {bytes, 0},
}

// Decoder keeps room between payloads; it belongs to one goroutine.
type Decoder struct {
	tensors []tensor
	refs    []tree.Ref
}

// next makes room for a tensor.
func (d *Decoder) next() *tensor {
	if len(d.tensors) < cap(d.tensors) {
		d.tensors = d.tensors[:len(d.tensors)+1]
	} else {
		d.tensors = append(d.tensors, tensor{})
	}
	x := &d.tensors[len(d.tensors)-1]
	*x = tensor{shape: x.shape[:0], values: x.values[:0]}
	return x
}

// maxTensors bounds the columns of a payload.
const maxTensors = 4096

// wrong makes a reason about a tensor.
func (x *tensor) wrong(code event.Code, format string, args ...any) *event.Reason {
	bad := event.Dead(code, 0, format, args...)
	bad.Detail = "tensor " + event.Quote(x.name) + ": " + bad.Detail
	return bad
}

// size returns how many values the shape promises.
func (x *tensor) size() (int, *event.Reason) {
	n := int64(1)
	for _, d := range x.shape {
		switch {
		case d < 0:
			return 0, x.wrong(event.CodeWrongShape, "shape %v holds the size %d", x.shape, d)
		case d > tree.MaxNodes || n*d > tree.MaxNodes:
			return 0, x.wrong(event.CodeWrongShape, "shape %v promises more than %d values", x.shape, tree.MaxNodes)
		}
		n *= d
	}
	return int(n), nil
}

// check holds the values against the shape.
func (x *tensor) check() *event.Reason {
	n, bad := x.size()
	if bad == nil && n != len(x.values) {
		bad = x.wrong(event.CodeWrongShape, "%d values, the shape %v promises %d", len(x.values), x.shape, n)
	}
	return bad
}

// rows is the length of the first axis; a scalar is one row.
func (x *tensor) rows() int64 {
	if len(x.shape) == 0 {
		return 1
	}
	return x.shape[0]
}

// build adds the rows to the object that is open.
func (d *Decoder) build(t *tree.Tree) *event.Reason {
	if len(d.tensors) == 0 {
		return event.Dead(event.CodeNoContent, 0, "no tensors in the payload")
	}
	n := d.tensors[0].rows()
	for i := range d.tensors {
		x := &d.tensors[i]
		if x.rows() != n {
			return x.wrong(event.CodeWrongShape, "%d rows, tensor %s has %d", x.rows(), event.Quote(d.tensors[0].name), n)
		}
		for k := range i {
			if d.tensors[k].name == x.name {
				return x.wrong(event.CodeDuplicateKey, "stands twice")
			}
		}
	}
	t.Open(tree.List, Rows)
	for row := range n {
		t.Open(tree.Object, "")
		for i := range d.tensors {
			d.tensors[i].row(t, int(row), int(n))
		}
		t.Close()
	}
	t.Close()
	return nil
}

// row adds the values of one row.
func (x *tensor) row(t *tree.Tree, row, rows int) {
	per := len(x.values) / rows
	if per == 1 {
		v := x.values[row]
		v.Name = x.name
		t.Add(v)
		return
	}
	t.Open(tree.List, x.name)
	for _, v := range x.values[row*per : (row+1)*per] {
		t.Add(v)
	}
	t.Close()
}

// finish turns a bound that the tree met into a reason.
func finish(t *tree.Tree, root tree.Ref) (tree.Ref, *event.Reason) {
	if err := t.Fault(); err != nil {
		return tree.None, event.Dead(event.CodeTooLarge, 0, "%v", err)
	}
	return root, nil
}
