package schemas

import (
	"net/url"
	"strings"
)

// escaped makes parts of a path safe: a subject may hold slashes and dots.
func escaped(parts []string) []string {
	out := make([]string, len(parts))
	for i, p := range parts {
		out[i] = url.PathEscape(p)
		if p == "." || p == ".." {
			out[i] = strings.ReplaceAll(p, ".", "%2E")
		}
	}
	return out
}
