package event

import "strings"

// number reads the number that is next and returns its text; the grammar is
// checked, the range is not.
func (s *scanner) number() (string, *Reason) {
	start := s.at
	if s.byteIs('-') {
		s.at++
	}
	if s.byteIs('0') {
		s.at++
	} else if s.digits() == 0 {
		return "", s.unexpected("a digit")
	}
	if s.byteIs('.') {
		s.at++
		if s.digits() == 0 {
			return "", s.unexpected("a digit")
		}
	}
	if s.byteIs('e') || s.byteIs('E') {
		s.at++
		if s.byteIs('+') || s.byteIs('-') {
			s.at++
		}
		if s.digits() == 0 {
			return "", s.unexpected("a digit")
		}
	}
	return s.text[start:s.at], nil
}

// byteIs says whether c is next.
func (s *scanner) byteIs(c byte) bool { return s.at < len(s.text) && s.text[s.at] == c }

// digits skips decimal digits and returns how many there were.
func (s *scanner) digits() int {
	start := s.at
	for s.at < len(s.text) && isDigit(s.text[s.at]) {
		s.at++
	}
	return s.at - start
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// literal reads the word true, false or null.
func (s *scanner) literal(word string) *Reason {
	if !strings.HasPrefix(s.text[s.at:], word) {
		return s.unexpected("a value")
	}
	s.at += len(word)
	return nil
}

// scalar skips one string, number or word.
func (s *scanner) scalar() *Reason {
	var bad *Reason
	switch c := s.peek(); {
	case c == '"':
		_, bad = s.str()
	case c == '-' || isDigit(c):
		_, bad = s.number()
	case c == 't':
		bad = s.literal("true")
	case c == 'f':
		bad = s.literal("false")
	case c == 'n':
		bad = s.literal("null")
	default:
		bad = s.unexpected("a value")
	}
	return bad
}

// skip passes over one whole value and checks its grammar. Keys inside may repeat:
// nobody reads them.
func (s *scanner) skip() *Reason {
	base := s.depth
	var objects uint64 // bit d is set where the container at depth d+1 is an object
	for {
		first := false
		switch c := s.peek(); c {
		case '{', '[':
			if bad := s.open(); bad != nil {
				return bad
			}
			bit := uint64(1) << (s.depth - 1)
			objects &^= bit
			if c == '{' {
				objects |= bit
			}
			first = true
		default:
			if bad := s.scalar(); bad != nil {
				return bad
			}
		}
		// A value, or the opening of one, is done: go on to the next value that
		// is needed, closing whatever ends here.
		for {
			if s.depth == base {
				return nil
			}
			inObject := objects&(1<<(s.depth-1)) != 0
			end := byte(']')
			if inObject {
				end = '}'
			}
			more, bad := s.more(end, first)
			if bad != nil {
				return bad
			}
			first = false
			if !more {
				continue
			}
			if inObject {
				if _, _, bad := s.key(); bad != nil {
					return bad
				}
			}
			break
		}
	}
}
