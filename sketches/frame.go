package sketches

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// Magic opens every frame.
//
//	| 0..3 Magic "DRFT" | 4 kind | 5 schema | 6..n−5 body | n−4..n−1 CRC32C |
//
// The checksum (Castagnoli, little endian) covers all bytes before it.
const Magic = "DRFT"

// Kinds of frames: an encoded grid, embeddings and sums of package joint, laws of
// drift/multivariate, plans and states of drift/sequential. Kinds below 16 belong to this package, to those under it
// and to drift, 16 and above to the records on the wire. Counts, scores, block sums and alarm states carry no frame of their own:
// they live inside one.
const (
	FrameGrid      byte = 1
	FrameEmbedding byte = 2
	FrameJoint     byte = 3
	FrameJointLaw  byte = 4

	FrameSequentialPlan  byte = 8
	FrameSequentialState byte = 9
)

// Errors of Unframe and of decoders that look at a frame's head.
var (
	ErrNotFrame = errors.New("not a frame")
	ErrChecksum = errors.New("checksum does not match")
	ErrSchema   = errors.New("unknown schema")
)

const (
	frameHead = len(Magic) + 2
	frameTail = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Frame wraps body: magic, kind, schema, body, checksum.
func Frame(kind, schema byte, body []byte) []byte {
	b := make([]byte, 0, frameHead+len(body)+frameTail)
	b = append(b, Magic...)
	b = append(b, kind, schema)
	b = append(b, body...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// Unframe checks magic and checksum and returns what is inside; body shares memory
// with b. It does not judge kind or schema.
//
// Errors: ErrNotFrame for bytes too short or without the magic; ErrChecksum.
func Unframe(b []byte) (kind, schema byte, body []byte, err error) {
	if len(b) < frameHead+frameTail {
		return 0, 0, nil, fmt.Errorf("%w: %d bytes, a frame has at least %d", ErrNotFrame, len(b), frameHead+frameTail)
	}
	if string(b[:len(Magic)]) != Magic {
		return 0, 0, nil, fmt.Errorf("%w: starts with %q, want %q", ErrNotFrame, b[:len(Magic)], Magic)
	}
	end := len(b) - frameTail
	want := binary.LittleEndian.Uint32(b[end:])
	if found := crc32.Checksum(b[:end], castagnoli); found != want {
		return 0, 0, nil, fmt.Errorf("%w: stored %08x, computed %08x over %d bytes", ErrChecksum, want, found, end)
	}
	return b[len(Magic)], b[len(Magic)+1], b[frameHead:end], nil
}

// UnframeAs is Unframe for a decoder that knows what it wants; what names it in errors.
//
// Errors: those of Unframe, ErrNotFrame for another kind, ErrSchema.
func UnframeAs(b []byte, kind, schema byte, what string) ([]byte, error) {
	k, s, body, err := Unframe(b)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", what, err)
	case k != kind:
		return nil, fmt.Errorf("%s: %w: frame kind %d, want %d", what, ErrNotFrame, k, kind)
	case s != schema:
		return nil, fmt.Errorf("%s: %w %d, this build reads %d: use a newer driftline", what, ErrSchema, s, schema)
	}
	return body, nil
}
