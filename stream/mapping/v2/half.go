package v2

import (
	"math"
	"strconv"
)

// half reads IEEE 754 binary16: 1 sign bit, 5 of exponent with bias 15, 10 of fraction.
func half(b uint16) float64 {
	fraction, exponent := float64(b&0x3ff), int(b>>10&0x1f)
	x := 0.0
	switch exponent {
	case 0: // subnormal
		x = math.Ldexp(fraction, -24)
	case 0x1f:
		x = math.Inf(1)
		if fraction != 0 {
			x = math.NaN()
		}
	default:
		x = math.Ldexp(1024+fraction, exponent-25)
	}
	if b&0x8000 != 0 {
		x = -x
	}
	return x
}

func utoa(v uint64) string { return strconv.FormatUint(v, 10) }
