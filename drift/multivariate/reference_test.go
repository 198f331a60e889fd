package multivariate

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestMeasure_ByHand computes location, spread, correlation, pair and moments from the
// points themselves.
func TestMeasure_ByHand(t *testing.T) {
	t.Parallel()
	const d = 5
	w := newWorld(t, d, 300, 64, 3, normals)
	ref := w.draw(200, normals)
	cur := w.draw(40, func(rng *rand.Rand, x []float64) {
		normals(rng, x)
		x[1] = 2*x[1] + 0.5
		x[3] = 0.8*x[2] + 0.6*x[3]
	})
	r, err := NewReference(w.sums(ref...))
	if err != nil {
		t.Fatal(err)
	}
	var paths []PathLaw
	for s := range statistics {
		paths = append(paths, PathLaw{Path: Path{s, 1}})
	}
	m := newMonitor(r, paths)
	m.add(w.sums(cur...))
	m.measure(r)

	moments := func(rows [][]float64, j int) (mean, v float64) {
		for _, x := range rows {
			mean += x[j] / float64(len(rows))
		}
		for _, x := range rows {
			v += (x[j] - mean) * (x[j] - mean) / float64(len(rows)-1)
		}
		return mean, v
	}
	corr := func(rows [][]float64, j, l int) float64 {
		mj, vj := moments(rows, j)
		ml, vl := moments(rows, l)
		c := 0.0
		for _, x := range rows {
			c += (x[j] - mj) * (x[l] - ml) / float64(len(rows)-1)
		}
		return math.Atanh(c / math.Sqrt(vj*vl))
	}
	a, b := w.points(ref), w.points(cur)
	n, k := float64(len(a)), float64(len(b))
	var want Measures
	for j := range d {
		mr, vr := moments(a, j)
		mc, vc := moments(b, j)
		location := (mc - mr) * (mc - mr) / vr / (1/n + 1/k)
		f := 2 / (9 * (k - 1))
		x := (math.Cbrt(vc/vr) - (1 - f)) / math.Sqrt(f)
		want[StatLocation] += location
		want[StatSpread] += x * x
		want[StatMoments] += location + math.Pow(math.Log(vc/vr), 2)*k/2
		for l := j + 1; l < d; l++ {
			q := math.Pow(corr(b, j, l)-corr(a, j, l), 2) / (1/(n-3) + 1/(k-3))
			want[StatCorrelation] += q
			want[StatPair] = max(want[StatPair], q)
		}
	}
	for s := StatLocation; s < statistics; s++ {
		if !near(m.values[s], want[s], 2e-4, 1e-6) { // first sums have four bits more than the points here
			t.Errorf("%s = %.10g, want %.10g", s, m.values[s], want[s])
		}
	}
}

// TestScore_IsNormalWithoutDrift: the score of a χ² variable is about a standard normal
// one far into the tail.
func TestScore_IsNormalWithoutDrift(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	const n = 200_000
	for _, nu := range []int{2, 5, 20} {
		values := make([]float64, n)
		for i := range values {
			for range nu {
				x := rng.NormFloat64()
				values[i] += x * x
			}
			values[i] = 3*values[i] - 7
		}
		var l PathLaw
		l.fit(values)
		for _, tail := range []struct{ z, p float64 }{{1.2816, 0.1}, {2.3263, 0.01}, {3.0902, 0.001}} {
			k := 0
			for _, x := range values {
				if l.Score(x) > tail.z {
					k++
				}
			}
			if got := float64(k) / n; got < 0.75*tail.p || got > 1.3*tail.p {
				t.Errorf("χ² with %d degrees: %g of scores above %g, want %g", nu, got, tail.z, tail.p)
			}
		}
	}
	still := PathLaw{}
	still.fit([]float64{2, 2, math.NaN(), 2})
	if s := still.Score(5); s != 0 {
		t.Errorf("score %g on a path that never moves, want 0", s)
	}
	if s := still.Score(math.NaN()); !math.IsInf(s, -1) {
		t.Errorf("score of NaN %g, want −Inf", s)
	}
}

func TestChange_IsThatOfTheInverseTangents(t *testing.T) {
	t.Parallel()
	w := &window{rows: 101, values: []float64{0}, mean: []float64{0}, sd: []float64{1}}
	for _, rho := range []float64{-0.999, -0.6, -0.3, 0, 1e-9, 0.2, 0.7, 0.99} {
		for _, before := range []float64{-0.9, 0, 0.21, 0.95} {
			w.values[0] = 100 * rho
			got := w.change(&pair{r: before})
			if want := math.Atanh(rho) - math.Atanh(before); !near(got, want, 1e-9, 1e-12) {
				t.Errorf("from %g to %g: change %.15g, want %.15g", before, rho, got, want)
			}
		}
	}
}
