package event

// days reads times and remembers the day it met last: times of one stream mostly lie
// within it.
type days struct {
	date  [2]uint64 // its ten characters
	ms    int64     // its midnight, epoch ms
	known bool
}

// time reads the usual times at c: RFC 3339 with a fraction of up to nine digits, or
// epoch milliseconds as an integer of up to 15 digits. False for others, some of which
// are times too.
func (d *days) time(c *cursor) (int64, bool) {
	c.room()
	if c.b[c.at] != '"' {
		return c.epoch()
	}
	b, at := c.b, c.at+1
	date := [2]uint64{word(b, at), word(b, at+8) & 0xffff}
	if date != d.date || !d.known {
		ms, ok := midnight(text(b[at : at+10]))
		if !ok {
			return 0, false
		}
		*d = days{date: date, ms: ms, known: true}
	}
	if b[at+10] != 'T' {
		return 0, false
	}
	const colons = ':'<<16 | ':'<<40
	const colonMask = 0xff<<16 | 0xff<<40
	w := word(b, at+11) // hh:mm:ss
	t := digits8(w&^colonMask | '0'<<16 | '0'<<40)
	if w&colonMask != colons || run(t) != 8 {
		return 0, false
	}
	hour, minute, second := pair(t), pair(t>>24), pair(t>>48)
	if hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	ms := d.ms + (hour*3600+minute*60+second)*secondMS

	at += 19
	if b[at] == '.' {
		f := digits8(word(b, at+1))
		n := run(f)
		if n == 0 {
			return 0, false
		}
		f &= 1<<(8*uint(n)) - 1 // digits that are not there are 0
		ms += int64(f&0xff*100 + f>>8&0xff*10 + f>>16&0xff)
		at += 1 + n
		if n == 8 && isDigit(b[at]) {
			at++
		}
	}
	switch b[at] {
	case 'Z':
		at++
	case '+', '-':
		offset, ok := parseOffset(text(b[at : at+6]))
		if !ok {
			return 0, false
		}
		ms -= offset * secondMS
		at += 6
	default:
		return 0, false
	}
	if b[at] != '"' || !inYears(ms) {
		return 0, false
	}
	c.at = at + 1
	return ms, true
}

// pair reads two digits.
func pair(t uint64) int64 { return int64(t&0xff*10 + t>>8&0xff) }

// midnight returns the epoch milliseconds at which a date in UTC begins.
func midnight(s string) (int64, bool) {
	year, ok1 := number2(s[0:4])
	month, ok2 := number2(s[5:7])
	day, ok3 := number2(s[8:10])
	if !ok1 || !ok2 || !ok3 || s[4] != '-' || s[7] != '-' || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, false
	}
	return daysSinceEpoch(year, month, day) * daySec * secondMS, true
}

// epoch reads an integer without sign of up to 15 digits.
func (c *cursor) epoch() (int64, bool) {
	t := digits8(word(c.b, c.at))
	n := run(t)
	ms := number8(t, n)
	if n == 8 {
		t = digits8(word(c.b, c.at+8))
		n2 := run(t)
		ms = ms*intTens[n2] + number8(t, n2)
		n += n2
	}
	if n == 0 || n > 15 || n > 1 && c.b[c.at] == '0' || c.b[c.at+n] == '.' || c.b[c.at+n]|0x20 == 'e' || !inYears(int64(ms)) {
		return 0, false
	}
	c.at += n
	return int64(ms), true
}
