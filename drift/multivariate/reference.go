package multivariate

import (
	"fmt"
	"math"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/sketches/joint"
)

// Statistic is one way to look at a window.
type Statistic uint8

// Statistics. Moments is location and spread added up by their plain formula; it is
// kept for comparison and is no path of the alarm.
const (
	StatDistance Statistic = iota
	StatLocation
	StatSpread
	StatCorrelation
	StatPair
	StatMoments
	statistics // how many there are
)

// String names the statistic as in the package's documentation.
func (s Statistic) String() string {
	names := [...]string{"distance", "location", "spread", "correlation", "pair", "moments"}
	if int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("statistic(%d)", uint8(s))
}

// Measures are the statistics of one window, by Statistic; NaN where there is none.
type Measures [statistics]float64

// correlated is how many rows a window needs before its correlations are looked at.
const correlated = 12

// maxCorrelation keeps the inverse hyperbolic tangent finite.
const maxCorrelation = 0.99999

// Reference is the reference's side of every comparison, read from its sums once.
type Reference struct {
	embedding *joint.Embedding
	sums      *joint.Sums
	rows      float64
	mean, sd  []float64 // of Z', by coordinate; sd 0: almost constant, left out
	wave      []float64 // mean of cosines and sines
	within    float64   // unbiased |x̄|²
	pairs     []pair
}

// pair is two coordinates of different features and the reference's correlation.
type pair struct {
	j, l, at int     // at: its place among the Gram sums
	r        float64 // correlation
}

// window is sums as float64.
type window struct {
	rows   float64
	values []float64
	norm   float64

	mean, sd []float64 // scratch, by coordinate
}

// NewReference reads the sums of a reference.
//
// Errors: ErrTooFew for fewer than 30 rows.
func NewReference(s *joint.Sums) (*Reference, error) {
	const least = 30
	if s.Rows < least {
		return nil, fmt.Errorf("reference of %d rows, want at least %d: %w", s.Rows, least, ErrTooFew)
	}
	w := newWindow(s.Embedding)
	w.rows = float64(s.Rows)
	for i := range w.values {
		w.values[i] = s.Values[i].Float64()
	}
	w.norm = s.Values[len(w.values)].Float64()
	r := newReference(s.Embedding, w)
	r.sums = s.Clone()
	return r, nil
}

func newWindow(e *joint.Embedding) *window {
	width, _, _, _ := e.Width()
	return &window{values: make([]float64, width-1), mean: make([]float64, e.Dim()), sd: make([]float64, e.Dim())}
}

// window reads the sums of a window of so many rows at least, means and spreads too.
func (r *Reference) window(s *joint.Sums, least uint64) (*window, error) {
	if s.Embedding.ID() != r.embedding.ID() {
		return nil, fmt.Errorf("%w: embeddings %s and %s", sketches.ErrGridMismatch, s.Embedding.ID(), r.embedding.ID())
	}
	if s.Rows < least {
		return nil, fmt.Errorf("window of %d rows, want at least %d: %w", s.Rows, least, ErrTooFew)
	}
	_, gram, _, _ := r.embedding.Width()
	w := newWindow(r.embedding)
	w.rows = float64(s.Rows)
	for i := range w.values {
		w.values[i] = s.Values[i].Float64()
	}
	w.moments(r.embedding.Dim(), gram)
	return w, nil
}

func newReference(e *joint.Embedding, w *window) *Reference {
	d := e.Dim()
	_, gram, wave, norm := e.Width()
	r := &Reference{embedding: e, rows: w.rows, mean: make([]float64, d), sd: make([]float64, d), wave: make([]float64, norm-wave)}
	w.moments(d, gram)
	copy(r.mean, w.mean)
	copy(r.sd, w.sd)
	for i := range r.wave {
		r.wave[i] = w.values[wave+i] / w.rows
	}
	r.within = unbiased(w.values[wave:norm], w.norm, w.rows)
	for j := range d {
		for l := j + 1; l < d; l++ {
			if r.sd[j] == 0 || r.sd[l] == 0 || e.Coordinates[j].Feature == e.Coordinates[l].Feature {
				continue
			}
			p := pair{j: j, l: l, at: gram + joint.Pair(d, j, l)}
			p.r = w.correlation(&p)
			r.pairs = append(r.pairs, p)
		}
	}
	return r
}

// unbiased returns Σ_{i≠j} φ_i·φ_j/(n(n−1)) in units of 2⁶⁰·D/2.
func unbiased(sums []float64, norm, n float64) float64 {
	square := 0.0
	for _, x := range sums {
		square += float64(x * x)
	}
	return (square - float64(norm*(1<<30))) / (n * (n - 1))
}

// moments fills mean and sd of Z', the latter unbiased in the variance.
func (w *window) moments(d, gram int) {
	const toShort = 1.0 / 16 // Z has four bits more than Z'
	at := gram
	for j := range d {
		mean := w.values[j] * toShort / w.rows
		v := (w.values[at] - float64(w.values[j]*toShort*mean)) / (w.rows - 1)
		w.mean[j], w.sd[j] = mean, math.Sqrt(max(v, 0))
		if v < 1 { // a spread of less than 2⁻¹⁶ is rounding
			w.sd[j] = 0
		}
		at += d - j
	}
}

// correlation returns the correlation of a pair; 0 where one of the two does not move.
func (w *window) correlation(p *pair) float64 {
	scale := w.sd[p.j] * w.sd[p.l] * (w.rows - 1)
	if scale == 0 {
		return 0
	}
	c := (w.values[p.at] - float64(w.rows*float64(w.mean[p.j]*w.mean[p.l]))) / scale
	return min(max(c, -maxCorrelation), maxCorrelation)
}

// change returns atanh ρ − atanh ρ⁰ as one inverse hyperbolic tangent, by its series
// where that is exact to nine digits: most changes are small, and logarithms are slow.
func (w *window) change(p *pair) float64 {
	c := w.correlation(p)
	x := (c - p.r) / (1 - float64(c*p.r))
	if x > 0.3 || x < -0.3 {
		return 0.5 * math.Log((1+x)/(1-x))
	}
	q := float64(x * x)
	s := 1.0 / 15
	for _, over := range [...]float64{1.0 / 13, 1.0 / 11, 1.0 / 9, 1.0 / 7, 1.0 / 5, 1.0 / 3, 1} {
		s = over + float64(q*s)
	}
	return x * s
}

// measure computes the statistics asked for, by bit.
//
//	distance     as Distance, over ω = 1/n + 1/m
//	location     Σ_j ((ȳ_j − x̄_j)/s_j)²/ω
//	spread       Σ_j w_j², w_j the normal score of the variance ratio v_j by its cube root†
//	correlation  Σ_{j<l} (atanh ρ_jl − atanh ρ⁰_jl)²/(1/(n−3) + 1/(m−3))
//	pair         the largest term of that sum
//	moments      location + Σ_j (ln v_j)²·m/2
//
// Coordinates that are almost constant in the reference count in none of them but
// distance. The cube root is that of Wilson and Hilferty 1931†.
func (r *Reference) measure(w *window, want uint) (m Measures) {
	for i := range m {
		m[i] = math.NaN()
	}
	if w.rows < 2 {
		return m
	}
	e := r.embedding
	_, gram, wave, norm := e.Width()
	omega := 1/r.rows + 1/w.rows
	if want>>StatDistance&1 != 0 {
		cross := 0.0
		sums := w.values[wave:norm]
		for i, x := range r.wave {
			cross += float64(x * sums[i])
		}
		m[StatDistance] = (r.within + unbiased(sums, w.norm, w.rows) - 2*cross/w.rows) * 0x1p-59 / (float64(e.Waves()) * omega)
	}
	if want&^(1<<StatDistance) == 0 {
		return m
	}
	w.moments(len(r.mean), gram)
	r.marginals(w, want, &m)
	if want>>StatCorrelation&3 != 0 && w.rows >= correlated {
		total, most := 0.0, 0.0
		for i := range r.pairs {
			p := &r.pairs[i]
			diff := w.change(p)
			square := float64(diff * diff)
			total += square
			most = max(most, square)
		}
		omega = 1/(r.rows-3) + 1/(w.rows-3)
		m[StatCorrelation], m[StatPair] = total/omega, most/omega
	}
	return m
}

// leastRatio stands for the variance ratio of a coordinate that does not move.
const leastRatio = 1e-4

func (r *Reference) marginals(w *window, want uint, m *Measures) {
	omega := 1/r.rows + 1/w.rows
	k := 2 / (9 * (w.rows - 1))
	centre, scale := 1-k, 1/k
	location, spread, logs := 0.0, 0.0, 0.0
	for j, s := range r.sd {
		if s == 0 {
			continue
		}
		shift := (w.mean[j] - r.mean[j]) / s
		location += float64(shift * shift)
		ratio := w.sd[j] / s
		ratio = max(float64(ratio*ratio), leastRatio)
		if want>>StatSpread&1 != 0 {
			x := math.Cbrt(ratio) - centre
			spread += float64(float64(x*x) * scale)
		}
		if want>>StatMoments&1 != 0 {
			x := math.Log(ratio)
			logs += float64(x * x)
		}
	}
	m[StatLocation], m[StatSpread] = location/omega, spread
	m[StatMoments] = location/omega + logs*w.rows/2
}
