package event

import (
	"strings"

	"github.com/driftline/driftline/sketches"
)

// cursor is a place in a record. Every step may load words up to reach bytes beyond
// it, without looking where the record ends. The last bytes of a record are therefore
// read from a copy with zeros behind; no literal and no value holds a zero byte.
type cursor struct {
	b     []byte // the record, or the copy of its end
	at    int
	end   int // of the record, in b
	limit int // the last place from which reach bytes may be loaded
	copy  [2 * reach]byte
}

// reach is how far one step looks: 16 bytes of a literal and 48 of a value.
const reach = 64

func (c *cursor) start(value []byte) {
	c.b, c.at, c.end, c.limit = value, 0, len(value), len(value)-reach
}

// room makes sure that reach bytes may be loaded. What was read before stays where it
// is; strings read after it are parts of the copy.
func (c *cursor) room() {
	if c.at <= c.limit {
		return
	}
	n := copy(c.copy[:], c.b[c.at:c.end]) // less than reach, as at > limit
	clear(c.copy[n:])
	c.b, c.at, c.end, c.limit = c.copy[:], 0, n, n
}

// literal passes over l if it is next.
func (c *cursor) literal(l *literal, t *template) bool {
	c.room()
	if (word(c.b, c.at)^l.word[0])&l.mask[0]|(word(c.b, c.at+8)^l.word[1])&l.mask[1] != 0 {
		return false
	}
	if l.n > 16 {
		return c.long(l, t)
	}
	c.at += l.n
	return true
}

// long goes on with literal beyond its first 16 bytes.
func (c *cursor) long(l *literal, t *template) bool {
	if c.end-c.at < l.n || text(c.b[c.at+16:c.at+l.n]) != t.text[l.at+16:l.at+l.n] {
		return false
	}
	c.at += l.n
	c.room()
	return true
}

// string reads a plain string that is valid UTF-8.
func (c *cursor) string() (string, bool) {
	if c.at == c.end || c.b[c.at] != '"' {
		return "", false
	}
	end, high, ok := plain(c.b, c.at+1)
	if !ok {
		return "", false
	}
	s := text(c.b[c.at+1 : end])
	if high && firstBadUTF8(c.b[c.at+1:end]) >= 0 {
		return "", false
	}
	c.at = end + 1
	return s, true
}

// exponent goes back to the beginning of a number whose e is next. The bytes before it
// are digits, point and sign; what stands before those is none of them.
func (c *cursor) exponent() bool {
	if c.at >= c.end || c.b[c.at]|0x20 != 'e' {
		return false
	}
	for c.at > 0 && (isDigit(c.b[c.at-1]) || c.b[c.at-1] == '.' || c.b[c.at-1] == '-') {
		c.at--
	}
	return true
}

// name reads a plain string of at most most bytes.
func (c *cursor) name(most int) (string, bool) {
	start := c.at
	s, ok := c.string()
	if ok && len(s) > most {
		c.at = start
		return "", false
	}
	return s, ok
}

// quoted passes over s in quotes if it is next.
func (c *cursor) quoted(s string) bool {
	end := c.at + 1 + len(s)
	if end >= c.end || c.b[c.at] != '"' || c.b[end] != '"' || text(c.b[c.at+1:end]) != s {
		return false
	}
	c.at = end + 1
	return true
}

// word passes over w if it is next. What follows it is the next literal's to check.
func (c *cursor) word(w string) bool {
	if !strings.HasPrefix(text(c.b[c.at:c.end]), w) {
		return false
	}
	c.at += len(w)
	return true
}

// number reads a number that needs no care.
func (c *cursor) number() (float64, bool) {
	c.room()
	x, end, ok := decimal(c.b, c.at)
	if ok && c.b[end]|0x20 == 'e' {
		x, end, ok = number(c.b, c.at)
	}
	if ok {
		c.at = end
	}
	return x, ok
}

// scalar reads a value that is no object, no array and needs no care.
func (c *cursor) scalar() (sketches.Value, bool) {
	switch ch := c.b[c.at]; {
	case ch == '"':
		s, ok := c.string()
		return sketches.String(s), ok
	case ch == '-' || isDigit(ch):
		x, ok := c.number()
		return sketches.Number(x), ok
	case ch == 'n':
		return sketches.Null(), c.word("null")
	case ch == 't':
		return sketches.Bool(true), c.word("true")
	case ch == 'f':
		return sketches.Bool(false), c.word("false")
	}
	return sketches.Value{}, false
}
