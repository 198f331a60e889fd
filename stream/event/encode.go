package event

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/driftline/driftline/sketches"
)

// Encode writes ev as canonical JSON: fixed order of keys, features and segments by
// name, the shortest digits that read back as the same float64, times in UTC to the
// millisecond. Equal events give equal bytes, whatever the order of their features.
//
// JSON has no NaN and no infinity: as a feature they are written as null, as score,
// prediction or label they are left out. A wrong-typed feature is written as an empty array,
// which reads back as wrong-typed. Text that is no UTF-8 gets U+FFFD for each bad
// byte, and text values beyond sketches.MaxCategoryBytes are written as the category
// they count under. Everything else reads back as it was.
func Encode(ev Event) []byte {
	return Append(make([]byte, 0, 128+32*len(ev.Features)+32*len(ev.Segments)), ev)
}

// Append appends Encode(ev) to dst and returns the longer slice. ev is not changed.
func Append(dst []byte, ev Event) []byte {
	w := writer{buf: append(dst, '{')}
	if name := ev.Type.String(); name != "" {
		w.text("type", name)
	}
	for _, f := range []Segment{{"model", ev.Model}, {"version", ev.Version}, {"id", ev.ID}} {
		if f.Value != "" {
			w.text(f.Name, f.Value)
		}
	}
	if ev.HasTime {
		w.key("ts")
		w.buf = appendTime(w.buf, ev.TimeMS)
	}
	if len(ev.Features) > 0 {
		w.key("features")
		w.buf = AppendFeatures(w.buf, ev.Features)
	}
	if ev.HasScore && finite(ev.Score) {
		w.key("score")
		w.buf = appendFloat(w.buf, ev.Score)
	}
	w.answer("prediction", ev.Prediction, ev.HasPrediction)
	w.answer("label", ev.Label, ev.HasLabel)
	if len(ev.Segments) > 0 {
		w.key("segments")
		w.object(func() {
			for _, s := range byName(ev.Segments, func(s Segment) string { return s.Name }) {
				w.text(s.Name, s.Value)
			}
		})
	}
	return append(w.buf, '}')
}

// AppendFeatures appends the features as Encode writes them: one JSON object, sorted
// by name. Names must differ.
func AppendFeatures(dst []byte, features []Feature) []byte {
	w := writer{buf: dst}
	w.object(func() {
		for _, f := range byName(features, func(f Feature) string { return f.Name }) {
			w.key(f.Name)
			w.buf = AppendValue(w.buf, f.Value)
		}
	})
	return w.buf
}

// AppendValue appends one value as Encode writes it in features: null for what is
// missing, NaN or infinite, an empty array for a wrong type.
func AppendValue(dst []byte, v sketches.Value) []byte {
	switch v.Kind() {
	case sketches.ValueNumber:
		if x, _ := v.Float(); finite(x) {
			return appendFloat(dst, x)
		}
	case sketches.ValueString:
		text, _ := v.Text()
		return appendString(dst, text)
	case sketches.ValueBool:
		x, _ := v.Float()
		return strconv.AppendBool(dst, x != 0)
	case sketches.ValueWrong:
		return append(dst, "[]"...)
	}
	return append(dst, "null"...)
}

// byName returns the members sorted by name, in a copy if they are not sorted yet.
func byName[T any](members []T, name func(T) string) []T {
	order := func(a, b T) int { return cmp.Compare(name(a), name(b)) }
	if slices.IsSortedFunc(members, order) {
		return members
	}
	members = slices.Clone(members)
	slices.SortStableFunc(members, order)
	return members
}

// writer appends members of objects.
type writer struct{ buf []byte }

// key writes a comma where one is needed, the key and the colon.
func (w *writer) key(name string) {
	if w.buf[len(w.buf)-1] != '{' {
		w.buf = append(w.buf, ',')
	}
	w.buf = append(appendString(w.buf, name), ':')
}

func (w *writer) text(name, value string) {
	w.key(name)
	w.buf = appendString(w.buf, value)
}

func (w *writer) object(members func()) {
	w.buf = append(w.buf, '{')
	members()
	w.buf = append(w.buf, '}')
}

// answer writes a prediction or a label that events can carry.
func (w *writer) answer(key string, v sketches.Value, has bool) {
	switch v.Kind() {
	case sketches.ValueNull, sketches.ValueWrong:
		return
	}
	if x, isNumber := v.Float(); !has || isNumber && !finite(x) {
		return
	}
	w.key(key)
	w.buf = AppendValue(w.buf, v)
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// appendFloat writes plain digits for 1e-6 ≤ |x| < 1e21, an exponent outside; −0
// keeps its sign.
func appendFloat(b []byte, x float64) []byte {
	format := byte('f')
	if a := math.Abs(x); a != 0 && (a < 1e-6 || a >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(b, x, format, -1, 64)
}

// appendTime writes RFC 3339 in UTC; a time that RFC 3339 cannot say is written as epoch
// milliseconds.
func appendTime(b []byte, ms int64) []byte {
	if !inYears(ms) {
		return strconv.AppendInt(b, ms, 10)
	}
	b = append(b, '"')
	b = time.UnixMilli(ms).UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
	return append(b, '"')
}

// appendString writes a JSON string; only what must be escaped is escaped.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
			i++
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			i++
		case c < utf8.RuneSelf:
			b = append(b, c)
			i++
		default:
			r, size := utf8.DecodeRuneInString(s[i:]) // a bad byte gives U+FFFD
			b = utf8.AppendRune(b, r)
			i += size
		}
	}
	return append(b, '"')
}
