package app

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/drift/performance/cohort"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
	"github.com/driftline/driftline/stream/historian"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/memlog"
)

// writeLossy writes predictions of a model that is too sure where its one input is
// missing, which happens ten times as often from day changeAt on. The labels follow the
// inputs as ever, and the scores look much as before.
func writeLossy(t *testing.T, l *memlog.Log, days, rows, changeAt int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(11, 13))
	end := firstMS + int64(days)*oneDay
	put := func(ms int64, topic string, part int32, text string) {
		if err := l.Write(log.Record{Partition: log.Partition{Topic: topic, Index: part}, TimeMS: ms, Value: []byte(text)}); err != nil {
			t.Fatal(err)
		}
	}
	for day := range days {
		loss := 0.04
		if day >= changeAt {
			loss = 0.4
		}
		for i := range rows {
			x := rng.NormFloat64()
			p := 1 / (1 + math.Exp(-3*x))
			label, score, value := 0, p, fmt.Sprint(x)
			if rng.Float64() < p {
				label = 1
			}
			if rng.Float64() < loss {
				score, value = 0.97, "null"
			}
			class := 0
			if score >= 0.5 {
				class = 1
			}
			at := firstMS + int64(day)*oneDay + int64(i)*oneDay/int64(rows)
			put(at, "in", int32(i%2), fmt.Sprintf(`{"type":"prediction","model":"m","version":"1","id":"%d-%d","ts":%d,"prediction":"%d","score":%v,"features":{"x":%s,"noise":%v,"shop":"a"}}`,
				day, i, at, class, score, value, rng.Float64()))
			put(at, "labels", 0, fmt.Sprintf(`{"type":"label","model":"m","id":"%d-%d","ts":%d,"label":"%d"}`, day, i, at+1000, label))
		}
	}
	put(end+2*oneDay, "labels", 0, `{"type":"tick"}`)
	for i := range int32(2) {
		put(end+oneDay, "in", i, `{"type":"tick"}`)
	}
}

func rowsKept(m *config.Model) { m.Examples = "rows" }

// TestCohorts_ALostInputIsNoConceptDrift: where rows are stored, the estimate follows the
// inputs and a loss of values is read as what it is. The same stream without them is the
// mutant: from scores alone it looks like a change of concept.
func TestCohorts_ALostInputIsNoConceptDrift(t *testing.T) {
	t.Parallel()
	const days, changeAt = 34, 26
	last := func(change func(*config.Model)) (before, after cohort.Report) {
		p := newPast(t, storetest.Open(t), change)
		writeLossy(t, p.log, days, 150, changeAt)
		if err := p.run(p.log.Handle(nil)); err != nil {
			t.Fatal(err)
		}
		held := 0
		for _, x := range p.db.sampled.of {
			held += heldValues(x)
		}
		if held != p.db.sampled.values || held > mostHeldValues {
			t.Errorf("%d values of inputs are held, %d by the account, at most %d", held, p.db.sampled.values, mostHeldValues)
		}
		all := p.reports()
		return all[dateOf(firstMS+(changeAt-1)*oneDay)], all[dateOf(firstMS+(days-1)*oneDay)]
	}
	before, after := last(rowsKept)
	if before.Reading != "harmless" || before.Estimate != cohort.Balanced {
		t.Errorf("before: %s, %+v: %s", before.Reading, before.Estimate, before.Words)
	}
	if after.Reading != "covariate drift" || after.Estimate != cohort.Balanced || after.EstimateWhy != "" || after.EstimateWorth == nil || *after.EstimateWorth < 200 || *after.EstimateWorth >= float64(after.EstimateRows) {
		t.Errorf("after: %s, %+v: %s", after.Reading, after.Estimate, after.Words)
	}
	if off, ok := after.Find(cohort.Error, "accuracy"); !ok || off.Value == nil || *off.Value > 0.04 {
		t.Errorf("the estimate is off: %+v", off)
	}
	if _, plain := last(func(*config.Model) {}); plain.Reading != "concept drift" || plain.Estimate != cohort.Plain || plain.EstimateWhy != "no inputs are stored: examples is not rows" {
		t.Errorf("from scores alone: %s, %+v: %s; the inputs are not tested", plain.Reading, plain.Estimate, plain.Words)
	}
}

// TestCohorts_BalancedReportsSurviveKills: samples come from the database alone.
func TestCohorts_BalancedReportsSurviveKills(t *testing.T) {
	t.Parallel()
	tell := func(lives int) string {
		p := newPast(t, storetest.Open(t), rowsKept)
		writeLossy(t, p.log, 22, 120, 18)
		for life := range lives {
			_ = p.run(p.log.Handle(memlog.KillAt(int64(9+11*life), memlog.KillBefore)))
		}
		if err := p.run(p.log.Handle(nil)); err != nil {
			t.Fatal(err)
		}
		all := p.reports()
		out := ""
		for day := range 22 {
			r := all[dateOf(firstMS+int64(day)*oneDay)]
			est, _ := r.Find(cohort.Estimated, "accuracy")
			out += fmt.Sprintln(day, r.Reading, r.Words, r.Estimate, r.EstimateWhy, r.EstimateRows, est.Value != nil)
			if est.Value != nil {
				out += fmt.Sprintln(*est.Value, *est.Low)
			}
		}
		return out
	}
	want := tell(0)
	if !strings.Contains(want, cohort.Balanced) || !strings.Contains(want, "labelled rows with inputs before the window, at least 1000 are needed") {
		t.Errorf("neither way is told:\n%s", want)
	}
	if got := tell(5); got != want {
		t.Errorf("after kills:\n%s\nwithout:\n%s", got, want)
	}
}

// TestSampleDay_DrawsTheSameRowsWhateverTheOrder, and no more than its bounds.
func TestSampleDay_DrawsTheSameRowsWhateverTheOrder(t *testing.T) {
	t.Parallel()
	const rows = 3 * cohort.SampleRows
	draw := func(order func(i int) int) []string {
		var l lot
		for i := range rows {
			l.add(store.ExampleRow{ID: fmt.Sprint("id-", order(i))})
		}
		if l.of != rows {
			t.Fatalf("%d rows, want %d", l.of, rows)
		}
		var ids []string
		for _, x := range l.drawn() {
			ids = append(ids, x.row.ID)
		}
		return ids
	}
	a, b := draw(func(i int) int { return i }), draw(func(i int) int { return rows - 1 - i })
	if len(a) != cohort.SampleRows || !slices.Equal(a, b) {
		t.Errorf("%d and %d rows drawn, equal: %t", len(a), len(b), slices.Equal(a, b))
	}
	early := 0 // ids that count up are drawn from the whole day
	for _, id := range a {
		if n := 0; func() bool { _, err := fmt.Sscanf(id, "id-%d", &n); return err == nil && n < rows/2 }() {
			early++
		}
	}
	if share := float64(early) / float64(len(a)); math.Abs(share-0.5) > 0.05 {
		t.Errorf("%.3f of the rows are of the first half", share)
	}
}

// TestSampleDay_ReadsWhatIsStored: values, names, labels by the maturity.
func TestSampleDay_ReadsWhatIsStored(t *testing.T) {
	t.Parallel()
	p := newPast(t, storetest.Open(t), rowsKept)
	order := store.Order{MS: firstMS + 5, Topic: "in"}
	late := store.Order{MS: firstMS + 4*oneDay, Topic: "labels"}
	var rows []store.ExampleRow
	for id, features := range map[string]string{"a": `{"x":1.5,"b":true,"s":"t"}`, "b": `{"x":null,"b":false}`, "c": `{"x":1e300,"l":[1]}`, "d": `[1]`} {
		rows = append(rows, store.ExampleRow{Model: "m", ID: id, Features: &store.Features{Order: order, JSON: features}, Prediction: &store.Prediction{Order: order, Version: "1", Class: "1"}})
	}
	for i := range rows {
		switch rows[i].ID {
		case "a":
			rows[i].Label = &store.Label{Order: order, Value: "1"}
		case "b":
			rows[i].Label = &store.Label{Order: late, Value: "1"}
		}
	}
	rows = append(rows, store.ExampleRow{Model: "m", ID: "other", Features: &store.Features{Order: order, JSON: `{"y":1}`}, Prediction: &store.Prediction{Order: order, Version: "2"}})
	if err := p.store.UpsertExamples(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	m := historian.PerformanceModel{Model: "m", Champion: "1", Cohort: cohort.Spec{Kind: cohort.Binary, MaturityMS: 2 * oneDay}}
	s, err := p.db.inputsOf(t.Context(), m, firstMS, true)()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.Names, []string{"b", "l", "s", "x"}) || s.Of != 4 || s.OfLabelled != 1 || len(s.Rows) != 4 || len(s.Labelled) != 1 || s.Labelled[0].Label != "1" {
		t.Fatalf("%+v", s)
	}
	if got, want := fmt.Sprint(s.Labelled[0].Inputs), "[1 NaN 0 1.5]"; got != want {
		t.Errorf("inputs %s, want %s", got, want)
	}
	missing := 0
	for _, r := range s.Rows {
		if math.IsNaN(r.Inputs[3]) {
			missing++
		}
	}
	if missing != 3 {
		t.Errorf("x is missing in %d rows, want 3", missing)
	}
	awaited, err := p.db.inputsOf(t.Context(), m, firstMS, false)()
	if err != nil || len(awaited.Labelled) != 0 || len(awaited.Rows) != 4 {
		t.Errorf("labels awaited: %+v, %v", awaited, err)
	}
	for want, spec := range map[string]config.Model{
		"[x]":       {Training: &config.Training{Features: []string{"x", "gone"}}},
		"[b s]":     {Columns: []string{"s", "b"}}, // x was stored before
		"[s]":       {Columns: []string{"s", "b"}, Training: &config.Training{Features: []string{"s", "x"}}},
		"[]":        {Columns: []string{"b"}, Training: &config.Training{Features: []string{"x"}}},
		"[b l s x]": {Training: &config.Training{}},
	} {
		if only, err := p.db.sampleDay(t.Context(), m, followed(spec), firstMS, true); err != nil || fmt.Sprint(only.Names) != want {
			t.Errorf("inputs that are followed: %v, %v; want %s", only.Names, err, want)
		}
	}
	m.Cohort.Kind = cohort.Regression
	if p.db.inputsOf(t.Context(), m, firstMS, true) != nil {
		t.Error("a regression has inputs to follow")
	}
}

// What is held of a day goes when a row of it is written, or a label that it may wait for;
// too much goes altogether.
func TestSampledDays_GoWithWhatTheyHold(t *testing.T) {
	t.Parallel()
	day := func(model string, start int64) sampledDay {
		return sampledDay{model: model, startMS: start * oneDay, maturityMS: 2 * oneDay, mature: true}
	}
	sample := &cohort.Sample{Names: []string{"x", "y"}, Rows: make([]cohort.InputRow, 3)}
	var s sampledDays
	fill := func() {
		s = sampledDays{}
		for d := range int64(6) {
			s.put(day("m", d), sample)
			s.put(day("n", d), sample)
		}
	}
	for _, c := range []struct {
		at   []int64 // of rows of m
		left []int64
	}{
		{nil, []int64{0, 1, 2, 3, 4, 5}},
		{[]int64{3*oneDay + 1}, []int64{0, 4, 5}},          // its own day, and those that wait three days for labels
		{[]int64{9*oneDay + 1}, []int64{0, 1, 2, 3, 4, 5}}, // nobody waits as long
		{[]int64{2*oneDay - 1, 0}, []int64{2, 3, 4, 5}},
	} {
		fill()
		var rows []historian.Example
		for _, ms := range c.at {
			rows = append(rows, historian.Example{Model: "m", EventMS: ms})
		}
		s.written(rows)
		want := map[sampledDay]bool{}
		for _, d := range c.left {
			want[day("m", d)] = true
		}
		for at := range s.of {
			if at.model == "m" && !want[at] {
				t.Errorf("rows at %v: day %d is held", c.at, at.startMS/oneDay)
			}
		}
		if n := len(s.of) - 6; n != len(c.left) || s.values != len(s.of)*heldValues(sample) {
			t.Errorf("rows at %v: %d days of m are held, want %d; %d values", c.at, n, len(c.left), s.values)
		}
	}
	s.settle()
	if len(s.of) == 0 {
		t.Error("few days are let go")
	}
	s.values = mostHeldValues + 1
	if s.settle(); len(s.of) > 0 || s.values > 0 {
		t.Error("too many days are held")
	}
}
