package event

import (
	"math"
	"math/bits"
)

// Numbers are read exactly: every function here gives the float64 nearest to the
// text, ties to even, as strconv.ParseFloat does, or says that it cannot.

// tens and fives are the powers that are used; all are exact in their types.
var (
	tens    = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}
	intTens = [...]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8}
	fives   = powersOfFive()
)

// five is a power of five, shifted until its highest bit is set, and the exponent of
// the quotient by it that divide needs, biased as a float64's.
type five struct {
	top uint64
	exp int
}

// maxFive is the largest power of five below 2^64.
const maxFive = 27

func powersOfFive() (p [maxFive + 1]five) {
	n := uint64(1)
	for k := range p {
		zeros := bits.LeadingZeros64(n)
		const cut = 64 - 53
		p[k] = five{top: n << uint(zeros), exp: 1023 + zeros - k - 64 + cut}
		n *= 5
	}
	return p
}

// maxDigits is how many digits always fit 64 bits.
const maxDigits = 19

// number reads the JSON number at at and returns where it ends. False for what is no
// number, and for those that are left to strconv: more than 19 digits, or far
// exponents.
func number(b []byte, at int) (x float64, end int, ok bool) {
	var sign uint64
	if at < len(b) && b[at] == '-' {
		sign = 1 << 63
		at++
	}
	m, n := digitsAt(b, at, 0)
	if n == 0 || n > 1 && b[at] == '0' {
		return 0, 0, false
	}
	at += n
	exp, all := 0, n
	if m == 0 {
		all = 0 // a zero before the point is no digit of the 19
	}
	if at < len(b) && b[at] == '.' {
		if m, n = digitsAt(b, at+1, m); n == 0 {
			return 0, 0, false
		}
		at += 1 + n
		exp, all = -n, all+n
	}
	if all > maxDigits {
		return 0, 0, false
	}
	if at < len(b) && b[at]|0x20 == 'e' {
		e, n := exponentAt(b, at+1)
		if n == 0 {
			return 0, 0, false
		}
		at += 1 + n
		exp += e
	}
	x, ok = scale(m, exp)
	return math.Float64frombits(math.Float64bits(x) | sign), at, ok
}

// digitsAt goes on with the number m at the digits from at, and returns how many there
// are. Beyond 19 digits m is meaningless.
func digitsAt(b []byte, at int, m uint64) (uint64, int) {
	start := at
	for at+8 <= len(b) {
		t := digits8(word(b, at))
		n := run(t)
		m = m*intTens[n] + number8(t, n)
		at += n
		if n < 8 {
			return m, at - start
		}
	}
	for ; at < len(b) && isDigit(b[at]); at++ {
		m = m*10 + uint64(b[at]-'0')
	}
	return m, at - start
}

// exponentAt reads a signed exponent of at most four digits and returns its length, or
// 0.
func exponentAt(b []byte, at int) (e, n int) {
	negative := false
	if at < len(b) && (b[at] == '-' || b[at] == '+') {
		negative = b[at] == '-'
		n++
	}
	first := n
	for at+n < len(b) && isDigit(b[at+n]) {
		e = e*10 + int(b[at+n]-'0')
		n++
	}
	if n == first || n-first > 4 {
		return 0, 0
	}
	if negative {
		e = -e
	}
	return e, n
}

// scale returns m · 10^exp, or false where neither of two exact ways holds:
//
//   - m ≤ 2^53 and |exp| ≤ 22: both are float64s, so one rounding is left [1];
//   - −27 ≤ exp < 0: m / 5^−exp as a division of integers, whose remainder tells what
//     was cut off.
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
		return divide(m, -exp), true
	}
	return 0, false
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

// decimal reads what most numbers of eight and more characters are: a sign, up to
// eight digits, a point and up to 19 digits. The caller has seen that 48 bytes may be
// loaded from at. Others go to number.
func decimal(b []byte, at int) (x float64, end int, ok bool) {
	sign := 0
	if b[at] == '-' {
		sign = 1
	}
	whole := at + sign
	t := digits8(word(b, whole))
	n := run(t)
	dot := whole + n
	if !startsWell(t) || b[dot] != '.' {
		return number(b, at)
	}
	m, scale := number8(t, n), 0
	f := digits8(word(b, dot+1))
	scale = run(f)
	if scale == 0 {
		return 0, 0, false
	}
	if scale < 8 {
		m = m*intTens[scale] + number8(f, scale) // below 10^15
		x = float64(int64(m)) / tens[scale]
	} else {
		digits := n + 8
		if m == 0 {
			digits = 8
		}
		m = m*1e8 + number8(f, 8)
		f = digits8(word(b, dot+9))
		next := run(f)
		m = m*intTens[next] + number8(f, next)
		scale, digits = scale+next, digits+next
		if next == 8 {
			f = digits8(word(b, dot+17))
			next = run(f)
			m = m*intTens[next] + number8(f, next)
			scale, digits = scale+next, digits+next
		}
		if digits > maxDigits || m == 0 {
			return number(b, at)
		}
		x = divide(m, scale)
	}
	end = dot + 1 + scale
	if b[end]|0x20 == 'e' {
		return number(b, at)
	}
	return math.Float64frombits(math.Float64bits(x) | uint64(sign)<<63), end, true
}
