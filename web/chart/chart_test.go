package chart

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
)

func at(text string) int64 {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t.UnixMilli()
}

func TestTimeTicks_AreFewAndRounded(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, from, to, first, second string }{
		{"an hour", "2026-01-02T03:07:00Z", "2026-01-02T04:07:00Z", "03:15", "03:30"},
		{"a day", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z", "Jan 2", "03:00"},
		{"a week", "2026-01-02T05:00:00Z", "2026-01-09T05:00:00Z", "Jan 3", "Jan 4"},
		{"half a year", "2026-01-02T05:00:00Z", "2026-07-02T05:00:00Z", "2026-02", "2026-03"},
		{"two years", "2025-01-06T00:00:00Z", "2027-01-02T05:00:00Z", "2025-04", "2025-07"},
		{"a century", "1950-01-06T00:00:00Z", "2050-01-02T05:00:00Z", "", ""},
	}
	for _, tt := range tests {
		ticks := timeTicks(at(tt.from), at(tt.to))
		if len(ticks) < 2 || len(ticks) > mostTicks+2 {
			t.Errorf("%s: %d ticks", tt.name, len(ticks))
			continue
		}
		if tt.first != "" && (ticks[0].text != tt.first || ticks[1].text != tt.second) {
			t.Errorf("%s: %s, %s; want %s, %s", tt.name, ticks[0].text, ticks[1].text, tt.first, tt.second)
		}
		for _, x := range ticks {
			if x.ms < at(tt.from) || x.ms > at(tt.to) {
				t.Errorf("%s: tick %s lies outside", tt.name, x.text)
			}
		}
	}
	if timeTicks(5, 5) != nil {
		t.Error("no time has ticks")
	}
}

func TestPlot_BreaksLinesWhereValuesAreMissing(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	d := Plot{FromMS: 0, ToMS: 100, Lines: []Line{{Points: []Point{{0, 1}, {10, 2}, {20, nan}, {30, 1}, {40, math.Inf(1)}, {50, 1}, {60, 1}}}}}.Draw()
	if n := strings.Count(d.Lines[0].Path, "M"); n != 2 || len(d.Lines[0].Dots) != 1 {
		t.Errorf("path %s with %d single points, want two parts and one point", d.Lines[0].Path, len(d.Lines[0].Dots))
	}
	if strings.Contains(d.Lines[0].Path, "N") || strings.Contains(d.Lines[0].Path, "I") {
		t.Errorf("path %s", d.Lines[0].Path)
	}
}

func TestPlot_WithoutValuesIsEmpty(t *testing.T) {
	t.Parallel()
	for _, p := range []Plot{{}, {Lines: []Line{{Points: []Point{{1, math.NaN()}}}}}, {FromMS: 5, ToMS: 1}} {
		if d := p.Draw(); !d.Empty {
			t.Errorf("%+v is not empty", p)
		}
	}
}

func TestPlot_LevelsAndValuesStandInOrder(t *testing.T) {
	t.Parallel()
	for _, root := range []bool{false, true} {
		p := Plot{FromMS: 0, ToMS: 10, High: 5, Root: root, Lines: []Line{{Points: []Point{{0, 0.05}, {10, 4}}}}, Levels: []Level{{Y: 0.1}, {Y: 0.2}, {Y: 99}}}
		d := p.Draw()
		if len(d.Levels) != 2 {
			t.Fatalf("%d levels, want those inside", len(d.Levels))
		}
		warn, drifted := number(t, d.Levels[0].Y), number(t, d.Levels[1].Y)
		if drifted >= warn {
			t.Errorf("root %v: level 0.2 at %v is not above level 0.1 at %v", root, drifted, warn)
		}
		if gap := warn - drifted; root && gap < 5 {
			t.Errorf("the levels are %v apart beside a value of 4: too near to tell", gap)
		}
		for _, tick := range d.Y {
			if strings.HasPrefix(tick.Text, "-") {
				t.Errorf("tick %q", tick.Text)
			}
		}
	}
}

func TestPlot_SpansAndMarksStayInside(t *testing.T) {
	t.Parallel()
	d := Plot{
		FromMS: 100, ToMS: 200, Lines: []Line{{Points: []Point{{100, 1}}}},
		Spans: []Span{{FromMS: 0, ToMS: 150}, {FromMS: 150, ToMS: math.MaxInt64}, {FromMS: 0, ToMS: 50}},
		Marks: []Mark{{MS: 50, Text: "before"}, {MS: 120, Text: "v1"}, {MS: 121, Text: "v2"}, {MS: 199, Text: "version"}},
	}.Draw()
	if len(d.Spans) != 2 || len(d.Marks) != 3 {
		t.Fatalf("%d spans, %d marks", len(d.Spans), len(d.Marks))
	}
	if d.Marks[0].Text != "v1" || d.Marks[1].Text != "" || d.Marks[2].Anchor != "end" {
		t.Errorf("marks %+v: a name on another is left out, one at the edge turns", d.Marks)
	}
	for _, s := range d.Spans {
		if x, w := number(t, s.X), number(t, s.Width); x < left-0.1 || x+w > Width-right+0.1 {
			t.Errorf("span %+v leaves the plot", s)
		}
	}
}

func TestMap_AlignsWithPlots(t *testing.T) {
	t.Parallel()
	m := Map{FromMS: 0, ToMS: 100, Columns: []Column{{0, 50}, {50, 100}}, Rows: []Row{{Name: "a feature with a very long name", Cells: []Cell{{Class: "c0"}, {Class: "drifted", Mark: true}}}}}.Draw()
	mark := Plot{FromMS: 0, ToMS: 100, Lines: []Line{{Points: []Point{{0, 1}}}}, Marks: []Mark{{MS: 50}}}.Draw().Marks[0]
	if got := m.Rows[0].Cells[1].X; got != mark.X {
		t.Errorf("the cell from 50 on stands at %s, a mark at 50 at %s", got, mark.X)
	}
	if m.Marks == "" || !strings.HasSuffix(m.Rows[0].Name, "…") || m.Rows[0].Full == m.Rows[0].Name {
		t.Errorf("row %+v, signs %q", m.Rows[0], m.Marks)
	}
	if empty := (Map{}).Draw(); len(empty.Rows) != 0 || empty.Marks != "" {
		t.Errorf("empty map %+v", empty)
	}
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(x) {
		t.Fatalf("coordinate %q: %v", text, err)
	}
	return x
}
