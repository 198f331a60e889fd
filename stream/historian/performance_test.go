package historian

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/driftline/driftline/drift/performance/cohort"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/wire"
)

// days is a database of realised days: correct answers of 100 a day.
type days struct {
	models  []PerformanceModel
	correct map[int64]int64 // day number → correct of 100; none: no labels
	state   []byte
	events  []wire.Event
	asked   []int64 // days realised, in order
	fail    error

	counted  []cohort.Day
	answered []int64 // days estimated, in order
	reports  []Reported

	baseline  *float64 // accuracy
	promise   cohort.Promise
	baselines int // how often it was asked for

	numbers func(day int64) *cohort.Day // of a regression
}

func (d *days) PerformanceModels(context.Context) ([]PerformanceModel, error) { return d.models, nil }

func (d *days) Baseline(context.Context, PerformanceModel) (cohort.Promise, error) {
	d.baselines++
	if d.baseline != nil {
		return cohort.Promise{Figures: map[string]float64{"accuracy": *d.baseline}}, nil
	}
	return d.promise, nil
}
func (d *days) PerformanceState(context.Context, string) ([]byte, error) { return d.state, nil }
func (d *days) FirstDay(context.Context, string) (int64, bool, error)    { return 0, true, nil }
func (d *days) Cohorts(context.Context, PerformanceModel) ([]cohort.Day, error) {
	return slices.Clone(d.counted), nil
}

func (d *days) AnswerDay(_ context.Context, _ PerformanceModel, day int64) (Realised, bool, error) {
	d.answered = append(d.answered, day/dayMS)
	return Realised{Version: "1", Reason: "not in this test"}, true, nil
}

func (d *days) RealiseDay(_ context.Context, _ PerformanceModel, day, _ int64) ([]Realised, error) {
	d.asked = append(d.asked, day/dayMS)
	if d.numbers != nil {
		return d.realiseNumbers(day), nil
	}
	c, ok := d.correct[day/dayMS]
	if !ok {
		return nil, nil
	}
	return []Realised{{Version: "1", Predicted: 120, Classed: 100, Correct: c, Reason: "not in this test"}, {Version: "0", Classed: 1000}}, nil
}
func (d *days) SavePerformance(_ context.Context, _ PerformanceModel, state []byte, events []wire.Event, reports []Reported) error {
	if d.fail != nil {
		return d.fail
	}
	d.state = state
	d.events = append(d.events, events...)
	d.reports = append(d.reports, reports...)
	for _, r := range reports { // as the database reads days again
		for i := range d.counted {
			if d.counted[i].StartMS == r.DayMS {
				d.counted[i].Concept = r.Report.Reading == ConceptDrift
			}
		}
	}
	return nil
}

func watching(d *days) *Performance {
	return &Performance{Store: d, Namespace: "n", Labels: []log.Partition{{Topic: "labels"}, {Topic: "labels", Index: 1}}}
}

func newDays(correct func(day int64) int64) *days {
	baseline := 0.9
	d := &days{models: []PerformanceModel{{Model: "m", Champion: "1", Cohort: cohort.Spec{Kind: cohort.Binary, MaturityMS: 2 * dayMS}}}, baseline: &baseline, correct: map[int64]int64{}}
	for day := range int64(60) {
		d.correct[day] = correct(day)
	}
	return d
}

func clock(t testing.TB, f *Performance, day int64) {
	t.Helper()
	for i := range int32(2) {
		must(t, f.Clock(t.Context(), log.Partition{Topic: "labels", Index: i}, day*dayMS))
	}
}

func types(es []wire.Event) (out []string) {
	for _, e := range es {
		parts := strings.Split(e.Type, ".")
		out = append(out, parts[3])
	}
	return out
}

func TestPerformance_WaitsUntilLabelsAreMatureOnEveryPartition(t *testing.T) {
	t.Parallel()
	d := newDays(func(int64) int64 { return 90 })
	f := watching(d)
	must(t, f.Clock(t.Context(), log.Partition{Topic: "labels"}, 50*dayMS))
	if len(d.asked) > 0 {
		t.Error("one of two partitions has been heard of, and days are realised")
	}
	must(t, f.Clock(t.Context(), log.Partition{Topic: "labels", Index: 1}, 5*dayMS))
	if len(d.asked) != 3 {
		t.Errorf("days %v with the clock at day 5 and a maturity of two days, want 0, 1, 2", d.asked)
	}
	must(t, f.Clock(t.Context(), log.Partition{Topic: "labels", Index: 1}, 4*dayMS)) // a clock never moves back
	if len(d.asked) != 3 {
		t.Errorf("days %v are realised twice", d.asked)
	}
}

// Accuracy falls from 0.90 to 0.70 on day 20 and recovers on day 40.
func TestPerformance_RaisesAndResolvesOneEpisode(t *testing.T) {
	t.Parallel()
	drop := func(day int64) int64 {
		if day >= 20 && day < 40 {
			return 70
		}
		return 90
	}
	d := newDays(drop)
	f := watching(d)
	for day := range int64(58) {
		clock(t, f, day)
	}
	if d.baselines != 55 || len(d.asked) != 55 {
		t.Errorf("the baseline was asked for %d times over %d days, want once a day", d.baselines, len(d.asked))
	}
	got := types(d.events)
	if len(got) < 3 || got[0] != "detected" || got[len(got)-1] != "resolved" {
		t.Fatalf("events %v, want detected … resolved", got)
	}
	ids := map[string]bool{}
	for _, e := range d.events {
		if e.Data.Episode != d.events[0].Data.Episode || ids[e.ID] || e.Data.Kind != "performance" {
			t.Errorf("event %+v: want one episode and an id of its own", e)
		}
		ids[e.ID] = true
	}
	// A week's mean falls below 0.85 once two days of 0.70 are in it; two such days fire.
	if day := d.events[0].Data.EndMS / dayMS; day < 22 || day > 24 {
		t.Errorf("detected at the end of day %d, want 22 to 24", day)
	}

	// The same in one go, and in two lives with a save that failed: same events.
	again := newDays(drop)
	clock(t, watching(again), 30)
	again.fail = errDown
	if err := watching(again).Clock(t.Context(), log.Partition{}, 1); err != nil {
		t.Fatal(err)
	}
	g := watching(again)
	for i := range int32(2) {
		if err := g.Clock(t.Context(), log.Partition{Topic: "labels", Index: i}, 57*dayMS); i == 1 && err == nil {
			t.Error("a save that failed is no error")
		}
	}
	again.fail = nil
	clock(t, g, 57)
	a, err := json.Marshal(d.events)
	must(t, err)
	b, err := json.Marshal(again.events)
	must(t, err)
	if string(a) != string(b) {
		t.Errorf("in one go %v, day by day %v", types(again.events), got)
	}
}

func TestPerformance_SaysNothingWithoutBaselineOrLabels(t *testing.T) {
	t.Parallel()
	d := newDays(func(int64) int64 { return 10 })
	d.baseline = nil
	clock(t, watching(d), 50)
	if len(d.events) > 0 {
		t.Errorf("events %v without a baseline", types(d.events))
	}
	d = newDays(func(int64) int64 { return 10 })
	clear(d.correct)
	clock(t, watching(d), 50)
	if len(d.events) > 0 {
		t.Errorf("events %v without labels", types(d.events))
	}
}

func TestPerformance_ANewChampionClosesTheEpisodeOfTheOldOne(t *testing.T) {
	t.Parallel()
	d := newDays(func(day int64) int64 { return 70 })
	f := watching(d)
	clock(t, f, 20)
	if got := types(d.events); len(got) == 0 || got[0] != "detected" {
		t.Fatalf("events %v", got)
	}
	d.models[0].Champion = "2"
	clock(t, f, 22)
	if got := types(d.events); got[len(got)-1] != "superseded" {
		t.Errorf("events %v, want superseded at the end", got)
	}
}
