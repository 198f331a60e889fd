package performance

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
)

// Errors of this package; test with errors.Is. Those of package sketches stand for
// counts that do not fit together.
var (
	ErrBadInput = errors.New("bad input")
)

// Value is a figure with its interval, or the reason why there is none.
type Value struct {
	Number float64
	Reason string // not empty: there is no number

	SE        float64 // standard error; NaN where unknown
	Low, High float64 // NaN where unknown
	NoBounds  string  // why there are no bounds
}

// Defined tells whether there is a number.
func (v Value) Defined() bool { return v.Reason == "" }

// Bounded tells whether there is an interval.
func (v Value) Bounded() bool { return v.Defined() && !math.IsNaN(v.Low) && !math.IsNaN(v.High) }

// MarshalJSON writes {"value":0.9,"low":0.88,"high":0.92}, with null and a reason for
// what is not there.
func (v Value) MarshalJSON() ([]byte, error) {
	out := struct {
		Value  *float64 `json:"value"`
		Low    *float64 `json:"low,omitempty"`
		High   *float64 `json:"high,omitempty"`
		Reason string   `json:"reason,omitempty"`
	}{Reason: v.Reason}
	if v.Defined() {
		out.Value = &v.Number
		out.Reason = v.NoBounds
		if v.Bounded() {
			out.Low, out.High, out.Reason = &v.Low, &v.High, ""
		}
	}
	return json.Marshal(out)
}

func (v Value) String() string {
	if !v.Defined() {
		return "not available: " + v.Reason
	}
	s := strconv.FormatFloat(v.Number, 'g', 6, 64)
	if v.Bounded() {
		s += " [" + strconv.FormatFloat(v.Low, 'g', 6, 64) + ", " + strconv.FormatFloat(v.High, 'g', 6, 64) + "]"
	}
	return s
}

func number(x float64) Value {
	return Value{Number: x, SE: math.NaN(), Low: math.NaN(), High: math.NaN()}
}

func undefined(reason string) Value {
	return Value{Number: math.NaN(), Reason: reason, SE: math.NaN(), Low: math.NaN(), High: math.NaN()}
}

func ratio(a, b float64, why string) Value {
	if b == 0 {
		return undefined(why)
	}
	return number(a / b)
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
