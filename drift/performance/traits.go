package performance

import "math"

// mostSpread bounds the place of a value, in standard deviations of the labelled rows.
const mostSpread = 4

// traitsOf is the number of traits of an input.
const traitsOf = 3

// Scale is the middle and spread of one input among the labelled rows.
type Scale struct{ Centre, Spread float64 }

// Traits appends what is balanced of a row of inputs to dst: per input its place z in
// [−4, 4], z² and 0; or 0, 0 and 1 where it is NaN (missing).
func Traits(dst, x []float64, scales []Scale) []float64 {
	for j, v := range x {
		if math.IsNaN(v) {
			dst = append(dst, 0, 0, 1)
			continue
		}
		z := 0.0
		if s := scales[j].Spread; s > 0 {
			z = min(max((v-scales[j].Centre)/s, -mostSpread), mostSpread)
		}
		dst = append(dst, z, float64(z*z), 0)
	}
	return dst
}

// MeanTraits is the mean of Traits over the rows of a window; nil for none.
func MeanTraits(rows [][]float64, scales []Scale) []float64 {
	if len(rows) == 0 {
		return nil
	}
	sum := make([]float64, traitsOf*len(scales))
	var t []float64
	for _, x := range rows {
		t = Traits(t[:0], x, scales)
		for j, v := range t {
			sum[j] += v
		}
	}
	for j := range sum {
		sum[j] /= float64(len(rows))
	}
	return sum
}

// WindowTraits is the mean of Traits over a window of which only figures per input
// are known, as the stream keeps them: mean, variance and share of missing values. It
// is exact but for values beyond four spreads, which count in full here.
func WindowTraits(dst []float64, mean, variance, missing float64, s Scale) []float64 {
	if !(missing < 1) {
		return append(dst, 0, 0, 1)
	}
	z, zz := 0.0, 0.0
	if s.Spread > 0 {
		z = (mean - s.Centre) / s.Spread
		zz = float64(z*z) + variance/float64(s.Spread*s.Spread)
	}
	return append(dst, (1-missing)*z, (1-missing)*zz, missing)
}

// Scales takes middle and spread of every input from labelled rows, NaN left out.
func Scales(rows [][]float64) []Scale {
	if len(rows) == 0 {
		return nil
	}
	out := make([]Scale, len(rows[0]))
	for j := range out {
		var n, sum, square float64
		for _, r := range rows {
			if finite(r[j]) {
				n++
				sum += r[j]
			}
		}
		if n == 0 {
			continue
		}
		mean := sum / n
		for _, r := range rows {
			if finite(r[j]) {
				square += float64((r[j] - mean) * (r[j] - mean))
			}
		}
		out[j] = Scale{mean, math.Sqrt(square / n)}
	}
	return out
}
