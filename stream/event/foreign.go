package event

import (
	"strings"
	"unicode/utf8"
)

// What readers of other formats share with Decoder, so that one rule holds for all.

// Dead makes the Reason of a record that a reader of another format refuses.
func Dead(code Code, at int, format string, args ...any) *Reason {
	return dead(code, at, format, args...)
}

// Quote shows input in a detail, cut at 64 bytes.
func Quote(s string) string { return quote(s) }

// Reset empties ev and keeps the room of its slices.
func (ev *Event) Reset() { ev.reset() }

// Finish holds an event that another format gave against the rules of native ones:
// names, type and what is missing. at is the place that faults name.
func (ev *Event) Finish(l Limits, at int) *Reason {
	for _, n := range [...]struct{ what, name string }{{"model", ev.Model}, {"version", ev.Version}, {"id", ev.ID}} {
		if bad := CheckName(l, n.what, n.name, at); bad != nil {
			return bad
		}
	}
	switch {
	case strings.HasPrefix(ev.Model, "_"):
		return dead(CodeBadName, at, "model %s begins with an underscore, which is reserved", quote(ev.Model))
	case ev.Version == "*":
		return dead(CodeBadName, at, `version "*" is reserved: it stands for all versions`)
	case len(ev.Features) > l.Features:
		return dead(CodeTooManyFeatures, at, "%d features, at most %d are read", len(ev.Features), l.Features)
	case len(ev.Segments) > l.Segments:
		return dead(CodeTooManySegments, at, "%d segments, at most %d are read", len(ev.Segments), l.Segments)
	case ev.HasTime && !InYears(ev.TimeMS):
		return dead(CodeBadTime, at, "time %d ms is outside the years 0001 to 9999", ev.TimeMS)
	}
	return complete(ev, at)
}

// CheckName refuses what is no UTF-8, too long, or cannot be shown in a line.
func CheckName(l Limits, what, name string, at int) *Reason {
	if len(name) > l.Name {
		return dead(CodeBadName, at, "%s of %d bytes, at most %d are allowed", quote(what), len(name), l.Name)
	}
	for i := range len(name) {
		if c := name[i]; c < ' ' || c == 0x7f {
			return dead(CodeBadName, at, "%s holds the control character 0x%02x: %s", quote(what), c, quote(name))
		} else if c >= utf8.RuneSelf {
			if !utf8.ValidString(name) {
				return dead(CodeBadUTF8, at, "%s is not UTF-8: %s", quote(what), quote(name))
			}
		}
	}
	return nil
}

// InYears says whether a time lies in the years 0001 to 9999, as events must.
func InYears(ms int64) bool { return inYears(ms) }

// ParseType is the inverse of Type.String; 0 for an unknown name.
func ParseType(s string) Type { return parseType(s) }

// ParseTime reads RFC 3339 text as Decode does, floored to milliseconds.
func ParseTime(s string) (ms int64, ok bool) { return parseRFC3339(s) }

// ParseEpochMS reads a JSON number of epoch milliseconds as Decode does: exactly from
// its digits, floored.
func ParseEpochMS(number string) (ms int64, ok bool) { return parseEpochMS(number) }

// OrDefaults fills in what is 0 and brings what Validate refuses into range.
func (l Limits) OrDefaults() Limits { return l.withDefaults() }
