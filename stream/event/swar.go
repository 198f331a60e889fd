package event

import "math/bits"

// Eight bytes are looked at as one number here ("SIMD within a register"). The masks
// have the highest bit of a byte set where something was found. Sums and differences
// may carry into the next byte, but only out of a byte that is itself found: so the
// lowest find is always right, and it is the only one that is used.
const (
	each  = 0x0101010101010101 // times a byte: that byte eight times
	highs = 0x80 * each
)

// digits8 turns ASCII digits to their values; other bytes become more than 9.
func digits8(w uint64) uint64 { return w ^ '0'*each }

// run returns how many bytes of digits8's answer, from the first, are digits: 0 to 8.
func run(t uint64) int {
	const toHigh = 0x80 - 10 // takes 10 and more to the highest bit
	return bits.TrailingZeros64((t+toHigh*each|t)&highs) >> 3
}

// number8 reads the first n digits of digits8's answer, 0 ≤ n ≤ 8; 0 digits are 0.
func number8(t uint64, n int) uint64 {
	t <<= uint(64 - 8*n) // the last digit to the top, zeros before the first
	t = t*10 + t>>8      // pairs in the even bytes
	const pair = 0xff | 0xff<<32
	return ((t&pair)*(100|1_000_000<<32) + (t>>16&pair)*(1|10_000<<32)) >> 32
}

// numberEnd finds the first byte that cannot be part of a number without exponent:
// below '-' or above '?'. What it passes over is still to be checked.
func numberEnd(w uint64) uint64 {
	const toHigh = 0x80 - '-'
	return (^(w + toHigh*each) | w | w<<1) & highs
}

// textEnd finds what ends or complicates a string: a quote, a backslash, a control
// character or DEL, which names must not hold.
func textEnd(w uint64) uint64 {
	q, b, d := w^'"'*each, w^'\\'*each, w^0x7f*each
	return ((q-each)&^q | (b-each)&^b | (d-each)&^d | (w-' '*each)&^w) & highs
}

// plain looks for the end of a string whose text begins at at, and returns the place of
// its closing quote. False if it holds a backslash, a control character or DEL, or
// does not end; high says whether it holds bytes beyond ASCII.
func plain(b []byte, at int) (end int, high, ok bool) {
	var seen uint64
	for at+8 <= len(b) {
		w := word(b, at)
		if found := textEnd(w); found != 0 {
			n := bits.TrailingZeros64(found) >> 3
			seen |= w << 8 << uint(56-8*n) // the bytes before the find
			end = at + n
			return end, seen&highs != 0, b[end] == '"'
		}
		seen |= w
		at += 8
	}
	for ; at < len(b); at++ {
		switch c := b[at]; {
		case c == '"':
			return at, seen&highs != 0, true
		case c < ' ' || c == '\\' || c == 0x7f:
			return at, false, false
		default:
			seen |= uint64(c)
		}
	}
	return at, false, false
}
