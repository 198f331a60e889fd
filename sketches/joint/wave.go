package joint

import "math"

const (
	waveBits  = 30 // cosines are integers of scale 2³⁰
	tableBits = 12
	tableSize = 1 << tableBits
	fracBits  = 32 - tableBits
	quarter   = 3 * tableSize / 4 // sin a = cos(a + ¾ turn)
)

// cosines holds round(2³⁰·cos) at 4 096 equal steps of a turn, and the first again.
// Linear interpolation between them is off by at most (2π/4096)²/8 < 3e-7.
var cosines = makeCosines()

func makeCosines() (t [tableSize + 1]int32) {
	for i := range t {
		t[i] = int32(math.RoundToEven((1 << waveBits) * math.Cos(2*math.Pi*float64(i)/tableSize)))
	}
	return t
}

// circle returns cosine and sine of an angle, a full turn being 2³², at scale 2³⁰.
func circle(angle uint32) (cos, sin int64) {
	const mask = 1<<fracBits - 1
	i := angle >> fracBits
	j := (i + quarter) & (tableSize - 1)
	f := int64(angle & mask)
	c, s := int64(cosines[i]), int64(cosines[j])
	cos = c + ((int64(cosines[i+1])-c)*f+1<<(fracBits-1))>>fracBits
	sin = s + ((int64(cosines[j+1])-s)*f+1<<(fracBits-1))>>fracBits
	return cos, sin
}
