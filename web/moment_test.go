package web

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseMoment(t *testing.T) {
	t.Parallel()
	const now = int64(1_800_000_000_000)
	tests := []struct {
		in   string
		want int64
		bad  bool
	}{
		{"now", now, false},
		{"now-7d", now - 7*dayMS, false},
		{"now-90m", now - 90*60_000, false},
		{"2026-01-02", 1767312000000, false},
		{"2026-01-02T03:04:05Z", 1767323045000, false},
		{"2026-01-02T03:04:05.678+01:00", 1767319445678, false},
		{"1767312000000", 1767312000000, false},
		{"", 0, true},
		{"now-", 0, true},
		{"now+1d", 0, true},
		{"02.01.2026", 0, true},
	}
	for _, tt := range tests {
		got, err := parseMoment(tt.in, now)
		if (err != nil) != tt.bad || !tt.bad && got != tt.want {
			t.Errorf("parseMoment(%q) = %d, %v; want %d, fault %v", tt.in, got, err, tt.want, tt.bad)
		}
	}
}

func TestParseSpan(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]int64{
		"90s": 90_000, "15m": 900_000, "24h": dayMS, "7d": 7 * dayMS, "2w": 14 * dayMS, "250": 250, "": 0, "d": 0, "0h": 0, "-1d": 0, "1.5d": 0, "9999999999999w": 0,
	} {
		if got, err := parseSpan(in); got != want || (err == nil) != (want != 0) {
			t.Errorf("parseSpan(%q) = %d, %v; want %d", in, got, err, want)
		}
	}
}

func TestWordsForTimesAndCounts(t *testing.T) {
	t.Parallel()
	for _, x := range []struct{ got, want string }{
		{spanText(dayMS), "24 h"}, {spanText(7 * dayMS), "7 d"}, {spanText(90 * 60_000), "90 min"}, {spanText(36 * hourMS), "36 h"}, {spanText(1500), "1500 ms"}, {spanText(5000), "5 s"},
		{roughText(15721200001), "182 d"}, {roughText(36*hourMS + 1), "36 h"}, {roughText(150_001), "2.5 min"}, {roughText(1500), "1500 ms"},
		{momentText(0), "–"}, {momentText(1767323045000), "2026-01-02 03:04"},
		{agoText(0, 5), ""}, {agoText(1000, 2000), "just now"}, {agoText(1, 3*hourMS), "2 h ago"}, {agoText(1, 800*dayMS), "2 y ago"}, {agoText(5*dayMS, 1), "in 4 d"},
		{groupText(0), "0"}, {groupText(999), "999"}, {groupText(12431), "12,431"}, {groupText(-1234567), "-1,234,567"},
		{percent(0), "0 %"}, {percent(0.0001), "< 0.1 %"}, {percent(0.084), "8.4 %"}, {percent(0.555), "56 %"},
		{decimals(0.31), "0.310"}, {decimals(12345), "1.234e+04"}, {short(0.2), "0.2"},
	} {
		if x.got != x.want {
			t.Errorf("got %q, want %q", x.got, x.want)
		}
	}
	for x, want := range map[float64]float64{0.31: 0.32, 0.315: 0.32, 0.29: 0.30, 0.5454: 0.55, 0: 0.01} {
		if got := above(x); got-want > 1e-9 || want-got > 1e-9 || got <= x {
			t.Errorf("above(%v) = %v, want %v", x, got, want)
		}
	}
}

func TestDiffJSON(t *testing.T) {
	t.Parallel()
	d, err := diffJSON([]byte(`{"a":1,"b":{"c":[1,2],"d":"x"},"e":[{"f":1}]}`), []byte(`{"a":1,"b":{"c":[1,3]},"e":[{"f":2}],"g":null}`))
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, c := range d {
		keys = append(keys, c.Key)
	}
	if got := strings.Join(keys, " "); got != "b.c b.d e.0.f" {
		t.Errorf("keys %q", got)
	}
	if _, err := diffJSON([]byte("{"), nil); err == nil {
		t.Error("broken JSON is no fault")
	}
}

func FuzzParseMoment(f *testing.F) {
	for _, s := range []string{"now", "now-7d", "2026-01-02", "2026-01-02T03:04:05Z", "1767312000000", "now-9999999999999999999w", "-5", "９d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if _, err := parseMoment(s, 0); err != nil && !strings.Contains(err.Error(), "write ") {
			t.Errorf("%q: %v does not say what to write", s, err)
		}
		if ms, err := parseSpan(s); err == nil && (ms <= 0 || spanText(ms) == "") {
			t.Errorf("%q is %d", s, ms)
		}
	})
}

// FuzzBodies reads records and settings of any bytes: a fault or a value, no panic.
func FuzzBodies(f *testing.F) {
	for _, s := range []string{`{}`, `[]`, `{"features":[{"psi":1,"top":[{"part":null}]}],"alarms":[{}]}`, `{"data":{"top":[{"psi":200000000}]}}`, `{"checks":[{"value":1e400}]}`, `{"features":[{"psi":"x"}]}`, `{"a":{"b":[{"c":1}]}}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if b, err := parseScore(s); err == nil {
			byContribution(b.Features)
			featuresOf(b.Features)
		}
		if e, err := parseEvent(s); err == nil {
			st := story{first: &e.Data, last: &e.Data, features: e.Data.Top}
			for _, kind := range []string{"drift", "quality", "performance"} {
				st.alarm.Kind = kind
				if text := st.why() + st.most() + st.silent(); utf8.ValidString(s) && !utf8.ValidString(text) {
					t.Errorf("%q is told as %q", s, text)
				}
			}
		}
		if _, err := parseGates(s); err == nil {
			indent(s)
		}
		if d, err := diffJSON([]byte(s), []byte(s)); err == nil && len(d) > 0 {
			t.Errorf("%q differs from itself: %v", s, d)
		}
	})
}
