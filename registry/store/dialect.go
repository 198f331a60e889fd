package store

import (
	"strconv"
	"strings"
)

// dialect is everything in which the two databases differ.
type dialect interface {
	name() string
	// rebind turns $1 placeholders into the driver's own.
	rebind(query string) string
	// classify names the kind of a driver error by its code; nil = unknown.
	// retry tells that repeating the transaction may succeed.
	classify(err error) (kind error, retry bool)
	// migration turns the shared words of a migration (TEXT, BLOB, AUTOID) into DDL.
	migration(text string) string
	// like gives a LIKE test of expr against the pattern in placeholder param.
	// '%' and '_' are wild, there is no escape; fold ignores ASCII case.
	like(expr, param string, fold bool) string
}

// likeExpr is shared: both databases fold ASCII letters only, because text is
// compared by bytes.
func likeExpr(expr, param, tail string, fold bool) string {
	if fold {
		return "lower(" + expr + ") LIKE lower(" + param + ")" + tail
	}
	return expr + " LIKE " + param + tail
}

// replaceWords replaces whole upper-case words of a migration's text.
func replaceWords(text string, words map[string]string) string {
	var out strings.Builder
	out.Grow(len(text))
	for i := 0; i < len(text); {
		if !wordByte(text[i]) {
			out.WriteByte(text[i])
			i++
			continue
		}
		j := i
		for j < len(text) && wordByte(text[j]) {
			j++
		}
		if to, ok := words[text[i:j]]; ok {
			out.WriteString(to)
		} else {
			out.WriteString(text[i:j])
		}
		i = j
	}
	return out.String()
}

func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// numbered writes rows groups of cols placeholders, "($1,$2),($3,$4)", from first on.
func numbered(rows, cols, first int) string {
	var b strings.Builder
	for r := range rows {
		if r > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('(')
		for c := range cols {
			if c > 0 {
				b.WriteByte(',')
			}
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(first + r*cols + c))
		}
		b.WriteByte(')')
	}
	return b.String()
}
