package sketches

import (
	"encoding/binary"
	"math/big"
	"math/bits"
)

// Int128 is a signed 128-bit integer in two's complement. The zero value is 0.
type Int128 struct {
	Hi int64
	Lo uint64
}

// Int128From returns x in 128 bits.
func Int128From(x int64) Int128 { return Int128{Hi: x >> 63, Lo: uint64(x)} }

// Int128FromUint returns x in 128 bits.
func Int128FromUint(x uint64) Int128 { return Int128{Lo: x} }

// MulUint returns the product of two unsigned 64-bit numbers. ok is false where
// it does not fit into 127 bits.
func MulUint(a, b uint64) (p Int128, ok bool) {
	hi, lo := bits.Mul64(a, b)
	return Int128{Hi: int64(hi), Lo: lo}, hi>>63 == 0
}

// Add returns a+b; overflow is true where the sum left the 128-bit range, and the
// result then is the sum modulo 2¹²⁸.
func (a Int128) Add(b Int128) (sum Int128, overflow bool) {
	lo, carry := bits.Add64(a.Lo, b.Lo, 0)
	hi, _ := bits.Add64(uint64(a.Hi), uint64(b.Hi), carry)
	sum = Int128{Hi: int64(hi), Lo: lo}
	overflow = (a.Hi >= 0) == (b.Hi >= 0) && (sum.Hi >= 0) != (a.Hi >= 0)
	return sum, overflow
}

// plus returns a + (hi·2⁶⁴ + lo) modulo 2¹²⁸.
func (a Int128) plus(hi int64, lo uint64) Int128 {
	sum, carry := bits.Add64(a.Lo, lo, 0)
	return Int128{Hi: a.Hi + hi + int64(carry), Lo: sum}
}

// Sub returns a−b, with overflow as in Add.
func (a Int128) Sub(b Int128) (diff Int128, overflow bool) {
	lo, borrow := bits.Sub64(a.Lo, b.Lo, 0)
	hi, _ := bits.Sub64(uint64(a.Hi), uint64(b.Hi), borrow)
	diff = Int128{Hi: int64(hi), Lo: lo}
	overflow = (a.Hi >= 0) != (b.Hi >= 0) && (diff.Hi >= 0) != (a.Hi >= 0)
	return diff, overflow
}

// IsZero reports whether a is 0.
func (a Int128) IsZero() bool { return a.Hi == 0 && a.Lo == 0 }

// Sign returns −1, 0 or +1.
func (a Int128) Sign() int {
	switch {
	case a.Hi < 0:
		return -1
	case a.IsZero():
		return 0
	}
	return 1
}

// Cmp returns −1, 0 or +1 as a is less than, equal to or greater than b.
func (a Int128) Cmp(b Int128) int {
	switch {
	case a.Hi != b.Hi && a.Hi < b.Hi, a.Hi == b.Hi && a.Lo < b.Lo:
		return -1
	case a == b:
		return 0
	}
	return 1
}

// Abs returns |a| as an unsigned pair (hi, lo), exact for the smallest value too.
func (a Int128) Abs() (hi, lo uint64) {
	hi, lo = uint64(a.Hi), a.Lo
	if a.Hi < 0 {
		var borrow uint64
		lo, borrow = bits.Sub64(0, lo, 0)
		hi, _ = bits.Sub64(0, hi, borrow)
	}
	return hi, lo
}

// Big returns a as a new big integer.
func (a Int128) Big() *big.Int {
	hi, lo := a.Abs()
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], hi)
	binary.BigEndian.PutUint64(b[8:], lo)
	z := new(big.Int).SetBytes(b[:])
	if a.Hi < 0 {
		z.Neg(z)
	}
	return z
}

// Float64 returns the float64 nearest to a, ties to even.
func (a Int128) Float64() float64 {
	f, _ := new(big.Float).SetInt(a.Big()).Float64()
	return f
}

// String gives the decimal digits.
func (a Int128) String() string { return a.Big().String() }

// zigzag maps 0, −1, 1, −2 … to 0, 1, 2, 3 … as an unsigned pair.
func (a Int128) zigzag() (hi, lo uint64) {
	sign := uint64(a.Hi >> 63)
	hi = uint64(a.Hi)<<1 | a.Lo>>63
	lo = a.Lo << 1
	return hi ^ sign, lo ^ sign
}

func unzigzag(hi, lo uint64) Int128 {
	sign := -(lo & 1)
	l := lo>>1 | hi<<63
	return Int128{Hi: int64(hi>>1 ^ sign), Lo: l ^ sign}
}
