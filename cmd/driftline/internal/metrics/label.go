package metrics

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/driftline/driftline/cmd/driftline/internal/config"
)

// Unknown stands for every model that is not watched.
const Unknown = "_unknown"

// maxLabel bounds a label's value, in characters.
const maxLabel = 128

// clean makes a name fit for a label: valid UTF-8 without control characters, at
// most maxLabel characters.
func clean(name string) string {
	ok := utf8.ValidString(name) && len(name) <= maxLabel
	for _, r := range name {
		ok = ok && unicode.IsPrint(r)
	}
	if ok {
		return name
	}
	var b strings.Builder
	n := 0
	for _, r := range name {
		if n++; n > maxLabel {
			break
		}
		if !unicode.IsPrint(r) {
			r = '_'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// repeatedWords are the values of the label what; texts of other callers are "other".
var repeatedWords = []string{"fetch", "publish", "commit", "bounds", "start", "load", "partitions", "heartbeat", "join", "write", "performance"}

// repeatedWord takes the first word of a description such as "fetch t/0 at 7".
func repeatedWord(what string) string {
	word, _, _ := strings.Cut(what, " ")
	for _, w := range repeatedWords {
		if w == word {
			return w
		}
	}
	return "other"
}

// windowLabel writes a window's length as the configuration does: 1h, 24h, 7d.
func windowLabel(ms int64) string {
	return config.Duration(time.Duration(ms) * time.Millisecond).String()
}
