package performance

import (
	"errors"
	"math"
	"testing"
)

// hiddenRows have a label that follows input 0 alone, and a second input that says
// nothing. Input 0 is lost without regard to anything, and the model then says no.
func hiddenRows(d *draws, n int, mean, sd, loss float64) (rows []Scored, inputs [][]float64) {
	for range n {
		x := mean + float64(sd*d.normal())
		p := 1 / (1 + math.Exp(-3*x))
		label := d.u() < p
		if d.u() < loss {
			x, p = math.NaN(), 0.45
		}
		rows, inputs = append(rows, binaryRow(p, label)), append(inputs, []float64{x, d.normal()})
	}
	return rows, inputs
}

func traitsAndLabels(rows []Scored, inputs [][]float64, scales []Scale) (traits [][]float64, labels []int) {
	for i, x := range inputs {
		traits = append(traits, Traits(nil, x, scales))
		y := 0
		if rows[i].Label == "yes" {
			y = 1
		}
		labels = append(labels, y)
	}
	return traits, labels
}

// yesWhereLost is the weighted share of yes among rows that lost input 0.
func yesWhereLost(inputs [][]float64, labels []int, weights []float64) float64 {
	var come, all float64
	for i, x := range inputs {
		if math.IsNaN(x[0]) {
			all += weights[i]
			come += float64(weights[i] * float64(labels[i]))
		}
	}
	return come / all
}

// TestBalanceLabelled_HiddenValuesMoveToo [D]: among rows that do not hold an input,
// labels come true as they do where it has moved to. Balance alone keeps what it was,
// and stands here as the mutant.
func TestBalanceLabelled_HiddenValuesMoveToo(t *testing.T) {
	t.Parallel()
	const n, loss = 60000, 0.2
	for i, c := range []struct{ mean, sd float64 }{{0.8, 1}, {-0.6, 0.7}, {0, 1}} {
		d := newDraws(191, uint64(i))
		rows, inputs := hiddenRows(d, n, 0, 1, loss)
		scales := Scales(inputs)
		traits, labels := traitsAndLabels(rows, inputs, scales)
		window := WindowTraits(nil, c.mean, float64(c.sd*c.sd), loss, scales[0])
		window = WindowTraits(window, 0.5, 1, 0, scales[1])
		w, size, err := BalanceLabelled(traits, labels, window)
		if err != nil {
			t.Fatal(err)
		}
		moved, in := hiddenRows(d, n, c.mean, c.sd, loss)
		_, after := traitsAndLabels(moved, in, scales)
		ones := make([]float64, n)
		for i := range ones {
			ones[i] = 1
		}
		want := yesWhereLost(in, after, ones)
		if got := yesWhereLost(inputs, labels, w); math.Abs(got-want) > 0.02 {
			t.Errorf("N(%g, %g²): %.4f of the lost rows say yes by the weights, %.4f are to be", c.mean, c.sd, got, want)
		}
		plain, plainSize, err := Balance(traits, window)
		if err != nil {
			t.Fatal(err)
		}
		if c.mean != 0 {
			if got := yesWhereLost(inputs, labels, plain); math.Abs(got-want) < 0.08 {
				t.Errorf("N(%g, %g²): without labels %.4f of %.4f: the labels are not tested", c.mean, c.sd, got, want)
			}
			continue
		}
		// Nothing that gets lost has moved: hardly any difference.
		for i := range w {
			if math.Abs(w[i]-plain[i]) > 0.05 {
				t.Fatalf("row %d weighs %g, without labels %g", i, w[i], plain[i])
			}
		}
		if math.Abs(size-plainSize) > 0.01*plainSize {
			t.Errorf("size %g, without labels %g", size, plainSize)
		}
	}
}

// TestBalanceLabelled_KeepsWhatBalanceGives where nothing is missing, or no label known.
func TestBalanceLabelled_KeepsWhatBalanceGives(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		loss    float64
		unknown bool
	}{{"nothing missing", 0, false}, {"labels unknown", 0.1, true}} {
		rows, inputs := hiddenRows(newDraws(192, 0), 3000, 0, 1, c.loss)
		scales := Scales(inputs)
		traits, labels := traitsAndLabels(rows, inputs, scales)
		for i := range labels {
			if c.unknown {
				labels[i] = -1
			}
		}
		window := WindowTraits(WindowTraits(nil, 0.7, 0.8, c.loss, scales[0]), 0, 1, 0, scales[1])
		a, sizeA, err1 := Balance(traits, window)
		b, sizeB, err2 := BalanceLabelled(traits, labels, window)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		for i := range a {
			if math.Abs(a[i]-b[i]) > 1e-9*a[i] {
				t.Fatalf("%s: row %d weighs %g, %g without labels", c.name, i, b[i], a[i])
			}
		}
		if math.Abs(sizeA-sizeB) > 1e-6*sizeA {
			t.Errorf("%s: sizes %g and %g", c.name, sizeA, sizeB)
		}
	}
}

func TestBalanceLabelled_Edges(t *testing.T) {
	t.Parallel()
	lostRow, at := []float64{0, 0, 1}, func(z float64) []float64 { return []float64{z, z * z, 0} }
	// Class 1 is seen nowhere with the input: its lost row has the factor of all labels.
	w, _, err := BalanceLabelled([][]float64{at(-1), at(1), at(2), lostRow, lostRow}, []int{0, 0, 2, 1, -1}, []float64{0.8, 1.2, 0.4})
	if err != nil || math.Abs(w[3]-w[4]) > 1e-12 {
		t.Errorf("weights %v, %v", w, err)
	}
	// An input that is always lost, and one far outside: finite, and in range.
	for _, window := range [][]float64{{0, 0, 1, 4, 16, 0}, {0, 0, 1, -4, 16, 0.9}} {
		var rows [][]float64
		var labels []int
		for i := range 50 {
			second := at(float64(i%5) - 2)
			if i%7 == 0 {
				second = lostRow
			}
			rows, labels = append(rows, append([]float64{0, 0, 1}, second...)), append(labels, i%2)
		}
		w, size, err := BalanceLabelled(rows, labels, window)
		if err != nil || !(size > 0 && size <= 50+1e-9) {
			t.Fatalf("size %g, %v", size, err)
		}
		for i, x := range w {
			if !(x >= 1.0/weightRange && x <= weightRange) {
				t.Errorf("row %d weighs %g", i, x)
			}
		}
	}
	for name, f := range map[string]func() error{
		"labels short":     func() error { _, _, err := BalanceLabelled([][]float64{at(1)}, nil, at(1)); return err },
		"no triples":       func() error { _, _, err := BalanceLabelled([][]float64{{1}}, []int{0}, []float64{1}); return err },
		"label −2":         func() error { _, _, err := BalanceLabelled([][]float64{at(1)}, []int{-2}, at(1)); return err },
		"no rows":          func() error { _, _, err := BalanceLabelled(nil, nil, at(1)); return err },
		"traits short":     func() error { _, err := LearnBalanced(twoClasses, make([]Scored, 2), nil, at(1), 1); return err },
		"window not a row": func() error { _, _, err := BalanceLabelled([][]float64{at(1)}, []int{0}, nil); return err },
	} {
		if err := f(); !errors.Is(err, ErrBadInput) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLearnBalanced_HoldsWhereHiddenValuesMove: the interval holds where Balance, which
// knows no labels, is too sure of the answers that lost their input.
func TestLearnBalanced_HoldsWhereHiddenValuesMove(t *testing.T) {
	t.Parallel()
	const runs, seed, labels, n, loss = 120, 193, 4000, 3000, 0.1
	blind, held := 0, 0
	for run := range runs {
		d := newDraws(seed, uint64(run))
		rows, inputs := hiddenRows(d, labels, 0, 1, loss)
		scales := Scales(inputs)
		traits, _ := traitsAndLabels(rows, inputs, scales)
		seen, is := hiddenRows(d, n, 0.8, 0.9, loss)
		window := MeanTraits(is, scales)
		near, err := LearnBalanced(twoClasses, rows, traits, window, DefaultMinLabels)
		if err != nil {
			t.Fatal(err)
		}
		weights, _, err := Balance(traits, window)
		if err != nil {
			t.Fatal(err)
		}
		mutant, err := LearnWeighted(twoClasses, rows, weights, DefaultMinLabels)
		if err != nil {
			t.Fatal(err)
		}
		cohort := outcomes(t, twoClasses, seen...)
		truth := cohort.measure(false).Accuracy.Number
		for _, x := range []struct {
			e    *Estimator
			held *int
		}{{mutant, &blind}, {near, &held}} {
			est, err := x.e.Estimate(cohort.Answers(), EstimateOptions{Level: 0.95})
			if err != nil {
				t.Fatal(err)
			}
			if est.Accuracy.Low <= truth && truth <= est.Accuracy.High {
				*x.held++
			}
		}
	}
	if share := float64(held) / runs; share < 0.9 {
		t.Errorf("seed %d: the interval holds in %.3f of %d runs, want about 0.95", seed, share, runs)
	}
	if share := float64(blind) / runs; share > 0.75 {
		t.Errorf("seed %d: without labels the interval holds in %.3f of %d runs: they are not tested", seed, share, runs)
	}
}

func TestLearnBalanced_LeavesOutWhatSaysNothing(t *testing.T) {
	t.Parallel()
	d := newDraws(194, 0)
	rows, inputs := hiddenRows(d, 2000, 0, 1, 0.1)
	scales := Scales(inputs)
	traits, _ := traitsAndLabels(rows, inputs, scales)
	window := MeanTraits(inputs[:500], scales)
	a, err := LearnBalanced(twoClasses, rows, traits, window, DefaultMinLabels)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []Scored{{}, {Score: math.NaN(), HasScore: true, Predicted: "yes", HasClass: true, Label: "yes", HasLabel: true}, {Score: 0.5, HasScore: true, Label: "yes", HasLabel: true}} {
		rows, traits = append(rows, r), append(traits, Traits(nil, []float64{3, 3}, scales))
	}
	b, err := LearnBalanced(twoClasses, rows, traits, window, DefaultMinLabels)
	if err != nil || a.Effective() != b.Effective() || b.Labels() != 2000 {
		t.Errorf("%d labels worth %g with rows that say nothing, %g without; %v", b.Labels(), b.Effective(), a.Effective(), err)
	}
	none, err := LearnBalanced(twoClasses, make([]Scored, 3), traits[:3], window, 1)
	if err != nil || none.Unavailable() != "no labels have matured yet" {
		t.Errorf("%q, %v", none.Unavailable(), err)
	}
	if got := MeanTraits(nil, scales); got != nil {
		t.Errorf("mean of no rows: %v", got)
	}
}
