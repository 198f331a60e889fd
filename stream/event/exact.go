package event

import (
	"math"
	"math/bits"
)

// tens and fives are the powers that are used; all are exact in their types.
var (
	tens    = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}
	intTens = [...]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8}
	fives   = powersOfFive()

	// signedTens are tens up to 10^7, and from the eighth on the same below zero: a
	// quotient by those has its sign, also if it is 0.
	signedTens = [16]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, -1, -1e1, -1e2, -1e3, -1e4, -1e5, -1e6, -1e7}
)

// five is a power of five.
type five struct {
	top     uint64 // shifted until its highest bit is set
	inverse uint64 // ⌊2^127 / top⌋, for all but the first
	exp     int    // of the quotient by it, biased as a float64's
}

// maxFive is the largest power of five below 2^64.
const maxFive = 27

func powersOfFive() (p [32]five) {
	n := uint64(1)
	for k := range maxFive + 1 {
		zeros := bits.LeadingZeros64(n)
		const cut = 64 - 53
		p[k] = five{top: n << uint(zeros), exp: 1023 + zeros - k - 64 + cut}
		if k > 0 {
			p[k].inverse, _ = bits.Div64(1<<63, 0, p[k].top)
		}
		n *= 5
	}
	return p
}

// scale returns m · 10^exp, or false where neither of two exact ways holds:
//
//   - m ≤ 2^53 and |exp| ≤ 22: both are float64s, so one rounding is left [1];
//   - −27 ≤ exp < 0: m / 5^−exp in integers, see quotient.
//
// [1] W. D. Clinger, How to Read Floating Point Numbers Accurately, PLDI 1990: the case
// in which double precision arithmetic suffices.
func scale(m uint64, exp int) (float64, bool) {
	switch {
	case m == 0:
		return 0, true
	case exp == 0:
		return float64(m), true
	case m <= 1<<53 && 0 < exp && exp < len(tens):
		return float64(m) * tens[exp], true
	case m <= 1<<53 && exp < 0 && -exp < len(tens):
		return float64(m) / tens[-exp], true
	case exp < 0 && -exp <= maxFive:
		return quotient(m, -exp), true
	}
	return 0, false
}

// quotient returns the float64 nearest to m / 10^k, for m > 0 and 0 < k ≤ 27.
//
// With m shifted until its highest bit is set, m·inverse is a little less than
// m·2^127/top, and by less than 2^64, as inverse is cut off by less than 1. So the high
// word tells how to round unless all bits below the one that decides are ones. A tie
// is such a case too: the product stays below it. Those go to divide.
func quotient(m uint64, k int) float64 {
	d, zeros := &fives[k&31], bits.LeadingZeros64(m)
	high, _ := bits.Mul64(m<<(uint(zeros)&63), d.inverse)
	top := high >> 63 // else bit 62 is the highest
	decides := (9 + uint(top)) & 63
	if (high+1)&(1<<decides-1) == 0 {
		return divide(m, k)
	}
	kept := (high>>decides + 1) >> 1
	return float64(int64(kept)) * math.Float64frombits(uint64(d.exp-zeros+int(top))<<52)
}

// divide returns the float64 nearest to m / 10^k, for m > 0 and 0 < k ≤ 27. Both m and
// 5^k are shifted until their highest bit is set; then the quotient of m·2^64, or of
// m·2^63 if m is the larger, has exactly 64 bits, of which 53 are kept. There is no
// branch, as none could be foreseen.
func divide(m uint64, k int) float64 {
	d, zeros := fives[k], bits.LeadingZeros64(m)
	m <<= uint(zeros)
	_, less := bits.Sub64(m, d.top, 0)
	larger := 1 - less
	q, rest := bits.Div64(m>>larger, m<<63&-larger, d.top)

	const cut = 64 - 53
	const half = 1 << (cut - 1)
	_, sticky := bits.Sub64(0, rest, 0) // 1 unless the division is exact
	lost := q&(1<<cut-1) | sticky
	kept := q >> cut
	kept += (lost + half - 1 + kept&1) >> cut // to the nearest, ties to even
	return float64(int64(kept)) * math.Float64frombits(uint64(d.exp-zeros+int(larger))<<52)
}
