package cohort

import (
	"math"
	"strings"
	"testing"
)

// Held figures are those of the report of the same days, bit for bit.
func TestHold_HasTheFiguresOfTheReport(t *testing.T) {
	t.Parallel()
	s := specs[Regression]
	all := days(t, Regression, concept, 20, 15, 250, 3)
	for last := range all {
		if !all[last].Mature() {
			continue
		}
		r, err := Read(s, all, all[last].StartMS)
		if err != nil {
			t.Fatal(err)
		}
		var week []Day
		for _, d := range all {
			if d.StartMS >= r.FromMS && d.StartMS < r.ToMS {
				week = append(week, d)
			}
		}
		for _, metric := range []string{"rmse", "mae"} {
			want, _ := r.Find(Realised, metric)
			got, err := Hold(week, Promise{Figures: map[string]float64{metric: 0.6}}, 50)
			if err != nil || got.Metric != metric || got.Rows != r.Labelled || *got.Value != *want.Value || (got.Low == nil) != (want.Low == nil) || got.Low != nil && (*got.Low != *want.Low || *got.High != *want.High) {
				t.Fatalf("day %d, %s: held %+v, the report has %+v, %v", last, metric, got, want, err)
			}
			if got.Worse != (*got.Value > 0.6*(1+PromiseMargin) && (got.Low == nil || *got.Low > 0.6)) {
				t.Errorf("day %d, %s: worse %t: %s", last, metric, got.Worse, got.Words())
			}
		}
	}
}

func TestHold_AsksForTheMarginAndForMoreThanChance(t *testing.T) {
	t.Parallel()
	week := days(t, Regression, calm, 7, 7, 250, 5)
	held := func(week []Day, p map[string]float64, rows uint64) Promised {
		t.Helper()
		got, err := Hold(week, Promise{Figures: p, Reason: "why"}, rows)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	is := held(week, map[string]float64{"rmse": 1}, 1)
	value, low := *is.Value, *is.Low
	if low >= value || value/low > 1.3 {
		t.Fatalf("value %v from %v: this test wants a narrow interval", value, low)
	}
	for _, tt := range []struct {
		name  string
		was   float64
		worse bool
	}{
		{"as promised", value, false},
		{"within the margin", value / 1.09, false},
		{"beyond it, the interval as well", min(low, value/1.1) * 0.999, true},
		{"nothing was promised to be wrong", 0, true},
	} {
		if got := held(week, map[string]float64{"rmse": tt.was, "mae": 1e-9}, 50); got.Worse != tt.worse || got.Metric != "rmse" || *got.Baseline != tt.was {
			t.Errorf("%s: %s", tt.name, got.Words())
		}
	}
	// Days that differ much: the value is beyond the margin, the interval is not.
	odd := days(t, Regression, concept, 7, 6, 250, 5)
	wide := held(odd, map[string]float64{"rmse": 1}, 1)
	if was := *wide.Value / 1.101; *wide.Low > was {
		t.Fatalf("%s: this test wants a wide interval", wide.Words())
	} else if got := held(odd, map[string]float64{"rmse": was}, 50); got.Worse || !strings.HasSuffix(got.Words(), "above it, but not by more than chance.") {
		t.Errorf("by chance: %s", got.Words())
	}
	// One day has no interval: the margin decides, and the words say so.
	one := held(week[:1], map[string]float64{"mae": 1e-3}, 50)
	if !one.Worse || one.Low != nil || !strings.Contains(one.Words(), "no interval: one day has no spread between days") {
		t.Errorf("one day: %s", one.Words())
	}
	for _, tt := range []struct {
		got  Promised
		want string
	}{
		{held(week, nil, 50), "why"},
		{held(week, map[string]float64{"rmse": math.NaN()}, 50), "why"},
		{held(nil, map[string]float64{"rmse": 1}, 50), "no day of the week could be counted"},
		{held(week, map[string]float64{"rmse": 1}, 1751), "1750 labelled numbers, 1751 are needed"},
	} {
		if tt.got.Value != nil || tt.got.Worse || tt.got.Reason != tt.want || tt.got.Words() != "Not held against its promotion: "+tt.want+"." {
			t.Errorf("%+v: %q, want %q", tt.got, tt.got.Words(), tt.want)
		}
	}
	if got, _ := Hold(week, Promise{}, 50); got.Reason == "" {
		t.Error("no reason without a promise")
	}
}
