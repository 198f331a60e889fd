package joint

import "math"

// mix is one step of SplitMix64: add the constant, then its finaliser.
func mix(h uint64) uint64 {
	h += 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// Bits is number i of a stream: a function of its arguments alone, so that the order
// of asking leaves no trace.
func Bits(seed, stream, i uint64) uint64 { return mix(mix(mix(seed)+stream) + i) }

// Uniform returns number i of a stream, strictly between 0 and 1.
func Uniform(seed, stream, i uint64) float64 {
	return (float64(Bits(seed, stream, i)>>11) + 0.5) * 0x1p-53
}

// normal returns a standard normal number by the inverse of its distribution.
func normal(seed, stream, i uint64) float64 { return quantile(Uniform(seed, stream, i)) }

// quantile is the standard normal quantile of 0 < p < 1. The lower tail goes through
// erfc, which keeps its digits where 2p−1 would lose them.
func quantile(p float64) float64 {
	if p > 0.5 {
		return -quantile(1 - p)
	}
	return -math.Sqrt2 * math.Erfcinv(2*p)
}
