package avro

import (
	"encoding/binary"
	"errors"
	"math"
	"math/big"
	"unicode/utf8"
	"unsafe"

	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/mapping/tree"
)

// Unframe returns the schema id of a framed value and where the value begins.
func Unframe(b []byte) (id uint32, at int, bad *event.Reason) {
	const size = 5
	switch {
	case len(b) == 0:
		return 0, 0, event.Dead(event.CodeEmpty, 0, "nothing in the record")
	case b[0] != 0:
		return 0, 0, event.Dead(event.CodeBadFrame, 0, "the record begins with 0x%02x, framing of a schema registry with a zero byte; for Avro without framing set mapping.schema_file", b[0])
	case len(b) < size:
		return 0, 0, event.Dead(event.CodeBadFrame, 0, "%d bytes; framing alone has 5, a zero byte and the schema's id", len(b))
	}
	return binary.BigEndian.Uint32(b[1:]), size, nil
}

// Decode reads the value that begins at b[at:] into the tree. Text shares the memory of b.
func (s *Schema) Decode(b []byte, at int, t *tree.Tree) *event.Reason {
	if s.bad != nil {
		return event.Dead(event.CodeWrongSchema, 0, "%v", s.bad)
	}
	d := decoder{b: b, at: at, tree: t}
	d.value(s.root, "")
	if d.bad == nil && t.Fault() != nil {
		d.fail(event.CodeTooLarge, "%v", t.Fault())
		if errors.Is(t.Fault(), tree.ErrTooDeep) {
			d.bad.Code = event.CodeTooDeep
		}
	}
	if d.bad == nil && d.at < len(b) {
		d.fail(event.CodeNotAvro, "%d bytes are left after the value; it was written with another schema", len(b)-d.at)
	}
	return d.bad
}

// decoder is one value under way.
type decoder struct {
	b    []byte
	at   int
	tree *tree.Tree // nil in a Program
	bad  *event.Reason

	skipped int // values that a Program passed over
}

func (d *decoder) fail(code event.Code, format string, args ...any) {
	if d.bad == nil {
		d.bad = event.Dead(code, d.at, format, args...)
	}
}

// stop says that there is nothing more to read.
func (d *decoder) stop() bool { return d.bad != nil || d.tree.Fault() != nil }

// value reads one value. It recurses as deep as the tree allows: what holds values opens
// a node.
func (d *decoder) value(x *typ, name string) {
	switch x.kind {
	case null:
		d.tree.Add(tree.Node{Kind: tree.Null, Name: name})
	case boolean:
		if b := d.take(1); b != nil {
			if b[0] > 1 {
				d.fail(event.CodeNotAvro, "a boolean of the byte 0x%02x", b[0])
			}
			d.tree.AddBool(name, b[0] == 1)
		}
	case integer, long:
		v := d.number(x)
		d.tree.Add(tree.Node{Kind: tree.Number, Name: name, Num: float64(v), Int: v, Whole: true, Unit: x.unit})
	case float:
		if b := d.take(4); b != nil {
			d.tree.AddFloat(name, float64(math.Float32frombits(binary.LittleEndian.Uint32(b))))
		}
	case double:
		if b := d.take(8); b != nil {
			d.tree.AddFloat(name, math.Float64frombits(binary.LittleEndian.Uint64(b)))
		}
	case text:
		if b := d.take(d.size()); b != nil {
			if !utf8.Valid(b) {
				d.fail(event.CodeBadUTF8, "%s is not UTF-8", event.Quote(name))
			}
			d.tree.AddText(name, unsafe.String(unsafe.SliceData(b), len(b)))
		}
	case bytes:
		d.bytes(x, name, d.take(d.size()))
	case fixed:
		d.bytes(x, name, d.take(x.size))
	case enum:
		i := d.long()
		if i < 0 || i >= int64(len(x.symbols)) {
			d.fail(event.CodeNotAvro, "symbol %d of an enum of %d", i, len(x.symbols))
			return
		}
		d.tree.AddText(name, x.symbols[i])
	case union:
		i := d.long()
		if i < 0 || i >= int64(len(x.of)) {
			d.fail(event.CodeNotAvro, "branch %d of a union of %d", i, len(x.of))
			return
		}
		if !d.stop() {
			d.value(x.of[i], name)
		}
	case record:
		d.tree.Open(tree.Object, name)
		for i := range x.fields {
			if d.stop() {
				return
			}
			d.value(x.fields[i].typ, x.fields[i].name)
		}
		d.tree.Close()
	case array, mapOf:
		d.blocks(x, name)
	}
}

// blocks reads an array or a map: runs of items, each behind its count, up to a count of
// 0; a negative count stands before the run's size in bytes.
func (d *decoder) blocks(x *typ, name string) {
	kind := tree.List
	if x.kind == mapOf {
		kind = tree.Object
	}
	me := d.tree.Open(kind, name)
	for !d.stop() {
		n := d.long()
		if n < 0 {
			if n = -n; n < 0 { // the one number that has no positive
				d.fail(event.CodeNotAvro, "a run of %d items", n)
			}
			d.long()
		}
		if n == 0 {
			break
		}
		for ; n > 0 && !d.stop(); n-- {
			key := ""
			if x.kind == mapOf {
				b := d.take(d.size())
				if !utf8.Valid(b) {
					d.fail(event.CodeBadUTF8, "a key of map %s is not UTF-8", event.Quote(name))
				}
				key = unsafe.String(unsafe.SliceData(b), len(b))
			}
			if !d.stop() {
				d.value(x.item, key)
			}
		}
	}
	if x.kind == mapOf && !d.stop() && d.tree.At(me).Len > 1 {
		seen := make(map[string]struct{}, min(d.tree.At(me).Len, 1000))
		for _, n := range d.tree.Children(me) {
			if _, twice := seen[n.Name]; twice {
				d.fail(event.CodeDuplicateKey, "%s stands twice in one map", event.Quote(n.Name))
			}
			seen[n.Name] = struct{}{}
		}
	}
	d.tree.Close()
}

// bytes adds a decimal as a number; other bytes are of no type that an event has, which
// an empty list says.
func (d *decoder) bytes(x *typ, name string, b []byte) {
	if d.stop() {
		return
	}
	v, ok := decimalOf(x, b)
	if !ok {
		d.tree.Open(tree.List, name)
		d.tree.Close()
		return
	}
	d.tree.AddFloat(name, v)
}

// decimalOf reads a decimal: a whole number in two's complement, most significant byte
// first, over a power of ten.
func decimalOf(x *typ, b []byte) (float64, bool) {
	if !x.decimal || len(b) > maxDecimal {
		return 0, false
	}
	n := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	ten := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(x.scale)), nil)
	v, _ := new(big.Rat).SetFrac(n, ten).Float64()
	return v, true
}

// maxDecimal bounds the bytes of a decimal: more than any database stores.
const maxDecimal = 128

// take returns the next n bytes, or nil where there are not so many. n < 0 stands for a
// length that was refused.
func (d *decoder) take(n int) []byte {
	if d.bad != nil || n < 0 {
		return nil
	}
	if n > len(d.b)-d.at {
		d.fail(event.CodeNotAvro, "the record ends inside a value of %d bytes", n)
		return nil
	}
	b := d.b[d.at : d.at+n : d.at+n]
	d.at += n
	return b
}

// size reads a length in bytes.
func (d *decoder) size() int {
	n := d.long()
	if n < 0 || n > int64(len(d.b)) {
		d.fail(event.CodeNotAvro, "a length of %d bytes in a record of %d", n, len(d.b))
		return -1
	}
	return int(n)
}

// number reads a long, or an int: at most 32 bits, in at most five bytes.
func (d *decoder) number(x *typ) int64 {
	from := d.at
	v := d.long()
	if x.kind == integer && (v != int64(int32(v)) || d.at-from > binary.MaxVarintLen32) {
		d.fail(event.CodeNotAvro, "an int of %d in %d bytes", v, d.at-from)
	}
	return v
}

// long reads a zig-zag varint.
func (d *decoder) long() int64 {
	if d.bad != nil {
		return 0
	}
	v, n := binary.Varint(d.b[d.at:])
	if n <= 0 {
		d.fail(event.CodeNotAvro, "the record ends inside a number, or the number has more than 64 bits")
		return 0
	}
	d.at += n
	return v
}
