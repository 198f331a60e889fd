package drift

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/driftline/driftline/sketches"
)

// What a description says is what the whole counts say.
func TestDescribe_AgreesWithTheWholeCounts(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(41, 6))
	refs, curs := normals(rng, 5000, 10, 2), normals(rng, 1500, 11, 3)
	f, ref, cur := onGrid(t, refs, curs)
	b, _ := sketches.NewBrief(f, cur)
	d, err := Describe(f, ref, b)
	if err != nil {
		t.Fatal(err)
	}
	for bins, got := range map[int]float64{10: d.PSI10, 20: d.PSI20, 30: d.PSI30} {
		toBin, n := f.Coarse(bins)
		x, y := make([]float64, n), make([]float64, n)
		for cell, to := range toBin {
			x[to] += float64(ref.Cells[cell])
			y[to] += float64(cur.Cells[cell])
		}
		if want, err := PSI(x, y); err != nil || got != want {
			t.Errorf("PSI on %d bins %g, want %g (%v)", bins, got, want, err)
		}
	}
	if !(d.PSI10 <= d.PSI20 && d.PSI20 <= d.PSI30*1.05) || d.PSI10 < 0.1 {
		t.Errorf("PSI %g, %g, %g on nested bins", d.PSI10, d.PSI20, d.PSI30)
	}
	near := func(what string, got, want, within float64) {
		t.Helper()
		if !(math.Abs(got-want) <= within) {
			t.Errorf("%s is %g, want %g ± %g", what, got, want, within)
		}
	}
	near("mean of the reference", d.Reference.Mean, 10, 0.1)
	near("mean of the window", d.Window.Mean, 11, 0.25)
	near("deviation of the window", d.Window.Std, 3, 0.2)
	near("skewness of the window", d.Window.Skewness, 0, 0.2)
	near("kurtosis of the window", d.Window.Kurtosis, 0, 0.4)
	near("median of the window", d.Window.Q50, 11, 0.4)
	near("upper quartile of the reference", d.Reference.Q75, 10+2*0.674, 0.15)
	if lo, hi, ok := cur.Range(); !ok || d.Window.Min != lo || d.Window.Max != hi || d.Window.N != 1500 {
		t.Errorf("window %+v, want %g to %g", d.Window, lo, hi)
	}
}

func TestDescribe_CategoriesAndWhatIsNotThere(t *testing.T) {
	t.Parallel()
	f, err := sketches.NewCategorical("c", map[string]uint64{"a": 60, "b": 40}, 10)
	if err != nil {
		t.Fatal(err)
	}
	g, err := sketches.NewGrid([]sketches.FeatureGrid{f})
	if err != nil {
		t.Fatal(err)
	}
	count := func(a, b int) *sketches.FeatureCounts {
		c := sketches.NewCounts(g)
		for i := range a + b {
			c.AddRow()
			c.Add(0, sketches.String(map[bool]string{true: "a", false: "b"}[i < a]))
		}
		return &c.Features[0]
	}
	b, _ := sketches.NewBrief(&g.Features[0], count(10, 90))
	d, err := Describe(&g.Features[0], count(60, 40), b)
	if err != nil {
		t.Fatal(err)
	}
	if !(d.CramersV > 0.4) || !math.IsNaN(d.PSI10) || !math.IsNaN(d.Window.Mean) || !math.IsNaN(d.Window.Q50) || !math.IsNaN(d.Window.Min) {
		t.Errorf("description %+v", d)
	}

	num, ref, none := onGrid(t, []float64{1, 2, 3, 4}, nil)
	empty, _ := sketches.NewBrief(num, none)
	if d, err := Describe(num, ref, empty); err != nil || !math.IsNaN(d.PSI10) || !math.IsNaN(d.Window.Mean) || d.Window.N != 0 || !math.IsNaN(d.Window.Max) {
		t.Errorf("an empty window: %+v, %v", d, err)
	}
	if _, err := Describe(num, ref, b); !errors.Is(err, sketches.ErrGridMismatch) {
		t.Errorf("the brief of another feature: %v", err)
	}
}
