package config

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a span of time, written as Go writes it and with d (24 hours) and w
// (7 days) as further units: 90s, 15m, 24h, 7d, 2w, 1d12h.
type Duration time.Duration

// day and week, as units of configuration: event time knows no daylight saving.
const (
	day  = 24 * time.Hour
	week = 7 * day
)

// ParseDuration reads the text of a Duration. Whole numbers stand before d and w.
func ParseDuration(text string) (Duration, error) {
	const want = "want a number with a unit, such as 90s, 15m, 24h, 7d or 2w"
	rest := strings.TrimSpace(text)
	if rest == "0" {
		return 0, nil
	}
	rest, negative := strings.CutPrefix(rest, "-")
	var total time.Duration
	small := "" // what time.ParseDuration reads
	for rest != "" {
		n := strings.IndexFunc(rest, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
		if n <= 0 {
			return 0, fmt.Errorf("%q is no duration; %s", text, want)
		}
		unitEnd := strings.IndexFunc(rest[n:], func(r rune) bool { return r >= '0' && r <= '9' || r == '.' })
		if unitEnd < 0 {
			unitEnd = len(rest) - n
		}
		number, unit := rest[:n], rest[n:n+unitEnd]
		rest = rest[n+unitEnd:]
		length := map[string]time.Duration{"d": day, "w": week}[unit]
		if length == 0 {
			small += number + unit
			continue
		}
		v, err := strconv.ParseInt(number, 10, 64)
		if err != nil || v > int64(math.MaxInt64/length) {
			return 0, fmt.Errorf("%q is no duration; whole numbers stand before d and w, up to 290 years", text)
		}
		if total += time.Duration(v) * length; total < 0 {
			return 0, fmt.Errorf("%q is beyond 290 years", text)
		}
	}
	if small != "" {
		v, err := time.ParseDuration(small)
		if err != nil {
			return 0, fmt.Errorf("%q is no duration; %s", text, want)
		}
		if total += v; total < 0 {
			return 0, fmt.Errorf("%q is beyond 290 years", text)
		}
	} else if total == 0 && !strings.ContainsAny(text, "0") {
		return 0, fmt.Errorf("%q is no duration; %s", text, want)
	}
	if negative {
		total = -total
	}
	return Duration(total), nil
}

// Std is the duration as the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// MS is the duration in milliseconds, cut towards 0.
func (d Duration) MS() int64 { return time.Duration(d).Milliseconds() }

// String gives the shortest text that reads back as the same duration; from two
// days on in days where they are whole.
func (d Duration) String() string {
	v := time.Duration(d)
	if v >= 2*day && v%day == 0 {
		return strconv.FormatInt(int64(v/day), 10) + "d"
	}
	text := v.String()
	if strings.HasSuffix(text, "m0s") {
		text = text[:len(text)-2]
	}
	if strings.HasSuffix(text, "h0m") {
		text = text[:len(text)-2]
	}
	return text
}

// MarshalYAML writes the text.
func (d Duration) MarshalYAML() (any, error) { return d.String(), nil }

// MarshalJSON writes the text.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// Size is a number of bytes, written with or without a unit: 4096, 512KiB, 1MiB,
// 2GiB (powers of 1024), 256MB (powers of 1000).
type Size int64

var sizeUnits = []struct {
	name  string
	bytes int64
}{
	{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1},
}

// ParseSize reads the text of a Size.
func ParseSize(text string) (Size, error) {
	number, unit := strings.TrimSpace(text), int64(1)
	for _, u := range sizeUnits {
		if n, found := strings.CutSuffix(number, u.name); found {
			number, unit = strings.TrimSpace(n), u.bytes
			break
		}
	}
	v, err := strconv.ParseInt(number, 10, 64)
	if err != nil || v < 0 || v > math.MaxInt64/unit {
		return 0, fmt.Errorf("%q is no size; want bytes such as 1048576, 512KiB, 1MiB or 2GiB", text)
	}
	return Size(v * unit), nil
}

// String uses the largest unit of 1024 that divides the size.
func (s Size) String() string {
	for _, u := range sizeUnits[:3] {
		if s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// MarshalYAML writes the text.
func (s Size) MarshalYAML() (any, error) { return s.String(), nil }

// MarshalJSON writes the text.
func (s Size) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// hidden stands for what is not shown.
const hidden = "xxxxx"

// Secret is text that may hold a password, such as a database URL. Printing,
// logging or encoding it masks the password; Reveal alone gives it whole.
type Secret string

// Reveal returns the text with its password, for the one place that connects.
func (s Secret) Reveal() string { return string(s) }

// String masks the password; Format does so under every verb.
func (s Secret) String() string { return mask(string(s)) }

// Format implements fmt.Formatter, so that %q, %#v and %x mask too.
func (s Secret) Format(f fmt.State, verb rune) {
	if verb == 'q' {
		fmt.Fprintf(f, "%q", s.String())
		return
	}
	fmt.Fprint(f, s.String())
}

// MarshalYAML writes the masked text.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

// MarshalJSON writes the masked text.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// MarshalText writes the masked text.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
