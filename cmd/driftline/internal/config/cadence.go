package config

import (
	"fmt"
	"slices"
	"time"
	_ "time/tzdata" // zones are known where the machine has no table of them

	"github.com/driftline/driftline/drift/cadence"
)

// Cadence says when rows of a model are to be expected.
type Cadence struct {
	ExpectEvery Duration `yaml:"expect_every" doc:"A row is expected at least so often, counted in the calendar's open time: 24h for what comes once a day. 0: with a calendar once on each of its days, else as learnt from the last four weeks."`
	Grace       Duration `yaml:"grace" doc:"How much later is not late yet, counted the same way; 0 for a quarter of expect_every."`
	Calendar    Calendar `yaml:"calendar" doc:"When rows come at all; nothing set: always."`
}

// Calendar is the open time of a cadence.
type Calendar struct {
	Zone     string   `yaml:"zone" doc:"Time zone of hours and days, as Europe/Berlin. Its rules are fixed when the model is applied."`
	Weekdays []string `yaml:"weekdays" enum:"mon|tue|wed|thu|fri|sat|sun" doc:"Days on which rows come; empty for all."`
	Hours    []string `yaml:"hours" doc:"Parts of these days in which rows come, as 08:00-18:00; what crosses midnight is written as two. Empty for the whole day."`
	Holidays []string `yaml:"holidays" doc:"Days on which no rows come, as 2026-12-25."`
}

var weekdayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// set says whether anything is declared.
func (c *Calendar) set() bool { return len(c.Weekdays)+len(c.Hours)+len(c.Holidays) > 0 }

// check adds the faults of a cadence, which stands at key.
func (c *Cadence) check(k *checker, key string) {
	k.span(key+".expect_every", c.ExpectEvery, 0)
	k.span(key+".grace", c.Grace, 0)
	const most = 366 * days
	k.must(c.ExpectEvery <= most, key+".expect_every", "%s; want at most 366d", c.ExpectEvery)
	k.must(c.Grace <= most, key+".grace", "%s; want at most 366d", c.Grace)
	k.must(c.Grace == 0 || c.ExpectEvery > 0 || c.Calendar.set(), key+".grace", "%s without expect_every or a calendar", c.Grace)
	at := key + ".calendar"
	if _, err := loadZone(c.Calendar.Zone); err != nil {
		k.bad(at+".zone", "%q; want a time zone such as UTC or Europe/Berlin", c.Calendar.Zone)
	}
	for i, d := range c.Calendar.Weekdays {
		k.must(slices.Contains(weekdayNames, d) && !slices.Contains(c.Calendar.Weekdays[:i], d), fmt.Sprintf("%s.weekdays[%d]", at, i), "%q; want each of mon, tue, wed, thu, fri, sat, sun at most once", d)
	}
	last := 0
	for i, text := range c.Calendar.Hours {
		h, err := parseHours(text)
		k.must(err == nil && h.From >= last, fmt.Sprintf("%s.hours[%d]", at, i), "%q; want ascending hours of one day such as 08:00-18:00", text)
		last = h.To
	}
	for i, text := range c.Calendar.Holidays {
		t, err := time.Parse(time.DateOnly, text)
		k.must(err == nil && t.Format(time.DateOnly) == text, fmt.Sprintf("%s.holidays[%d]", at, i), "%q; want a date such as 2026-12-25", text)
	}
	k.must(len(c.Calendar.Holidays) <= 1000, at+".holidays", "%d of them; want at most 1000", len(c.Calendar.Holidays))
}

func loadZone(name string) (*time.Location, error) {
	if name == "Local" { // differs between machines
		return nil, fmt.Errorf("zone Local has no rules of its own")
	}
	return time.LoadLocation(name)
}

// parseHours reads "08:00-18:00"; a day ends at 24:00.
func parseHours(text string) (h cadence.Hours, err error) {
	var fromHour, fromMinute, toHour, toMinute int
	n, err := fmt.Sscanf(text, "%02d:%02d-%02d:%02d", &fromHour, &fromMinute, &toHour, &toMinute)
	if err != nil || n != 4 || text != fmt.Sprintf("%02d:%02d-%02d:%02d", fromHour, fromMinute, toHour, toMinute) {
		return h, fmt.Errorf("hours %q", text)
	}
	h = cadence.Hours{From: fromHour*60 + fromMinute, To: toHour*60 + toMinute}
	if fromHour < 0 || fromMinute < 0 || toMinute < 0 || fromMinute > 59 || toMinute > 59 || h.To > 24*60 || h.From >= h.To {
		return h, fmt.Errorf("hours %q", text)
	}
	return h, nil
}

// Years for which the rules of a zone are written into the policy.
const (
	zoneFrom = 1995
	zoneTo   = 2060
)

// shifts are the rules of a zone as a table; nil for UTC.
func shifts(zone *time.Location) (out []cadence.Shift) {
	at := time.Date(zoneFrom, 1, 1, 0, 0, 0, 0, time.UTC)
	for at.Year() < zoneTo {
		_, offset := at.In(zone).Zone()
		ms := int64(offset) * 1000
		if len(out) == 0 || out[len(out)-1].OffsetMS != ms {
			out = append(out, cadence.Shift{FromMS: at.UnixMilli(), OffsetMS: ms})
		}
		_, end := at.In(zone).ZoneBounds()
		if end.IsZero() {
			break
		}
		if !end.After(at) { // beyond a zone's own table, the bounds end with the year and may not move on
			end = at.Add(time.Hour)
		}
		at = end
	}
	if len(out) == 1 && out[0].OffsetMS == 0 {
		return nil
	}
	return out
}

// Wire returns the cadence as the stream takes it, nil where nothing is declared. The
// configuration must be valid.
func (c *Cadence) Wire() *cadence.Plan {
	if c.ExpectEvery == 0 && !c.Calendar.set() {
		return nil
	}
	p := &cadence.Plan{EveryMS: c.ExpectEvery.MS(), GraceMS: c.Grace.MS()}
	if !c.Calendar.set() {
		return p
	}
	p.Calendar = &cadence.Calendar{Zone: c.Calendar.Zone}
	if zone, err := loadZone(c.Calendar.Zone); err == nil {
		p.Calendar.Shifts = shifts(zone)
	}
	for i, name := range weekdayNames {
		if slices.Contains(c.Calendar.Weekdays, name) {
			p.Calendar.Weekdays = append(p.Calendar.Weekdays, i)
		}
	}
	for _, text := range c.Calendar.Hours {
		if h, err := parseHours(text); err == nil {
			p.Calendar.Hours = append(p.Calendar.Hours, h)
		}
	}
	p.Calendar.Holidays = slices.Clone(c.Calendar.Holidays)
	slices.Sort(p.Calendar.Holidays)
	p.Calendar.Holidays = slices.Compact(p.Calendar.Holidays)
	return p
}
