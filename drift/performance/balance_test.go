package performance

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/driftline/driftline/sketches"
)

// TestBalance_FindsTheRatioOfDensities: normal inputs that move, and one that is lost
// more often, each by itself: the ratio is known.
func TestBalance_FindsTheRatioOfDensities(t *testing.T) {
	t.Parallel()
	const n, shift, loss, more = 20000, 0.4, 0.05, 0.15
	d := newDraws(91, 0)
	rows, x := make([][]float64, n), make([][]float64, n)
	for i := range rows {
		x[i] = []float64{d.normal(), d.normal()}
		if d.u() < loss {
			x[i][1] = math.NaN()
		}
		rows[i] = Traits(nil, x[i], []Scale{{0, 1}, {0, 1}})
	}
	window := WindowTraits(nil, shift, 1, 0, Scale{0, 1})
	window = WindowTraits(window, 0, 1, more, Scale{0, 1})
	w, size, err := Balance(rows, window)
	if err != nil {
		t.Fatal(err)
	}
	var off, sum, squares float64
	mean := make([]float64, len(window))
	for i := range w {
		want := math.Exp(shift*x[i][0] - shift*shift/2)
		if math.IsNaN(x[i][1]) {
			want *= more / loss
		} else {
			want *= (1 - more) / (1 - loss)
		}
		off += math.Abs(w[i]-want) / n
		sum += w[i]
		squares += w[i] * w[i]
		for j := range mean {
			mean[j] += w[i] * rows[i][j] / n
		}
	}
	if off > 0.03 {
		t.Errorf("weights are off the ratio of densities by %.4f on average", off)
	}
	if got := sum * sum / squares; math.Abs(size-got) > 1e-6*got || size < 0.6*n || size > 0.8*n {
		t.Errorf("size %.1f, by the weights %.1f", size, got)
	}
	for j := range mean {
		if math.Abs(mean[j]*n/sum-window[j]) > 0.01 {
			t.Errorf("weighted mean of trait %d is %.4f, of the window %.4f", j, mean[j]*n/sum, window[j])
		}
	}
}

func TestBalance_NothingMovedOrNothingToBalance(t *testing.T) {
	t.Parallel()
	d := newDraws(92, 0)
	var inputs, rows [][]float64
	for range 500 {
		inputs = append(inputs, []float64{d.normal(), 7})
	}
	scales := Scales(inputs)
	window := make([]float64, 6)
	for _, x := range inputs {
		r := Traits(nil, x, scales)
		rows = append(rows, r)
		for j, v := range r {
			window[j] += v / 500
		}
	}
	for name, f := range map[string]func() ([]float64, float64, error){
		"the window is the rows": func() ([]float64, float64, error) { return Balance(rows, window) },
		"no trait varies":        func() ([]float64, float64, error) { return Balance([][]float64{{1, 0}, {1, 0}}, []float64{2, 1}) },
		"no traits at all":       func() ([]float64, float64, error) { return Balance([][]float64{{}, {}}, nil) },
	} {
		w, size, err := f()
		if err != nil || math.Abs(size-float64(len(w))) > 1e-6 {
			t.Errorf("%s: size %g of %d, %v", name, size, len(w), err)
		}
		for _, x := range w {
			if math.Abs(x-1) > 1e-6 {
				t.Fatalf("%s: weight %g", name, x)
			}
		}
	}
	for name, f := range map[string]func() error{
		"no rows":     func() error { _, _, err := Balance(nil, nil); return err },
		"lengths":     func() error { _, _, err := Balance([][]float64{{1}}, []float64{1, 2}); return err },
		"NaN":         func() error { _, _, err := Balance([][]float64{{math.NaN()}}, []float64{1}); return err },
		"weights":     func() error { _, err := LearnWeighted(twoClasses, make([]Scored, 2), []float64{1}, 1); return err },
		"weight of 0": func() error { _, err := LearnWeighted(twoClasses, make([]Scored, 1), []float64{0}, 1); return err },
	} {
		if err := f(); !errors.Is(err, ErrBadInput) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWindowTraits_AreTheMeanOfTraits, from figures alone.
func TestWindowTraits_AreTheMeanOfTraits(t *testing.T) {
	t.Parallel()
	d := newDraws(93, 0)
	s := []Scale{{2, 3}}
	want := make([]float64, 3)
	values := sketches.NewCounts(wholeGrid(t, 3))
	var xs []float64
	const n = 2000
	lost := 0.0
	for range n {
		x := 2.5 + 2*d.u()
		if d.u() < 0.1 {
			x = math.NaN()
			lost++
		} else {
			xs = append(xs, x)
		}
		values.Add(0, sketches.Number(x))
		for j, v := range Traits(nil, []float64{x}, s) {
			want[j] += v / n
		}
	}
	var mean, variance float64
	for _, x := range xs {
		mean += x / float64(len(xs))
	}
	for _, x := range xs {
		variance += (x - mean) * (x - mean) / float64(len(xs))
	}
	got := WindowTraits(nil, mean, variance, lost/n, s[0])
	for j := range want {
		if math.Abs(got[j]-want[j]) > 1e-12 {
			t.Errorf("trait %d: %g, want %g", j, got[j], want[j])
		}
	}
	if got := WindowTraits(nil, math.NaN(), math.NaN(), 1, s[0]); got[0] != 0 || got[1] != 0 || got[2] != 1 {
		t.Errorf("an input that is always missing: %v", got)
	}
}

// lossyRows answers with a score that is blind where the input is missing.
func lossyRows(d *draws, n int, loss float64) (rows []Scored, inputs [][]float64) {
	for range n {
		x := d.normal()
		p := 1 / (1 + math.Exp(-2*x))
		label := d.u() < p
		score := p
		if d.u() < loss {
			x = math.NaN()
			score = 0.8 // the model was never taught: it is far too sure
		}
		rows, inputs = append(rows, binaryRow(score, label)), append(inputs, []float64{x})
	}
	return rows, inputs
}

// TestLearnWeighted_HoldsWhereValuesGetLost: the plain estimate does not know that a
// score of 0.8 now mostly means nothing; the balanced one does.
func TestLearnWeighted_HoldsWhereValuesGetLost(t *testing.T) {
	t.Parallel()
	const runs, seed, labels, n, before, after = 150, 94, 4000, 2000, 0.03, 0.15
	plain, balanced := 0, 0
	for run := range runs {
		d := newDraws(seed, uint64(run))
		rows, inputs := lossyRows(d, labels, before)
		scales := Scales(inputs)
		var traits [][]float64
		for _, x := range inputs {
			traits = append(traits, Traits(nil, x, scales))
		}
		seen, is := lossyRows(d, n, after)
		window := make([]float64, 3)
		for _, x := range is {
			for j, v := range Traits(nil, x, scales) {
				window[j] += v / n
			}
		}
		weights, _, err := Balance(traits, window)
		if err != nil {
			t.Fatal(err)
		}
		e, err := LearnWeighted(twoClasses, rows, weights, DefaultMinLabels)
		if err != nil {
			t.Fatal(err)
		}
		cohort := outcomes(t, twoClasses, seen...)
		truth := cohort.measure(false).Accuracy.Number
		for _, x := range []struct {
			e    *Estimator
			held *int
		}{{learn(t, outcomes(t, twoClasses, rows...)), &plain}, {e, &balanced}} {
			est, err := x.e.Estimate(cohort.Answers(), EstimateOptions{Level: 0.95})
			if err != nil {
				t.Fatal(err)
			}
			if est.Accuracy.Low <= truth && truth <= est.Accuracy.High {
				*x.held++
			}
		}
	}
	if share := float64(balanced) / runs; share < 0.9 {
		t.Errorf("seed %d: the balanced interval holds in %.3f of %d runs, want about 0.95", seed, share, runs)
	}
	if share := float64(plain) / runs; share > 0.7 {
		t.Errorf("seed %d: the plain interval holds in %.3f of %d runs: balancing is not tested", seed, share, runs)
	}
}

func TestLearnWeighted_EqualWeightsAreNone(t *testing.T) {
	t.Parallel()
	d := newDraws(95, 0)
	rows, _ := lossyRows(d, 1000, 0.1)
	weights := make([]float64, len(rows))
	for i := range weights {
		weights[i] = 1
	}
	a := learn(t, outcomes(t, twoClasses, rows...))
	b, err := LearnWeighted(twoClasses, rows, weights, DefaultMinLabels)
	if err != nil {
		t.Fatal(err)
	}
	answers := outcomes(t, twoClasses, rows[:300]...).Answers()
	x, err1 := a.Estimate(answers, EstimateOptions{Level: 0.9})
	y, err2 := b.Estimate(answers, EstimateOptions{Level: 0.9})
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	for name, v := range x.figures() {
		if w := y.figures()[name]; math.Abs(v.Number-w.Number) > 1e-12 || math.Abs(v.SE-w.SE) > 1e-9 {
			t.Errorf("%s: %v ± %g without weights, %v ± %g with equal ones", name, v, v.SE, w, w.SE)
		}
	}
	if a.Effective() != 1000 || math.Abs(b.Effective()-1000) > 1e-9 || b.Labels() != 1000 {
		t.Errorf("effective labels %g and %g of %d", a.Effective(), b.Effective(), b.Labels())
	}
}

func TestLearnWeighted_RefusesWhatIsTooFar(t *testing.T) {
	t.Parallel()
	d := newDraws(96, 0)
	rows, inputs := lossyRows(d, 3000, 0.05)
	scales := Scales(inputs)
	var traits [][]float64
	for _, x := range inputs {
		traits = append(traits, Traits(nil, x, scales))
	}
	weights, size, err := Balance(traits, []float64{3, 9, 0}) // three spreads away
	if err != nil || size >= DefaultMinLabels {
		t.Fatalf("size %g, %v", size, err)
	}
	e, err := LearnWeighted(twoClasses, rows, weights, DefaultMinLabels)
	if err != nil || !strings.HasPrefix(e.Unavailable(), "3000 labelled rows count like ") {
		t.Errorf("%q, %v", e.Unavailable(), err)
	}
}

func BenchmarkBalance(b *testing.B) {
	const rows, inputs = 20000, 10
	d := newDraws(97, 0)
	scales := make([]Scale, inputs)
	var traits [][]float64
	for i := range scales {
		scales[i] = Scale{0, 1}
	}
	x := make([]float64, inputs)
	for range rows {
		for j := range x {
			x[j] = d.normal()
		}
		if d.u() < 0.1 {
			x[d.intn(inputs)] = math.NaN()
		}
		traits = append(traits, Traits(nil, x, scales))
	}
	var window []float64
	for range scales {
		window = WindowTraits(window, 0.2, 0.9, 0.03, Scale{0, 1})
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Balance(traits, window); err != nil {
			b.Fatal(err)
		}
	}
}
