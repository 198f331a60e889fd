package event

import (
	"strconv"
	"strings"

	"github.com/driftline/driftline/sketches"
)

// field numbers the keys that an event has.
type field uint8

const (
	fieldUnknown field = iota
	fieldType
	fieldModel
	fieldVersion
	fieldID
	fieldTS
	fieldFeatures
	fieldScore
	fieldPrediction
	fieldLabel
	fieldSegments
)

// fieldOf finds a key; names are case-sensitive.
func fieldOf(key string) field {
	switch key {
	case "type":
		return fieldType
	case "model":
		return fieldModel
	case "version":
		return fieldVersion
	case "id":
		return fieldID
	case "ts":
		return fieldTS
	case "features":
		return fieldFeatures
	case "score":
		return fieldScore
	case "prediction":
		return fieldPrediction
	case "label":
		return fieldLabel
	case "segments":
		return fieldSegments
	}
	return fieldUnknown
}

// field reads the value of one top-level key; it is next.
func (d *Decoder) field(f field, key string, ev *Event) *Reason {
	s := &d.scan
	if f == fieldUnknown {
		d.ignore(key)
		return s.skip()
	}
	if s.byteIs('n') {
		return s.literal("null")
	}
	var bad *Reason
	switch f {
	case fieldType:
		ev.Type, bad = d.eventType()
	case fieldModel:
		ev.Model, bad = d.model()
	case fieldVersion:
		ev.Version, bad = d.version()
	case fieldID:
		ev.ID, bad = d.name(key, true)
	case fieldTS:
		ev.TimeMS, bad = d.time()
		ev.HasTime = bad == nil
	case fieldFeatures:
		bad = d.features(ev)
	case fieldScore:
		ev.Score, bad = d.score()
		ev.HasScore = bad == nil
	case fieldPrediction:
		ev.Prediction, bad = d.answer(key)
		ev.HasPrediction = bad == nil
	case fieldLabel:
		ev.Label, bad = d.answer(key)
		ev.HasLabel = bad == nil
	case fieldSegments:
		bad = d.segments(ev)
	}
	return bad
}

// ignore counts a key that is passed over.
func (d *Decoder) ignore(key string) {
	d.ignored++
	if len(d.names) < ignoredNames {
		d.names = append(d.names, key)
	}
}

// wrongType passes over the value that is next, so that broken JSON is called
// broken, and then says what it should have been.
func (d *Decoder) wrongType(key, wanted string) *Reason {
	s := &d.scan
	at, found := s.at, "a number"
	switch s.peek() {
	case '{':
		found = "an object"
	case '[':
		found = "an array"
	case '"':
		found = "a string"
	case 't', 'f':
		found = "a boolean"
	case 'n':
		found = "null"
	}
	if bad := s.skip(); bad != nil {
		return bad
	}
	return dead(CodeWrongType, at, "%s is %s, it must be %s", quote(key), found, wanted)
}

func (d *Decoder) eventType() (Type, *Reason) {
	s := &d.scan
	if !s.byteIs('"') {
		return 0, d.wrongType("type", "a string")
	}
	at := s.at
	name, bad := s.str()
	if bad != nil {
		return 0, bad
	}
	t := parseType(name)
	if t == 0 {
		return 0, dead(CodeUnknownType, at, "type %s; it must be feature, prediction, label or tick", quote(name))
	}
	return t, nil
}

// model reads the name of a model. A leading underscore is kept for records of
// Driftline's own, whose keys begin so.
func (d *Decoder) model() (string, *Reason) {
	at := d.scan.at
	name, bad := d.name("model", false)
	if bad == nil && strings.HasPrefix(name, "_") {
		bad = dead(CodeBadName, at, "model %s begins with an underscore, which is reserved", quote(name))
	}
	return name, bad
}

// version reads the version of a model; "*" stands for all versions in results.
func (d *Decoder) version() (string, *Reason) {
	at := d.scan.at
	name, bad := d.name("version", true)
	if bad == nil && name == "*" {
		bad = dead(CodeBadName, at, `version "*" is reserved: it stands for all versions`)
	}
	return name, bad
}

// name reads a name at the top level: a string, or where whole allows it an
// integer, kept as it is written.
func (d *Decoder) name(key string, whole bool) (string, *Reason) {
	s := &d.scan
	at := s.at
	var name string
	var bad *Reason
	switch {
	case s.byteIs('"'):
		name, bad = s.str()
	case whole && s.startsNumber():
		name, bad = s.number()
		if bad == nil && strings.ContainsAny(name, ".eE") {
			bad = dead(CodeWrongType, at, "%q is the number %s, it must be a string or an integer", key, quote(name))
		}
	case whole:
		return "", d.wrongType(key, "a string or an integer")
	default:
		return "", d.wrongType(key, "a string")
	}
	if bad == nil {
		bad = d.checkName(key, name, at)
	}
	return name, bad
}

// checkName refuses names that are too long or that cannot be shown in a line.
func (d *Decoder) checkName(what, name string, at int) *Reason {
	return CheckName(d.limits, what, name, at)
}

// startsNumber says whether a number is next.
func (s *scanner) startsNumber() bool {
	return s.at < len(s.text) && (s.text[s.at] == '-' || isDigit(s.text[s.at]))
}

// float reads the number that is next as the nearest float64.
func (d *Decoder) float(key string) (float64, *Reason) {
	s := &d.scan
	at := s.at
	text, bad := s.number()
	if bad != nil {
		return 0, bad
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil { // the grammar holds, so only the range is left
		return 0, dead(CodeBadNumber, at, "%s = %s is beyond the range of a float64", quote(key), quote(text))
	}
	return x, nil
}

func (d *Decoder) score() (float64, *Reason) {
	if !d.scan.startsNumber() {
		return 0, d.wrongType("score", "a number")
	}
	return d.float("score")
}

// time reads "ts".
func (d *Decoder) time() (int64, *Reason) {
	s := &d.scan
	at := s.at
	switch {
	case s.byteIs('"'):
		text, bad := s.str()
		if bad != nil {
			return 0, bad
		}
		ms, ok := parseRFC3339(text)
		if !ok {
			return 0, dead(CodeBadTime, at,
				"ts %s; send RFC 3339 with an offset, such as 2026-01-02T03:04:05.678Z, or epoch milliseconds, of the years 0001 to 9999", quote(text))
		}
		return ms, nil
	case s.startsNumber():
		text, bad := s.number()
		if bad != nil {
			return 0, bad
		}
		ms, ok := parseEpochMS(text)
		if !ok {
			return 0, dead(CodeBadTime, at, "ts %s as epoch milliseconds is outside the years 0001 to 9999", quote(text))
		}
		return ms, nil
	}
	return 0, d.wrongType("ts", "RFC 3339 text or epoch milliseconds")
}

// answer reads a prediction or a label.
func (d *Decoder) answer(key string) (sketches.Value, *Reason) {
	if s := &d.scan; s.byteIs('{') || s.byteIs('[') {
		return sketches.Null(), d.wrongType(key, "a number, a string or a boolean")
	}
	return d.value(key)
}

// value reads any value as a feature may have it.
func (d *Decoder) value(key string) (sketches.Value, *Reason) {
	s := &d.scan
	switch c := s.peek(); {
	case c == '"':
		text, bad := s.str()
		return sketches.String(text), bad
	case c == '-' || isDigit(c):
		x, bad := d.float(key)
		return sketches.Number(x), bad
	case c == 't':
		return sketches.Bool(true), s.literal("true")
	case c == 'f':
		return sketches.Bool(false), s.literal("false")
	case c == 'n':
		return sketches.Null(), s.literal("null")
	}
	return sketches.Wrong(), s.skip()
}
