package config

import (
	"strings"
	"testing"
	"time"

	"github.com/driftline/driftline/stream/wire"
)

func TestCadence_ReachesTheStream(t *testing.T) {
	t.Parallel()
	c := Cadence{ExpectEvery: 24 * hour, Grace: 2 * hour, Calendar: Calendar{
		Zone: "Europe/Berlin", Weekdays: []string{"fri", "mon"}, Hours: []string{"00:00-06:00", "08:30-24:00"}, Holidays: []string{"2026-12-25", "2026-01-01"},
	}}
	p := c.Wire()
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	if p.EveryMS != 86_400_000 || p.GraceMS != 7_200_000 || len(p.Calendar.Weekdays) != 2 || p.Calendar.Weekdays[0] != 1 || p.Calendar.Weekdays[1] != 5 {
		t.Errorf("%+v, %+v", p, p.Calendar)
	}
	if h := p.Calendar.Hours; len(h) != 2 || h[0].From != 0 || h[0].To != 360 || h[1].From != 510 || h[1].To != 1440 {
		t.Errorf("hours %+v", h)
	}
	if h := p.Calendar.Holidays; len(h) != 2 || h[0] != "2026-01-01" {
		t.Errorf("holidays %v", h)
	}
	// The table says what the zone says.
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for at := time.Date(1996, 1, 1, 0, 30, 0, 0, time.UTC); at.Year() < 2059; at = at.Add(31 * 24 * time.Hour) {
		_, want := at.In(zone).Zone()
		got := int64(0)
		for _, s := range p.Calendar.Shifts {
			if s.FromMS <= at.UnixMilli() {
				got = s.OffsetMS
			}
		}
		if got != int64(want)*1000 {
			t.Fatalf("%s: offset %d ms, want %d s", at, got, want)
		}
	}
	policy := defaultPolicy()
	if w := policy.Wire(); w.Cadence != nil || w.Quality != wire.DefaultPolicy().Quality {
		t.Errorf("by default %+v, %+v", w.Cadence, w.Quality)
	}
	policy.Cadence, policy.Quality.Volume = c, "off"
	if w, err := wire.DecodePolicy(policy.Wire().Encode()); err != nil || w.Cadence == nil || w.Quality.Volume.On() || !w.Quality.Schema.On() {
		t.Errorf("%+v, %v", w, err)
	}
	if p := (&Cadence{Calendar: Calendar{Zone: "UTC", Weekdays: []string{"mon"}}}).Wire(); len(p.Calendar.Shifts) > 0 {
		t.Errorf("UTC has shifts: %v", p.Calendar.Shifts)
	}
}

func TestCadence_EveryFaultNamesItsKey(t *testing.T) {
	t.Parallel()
	c := Default()
	c.Policy.Quality.Freshness = "maybe"
	c.Policy.Cadence = Cadence{ExpectEvery: -hour, Grace: 400 * days, Calendar: Calendar{
		Zone: "Europe/Atlantis", Weekdays: []string{"mon", "mon", "someday"}, Hours: []string{"18:00-08:00", "8-9", "25:00-26:00"}, Holidays: []string{"2026-02-29"},
	}}
	err := c.Validate()
	if err == nil {
		t.Fatal("accepted")
	}
	for _, key := range []string{
		"policy.quality.freshness", "policy.cadence.expect_every", "policy.cadence.grace", "policy.cadence.calendar.zone",
		"policy.cadence.calendar.weekdays[1]", "policy.cadence.calendar.weekdays[2]", "policy.cadence.calendar.hours[0]",
		"policy.cadence.calendar.hours[1]", "policy.cadence.calendar.hours[2]", "policy.cadence.calendar.holidays[0]",
	} {
		if !strings.Contains(err.Error(), key) {
			t.Errorf("no fault names %s:\n%v", key, err)
		}
	}
	c = Default()
	c.Policy.Cadence.Grace = hour
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "policy.cadence.grace") {
		t.Errorf("a grace of nothing: %v", err)
	}
	for _, zone := range []string{"", "UTC", "America/New_York"} {
		c := Default()
		c.Policy.Cadence.Calendar = Calendar{Zone: zone, Weekdays: []string{"mon"}}
		if err := c.Validate(); err != nil {
			t.Errorf("zone %q: %v", zone, err)
		}
	}
}
