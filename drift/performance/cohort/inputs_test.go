package cohort

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/driftline/driftline/drift/generate"
	"github.com/driftline/driftline/drift/performance"
)

// lossyDays answer with a score that is far too sure where the first of the inputs is
// missing; from changeAt on that happens in a share after of the rows. Every day draws
// its sample, and asked counts how often. Labels of awaited days have not come.
func lossyDays(t testing.TB, n, rows, changeAt, awaitedFrom, inputs int, after float64, asked map[int64]int) []Day {
	t.Helper()
	d, s := &draws{s: generate.New(21, 2)}, specs[Binary]
	var out []Day
	for i := range n {
		start, loss := int64(i)*DayMS, 0.03
		if i >= changeAt {
			loss = after
		}
		sample := &Sample{Of: uint64(rows), OfLabelled: uint64(rows)}
		for j := range inputs {
			sample.Names = append(sample.Names, fmt.Sprintf("x%02d", j))
		}
		var drawn []Row
		for range rows {
			r := InputRow{Row: Row{HasScore: true, HasLabel: true, LabelMS: start + DayMS}}
			for range inputs {
				r.Inputs = append(r.Inputs, d.normal())
			}
			r.Score = 1 / (1 + math.Exp(-3*r.Inputs[0]))
			r.Label = text(d.u() < r.Score)
			if d.u() < loss {
				r.Inputs[0], r.Score = math.NaN(), 0.97
			}
			r.Class = text(r.Score >= 0.5)
			drawn = append(drawn, r.Row)
			sample.Rows = append(sample.Rows, r)
		}
		sample.Labelled = sample.Rows
		x := dayOf(t, s, start, drawn, out)
		if i >= awaitedFrom {
			x.Outcomes, sample.Labelled, sample.OfLabelled = nil, nil, 0
		}
		x.Inputs = func() (*Sample, error) {
			if asked != nil {
				asked[start/DayMS]++
			}
			return sample, nil
		}
		out = append(out, x)
	}
	return out
}

// TestRead_FollowsInputs: what is lost is covariate drift; without the inputs, which is
// the mutant, it reads as concept drift. Labelled and awaited weeks alike.
func TestRead_FollowsInputs(t *testing.T) {
	t.Parallel()
	s := specs[Binary]
	all := lossyDays(t, 40, 300, 30, 40, 3, 0.35, nil)
	r := read(t, s, all, 39)
	if r.Reading != "covariate drift" || r.Estimate != Balanced || r.EstimateWhy != "" || r.EstimateRows != 31*300 || r.EstimateWorth == nil || *r.EstimateWorth >= float64(r.EstimateRows) {
		t.Errorf("%s, %+v: %s", r.Reading, r.Estimate, r.Words)
	}
	truth, _ := r.Find(Realised, "accuracy")
	awaited := read(t, s, lossyDays(t, 40, 300, 30, 32, 3, 0.35, nil), 39)
	est, ok := awaited.Find(Estimated, "accuracy")
	if !ok || est.Value == nil || awaited.Estimate != Balanced || math.Abs(*est.Value-*truth.Value) > 0.03 {
		t.Errorf("labels awaited: estimated %+v for %g, %+v", est, *truth.Value, awaited.Estimate)
	}
	for i := range all {
		all[i].Inputs = nil
	}
	plain := read(t, s, all, 39)
	if plain.Reading != "concept drift" || plain.Estimate != Plain || !strings.Contains(plain.EstimateWhy, "examples is not rows") {
		t.Errorf("from scores alone: %s, %+v; the inputs are not tested", plain.Reading, plain.Estimate)
	}
}

// TestRead_AsksOnlyForTheDaysItNeeds: the newest that may be learnt from (C1), up to
// MostRows, and those of the window.
func TestRead_AsksOnlyForTheDaysItNeeds(t *testing.T) {
	t.Parallel()
	asked := map[int64]int{}
	all := lossyDays(t, 34, SampleRows, 40, 40, 1, 0, asked)
	r := read(t, specs[Binary], all, 33)
	if r.Estimate != Balanced || r.EstimateRows != MostRows {
		t.Errorf("%+v", r.Estimate)
	}
	for day := range int64(34) {
		want := 0
		if day >= 33-6 || day >= 25-MostRows/SampleRows && day < 25 {
			want = 1
		}
		if asked[day] != want {
			t.Errorf("day %d was asked %d times, want %d", day, asked[day], want)
		}
	}
}

// TestRead_SaysWhyItFollowsNoInputs: plain by name, or "not available" where no labelled
// row looks like the window.
func TestRead_SaysWhyItFollowsNoInputs(t *testing.T) {
	t.Parallel()
	s := specs[Binary]
	set := func(days []Day, from int, f Inputs) []Day {
		for i := from; i < len(days); i++ {
			days[i].Inputs = f
		}
		return days
	}
	for _, c := range []struct {
		name string
		days []Day
		why  string
	}{
		{"few rows", lossyDays(t, 30, 40, 40, 40, 2, 0, nil), "840 labelled rows with inputs before the window, at least 1000 are needed to follow inputs"},
		{"no names", lossyDays(t, 30, 100, 40, 40, 1, 0, nil), "hold no inputs"},
		{"none of the window", set(lossyDays(t, 30, 100, 40, 40, 2, 0, nil), 23, func() (*Sample, error) { return &Sample{}, nil }), "no inputs of the window's predictions are stored"},
		{"not readable", set(lossyDays(t, 30, 100, 40, 40, 2, 0, nil), 0, func() (*Sample, error) { return nil, errors.New("no database") }), "inputs could not be read: no database"},
	} {
		if c.name == "no names" {
			for i := range c.days {
				x, _ := c.days[i].Inputs()
				x.Names = nil
			}
		}
		r := read(t, s, c.days, 29)
		if est, ok := r.Find(Estimated, "accuracy"); r.Estimate != Plain || !strings.Contains(r.EstimateWhy, c.why) || !ok || est.Value == nil {
			t.Errorf("%s: %+v, %+v", c.name, r.Estimate, est)
		}
	}
	// Ninety-eight of a hundred values lost, of which the labelled rows have three in a hundred.
	r := read(t, s, lossyDays(t, 40, 100, 30, 40, 1, 0.98, nil), 39)
	est, _ := r.Find(Estimated, "accuracy")
	if r.Estimate != Balanced || est.Value != nil || !strings.Contains(est.Reason, "labelled rows count like") || r.Reading != NotAvailable || *r.EstimateWorth >= performance.DefaultMinLabels {
		t.Errorf("far away: %+v, %+v, %s", r.Estimate, est, r.Words)
	}
	if n := read(t, specs[Regression], days(t, Regression, calm, 20, 30, 300, 3), 19); n.Estimate != Plain || n.EstimateWhy == "" {
		t.Errorf("of numbers: %+v", n.Estimate)
	}
}

// TestThin_BoundsTheWork: more inputs, fewer rows; and every day the same share.
func TestThin_BoundsTheWork(t *testing.T) {
	t.Parallel()
	names := func(n int) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprintf("x%03d", i))
		}
		return out
	}
	ps := parts{{rows: make([]InputRow, 20000)}, {rows: make([]InputRow, 10000)}}
	for inputs, most := range map[int]int{1: MostRows, 10: MostRows, 20: MostRows / 4, 30: MostRows * 100 / 900, 500: MostRows * 100 / 900} {
		rows := thin(ps, names(inputs))
		first := 0
		for _, r := range rows {
			if r.part == 0 {
				first++
			}
		}
		if math.Abs(float64(len(rows)-most)) > 3 || math.Abs(float64(first)-2*float64(len(rows))/3) > 3 {
			t.Errorf("%d inputs: %d rows, %d of the larger day; want %d", inputs, len(rows), first, most)
		}
	}
	at := mostMoved([]float64{0, 0, 0, 2, 0, 0, 0, 0, 0.5, 0, 3, 0}, make([]float64, 12), 2)
	if !slices.Equal(at, []int{1, 3}) {
		t.Errorf("moved most: %v", at)
	}
}

// TestWindowTraits_CountDaysByTheirRows: a day of many predictions has no more rows in
// its sample than a small one, and counts more.
func TestWindowTraits_CountDaysByTheirRows(t *testing.T) {
	t.Parallel()
	one := func(x float64, of uint64) part {
		s := &Sample{Names: []string{"x"}, Rows: []InputRow{{Inputs: []float64{x}}, {Inputs: []float64{x}}}, Of: of}
		out, _ := windowRows([]Day{{Inputs: func() (*Sample, error) { return s, nil }}}, false)
		return out[0]
	}
	got := parts{one(1, 2), one(3, 6)}.meanTraits([]string{"x", "y"}, []performance.Scale{{Centre: 0, Spread: 1}, {}})
	for i, want := range []float64{2.5, 7, 0, 0, 0, 1} {
		if math.Abs(got[i]-want) > 1e-12 {
			t.Errorf("trait %d: %g, want %g", i, got[i], want)
		}
	}
}

func BenchmarkRead_Balanced(b *testing.B) {
	for _, inputs := range []int{10, 30} {
		b.Run(fmt.Sprint("inputs=", inputs), func(b *testing.B) {
			all := lossyDays(b, 30, SampleRows, 23, 40, inputs, 0.1, nil)
			b.ReportAllocs()
			for b.Loop() {
				if r := read(b, specs[Binary], all, 29); r.Estimate != Balanced {
					b.Fatalf("%+v", r.Estimate)
				}
			}
		})
	}
}
