package v2

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/mapping/tree"
)

// Field numbers of ModelInferRequest and ModelInferResponse; what only one has says so.
const (
	fieldModelName    protowire.Number = 1
	fieldModelVersion protowire.Number = 2
	fieldID           protowire.Number = 3
	fieldParameters   protowire.Number = 4
	fieldTensors      protowire.Number = 5 // inputs, or outputs of a response
	fieldRawResponse  protowire.Number = 6
	fieldRawRequest   protowire.Number = 7
)

// walk calls field for each field of a message. Value is the content of a field of bytes,
// x that of a number.
func walk(b []byte, field func(num protowire.Number, typ protowire.Type, value []byte, x uint64) *event.Reason) *event.Reason {
	for at := 0; at < len(b); {
		num, typ, n := protowire.ConsumeTag(b[at:])
		if n < 0 {
			return event.Dead(event.CodeNotProtobuf, at, "not an inference message: %v", protowire.ParseError(n))
		}
		at += n
		size := protowire.ConsumeFieldValue(num, typ, b[at:])
		if size < 0 {
			return event.Dead(event.CodeNotProtobuf, at, "not an inference message: %v", protowire.ParseError(size))
		}
		var value []byte
		var x uint64
		switch typ {
		case protowire.BytesType:
			value, _ = protowire.ConsumeBytes(b[at:])
		case protowire.VarintType:
			x, _ = protowire.ConsumeVarint(b[at:])
		case protowire.Fixed32Type:
			v, _ := protowire.ConsumeFixed32(b[at:])
			x = uint64(v)
		case protowire.Fixed64Type:
			x, _ = protowire.ConsumeFixed64(b[at:])
		}
		at += size
		if bad := field(num, typ, value, x); bad != nil {
			return bad
		}
	}
	return nil
}

// Proto reads a ModelInferRequest or ModelInferResponse and adds the object of rows to
// t, whose Ref it returns.
func (d *Decoder) Proto(b []byte, request bool, t *tree.Tree) (tree.Ref, *event.Reason) {
	d.tensors = d.tensors[:0]
	rawField := fieldRawResponse
	if request {
		rawField = fieldRawRequest
	}
	var raw [][]byte
	made := t.Open(tree.Object, "")
	bad := walk(b, func(num protowire.Number, typ protowire.Type, value []byte, _ uint64) *event.Reason {
		if typ != protowire.BytesType {
			return nil
		}
		switch num {
		case fieldModelName, fieldModelVersion, fieldID:
			name := [...]string{"", "model_name", "model_version", "id"}[num]
			if !utf8.Valid(value) {
				return event.Dead(event.CodeBadUTF8, 0, "%s is not UTF-8", name)
			}
			if len(value) > 0 {
				t.AddText(name, string(value))
			}
		case fieldTensors:
			if len(d.tensors) == maxTensors {
				return event.Dead(event.CodeWrongShape, 0, "more than %d tensors", maxTensors)
			}
			return d.protoTensor(value)
		case rawField:
			raw = append(raw, value)
		}
		return nil
	})
	if bad != nil {
		return tree.None, bad
	}
	if bad := parameters(b, t); bad != nil {
		return tree.None, bad
	}
	if len(raw) > 0 && len(raw) != len(d.tensors) {
		return tree.None, event.Dead(event.CodeWrongShape, 0, "%d raw contents for %d tensors", len(raw), len(d.tensors))
	}
	for i := range d.tensors {
		x := &d.tensors[i]
		if len(raw) > 0 {
			if x.used {
				return tree.None, x.wrong(event.CodeWrongShape, "contents beside raw contents; one of them is read")
			}
			if bad := x.raw(raw[i]); bad != nil {
				return tree.None, bad
			}
		}
		if bad := x.check(); bad != nil {
			return tree.None, bad
		}
	}
	if bad := d.build(t); bad != nil {
		return tree.None, bad
	}
	t.Close()
	return finish(t, made)
}

// parameters adds the parameters of a message; they are a map from text to a choice.
func parameters(b []byte, t *tree.Tree) *event.Reason {
	t.Open(tree.Object, "parameters")
	defer t.Close()
	return walk(b, func(num protowire.Number, typ protowire.Type, entry []byte, _ uint64) *event.Reason {
		if num != fieldParameters || typ != protowire.BytesType {
			return nil
		}
		key, value := "", tree.Node{}
		bad := walk(entry, func(num protowire.Number, typ protowire.Type, v []byte, _ uint64) *event.Reason {
			switch {
			case typ != protowire.BytesType:
			case num == 1 && utf8.Valid(v):
				key = string(v)
			case num == 2:
				return walk(v, func(num protowire.Number, typ protowire.Type, text []byte, x uint64) *event.Reason {
					switch {
					case num == 1 && typ == protowire.VarintType:
						value = tree.Node{Kind: tree.Bool, Num: float64(min(x, 1))}
					case num == 2 && typ == protowire.VarintType:
						value = tree.Node{Kind: tree.Number, Num: float64(int64(x)), Int: int64(x), Whole: true}
					case num == 3 && typ == protowire.BytesType && utf8.Valid(text):
						value = tree.Node{Kind: tree.Text, Text: string(text)}
					}
					return nil
				})
			}
			return nil
		})
		if bad != nil {
			return bad
		}
		if value.Kind != tree.Null {
			value.Name = key
			t.Add(value)
		}
		return nil
	})
}

// protoTensor reads one InferInputTensor or InferOutputTensor; both have the same fields.
func (d *Decoder) protoTensor(b []byte) *event.Reason {
	x := d.next()
	var contents []byte
	bad := walk(b, func(num protowire.Number, typ protowire.Type, value []byte, v uint64) *event.Reason {
		switch {
		case num == 1 && typ == protowire.BytesType:
			x.name = string(value)
		case num == 2 && typ == protowire.BytesType:
			x.datatype = string(value)
		case num == 3 && typ == protowire.VarintType:
			x.shape = append(x.shape, int64(v))
		case num == 3 && typ == protowire.BytesType:
			for len(value) > 0 {
				dim, n := protowire.ConsumeVarint(value)
				if n < 0 {
					return event.Dead(event.CodeNotProtobuf, 0, "shape: %v", protowire.ParseError(n))
				}
				x.shape, value = append(x.shape, int64(dim)), value[n:]
			}
		case num == 5 && typ == protowire.BytesType:
			contents, x.used = value, true
		}
		if len(x.shape) > tree.MaxDepth {
			return x.wrong(event.CodeWrongShape, "more than %d axes", tree.MaxDepth)
		}
		return nil
	})
	if bad != nil {
		return bad
	}
	of, known := datatypes[x.datatype]
	switch {
	case x.name == "" || !utf8.ValidString(x.name):
		return event.Dead(event.CodeBadName, 0, "a tensor with the name %s", event.Quote(x.name))
	case !known:
		return x.wrong(event.CodeWrongType, "datatype %s is not one of the protocol", event.Quote(x.datatype))
	}
	if _, bad := x.size(); bad != nil {
		return bad
	}
	return x.contents(contents, of.kind)
}

// contentsOf says which field of InferTensorContents holds which datatype.
var contentsOf = map[string]protowire.Number{
	"BOOL": 1, "INT8": 2, "INT16": 2, "INT32": 2, "INT64": 3, "UINT8": 4, "UINT16": 4, "UINT32": 4, "UINT64": 5,
	"FP32": 6, "FP64": 7, "BYTES": 8,
}

// contents reads typed contents.
func (x *tensor) contents(b []byte, k kind) *event.Reason {
	want := contentsOf[x.datatype]
	return walk(b, func(num protowire.Number, typ protowire.Type, value []byte, v uint64) *event.Reason {
		if num < 1 || num > 8 {
			return nil
		}
		if num != want {
			if typ == protowire.BytesType && len(value) == 0 && num != 8 {
				return nil // an empty field says nothing
			}
			return x.wrong(event.CodeWrongType, "contents of another datatype than %s", x.datatype)
		}
		if typ != protowire.BytesType {
			return x.number(k, num, v)
		}
		if k == bytes {
			return x.text(value)
		}
		for len(value) > 0 {
			n := 0
			switch num {
			case 6:
				var f uint32
				f, n = protowire.ConsumeFixed32(value)
				v = uint64(f)
			case 7:
				v, n = protowire.ConsumeFixed64(value)
			default:
				v, n = protowire.ConsumeVarint(value)
			}
			if n < 0 {
				return event.Dead(event.CodeNotProtobuf, 0, "contents: %v", protowire.ParseError(n))
			}
			if bad := x.number(k, num, v); bad != nil {
				return bad
			}
			value = value[n:]
		}
		return nil
	})
}

// number adds a value of typed contents.
func (x *tensor) number(k kind, num protowire.Number, v uint64) *event.Reason {
	if len(x.values) == tree.MaxNodes {
		return x.wrong(event.CodeWrongShape, "more than %d values", tree.MaxNodes)
	}
	switch {
	case k == boolean:
		x.values = append(x.values, tree.Node{Kind: tree.Bool, Num: float64(min(v, 1))})
	case num == 6:
		x.values = append(x.values, floatNode(float64(math.Float32frombits(uint32(v)))))
	case num == 7:
		x.values = append(x.values, floatNode(math.Float64frombits(v)))
	case num == 2:
		x.values = append(x.values, intNode(int64(int32(v))))
	case num == 4 || num == 5:
		x.values = append(x.values, uintNode(v))
	default:
		x.values = append(x.values, intNode(int64(v)))
	}
	return nil
}

func (x *tensor) text(b []byte) *event.Reason {
	if len(x.values) == tree.MaxNodes {
		return x.wrong(event.CodeWrongShape, "more than %d values", tree.MaxNodes)
	}
	if !utf8.Valid(b) {
		return x.wrong(event.CodeBadUTF8, "%s is not UTF-8", event.Quote(string(b)))
	}
	x.values = append(x.values, tree.Node{Kind: tree.Text, Text: string(b)})
	return nil
}

// floatNode makes a number; NaN is a missing value, as null is in JSON.
func floatNode(v float64) tree.Node {
	if v != v {
		return tree.Node{}
	}
	return tree.Node{Kind: tree.Number, Num: v}
}

func intNode(v int64) tree.Node {
	return tree.Node{Kind: tree.Number, Num: float64(v), Int: v, Whole: true}
}

func uintNode(v uint64) tree.Node {
	if v > math.MaxInt64 {
		return tree.Node{Kind: tree.Number, Num: float64(v), Whole: true, Text: utoa(v)}
	}
	return intNode(int64(v))
}

// raw reads raw contents: little-endian values, texts with a length of 4 bytes before
// each.
func (x *tensor) raw(b []byte) *event.Reason {
	of := datatypes[x.datatype]
	n, bad := x.size()
	if bad != nil {
		return bad
	}
	if of.size == 0 {
		for len(b) > 0 {
			if len(b) < 4 || uint64(binary.LittleEndian.Uint32(b)) > uint64(len(b)-4) {
				return x.wrong(event.CodeWrongShape, "raw contents end inside a text")
			}
			size := binary.LittleEndian.Uint32(b)
			if bad := x.text(b[4 : 4+size]); bad != nil {
				return bad
			}
			b = b[4+size:]
		}
		return nil
	}
	if len(b) != n*of.size {
		return x.wrong(event.CodeWrongShape, "%d raw bytes, the shape %v of %s takes %d", len(b), x.shape, x.datatype, n*of.size)
	}
	for ; len(b) > 0; b = b[of.size:] {
		x.values = append(x.values, rawNode(x.datatype, b))
	}
	return nil
}

// rawNode reads one raw value.
func rawNode(datatype string, b []byte) tree.Node {
	switch datatype {
	case "BOOL":
		return tree.Node{Kind: tree.Bool, Num: float64(min(b[0], 1))}
	case "INT8":
		return intNode(int64(int8(b[0])))
	case "UINT8":
		return intNode(int64(b[0]))
	case "INT16":
		return intNode(int64(int16(binary.LittleEndian.Uint16(b))))
	case "UINT16":
		return intNode(int64(binary.LittleEndian.Uint16(b)))
	case "INT32":
		return intNode(int64(int32(binary.LittleEndian.Uint32(b))))
	case "UINT32":
		return intNode(int64(binary.LittleEndian.Uint32(b)))
	case "INT64":
		return intNode(int64(binary.LittleEndian.Uint64(b)))
	case "UINT64":
		return uintNode(binary.LittleEndian.Uint64(b))
	case "FP16":
		return floatNode(half(binary.LittleEndian.Uint16(b)))
	case "BF16":
		return floatNode(float64(math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16)))
	case "FP32":
		return floatNode(float64(math.Float32frombits(binary.LittleEndian.Uint32(b))))
	}
	return floatNode(math.Float64frombits(binary.LittleEndian.Uint64(b)))
}
