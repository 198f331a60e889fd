package event

import (
	"math"
	"math/bits"
	"unicode/utf8"

	"github.com/driftline/driftline/sketches"
)

// match reads a record that is written as t is. False if it is not, or if it is better
// read slowly; ev holds anything then. Without others the model must be t's.
//
// What it accepts, Decode's slow way accepts as the same event: literals are bytes of
// an accepted event, and between them stands one whole value each, read by the same
// rules, or by the slow reader itself where it is not of the usual sort.
func (d *Decoder) match(t *template, value []byte, ev *Event, others bool) bool {
	d.ignored, d.names = 0, d.names[:0]
	feats := ev.Features
	if n := len(t.features); n > cap(feats) {
		feats = make([]Feature, n)
	} else {
		if n < len(feats) {
			clear(feats[n:]) // nothing old is held
		}
		feats = feats[:n]
	}
	clear(ev.Segments)
	*ev = Event{Type: t.kind, Features: feats, Shape: t.shape, Segments: ev.Segments[:0]}

	c := &d.cursor
	c.start(value)
	return d.slots(t, t.before, ev, others) &&
		d.row(t, feats) &&
		d.slots(t, t.after, ev, others) &&
		c.literal(&t.last, t) && c.at == c.end &&
		complete(ev, 0) == nil
}

// row reads the features. Nothing in the loop waits for a number to be read: the next
// step needs only its end.
func (d *Decoder) row(t *template, feats []Feature) bool {
	if len(t.features) == 0 {
		return true
	}
	c := &d.cursor
	lits := t.features
	names := t.shape.Names[:len(lits)]
	feats = feats[:len(lits)]
	b, at, limit := c.b, c.at, c.limit
	for i := range lits {
		l := &lits[i]
		if at > limit {
			c.at = at
			c.room()
			b, at, limit = c.b, c.at, c.limit
		}
		if (word(b, at)^l.word[0])&l.mask[0]|(word(b, at+8)^l.word[1])&l.mask[1] != 0 {
			c.at = at
			return false
		}
		if l.n > 16 {
			c.at = at
			if !c.long(l, t) {
				return false
			}
			b, at, limit = c.b, c.at, c.limit
		} else {
			at += l.n
		}
		f := &feats[i]
		f.Name = names[i]

		// A number of at most 16 characters: where does it end?
		found, second := numberEnd(word(b, at)), numberEnd(word(b, at+8))
		length := bits.TrailingZeros64(found) >> 3 // 8 if there is no end in the first word
		length += bits.TrailingZeros64(second) >> 3 & -(length >> 3)
		end := at + length

		// Sign, up to eight digits, point, up to eight digits.
		var sign, point int
		if b[at] == '-' {
			sign = 1
		}
		whole := at + sign
		t1 := digits8(word(b, whole))
		n1 := run(t1)
		dot := whole + n1
		if b[dot] == '.' {
			point = 1
		}
		t2 := digits8(word(b, dot+1))
		n2 := run(t2) & -point
		if n1 == 0 || dot+point+n2 != end || point > n2 || bits.ReverseBytes16(uint16(t1)) < 10 || b[end]|0x20 == 'e' || found|second == 0 {
			c.at = at
			v, ok := d.odd(names[i])
			if !ok {
				return false
			}
			f.Value = v
			b, at, limit = c.b, c.at, c.limit
			continue
		}
		m := number8(t1, n1)*intTens[n2] + number8(t2, n2) // below 10^15
		x := float64(int64(m)) / tens[n2]
		f.Value = sketches.Number(math.Float64frombits(math.Float64bits(x) | uint64(sign)<<63))
		at = end
	}
	c.at = at
	return true
}

// odd reads the value of a feature that is no short number.
func (d *Decoder) odd(name string) (sketches.Value, bool) {
	v, ok := d.cursor.scalar()
	if ok {
		return v, true
	}
	ok = d.slowly(2, func() (bad *Reason) {
		v, bad = d.value(name)
		return bad
	})
	return v, ok
}

// slowly reads one value by the slow reader, inside depth open containers.
func (d *Decoder) slowly(depth int, read func() *Reason) bool {
	c := &d.cursor
	d.scan = scanner{text: text(c.b[:c.end]), at: c.at, depth: depth, maxDepth: d.limits.Depth}
	d.scan.space() // a template's literal may end sooner than this record's white space
	if read() != nil || !utf8.Valid(c.b[c.at:d.scan.at]) {
		return false
	}
	c.at = d.scan.at
	return true
}
