package cadence

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

const hour = int64(3_600_000)

// berlin is the table of a zone as the configuration makes it.
func berlin(t testing.TB) (*time.Location, []Shift) {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return zone, table(zone, 2020, 2032)
}

func table(zone *time.Location, fromYear, toYear int) (out []Shift) {
	at := time.Date(fromYear, 1, 1, 0, 0, 0, 0, time.UTC)
	for at.Year() < toYear {
		_, off := at.In(zone).Zone()
		out = append(out, Shift{at.UnixMilli(), int64(off) * 1000})
		_, end := at.In(zone).ZoneBounds()
		if end.IsZero() {
			break
		}
		at = end
	}
	return out
}

func ms(t testing.TB, text string) int64 {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at.UnixMilli()
}

// The open time of any span is that which a walk minute by minute through the zone finds,
// over both ends of summer time, holidays, leap days and the turn of a year.
func TestCalendar_OpenTimeIsWhatTheWallClockSays(t *testing.T) {
	t.Parallel()
	zone, shifts := berlin(t)
	for name, c := range map[string]*Calendar{
		"weekdays":    {Shifts: shifts, Weekdays: []int{1, 2, 3, 4, 5}},
		"office":      {Shifts: shifts, Weekdays: []int{1, 2, 3, 4, 5}, Hours: []Hours{{8 * 60, 18 * 60}}, Holidays: []string{"2024-02-29", "2024-12-25"}},
		"night":       {Shifts: shifts, Hours: []Hours{{0, 4 * 60}, {22*60 + 30, 24 * 60}}},
		"Sunday only": {Shifts: shifts, Weekdays: []int{0}, Hours: []Hours{{2 * 60, 3 * 60}}}, // the hour that is missing, or comes twice
	} {
		if err := c.Validate(); err != nil {
			t.Fatal(name, err)
		}
		open := func(at time.Time) bool {
			local := at.In(zone)
			if len(c.Weekdays) > 0 {
				found := false
				for _, d := range c.Weekdays {
					found = found || int(local.Weekday()) == d
				}
				if !found {
					return false
				}
			}
			for _, h := range c.Holidays {
				if local.Format(time.DateOnly) == h {
					return false
				}
			}
			minute := local.Hour()*60 + local.Minute()
			for _, h := range c.Hours {
				if minute >= h.From && minute < h.To {
					return true
				}
			}
			return len(c.Hours) == 0
		}
		rng := rand.New(rand.NewPCG(1, 2))
		starts := []string{"2024-03-29T00:00:00Z", "2024-10-25T12:00:00Z", "2024-02-27T00:00:00Z", "2023-12-30T00:00:00Z", "2024-12-23T00:00:00Z"}
		for range 40 {
			from := ms(t, starts[rng.IntN(len(starts))]) + rng.Int64N(3*24*60)*minuteMS
			to := from + rng.Int64N(4*24*60)*minuteMS
			want := int64(0)
			for at := from; at < to; at += minuteMS {
				if open(time.UnixMilli(at)) {
					want += minuteMS
				}
			}
			got := c.OpenMS(from, to)
			if got != want {
				t.Fatalf("%s: %d to %d: %d minutes open, want %d", name, from, to, got/minuteMS, want/minuteMS)
			}
			if want == 0 {
				continue
			}
			// After is its inverse: that much open time ends there, and not before.
			end := c.After(from, want, horizonMS)
			if c.OpenMS(from, end) != want || c.OpenMS(from, end-minuteMS) >= want {
				t.Fatalf("%s: after %d minutes from %d: %d", name, want/minuteMS, from, end)
			}
		}
	}
}

func TestPlan_WhenADeliveryIsDue(t *testing.T) {
	t.Parallel()
	_, shifts := berlin(t)
	week := []int{1, 2, 3, 4, 5}
	for _, tt := range []struct {
		name      string
		plan      Plan
		last, due string
	}{
		{"a day and a quarter by default", Plan{EveryMS: 24 * hour}, "2026-01-05T06:00:00Z", "2026-01-06T12:00:00Z"},
		{"a grace of an hour", Plan{EveryMS: 24 * hour, GraceMS: hour}, "2026-01-05T06:00:00Z", "2026-01-06T07:00:00Z"},
		{"Friday to Monday", Plan{EveryMS: 24 * hour, GraceMS: hour, Calendar: &Calendar{Weekdays: week}}, "2026-01-09T06:00:00Z", "2026-01-12T07:00:00Z"},
		{"over a holiday", Plan{EveryMS: 24 * hour, GraceMS: hour, Calendar: &Calendar{Weekdays: week, Holidays: []string{"2026-01-12"}}}, "2026-01-09T06:00:00Z", "2026-01-13T07:00:00Z"},
		{"over a leap day", Plan{EveryMS: 24 * hour, GraceMS: hour}, "2028-02-28T06:00:00Z", "2028-02-29T07:00:00Z"},
		{"a day is a day over the end of summer time", Plan{EveryMS: 24 * hour, GraceMS: hour, Calendar: &Calendar{Shifts: shifts}}, "2026-10-24T06:00:00Z", "2026-10-25T07:00:00Z"},
		{"a calendar alone: one in the hours of a day", Plan{GraceMS: hour, Calendar: &Calendar{Weekdays: week, Hours: []Hours{{8 * 60, 18 * 60}}}}, "2026-01-09T08:30:00Z", "2026-01-12T09:30:00Z"},
		{"hours in a zone", Plan{GraceMS: hour, Calendar: &Calendar{Shifts: shifts, Weekdays: week, Hours: []Hours{{8 * 60, 18 * 60}}}}, "2026-07-10T06:30:00Z", "2026-07-13T07:30:00Z"},
		{"never open: never due", Plan{EveryMS: hour, Calendar: &Calendar{Weekdays: []int{0}, Hours: []Hours{{0, 1}}, Holidays: nil}}, "2026-01-05T00:00:00Z", "2027-02-28T00:01:00Z"},
	} {
		if err := tt.plan.Validate(); err != nil {
			t.Fatal(tt.name, err)
		}
		if tt.name == "never open: never due" { // an hour of minutes that come once a week
			if got := tt.plan.DueMS(ms(t, tt.last)); got < ms(t, tt.due) {
				t.Errorf("%s: %s", tt.name, time.UnixMilli(got).UTC())
			}
			continue
		}
		if got := tt.plan.DueMS(ms(t, tt.last)); got != ms(t, tt.due) {
			t.Errorf("%s: due %s, want %s", tt.name, time.UnixMilli(got).UTC().Format(time.RFC3339), tt.due)
		}
	}
}

func TestPlan_ClosedAndThin(t *testing.T) {
	t.Parallel()
	p := &Plan{Calendar: &Calendar{Weekdays: []int{1, 2, 3, 4, 5}}}
	monday := ms(t, "2026-01-12T00:00:00Z")
	for _, tt := range []struct {
		from, to     int64
		closed, thin bool
	}{
		{monday - hour, monday, true, true},
		{monday - hour, monday + 1, false, true},
		{monday - 20*hour, monday + 4*hour, false, true},
		{monday - 12*hour, monday + 12*hour, false, false},
		{monday - 48*hour, monday, true, true},
		{monday - 5*24*hour, monday + 2*24*hour, false, false},
	} {
		if p.Closed(tt.from, tt.to) != tt.closed || p.Thin(tt.from, tt.to) != tt.thin {
			t.Errorf("%+v: closed %v, thin %v", tt, p.Closed(tt.from, tt.to), p.Thin(tt.from, tt.to))
		}
	}
	var none *Plan
	if none.Declared() || none.Closed(0, 1) || none.Thin(0, 1) || none.Source() != "learnt" || none.Validate() != nil {
		t.Error("no plan says something")
	}
}

func TestCalendar_ValidateNamesEveryFault(t *testing.T) {
	t.Parallel()
	p := Plan{EveryMS: -1, GraceMS: 400 * dayMS, Calendar: &Calendar{
		Weekdays: []int{1, 1}, Hours: []Hours{{600, 500}}, Holidays: []string{"2026-02-29"},
		Shifts: []Shift{{0, 0}, {0, 1}},
	}}
	err := p.Validate()
	if err == nil {
		t.Fatal("accepted")
	}
	for _, key := range []string{"expect_every", "grace", "weekdays", "hours", "shifts", "holidays"} {
		if !strings.Contains(err.Error(), key) {
			t.Errorf("%q does not name %s", err, key)
		}
	}
}
