package drift_test

import (
	"math/rand/v2"
	"testing"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/sketches"
)

// A window of as many values as are said to be needed, and of one less: where records
// are independent the first has a verdict. The bins that hold enough grow with the window,
// so it may take a second step, never many.
func TestValuesNeeded_AreEnough(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	xs := make([]float64, 5000)
	for i := range xs {
		xs[i] = rng.NormFloat64()
	}
	fg, err := sketches.NewNumeric("x", xs)
	if err != nil {
		t.Fatal(err)
	}
	g, err := sketches.NewGrid([]sketches.FeatureGrid{fg})
	if err != nil {
		t.Fatal(err)
	}
	count := func(n int) *sketches.Counts {
		c := sketches.NewCounts(g)
		for i := range n {
			c.AddRow()
			c.Add(0, sketches.Number(xs[i%len(xs)]))
		}
		return c
	}
	ref := count(len(xs))
	s := drift.DefaultSettings()
	s.MinRows, s.Alpha = 30, 0.001
	judge := func(n int) drift.FeatureResult {
		return drift.Judge(&g.Features[0], &ref.Features[0], &count(n).Features[0], drift.Independent(), s)
	}
	for _, start := range []int{0, 1, 12, 29, 35, 60} {
		n, steps := start, 0
		for ; steps < 5; steps++ {
			r := judge(n)
			need, ok := r.ValuesNeeded(s)
			if r.Verdict != drift.Insufficient {
				if ok {
					t.Errorf("%d values have the verdict %s, and %d are needed", n, r.Verdict, need)
				}
				break
			}
			if !ok || need <= uint64(n) {
				t.Fatalf("%d values are too few (%s), but %d are needed, %v", n, r.Reason, need, ok)
			}
			n = int(need)
		}
		if steps == 5 {
			t.Errorf("from %d values on no number is ever enough; the last was %d", start, n)
		}
	}
	empty := sketches.NewCounts(g)
	r := drift.Judge(&g.Features[0], &empty.Features[0], &count(10).Features[0], drift.Independent(), s)
	if n, ok := r.ValuesNeeded(s); ok {
		t.Errorf("an empty reference needs %d window values; want none that would help", n)
	}
	// The reference is the smaller side: a larger window does not help.
	small := count(40)
	r = drift.Judge(&g.Features[0], &small.Features[0], &count(400).Features[0], drift.Independent(), withEffective(s, 50))
	if n, ok := r.ValuesNeeded(withEffective(s, 50)); ok || r.Verdict != drift.Insufficient {
		t.Errorf("a reference of 40 for an effective size of 50: %s, %d needed, %v", r.Verdict, n, ok)
	}
}

func withEffective(s drift.Settings, n float64) drift.Settings {
	s.MinEffective = n
	return s
}
