package sequential

import (
	"math"
	"testing"

	"github.com/driftline/driftline/drift/generate"
)

func TestLogMixture(t *testing.T) {
	t.Parallel()
	half := []float64{0.5, 0.5}
	if got := math.Exp(LogMixture(half, half, []uint64{3, 1})); math.Abs(got-0.625) > 1e-12 {
		t.Errorf("E = %.12f, want 0.625", got)
	}
	if got := LogMixture(half, half, []uint64{0, 0}); math.Abs(got) > 1e-15 {
		t.Errorf("ln E of an empty pane = %g, want 0", got)
	}
	// Its expectation under p is 1: all panes of 6 records on three bins.
	p, alpha := []float64{0.5, 0.3, 0.2}, []float64{0.5, 1, 2}
	factorial := []float64{1, 1, 2, 6, 24, 120, 720}
	mean := 0.0
	for a := range uint64(7) {
		for b := range 7 - a {
			c := 6 - a - b
			chance := factorial[6] / (factorial[a] * factorial[b] * factorial[c]) *
				math.Pow(p[0], float64(a)) * math.Pow(p[1], float64(b)) * math.Pow(p[2], float64(c))
			mean += chance * math.Exp(LogMixture(p, alpha, []uint64{a, b, c}))
		}
	}
	if math.Abs(mean-1) > 1e-12 {
		t.Errorf("mean E = %.15f, want 1", mean)
	}
}

// shares draws a law near p.
func shares(d *generate.Sequence, p []float64, size float64) []float64 {
	q := make([]float64, len(p))
	sum := 0.0
	for i := range q {
		q[i] = p[i] * math.Exp(size*d.Normal())
		sum += q[i]
	}
	for i := range q {
		q[i] /= sum
	}
	return q
}

// The certificate: under every law of the ball a bet after its allowance has mean ≤ 1,
// and without the allowance it has not.
func TestBallCertificate(t *testing.T) {
	t.Parallel()
	d := generate.NewSequence(6, 1)
	broken, inside := 0, 0
	for range 20_000 {
		p := shares(&d, []float64{0.1, 0.2, 0.3, 0.15, 0.25}, 0.5)
		b := Ball{Shares: p, Epsilon: 0.02 * d.Uniform()}
		w := b.Bet(shares(&d, p, 0.4))
		q := shares(&d, p, 0.05)
		if b.distance(q) > b.Epsilon {
			continue
		}
		inside++
		mean := 0.0
		for i := range p {
			mean += q[i] * w[i] / p[i]
		}
		if mean > 1+1e-12 {
			broken++
		}
		if m := mean * math.Exp(-b.Allowance(w)); m > 1+1e-12 {
			t.Fatalf("mean %.15f under a law at distance %g of %g", m, b.distance(q), b.Epsilon)
		}
	}
	if inside < 1000 || broken < 100 {
		t.Errorf("%d laws inside the ball, %d of which need the allowance: too few to say anything", inside, broken)
	}
}

func TestBetsShrinkWithTheBall(t *testing.T) {
	t.Parallel()
	p, q := []float64{0.5, 0.5}, []float64{0.6, 0.4}
	inside := Ball{Shares: p, Epsilon: 0.05} // χ²(q, p) = 0.04
	if w := inside.Bet(q); w[0] != 0.5 || w[1] != 0.5 {
		t.Errorf("bet %v inside the ball, want %v", w, p)
	}
	outside := Ball{Shares: p, Epsilon: 0.01}
	if w := outside.Bet(q); math.Abs(w[0]-0.55) > 1e-12 {
		t.Errorf("bet %v, want half way to %v", w, q)
	}
	wide := NewBall(p, 1000, 1, 0.05, 0)
	if want := 3.841458820694124 / 1000; math.Abs(wide.Epsilon-want) > 1e-12 {
		t.Errorf("ε = %g, want %g", wide.Epsilon, want)
	}
	if got, want := NewBall(p, 1000, 4, 0.05, 0.01).Epsilon, math.Pow(2*math.Sqrt(wide.Epsilon)+0.1, 2); math.Abs(got-want) > 1e-12 {
		t.Errorf("ε = %g, want %g: radii add up", got, want)
	}
}

// E[τ] ≥ A, for a law at the edge of the ball; the same bets without allowance alarm
// much sooner than they promise.
func TestEDetectorKeepsItsPromise(t *testing.T) {
	t.Parallel()
	p := []float64{0.25, 0.25, 0.25, 0.25}
	b := Ball{Shares: p, Epsilon: 0.01}
	q := []float64{0.275, 0.275, 0.225, 0.225} // χ²(q, p) = 0.01
	w := b.Bet([]float64{0.33, 0.33, 0.17, 0.17})
	const a, panes = 100, 40_000
	run := func(allowance float64) (roberts, page float64) {
		d := generate.NewSequence(8, 1)
		sr, pg := math.Inf(-1), math.Inf(-1)
		for range panes {
			counts := []uint64{0, 0, 0, 0}
			for range 20 {
				u, k := d.Uniform(), 0
				for c := q[0]; u > c && k < 3; c += q[k] {
					k++
				}
				counts[k]++
			}
			e := b.LogE(w, counts) + 20*(b.Allowance(w)-allowance)
			if sr = ShiryaevRoberts(sr, e); sr >= math.Log(a) {
				roberts++
				sr = math.Inf(-1)
			}
			if pg = PageE(pg, e); pg >= math.Log(a) {
				page++
				pg = math.Inf(-1)
			}
		}
		return panes / max(roberts, 1), panes / max(page, 1)
	}
	roberts, page := run(b.Allowance(w))
	if roberts < a || page < roberts {
		t.Errorf("mean run lengths %.0f and %.0f panes, want at least %d, the second longer", roberts, page, a)
	}
	if naive, _ := run(0); naive > a/2 {
		t.Errorf("without the allowance one alarm in %.0f panes: this test does not bite", naive)
	}
}
