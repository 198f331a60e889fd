package performance

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/driftline/driftline/sketches"
)

// world draws rows whose scores are off in a known way: P(yes at s) = chance(s).
type world struct {
	d     *draws
	tilt  float64 // scores lean: s = u^tilt
	odds  float64 // added to the log odds of yes: 0 is the world learnt from
	scale float64 // of the score's log odds; 1 would be calibrated
}

func (w world) cohort(t testing.TB, n int) *Outcomes {
	o := outcomes(t, twoClasses)
	for range n {
		s := math.Pow(w.d.u(), w.tilt)
		o.Add(binaryRow(s, w.d.u() < 1/(1+math.Exp(-(w.scale*logit(s)+w.odds)))))
	}
	return o
}

func learn(t testing.TB, cohorts ...*Outcomes) *Estimator {
	t.Helper()
	e, err := Learn(cohorts, DefaultMinLabels)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func binaryFigures(r *Report) map[string]Value {
	return map[string]Value{"accuracy": r.Accuracy, "precision": r.Precision, "recall": r.Recall, "F1": r.F1, "ROC AUC": r.ROCAUC, "log loss": r.LogLoss, "Brier": r.Brier}
}

func (out *Estimate) figures() map[string]Value {
	return map[string]Value{"accuracy": out.Accuracy, "precision": out.Precision, "recall": out.Recall, "F1": out.F1, "ROC AUC": out.ROCAUC, "log loss": out.LogLoss, "Brier": out.Brier}
}

// TestEstimate_IntervalsHold: scores overconfident by a half, and the window's scores
// lean otherwise than those learnt from. The figures that labels then show lie inside
// the 95 % interval about 95 % of the time. An interval without the map's own error, the
// mutant, must fall short.
func TestEstimate_IntervalsHold(t *testing.T) {
	t.Parallel()
	const runs, seed, labels, rows = 400, 51, 2000, 3000
	covered := map[string]int{}
	mutant, off, bias, flattered := 0, 0.0, 0.0, 0.0
	for run := range runs {
		d := newDraws(seed, uint64(run))
		e := learn(t, world{d, 1, 0, 0.5}.cohort(t, labels))
		window := world{d, 1.25, 0, 0.5}.cohort(t, rows)
		est, err := e.Estimate(window.Answers(), EstimateOptions{Level: 0.95})
		if err != nil {
			t.Fatal(err)
		}
		came := window.measure(false)
		is := binaryFigures(&came)
		for name, v := range est.figures() {
			if v.Low <= is[name].Number && is[name].Number <= v.High {
				covered[name]++
			}
		}
		bias += (est.ROCAUC.Number - came.ROCAUC.Number) / runs
		flattered += (est.ROCAUC.Number + e.optimism[6] - came.ROCAUC.Number) / runs
		off += math.Abs(est.Accuracy.Number-came.Accuracy.Number) / runs
		// The chance of the labels alone.
		noise := 0.0
		window0 := window0{e, window.Answers()}
		window0.each(func(h, p float64) { noise += h * p * (1 - p) })
		if se := math.Sqrt(noise) / rows; math.Abs(est.Accuracy.Number-came.Accuracy.Number) <= 1.96*se {
			mutant++
		}
	}
	for name, n := range covered {
		if share := float64(n) / runs; share < 0.925 || share > 0.98 {
			t.Errorf("seed %d: %s covered in %.4f of %d runs, want 0.95", seed, name, share, runs)
		}
	}
	if len(covered) != 7 {
		t.Errorf("%d figures covered, want 7", len(covered))
	}
	if off > 0.012 { // the chance of 3 000 labels alone makes 0.007
		t.Errorf("mean absolute error of the accuracy %.4f, want ≤ 0.012", off)
	}
	if math.Abs(bias) > 0.005 || flattered < 0.005 {
		t.Errorf("ROC AUC is off by %.4f on average, uncorrected by %.4f: want below 0.005, and above it, or the correction is not tested", bias, flattered)
	}
	if share := float64(mutant) / runs; share > 0.9 {
		t.Errorf("without the map's error %.4f are covered: it does not matter here, so nothing is tested", share)
	}
}

type window0 struct {
	e *Estimator
	a *Answers
}

func (w window0) each(f func(h, p float64)) {
	window{w.e, w.a, 1, EstimateOptions{}}.each(func(_, _ int, h, p float64) { f(h, p) })
}

// TestEstimate_DerivativesAreThoseOfTheFigures: the interval of a figure comes from
// its change with a chance. Moving every chance of a block a little must move the
// figure by as much.
func TestEstimate_DerivativesAreThoseOfTheFigures(t *testing.T) {
	t.Parallel()
	d := newDraws(52, 0)
	e := learn(t, world{d, 1, 0, 0.5}.cohort(t, 3000))
	a := world{d, 1.4, 0, 0.5}.cohort(t, 2000).Answers()
	base, err := e.Estimate(a, EstimateOptions{Level: 0.95})
	if err != nil {
		t.Fatal(err)
	}
	// With Var(chance) = 1 in one block and no other noise, SE is |derivative|; the
	// implementation is asked for it through a map of that block.
	const h = 1e-6
	w := window{e, a, float64(a.Rows()), EstimateOptions{Level: 0.95, Design: 1}}
	for name, v := range base.figures() {
		want := 0.0
		for b := range e.maps[0].blocks {
			moved := *e.maps[0]
			for c := range moved.cells {
				x := &moved.cells[c]
				if x.left == b {
					x.chance += h * (1 - x.share)
				}
				if x.right == b {
					x.chance += h * x.share
				}
			}
			other := &Estimator{classes: e.classes, maps: []*Map{&moved}, labels: e.labels, optimism: e.optimism}
			est, err := other.Estimate(a, EstimateOptions{Level: 0.95})
			if err != nil {
				t.Fatal(err)
			}
			slope := (est.figures()[name].Number - v.Number) / h
			blk := e.maps[0].blocks[b]
			p := e.maps[0].around(b)
			want += slope * slope * p * (1 - p) / blk.effective
		}
		// The map's part of the variance: the whole less the labels' chance, which is the
		// variance of the same estimate with blocks that rest on endless labels.
		sure := *e.maps[0]
		sure.blocks = append([]block(nil), sure.blocks...)
		for i := range sure.blocks {
			sure.blocks[i].effective = 1e15
		}
		other := &Estimator{classes: e.classes, maps: []*Map{&sure}, labels: e.labels, optimism: e.optimism}
		est, err := other.Estimate(a, w.opt)
		if err != nil {
			t.Fatal(err)
		}
		got := v.SE*v.SE - est.figures()[name].SE*est.figures()[name].SE
		if math.Abs(got/want-1) > 1e-3 {
			t.Errorf("%s: variance from the map %.6g, by moving the chances %.6g", name, got, want)
		}
	}
}

func TestEstimate_NotAvailableByName(t *testing.T) {
	t.Parallel()
	d := newDraws(53, 0)
	good := world{d, 1, 0, 1}.cohort(t, 500)
	scoreless := outcomes(t, twoClasses)
	onlyNo := outcomes(t, twoClasses)
	for i := range 300 {
		s := binaryRow(0.3, i%2 == 0)
		s.Score = math.NaN()
		scoreless.Add(s)
		onlyNo.Add(binaryRow(d.u(), false))
	}
	nothing := outcomes(t, twoClasses)
	for _, tt := range []struct {
		name   string
		learnt *Outcomes
		window *Outcomes
		want   string
	}{
		{"no labels", nothing, good, "no labels have matured yet"},
		{"few labels", world{d, 1, 0, 1}.cohort(t, 199), good, "199 labelled rows with a score, at least 200 are needed"},
		{"no scores with the labels", scoreless, good, "none of 300 labelled answers has a score in [0, 1]"},
		{"one class only", onlyNo, good, "the labels hold one class only"},
		{"no answers", good, nothing, "no answers in the window"},
		{"no scores", good, scoreless, "none of 300 answers has a class and a score in [0, 1]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := learn(t, tt.learnt)
			est, err := e.Estimate(tt.window.Answers(), EstimateOptions{Level: 0.9})
			if err != nil {
				t.Fatal(err)
			}
			for name, v := range est.figures() {
				none(t, name, v, tt.want)
			}
			none(t, "macro F1", est.Macro.F1, tt.want)
			if got := est.Accuracy.String(); got != "not available: "+tt.want {
				t.Errorf("in words %q", got)
			}
			split, err := e.Split(good, good, DefaultSplit())
			if err != nil {
				t.Fatal(err)
			}
			if tt.learnt != good && (split.Reading != Unread || !strings.HasSuffix(split.Words, tt.want)) {
				t.Errorf("split %v: %s", split.Reading, split.Words)
			}
		})
	}
}

func TestEstimate_BadInput(t *testing.T) {
	t.Parallel()
	d := newDraws(54, 0)
	good := world{d, 1, 0, 1}.cohort(t, 500)
	e := learn(t, good)
	for _, opt := range []EstimateOptions{{}, {Level: 1}, {Level: math.NaN()}, {Level: 0.9, Design: 0.5}, {Level: 0.9, Design: math.NaN()}, {Level: 0.9, Design: math.Inf(1)}} {
		if _, err := e.Estimate(good.Answers(), opt); !errors.Is(err, ErrBadInput) {
			t.Errorf("options %+v: %v", opt, err)
		}
	}
	if _, err := e.Estimate(outcomes(t, threeClasses).Answers(), EstimateOptions{Level: 0.9}); !errors.Is(err, sketches.ErrGridMismatch) {
		t.Errorf("other classes: %v", err)
	}
	if _, err := Learn(nil, 1); !errors.Is(err, ErrBadInput) {
		t.Errorf("nothing to learn from: %v", err)
	}
	wide, err := e.Estimate(good.Answers(), EstimateOptions{Level: 0.9, Design: 4})
	narrow, err2 := e.Estimate(good.Answers(), EstimateOptions{Level: 0.9})
	if errors.Join(err, err2) != nil || math.Abs(wide.Accuracy.SE/narrow.Accuracy.SE-2) > 1e-12 {
		t.Errorf("a design effect of 4 makes the standard error %g, without it %g", wide.Accuracy.SE, narrow.Accuracy.SE)
	}
}

// TestEstimate_ManyClasses: the expected confusion against the one that labels show,
// when the world is as it was; and the accuracy's interval.
func TestEstimate_ManyClasses(t *testing.T) {
	t.Parallel()
	const runs, seed = 200, 55
	cohort := func(d *draws, n int) *Outcomes {
		o := outcomes(t, threeClasses)
		for range n {
			p := d.intn(3)
			s := 0.4 + 0.6*d.u()
			label := p
			if d.u() > s*s { // overconfident; wrong answers fall on the next class
				label = (p + 1) % 3
			}
			o.Add(Scored{Score: s, HasScore: true, Predicted: threeClasses.Names[p], HasClass: true, Label: threeClasses.Names[label], HasLabel: true})
		}
		return o
	}
	covered, off := 0, map[string]float64{}
	for run := range runs {
		d := newDraws(seed, uint64(run))
		e := learn(t, cohort(d, 2000))
		w := cohort(d, 1500)
		est, err := e.Estimate(w.Answers(), EstimateOptions{Level: 0.95})
		if err != nil {
			t.Fatal(err)
		}
		came := w.measure(false)
		if est.Accuracy.Low <= came.Accuracy.Number && came.Accuracy.Number <= est.Accuracy.High {
			covered++
		}
		for name, x := range map[string][2]Value{
			"accuracy": {est.Accuracy, came.Accuracy}, "macro F1": {est.Macro.F1, came.Macro.F1},
			"weighted recall": {est.Weighted.Recall, came.Weighted.Recall}, "log loss": {est.LogLoss, came.LogLoss}, "Brier": {est.Brier, came.Brier},
		} {
			off[name] += math.Abs(x[0].Number-x[1].Number) / runs
		}
		none(t, "precision", est.Precision, binaryOnly)
	}
	if share := float64(covered) / runs; share < 0.91 || share > 0.985 {
		t.Errorf("seed %d: accuracy covered in %.3f of %d runs, want 0.95", seed, share, runs)
	}
	for name, x := range off {
		if limit := map[string]float64{"log loss": 0.04}[name]; x > max(limit, 0.02) {
			t.Errorf("%s is off by %.4f on average", name, x)
		}
	}
	// A class that is given, and was never given among the labels.
	d := newDraws(seed, 1<<32)
	w := cohort(d, 300)
	ab := outcomes(t, threeClasses)
	for i := range 300 {
		ab.Add(Scored{Score: d.u(), HasScore: true, Predicted: "ab"[i%2 : i%2+1], HasClass: true, Label: "a", HasLabel: true})
		ab.Add(Scored{Score: d.u(), HasScore: true, Predicted: "a", HasClass: true, Label: "b", HasLabel: true})
	}
	est, err := learn(t, ab).Estimate(w.Answers(), EstimateOptions{Level: 0.9})
	if err != nil {
		t.Fatal(err)
	}
	none(t, "accuracy", est.Accuracy, fmt.Sprintf("class %q was given %d times, and has no labels to learn from", "c", w.Answers().given(2)))
}

func TestAnswersOf_TheStreamsCounts(t *testing.T) {
	t.Parallel()
	counts, err := sketches.NewScoreCounts([]string{"", "no", "yes"})
	if err != nil {
		t.Fatal(err)
	}
	counts.Add(0.9, true, "yes")
	counts.Add(0.2, true, "no")
	counts.Add(0.5, true, "")      // no prediction
	counts.Add(0.5, true, "maybe") // a class that is not named
	counts.Add(0.5, false, "no")
	counts.Add(math.NaN(), true, "no")
	counts.Add(2, true, "yes")
	a, err := AnswersOf(twoClasses, counts)
	if err != nil {
		t.Fatal(err)
	}
	if a.Rows() != 3 || a.LeftOut != 4 || a.given(1) != 1 || a.given(0) != 1 || a.given(2) != 1 {
		t.Errorf("%d rows (%d no, %d yes, %d not named), %d left out, want 3 (1, 1, 1) and 4", a.Rows(), a.given(0), a.given(1), a.given(2), a.LeftOut)
	}
	plain, err := sketches.NewScoreCounts([]string{"no", "yes"})
	if err != nil {
		t.Fatal(err)
	}
	plain.Add(0.5, true, "") // in the row of others: it cannot be told from a class that is not named
	plain.Add(0.6, true, "yes")
	if a, err = AnswersOf(twoClasses, plain); err != nil || a.Rows() != 1 || a.LeftOut != 1 {
		t.Errorf("%d rows, %d left out, %v: want 1 and 1", a.Rows(), a.LeftOut, err)
	}
	few, err := sketches.NewScoreCounts([]string{"yes"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := AnswersOf(twoClasses, few); !errors.Is(err, ErrBadInput) {
		t.Errorf("a class without a row of its own: %v", err)
	}
}

func ExampleEstimator_Estimate() {
	classes := Classes{Kind: Binary, Names: []string{"no", "yes"}, Positive: "yes"}
	matured, err := NewOutcomes(classes)
	if err != nil {
		fmt.Println(err)
		return
	}
	answer := func(i int) Scored {
		s := (float64(i%100) + 0.5) / 100
		return Scored{Score: s, HasScore: true, Predicted: yes(s >= 0.5), HasClass: true, Label: yes((i*37+i/100*13)%100 < i%100), HasLabel: true}
	}
	for i := range 5000 {
		matured.Add(answer(i))
	}
	e, err := Learn([]*Outcomes{matured}, DefaultMinLabels)
	if err != nil {
		fmt.Println(err)
		return
	}
	today, err := sketches.NewScoreCounts(classes.Names) // as the stream counts it: no labels
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range 1000 {
		s := answer(40 + i%30).Score // where the model is weak
		today.Add(s, true, yes(s >= 0.5))
	}
	answers, err := AnswersOf(classes, today)
	if err != nil {
		fmt.Println(err)
		return
	}
	est, err := e.Estimate(answers, EstimateOptions{Level: 0.95})
	if err != nil {
		fmt.Println(err)
		return
	}
	was, _ := matured.right()
	fmt.Printf("it was %.2f\n", was/5000)
	fmt.Printf("now %.2f, 95%% within %.2f and %.2f\n", est.Accuracy.Number, est.Accuracy.Low, est.Accuracy.High)
	// Output:
	// it was 0.75
	// now 0.58, 95% within 0.54 and 0.62
}
