package event

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// scanner walks one JSON text. It is a plain pushdown over bytes: containers that
// are open stand in a word of bits, never on the call stack.
//
// The text is the record itself, not a copy; what it hands out are parts of it, but
// for strings with escapes.
type scanner struct {
	text     string
	at       int // next byte to look at
	maxDepth int // containers open at once
	depth    int // open now
}

// space skips white space.
func (s *scanner) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// peek returns the next byte that is not white space, or 0 at the end; a NUL byte
// of the text is an error wherever it is met, so the two need no telling apart.
func (s *scanner) peek() byte {
	s.space()
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

// unexpected says what stands where something else was needed.
func (s *scanner) unexpected(wanted string) *Reason {
	if s.at >= len(s.text) {
		return dead(CodeNotJSON, len(s.text), "the text ends where %s was expected", wanted)
	}
	_, size := utf8.DecodeRuneInString(s.text[s.at:])
	return dead(CodeNotJSON, s.at, "found %q where %s was expected", s.text[s.at:s.at+size], wanted)
}

// open enters an object or array whose first byte is next.
func (s *scanner) open() *Reason {
	if s.depth == s.maxDepth {
		return dead(CodeTooDeep, s.at, "nested more than %d deep; send flat values", s.maxDepth)
	}
	s.depth++
	s.at++
	return nil
}

// close leaves the innermost container whose last byte is next.
func (s *scanner) close() {
	s.depth--
	s.at++
}

// more steps to the next member of an object or array: true if one follows, false
// if end closed it. first says that none was read yet.
func (s *scanner) more(end byte, first bool) (bool, *Reason) {
	c := s.peek()
	switch {
	case c == end:
		s.close()
		return false, nil
	case first:
		return true, nil
	case c == ',':
		s.at++
		return true, nil
	case end == '}':
		return false, s.unexpected(`"," or "}"`)
	}
	return false, s.unexpected(`"," or "]"`)
}

// key reads the key of a member and its colon; at is where the key stands.
func (s *scanner) key() (key string, at int, bad *Reason) {
	if s.peek() != '"' {
		return "", s.at, s.unexpected("a key in double quotes")
	}
	at = s.at
	if key, bad = s.str(); bad != nil {
		return "", at, bad
	}
	if s.peek() != ':' {
		return "", at, s.unexpected(`":"`)
	}
	s.at++
	s.space()
	return key, at, nil
}

// str reads the string whose opening quote is next. Without escapes it is a part
// of the text.
func (s *scanner) str() (string, *Reason) {
	start := s.at + 1
	for i := start; i < len(s.text); i++ {
		switch c := s.text[i]; {
		case c == '"':
			s.at = i + 1
			return s.text[start:i], nil
		case c == '\\':
			return s.escaped(start, i)
		case c < ' ':
			return "", dead(CodeNotJSON, i, "control character 0x%02x in a string; write it as an escape", c)
		}
	}
	s.at = len(s.text)
	return "", s.unexpected("the closing quote of a string")
}

// escaped goes on with str at the first backslash, at i.
func (s *scanner) escaped(start, i int) (string, *Reason) {
	out := append(make([]byte, 0, 2*(i-start)+16), s.text[start:i]...)
	for i < len(s.text) {
		switch c := s.text[i]; {
		case c == '"':
			s.at = i + 1
			return string(out), nil
		case c == '\\':
			s.at = i
			r, bad := s.escape()
			if bad != nil {
				return "", bad
			}
			out = utf8.AppendRune(out, r)
			i = s.at
		case c < ' ':
			return "", dead(CodeNotJSON, i, "control character 0x%02x in a string; write it as an escape", c)
		default:
			out = append(out, c)
			i++
		}
	}
	s.at = len(s.text)
	return "", s.unexpected("the closing quote of a string")
}

// escape reads one escape whose backslash is next.
func (s *scanner) escape() (rune, *Reason) {
	at := s.at
	if at+1 >= len(s.text) {
		s.at = len(s.text)
		return 0, s.unexpected("the rest of an escape")
	}
	s.at += 2
	switch c := s.text[at+1]; c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		r, ok := s.hex4()
		if !ok {
			return 0, dead(CodeNotJSON, at, `\u without four hexadecimal digits`)
		}
		if !utf16.IsSurrogate(r) {
			return r, nil
		}
		if strings.HasPrefix(s.text[s.at:], `\u`) {
			s.at += 2
			low, ok := s.hex4()
			if !ok {
				return 0, dead(CodeNotJSON, s.at-2, `\u without four hexadecimal digits`)
			}
			if whole := utf16.DecodeRune(r, low); whole != utf8.RuneError {
				return whole, nil
			}
		}
		return 0, dead(CodeBadUTF8, at, `\u%04x is half a character: its other half does not follow`, r)
	}
	return 0, dead(CodeNotJSON, at, "a backslash before %q is no escape", s.text[at+1:at+2])
}

// hex4 reads four hexadecimal digits.
func (s *scanner) hex4() (rune, bool) {
	if s.at+4 > len(s.text) {
		return 0, false
	}
	var r rune
	for i := range 4 {
		c := s.text[s.at+i]
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	s.at += 4
	return r, true
}
