package performance

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/trainer/judge"
)

func numbers(t testing.TB, g *sketches.Grid, rows ...Forecast) *Numbers {
	t.Helper()
	n, err := NewNumbers(g)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		n.Add(r)
	}
	return n
}

// TestNumbers_AnyTreeOfMergesIsEqual is M1.
func TestNumbers_AnyTreeOfMergesIsEqual(t *testing.T) {
	t.Parallel()
	g := wholeGrid(t, 20)
	for run := range 10 {
		d := newDraws(61, uint64(run))
		whole := numbers(t, g)
		parts := make([]*Numbers, 1+d.intn(5))
		for i := range parts {
			parts[i] = numbers(t, g)
		}
		for range 300 {
			r := Forecast{Predicted: 30 * d.normal(), Outcome: 10 * d.normal(), HasOutcome: d.u() < 0.9}
			if d.u() < 0.05 {
				r.Predicted = math.NaN()
			}
			if d.u() < 0.1 {
				r.Outcome = 1e300
			}
			whole.Add(r)
			parts[d.intn(len(parts))].Add(r)
		}
		first := parts[0].Clone()
		for len(parts) > 1 {
			i := d.intn(len(parts))
			p := parts[i]
			parts = append(parts[:i], parts[i+1:]...)
			if err := parts[d.intn(len(parts))].Merge(p); err != nil {
				t.Fatal(err)
			}
		}
		if !parts[0].Equal(whole) {
			t.Fatalf("run %d: the merged counts differ", run)
		}
		if whole.Unlabelled == 0 || whole.NoNumber == 0 || whole.Clamped == 0 || whole.Unlabelled+whole.NoNumber+whole.Rows() != 300 {
			t.Fatalf("run %d: unlabelled %d, no number %d, rows %d, clamped %d", run, whole.Unlabelled, whole.NoNumber, whole.Rows(), whole.Clamped)
		}
		again := whole.Clone()
		if err := errors.Join(again.Subtract(first), again.Merge(first)); err != nil || !again.Equal(whole) {
			t.Fatalf("run %d: subtract and merge: %v", run, err)
		}
		before := first.Clone()
		if first.Equal(whole) {
			continue // one part only
		}
		if err := first.Subtract(whole); !errors.Is(err, sketches.ErrNegative) || !first.Equal(before) {
			t.Fatalf("run %d: subtract more than there is: %v", run, err)
		}
	}
	if err := numbers(t, g).Merge(numbers(t, wholeGrid(t, 21))); !errors.Is(err, sketches.ErrGridMismatch) {
		t.Errorf("another grid: %v", err)
	}
}

// TestRealiseNumbers_LikeTheJudge: on whole numbers, each a cell, both packages say
// the same to the last digits, ranks and spreads included.
func TestRealiseNumbers_LikeTheJudge(t *testing.T) {
	t.Parallel()
	g := wholeGrid(t, 60)
	for run := range 5 {
		d := newDraws(62, uint64(run))
		var days []*Numbers
		var points []judge.Point
		for day := range 12 {
			n := numbers(t, g)
			for range 5 + d.intn(80) {
				p := math.Round(10 * d.normal())
				a := math.Round(min(max(0.5*p+8*d.normal(), -60), 60))
				p = min(max(p, -60), 60)
				n.Add(Forecast{p, a, true})
				points = append(points, judge.Point{Day: int32(day), Predicted: p, Actual: a})
			}
			days = append(days, n)
		}
		want, err := judge.EvaluateRegression(points, 0.9, 200, 1)
		if err != nil {
			t.Fatal(err)
		}
		got, err := RealiseNumbers(days, 0.9, DefaultGroups)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "RMSE", got.RMSE, *want.RMSE.Value)
		near(t, "MAE", got.MAE, *want.MAE.Value)
		near(t, "R²", got.R2, *want.R2.Value)
		near(t, "Pearson", got.Pearson, *want.Pearson.Value)
		near(t, "mean IC", got.MeanIC, *want.MeanIC.Value)
		near(t, "mean spread", got.MeanSpread, *want.Spread.Value)
		for i, day := range got.PerDay {
			near(t, fmt.Sprint("IC of day ", i), day.IC, want.Days[i].IC.Number)
			near(t, fmt.Sprint("spread of day ", i), day.Spread, want.Days[i].Spread.Number)
		}
	}
}

// TestSpearman_OfCellsIsNearThatOfValues bounds what ties inside cells do.
func TestSpearman_OfCellsIsNearThatOfValues(t *testing.T) {
	t.Parallel()
	d := newDraws(63, 0)
	var p, a []float64
	draw := func() (float64, float64) {
		x := d.normal()
		return x, 0.3*x + d.normal()
	}
	for range 20000 {
		x, y := draw()
		p, a = append(p, x), append(a, y)
	}
	g, err := NumberGrid(p, a)
	if err != nil {
		t.Fatal(err)
	}
	n := numbers(t, g)
	var points []judge.Point
	for range 1000 {
		x, y := draw()
		n.Add(Forecast{x, y, true})
		points = append(points, judge.Point{Predicted: x, Actual: y})
	}
	want, err := judge.EvaluateRegression(points, 0.9, 100, 1)
	if err != nil {
		t.Fatal(err)
	}
	if got := n.spearman(); math.Abs(got.Number-want.Days[0].IC.Number) > 2e-4 {
		t.Errorf("Spearman of cells %.6f, of values %.6f", got.Number, want.Days[0].IC.Number)
	}
	if got := n.topLessBottom(5); math.Abs(got.Number-want.Days[0].Spread.Number) > 2e-3 {
		t.Errorf("spread of cells %.6f, of values %.6f", got.Number, want.Days[0].Spread.Number)
	}
	r := n.measure()
	if math.Abs(r.RMSE.Number/(*want.RMSE.Value)-1) > 1e-6 || math.Abs(r.MAE.Number/(*want.MAE.Value)-1) > 1e-6 {
		t.Errorf("RMSE %v MAE %v, the judge says %g %g", r.RMSE, r.MAE, *want.RMSE.Value, *want.MAE.Value)
	}
}

func TestNumbers_RemoveUndoesAdd(t *testing.T) {
	t.Parallel()
	g := wholeGrid(t, 5)
	rows := []Forecast{{1, 2, true}, {1, 2, true}, {-9, 1e300, true}, {math.NaN(), 1, true}, {1, math.Inf(1), true}, {3, 0, false}}
	n := numbers(t, g, rows...)
	for i := range rows {
		if err := n.Remove(rows[i]); err != nil {
			t.Fatal(err)
		}
	}
	if !n.Equal(numbers(t, g)) {
		t.Error("something is left")
	}
	for _, r := range rows {
		if err := n.Remove(r); !errors.Is(err, sketches.ErrNegative) || !n.Equal(numbers(t, g)) {
			t.Errorf("remove %+v once more: %v", r, err)
		}
	}
}

func TestRealiseNumbers_EdgeCases(t *testing.T) {
	t.Parallel()
	g := wholeGrid(t, 5)
	one := func(rows ...Forecast) NumberReport {
		r, err := RealiseNumbers([]*Numbers{numbers(t, g, rows...)}, 0.95, 5)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	empty := one()
	none(t, "RMSE of nothing", empty.RMSE, noRows)
	none(t, "R² of nothing", empty.R2, noRows)
	none(t, "IC of nothing", empty.MeanIC, "no day has one")
	alike := one(Forecast{1, 2, true}, Forecast{2, 2, true}, Forecast{3, 2, true})
	none(t, "R² of outcomes alike", alike.R2, "the outcomes are all alike")
	none(t, "IC of outcomes alike", alike.PerDay[0].IC, "the outcomes are all in one cell")
	none(t, "spread of three rows", alike.PerDay[0].Spread, "fewer than 5 rows")
	flat := one(Forecast{2, 1, true}, Forecast{2, 2, true}, Forecast{2, 3, true}, Forecast{2, 4, true}, Forecast{2, 5, true})
	none(t, "Pearson of predictions alike", flat.Pearson, "the predictions are all alike")
	near(t, "R² of predictions alike", flat.R2, 1-15.0/10)
	near(t, "spread of ties", flat.PerDay[0].Spread, 0)
	perfect := one(Forecast{1, 1, true}, Forecast{2, 2, true}, Forecast{3, 3, true})
	near(t, "RMSE", perfect.RMSE, 0)
	near(t, "R²", perfect.R2, 1)
	near(t, "Pearson", perfect.Pearson, 1)
	near(t, "IC", perfect.PerDay[0].IC, 1)
	for _, bad := range []func() error{
		func() error { _, err := RealiseNumbers(nil, 0.9, 5); return err },
		func() error { _, err := RealiseNumbers([]*Numbers{numbers(t, g)}, 0, 5); return err },
		func() error { _, err := RealiseNumbers([]*Numbers{numbers(t, g)}, 0.9, 1); return err },
		func() error { _, err := NewNumbers(nil); return err },
	} {
		if err := bad(); !errors.Is(err, ErrBadInput) {
			t.Errorf("error %v, want ErrBadInput", err)
		}
	}
}

// TestRealiseNumbers_IntervalsHoldWhereDaysDiffer: nominal 95 %, each day with a level
// of error and a slope of its own.
func TestRealiseNumbers_IntervalsHoldWhereDaysDiffer(t *testing.T) {
	t.Parallel()
	const runs, days, rows, seed = 200, 12, 40, 64
	var x []float64
	d := newDraws(seed, 1<<40)
	for range 5000 {
		x = append(x, 2*d.normal())
	}
	g, err := NumberGrid(x, x)
	if err != nil {
		t.Fatal(err)
	}
	day := func(d *draws) *Numbers {
		n := numbers(t, g)
		slope, noise := 0.8+0.3*d.normal(), math.Exp(0.3*d.normal())
		for range rows {
			p := d.normal()
			n.Add(Forecast{p, slope*p + noise*d.normal(), true})
		}
		return n
	}
	pick := func(r NumberReport) map[string]Value {
		return map[string]Value{"RMSE": r.RMSE, "MAE": r.MAE, "R²": r.R2, "Pearson": r.Pearson, "mean IC": r.MeanIC, "mean spread": r.MeanSpread}
	}
	// The truth: sums over many days; means over days for the last two.
	all := numbers(t, g)
	var ic, spread float64
	const many = 2000
	for range many {
		n := day(d)
		ic += n.spearman().Number / many
		spread += n.topLessBottom(DefaultGroups).Number / many
		if err := all.Merge(n); err != nil {
			t.Fatal(err)
		}
	}
	truth := pick(all.measure())
	truth["mean IC"], truth["mean spread"] = number(ic), number(spread)
	covered := map[string]int{}
	for run := range runs {
		d := newDraws(seed, uint64(run))
		var sample []*Numbers
		for range days {
			sample = append(sample, day(d))
		}
		r, err := RealiseNumbers(sample, 0.95, DefaultGroups)
		if err != nil {
			t.Fatal(err)
		}
		for name, v := range pick(r) {
			if !v.Bounded() || !(v.Low <= v.Number && v.Number <= v.High) {
				t.Fatalf("%s has no sound bounds: %v (%s)", name, v, v.NoBounds)
			}
			if v.Low <= truth[name].Number && truth[name].Number <= v.High {
				covered[name]++
			}
		}
	}
	for _, name := range []string{"RMSE", "MAE", "R²", "Pearson", "mean IC", "mean spread"} {
		if share := float64(covered[name]) / runs; share < 0.915 || share > 0.985 {
			t.Errorf("seed %d: %s covered in %.3f of %d runs, want about 0.95", seed, name, share, runs)
		}
	}
}

// TestErrorEstimator_KnowsWhereErrorsAreLarge: errors grow with the prediction, and
// the window's predictions are larger.
func TestErrorEstimator_KnowsWhereErrorsAreLarge(t *testing.T) {
	t.Parallel()
	const runs, seed = 200, 65
	covered, off := 0, 0.0
	draw := func(d *draws, lean float64) Forecast {
		p := lean + d.normal()
		return Forecast{p, p + (0.5+0.2*(p+3)*(p+3)/10)*d.normal(), true}
	}
	var p, a []float64
	for d, i := newDraws(seed, 1<<40), 0; i < 10000; i++ {
		f := draw(d, 0)
		p, a = append(p, f.Predicted), append(a, f.Outcome)
	}
	g, err := NumberGrid(p, a)
	if err != nil {
		t.Fatal(err)
	}
	for run := range runs {
		d := newDraws(seed, uint64(run))
		var learnt []Forecast
		for range 2000 {
			learnt = append(learnt, draw(d, 0))
		}
		e, err := LearnErrors([]*Numbers{numbers(t, g, learnt...)}, DefaultMinLabels)
		if err != nil {
			t.Fatal(err)
		}
		window := sketches.NewCounts(g)
		came := numbers(t, g)
		for range 1000 {
			f := draw(d, 0.3)
			window.Add(0, sketches.Number(f.Predicted))
			came.Add(f)
		}
		est, err := e.Estimate(&window.Features[0], EstimateOptions{Level: 0.95})
		if err != nil {
			t.Fatal(err)
		}
		is := came.measure()
		if est.MAE.Low <= is.MAE.Number && is.MAE.Number <= est.MAE.High {
			covered++
		}
		off += math.Abs(est.RMSE.Number/is.RMSE.Number-1) / runs
	}
	if share := float64(covered) / runs; share < 0.9 || share > 0.985 {
		t.Errorf("seed %d: MAE covered in %.3f of %d runs, want about 0.95", seed, share, runs)
	}
	if off > 0.03 {
		t.Errorf("RMSE is off by %.3f of itself on average", off)
	}
}

func TestErrorEstimator_NotAvailableByName(t *testing.T) {
	t.Parallel()
	g := wholeGrid(t, 5)
	counts := sketches.NewCounts(g)
	counts.Add(0, sketches.Number(4))
	low := numbers(t, g)
	for range 300 {
		low.Add(Forecast{-4, -3, true})
	}
	for want, e := range map[string]func() (*ErrorEstimator, *sketches.FeatureCounts){
		"no labels have matured yet": func() (*ErrorEstimator, *sketches.FeatureCounts) {
			return learnErrors(t, numbers(t, g)), &counts.Features[0]
		},
		"1 labelled rows, at least 200 are needed": func() (*ErrorEstimator, *sketches.FeatureCounts) {
			return learnErrors(t, numbers(t, g, Forecast{1, 1, true})), &counts.Features[0]
		},
		"1 predictions lie where no labels have matured": func() (*ErrorEstimator, *sketches.FeatureCounts) { return learnErrors(t, low), &counts.Features[0] },
		"no predictions in the window": func() (*ErrorEstimator, *sketches.FeatureCounts) {
			return learnErrors(t, low), &sketches.NewCounts(g).Features[0]
		},
	} {
		x, window := e()
		est, err := x.Estimate(window, EstimateOptions{Level: 0.9})
		if err != nil {
			t.Fatal(err)
		}
		none(t, "MAE", est.MAE, want)
		none(t, "RMSE", est.RMSE, want)
	}
	if _, err := learnErrors(t, low).Estimate(&sketches.FeatureCounts{}, EstimateOptions{Level: 0.9}); !errors.Is(err, ErrBadInput) {
		t.Errorf("other cells: %v", err)
	}
}

func learnErrors(t *testing.T, n *Numbers) *ErrorEstimator {
	t.Helper()
	e, err := LearnErrors([]*Numbers{n}, DefaultMinLabels)
	if err != nil {
		t.Fatal(err)
	}
	return e
}
