package kafka

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

var errWire = errors.New("answer does not follow the protocol")

// writer builds a request of a non-flexible version.
type writer struct{ b []byte }

func (w *writer) i8(v int8)   { w.b = append(w.b, byte(v)) }
func (w *writer) i16(v int16) { w.b = binary.BigEndian.AppendUint16(w.b, uint16(v)) }
func (w *writer) i32(v int32) { w.b = binary.BigEndian.AppendUint32(w.b, uint32(v)) }
func (w *writer) i64(v int64) { w.b = binary.BigEndian.AppendUint64(w.b, uint64(v)) }
func (w *writer) str(s string) {
	w.i16(int16(len(s)))
	w.b = append(w.b, s...)
}

// request starts a request with room for its size, in the buffer of the last one;
// finish fills that in.
func (w *writer) request(apiKey, version int16, clientID string) {
	w.b = append(w.b[:0], 0, 0, 0, 0)
	w.i16(apiKey)
	w.i16(version)
	w.i32(correlation)
	w.str(clientID)
}

// correlation needs no counter: a connection carries one request at a time.
const correlation = 0x64726966

func (w *writer) finish() []byte {
	binary.BigEndian.PutUint32(w.b, uint32(len(w.b)-4))
	return w.b
}

// exchange sends a request and returns the answer after its header, in body's array if
// it is large enough. Answers over limit bytes are refused before anything is allocated
// for them.
func exchange(rw io.ReadWriter, req []byte, limit int, body []byte) ([]byte, error) {
	if _, err := rw.Write(req); err != nil {
		return nil, err
	}
	var head [8]byte
	if _, err := io.ReadFull(rw, head[:]); err != nil {
		return nil, err
	}
	size := int(int32(binary.BigEndian.Uint32(head[:])))
	if size < 4 || size > limit {
		return nil, fmt.Errorf("answer of %d bytes, at most %d: %w", size, limit, errWire)
	}
	if got := binary.BigEndian.Uint32(head[4:]); got != correlation {
		return nil, fmt.Errorf("answer to request %d, not %d: %w", got, correlation, errWire)
	}
	if size -= 4; size > cap(body) {
		body = make([]byte, size+size/4) // answers of a stream differ little in length
	}
	body = body[:size]
	if _, err := io.ReadFull(rw, body); err != nil {
		return nil, err
	}
	return body, nil
}

// reader takes an answer apart; after a fault all reads give zero and err tells.
type reader struct {
	b   []byte
	err error
}

func (r *reader) take(n int) []byte {
	if r.err != nil || n < 0 || n > len(r.b) {
		if r.err == nil {
			r.err = fmt.Errorf("%d bytes wanted, %d left: %w", n, len(r.b), errWire)
		}
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) bool() bool {
	b := r.take(1)
	return b != nil && b[0] != 0
}

func (r *reader) i16() int16 {
	if b := r.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (r *reader) i32() int32 {
	if b := r.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (r *reader) i64() int64 {
	if b := r.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// str reads a string; null is "".
func (r *reader) str() string { return string(r.bytes()) }

// bytes reads a string where it lies.
func (r *reader) bytes() []byte {
	n := r.i16()
	if n == -1 {
		return nil
	}
	return r.take(int(n))
}

// count reads the length of an array whose items take at least size bytes, so
// that no length is believed that the bytes left cannot hold; null is 0.
func (r *reader) count(size int) int {
	n := int(r.i32())
	if n == -1 {
		return 0
	}
	if r.err == nil && (n < 0 || n > len(r.b)/size) {
		r.err = fmt.Errorf("array of %d items in %d bytes: %w", n, len(r.b), errWire)
	}
	if r.err != nil {
		return 0
	}
	return n
}

// skip passes over an array of items of size bytes.
func (r *reader) skip(size int) {
	r.take(r.count(size) * size)
}
