package judge

import (
	"encoding/json"
	"math"
	"strconv"
)

// Value is a number, or the reason why there is none.
type Value struct {
	Number float64
	Reason string // not empty: undefined
}

// Defined tells whether there is a number.
func (v Value) Defined() bool { return v.Reason == "" }

// MarshalJSON writes {"value":0.9} or {"value":null,"reason":"…"}.
func (v Value) MarshalJSON() ([]byte, error) {
	out := struct {
		Value  *float64 `json:"value"`
		Reason string   `json:"reason,omitempty"`
	}{Reason: v.Reason}
	if v.Defined() {
		out.Value = &v.Number
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (v *Value) UnmarshalJSON(b []byte) error {
	var in struct {
		Value  *float64 `json:"value"`
		Reason string   `json:"reason"`
	}
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	*v = Value{Reason: in.Reason}
	if in.Value != nil {
		v.Number = *in.Value
	} else if v.Reason == "" {
		v.Reason = "no value"
	}
	return nil
}

func (v Value) String() string {
	if !v.Defined() {
		return "null (" + v.Reason + ")"
	}
	return strconv.FormatFloat(v.Number, 'g', 6, 64)
}

func number(x float64) Value        { return Value{Number: x} }
func undefined(reason string) Value { return Value{Reason: reason} }
func ratio(a, b float64, why string) Value {
	if b == 0 {
		return undefined(why)
	}
	return number(a / b)
}

// Wilson returns the interval for a rate of k in n at a two-sided confidence level
// inside (0, 1), without continuity correction. n = 0 gives [0, 1]: nothing is known.
// It assumes independent trials; with days that depend on each other it is too narrow.
func Wilson(k, n, level float64) (low, high float64) {
	if n <= 0 {
		return 0, 1
	}
	z := math.Sqrt2 * math.Erfinv(level)
	p, z2 := k/n, float64(z*z)
	mid := (p + z2/(2*n)) / (1 + z2/n)
	half := z / (1 + z2/n) * math.Sqrt(float64(p*(1-p))/n+z2/float64(4*n*n))
	return max(0, mid-half), min(1, mid+half)
}
