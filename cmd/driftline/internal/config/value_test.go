package config

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

func TestParseDuration_ReadsGoUnitsDaysAndWeeks(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text  string
		want  time.Duration
		shown string // String of the result
	}{
		{"0", 0, "0s"},
		{"0s", 0, "0s"},
		{"0d", 0, "0s"},
		{"60s", time.Minute, "1m"},
		{"90s", 90 * time.Second, "1m30s"},
		{"1h", time.Hour, "1h"},
		{"1h0m5s", time.Hour + 5*time.Second, "1h0m5s"},
		{"24h", 24 * time.Hour, "24h"},
		{"1d", 24 * time.Hour, "24h"},
		{"7d", 7 * 24 * time.Hour, "7d"},
		{"2w", 14 * 24 * time.Hour, "14d"},
		{"1d12h", 36 * time.Hour, "36h"},
		{"12h1d", 36 * time.Hour, "36h"},
		{" 5m ", 5 * time.Minute, "5m"},
		{"1.5h", 90 * time.Minute, "1h30m"},
		{"250ms", 250 * time.Millisecond, "250ms"},
		{"-1d", -24 * time.Hour, "-24h"},
		{"106751d", 106751 * 24 * time.Hour, "106751d"},
	}
	for _, tt := range tests {
		got, err := ParseDuration(tt.text)
		if err != nil || got.Std() != tt.want || got.String() != tt.shown {
			t.Errorf("ParseDuration(%q) = %v (%s), %v; want %v (%s)", tt.text, got.Std(), got, err, tt.want, tt.shown)
		}
	}
}

func TestParseDuration_RefusesTheRest(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", " ", "-", "5", "s", "d", "1.5d", "5 m", "1y", "1d-2h", "7days", "1e3s", "106752d", "106751d48h", "99999999999999999999d", "NaN", "1h,2h", "--1h",
	} {
		if got, err := ParseDuration(text); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", text)) {
			t.Errorf("ParseDuration(%q) = %v, %v; want an error that shows the text", text, got, err)
		}
	}
}

func FuzzParseDuration(f *testing.F) {
	for _, seed := range []string{"0", "60s", "1d12h", "2w", "-3h", "1.5d", "106751d", "9223372036854775807ns"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseDuration(text)
		if err != nil {
			return
		}
		if back, err := ParseDuration(d.String()); err != nil || back != d {
			t.Errorf("%q is %s, which reads back as %s, %v", text, d, back, err)
		}
	})
}

func TestParseSize_ReadsBytesAndUnits(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text  string
		want  Size
		shown string
	}{
		{"0", 0, "0"}, {"4096", 4096, "4KiB"}, {"1000", 1000, "1000"}, {"512KiB", 512 << 10, "512KiB"},
		{"1 MiB", 1 << 20, "1MiB"}, {"256MB", 256e6, "250000KiB"}, {"2GiB", 2 << 30, "2GiB"}, {"7B", 7, "7"}, {"1kB", 1000, "1000"},
	}
	for _, tt := range tests {
		got, err := ParseSize(tt.text)
		if err != nil || got != tt.want || got.String() != tt.shown {
			t.Errorf("ParseSize(%q) = %d (%s), %v; want %d (%s)", tt.text, int64(got), got, err, int64(tt.want), tt.shown)
		}
	}
	for _, text := range []string{"", "-1", "1.5MiB", "1TB", "MiB", "9999999999GiB", "1 M"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("ParseSize(%q) = %s, want an error", text, got)
		}
	}
}

func TestSecret_NeverShowsThePassword(t *testing.T) {
	t.Parallel()
	const password = "s3cr3t-word"
	tests := []struct{ text, shown string }{
		{"postgres://ann:" + password + "@db:5432/acis", "postgres://ann:xxxxx@db:5432/acis"},
		{"postgresql+psycopg2://ann:" + password + "@db/acis?sslmode=require", "postgresql+psycopg2://ann:xxxxx@db/acis?sslmode=require"},
		{"postgres://db/acis?user=ann&password=" + password, "postgres://db/acis?password=xxxxx&user=ann"},
		{"host=db user=ann password=" + password, "xxxxx"},
		{"postgres://ann:" + password + "%zz@db/acis", "xxxxx"}, // no URL
		{"ann:" + password + "@db/acis", "ann:xxxxx"},
		{"sqlite:data/store.db", "sqlite:data/store.db"},
		{"/var/lib/driftline/store.db", "/var/lib/driftline/store.db"},
		{"postgres://ann@db/acis", "postgres://ann@db/acis"},
		{"", ""},
	}
	for _, tt := range tests {
		s := Secret(tt.text)
		if s.Reveal() != tt.text {
			t.Errorf("Reveal() = %q, want %q", s.Reveal(), tt.text)
		}
		if got := s.String(); got != tt.shown {
			t.Errorf("String of %q = %q, want %q", tt.text, got, tt.shown)
		}
		asJSON, err := json.Marshal(map[string]any{"v": s, "in": struct{ S Secret }{s}})
		if err != nil {
			t.Fatal(err)
		}
		asYAML, err := yaml.Marshal(struct{ S Secret }{s})
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf("%v %s %q %x %X %#v %+v %d %v %s", s, s, s, s, s, s, s, s, []Secret{s}, struct{ S Secret }{s}) + string(asJSON) + string(asYAML)
		if strings.Contains(text, password) || strings.Contains(text, fmt.Sprintf("%x", password)) {
			t.Errorf("the password shows in %s", text)
		}
	}
}

func TestNearest_FindsTyposAndLeavesStrangersAlone(t *testing.T) {
	t.Parallel()
	keys := []string{"resolution", "lateness", "skew", "windows", "worker_index", "worker_count"}
	tests := []struct{ word, want string }{
		{"latness", "lateness"}, {"lateness", "lateness"}, {"Lateness", "lateness"}, {"worker-index", "worker_index"},
		{"wnidows", "windows"}, {"rezolution", "resolution"}, {"sekw", "skew"}, {"banana", ""}, {"", ""}, {"x", ""},
	}
	for _, tt := range tests {
		if got := Nearest(tt.word, keys); got != tt.want {
			t.Errorf("Nearest(%q) = %q, want %q", tt.word, got, tt.want)
		}
	}
	if got := edits("ab", "ba"); got != 1 {
		t.Errorf("edits of two swapped letters = %d, want 1", got)
	}
	if got := edits("kitten", "sitting"); got != 3 {
		t.Errorf("edits(kitten, sitting) = %d, want 3", got)
	}
	if got := edits("", "abc"); got != 3 {
		t.Errorf("edits of nothing = %d, want 3", got)
	}
}
