package drift

import (
	"math"

	"github.com/driftline/driftline/sketches"
)

// Side sums up one side of a comparison, in the feature's unit but for Skewness and
// Kurtosis (the excess). NaN where there is nothing to say: without values, for
// categories, extremes that are not known.
type Side struct {
	N                            uint64
	Mean, Std                    float64 // Std divides by N
	Skewness, Kurtosis           float64
	Min, Q05, Q25, Q50, Q75, Q95 float64
	Max                          float64
}

// Description is what people read beside a verdict; none rests on it. It is computed when
// it is asked for, from the brief that a score keeps of its window.
type Description struct {
	PSI10, PSI20, PSI30 float64 // native zero rule on 10, 20 and 30 nested quantile bins; numeric only
	CramersV            float64 // categorical only
	Reference, Window   Side
}

// Describe compares counts of a reference with the brief of a window, on feature f.
// Quantiles of the window are known to the share of one of 60 bins.
//
// Errors: sketches.ErrGridMismatch where the brief was taken on another feature.
func Describe(f *sketches.FeatureGrid, ref *sketches.FeatureCounts, b sketches.Brief) (Description, error) {
	nan := math.NaN()
	d := Description{PSI10: nan, PSI20: nan, PSI30: nan, CramersV: nan}
	g, cur, err := b.On(f)
	if err != nil {
		return d, err
	}
	d.Reference, d.Window = sideOf(f, ref), sideOf(g, cur)
	if f.Kind == sketches.Categorical {
		if v, err := CramersV(floatsOf(ref.Cells), floatsOf(cur.Cells)); err == nil {
			d.CramersV = v
		}
		return d, nil
	}
	whole, _ := sketches.NewBrief(f, ref)
	for _, x := range []struct {
		bins int
		to   *float64
	}{{10, &d.PSI10}, {20, &d.PSI20}, {30, &d.PSI30}} {
		r, err := whole.Coarser(f, x.bins)
		if err != nil {
			return d, err
		}
		c, err := b.Coarser(f, x.bins)
		if err != nil {
			return d, err
		}
		if psi, err := PSI(floatsOf(r), floatsOf(c)); err == nil {
			*x.to = psi
		}
	}
	return d, nil
}

func sideOf(f *sketches.FeatureGrid, c *sketches.FeatureCounts) Side {
	nan := math.NaN()
	m := c.Moments(f)
	s := Side{N: m.N, Mean: m.Mean, Std: m.Std, Skewness: m.Skewness, Kurtosis: m.Kurtosis, Min: nan, Max: nan}
	if lo, hi, ok := c.Range(); ok && m.N > 0 && f.Kind == sketches.Numeric {
		s.Min, s.Max = lo, hi
	}
	s.Q05, s.Q25, s.Q50, s.Q75, s.Q95 = c.Quantile(f, 0.05), c.Quantile(f, 0.25), c.Quantile(f, 0.5), c.Quantile(f, 0.75), c.Quantile(f, 0.95)
	return s
}

func floatsOf(counts []uint64) []float64 {
	x := make([]float64, len(counts))
	for i, k := range counts {
		x[i] = float64(k)
	}
	return x
}
