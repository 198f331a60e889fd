package historian

import (
	"slices"
	"testing"

	"github.com/driftline/driftline/drift/performance/cohort"
	"github.com/driftline/driftline/stream/log"
)

// at tells the record time reached in a partition.
func at(t testing.TB, f *Performance, topic string, index int32, day int64) {
	t.Helper()
	must(t, f.Clock(t.Context(), log.Partition{Topic: topic, Index: index}, day*dayMS))
}

func withPredictions(d *days) *Performance {
	f := watching(d)
	f.Labels = f.Labels[:1]
	f.Predictions = []log.Partition{{Topic: "in"}, {Topic: "in", Index: 1}}
	return f
}

// After an outage labels may be read before the predictions that they belong to: a day
// that were realised then would have lost them for good.
func TestPerformance_ADayWaitsForItsPredictionsToo(t *testing.T) {
	t.Parallel()
	d := newDays(func(int64) int64 { return 90 })
	f := withPredictions(d)
	at(t, f, "labels", 0, 50)
	at(t, f, "in", 0, 50)
	if len(d.asked) > 0 {
		t.Fatalf("days %v are realised before one of the partitions of their predictions was heard of", d.asked)
	}
	at(t, f, "in", 1, 3)
	if !slices.Equal(d.asked, []int64{0, 1, 2}) {
		t.Fatalf("days %v with predictions up to day 3, want 0, 1, 2", d.asked)
	}
	// A partition that is read to its end and silent holds nothing up.
	f.CaughtUp(log.Partition{Topic: "in", Index: 1})
	at(t, f, "in", 0, 51)
	if len(d.asked) != 48 {
		t.Errorf("%d days with a silent partition, want all 48 up to the maturity", len(d.asked))
	}
}

func TestPerformance_EstimatesDaysWhoseLabelsAreAwaited(t *testing.T) {
	t.Parallel()
	d := newDays(func(int64) int64 { return 90 })
	f := withPredictions(d)
	at(t, f, "labels", 0, 4)
	at(t, f, "in", 0, 6)
	at(t, f, "in", 1, 6)
	if !slices.Equal(d.asked, []int64{0, 1}) || !slices.Equal(d.answered, []int64{2, 3, 4, 5}) {
		t.Errorf("realised %v and estimated %v with labels to day 4 and predictions to day 6, want 0, 1 and 2 to 5", d.asked, d.answered)
	}
	at(t, f, "in", 0, 7)
	at(t, f, "in", 1, 7)
	again := withPredictions(d) // another life
	at(t, again, "in", 0, 7)
	at(t, again, "in", 1, 7)
	if !slices.Equal(d.answered, []int64{2, 3, 4, 5, 6}) {
		t.Errorf("estimated %v, want each day once", d.answered)
	}
	// Labels never came: the estimates went on, and each day has a report.
	if len(d.reports) != 7 {
		t.Errorf("%d reports, want 7", len(d.reports))
	}
	for _, r := range d.reports {
		if r.Report.Reading != cohort.NotAvailable || r.Report.Words != "not available: not in this test" {
			t.Errorf("day %d: %q, %q; want the reason by name", r.DayMS/dayMS, r.Report.Reading, r.Report.Words)
		}
	}
}

// What an event says of the fall: figures with bounds, or null beside a reason.
func TestTell_AddsFiguresAndReasons(t *testing.T) {
	t.Parallel()
	x, low, high := 0.7, 0.6, 0.8
	detail := map[string]any{"metric": "accuracy"}
	tell(detail, &cohort.Report{
		Kind: cohort.Binary, Reading: "concept drift", Words: "w", Coverage: &x,
		Figures: []cohort.Figure{
			{Kind: cohort.Realised, Metric: "accuracy", Value: &x, Low: &low, High: &high},
			{Kind: cohort.Estimated, Metric: "accuracy", Reason: "not available: no labels have matured before the window"},
			{Kind: cohort.Estimated, Metric: "brier", Value: &x},
		},
	})
	if detail["realised"] != &x || detail["realised_low"] != &low || detail["label_coverage"] != &x || detail["reading"] != "concept drift" || detail["metric"] != "accuracy" {
		t.Errorf("detail %v", detail)
	}
	if v, ok := detail["estimated"].(*float64); !ok || v != nil || detail["estimated_reason"] == "" {
		t.Errorf("estimated %v, reason %v; want null and why", detail["estimated"], detail["estimated_reason"])
	}
}
