package mapping

import (
	"math"
	"strconv"
	"strings"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/mapping/tree"
)

// value makes the value of a feature; an object or array is of the wrong type.
func (r *reader) value(n *tree.Node) sketches.Value {
	switch n.Kind {
	case tree.Null:
		return sketches.Null()
	case tree.Bool:
		return sketches.Bool(n.Num != 0)
	case tree.Number:
		return sketches.Number(n.Num)
	case tree.Text:
		if r.m.NumericStrings {
			if x, ok := numeric(n.Text); ok {
				return sketches.Number(x)
			}
		}
		return sketches.String(n.Text)
	}
	return sketches.Wrong()
}

// numeric reads text that is a number as JSON writes it.
func numeric(s string) (float64, bool) {
	if s == "" || s[0] != '-' && (s[0] < '0' || s[0] > '9') || strings.Trim(s, "+-.eE0123456789") != "" {
		return 0, false
	}
	x, err := strconv.ParseFloat(s, 64)
	return x, err == nil
}

// single takes the item of an array of one, as column tensors and some servers send a
// single answer.
func single(t *tree.Tree, n tree.Node, at tree.Ref) tree.Node {
	for n.Kind == tree.List && n.Len == 1 {
		at = t.Item(at, 0)
		n = *t.At(at)
	}
	return n
}

// name makes a model, version or id: text, or an integer as it is written.
func name(what string, n tree.Node) (string, *event.Reason) {
	switch n.Kind {
	case tree.Text:
		return n.Text, nil
	case tree.Number:
		if d := n.Digits(); d != "" && !strings.ContainsAny(d, ".eE") {
			return d, nil
		}
	}
	return "", event.Dead(event.CodeWrongType, 0, "%s is %s, it must be a string or an integer", what, n.Kind)
}

// score makes a score.
func (r *reader) score(n tree.Node) (float64, *event.Reason) {
	x, ok := n.Num, n.Kind == tree.Number
	if n.Kind == tree.Text && r.m.NumericStrings {
		x, ok = numeric(n.Text)
	}
	switch {
	case !ok:
		return 0, event.Dead(event.CodeWrongType, 0, "score is %s, it must be a number", n.Kind)
	case math.IsNaN(x) || math.IsInf(x, 0):
		return 0, event.Dead(event.CodeBadNumber, 0, "score = %v; it must be finite", x)
	}
	return x, nil
}

// answer makes a prediction or label.
func answer(what string, n tree.Node) (sketches.Value, *event.Reason) {
	switch n.Kind {
	case tree.Text:
		return sketches.String(n.Text), nil
	case tree.Bool:
		return sketches.Bool(n.Num != 0), nil
	case tree.Number:
		if n.Num-n.Num != 0 {
			return sketches.Null(), event.Dead(event.CodeBadNumber, 0, "%s = %v; it must be finite", what, n.Num)
		}
		return sketches.Number(n.Num), nil
	}
	return sketches.Null(), event.Dead(event.CodeWrongType, 0, "%s is %s, it must be a number, a string or a boolean", what, n.Kind)
}

// exponents turn a unit into milliseconds.
var exponents = map[string]int{"s": 3, "ms": 0, "us": -3, "ns": -6}

// time makes the time of an event. A format that says itself what its numbers count is
// believed.
func (r *reader) time(n tree.Node) (int64, *event.Reason) {
	digits, exponent := n.Digits(), exponents[r.m.TimeUnit]
	switch n.Unit {
	case tree.Millis:
		exponent = 0
	case tree.Micros:
		exponent = -3
	case tree.Nanos:
		exponent = -6
	}
	if n.Kind == tree.Text {
		if _, isUnit := exponents[r.m.TimeUnit]; !isUnit {
			if ms, ok := event.ParseTime(n.Text); ok {
				return ms, nil
			}
			return 0, event.Dead(event.CodeBadTime, 0, "time %s is not RFC 3339 with an offset, such as 2026-01-02T03:04:05.678Z", event.Quote(n.Text))
		}
		if _, ok := numeric(n.Text); ok {
			digits = n.Text
		}
	}
	if digits == "" || n.Kind != tree.Text && r.m.TimeUnit == "rfc3339" && n.Unit == 0 {
		return 0, event.Dead(event.CodeBadTime, 0, "time is %s %s, it must be %s", n.Kind, event.Quote(n.Text), timeWords(r.m.TimeUnit))
	}
	ms, ok := event.ParseEpochMS(shift(digits, exponent))
	if !ok {
		return 0, event.Dead(event.CodeBadTime, 0, "time %s as epoch %s is outside the years 0001 to 9999", event.Quote(digits), timeWords(r.m.TimeUnit))
	}
	return ms, nil
}

func timeWords(unit string) string {
	switch unit {
	case "rfc3339":
		return "RFC 3339 text"
	case "s":
		return "seconds"
	case "us":
		return "microseconds"
	case "ns":
		return "nanoseconds"
	}
	return "milliseconds"
}

// shift multiplies a decimal number by a power of ten, in its text.
func shift(digits string, exponent int) string {
	if exponent == 0 {
		return digits
	}
	mantissa, power := digits, 0
	if i := strings.IndexAny(digits, "eE"); i >= 0 {
		mantissa = digits[:i]
		power, _ = strconv.Atoi(digits[i+1:])
		power = max(-1_000_000, min(power, 1_000_000)) // beyond that it makes no difference
	}
	return mantissa + "e" + strconv.Itoa(power+exponent)
}
