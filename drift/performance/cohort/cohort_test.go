package cohort

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/driftline/driftline/drift/generate"
	"github.com/driftline/driftline/drift/performance"
)

// What the streams of these tests do after their change.
const (
	calm      = "calm"
	concept   = "concept"   // labels follow from the inputs otherwise than before
	covariate = "covariate" // inputs move to where the model is unsure
)

var specs = map[string]Spec{
	Binary:     {Kind: Binary, Classes: []string{"0", "1"}, Positive: "1", MaturityMS: 2 * DayMS},
	Multiclass: {Kind: Multiclass, Classes: []string{"a", "b", "c"}, MaturityMS: 2 * DayMS},
	Regression: {Kind: Regression, MaturityMS: 2 * DayMS},
}

type draws struct {
	s generate.Stream
	i uint64
}

func (d *draws) u() float64 { d.i++; return d.s.Uniform(d.i) }

func (d *draws) normal() float64 {
	return math.Sqrt(-2*math.Log(d.u())) * math.Cos(2*math.Pi*d.u())
}

// row draws one prediction with its label, from a model that is calibrated until the
// change.
func (d *draws) row(kind, change string, startMS int64) Row {
	r := Row{HasLabel: true, LabelMS: startMS + DayMS, HasScore: true}
	switch kind {
	case Binary:
		// A score s comes true with chance s; near 0.5 the model is unsure.
		far := 0.3 + 0.2*d.u()
		if change == covariate {
			far = 0.2 * d.u()
		}
		r.Score = 0.5 + far
		if d.u() < 0.5 {
			r.Score = 0.5 - far
		}
		p := r.Score
		if change == concept {
			p = 0.5 + (p-0.5)/3
		}
		r.Class, r.Label = text(r.Score >= 0.5), text(d.u() < p)
	case Multiclass:
		names := specs[Multiclass].Classes
		at := int(3 * d.u())
		r.Class, r.Score = names[at], 0.8+0.2*d.u()
		if change == covariate {
			r.Score = 0.5 + 0.3*d.u()
		}
		p := r.Score
		if change == concept {
			p -= 0.3
		}
		if r.Label = r.Class; d.u() >= p {
			r.Label = names[(at+1+int(2*d.u()))%3]
		}
	case Regression:
		// The error grows with the prediction.
		x := d.u()
		if change == covariate {
			x = 0.7 + 0.3*d.u()
		}
		spread := 0.1 + x
		if change == concept {
			spread += 0.5
		}
		r.HasScore = false
		r.Class = strconv.FormatFloat(10*x, 'g', -1, 64)
		r.Label = strconv.FormatFloat(10*x+spread*d.normal(), 'g', -1, 64)
	}
	return r
}

func text(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// days draws a version's days; those from changeAt on are changed.
func days(t testing.TB, kind, change string, n, changeAt, rows int, seed uint64) []Day {
	t.Helper()
	d := &draws{s: generate.New(seed, 1)}
	s := specs[kind]
	var out []Day
	for i := range n {
		start := int64(i) * DayMS
		what := calm
		if i >= changeAt {
			what = change
		}
		var drawn []Row
		for range rows {
			drawn = append(drawn, d.row(kind, what, start))
		}
		out = append(out, dayOf(t, s, start, drawn, out))
	}
	return out
}

func dayOf(t testing.TB, s Spec, start int64, rows []Row, before []Day) Day {
	t.Helper()
	grid := GridOf(before)
	if s.Kind == Regression && grid == nil {
		var err error
		if grid, err = Grid(rows); err != nil || grid == nil {
			t.Fatal("no grid", err)
		}
	}
	x, err := NewDay(s, start, grid)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		x.Add(s, r)
	}
	return *x
}

func read(t testing.TB, s Spec, days []Day, last int) Report {
	t.Helper()
	r, err := Read(s, days, int64(last)*DayMS)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRead_SaysWhatAFallMeans(t *testing.T) {
	t.Parallel()
	for kind, s := range specs {
		for change, want := range map[string]string{calm: "harmless", concept: "concept drift", covariate: "covariate drift"} {
			t.Run(kind+", "+change, func(t *testing.T) {
				t.Parallel()
				all := days(t, kind, change, 40, 30, 300, 7)
				r := read(t, s, all, 39)
				if r.Reading != want {
					t.Errorf("reading %q, want %q: %s", r.Reading, want, r.Words)
				}
				before := read(t, s, all, 29)
				if before.Reading != "harmless" {
					t.Errorf("before the change %q: %s", before.Reading, before.Words)
				}
				if r.Coverage == nil || *r.Coverage != 1 || r.Days != WindowDays || r.Labelled != 2100 {
					t.Errorf("coverage %v, %d days, %d labelled", r.Coverage, r.Days, r.Labelled)
				}
				for _, f := range r.Figures {
					if (f.Value == nil) != (f.Reason != "" && f.Low == nil && f.Value == nil) || f.Value != nil && !finite(*f.Value) {
						t.Errorf("%+v has neither a number nor a reason", f)
					}
				}
				gap, ok := r.Find(Error, Main(kind))
				est, _ := r.Find(Estimated, Main(kind))
				is, _ := r.Find(Realised, Main(kind))
				if !ok || gap.Value == nil || math.Abs(*gap.Value-math.Abs(*est.Value-*is.Value)) > 1e-12 {
					t.Errorf("the error of the estimate is %v, estimated %v, realised %v", gap.Value, est.Value, is.Value)
				}
				if is.Low == nil || *is.Low > *is.Value || *is.High < *is.Value {
					t.Errorf("realised %+v without an interval around it", is)
				}
			})
		}
	}
}

// TestRead_LearnsFromLabelsBeforeTheWindowOnly is C1. Labels of the window itself, and
// of days whose labels came while it ran, would teach the estimate what it is to be
// held against.
func TestRead_LearnsFromLabelsBeforeTheWindowOnly(t *testing.T) {
	t.Parallel()
	for kind, s := range specs {
		all := days(t, kind, concept, 40, 30, 300, 11)
		r := read(t, s, all, 38)
		if end := r.Learnt.ToMS + s.MaturityMS; end > r.FromMS || r.Learnt.ToMS != 30*DayMS {
			t.Errorf("%s: learnt up to day %d for a window from day %d with a maturity of two", kind, r.Learnt.ToMS/DayMS, r.FromMS/DayMS)
		}
		// What comes later changes nothing: days in the window's time but for its own
		// counts, and behind it.
		other := days(t, kind, calm, 60, 0, 300, 12)
		mixed := slices.Concat(all[:39], other[39:])
		if a, b := asJSON(t, r), asJSON(t, read(t, s, mixed, 38)); a != b {
			t.Errorf("%s: days behind the window changed its report:\n%s\n%s", kind, a, b)
		}
		// The mutant learns from all that is mature at the time: the window is in it.
		mutant := s
		mutant.MaturityMS = -100 * DayMS
		if got := read(t, mutant, all[:39], 38); got.Learnt.ToMS <= got.FromMS {
			t.Fatalf("%s: the mutant learns from before the window, like the rule", kind)
		} else if a, _ := got.Find(Error, Main(kind)); *a.Value >= 0.8**mustFind(t, r, Error, Main(kind)).Value {
			t.Errorf("%s: with its own labels the estimate is off by %.3f, without by %.3f: this stream cannot tell the rule", kind, *a.Value, *mustFind(t, r, Error, Main(kind)).Value)
		}
	}
}

func mustFind(t testing.TB, r Report, kind, metric string) Figure {
	t.Helper()
	f, ok := r.Find(kind, metric)
	if !ok || f.Value == nil {
		t.Fatalf("no %s %s: %+v", kind, metric, f)
	}
	return f
}

// TestRead_ConceptDriftIsNotLearnt is C2 and C3: months after the change the window is
// still read as concept drift, and is held against what the version once was.
func TestRead_ConceptDriftIsNotLearnt(t *testing.T) {
	t.Parallel()
	s := specs[Binary]
	all := days(t, Binary, concept, 130, 30, 100, 13)
	for i := range all {
		if i < 12 {
			continue
		}
		r := read(t, s, all[:i+1], i)
		all[i].Concept = r.Reading == "concept drift"
		if i >= 36 && !all[i].Concept {
			t.Fatalf("day %d: %q, learnt %d days: %s", i, r.Reading, r.Learnt.Days, r.Words)
		}
		if r.Reference.Days > ReferenceDays || r.Reference.Days > 0 && r.Reference.FromMS != 0 {
			t.Fatalf("day %d is held against %+v", i, r.Reference)
		}
	}
	// Without the rule the estimate follows the labels down.
	forgot := slices.Clone(all)
	for i := range forgot {
		forgot[i].Concept = false
	}
	if r := read(t, s, forgot, 129); r.Reading == "concept drift" {
		t.Errorf("learning from all days still reads %q: this stream cannot tell the rule", r.Reading)
	}
}

// TestDay_CountsLabelsUpToItsMaturity is C4.
func TestDay_CountsLabelsUpToItsMaturity(t *testing.T) {
	t.Parallel()
	s := specs[Binary]
	row := func(at int64) Row {
		return Row{Score: 0.9, HasScore: true, Class: "1", Label: "1", LabelMS: at, HasLabel: true}
	}
	d := dayOf(t, s, 10*DayMS, []Row{row(0), row(13 * DayMS), row(13*DayMS + 1), {Class: "1"}, {Class: "1", HasLabel: true, Label: "7"}}, nil)
	if d.Outcomes.Labelled() != 2 || d.Outcomes.Unlabelled != 2 || d.Outcomes.StrangeLabel != 1 || d.Outcomes.Predicted() != 5 {
		t.Errorf("%d labelled, %d not, %d strange of %d; want 2, 2, 1 of 5: labels end with the maturity", d.Outcomes.Labelled(), d.Outcomes.Unlabelled, d.Outcomes.StrangeLabel, d.Outcomes.Predicted())
	}
}

func TestRead_WithoutLabelsIsAnEstimateOrAReason(t *testing.T) {
	t.Parallel()
	for kind, s := range specs {
		all := days(t, kind, covariate, 40, 30, 300, 17)
		truth := mustFind(t, read(t, s, all, 39), Realised, Main(kind))
		for i := 37; i < 40; i++ { // labels of the newest days are awaited
			all[i].Outcomes, all[i].Numbers = nil, nil
		}
		r := read(t, s, all, 39)
		est := mustFind(t, r, Estimated, Main(kind))
		if r.Mature || r.Reading != NotAvailable || r.Coverage != nil || r.Predicted != 2100 {
			t.Errorf("%s: %+v, want an expectation without a reading", kind, r)
		}
		if est.Low == nil || *est.Low > *truth.Value || *est.High < *truth.Value {
			t.Errorf("%s: estimated %.4f [%v, %v], labels then show %.4f", kind, *est.Value, est.Low, est.High, *truth.Value)
		}
		if _, ok := r.Find(Realised, Main(kind)); ok {
			t.Errorf("%s: a realised figure without labels", kind)
		}
		// Too early: nothing before the window has labels.
		early := read(t, s, all, 5)
		if f, ok := early.Find(Estimated, Main(kind)); !ok || f.Value != nil || f.Reason != "not available: no labels have matured before the window" {
			t.Errorf("%s: estimate of the first days %+v, want not available by name", kind, f)
		}
		if early.Reading != NotAvailable {
			t.Errorf("%s: reading %q", kind, early.Reading)
		}
	}
}

func TestRead_LabelsThatNeverCameLeaveTheEstimate(t *testing.T) {
	t.Parallel()
	for kind, s := range specs {
		all := days(t, kind, calm, 33, 33, 200, 19)
		d := &draws{s: generate.New(19, 2)}
		for i := 33; i < 40; i++ {
			var rows []Row
			for range 200 {
				r := d.row(kind, calm, int64(i)*DayMS)
				r.HasLabel = false
				rows = append(rows, r)
			}
			all = append(all, dayOf(t, s, int64(i)*DayMS, rows, all))
		}
		r := read(t, s, all, 39)
		if f := mustFind(t, r, Estimated, Main(kind)); f.Low == nil {
			t.Errorf("%s: %+v", kind, f)
		}
		if f, ok := r.Find(Realised, Main(kind)); !ok || f.Value != nil || f.Reason == "" {
			t.Errorf("%s: realised %+v without any label, want a reason", kind, f)
		}
		if r.Coverage == nil || *r.Coverage != 0 || r.Reading != NotAvailable || len(r.Beside) == 0 {
			t.Errorf("%s: coverage %v, reading %q, beside %v", kind, r.Coverage, r.Reading, r.Beside)
		}
	}
}

// TestDay_SurvivesItsBytes: what is stored is what was counted.
func TestDay_SurvivesItsBytes(t *testing.T) {
	t.Parallel()
	for kind, s := range specs {
		all := days(t, kind, concept, 20, 12, 250, 23)
		var back []Day
		for _, d := range all {
			x, err := Decode(s, d.StartMS, d.Counts(), d.Answers(), nil)
			if err != nil {
				t.Fatal(err)
			}
			back = append(back, x)
		}
		if a, b := asJSON(t, read(t, s, all, 19)), asJSON(t, read(t, s, back, 19)); a != b {
			t.Errorf("%s: the report of stored days differs:\n%s\n%s", kind, a, b)
		}
		last := all[19]
		x, err := Decode(s, last.StartMS, nil, last.Answers(), GridOf(all))
		if err != nil || x.Mature() || string(x.Answers()) != string(last.Answers()) {
			t.Errorf("%s: answers alone: %v, mature %t", kind, err, x.Mature())
		}
		for _, cut := range []int{1, len(last.Counts()) - 1} {
			if _, err := Decode(s, 0, last.Counts()[:cut], nil, nil); err == nil {
				t.Errorf("%s: %d of %d bytes decode", kind, cut, len(last.Counts()))
			}
		}
	}
	// Classes that were renamed since make old days another model's.
	old := days(t, Binary, calm, 1, 1, 10, 29)[0]
	if x, err := Decode(Spec{Kind: Binary, Classes: []string{"no", "yes"}, Positive: "yes"}, 0, old.Counts(), old.Answers(), nil); err != nil || x.Mature() {
		t.Errorf("days of other classes: %v, mature %t", err, x.Mature())
	}
	if x, err := Decode(Spec{Kind: Binary, Classes: []string{"no", "yes"}, Positive: "yes"}, 0, nil, old.Answers(), nil); err != nil || x.Scores != nil {
		t.Errorf("answers of other classes: %v, %v", err, x.Scores)
	}
}

func TestRead_RefusesWhatMakesNoWindow(t *testing.T) {
	t.Parallel()
	s := specs[Binary]
	all := days(t, Binary, calm, 5, 5, 20, 31)
	unknown := s
	unknown.Reason = "the two classes are not known"
	for i, bad := range []func() error{
		func() error { _, err := Read(s, nil, 0); return err },
		func() error { _, err := Read(s, all, 7*DayMS); return err },
		func() error { _, err := Read(s, []Day{all[1], all[0]}, 0); return err },
		func() error { _, err := Read(unknown, all, 0); return err },
		func() error { _, err := NewDay(unknown, 0, nil); return err },
		func() error { _, err := NewDay(specs[Regression], 0, nil); return err },
	} {
		if err := bad(); !errors.Is(err, performance.ErrBadInput) {
			t.Errorf("case %d: %v, want ErrBadInput", i, err)
		}
	}
}

func TestRead_ComparesScoresClassesAndLabels(t *testing.T) {
	t.Parallel()
	for kind, s := range specs {
		r := read(t, s, days(t, kind, covariate, 40, 30, 300, 37), 39)
		names := map[string]float64{}
		for _, a := range r.Answers {
			if a.PSI != nil {
				names[a.Name] = *a.PSI
			}
		}
		moved := "score"
		if kind == Regression {
			moved = "prediction"
		} else if _, ok := names["label"]; !ok {
			t.Errorf("%s: labels are not compared: %+v", kind, r.Answers)
		}
		if names[moved] < 0.5 {
			t.Errorf("%s: PSI of the %s is %.3f after it moved: %+v", kind, moved, names[moved], r.Answers)
		}
	}
}

func asJSON(t testing.TB, r Report) string {
	t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func ExampleRead() {
	s := Spec{Kind: Binary, Classes: []string{"0", "1"}, Positive: "1", MaturityMS: DayMS}
	d, err := NewDay(s, 0, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 3 {
		d.Add(s, Row{Score: 0.8, HasScore: true, Class: "1", Label: "1", LabelMS: DayMS, HasLabel: true})
	}
	d.Add(s, Row{Score: 0.8, HasScore: true, Class: "1"})
	r, err := Read(s, []Day{*d}, 0)
	is, _ := r.Find(Realised, "accuracy")
	est, _ := r.Find(Estimated, "accuracy")
	fmt.Println(*is.Value, *r.Coverage, est.Reason, err)
	// Output: 1 0.75 not available: no labels have matured before the window <nil>
}

// A day of a version that serves for half a year: what the historian does once a day.
func BenchmarkRead(b *testing.B) {
	for kind, s := range specs {
		b.Run(kind, func(b *testing.B) {
			all := days(b, kind, calm, 180, 180, 200, 41)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Read(s, all, 179*DayMS); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for kind, s := range specs {
		b.Run(kind, func(b *testing.B) {
			d := days(b, kind, calm, 1, 1, 300, 43)[0]
			counts, answers := d.Counts(), d.Answers()
			b.ReportAllocs()
			b.SetBytes(int64(len(counts) + len(answers)))
			for b.Loop() {
				if _, err := Decode(s, 0, counts, answers, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
