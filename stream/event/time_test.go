package event

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"
)

func TestParseRFC3339_FloorsToMilliseconds(t *testing.T) {
	t.Parallel()
	const bad = math.MinInt64
	tests := []struct {
		text string
		want int64 // bad if it must be refused
	}{
		{"1970-01-01T00:00:00Z", 0},
		{"1970-01-01t00:00:00z", 0},
		{"1970-01-01 00:00:00Z", 0},
		{"1970-01-01T00:00:00.9999999999999Z", 999},
		{"1969-12-31T23:59:59.9999Z", -1},
		{"1969-12-31T23:59:59.0001Z", -1000}, // floor, not towards zero
		{"1970-01-01T00:00:00.5Z", 500},
		{"1970-01-01T00:00:00.05Z", 50},
		{"1970-01-01T00:00:00.0059Z", 5},
		{"1970-01-01T01:30:00+01:30", 0},
		{"1969-12-31T16:00:00-08:00", 0},
		{"2024-02-29T12:00:00Z", 1709208000000},
		{"2016-12-31T23:59:60Z", 1483228800000},      // a leap second is the second after it
		{"2017-01-01T00:59:60+01:00", 1483228800000}, // the same in another zone
		{"0001-01-01T00:00:00Z", minTimeMS},
		{"9999-12-31T23:59:59.9999Z", maxTimeMS},
		{"0000-12-31T23:59:00-00:01", minTimeMS},
		{"2016-12-31T23:58:60Z", bad},
		{"2023-02-29T12:00:00Z", bad},
		{"1900-02-29T12:00:00Z", bad},
		{"2026-00-01T00:00:00Z", bad},
		{"2026-13-01T00:00:00Z", bad},
		{"2026-04-31T00:00:00Z", bad},
		{"2026-01-01T24:00:00Z", bad},
		{"2026-01-01T00:60:00Z", bad},
		{"2026-01-01T00:00:61Z", bad},
		{"2026-01-01T00:00:00", bad},
		{"2026-01-01T00:00:00.Z", bad},
		{"2026-01-01T00:00:00.5", bad},
		{"2026-01-01T00:00:00,5Z", bad},
		{"2026-01-01T00:00:00+1:00", bad},
		{"2026-01-01T00:00:00+24:00", bad},
		{"2026-01-01T00:00:00+0100", bad},
		{"2026-01-01T00:00:00Zulu", bad},
		{"2026-1-01T00:00:00ZZ", bad},
		{"2026-01-01", bad},
		{"20260101T000000Z0000", bad},
		{"+026-01-01T00:00:00Z", bad},
		{"0000-12-31T23:59:59Z", bad},
		{"9999-12-31T23:59:59-00:01", bad},
		{"", bad},
	}
	for _, tt := range tests {
		got, ok := parseRFC3339(tt.text)
		if want := tt.want != bad; ok != want || ok && got != tt.want {
			t.Errorf("parseRFC3339(%q) = %d, %v, want %d, %v", tt.text, got, ok, tt.want, want)
		}
	}
}

func TestParseRFC3339_AgreesWithPackageTimeOnRandomTimes(t *testing.T) {
	t.Parallel()
	const seed = 20260102
	r := rand.New(rand.NewPCG(seed, 1))
	for range 20000 {
		zone := time.FixedZone("", 60*(r.IntN(2*23*60)-23*60))
		at := time.Unix(minTimeMS/1000+r.Int64N((maxTimeMS-minTimeMS)/1000), r.Int64N(1e9)).In(zone)
		if y := at.Year(); y < 1 || y > 9999 {
			continue
		}
		text := at.Format(time.RFC3339Nano)
		if got, ok := parseRFC3339(text); !ok || got != at.UnixMilli() {
			t.Fatalf("seed %d: parseRFC3339(%q) = %d, %v, want %d", seed, text, got, ok, at.UnixMilli())
		}
	}
}

func TestParseEpochMS_IsExact(t *testing.T) {
	t.Parallel()
	const bad = math.MinInt64
	tests := []struct {
		text string
		want int64
	}{
		{"0", 0},
		{"-0", 0},
		{"-0.0e5", 0},
		{"0e999999999999", 0},
		{"1767323045678", 1767323045678},
		{"1767323045678.0", 1767323045678},
		{"1.767323045678e12", 1767323045678},
		{"1767323045678000e-3", 1767323045678},
		{"1767323045678.9", 1767323045678},
		{"1767323045678.99999999999999999999", 1767323045678}, // a float64 would round this up
		{"-1", -1},
		{"-0.5", -1},
		{"-1.0", -1},
		{"-1.5", -2},
		{"-1.0000000000000000000001", -2},
		{"-1e-400", -1},
		{"1e-400", 0},
		{"-15e-1", -2},
		{"-10e-1", -1},
		{"0.0000015e6", 1},
		{"253402300799999", maxTimeMS},
		{"253402300799999.9", maxTimeMS},
		{"-62135596800000", minTimeMS},
		{"253402300800000", bad},
		{"-62135596800000.1", bad},
		{"-62135596800001", bad},
		{"1e15", bad},
		{"1e999", bad},
		{"-1e99999999999999999999", bad},
		{"999999999999999999999999999", bad},
	}
	for _, tt := range tests {
		got, ok := parseEpochMS(tt.text)
		if want := tt.want != bad; ok != want || ok && got != tt.want {
			t.Errorf("parseEpochMS(%q) = %d, %v, want %d, %v", tt.text, got, ok, tt.want, want)
		}
	}
}

func TestParseEpochMS_AgreesWithFloorOfShortNumbers(t *testing.T) {
	t.Parallel()
	const seed = 7
	r := rand.New(rand.NewPCG(seed, 2))
	for range 20000 {
		x := float64(r.Int64N(1<<40)-1<<39) / float64(int64(1)<<r.IntN(12)) // exact in both bases
		for _, format := range []byte{'f', 'e'} {
			text := strconv.FormatFloat(x, format, -1, 64)
			if got, ok := parseEpochMS(text); !ok || got != int64(math.Floor(x)) {
				t.Fatalf("seed %d: parseEpochMS(%q) = %d, %v, want %d", seed, text, got, ok, int64(math.Floor(x)))
			}
		}
	}
}
