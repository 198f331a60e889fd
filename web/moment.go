package web

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	hourMS = int64(3_600_000)
	dayMS  = 24 * hourMS
)

// parseSpan reads a length: "90m", "24h", "7d", "2w", or milliseconds.
func parseSpan(text string) (int64, error) {
	number, unit := text, int64(1)
	if text != "" {
		if u, ok := map[byte]int64{'s': 1000, 'm': 60_000, 'h': hourMS, 'd': dayMS, 'w': 7 * dayMS}[text[len(text)-1]]; ok {
			number, unit = text[:len(text)-1], u
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n <= 0 || n > (1<<53)/unit {
		return 0, fmt.Errorf("%q is no length of time; write 90m, 24h, 7d or milliseconds", text)
	}
	return n * unit, nil
}

// parseMoment reads a time: RFC 3339, a day, epoch milliseconds, or now-7d.
func parseMoment(text string, nowMS int64) (int64, error) {
	if text == "now" {
		return nowMS, nil
	}
	if back, ok := strings.CutPrefix(text, "now-"); ok {
		span, err := parseSpan(back)
		return nowMS - span, err
	}
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		return ms, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UnixMilli(), nil
		}
	}
	return 0, fmt.Errorf("%q is no time; write 2026-01-02T03:04:05Z, 2026-01-02, epoch milliseconds, or now-7d", text)
}

// invalid is the problem of one input value.
func invalid(location string, value any, err error) *Problem {
	return &Problem{
		Status: http.StatusUnprocessableEntity, Title: "Invalid value", Detail: location + ": " + err.Error(), Next: "correct the value and send it again",
		Errors: []Fault{{Location: location, Message: err.Error(), Value: value}},
	}
}

// spanText writes a length as people say it: "7 d", "24 h", "90 min".
func spanText(ms int64) string {
	switch {
	case ms == dayMS || ms > 0 && ms%hourMS == 0 && ms < 2*dayMS:
		return strconv.FormatInt(ms/hourMS, 10) + " h"
	case ms > 0 && ms%dayMS == 0:
		return strconv.FormatInt(ms/dayMS, 10) + " d"
	case ms > 0 && ms%hourMS == 0:
		return strconv.FormatInt(ms/hourMS, 10) + " h"
	case ms > 0 && ms%60_000 == 0:
		return strconv.FormatInt(ms/60_000, 10) + " min"
	case ms > 0 && ms%1000 == 0:
		return strconv.FormatInt(ms/1000, 10) + " s"
	}
	return strconv.FormatInt(ms, 10) + " ms"
}

// roughText is a length that need not be whole: in days or hours to a tenth, from two
// minutes on in minutes.
func roughText(ms int64) string {
	round := func(unit int64, word string) string {
		return strconv.FormatFloat(math.Round(10*float64(ms)/float64(unit))/10, 'f', -1, 64) + " " + word
	}
	switch {
	case ms >= 2*dayMS:
		return round(dayMS, "d")
	case ms >= 2*hourMS:
		return round(hourMS, "h")
	case ms >= 120_000:
		return round(60_000, "min")
	}
	return spanText(ms)
}

// momentText writes a time in UTC, to the minute.
func momentText(ms int64) string {
	if ms == 0 {
		return "–"
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04")
}

// agoText says how long ago a time was, roughly.
func agoText(ms, nowMS int64) string {
	if ms == 0 {
		return ""
	}
	d := nowMS - ms
	future := d < 0
	if future {
		d = -d
	}
	var text string
	switch {
	case d < 60_000:
		return "just now"
	case d < hourMS:
		text = strconv.FormatInt(d/60_000, 10) + " min"
	case d < 2*dayMS:
		text = strconv.FormatInt(d/hourMS, 10) + " h"
	case d < 730*dayMS:
		text = strconv.FormatInt(d/dayMS, 10) + " d"
	default:
		text = strconv.FormatInt(d/(365*dayMS), 10) + " y"
	}
	if future {
		return "in " + text
	}
	return text + " ago"
}

// groupText writes a count with separators: 12,431.
func groupText(n int64) string {
	text := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, text = "-", text[1:]
	}
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return sign + text
}
