package multivariate

import (
	"errors"
	"fmt"
	"math"
	"math/big"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/sketches/joint"
)

// Errors of this package; test with errors.Is.
var (
	ErrTooFew   = errors.New("too few rows")
	ErrMismatch = errors.New("samples of different shape")
)

// MMD2 returns the unbiased estimate of the squared kernel distance of two samples with
// k(x, y) = exp(−|x−y|²/(2σ²)):
//
//	Σ_{i≠j} k(x_i,x_j)/(n(n−1)) + Σ_{i≠j} k(y_i,y_j)/(m(m−1)) − 2·Σ_ij k(x_i,y_j)/(nm)
//
// Shapes: n and m rows of equally many numbers. Range: below 0 by chance where the laws
// agree, at most 2. Cost: O((n+m)²·d); for samples, not for streams.
//
// Errors: ErrTooFew for fewer than 2 rows on a side; ErrMismatch for rows of different
// lengths or σ ≤ 0.
//
// Source: Gretton and others 2012†.
func MMD2(ref, cur [][]float64, sigma float64) (float64, error) {
	if len(ref) < 2 || len(cur) < 2 {
		return 0, fmt.Errorf("%w: %d and %d, want at least 2", ErrTooFew, len(ref), len(cur))
	}
	if !(sigma > 0) {
		return 0, fmt.Errorf("%w: width %g", ErrMismatch, sigma)
	}
	for _, rows := range [][][]float64{ref, cur} {
		for _, r := range rows {
			if len(r) != len(ref[0]) {
				return 0, fmt.Errorf("%w: rows of %d and %d numbers", ErrMismatch, len(r), len(ref[0]))
			}
		}
	}
	kernel := func(x, y []float64) float64 {
		s := 0.0
		for i := range x {
			s += float64((x[i] - y[i]) * (x[i] - y[i]))
		}
		return math.Exp(-s / (2 * sigma * sigma))
	}
	within := func(rows [][]float64) float64 {
		s := 0.0
		for i := range rows {
			for j := range i {
				s += 2 * kernel(rows[i], rows[j])
			}
		}
		n := float64(len(rows))
		return s / (n * (n - 1))
	}
	cross := 0.0
	for _, x := range ref {
		for _, y := range cur {
			cross += kernel(x, y)
		}
	}
	return within(ref) + within(cur) - 2*cross/float64(len(ref)*len(cur)), nil
}

// Distance returns the unbiased squared distance of the mean embeddings of two sums,
// which estimates MMD2 on the points of the embedding up to O(1/√D):
//
//	|ȳ|²·m/(m−1) − q_y/(m−1) + |x̄|²·n/(n−1) − q_x/(n−1) − 2·x̄·ȳ
//
// with q the measured mean of |φ|². All is exact in integers; the
// result is rounded once.
//
// Errors: sketches.ErrGridMismatch for two embeddings; ErrTooFew for fewer than 2 rows
// on a side.
func Distance(ref, cur *joint.Sums) (float64, error) {
	if ref.Embedding != cur.Embedding && ref.Embedding.ID() != cur.Embedding.ID() {
		return 0, fmt.Errorf("%w: embeddings %s and %s", sketches.ErrGridMismatch, ref.Embedding.ID(), cur.Embedding.ID())
	}
	if ref.Rows < 2 || cur.Rows < 2 {
		return 0, fmt.Errorf("%w: %d and %d, want at least 2", ErrTooFew, ref.Rows, cur.Rows)
	}
	e := ref.Embedding
	_, _, wave, norm := e.Width()
	dot := func(a, b *joint.Sums) *big.Int {
		s, p := new(big.Int), new(big.Int)
		for i := wave; i < norm; i++ {
			s.Add(s, p.Mul(a.Values[i].Big(), b.Values[i].Big()))
		}
		return s
	}
	// Both in units of 2⁶⁰·D/2.
	within := func(s *joint.Sums) *big.Rat {
		self := new(big.Int).Lsh(s.Values[norm].Big(), 30)
		pairs := new(big.Int).Sub(dot(s, s), self)
		n := new(big.Int).SetUint64(s.Rows)
		n.Mul(n, new(big.Int).SetUint64(s.Rows-1))
		return new(big.Rat).SetFrac(pairs, n)
	}
	n := new(big.Int).SetUint64(ref.Rows)
	n.Mul(n, new(big.Int).SetUint64(cur.Rows))
	cross := new(big.Rat).SetFrac(dot(ref, cur), n)
	total := within(ref)
	total.Add(total, within(cur))
	total.Sub(total, cross.Add(cross, cross))
	f, _ := total.Float64()
	return math.Ldexp(f, -60) * 2 / float64(e.Waves()), nil
}
