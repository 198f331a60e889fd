package wire

import (
	"fmt"
	"hash/fnv"

	"github.com/driftline/driftline/sketches"
)

// Frame kinds of this package; sketches owns 1–15.
const (
	KindPartial    byte = 16
	KindLedger     byte = 17
	KindFrontier   byte = 18
	KindLayout     byte = 32
	KindModel      byte = 33
	KindGrid       byte = 34
	KindReference  byte = 35
	KindPolicy     byte = 36
	KindManifest   byte = 37
	KindPart       byte = 38
	KindFold       byte = 39
	KindExclusions byte = 44
	KindSlot       byte = 48
	KindCoverage   byte = 49
	KindDone       byte = 50
	KindApplied    byte = 51
	KindLearnt     byte = 52
	KindEarly      byte = 53
	KindCadence    byte = 54
	KindKept       byte = 60
	KindMoving     byte = 61
)

// schema is the first schema of every kind, and of most the only one.
const schema byte = 1

// open checks a frame and returns a decoder over its body.
func open(b []byte, kind byte, what string) (*sketches.Decoder, error) {
	d, _, err := openUpTo(b, kind, schema, what)
	return d, err
}

// openUpTo is open for a kind that has several schemas; it returns the one it found.
func openUpTo(b []byte, kind, newest byte, what string) (*sketches.Decoder, byte, error) {
	k, s, body, err := sketches.Unframe(b)
	switch {
	case err != nil:
		return nil, 0, fmt.Errorf("%s: %w", what, err)
	case k != kind:
		return nil, 0, fmt.Errorf("%s: %w: frame kind %d, want %d", what, sketches.ErrNotFrame, k, kind)
	case s < schema || s > newest:
		return nil, 0, fmt.Errorf("%s: %w %d, this build reads up to %d: use a newer driftline", what, sketches.ErrSchema, s, newest)
	}
	return sketches.NewDecoder(body), s, nil
}

// Peek returns the kind of a frame after checking its CRC.
func Peek(b []byte) (kind byte, err error) {
	k, _, _, err := sketches.Unframe(b)
	return k, err
}

// Kind returns the kind that a frame names without checking it, 0 for what is no
// frame; the decoder of that kind checks.
func Kind(b []byte) byte {
	if len(b) <= len(sketches.Magic) || string(b[:len(sketches.Magic)]) != sketches.Magic {
		return 0
	}
	return b[len(sketches.Magic)]
}

// Home returns the partition that a model, or the text of a source, belongs to
// among q: its own hash, never a client's partitioner.
func Home(name string, q int) int32 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return int32(h.Sum64() % uint64(q))
}

// Source is one partition of one input topic. The incarnation is raised by hand
// when a topic was deleted and made again.
type Source struct {
	Topic       string
	Incarnation int32
	Partition   int32
}

// String gives "topic/2", or "topic#1/2" where the topic was made again.
func (s Source) String() string {
	if s.Incarnation == 0 {
		return fmt.Sprintf("%s/%d", s.Topic, s.Partition)
	}
	return fmt.Sprintf("%s#%d/%d", s.Topic, s.Incarnation, s.Partition)
}

// Compare orders sources by topic, incarnation, partition.
func (s Source) Compare(o Source) int {
	switch {
	case s.Topic != o.Topic:
		if s.Topic < o.Topic {
			return -1
		}
		return 1
	case s.Incarnation != o.Incarnation:
		return int(s.Incarnation) - int(o.Incarnation)
	}
	return int(s.Partition) - int(o.Partition)
}

func (s Source) encode(e *sketches.Encoder) {
	e.String(s.Topic)
	e.Varint(int64(s.Incarnation))
	e.Varint(int64(s.Partition))
}

func decodeSource(d *sketches.Decoder) Source {
	s := Source{Topic: d.String()}
	s.Incarnation = decodeInt32(d, "incarnation")
	s.Partition = decodeInt32(d, "partition")
	return s
}

// decodeInt32 reads a number that must fit its field: one cut to fit would let two
// byte strings stand for one value.
func decodeInt32(d *sketches.Decoder, what string) int32 {
	v := d.Varint()
	if v != int64(int32(v)) {
		d.Fail("%s %d does not fit into 32 bits", what, v)
		return 0
	}
	return int32(v)
}

func encodeID(e *sketches.Encoder, id sketches.ID) { e.Raw(id[:]) }

func decodeID(d *sketches.Decoder) (id sketches.ID) {
	copy(id[:], d.Raw(len(id)))
	return id
}
