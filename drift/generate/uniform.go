package generate

// Stream is one sequence of uniform draws, addressed by number. The zero value is a
// stream like any other, but two of them are the same: make streams with New.
type Stream struct{ key uint64 }

// New returns the stream of that number under a seed. Streams of one seed, and equal
// streams of different seeds, have nothing to do with each other.
func New(seed, stream uint64) Stream { return Stream{key: mix(mix(seed) + stream)} }

// largest is the largest float64 below 1.
const largest = 1 - 1.0/(1<<53)

// Uniform returns draw i, inside (0, 1):
//
//	u = ((mix(mix(mix(seed) + stream) + i) >> 11) + ½)·2⁻⁵³
//
// with mix one step of SplitMix64. The topmost of the 2⁵³ values would round to 1; it
// is kept below, so that an inverse cdf stays finite.
func (s Stream) Uniform(i uint64) float64 {
	return min((float64(mix(s.key+i)>>11)+0.5)/(1<<53), largest)
}

// mix adds the golden ratio and scrambles, as SplitMix64 does.
func mix(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}
