package event

import "encoding/binary"

// Headers are the headers of a record as a record batch encodes them: their number,
// then for each one key and value behind their lengths, all numbers as zig-zag varints;
// a value of length −1 is null. Nil means none.
type Headers []byte

// Get returns the value of the first header of that name; nil bytes with ok for null.
// Broken bytes end the search.
func (h Headers) Get(name string) (value []byte, ok bool) {
	for key, v := range h.All() {
		if string(key) == name {
			return v, true
		}
	}
	return nil, false
}

// All walks the headers in order, up to the first broken one.
func (h Headers) All() func(yield func(key, value []byte) bool) {
	return func(yield func(key, value []byte) bool) {
		b := []byte(h)
		n, size := binary.Varint(b)
		if size <= 0 {
			return
		}
		b = b[size:]
		next := func() (v []byte, ok bool) {
			n, size := binary.Varint(b)
			if size <= 0 || n > int64(len(b)-size) {
				return nil, false
			}
			b = b[size:]
			if n < 0 {
				return nil, true
			}
			v, b = b[:n:n], b[n:]
			return v, true
		}
		for ; n > 0; n-- {
			key, ok := next()
			if !ok {
				return
			}
			value, ok := next()
			if !ok || !yield(key, value) {
				return
			}
		}
	}
}

// AppendHeader adds a header to h, which may be nil.
func AppendHeader(h Headers, key string, value []byte) Headers {
	n, size := binary.Varint(h)
	if size <= 0 {
		n, size = 0, 0
	}
	out := binary.AppendVarint(make(Headers, 0, len(h)+len(key)+len(value)+16), n+1)
	out = append(out, h[size:]...)
	out = binary.AppendVarint(out, int64(len(key)))
	out = append(out, key...)
	if value == nil {
		return binary.AppendVarint(out, -1)
	}
	out = binary.AppendVarint(out, int64(len(value)))
	return append(out, value...)
}
