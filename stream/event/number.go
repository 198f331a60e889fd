package event

import "math"

// Numbers are read exactly: every function here and beside scale gives the float64
// nearest to the text, ties to even, as strconv.ParseFloat does, or says that it cannot.

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
	if n == 1 && m == 0 {
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

// decimal reads what most numbers of eight and more characters are: a sign, up to
// eight digits, a point and up to 19 digits. The caller has seen that 48 bytes may be
// loaded from at. Others go to number, but for exponents, at which it ends.
func decimal(b []byte, at int) (x float64, end int, ok bool) {
	sign := 0
	if b[at] == '-' {
		sign = 1
	}
	t := digits8(word(b, at+sign))
	n := run(t)
	dot := at + sign + n
	if !startsWell(t) || b[dot] != '.' {
		return number(b, at)
	}
	m := number8(t, n)
	t = digits8(word(b, dot+1))
	scale := run(t)
	if scale < 8 {
		if scale == 0 {
			return 0, 0, false
		}
		m = m*intTens[scale] + number8(t, scale) // below 10^15
		x = float64(int64(m)) / tens[scale]
	} else {
		digits := n
		if m == 0 {
			digits = 0
		}
		m = m*1e8 + number8(t, 8)
		t = digits8(word(b, dot+9))
		n = run(t)
		m = m*intTens[n] + number8(t, n)
		scale += n
		t = digits8(word(b, dot+17))
		n = run(t) & -(n >> 3) // none unless the eight before are digits
		m = m*intTens[n] + number8(t, n)
		scale += n
		if digits+scale > maxDigits || m == 0 {
			return number(b, at)
		}
		x = quotient(m, scale)
	}
	return math.Float64frombits(math.Float64bits(x) | uint64(sign)<<63), dot + 1 + scale, true
}
