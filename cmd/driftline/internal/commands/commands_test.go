package commands

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/driftline/driftline/cmd/driftline/internal/commands/table"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/web"
)

var now = time.UnixMilli(1_767_312_000_000) // 2026-01-02

func TestParseMoment(t *testing.T) {
	t.Parallel()
	const day = 24 * 3600 * 1000
	for text, want := range map[string]int64{
		"now": now.UnixMilli(), "now-7d": now.UnixMilli() - 7*day, "now-2w": now.UnixMilli() - 14*day, "now-90m": now.UnixMilli() - 90*60_000,
		"now-0s": now.UnixMilli(), "2026-01-01": now.UnixMilli() - day, "1700000000000": 1_700_000_000_000,
	} {
		if got, err := parseMoment("--from", text, now); err != nil || got != want {
			t.Errorf("parseMoment(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "now+1d", "now--1d", "now-", "now-1", "now-d", "now-99999999999999d", "yesterday"} {
		if got, err := parseMoment("--from", text, now); err == nil || !strings.HasPrefix(err.Error(), "--from: ") {
			t.Errorf("parseMoment(%q) = %d, %v; want an error that names the flag", text, got, err)
		}
	}
}

func TestParseSource(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		f    buildFlags
		want source
		says string
	}{
		{"a file", buildFlags{from: "file:a:b.csv"}, source{kind: fromFile, text: "file:a:b.csv", path: "a:b.csv"}, ""},
		{"a query", buildFlags{from: "sql:SELECT 1", time: "t"}, source{kind: fromSQL, text: "sql:SELECT 1", query: "SELECT 1"}, ""},
		{"a table", buildFlags{from: "table:a.b", database: "d"}, source{kind: fromTable, text: "table:a.b", query: `SELECT * FROM "a"."b"`}, ""},
		{"a database for a file", buildFlags{from: "file:a.csv", database: "d"}, source{}, "--database is for"},
		{"all examples", buildFlags{from: "examples"}, source{kind: fromExamples, text: "examples"}, ""},
		{"examples of a range", buildFlags{from: "examples:2026-01-01..now"}, source{kind: fromExamples, text: "examples:2026-01-01..now", fromMS: now.UnixMilli() - 86_400_000, toMS: now.UnixMilli()}, ""},
		{"examples up to a time", buildFlags{from: "examples:..5"}, source{kind: fromExamples, text: "examples:..5", toMS: 5}, ""},
		{"a topic from a time on", buildFlags{from: "topic:ml.events", fromTime: "7"}, source{kind: fromTopic, text: "topic:ml.events", topic: "ml.events", fromMS: 7}, ""},
		{"nothing", buildFlags{}, source{}, "needs --from SOURCE"},
		{"a path alone", buildFlags{from: "rows.csv"}, source{}, "want file:PATH, sql:QUERY"},
		{"a file without path", buildFlags{from: "file:"}, source{}, "want file:PATH, sql:QUERY"},
		{"times of a file without time column", buildFlags{from: "file:a.csv", toTime: "5"}, source{}, "need --time-column"},
		{"a range that ends before it begins", buildFlags{from: "examples:5..4"}, source{}, "ends before it begins"},
		{"times that end before they begin", buildFlags{from: "topic", fromTime: "5", toTime: "5"}, source{}, "--to-time: ends before"},
		{"a time column of a topic", buildFlags{from: "topic", time: "ts"}, source{}, "are for files"},
		{"a negative least", buildFlags{from: "topic", minRows: -1}, source{}, "--min-rows: -1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseSource(tt.f, now)
			if tt.says != "" {
				if err == nil || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("error %v, want %q", err, tt.says)
				}
				return
			}
			if err != nil || got != tt.want {
				t.Errorf("source %+v, %v; want %+v", got, err, tt.want)
			}
		})
	}
}

func TestParseFeatures_AreWhatEventsCarry(t *testing.T) {
	t.Parallel()
	want := []event.Feature{
		{Name: "b", Value: sketches.Bool(true)}, {Name: "n", Value: sketches.Number(-1.5e300)}, {Name: "nothing", Value: sketches.Null()},
		{Name: "s", Value: sketches.String("é\"")}, {Name: "wrong", Value: sketches.Wrong()},
	}
	got, err := parseFeatures(string(event.AppendFeatures(nil, want)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b sketches.Value) bool { return a == b })); diff != "" {
		t.Errorf("features (-want +got):\n%s", diff)
	}
	for _, text := range []string{"", "[]", "{", "{} {}", `{"a":1]`} {
		if _, err := parseFeatures(text); err == nil {
			t.Errorf("parseFeatures(%q) gives no error", text)
		}
	}
}

func TestGathered_RowsMayLackFeatures(t *testing.T) {
	t.Parallel()
	g := &gathered{}
	add := func(ms int64, fs ...event.Feature) {
		if err := g.add(ms, fs); err != nil {
			t.Fatal(err)
		}
	}
	add(1, event.Feature{Name: "b", Value: sketches.Number(1)})
	add(2, event.Feature{Name: "a", Value: sketches.String("x")})
	add(3)
	names := g.names()
	if diff := cmp.Diff([]string{"a", "b"}, names); diff != "" {
		t.Fatalf("names (-want +got):\n%s", diff)
	}
	rows := g.rows(names)
	null := sketches.Null()
	for i, want := range [][]sketches.Value{{null, sketches.Number(1)}, {sketches.String("x"), null}, {null, null}} {
		if rows[i].TimeMS != int64(i+1) || rows[i].Values[0] != want[0] || rows[i].Values[1] != want[1] {
			t.Errorf("row %d is %+v, want %+v", i, rows[i], want)
		}
	}
}

func TestGathered_RefusesWhatIsTooMuch(t *testing.T) {
	t.Parallel()
	g := &gathered{narrow: "narrow it with --columns"}
	features := make([]event.Feature, sketches.MaxFeatures)
	for i := range features {
		features[i] = event.Feature{Name: fmt.Sprint("f", i), Value: sketches.Number(1)}
	}
	if err := g.add(1, features); err != nil {
		t.Fatal(err)
	}
	err := g.add(2, []event.Feature{{Name: "one more", Value: sketches.Number(1)}})
	if err == nil || !strings.Contains(err.Error(), "1 rows, 2001 features") || !strings.Contains(err.Error(), "2000 features fit; narrow it with --columns") {
		t.Errorf("one feature too many: %v", err)
	}
	g = &gathered{narrow: "narrow it"}
	if err := g.add(1, features[:1]); err != nil {
		t.Fatal(err)
	}
	g.cells = table.MaxCells
	if err := g.add(2, features[:1]); err == nil || !strings.Contains(err.Error(), "1 rows, 1 features; at most 67108864 values") {
		t.Errorf("one value too many: %v", err)
	}
}

func TestOutcomeOf(t *testing.T) {
	t.Parallel()
	m := web.ModelDetail{ModelSummary: web.ModelSummary{Name: "acis_growth_classifier", Drifted: 1, Judged: 4}}
	steps := func(states ...string) (out []web.Step) {
		for _, s := range states {
			out = append(out, web.Step{State: s})
		}
		return out
	}
	promoted := web.RetrainDetail{
		Retrain: web.Retrain{ID: "r", State: store.RetrainProbation, Version: "2", RunID: "run"},
		Steps:   steps(store.RetrainQueued, store.RetrainTrained, store.RetrainPromoted, store.RetrainProbation),
		Trigger: []byte(`{"cause":"drift","drifted":3,"judged":4}`),
	}
	got := outcomeOf(m, promoted)
	if got.Strategy != "growth" || !got.DriftDetected || got.DriftRatio != 0.75 || !got.Retrained || !got.Promoted || got.Version != "2" || got.Gates == nil {
		t.Errorf("outcome of a promotion: %+v", got)
	}
	m.Name = "churn"
	got = outcomeOf(m, web.RetrainDetail{Retrain: web.Retrain{State: store.RetrainCoalesced}, Steps: steps(store.RetrainCoalesced), Trigger: []byte(`""`)})
	if got.Strategy != "churn" || got.DriftDetected || got.DriftRatio != 0.25 || got.Retrained || got.Promoted {
		t.Errorf("outcome of a refusal: %+v; want the drift of the newest window and nothing trained", got)
	}
	for kind, want := range map[string]bool{"drift": true, "joint": true, "quality": false, "performance": false, "prediction": false} {
		m.Open = []web.Alarm{{Kind: kind}}
		if got := outcomeOf(m, web.RetrainDetail{Trigger: []byte(`""`)}); got.DriftDetected != want {
			t.Errorf("an open alarm of kind %s: drift detected is %t", kind, got.DriftDetected)
		}
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for ms, want := range map[int64]string{0: "-", 1: "1ms", 90_000: "1m30s", 60_000: "1m", 3_600_000: "1h", 86_400_000: "24h", 604_800_000: "7d", 5_400_000: "1h30m"} {
		if got := span(ms); got != want {
			t.Errorf("span(%d) = %q, want %q", ms, got, want)
		}
	}
}
