package main

import (
	"math"
	"slices"

	"github.com/driftline/driftline/drift/multivariate"
	"github.com/driftline/driftline/sketches/joint"
)

// exact is the windowed two-sample test with the kernel itself, on the rows as they
// are: what the mergeable rows stand beside. It keeps all rows of the reference.
type exact struct {
	ref    [][]float64
	gamma  float64 // 1/(2σ²)
	within float64 // Σ_{i≠j} k/(n(n−1)) over the reference
	window int
	limits []multivariate.Limits

	last  [][]float64 // the window, a ring
	cross []float64   // mean kernel of each with the reference
	inner []float64   // kernel with the others that are in the window, window × window
	n     int
}

func (d *exact) kernel(x, y []float64) float64 {
	s := 0.0
	for i := range x {
		s += (x[i] - y[i]) * (x[i] - y[i])
	}
	return math.Exp(-s * d.gamma)
}

// newExact calibrates by resampling rows of the reference on both sides, as the
// mergeable rows do.
func newExact(ref *reference, s settings, targets []float64) (*exact, error) {
	n := len(ref.rows)
	d := &exact{ref: ref.rows, window: s.window, cross: make([]float64, s.window), inner: make([]float64, s.window*s.window), last: make([][]float64, s.window)}
	var squares []float64
	for i := range min(n, 500) {
		for j := range i {
			q := 0.0
			for k := range ref.rows[i] {
				q += (ref.rows[i][k] - ref.rows[j][k]) * (ref.rows[i][k] - ref.rows[j][k])
			}
			squares = append(squares, q)
		}
	}
	slices.Sort(squares)
	d.gamma = 1 / squares[len(squares)/2] // σ² = median/2
	kernel := make([]float64, n*n)
	for i := range n {
		for j := range i + 1 {
			k := d.kernel(ref.rows[i], ref.rows[j])
			kernel[i*n+j], kernel[j*n+i] = k, k
		}
	}
	sum := func(weight []float64) (cross []float64, within float64) {
		cross = make([]float64, n)
		for i := range n {
			for j, w := range weight {
				cross[i] += w * kernel[i*n+j]
			}
			within += weight[i] * (cross[i] - 1)
			cross[i] /= float64(n)
		}
		return cross, within / float64(n*(n-1))
	}
	ones := make([]float64, n)
	for i := range ones {
		ones[i] = 1
	}
	_, d.within = sum(ones)

	const references = 100
	draw := func(stream, run, i uint64) int {
		return int(joint.Uniform(joint.Bits(ref.seed, stream, run), 0, i) * float64(n))
	}
	crosses, withins := make([][]float64, references), make([]float64, references)
	for r := range references {
		weight := make([]float64, n)
		for i := range n {
			weight[draw(streamExactReference, uint64(r), uint64(i))]++
		}
		crosses[r], withins[r] = sum(weight)
	}
	scores := make([][]float32, s.runs)
	m := float64(s.window)
	for r := range scores {
		cross, within := crosses[r%references], withins[r%references]
		var at []int
		pairs, sum := 0.0, 0.0
		for i := 0; len(scores[r]) < 4*s.window; i++ {
			if i >= s.window {
				out := at[i-s.window]
				sum -= cross[out]
				for _, b := range at[i-s.window+1:] {
					pairs -= kernel[out*n+b]
				}
			}
			in := draw(streamExactRun, uint64(r), uint64(i))
			for _, b := range at[max(0, i-s.window+1):] {
				pairs += kernel[in*n+b]
			}
			at = append(at, in)
			sum += cross[in]
			if i+1 >= s.window {
				scores[r] = append(scores[r], float32(within+2*pairs/(m*(m-1))-2*sum/m))
			}
		}
	}
	for _, t := range targets {
		d.limits = append(d.limits, multivariate.NewLimits(scores, s.window, t))
	}
	return d, nil
}

func (d *exact) push(x []float64) (float64, int) {
	at := d.n % d.window
	d.last[at] = slices.Clone(x)
	sum := 0.0
	for _, r := range d.ref {
		sum += d.kernel(x, r)
	}
	d.cross[at] = sum / float64(len(d.ref))
	for i := range min(d.n, d.window) {
		k := 0.0
		if i != at {
			k = d.kernel(x, d.last[i])
		}
		d.inner[at*d.window+i], d.inner[i*d.window+at] = k, k
	}
	d.n++
	if d.n < d.window {
		return math.Inf(-1), -1
	}
	pairs, cross := 0.0, 0.0
	for i := range d.window {
		cross += d.cross[i]
		for j := range i {
			pairs += d.inner[i*d.window+j]
		}
	}
	m := float64(d.window)
	return d.within + 2*pairs/(m*(m-1)) - 2*cross/m, d.n - d.window
}

func (d *exact) limit(target, test int) float64 { return d.limits[target].At(test) }

func (d *exact) reset() { d.n = 0 }
