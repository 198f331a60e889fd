package cadence

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	minuteMS = int64(60_000)
	dayMS    = 24 * 60 * minuteMS
	dayMin   = 24 * 60
)

// Bounds of a calendar, so that a policy record stays small.
const (
	maxHolidays = 1000
	maxHours    = 24
	maxShifts   = 1000
	maxOffsetMS = 26 * 60 * minuteMS // zones of the past had odd offsets; none was beyond a day
)

// Calendar says at which times rows are expected. The zero value is always open.
type Calendar struct {
	Zone     string   `json:"zone,omitempty"`     // its name, for people; empty: UTC
	Shifts   []Shift  `json:"shifts,omitempty"`   // what the zone means, ascending; none: UTC
	Weekdays []int    `json:"weekdays,omitempty"` // 0 Sunday … 6 Saturday, ascending; none: every day
	Hours    []Hours  `json:"hours,omitempty"`    // of an open day, ascending; none: all of it
	Holidays []string `json:"holidays,omitempty"` // closed days, as 2026-12-25, ascending
}

// Shift says which offset from UTC a zone has from a moment on.
type Shift struct {
	FromMS   int64 `json:"from_ms"`
	OffsetMS int64 `json:"offset_ms"`
}

// Hours is a part of a local day in minutes, From included, To not: 0 ≤ From < To ≤ 1440.
type Hours struct {
	From int `json:"from"`
	To   int `json:"to"`
}

// Validate returns every fault, by key.
func (c *Calendar) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for i, d := range c.Weekdays {
		if d < 0 || d > 6 || i > 0 && d <= c.Weekdays[i-1] {
			bad("calendar.weekdays: %v, want ascending days of 0 (Sunday) to 6", c.Weekdays)
			break
		}
	}
	for i, h := range c.Hours {
		if h.From < 0 || h.To > dayMin || h.From >= h.To || i > 0 && h.From < c.Hours[i-1].To || len(c.Hours) > maxHours {
			bad("calendar.hours: %v, want up to %d ascending parts of a day in minutes", c.Hours, maxHours)
			break
		}
	}
	for i, s := range c.Shifts {
		if i > 0 && s.FromMS <= c.Shifts[i-1].FromMS || s.OffsetMS < -maxOffsetMS || s.OffsetMS > maxOffsetMS || len(c.Shifts) > maxShifts {
			bad("calendar.shifts: want up to %d ascending offsets below 26 hours", maxShifts)
			break
		}
	}
	for i, h := range c.Holidays {
		if _, err := parseDay(h); err != nil || len(c.Holidays) > maxHolidays {
			bad("calendar.holidays: %.20q, want up to %d dates as 2026-12-25", h, maxHolidays)
			break
		} else if i > 0 && h <= c.Holidays[i-1] {
			bad("calendar.holidays: %q after %q, want ascending dates", h, c.Holidays[i-1])
			break
		}
	}
	return errors.Join(errs...)
}

// parseDay returns the days since 1970-01-01 of a date.
func parseDay(s string) (int64, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Format(time.DateOnly) != s {
		return 0, fmt.Errorf("date %.20q: want one as 2026-12-25", s)
	}
	return floorDiv(t.UnixMilli(), dayMS), nil
}

func formatDay(day int64) string { return time.UnixMilli(day * dayMS).UTC().Format(time.DateOnly) }

// offset returns the zone's offset at a moment, and until when it holds.
func (c *Calendar) offset(ms int64) (offsetMS, untilMS int64) {
	i, found := slices.BinarySearchFunc(c.Shifts, ms, func(s Shift, ms int64) int {
		switch {
		case s.FromMS < ms:
			return -1
		case s.FromMS > ms:
			return 1
		}
		return 0
	})
	if !found {
		i--
	}
	untilMS = 1<<62 - 1
	if i+1 < len(c.Shifts) {
		untilMS = c.Shifts[i+1].FromMS
	}
	if len(c.Shifts) == 0 {
		return 0, untilMS
	}
	return c.Shifts[max(i, 0)].OffsetMS, untilMS // before the table: as at its beginning
}

// weekday of a day since 1970-01-01, which was a Thursday.
func weekday(day int64) int { return int((day%7 + 7 + 4) % 7) }

// opens reports whether a local day is open at all.
func (c *Calendar) opens(day int64) bool {
	return (len(c.Weekdays) == 0 || slices.Contains(c.Weekdays, weekday(day))) && !c.holiday(day)
}

func (c *Calendar) holiday(day int64) bool {
	if len(c.Holidays) == 0 {
		return false
	}
	_, found := slices.BinarySearch(c.Holidays, formatDay(day))
	return found
}

// Holiday reports whether a part of [fromMS, toMS) lies on a holiday.
func (c *Calendar) Holiday(fromMS, toMS int64) bool {
	if c == nil || len(c.Holidays) == 0 {
		return false
	}
	for at := fromMS; at < toMS; {
		off, until := c.offset(at)
		end := min(toMS, until)
		for day := floorDiv(at+off, dayMS); day*dayMS < end+off; day++ {
			if c.holiday(day) {
				return true
			}
		}
		at = end
	}
	return false
}

// each calls yield with the open parts of [fromMS, toMS) in order, until it says stop.
func (c *Calendar) each(fromMS, toMS int64, yield func(fromMS, toMS int64) bool) {
	all := []Hours{{0, dayMin}}
	for at := fromMS; at < toMS; {
		off, until := c.offset(at)
		end := min(toMS, until)
		for day := floorDiv(at+off, dayMS); day*dayMS < end+off; day++ {
			if !c.opens(day) {
				continue
			}
			hours := c.Hours
			if len(hours) == 0 {
				hours = all
			}
			for _, h := range hours {
				a := max(day*dayMS+int64(h.From)*minuteMS-off, at)
				b := min(day*dayMS+int64(h.To)*minuteMS-off, end)
				if a < b && !yield(a, b) {
					return
				}
			}
		}
		at = end
	}
}

// OpenMS returns how much of [fromMS, toMS) is open. O(days) time.
func (c *Calendar) OpenMS(fromMS, toMS int64) (ms int64) {
	if c == nil {
		return max(0, toMS-fromMS)
	}
	c.each(fromMS, toMS, func(a, b int64) bool { ms += b - a; return true })
	return ms
}

// After returns the moment at which so much open time has passed since fromMS, or
// fromMS + horizon if that comes first.
func (c *Calendar) After(fromMS, openMS, horizonMS int64) (ms int64) {
	ms = fromMS + horizonMS
	if c == nil {
		return min(ms, fromMS+openMS)
	}
	c.each(fromMS, fromMS+horizonMS, func(a, b int64) bool {
		if b-a >= openMS {
			ms = a + openMS
			return false
		}
		openMS -= b - a
		return true
	})
	return ms
}

// perDay is the open time of an open day without shifts.
func (c *Calendar) perDay() (ms int64) {
	if len(c.Hours) == 0 {
		return dayMS
	}
	for _, h := range c.Hours {
		ms += int64(h.To-h.From) * minuteMS
	}
	return ms
}

// perWeek is the share of a week without holidays that is open.
func (c *Calendar) perWeek() float64 {
	days := len(c.Weekdays)
	if days == 0 {
		days = 7
	}
	return float64(days) * float64(c.perDay()) / float64(7*dayMS)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}
