package sketches

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// ErrCorrupt is wrapped by every error of a decoder: the bytes are not what any
// encoder of this schema writes.
var ErrCorrupt = errors.New("corrupt bytes")

// Encoder appends values in the canonical codec. The zero value is ready for use.
//
//	Uvarint   7 bits a byte, low bits first, shortest form only
//	Varint    zig-zag, then Uvarint
//	Int128    zig-zag, then as Uvarint, at most 19 bytes
//	Bytes     length as Uvarint, then the bytes
//	Float64   IEEE 754 bits, 8 bytes, little endian
type Encoder struct{ buf []byte }

// Data returns what was written; it stays valid until the next write.
func (e *Encoder) Data() []byte { return e.buf }

// Len returns the number of bytes written.
func (e *Encoder) Len() int { return len(e.buf) }

// Reset forgets what was written and goes on in buf's memory, which may be nil.
func (e *Encoder) Reset(buf []byte) { e.buf = buf[:0] }

// Byte appends one byte.
func (e *Encoder) Byte(b byte) { e.buf = append(e.buf, b) }

// Bool appends 0 or 1.
func (e *Encoder) Bool(b bool) {
	if b {
		e.Byte(1)
		return
	}
	e.Byte(0)
}

// Uvarint appends x in shortest form, 1 to 10 bytes.
func (e *Encoder) Uvarint(x uint64) { e.buf = binary.AppendUvarint(e.buf, x) }

// Varint appends x in zig-zag form, 1 to 10 bytes.
func (e *Encoder) Varint(x int64) { e.buf = binary.AppendVarint(e.buf, x) }

// Count appends the length of a list; the reader checks it with Decoder.Count.
func (e *Encoder) Count(n int) { e.Uvarint(uint64(n)) }

// Int128 appends x in zig-zag form, 1 to 19 bytes.
func (e *Encoder) Int128(x Int128) {
	hi, lo := x.zigzag()
	for hi != 0 || lo >= 0x80 {
		e.buf = append(e.buf, byte(lo)|0x80)
		lo = lo>>7 | hi<<57
		hi >>= 7
	}
	e.buf = append(e.buf, byte(lo))
}

// Float64 appends the 8 bytes of x.
func (e *Encoder) Float64(x float64) {
	e.buf = binary.LittleEndian.AppendUint64(e.buf, math.Float64bits(x))
}

// Uint64 appends x in 8 fixed bytes, for hashes and fingerprints.
func (e *Encoder) Uint64(x uint64) { e.buf = binary.LittleEndian.AppendUint64(e.buf, x) }

// Bytes appends b with its length in front.
func (e *Encoder) Bytes(b []byte) {
	e.Uvarint(uint64(len(b)))
	e.buf = append(e.buf, b...)
}

// String appends s like Bytes.
func (e *Encoder) String(s string) {
	e.Uvarint(uint64(len(s)))
	e.buf = append(e.buf, s...)
}

// Raw appends b as it stands; the reader must know its length.
func (e *Encoder) Raw(b []byte) { e.buf = append(e.buf, b...) }

// Decoder reads what Encoder wrote. The first fault sticks: later reads return
// zero values, so a decoder function reads straight on and asks Finish once.
type Decoder struct {
	buf []byte
	pos int
	err error
}

// NewDecoder reads from b, which it does not change.
func NewDecoder(b []byte) *Decoder { return &Decoder{buf: b} }

// Err returns the first fault, or nil.
func (d *Decoder) Err() error { return d.err }

// Left returns how many bytes are unread.
func (d *Decoder) Left() int { return len(d.buf) - d.pos }

// Fail records a fault found by the caller, such as a value out of its range. Only
// the first fault is kept. The error wraps ErrCorrupt and names the position.
func (d *Decoder) Fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w at byte %d of %d: %s", ErrCorrupt, d.pos, len(d.buf), fmt.Sprintf(format, args...))
	}
}

// Finish returns the first fault; bytes left over are a fault too.
func (d *Decoder) Finish() error {
	if d.err == nil && d.Left() > 0 {
		d.Fail("%d bytes left over", d.Left())
	}
	return d.err
}

// take returns the next n bytes, or nil after recording a fault.
func (d *Decoder) take(n int) []byte {
	if d.err != nil {
		return nil
	}
	if n > d.Left() {
		d.Fail("want %d bytes, %d left", n, d.Left())
		return nil
	}
	b := d.buf[d.pos : d.pos+n : d.pos+n]
	d.pos += n
	return b
}

// Byte reads one byte.
func (d *Decoder) Byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

// Bool reads 0 or 1; anything else is a fault.
func (d *Decoder) Bool() bool {
	b := d.Byte()
	if b > 1 {
		d.Fail("want 0 or 1 for a truth value, found %d", b)
	}
	return b == 1
}

// Uvarint reads an unsigned number; more bytes than needed are a fault.
func (d *Decoder) Uvarint() uint64 {
	if d.err != nil {
		return 0
	}
	x, n := binary.Uvarint(d.buf[d.pos:])
	if n <= 0 {
		d.Fail("varint cut short or longer than 64 bits")
		return 0
	}
	if n > 1 && d.buf[d.pos+n-1] == 0 {
		d.Fail("varint of %d bytes is not in shortest form", n)
		return 0
	}
	d.pos += n
	return x
}

// UpTo reads an unsigned number; one above most is a fault.
func (d *Decoder) UpTo(most uint64) uint64 {
	x := d.Uvarint()
	if x > most {
		d.Fail("%d, at most %d", x, most)
		return 0
	}
	return x
}

// Varint reads a signed number in zig-zag form.
func (d *Decoder) Varint() int64 {
	u := d.Uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

// Count reads the length of a list whose items take at least itemMin ≥ 1 bytes
// each; a length that cannot fit into the bytes left is a fault, found before
// anything is allocated.
func (d *Decoder) Count(itemMin int) int {
	n := d.Uvarint()
	if d.err == nil && n > uint64(d.Left()/max(itemMin, 1)) {
		d.Fail("list of %d items of %d bytes or more, %d bytes left", n, itemMin, d.Left())
	}
	if d.err != nil {
		return 0
	}
	return int(n)
}

// Int128 reads a signed 128-bit number.
func (d *Decoder) Int128() Int128 {
	var hi, lo uint64
	for shift := uint(0); ; shift += 7 {
		b := d.Byte()
		if d.err != nil {
			return Int128{}
		}
		v := uint64(b & 0x7f)
		switch {
		case shift < 63:
			lo |= v << shift
		case shift == 63:
			lo |= v << 63
			hi = v >> 1
		case shift < 126:
			hi |= v << (shift - 64)
		default: // the 19th byte holds the two highest bits
			if b > 3 {
				d.Fail("varint longer than 128 bits")
				return Int128{}
			}
			hi |= v << 62
		}
		if b < 0x80 {
			if b == 0 && shift > 0 {
				d.Fail("128-bit varint is not in shortest form")
				return Int128{}
			}
			return unzigzag(hi, lo)
		}
	}
}

// Float64 reads 8 bytes.
func (d *Decoder) Float64() float64 { return math.Float64frombits(d.Uint64()) }

// Uint64 reads 8 fixed bytes.
func (d *Decoder) Uint64() uint64 {
	if b := d.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// Bytes reads a length and that many bytes. The result shares memory with the
// input: clone it to keep it.
func (d *Decoder) Bytes() []byte {
	return d.take(d.Count(1))
}

// String reads what Encoder.String wrote, into memory of its own.
func (d *Decoder) String() string { return string(d.Bytes()) }

// Raw reads n bytes that carry no length; the result shares memory with the input.
func (d *Decoder) Raw(n int) []byte {
	if n < 0 {
		d.Fail("negative length %d", n)
		return nil
	}
	return d.take(n)
}
