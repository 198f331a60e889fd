package packed

import (
	_ "embed"
	"encoding/binary"
	"math"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/event"
)

//go:embed event.proto
var proto string

// Proto returns the text of event.proto, for producers.
func Proto() string { return proto }

// Field numbers of driftline.v1.Event.
const (
	fieldType       protowire.Number = 1
	fieldModel      protowire.Number = 2
	fieldVersion    protowire.Number = 3
	fieldID         protowire.Number = 4
	fieldTS         protowire.Number = 5
	fieldFeatures   protowire.Number = 6
	fieldScore      protowire.Number = 7
	fieldPrediction protowire.Number = 8
	fieldLabel      protowire.Number = 9
	fieldSegments   protowire.Number = 10
	fieldTexts      protowire.Number = 11
)

// Config fixes what a record does not say.
type Config struct {
	Order  []string // names of the features, in the order of the doubles
	Model  string   // of records that name none; "" if each must
	Limits event.Limits
}

// Reader reads records of one topic; it belongs to one goroutine.
type Reader struct {
	cfg    Config
	shape  *event.Shape
	rows   [1]event.Event
	values []event.Feature // the order's names, with the values of the record under way
	n      int             // doubles met in this record
	texts  bool            // the record holds texts
}

// New returns a reader.
func New(cfg Config) *Reader {
	cfg.Limits = cfg.Limits.OrDefaults()
	r := &Reader{cfg: cfg, shape: &event.Shape{Names: cfg.Order}, values: make([]event.Feature, len(cfg.Order))}
	for i, name := range cfg.Order {
		r.values[i].Name = name
	}
	return r
}

// Read implements event.Reader. The event shares the memory of the record.
func (r *Reader) Read(raw *event.Raw) ([]event.Event, error) {
	ev := &r.rows[0]
	segments := ev.Segments[:0]
	*ev = event.Event{Segments: segments}
	if bad := r.read(raw.Value, ev); bad != nil {
		return nil, bad
	}
	return r.rows[:], nil
}

func (r *Reader) read(b []byte, ev *event.Event) *event.Reason {
	if len(b) > r.cfg.Limits.Bytes {
		return event.Dead(event.CodeTooLarge, r.cfg.Limits.Bytes, "%d bytes, at most %d are read", len(b), r.cfg.Limits.Bytes)
	}
	if len(b) == 0 {
		return event.Dead(event.CodeEmpty, 0, "nothing in the record")
	}
	start := 0
	if b[0] == 0 {
		var bad *event.Reason
		if start, bad = Unframe(b); bad != nil {
			return bad
		}
	}
	r.n, r.texts = 0, false
	if bad := r.message(b, start, ev); bad != nil {
		return bad
	}
	if r.n > 0 || r.texts {
		if r.n != len(r.values) {
			return event.Dead(event.CodeWrongShape, start, "%d features, the configuration names %d (feature_names); producer and configuration must agree", r.n, len(r.values))
		}
		ev.Features, ev.Shape = r.values, r.shape
		if r.texts {
			if bad := r.textFeatures(b, start); bad != nil {
				return bad
			}
		}
	}
	return r.finish(ev, start)
}

// finish fills in the model and holds the event against the rules of all events.
func (r *Reader) finish(ev *event.Event, at int) *event.Reason {
	if ev.Model == "" && ev.Type != event.TypeTick {
		ev.Model = r.cfg.Model
	}
	return ev.Finish(r.cfg.Limits, at)
}

// message walks the fields.
func (r *Reader) message(b []byte, at int, ev *event.Event) *event.Reason {
	for at < len(b) {
		num, typ, n := protowire.Number(b[at]>>3), protowire.Type(b[at]&7), 1
		if b[at] >= 0x80 || num == 0 { // no field of ours; the tags of ours have one byte
			if num, typ, n = protowire.ConsumeTag(b[at:]); n < 0 {
				return broken(at, n)
			}
		}
		at += n
		size, bad := r.field(num, typ, b, at, ev)
		if bad != nil {
			return bad
		}
		at += size
	}
	return nil
}

// field reads the value of one field, which stands at b[at:], and returns its size.
func (r *Reader) field(num protowire.Number, typ protowire.Type, b []byte, at int, ev *event.Event) (int, *event.Reason) {
	switch typ {
	case protowire.BytesType:
		if at < len(b) && b[at] < 0x80 && int(b[at]) < len(b)-at { // a length of one byte
			n := 1 + int(b[at])
			return n, r.bytes(num, b[at+1:at+n:at+n], at+1, ev)
		}
		v, n := protowire.ConsumeBytes(b[at:])
		if n < 0 {
			return 0, broken(at, n)
		}
		return n, r.bytes(num, v, at+n-len(v), ev)
	case protowire.VarintType:
		v, n := protowire.ConsumeVarint(b[at:])
		if n < 0 {
			return 0, broken(at, n)
		}
		switch num {
		case fieldType:
			if v > uint64(event.TypeTick) {
				return 0, event.Dead(event.CodeUnknownType, at, "type %d; it must be 0 to %d", v, event.TypeTick)
			}
			ev.Type = event.Type(v)
		case fieldTS:
			ev.TimeMS, ev.HasTime = int64(v), true
		}
		return n, nil
	case protowire.Fixed64Type:
		v, n := protowire.ConsumeFixed64(b[at:])
		if n < 0 {
			return 0, broken(at, n)
		}
		switch num {
		case fieldScore:
			ev.Score, ev.HasScore = math.Float64frombits(v), true
			if math.IsNaN(ev.Score) || math.IsInf(ev.Score, 0) {
				return 0, event.Dead(event.CodeBadNumber, at, "score = %v; it must be finite, leave it out if there is none", ev.Score)
			}
		case fieldFeatures: // unpacked
			return n, r.doubles(b[at:at+n], at)
		}
		return n, nil
	}
	n := protowire.ConsumeFieldValue(num, typ, b[at:])
	if n < 0 {
		return 0, broken(at, n)
	}
	return n, nil
}

// bytes reads a field of texts, doubles or a message; at is where v stands.
func (r *Reader) bytes(num protowire.Number, v []byte, at int, ev *event.Event) *event.Reason {
	var bad *event.Reason
	switch num {
	case fieldModel:
		ev.Model = text(v)
	case fieldVersion:
		ev.Version = text(v)
	case fieldID:
		ev.ID = text(v)
	case fieldFeatures:
		bad = r.doubles(v, at)
	case fieldPrediction:
		ev.Prediction, ev.HasPrediction, bad = answer("prediction", v, at)
	case fieldLabel:
		ev.Label, ev.HasLabel, bad = answer("label", v, at)
	case fieldSegments:
		bad = r.segment(v, at, ev)
	case fieldTexts:
		r.texts = true
	}
	return bad
}

// doubles is the loop that the format is for.
func (r *Reader) doubles(v []byte, at int) *event.Reason {
	if len(v)%8 != 0 {
		return event.Dead(event.CodeNotProtobuf, at, "features of %d bytes; packed doubles take 8 each", len(v))
	}
	if len(v)/8 > len(r.values)-r.n {
		return tooMany(at, len(r.values))
	}
	into := r.values[r.n:][:len(v)/8]
	for i := range into {
		x := math.Float64frombits(binary.LittleEndian.Uint64(v))
		v = v[8:]
		if x == x {
			into[i].Value = sketches.Number(x)
		} else {
			into[i].Value = sketches.Null() // NaN is what is missing
		}
	}
	r.n += len(into)
	return nil
}

func tooMany(at, most int) *event.Reason {
	return event.Dead(event.CodeWrongShape, at, "more than the %d features that the configuration names (feature_names)", most)
}

// text shares the memory of the record.
func text(v []byte) string { return unsafe.String(unsafe.SliceData(v), len(v)) }

func broken(at, n int) *event.Reason {
	return event.Dead(event.CodeNotProtobuf, at, "not a driftline.v1.Event: %v", protowire.ParseError(n))
}
