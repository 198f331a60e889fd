package event

import (
	"math/bits"

	"github.com/driftline/driftline/sketches"
)

// quick reads numeric features from the i-th on, whose literal is next at at, and
// returns the number and the place of the first that it leaves to others: one that
// differs from the template, is no plain number, or lies behind limit. Where the
// number before that place has an exponent, it is the place of its e.
//
// Most of the time of a record goes here. Nothing in the loop waits for a number to be
// read: the next step needs its end only, and that takes a few instructions. No branch
// depends on the digits, as those cannot be foreseen.
func quick(b []byte, at, limit int, lits []feature, feats []Feature, i int) (int, int) {
	feats = feats[:len(lits)]
	for ; i < len(lits) && at <= limit; i++ {
		l := &lits[i]
		if (word(b, at)^l.word[0])&l.mask[0] != 0 {
			return i, at
		}
		start := at + l.n
		if l.n > 8 {
			if (word(b, at+8)^l.word[1])&l.mask[1] != 0 {
				return i, at
			}
			if l.n > 16 && (start > limit || l.n > 32 || word(b, start-16) != l.end[0] || word(b, start-8) != l.end[1]) {
				return i, at
			}
		}

		var x float64
		var end int
		w := word(b, start)
		if found := numberEnd(w); found != 0 {
			// At most seven characters: sign, digits with or without a point.
			n := bits.TrailingZeros64(found) >> 3
			end = start + n
			sign := 0
			if byte(w) == '-' {
				sign = 1
			}
			t := digits8(w >> uint(8*sign))
			if !startsWell(t) {
				return i, at
			}
			t <<= uint(64-8*(n-sign)) & 63 // the last character to the top
			scale := 0
			const point = '.' ^ '0'
			if dot := zeroByte(t ^ point*each); dot != 0 {
				if scale = 7 - bits.TrailingZeros64(dot)>>3; scale == 0 {
					return i, at // no digit behind the point
				}
				dot &= -dot
				t = t&-(dot<<1) | t&(dot>>7-1)<<8 // close the gap
			}
			if (t+(0x80-10)*each|t)&highs != 0 {
				return i, at
			}
			x = float64(int64(number8(t, 8))) / signedTens[(scale|sign<<3)&15]
		} else {
			var ok bool
			if x, end, ok = decimal(b, start); !ok {
				return i, at
			}
		}
		f := &feats[i]
		f.Name = l.name
		f.Value = sketches.Number(x)
		at = end
	}
	return i, at
}

// startsWell says whether digits8's answer begins with a digit, and not with a zero
// before another one.
func startsWell(t uint64) bool { return bits.ReverseBytes16(uint16(t))-10 < 0xa00-10 }

// zeroByte finds the first byte that is 0.
func zeroByte(w uint64) uint64 { return (w - each) & ^w & highs }
