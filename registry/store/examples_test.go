package store_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
)

const dayMS = 24 * hourMS

func readExamples(t *testing.T, s *store.Store, q store.ExampleQuery) []store.ExampleRow {
	t.Helper()
	var out []store.ExampleRow
	err := s.Examples(t.Context(), q, func(e store.ExampleRow) error { out = append(out, e); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// randomExample makes groups whose values are a function of where they came from,
// as they are in a log.
func randomExample(rng *rand.Rand, model string) store.ExampleRow {
	order := func() store.Order {
		return store.Order{MS: rng.Int64N(3) * dayMS, Topic: []string{"a", "B", "é"}[rng.IntN(3)], Part: rng.Int32N(2), Offset: rng.Int64N(3)}
	}
	e := store.ExampleRow{Model: model, ID: fmt.Sprint("id", rng.IntN(4))}
	for e.Features == nil && e.Prediction == nil && e.Label == nil {
		if rng.IntN(2) == 0 {
			o := order()
			e.Features = &store.Features{Order: o, JSON: fmt.Sprintf(`{"at":"%v"}`, o)}
			if o.Offset != 1 { // an event without segments takes those of an older one away
				e.Features.Segments = fmt.Sprintf(`{"region":"%v"}`, o)
			}
		}
		if rng.IntN(2) == 0 {
			o := order()
			e.Prediction = &store.Prediction{Order: o, Version: fmt.Sprint(o.Part), Class: fmt.Sprint(o)}
			if o.Offset != 1 {
				e.Prediction.Score = ptr(float64(o.Offset) / 3)
			}
		}
		if rng.IntN(2) == 0 {
			o := order()
			e.Label = &store.Label{Order: o, Value: fmt.Sprint(o)}
		}
	}
	return e
}

// greatest is the oracle: per id and group the value with the greatest order.
func greatest(rows []store.ExampleRow) map[string]store.ExampleRow {
	key := func(o store.Order) string { return fmt.Sprintf("%012d|%s|%06d|%06d", o.MS, o.Topic, o.Part, o.Offset) }
	out := map[string]store.ExampleRow{}
	for _, r := range rows {
		e := out[r.ID]
		e.Model, e.ID = r.Model, r.ID
		if r.Features != nil && (e.Features == nil || key(r.Features.Order) > key(e.Features.Order)) {
			e.Features = r.Features
		}
		if r.Prediction != nil && (e.Prediction == nil || key(r.Prediction.Order) > key(e.Prediction.Order)) {
			e.Prediction = r.Prediction
		}
		if r.Label != nil && (e.Label == nil || key(r.Label.Order) > key(e.Label.Order)) {
			e.Label = r.Label
		}
		switch {
		case e.Features != nil:
			e.EventMS = e.Features.MS
		case e.Prediction != nil:
			e.EventMS = e.Prediction.MS
		default:
			e.EventMS = e.Label.MS
		}
		out[r.ID] = e
	}
	return out
}

func TestExamplesAreTheSameInAnyOrderAndRepetition(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for seed := range uint64(40) {
			rng := rand.New(rand.NewPCG(seed, 11))
			model := fmt.Sprint("m", seed)
			rows := make([]store.ExampleRow, 1+rng.IntN(24))
			for i := range rows {
				rows[i] = randomExample(rng, model)
			}
			shuffled(rng, rows, func(part []store.ExampleRow) {
				if err := s.UpsertExamples(t.Context(), part); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
			})
			want := greatest(rows)
			got := map[string]store.ExampleRow{}
			for _, e := range readExamples(t, s, store.ExampleQuery{Model: model}) {
				got[e.ID] = e
			}
			for id, e := range want {
				if e.Features == nil && e.Prediction == nil {
					delete(want, id) // a label alone is no example yet
				}
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("seed %d (-want +got):\n%s", seed, d)
			}
			// The hidden ones count for retention by their own day, like the others.
			before := int64(0)
			for _, e := range greatest(rows) {
				if e.EventMS < dayMS {
					before++
				}
			}
			if n, err := s.DeleteExamplesBefore(t.Context(), model, "1970-01-02"); err != nil || n != before {
				t.Fatalf("seed %d: DeleteExamplesBefore = %d, %v; want %d", seed, n, err, before)
			}
		}
	})
}

func at(ms int64) store.Order { return store.Order{MS: ms, Topic: "t"} }

func TestExamplesAreSelectedByTimeLabelAndWhatIsStored(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		var rows []store.ExampleRow
		for i := range int64(1100) { // several statements
			e := store.ExampleRow{Model: "m", ID: fmt.Sprintf("%04d", i), Features: &store.Features{Order: at(i * 1000), JSON: `{"x":1}`}, EventMS: i * 1000}
			if i%2 == 0 {
				e.Label = &store.Label{Order: at(i*1000 + 500_000), Value: "1"}
			}
			rows = append(rows, e)
		}
		scoreOnly := store.ExampleRow{Model: "m", ID: "p", Prediction: &store.Prediction{Order: at(5000), Version: "3", Score: ptr(0.5)}, EventMS: 5000}
		orphan := store.ExampleRow{Model: "m", ID: "orphan", Label: &store.Label{Order: at(1), Value: "0"}}
		other := store.ExampleRow{Model: "n", ID: "0001", Features: &store.Features{Order: at(7), JSON: "{}"}}
		if err := s.UpsertExamples(ctx, append([]store.ExampleRow{scoreOnly, orphan, other}, rows...)); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff([]store.ExampleRow{rows[4], rows[5], scoreOnly, rows[6]}, readExamples(t, s, store.ExampleQuery{Model: "m", FromMS: 4000, ToMS: 7000})); d != "" {
			t.Errorf("from inclusive, to exclusive, by time and id (-want +got):\n%s", d)
		}
		for _, c := range []struct {
			name string
			q    store.ExampleQuery
			want store.ExampleCounts
		}{
			{"all", store.ExampleQuery{}, store.ExampleCounts{Rows: 1101, Labelled: 550, LastMS: 1_099_000, LastLabelledMS: 1_098_000}},
			{"labelled", store.ExampleQuery{LabelledOnly: true}, store.ExampleCounts{Rows: 550, Labelled: 550, LastMS: 1_098_000, LastLabelledMS: 1_098_000}},
			{"labels seen by then", store.ExampleQuery{LabelsUntilMS: 600_000}, store.ExampleCounts{Rows: 1101, Labelled: 51, LastMS: 1_099_000, LastLabelledMS: 100_000}},
			{"labelled by then", store.ExampleQuery{LabelledOnly: true, LabelsUntilMS: 600_000, FromMS: 50_000}, store.ExampleCounts{Rows: 26, Labelled: 26, FirstMS: 50_000, LastMS: 100_000, FirstLabelledMS: 50_000, LastLabelledMS: 100_000}},
			{"with features", store.ExampleQuery{WithFeatures: true}, store.ExampleCounts{Rows: 1100, Labelled: 550, LastMS: 1_099_000, LastLabelledMS: 1_098_000}},
			{"of a version", store.ExampleQuery{Version: "3"}, store.ExampleCounts{Rows: 1, FirstMS: 5000, LastMS: 5000}},
			{"nothing", store.ExampleQuery{FromMS: 1 << 40}, store.ExampleCounts{}},
		} {
			c.q.Model = "m"
			got, err := s.ExampleCounts(ctx, c.q)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("%s: counts (-want +got):\n%s", c.name, d)
			}
			read := readExamples(t, s, c.q)
			labelled := 0
			for i, e := range read {
				if e.Label != nil {
					labelled++
				}
				if i > 0 && (read[i-1].EventMS > e.EventMS || read[i-1].EventMS == e.EventMS && read[i-1].ID >= e.ID) {
					t.Fatalf("%s: row %d is out of order", c.name, i)
				}
			}
			if int64(len(read)) != c.want.Rows || int64(labelled) != c.want.Labelled {
				t.Errorf("%s: read %d rows, %d labelled; counted %d, %d", c.name, len(read), labelled, c.want.Rows, c.want.Labelled)
			}
		}
		stop := errors.New("enough")
		n := 0
		err := s.Examples(ctx, store.ExampleQuery{Model: "m"}, func(store.ExampleRow) error {
			if n++; n == 3 {
				return stop
			}
			return nil
		})
		if !errors.Is(err, stop) || n != 3 {
			t.Errorf("an error of yield: %v after %d rows", err, n)
		}
		if n, err := s.DeleteExamplesBefore(ctx, "m", "1970-01-02"); err != nil || n != 1102 {
			t.Errorf("DeleteExamplesBefore over several batches = %d, %v; want 1102", n, err)
		}
		if got := readExamples(t, s, store.ExampleQuery{Model: "n"}); len(got) != 1 {
			t.Errorf("another model's examples went, too: %v", got)
		}
	})
}

func TestExamplesThatSayNothingAreRefused(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		label := &store.Label{Order: at(1), Value: "1"}
		for name, e := range map[string]store.ExampleRow{
			"no group":       {Model: "m", ID: "1"},
			"no id":          {Model: "m", Label: label},
			"no model":       {ID: "1", Label: label},
			"infinite score": {Model: "m", ID: "1", Prediction: &store.Prediction{Order: at(1), Score: ptr(math.Inf(-1))}},
			"NaN score":      {Model: "m", ID: "1", Prediction: &store.Prediction{Order: at(1), Score: ptr(math.NaN())}},
			"absurd time":    {Model: "m", ID: "1", Label: &store.Label{Order: at(math.MaxInt64)}},
		} {
			if err := s.UpsertExamples(t.Context(), []store.ExampleRow{e}); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%s: UpsertExamples = %v, want ErrInvalid", name, err)
			}
		}
	})
}

func TestARealisedDayCountsWhatTheLabelsSay(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		day := func(id, version string, ms int64, p *float64, class, label string, labelMS int64) store.ExampleRow {
			e := store.ExampleRow{Model: "m", ID: id, Prediction: &store.Prediction{Order: at(dayMS + ms), Version: version, Score: p, Class: class}}
			if label != "" {
				e.Label = &store.Label{Order: at(labelMS), Value: label}
			}
			return e
		}
		rows := []store.ExampleRow{
			day("a", "1", 0, ptr(0.8), "1", "1", 3*dayMS),
			day("b", "1", 1, ptr(0.6), "1", "0", 3*dayMS),
			day("c", "1", 2, ptr(0.25), "0", "1", 3*dayMS),
			day("d", "1", 3, nil, "0", "0", 3*dayMS),
			day("e", "1", 4, ptr(7.0), "", "0", 3*dayMS),        // a score that is no probability, no class
			day("f", "1", 5, ptr(0.5), "1", "1", 4*dayMS+1),     // label too late
			day("g", "1", 6, ptr(0.5), "1", "", 0),              // no label
			day("h", "2", dayMS-1, ptr(0.0), "0", "1", 3*dayMS), // as wrong as can be
			day("i", "1", dayMS, ptr(0.5), "1", "1", 3*dayMS),   // the next day
			{Model: "m", ID: "j", Features: &store.Features{Order: at(dayMS), JSON: "{}"}, Label: &store.Label{Order: at(3 * dayMS), Value: "1"}},
		}
		if err := s.UpsertExamples(ctx, rows); err != nil {
			t.Fatal(err)
		}
		got, err := s.RealisedDay(ctx, "m", "1970-01-02", "1", 4*dayMS)
		if err != nil {
			t.Fatal(err)
		}
		want := []store.PerformanceDay{
			{
				Model: "m", Version: "1", Day: "1970-01-02", Predicted: 7, Labelled: 5, Classed: 4, Correct: 2, Positives: 2, PredictedPositive: 2, TruePositive: 1,
				Scored: 3, ScoreSum: 0.8 + 0.6 + 0.25, LogLossSum: -math.Log(0.8) - math.Log(1-0.6) - math.Log(0.25),
				BrierSum: 0.04 + 0.36 + 0.5625, LabelClockMS: 4 * dayMS,
			},
			{
				Model: "m", Version: "2", Day: "1970-01-02", Predicted: 1, Labelled: 1, Classed: 1, Positives: 1, Scored: 1,
				LogLossSum: -math.Log(1e-15), BrierSum: 1, LabelClockMS: 4 * dayMS,
			},
		}
		near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) <= 1e-12*max(1, math.Abs(a)) })
		if d := cmp.Diff(want, got, near); d != "" {
			t.Errorf("RealisedDay (-want +got):\n%s", d)
		}

		// Kept whole, the later label clock wins, in any order.
		older := got[0]
		older.LabelClockMS, older.Labelled = 3*dayMS, 1
		for seed := range uint64(6) {
			shuffled(rand.New(rand.NewPCG(seed, 3)), append(got, older), func(part []store.PerformanceDay) {
				if err := s.PutPerformanceDays(ctx, part); err != nil {
					t.Fatal(err)
				}
			})
		}
		stored, err := s.PerformanceDays(ctx, store.PerformanceQuery{Model: "m"})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(got, stored); d != "" {
			t.Errorf("PerformanceDays (-want +got):\n%s", d)
		}
		for _, c := range []struct {
			q    store.PerformanceQuery
			want int
		}{
			{store.PerformanceQuery{Version: "2"}, 1}, {store.PerformanceQuery{From: "1970-01-02"}, 2},
			{store.PerformanceQuery{From: "1970-01-03"}, 0}, {store.PerformanceQuery{To: "1970-01-02"}, 0},
		} {
			c.q.Model = "m"
			if got, err := s.PerformanceDays(ctx, c.q); err != nil || len(got) != c.want {
				t.Errorf("PerformanceDays(%+v) = %d rows, %v; want %d", c.q, len(got), err, c.want)
			}
		}
		if _, err := s.RealisedDay(ctx, "m", "1970-13-02", "1", 0); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("RealisedDay of no day: %v, want ErrInvalid", err)
		}
	})
}

func TestAnAlarmMachineKeepsItsLastState(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		if _, found, err := s.Machine(t.Context(), "m/accuracy"); found || err != nil {
			t.Errorf("before the first writing: %v, %v", found, err)
		}
		for _, state := range [][]byte{{1, 0, 0xff}, nil, []byte(`{"phase":"OK"}`)} {
			if err := s.PutMachine(t.Context(), "m/accuracy", state, 5); err != nil {
				t.Fatal(err)
			}
			got, found, err := s.Machine(t.Context(), "m/accuracy")
			if err != nil || !found || string(got) != string(state) {
				t.Errorf("Machine = %q, %v, %v; want %q", got, found, err, state)
			}
		}
	})
}
