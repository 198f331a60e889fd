package commands

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/driftline/driftline/cmd/driftline/internal/commands/table"
)

// units of relative times, beside those of time.ParseDuration.
var units = map[byte]time.Duration{'d': 24 * time.Hour, 'w': 7 * 24 * time.Hour}

// parseMoment reads a time for a flag: what an event time may be, "now", or "now-7d"
// with the units s, m, h, d and w.
func parseMoment(flag, text string, now time.Time) (int64, error) {
	if text == "now" {
		return now.UnixMilli(), nil
	}
	if back, ok := strings.CutPrefix(text, "now-"); ok {
		d, err := parseSpan(back)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", flag, err)
		}
		return now.Add(-d).UnixMilli(), nil
	}
	ms, err := table.ParseTime(text)
	if err != nil {
		return 0, fmt.Errorf("%s: %w; or now-7d", flag, err)
	}
	return ms, nil
}

func parseSpan(text string) (time.Duration, error) {
	if text != "" {
		if unit, ok := units[text[len(text)-1]]; ok {
			n, err := strconv.ParseInt(text[:len(text)-1], 10, 32)
			if err == nil && n >= 0 && n <= int64(1<<62)/int64(unit) {
				return time.Duration(n) * unit, nil
			}
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is no length of time; write 90m, 24h, 7d or 2w", text)
	}
	return d, nil
}

// parseRange reads "FROM..TO"; either side may be empty, which is 0.
func parseRange(flag, text string, now time.Time) (from, to int64, err error) {
	a, b, ok := strings.Cut(text, "..")
	if !ok {
		return 0, 0, fmt.Errorf("%s: %q; want FROM..TO, either of which may be left out", flag, text)
	}
	if a != "" {
		if from, err = parseMoment(flag, a, now); err != nil {
			return 0, 0, err
		}
	}
	if b != "" {
		if to, err = parseMoment(flag, b, now); err != nil {
			return 0, 0, err
		}
	}
	if to != 0 && to <= from {
		return 0, 0, fmt.Errorf("%s: %q ends before it begins", flag, text)
	}
	return from, to, nil
}
