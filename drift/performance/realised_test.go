package performance

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/trainer/judge"
)

// TestMeasure_LikeTheJudgeOnRawRows: on scores in the middle of cells both packages
// must say the same, by definitions written apart.
func TestMeasure_LikeTheJudgeOnRawRows(t *testing.T) {
	t.Parallel()
	for run := range 10 {
		d := newDraws(31, uint64(run))
		o := outcomes(t, twoClasses)
		var scores []float64
		var labels []int
		for range 800 {
			s := midpoint(d.intn(sketches.ScoreCells))
			label := d.u() < 0.2+0.6*s
			o.Add(binaryRow(s, label))
			scores, labels = append(scores, s), append(labels, 0)
			if label {
				labels[len(labels)-1] = 1
			}
		}
		want, err := judge.EvaluateBinary(scores, labels, 0.5)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Realise([]*Outcomes{o}, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range []struct {
			name string
			got  Value
			want float64
			tol  float64
		}{
			{"accuracy", got.Accuracy, want.Accuracy.Number, 1e-15},
			{"precision", got.Precision, want.Precision.Number, 1e-15},
			{"recall", got.Recall, want.Recall.Number, 1e-15},
			{"F1", got.F1, want.F1.Number, 1e-15},
			{"ROC AUC", got.ROCAUC, want.ROCAUC.Number, 1e-12},
			{"log loss", got.LogLoss, want.LogLoss.Number, 1e-9}, // kept in steps of 1e-9
			{"Brier", got.Brier, want.Brier.Number, 1e-9},
			{"bias", got.Calibration.Bias, want.Calibration.Bias.Number, 1e-9},
			{"slope", got.Calibration.Slope, want.Calibration.Slope.Number, 1e-8},
			{"intercept", got.Calibration.Intercept, want.Calibration.Intercept.Number, 1e-8},
			// the judge's bins may cut inside ties of equal counts elsewhere
			{"calibration error", got.Calibration.Error, want.Calibration.Error.Number, 0.02},
		} {
			if !x.got.Defined() || !(math.Abs(x.got.Number-x.want) <= x.tol) {
				t.Errorf("run %d: %s = %v, the judge says %.17g", run, x.name, x.got, x.want)
			}
		}
		if got.Confusion[1][1] != uint64(want.Confusion.TP) || got.Confusion[0][1] != uint64(want.Confusion.FP) {
			t.Errorf("confusion %v, the judge says %+v", got.Confusion, want.Confusion)
		}
	}
}

func TestMeasure_MulticlassLikeTheJudge(t *testing.T) {
	t.Parallel()
	d := newDraws(32, 0)
	o := outcomes(t, threeClasses)
	var chances []float64
	var labels []int
	for range 1000 {
		row := []float64{d.u(), d.u(), d.u()}
		sum := row[0] + row[1] + row[2]
		best := 0
		for c := range row {
			row[c] /= sum
			if row[c] > row[best] {
				best = c
			}
		}
		label := d.intn(3)
		if d.u() < 0.5 {
			label = best
		}
		chances, labels = append(chances, row...), append(labels, label)
		o.Add(Scored{Score: row[best], HasScore: true, Predicted: threeClasses.Names[best], HasClass: true, Label: threeClasses.Names[label], HasLabel: true})
	}
	want, err := judge.EvaluateMulticlass(chances, labels, 3)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Realise([]*Outcomes{o}, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "accuracy", got.Accuracy, want.Accuracy.Number)
	near(t, "macro precision", got.Macro.Precision, want.Macro.Precision.Number)
	near(t, "macro recall", got.Macro.Recall, want.Macro.Recall.Number)
	near(t, "macro F1", got.Macro.F1, want.Macro.F1.Number)
	near(t, "weighted precision", got.Weighted.Precision, want.Weighted.Precision.Number)
	near(t, "weighted recall", got.Weighted.Recall, want.Weighted.Recall.Number)
	near(t, "weighted F1", got.Weighted.F1, want.Weighted.F1.Number)
	for c := range got.Classes {
		near(t, "precision of "+got.Classes[c].Class, got.Classes[c].Precision, want.Classes[c].Precision.Number)
		near(t, "recall of "+got.Classes[c].Class, got.Classes[c].Recall, want.Classes[c].Recall.Number)
		if auc := got.Classes[c].ROCAUC; !auc.Defined() || auc.Number < 0.6 || auc.Number > 0.95 {
			t.Errorf("AUC of %s = %v", got.Classes[c].Class, auc)
		}
	}
	none(t, "precision of many classes", got.Precision, binaryOnly)
}

// TestAUC_OneVersusRestOfTwoClassesIsTheAUC: where the score of the predicted class
// says all, as with two, the ranks by class are those of the chance itself.
func TestAUC_OneVersusRestOfTwoClassesIsTheAUC(t *testing.T) {
	t.Parallel()
	many := Classes{Kind: Multiclass, Names: twoClasses.Names}
	d := newDraws(33, 0)
	a, b := outcomes(t, twoClasses), outcomes(t, many)
	for range 2000 {
		s := midpoint(d.intn(sketches.ScoreCells))
		r := binaryRow(s, d.u() < s)
		a.Add(r)
		r.Score = max(s, 1-s)
		b.Add(r)
	}
	x, tie := a.realisedAUC(1)
	y, _ := b.realisedAUC(1)
	z, _ := a.realisedAUC(0) // of the other class: the same, from the other side
	if math.Abs(x.Number-y.Number) > 1e-12 || math.Abs(x.Number-z.Number) > 1e-12 || !(tie > 0 && tie < 0.001) {
		t.Errorf("AUC %v by the chance of yes, %v by the chance of the class given; ties %g", x, y, tie)
	}
}

func TestRealise_EdgeCases(t *testing.T) {
	t.Parallel()
	one := func(rows ...Scored) Report {
		r, err := Realise([]*Outcomes{outcomes(t, twoClasses, rows...)}, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	empty := one()
	none(t, "accuracy of nothing", empty.Accuracy, noRows)
	none(t, "log loss of nothing", empty.LogLoss, noScores)
	none(t, "AUC of nothing", empty.ROCAUC, noScores)
	none(t, "calibration of nothing", empty.Calibration.Error, noScores)
	none(t, "coverage of nothing", empty.Coverage, "no predictions")

	unlabelled := one(Scored{Score: 0.4, HasScore: true, Predicted: "no", HasClass: true})
	none(t, "accuracy without labels", unlabelled.Accuracy, noRows)
	near(t, "coverage", unlabelled.Coverage, 0)

	negative := one(binaryRow(0.1, false), binaryRow(0.2, false))
	near(t, "accuracy", negative.Accuracy, 1)
	none(t, "precision", negative.Precision, "no row is given this class")
	none(t, "recall", negative.Recall, "no row has this class")
	none(t, "F1", negative.F1, "no row has or is given this class")
	none(t, "AUC", negative.ROCAUC, "no row is positive")
	none(t, "slope", negative.Calibration.Slope, "the labels hold one class only")
	none(t, "macro recall", negative.Macro.Recall, `recall of class "yes": no row has this class`)
	near(t, "weighted recall", negative.Weighted.Recall, 1)

	near(t, "AUC of ties", one(binaryRow(0.7, true), binaryRow(0.7, false)).ROCAUC, 0.5)
	nan := binaryRow(0.7, true)
	nan.Score = math.NaN()
	r := one(nan, binaryRow(0.9, true))
	if r.Rows != 2 || r.Scored != 1 {
		t.Errorf("%d rows, %d scored, want 2 and 1: a NaN score is counted apart", r.Rows, r.Scored)
	}
	none(t, "AUC of positives", one(binaryRow(0.7, true)).ROCAUC, "every row is positive")
	sure := one(Scored{Score: 0, HasScore: true, Predicted: "no", HasClass: true, Label: "yes", HasLabel: true})
	if got := sure.LogLoss.Number; math.Abs(got-math.Log(1e15)) > 1e-6 {
		t.Errorf("log loss of a sure mistake %g, want %g", got, math.Log(1e15))
	}

	if _, err := Realise(nil, 0.95); !errors.Is(err, ErrBadInput) {
		t.Errorf("no days: %v", err)
	}
	if _, err := Realise([]*Outcomes{outcomes(t, twoClasses)}, 1); !errors.Is(err, ErrBadInput) {
		t.Errorf("level 1: %v", err)
	}
	if _, err := Realise([]*Outcomes{outcomes(t, twoClasses), outcomes(t, threeClasses)}, 0.9); !errors.Is(err, sketches.ErrGridMismatch) {
		t.Errorf("days of other classes: %v", err)
	}
}

// TestRealise_IntervalsHoldWhereDaysDiffer: nominal 95 %, true figures known, with
// rows of a day hanging together. Wilson's interval at all rows, as if they did not,
// must fail, or the days would not matter here.
func TestRealise_IntervalsHoldWhereDaysDiffer(t *testing.T) {
	t.Parallel()
	const runs, days, rows, seed = 200, 14, 100, 43
	covered := map[string]int{}
	naive := 0
	truth := map[string]float64{}
	simulate := func(d *draws, n int) []*Outcomes {
		out := make([]*Outcomes, n)
		for i := range out {
			out[i] = outcomes(t, twoClasses)
			shift := 0.5 * d.normal() // the day's own log odds
			for range rows {
				s := d.u()
				p := 1 / (1 + math.Exp(-(2*logit(s) + shift)))
				out[i].Add(binaryRow(s, d.u() < p))
			}
		}
		return out
	}
	pick := func(r *Report) map[string]*Value {
		return map[string]*Value{
			"accuracy": &r.Accuracy, "precision": &r.Precision, "recall": &r.Recall, "F1": &r.F1, "ROC AUC": &r.ROCAUC,
			"log loss": &r.LogLoss, "Brier": &r.Brier, "bias": &r.Calibration.Bias,
		}
	}
	many := simulate(newDraws(seed, 1<<40), 8000)
	for _, d := range many[1:] {
		if err := many[0].Merge(d); err != nil {
			t.Fatal(err)
		}
	}
	large := many[0].measure(true)
	for name, v := range pick(&large) {
		truth[name] = v.Number
	}
	for run := range runs {
		r, err := Realise(simulate(newDraws(seed, uint64(run)), days), 0.95)
		if err != nil {
			t.Fatal(err)
		}
		for name, v := range pick(&r) {
			if !v.Bounded() || !(v.Low <= v.Number && v.Number <= v.High) {
				t.Fatalf("%s has no sound bounds: %v (%s)", name, v, v.NoBounds)
			}
			if v.Low <= truth[name] && truth[name] <= v.High {
				covered[name]++
			}
		}
		if low, high := wilson(r.Precision.Number, float64(r.Classes[1].Predicted), 1.96); low <= truth["precision"] && truth["precision"] <= high {
			naive++
		}
	}
	for name, n := range covered {
		if share := float64(n) / runs; share < 0.92 || share > 0.995 { // ± 2½ standard errors; Wilson with d ≥ 1 may be wide
			t.Errorf("seed %d: %s covered in %.3f of %d runs, want about 0.95", seed, name, share, runs)
		}
	}
	if share := float64(naive) / runs; share > 0.9 {
		t.Errorf("rows taken for independent cover %.3f: the days do not differ enough to test anything", share)
	}
}

func TestRealise_OneDayHasNoBounds(t *testing.T) {
	t.Parallel()
	r, err := Realise([]*Outcomes{outcomes(t, twoClasses, binaryRow(0.9, true), binaryRow(0.1, true)), outcomes(t, twoClasses)}, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	if r.Days != 1 || r.Accuracy.Bounded() || r.Accuracy.NoBounds != "one day has no spread between days" || r.AccuracyDesign != 1 {
		t.Errorf("%d days, accuracy %v, %q, design %g", r.Days, r.Accuracy, r.Accuracy.NoBounds, r.AccuracyDesign)
	}
	b, err := json.Marshal(r.Accuracy)
	if want := `{"value":0.5,"reason":"one day has no spread between days"}`; err != nil || string(b) != want {
		t.Errorf("JSON %s, want %s (%v)", b, want, err)
	}
	if b, err := json.Marshal(undefined("why")); err != nil || string(b) != `{"value":null,"reason":"why"}` {
		t.Errorf("JSON of nothing: %s %v", b, err)
	}
	if _, err := json.Marshal(r); err != nil {
		t.Errorf("a report with undefined figures has no JSON: %v", err)
	}
}

func ExampleRealise() {
	classes := Classes{Kind: Binary, Names: []string{"no", "yes"}, Positive: "yes"}
	var week []*Outcomes
	for day := range 7 {
		o, err := NewOutcomes(classes)
		if err != nil {
			fmt.Println(err)
			return
		}
		for i := range 100 {
			score := (float64(i) + 0.5) / 100
			label := "no"
			if (i*37+day*11)%100 < i {
				label = "yes"
			}
			predicted := "no"
			if score >= 0.5 {
				predicted = "yes"
			}
			o.Add(Scored{Score: score, HasScore: true, Predicted: predicted, HasClass: true, Label: label, HasLabel: true})
		}
		week = append(week, o)
	}
	r, err := Realise(week, 0.95)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("accuracy", r.Accuracy)
	fmt.Println("ROC AUC", r.ROCAUC)
	// Output:
	// accuracy 0.755714 [0.713918, 0.793173]
	// ROC AUC 0.842682 [0.835894, 0.84924]
}
