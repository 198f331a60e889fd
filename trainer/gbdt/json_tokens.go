package gbdt

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// The types below take JSON arrays of numbers straight from the decoder's bytes,
// which are known to be one valid JSON value. A null is a NaN: tolerateNaN put it there.

type (
	floatList []float32
	intList   []int32
	flagList  []bool // integers 0 and 1, or booleans as XGBoost wrote before 1.6
)

// UnmarshalJSON implements json.Unmarshaler.
func (l *floatList) UnmarshalJSON(b []byte) error {
	return eachItem(b, func(item string) error {
		if item == "null" {
			*l = append(*l, float32(math.NaN()))
			return nil
		}
		v, err := strconv.ParseFloat(item, 32)
		if err != nil {
			return fmt.Errorf("%s is not a float32", item)
		}
		*l = append(*l, float32(v))
		return nil
	})
}

// UnmarshalJSON implements json.Unmarshaler.
func (l *intList) UnmarshalJSON(b []byte) error {
	return eachItem(b, func(item string) error {
		v, err := strconv.ParseInt(item, 10, 32)
		if err != nil {
			return fmt.Errorf("%s is not a 32-bit integer", item)
		}
		*l = append(*l, int32(v))
		return nil
	})
}

// UnmarshalJSON implements json.Unmarshaler.
func (l *flagList) UnmarshalJSON(b []byte) error {
	return eachItem(b, func(item string) error {
		switch item {
		case "0", "false":
			*l = append(*l, false)
		case "1", "true":
			*l = append(*l, true)
		default:
			return fmt.Errorf("%s is not 0, 1, true or false", item)
		}
		return nil
	})
}

// eachItem calls yield for the items of an array of scalars.
func eachItem(b []byte, yield func(item string) error) error {
	if len(b) < 2 || b[0] != '[' {
		return errors.New("must be an array")
	}
	b = bytes.TrimSpace(b[1 : len(b)-1])
	for n := 0; len(b) > 0; n++ {
		item, rest, _ := bytes.Cut(b, []byte{','})
		if err := yield(string(bytes.TrimSpace(item))); err != nil {
			return fmt.Errorf("item %d: %w", n, err)
		}
		b = rest
	}
	return nil
}

// tolerateNaN replaces bare NaN tokens, which XGBoost 1.7 writes and encoding/json
// refuses, by null. Text inside strings stays; b is not changed.
func tolerateNaN(b []byte) []byte {
	if !bytes.Contains(b, []byte("NaN")) {
		return b
	}
	out := make([]byte, 0, len(b)+len(b)/8)
	inText := false
	for i := 0; i < len(b); i++ {
		switch {
		case inText && b[i] == '\\' && i+1 < len(b):
			out = append(out, b[i], b[i+1])
			i++
			continue
		case b[i] == '"':
			inText = !inText
		case !inText && bytes.HasPrefix(b[i:], []byte("NaN")):
			out = append(out, "null"...)
			i += 2
			continue
		}
		out = append(out, b[i])
	}
	return out
}
