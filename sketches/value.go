package sketches

import (
	"math"
	"strconv"
)

// ValueKind says which member of a Value is set.
type ValueKind uint8

// Kinds of values.
const (
	ValueNull ValueKind = iota
	ValueNumber
	ValueString
	ValueBool
	ValueWrong // present, but of a type no feature can have (object, list)
)

// String names the kind as JSON users know it.
func (k ValueKind) String() string {
	switch k {
	case ValueNull:
		return "null"
	case ValueNumber:
		return "number"
	case ValueString:
		return "string"
	case ValueBool:
		return "boolean"
	}
	return "wrong type"
}

// Value is one value of one feature, passed by value. The zero Value is null.
type Value struct {
	text string
	num  float64
	kind ValueKind
}

// NamedValue is the value of the feature of that name.
type NamedValue struct {
	Name  string
	Value Value
}

// Null is the missing value.
func Null() Value { return Value{} }

// Number holds x; NaN and ±Inf are allowed and counted apart.
func Number(x float64) Value { return Value{kind: ValueNumber, num: x} }

// String holds a text. The memory of s is shared, not copied.
func String(s string) Value { return Value{kind: ValueString, text: s} }

// Bool holds a truth value: 0 or 1 on a numeric feature, "false" or "true" on a
// categorical one.
func Bool(b bool) Value {
	v := Value{kind: ValueBool}
	if b {
		v.num = 1
	}
	return v
}

// Wrong stands for a value that is there but of an impossible type.
func Wrong() Value { return Value{kind: ValueWrong} }

// Kind returns what the value is.
func (v Value) Kind() ValueKind { return v.kind }

// Float returns the number, or 0 or 1 for a truth value. ok is false otherwise.
func (v Value) Float() (x float64, ok bool) {
	return v.num, v.kind == ValueNumber || v.kind == ValueBool
}

// Text returns the value as the category it is counted under (see CategoryText).
// ok is false for null, a wrong type, NaN and ±Inf.
func (v Value) Text() (s string, ok bool) {
	var buf [MaxCategoryBytes]byte
	b, ok := v.appendText(buf[:0])
	if !ok {
		return "", false
	}
	if v.kind == ValueString && len(b) == len(v.text) {
		return v.text, true
	}
	return string(b), true
}

// MaxCategoryBytes is the longest category text that is kept as it stands.
const MaxCategoryBytes = 256

// categoryHead is how much of a longer text is kept: head, '~', 16 hex digits of
// its 64-bit fingerprint make 256 bytes.
const categoryHead = MaxCategoryBytes - 17

// CategoryText returns the text a category is counted under: texts up to 256 bytes
// as they are, longer ones as their first 239 bytes, a tilde, and 16 hex digits of
// the fingerprint of the whole, so that two long texts with one beginning differ.
func CategoryText(s string) string {
	if len(s) <= MaxCategoryBytes {
		return s
	}
	return string(appendCategory(make([]byte, 0, MaxCategoryBytes), s))
}

func appendCategory(b []byte, s string) []byte {
	if len(s) <= MaxCategoryBytes {
		return append(b, s...)
	}
	b = append(b, s[:categoryHead]...)
	b = append(b, '~')
	const digits = "0123456789abcdef"
	for h, shift := fingerprint(s), 60; shift >= 0; shift -= 4 {
		b = append(b, digits[h>>uint(shift)&15])
	}
	return b
}

// appendText appends the category text of v; b needs room for MaxCategoryBytes to
// stay free of allocation.
func (v Value) appendText(b []byte) ([]byte, bool) {
	switch v.kind {
	case ValueString:
		return appendCategory(b, v.text), true
	case ValueBool:
		return strconv.AppendBool(b, v.num != 0), true
	case ValueNumber:
		if math.IsNaN(v.num) || math.IsInf(v.num, 0) {
			return b, false
		}
		return appendNumber(b, v.num), true
	}
	return b, false
}

// appendNumber writes the shortest decimal text that reads back as x: plain digits
// for 1e-7 ≤ |x| < 1e21, an exponent outside, −0 as 0.
func appendNumber(b []byte, x float64) []byte {
	if x == 0 {
		return append(b, '0')
	}
	format := byte('f')
	if a := math.Abs(x); a < 1e-7 || a >= 1e21 {
		format = 'e'
	}
	return strconv.AppendFloat(b, x, format, -1, 64)
}

// fingerprint is a 64-bit hash of s that is the same in every process and on every
// machine: FNV-1a, then the SplitMix64 finaliser to spread the low bits.
func fingerprint[T string | []byte](s T) uint64 {
	h := uint64(14695981039346656037)
	for i := 0; i < len(s); i++ {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return mix64(h)
}

func mix64(h uint64) uint64 {
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
