package event

import (
	"encoding/binary"
	"unsafe"
)

// All that is unsafe in this package stands in this file. Both functions exist for
// speed alone, and both rest on one promise that their callers keep.

// word returns the eight bytes of b from at as one little-endian number: the first
// byte is the lowest. The caller has seen that 0 ≤ at ≤ len(b)−8. A slice expression
// in its place costs two comparisons, and numbers are read at three such loads each.
func word(b []byte, at int) uint64 {
	p := (*[8]byte)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), at))
	return binary.LittleEndian.Uint64(p[:])
}

// text returns b as a string without a copy. The string changes when the bytes do;
// that strings of an event live no longer than the bytes of its record is what
// Decode says.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
