package store

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of a filter, so that a hostile one costs little.
const (
	maxFilter  = 32 << 10 // bytes
	maxClauses = 200
	maxList    = 5000 // values of one IN list
	maxOrder   = 20
)

type tokenKind int

const (
	tokenEnd tokenKind = iota
	tokenWord
	tokenText // 'text' or "text"
	tokenOperator
	tokenOpen
	tokenClose
	tokenComma
	tokenSemicolon
)

// token is one piece of a filter. A word keeps its quotes, because a quoted part
// may hold a dot that does not split it.
type token struct {
	kind tokenKind
	text string // tokenText: without quotes
	raw  string
}

// lex cuts a filter into tokens.
func lex(s string) ([]token, error) {
	if len(s) > maxFilter {
		return nil, fault(ErrInvalid, "Invalid filter string: it is longer than %d bytes.", maxFilter)
	}
	if err := checkText(s); err != nil {
		return nil, err
	}
	var out []token
	for i := 0; i < len(s); {
		c := s[i]
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case unicode.IsSpace(r):
			i += size
		case c == '(':
			out, i = append(out, token{kind: tokenOpen, raw: "("}), i+1
		case c == ')':
			out, i = append(out, token{kind: tokenClose, raw: ")"}), i+1
		case c == ',':
			out, i = append(out, token{kind: tokenComma, raw: ","}), i+1
		case c == ';':
			out, i = append(out, token{kind: tokenSemicolon, raw: ";"}), i+1
		case strings.IndexByte("=!<>", c) >= 0:
			j := i + 1
			if j < len(s) && s[j] == '=' {
				j++
			}
			op := s[i:j]
			if op == "!" || op == "==" {
				return nil, badClause(s[i:])
			}
			out, i = append(out, token{kind: tokenOperator, text: op, raw: op}), j
		case c == '\'':
			j, err := endOfQuote(s, i)
			if err != nil {
				return nil, err
			}
			out = append(out, token{kind: tokenText, text: strings.ReplaceAll(s[i+1:j-1], "''", "'"), raw: s[i:j]})
			i = j
		default:
			j, err := endOfWord(s, i)
			if err != nil {
				return nil, err
			}
			t := token{kind: tokenWord, text: s[i:j], raw: s[i:j]}
			if n := len(t.raw); c == '"' && strings.IndexByte(t.raw[1:], '"') == n-2 {
				// A name or a value: the parser knows by its place.
				t.kind, t.text = tokenText, t.raw[1:n-1]
			}
			out, i = append(out, t), j
		}
	}
	return append(out, token{kind: tokenEnd}), nil
}

// endOfQuote finds the end of the quoted text that starts at i. A doubled quote
// stands for itself.
func endOfQuote(s string, i int) (int, error) {
	q := s[i]
	for j := i + 1; j < len(s); j++ {
		if s[j] != q {
			continue
		}
		if q == '\'' && j+1 < len(s) && s[j+1] == q {
			j++
			continue
		}
		return j + 1, nil
	}
	return 0, fault(ErrInvalid, "Invalid filter string: the quote at %q is not closed.", cut(s[i:], 40))
}

// endOfWord finds the end of an identifier or number; quoted parts belong to it.
func endOfWord(s string, i int) (int, error) {
	for i < len(s) {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '"' || r == '`':
			j, err := endOfQuote(s, i)
			if err != nil {
				return 0, err
			}
			i = j
		case unicode.IsSpace(r) || strings.ContainsRune("=!<>(),;'", r):
			return i, nil
		default:
			i += size
		}
	}
	return i, nil
}

func badClause(text string) error {
	return fault(ErrInvalid, "Invalid clause(s) in filter string: '%s'. Expected clauses such as metrics.rmse < 1 and tags.team = 'a', joined with AND.", cut(text, 200))
}
