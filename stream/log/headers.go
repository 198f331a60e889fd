package log

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrHeaders is behind the error of an append whose headers no reader could take apart.
var ErrHeaders = errors.New("record headers do not follow their encoding")

// CheckHeaders tells whether b is a whole list of headers as Record.Headers wants it:
// the number of headers, then key and value of each behind their lengths, all as
// zig-zag varints; a value of length −1 is null, a key is not. Nil and empty are none.
//
// A record with broken headers would stop every reader of its partition, so both
// logs ask here before they store anything.
func CheckHeaders(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	whole := len(b)
	fault := func(what string) error {
		return fmt.Errorf("%d bytes, at %d: %s: %w", whole, whole-len(b), what, ErrHeaders)
	}
	n, size := binary.Varint(b)
	if size <= 0 || n < 0 {
		return fault("no count")
	}
	b = b[size:]
	for range n {
		for _, least := range [...]int64{0, -1} { // key, value
			length, size := binary.Varint(b)
			if size <= 0 || length < least || length > int64(len(b)-size) {
				return fault("bad length")
			}
			b = b[size+int(max(0, length)):]
		}
	}
	if len(b) != 0 {
		return fault("bytes left over")
	}
	return nil
}
