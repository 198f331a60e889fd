package packed

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/event"
)

// Unframe returns where the message begins behind the framing of a schema registry: a
// zero byte, four bytes of id, and the path of message indexes, their number first, all
// as zig-zag varints; a single 0 is the first message of the file.
func Unframe(b []byte) (int, *event.Reason) {
	const id = 5
	if len(b) < id+1 {
		return 0, event.Dead(event.CodeBadFrame, 0, "%d bytes that begin with a zero byte; framing has a zero byte, 4 bytes of schema id and message indexes", len(b))
	}
	at := id
	count, n := binary.Varint(b[at:])
	if n <= 0 || count < 0 || count > maxIndexes {
		return 0, event.Dead(event.CodeBadFrame, at, "%d message indexes; 0 to %d are read", count, maxIndexes)
	}
	at += n
	for range count {
		_, n := binary.Varint(b[at:])
		if n <= 0 {
			return 0, event.Dead(event.CodeBadFrame, at, "the message indexes end early")
		}
		at += n
	}
	return at, nil
}

// maxIndexes bounds how deep a message may be nested in its file.
const maxIndexes = 32

// answer reads a Value; has is false for one that sets nothing.
func answer(what string, b []byte, at int) (v sketches.Value, has bool, bad *event.Reason) {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return v, false, broken(at, n)
		}
		b, at = b[n:], at+n
		size := protowire.ConsumeFieldValue(num, typ, b)
		if size < 0 {
			return v, false, broken(at, size)
		}
		switch {
		case num == 1 && typ == protowire.Fixed64Type:
			x := math.Float64frombits(binary.LittleEndian.Uint64(b))
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return v, false, event.Dead(event.CodeBadNumber, at, "%s = %v; it must be finite, leave it out if there is none", what, x)
			}
			v, has = sketches.Number(x), true
		case num == 2 && typ == protowire.BytesType:
			s, _ := protowire.ConsumeBytes(b)
			if !utf8.Valid(s) {
				return v, false, event.Dead(event.CodeBadUTF8, at, "%s is not UTF-8: %s", what, event.Quote(text(s)))
			}
			v, has = sketches.String(text(s)), true
		case num == 3 && typ == protowire.VarintType:
			x, _ := protowire.ConsumeVarint(b)
			v, has = sketches.Bool(x != 0), true
		}
		b, at = b[size:], at+size
	}
	return v, has, nil
}

// pair reads a message of up to two fields: texts, or a number and a text.
func pair(b []byte, at int) (key []byte, index uint64, value []byte, bad *event.Reason) {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, 0, nil, broken(at, n)
		}
		b, at = b[n:], at+n
		size := protowire.ConsumeFieldValue(num, typ, b)
		if size < 0 {
			return nil, 0, nil, broken(at, size)
		}
		switch {
		case num == 1 && typ == protowire.BytesType:
			key, _ = protowire.ConsumeBytes(b)
		case num == 1 && typ == protowire.VarintType:
			index, _ = protowire.ConsumeVarint(b)
		case num == 2 && typ == protowire.BytesType:
			value, _ = protowire.ConsumeBytes(b)
		}
		b, at = b[size:], at+size
	}
	return key, index, value, nil
}

// segment reads an entry of the map of segments; a name given again counts last, as in
// every map of protobuf.
func (r *Reader) segment(v []byte, at int, ev *event.Event) *event.Reason {
	key, _, value, bad := pair(v, at)
	if bad != nil {
		return bad
	}
	s := event.Segment{Name: text(key), Value: text(value)}
	if s.Name == "" {
		return event.Dead(event.CodeBadName, at, "an empty segment name")
	}
	if bad := event.CheckName(r.cfg.Limits, "segment name", s.Name, at); bad != nil {
		return bad
	}
	if bad := event.CheckName(r.cfg.Limits, s.Name, s.Value, at); bad != nil {
		return bad
	}
	for i := range ev.Segments {
		if ev.Segments[i].Name == s.Name {
			ev.Segments[i] = s
			return nil
		}
	}
	if len(ev.Segments) == r.cfg.Limits.Segments {
		return event.Dead(event.CodeTooManySegments, at, "more than %d segments", r.cfg.Limits.Segments)
	}
	ev.Segments = append(ev.Segments, s)
	return nil
}

// textFeatures puts texts in the place of doubles. It walks the message again, for
// texts may stand before the doubles; at is where the message begins.
func (r *Reader) textFeatures(b []byte, at int) *event.Reason {
	for at < len(b) {
		num, typ, n := protowire.ConsumeTag(b[at:])
		if n < 0 {
			return broken(at, n)
		}
		at += n
		size := protowire.ConsumeFieldValue(num, typ, b[at:])
		if size < 0 {
			return broken(at, size)
		}
		if num == fieldTexts && typ == protowire.BytesType {
			v, _ := protowire.ConsumeBytes(b[at:])
			_, index, value, bad := pair(v, at)
			switch {
			case bad != nil:
				return bad
			case index >= uint64(len(r.values)):
				return event.Dead(event.CodeWrongShape, at, "text for feature %d, the configuration names %d, counted from 0", index, len(r.values))
			case !utf8.Valid(value):
				return event.Dead(event.CodeBadUTF8, at, "feature %s is not UTF-8: %s", event.Quote(r.values[index].Name), event.Quote(text(value)))
			}
			r.values[index].Value = sketches.String(text(value))
		}
		at += size
	}
	return nil
}
