package drift

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/driftline/driftline/sketches"
)

func TestFewLiveWindowsAreLearning(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(4, 5))
	f, ref, cur := onGrid(t, normals(rng, 5000, 0, 1), normals(rng, 1000, 3, 1))
	few := FromLiveWindows(ar1Blocks(t, f, ref, 3, 0.5, MinLiveWindows-1, 200))
	if r := Judge(f, ref, cur, few, DefaultSettings()); r.Verdict != Learning || r.Reason == "" {
		t.Errorf("verdict %s (%s), want learning", r.Verdict, r.Reason)
	}
	enough := FromLiveWindows(ar1Blocks(t, f, ref, 3, 0.5, MinLiveWindows, 500))
	if r := Judge(f, ref, cur, enough.Borrowed(), DefaultSettings()); r.Verdict != Drifted || !r.Borrowed() || r.Eta != 7*freedom || !r.FewBlocks {
		t.Errorf("verdict %s, borrowed %v, η %g", r.Verdict, r.Borrowed(), r.Eta)
	}
	classic := DefaultSettings()
	classic.Rule = RuleClassic
	if r := Judge(f, ref, cur, few, classic); r.Verdict != Drifted {
		t.Errorf("the classic rule says %s while learning, want drifted", r.Verdict)
	}
}

// TestLowerBoundCoverage: at α = 1 % the bound may exceed the true PSI in 1 % of
// windows (second-order law; 3 % allowed), for records without dependence.
func TestLowerBoundCoverage(t *testing.T) {
	t.Parallel()
	const seed, runs, shift = 23, 1500, 0.5
	rng := rand.New(rand.NewPCG(seed, 5))
	f, ref, _ := onGrid(t, normals(rng, 20000, 0, 1), []float64{0})
	g, _ := sketches.NewGrid([]sketches.FeatureGrid{*f})
	// The true PSI on these bins, from a very large window.
	truth := Judge(f, ref, countOn(g, normals(rng, 1_000_000, shift, 1)), Independent(), DefaultSettings()).PSI
	over, drifted := 0, 0
	s := DefaultSettings()
	s.Full = true
	for range runs {
		r := Judge(f, ref, countOn(g, normals(rng, 500, shift, 1)), Independent(), s)
		if r.PSILower > truth {
			over++
		}
		if r.PSILower > r.PSIDebiased {
			t.Fatalf("bound %g above the debiased PSI %g", r.PSILower, r.PSIDebiased)
		}
		if r.Verdict == Drifted {
			drifted++
		}
	}
	if rate := float64(over) / runs; rate > 0.03 {
		t.Errorf("the bound exceeds the true PSI %.4f in %.4f of windows, nominal 0.01 (seed %d)", truth, rate, seed)
	}
	if drifted == 0 {
		t.Errorf("a true PSI of %.3f was never called drifted", truth)
	}
}

// TestMoreRecordsMakeAHarmlessShiftClearer: the verdict on a small shift stays
// stable however large the window gets.
func TestMoreRecordsMakeAHarmlessShiftClearer(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(6, 5))
	f, ref, _ := onGrid(t, normals(rng, 20000, 0, 1), []float64{0})
	g, _ := sketches.NewGrid([]sketches.FeatureGrid{*f})
	for _, m := range []int{200, 2000, 20000, 200000} {
		r := Judge(f, ref, countOn(g, normals(rng, m, 0.15, 1)), Independent(), DefaultSettings())
		if r.Verdict != Stable || r.Warned {
			t.Errorf("m = %d: PSI %.4f is %s, warned %v", m, r.PSI, r.Verdict, r.Warned)
		}
		if d := r.SmallestDetectable(); !(d > r.Tau) {
			t.Errorf("m = %d: smallest detectable PSI %g, want above %g", m, d, r.Tau)
		}
	}
}

func TestJudgeSaysWhyItCannot(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 5))
	f, ref, small := onGrid(t, normals(rng, 2000, 0, 1), normals(rng, 20, 5, 1))
	g, _ := sketches.NewGrid([]sketches.FeatureGrid{*f})
	blocks, err := FromReferenceBlocks(ar1Blocks(t, f, ref, 9, 0.98, 20, 500))
	if err != nil {
		t.Fatal(err)
	}
	nothing := &sketches.NewCounts(g).Features[0]
	for _, tc := range []struct {
		name     string
		ref, cur *sketches.FeatureCounts
		dep      Dependence
		reason   string
	}{
		{"an empty window", ref, nothing, Independent(), "the window holds no value"},
		{"an empty reference", nothing, small, Independent(), "the reference holds no value"},
		{"too few values", ref, small, Independent(), "20 values in the window"},
		{"too few for the bins", ref, countOn(g, normals(rng, 60, 0, 1)), Independent(), "are needed"},
		{"a design effect of other bins", ref, countOn(g, normals(rng, 500, 0, 1)), Dependence{kind: FromBlocks, j: 30, bins: 2, p: []float64{0.5, 0.5}, s: make([]float64, 4)}, "build its blocks again"},
		{"dependence leaves too little", ref, countOn(g, normals(rng, 500, 0, 1)), blocks, "effective size"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := Judge(f, tc.ref, tc.cur, tc.dep, DefaultSettings())
			if r.Verdict != Insufficient || !strings.Contains(r.Reason, tc.reason) {
				t.Errorf("verdict %s, reason %q; want insufficient, %q", r.Verdict, r.Reason, tc.reason)
			}
		})
	}
}

func TestConstantFeatures(t *testing.T) {
	t.Parallel()
	five, seven := make([]float64, 200), make([]float64, 200)
	for i := range five {
		five[i], seven[i] = 5, 7
	}
	f, ref, cur := onGrid(t, five, seven)
	if r := Judge(f, ref, ref, Independent(), DefaultSettings()); r.Verdict != Stable || r.PSI != 0 || r.Bins != 1 || r.Chi2P() != 1 {
		t.Errorf("a constant that stays: %s, PSI %g, %d bins", r.Verdict, r.PSI, r.Bins)
	}
	r := Judge(f, ref, cur, Independent(), DefaultSettings())
	if r.Verdict != Drifted || r.KSLow != 1 || r.OutOfRange != 1 || r.TVD != 1 {
		t.Errorf("a constant that changed: %s, KS %g, out of range %g", r.Verdict, r.KSLow, r.OutOfRange)
	}
}

func TestJudgeCategories(t *testing.T) {
	t.Parallel()
	f, err := sketches.NewCategorical("sector", map[string]uint64{"tech": 500, "bank": 300, "food": 198, "rare": 2}, 3)
	if err != nil {
		t.Fatal(err)
	}
	g, _ := sketches.NewGrid([]sketches.FeatureGrid{f})
	fill := func(counts map[string]int) *sketches.FeatureCounts {
		c := sketches.NewCounts(g)
		for name, n := range counts {
			for range n {
				c.AddRow()
				c.Add(0, sketches.String(name))
			}
		}
		return &c.Features[0]
	}
	ref := fill(map[string]int{"tech": 500, "bank": 300, "food": 198, "rare": 2})
	cur := fill(map[string]int{"tech": 100, "bank": 300, "food": 98, "rare": 2, "new": 100})
	r := Judge(&f, ref, cur, Independent(), DefaultSettings())
	if r.Verdict != Drifted || r.M != 500 || math.Abs(r.Unseen-100.0/600) > 1e-15 || r.Bins != 3 {
		t.Errorf("verdict %s, m %d, unseen %g, %d bins", r.Verdict, r.M, r.Unseen, r.Bins)
	}
	// The rare value joined food, the smallest category that is left.
	top := []string{r.Top[0].Label, r.Top[1].Label}
	if top[0] != "bank" && top[0] != "tech" || top[1] != "bank" && top[1] != "tech" {
		t.Errorf("top contributions %v, want tech and bank", top)
	}
	if math.Abs(r.TVD-0.302) > 1e-12 || math.Abs(r.Linf-0.3) > 1e-12 {
		t.Errorf("TVD %g, Linf %g; want 0.302, 0.3", r.TVD, r.Linf)
	}
}

func TestClassicRuleIgnoresTheSampleSize(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(8, 5))
	f, ref, cur := onGrid(t, normals(rng, 400, 0, 1), normals(rng, 60, 0.4, 1))
	s := DefaultSettings()
	s.Rule = RuleClassic
	r := Judge(f, ref, cur, Independent(), s)
	want := Stable
	if r.PSI >= s.Drifted {
		want = Drifted
	}
	if r.Verdict != want || r.Warned != (r.PSI >= s.Warn) || r.HasLower {
		t.Errorf("PSI %g: %s, warned %v, bound %v", r.PSI, r.Verdict, r.Warned, r.HasLower)
	}
	s.Drifted, s.Warn = r.PSI, r.PSI
	if r := Judge(f, ref, cur, Independent(), s); r.Verdict != Drifted || !r.Warned {
		t.Errorf("a PSI exactly at the threshold is %s, want drifted", r.Verdict)
	}
}

func TestJudgeIsDeterministicAndChangesNothing(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(9, 5))
	f, ref, cur := onGrid(t, normals(rng, 5000, 0, 1), normals(rng, 1000, 0.6, 1.2))
	dep, err := FromReferenceBlocks(ar1Blocks(t, f, ref, 9, 0.5, 30, 500))
	if err != nil {
		t.Fatal(err)
	}
	before := fmt.Sprint(ref, cur, dep)
	a := Judge(f, ref, cur, dep, DefaultSettings())
	for range 20 {
		if b := Judge(f, ref, cur, dep, DefaultSettings()); !reflect.DeepEqual(a, b) {
			t.Fatalf("two results differ:\n%+v\n%+v", a, b)
		}
	}
	if fmt.Sprint(ref, cur, dep) != before {
		t.Error("Judge changed its input")
	}
}

func TestSettingsNameEveryFault(t *testing.T) {
	t.Parallel()
	if err := DefaultSettings().Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	err := Settings{Rule: "magic", Warn: 0.3, Drifted: 0.2, Alpha: 0.5, MinEffective: math.NaN(), TopCells: -1}.Validate()
	for _, key := range []string{`rule is "magic"`, "drifted is 0.2", "alpha is 0.5", "min_rows is 0", "min_effective is NaN", "top_cells is -1"} {
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("error %v does not say %q", err, key)
		}
	}
}

func TestBudgetAlpha(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		perMonth float64
		features int
		hopMS    int64
		want     float64
	}{
		{"one feature, daily: capped", 1, 1, 24 * hourMS, MaxAlpha},
		{"ten features, daily", 1, 10, 24 * hourMS, 1.0 / 300},
		{"two hundred features, hourly: floored", 1, 200, hourMS, MinAlpha},
		{"a batch check of twenty features", 1, 20, 0, 0.01 / 20},
	} {
		if got := BudgetAlpha(tc.perMonth, tc.features, 1, 1, tc.hopMS); math.Abs(got-tc.want) > 1e-15 {
			t.Errorf("%s: %g, want %g", tc.name, got, tc.want)
		}
	}
}

func TestShareLeavesOutTheUnjudged(t *testing.T) {
	t.Parallel()
	d, j, all := Share([]FeatureResult{{Verdict: Drifted}, {Verdict: Stable}, {Verdict: Insufficient}, {Verdict: Learning}, {Verdict: Drifted}})
	if d != 2 || j != 3 || all != 5 {
		t.Errorf("share = %d of %d judged of %d, want 2, 3, 5", d, j, all)
	}
}

func benchmarkJudge(b *testing.B, shift float64, s Settings, blocks bool) {
	rng := rand.New(rand.NewPCG(10, 5))
	f, ref, cur := onGrid(b, normals(rng, 20000, 0, 1), normals(rng, 2000, shift, 1))
	dep := Independent()
	if blocks {
		var err error
		if dep, err = FromReferenceBlocks(ar1Blocks(b, f, ref, 9, 0.5, 30, 500)); err != nil {
			b.Fatal(err)
		}
	}
	j := NewJudger(f, ref, dep, s, new(Scratch))
	b.ReportAllocs()
	for b.Loop() {
		j.Judge(cur)
	}
}

func BenchmarkJudgeClassic(b *testing.B) {
	s := DefaultSettings()
	s.Rule = RuleClassic
	benchmarkJudge(b, 0, s, false)
}
func BenchmarkJudgeStable(b *testing.B)        { benchmarkJudge(b, 0, DefaultSettings(), true) }
func BenchmarkJudgeDrifted(b *testing.B)       { benchmarkJudge(b, 1, DefaultSettings(), false) }
func BenchmarkJudgeDriftedBlocks(b *testing.B) { benchmarkJudge(b, 1, DefaultSettings(), true) }
