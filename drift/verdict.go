package drift

import (
	"fmt"
	"math"
)

// Verdict is what is said about one feature in one window.
type Verdict uint8

// Verdicts. Only Stable and Drifted are judgements; the others mean that none was
// possible, and count neither for nor against (invariant D3).
const (
	Insufficient Verdict = iota
	Stable
	Drifted
	Learning
)

// String gives the word for people and records.
func (v Verdict) String() string {
	switch v {
	case Insufficient:
		return "insufficient"
	case Stable:
		return "stable"
	case Drifted:
		return "drifted"
	case Learning:
		return "learning"
	}
	return fmt.Sprintf("verdict(%d)", uint8(v))
}

// MarshalText makes a verdict its word in JSON.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads the word.
func (v *Verdict) UnmarshalText(b []byte) error {
	for _, w := range []Verdict{Insufficient, Stable, Drifted, Learning} {
		if w.String() == string(b) {
			*v = w
			return nil
		}
	}
	return fmt.Errorf("verdict %.40q: want stable, drifted, insufficient or learning", b)
}

// Judged reports whether the feature counts in numerator and denominator of a share.
func (v Verdict) Judged() bool { return v == Stable || v == Drifted }

// Share counts verdicts: how many features are drifted, how many were judged, how
// many there are. Features without a judgement are in neither of the first two.
func Share(rs []FeatureResult) (drifted, judged, all int) {
	for i := range rs {
		if rs[i].Verdict.Judged() {
			judged++
		}
		if rs[i].Verdict == Drifted {
			drifted++
		}
	}
	return drifted, judged, len(rs)
}

// NanoNaN is what Nano gives for NaN: "not defined here".
const NanoNaN = math.MinInt64

// Nano returns x in units of 1e-9 as a whole number, ties to even: the form in which
// scores are stored. NaN gives NanoNaN; what does not fit gives ±(2⁶³ − 1).
func Nano(x float64) int64 {
	y := math.RoundToEven(x * 1e9)
	switch {
	case math.IsNaN(y):
		return NanoNaN
	case y >= math.MaxInt64:
		return math.MaxInt64
	case y <= -math.MaxInt64:
		return -math.MaxInt64
	}
	return int64(y)
}

// FromNano is the inverse of Nano; NanoNaN gives NaN.
func FromNano(n int64) float64 {
	if n == NanoNaN {
		return math.NaN()
	}
	return float64(n) / 1e9
}
