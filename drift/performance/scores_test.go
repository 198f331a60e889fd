package performance

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/sketches"
)

func scoreCounts(t *testing.T, d *draws, n int, tilt float64) *sketches.ScoreCounts {
	t.Helper()
	s, err := sketches.NewScoreCounts([]string{"no", "yes"})
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		x := math.Pow(d.u(), tilt)
		s.Add(x, true, yes(x >= 0.5))
	}
	return s
}

func TestJudgeAnswers_StableAndDrifted(t *testing.T) {
	t.Parallel()
	d := newDraws(81, 0)
	ref := scoreCounts(t, d, 20000, 1)
	set := drift.DefaultSettings()
	for _, tt := range []struct {
		tilt float64
		want drift.Verdict
	}{{1, drift.Stable}, {2.5, drift.Drifted}} {
		rs, err := JudgeAnswers(ref, scoreCounts(t, d, 4000, tt.tilt), nil, set)
		if err != nil {
			t.Fatal(err)
		}
		if len(rs) != 2 || rs[0].Name != ScoreFeature || rs[1].Name != ClassFeature {
			t.Fatalf("results %+v", rs)
		}
		for _, r := range rs {
			if r.Verdict != tt.want || r.N != 20000 || r.M != 4000 {
				t.Errorf("tilt %g: %s is %v with PSI %.3f, n %d, m %d, want %v", tt.tilt, r.Name, r.Verdict, r.PSI, r.N, r.M, tt.want)
			}
		}
	}
}

func TestScoreGrid_CellsAreUnionsOfScoreCells(t *testing.T) {
	t.Parallel()
	d := newDraws(82, 0)
	for _, n := range []int{1, 50, 5000, 300000} {
		ref := scoreCounts(t, d, n, 1.3)
		ref.Add(0, false, "no")
		ref.Add(math.NaN(), true, "no")
		ref.Add(7, true, "yes")
		f, err := ScoreGrid(ref)
		if err != nil {
			t.Fatal(err)
		}
		c := ScoreCells(f, ref)
		if c.Total() != uint64(n) || c.Null != 1 || c.NaN != 1 || c.Wrong != 1 {
			t.Errorf("n %d: %d in cells, null %d, NaN %d, wrong type %d", n, c.Total(), c.Null, c.NaN, c.Wrong)
		}
		if n < 5000 {
			continue
		}
		// No coarse bin is much heavier than a tenth.
		bin, bins := f.Coarse(10)
		mass := make([]float64, bins)
		for cell, k := range c.Cells {
			mass[bin[cell]] += float64(k) / float64(n)
		}
		for b, m := range mass {
			if math.Abs(m-0.1) > 0.02 {
				t.Errorf("n %d: coarse bin %d holds %.3f", n, b, m)
			}
		}
	}
	empty, err := sketches.NewScoreCounts(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ScoreGrid(empty); !errors.Is(err, sketches.ErrEmpty) {
		t.Errorf("no scores: %v", err)
	}
	rs, err := JudgeAnswers(empty, scoreCounts(t, d, 100, 1), nil, drift.DefaultSettings())
	if err != nil || len(rs) != 0 {
		t.Errorf("an empty reference gives %d results, %v", len(rs), err)
	}
}

func TestJudgeAnswers_AClassThatIsNew(t *testing.T) {
	t.Parallel()
	d := newDraws(83, 0)
	ref, cur := scoreCounts(t, d, 2000, 1), scoreCounts(t, d, 1000, 1)
	for range 100 {
		cur.Add(0.5, true, "maybe")
	}
	rs, err := JudgeAnswers(ref, cur, nil, drift.DefaultSettings())
	if err != nil {
		t.Fatal(err)
	}
	if got := rs[1].Unseen; math.Abs(got-100.0/1100) > 1e-12 {
		t.Errorf("unseen %g, want %g", got, 100.0/1100)
	}
}

func TestJudgeLabels(t *testing.T) {
	t.Parallel()
	d := newDraws(84, 0)
	ref := world{d, 1, 0, 1}.cohort(t, 10000)
	same, err := JudgeLabels(ref, world{d, 1, 0, 1}.cohort(t, 3000), drift.Independent(), drift.DefaultSettings())
	if err != nil || same.Verdict != drift.Stable {
		t.Errorf("same world: %v %v", same.Verdict, err)
	}
	other, err := JudgeLabels(ref, world{d, 1, 2, 1}.cohort(t, 3000), drift.Independent(), drift.DefaultSettings())
	if err != nil || other.Verdict != drift.Drifted {
		t.Errorf("more positives: %v %v", other.Verdict, err)
	}
	if _, err := JudgeLabels(ref, outcomes(t, threeClasses), drift.Independent(), drift.DefaultSettings()); !errors.Is(err, sketches.ErrGridMismatch) {
		t.Errorf("other classes: %v", err)
	}
	if _, err := JudgeLabels(outcomes(t, twoClasses), ref, drift.Independent(), drift.DefaultSettings()); !errors.Is(err, sketches.ErrEmpty) {
		t.Errorf("no labels in the reference: %v", err)
	}
}

func TestCompat_NeedsCalibrationOnlyWhereItHelps(t *testing.T) {
	t.Parallel()
	d := newDraws(85, 0)
	for _, tt := range []struct {
		scale float64
		want  bool
	}{{1, false}, {0.2, true}} {
		var s []float64
		var y []bool
		for range 3000 {
			x := d.u()
			s, y = append(s, x), append(y, d.u() < 1/(1+math.Exp(-tt.scale*logit(x))))
		}
		got, err := NannyNeedsCalibration(s, y)
		if err != nil || got != tt.want {
			t.Errorf("scores of slope %g: %v %v, want %v", tt.scale, got, err, tt.want)
		}
	}
	if _, err := NannyNeedsCalibration([]float64{1}, []bool{true}); !errors.Is(err, ErrBadInput) {
		t.Errorf("one row: %v", err)
	}
	if _, err := NannyCBPE([]float64{1.2}, []bool{true}, []float64{1}); !errors.Is(err, ErrBadInput) {
		t.Errorf("a chance above 1: %v", err)
	}
	one, err := NannyCBPE([]float64{1}, []bool{true}, []float64{1})
	if err != nil || !math.IsNaN(one.ROCAUC) || one.Accuracy != 1 {
		t.Errorf("one class: %+v %v", one, err)
	}
}

// Answers counted one by one are what is made of their sum, on the sides too.
func TestAnswersRow_AddsUpToAnswersCounts(t *testing.T) {
	t.Parallel()
	classes := []string{"", "no", "yes"}
	ref, err := sketches.NewScoreCounts(classes)
	if err != nil {
		t.Fatal(err)
	}
	type answer struct {
		score float64
		has   bool
		class string
	}
	d := newDraws(83, 0)
	var all []answer
	for i := range 4000 {
		a := answer{d.u(), i%11 > 0, []string{"no", "yes", "maybe", ""}[i%4]}
		switch i % 97 {
		case 1:
			a.score = math.NaN()
		case 2:
			a.score = 1.5
		case 3:
			a.score = 1
		}
		all = append(all, a)
		ref.Add(a.score, a.has, a.class)
	}
	g, err := AnswersGrid(ref)
	if err != nil || len(g.Features) != 2 {
		t.Fatalf("%+v, %v", g, err)
	}
	sum := sketches.NewCounts(g)
	for _, a := range all {
		sum.AddRow()
		for i, v := range AnswersRow(g, classes, a.score, a.has, a.class) {
			sum.Add(i, v)
		}
	}
	want := AnswersCounts(g, ref)
	if sum.Rows != want.Rows {
		t.Errorf("%d rows, want %d", sum.Rows, want.Rows)
	}
	for i := range g.Features {
		a, b := &sum.Features[i], &want.Features[i]
		if !slices.Equal(a.Cells, b.Cells) || a.Null != b.Null || a.NaN != b.NaN || a.Wrong != b.Wrong || a.Unseen != b.Unseen {
			t.Errorf("%s: one by one %+v, of the sum %+v", g.Features[i].Name, a, b)
		}
	}
	only, err := sketches.NewScoreCounts(classes)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := AnswersGrid(only); !errors.Is(err, sketches.ErrEmpty) {
		t.Errorf("of no answers: %v", err)
	}
	only.Add(0.5, true, "")
	if g, err := AnswersGrid(only); err != nil || len(g.Features) != 1 || g.Features[0].Name != ScoreFeature {
		t.Errorf("of scores without classes: %+v, %v", g, err)
	}
}
