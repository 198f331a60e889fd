package sequential

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// LogMixture returns ln E of one pane's counts b on bins of shares p, the mixture of
// likelihood ratios over a Dirichlet prior with weights alpha:
//
//	E = [Γ(A)/Γ(A + m)] · ∏ Γ(α_i + b_i)/Γ(α_i) / ∏ p_i^{b_i},   A = Σα_i, m = Σb_i
//
// Shapes: one p > 0, alpha > 0 and count per bin. It depends on counts alone, not on
// the order of records, and is an e-value of the single law p. Do not multiply it up
// against shares that were estimated: see Ball.
func LogMixture(p, alpha []float64, counts []uint64) float64 {
	a, m, e := 0.0, 0.0, 0.0
	for i, b := range counts {
		k := float64(b)
		a += alpha[i]
		m += k
		e += logGamma(alpha[i]+k) - logGamma(alpha[i]) - k*math.Log(p[i])
	}
	return e + logGamma(a) - logGamma(a+m)
}

func logGamma(x float64) float64 {
	l, _ := math.Lgamma(x)
	return l
}

// Ball is the set of laws q that a reference cannot tell from its shares, or that are
// near enough to be of no concern: Σ (q_i − p_i)²/p_i ≤ Epsilon.
type Ball struct {
	Shares  []float64 // p, all above 0, of sum 1
	Epsilon float64
}

// NewBall adds, as radii, what n records leave open (the 1 − gamma quantile of χ² with
// B − 1 degrees of freedom, times the design effect d1, over n) and what is too small
// to matter, on the scale of the PSI.
func NewBall(shares []float64, n, d1, gamma, practical float64) Ball {
	open := 2 * mathext.GammaIncRegCompInv(float64(len(shares)-1)/2, gamma) * d1 / n
	r := math.Sqrt(open) + math.Sqrt(practical)
	return Ball{Shares: shares, Epsilon: r * r}
}

// distance is χ²(w, p) = Σ (w_i − p_i)²/p_i.
func (b Ball) distance(w []float64) float64 {
	d := 0.0
	for i, p := range b.Shares {
		d += (w[i] - p) * (w[i] - p) / p
	}
	return d
}

// Bet returns the alternative to bet on where q is the best guess: p + s·(q − p) with
// s = 1 − sqrt(ε/χ²(q, p)), so that the bet shrinks with the ball; inside it, p itself.
func (b Ball) Bet(q []float64) []float64 {
	s := 0.0
	if d := b.distance(q); d > b.Epsilon {
		s = 1 - math.Sqrt(b.Epsilon/d)
	}
	w := make([]float64, len(q))
	for i, p := range b.Shares {
		w[i] = p + float64(s*(q[i]-p))
	}
	return w
}

// Allowance is what a bet on w pays per record, in nats: ln(1 + sqrt(ε·χ²(w, p))). By
// the inequality of Cauchy and Schwarz w_i/p_i over its exponential has expectation at
// most 1 under every law of the ball [D].
func (b Ball) Allowance(w []float64) float64 {
	return math.Log1p(math.Sqrt(b.Epsilon * b.distance(w)))
}

// LogE returns ln of the e-value of a pane for the whole ball, if w was fixed before the
// pane: Σ b_i·(ln(w_i/p_i) − Allowance(w)). −Inf where w gives a bin that was met no
// share.
func (b Ball) LogE(w []float64, counts []uint64) float64 {
	allow, e := b.Allowance(w), 0.0
	for i, k := range counts {
		if k > 0 {
			e += float64(k) * (math.Log(w[i]/b.Shares[i]) - allow)
		}
	}
	return e
}

// ShiryaevRoberts moves ln M by one pane: M ← (M + 1)·E, from M = 0 (ln M = −Inf).
// Where every E has conditional expectation at most 1, the mean time to M ≥ A is at
// least A panes without drift (Shin, Ramdas & Rinaldo 2022‡).
func ShiryaevRoberts(logM, logE float64) float64 {
	if logM > 0 {
		return logM + math.Log1p(math.Exp(-logM)) + logE
	}
	return math.Log1p(math.Exp(logM)) + logE
}

// PageE moves ln M by the other rule, M ← max(M, 1)·E: never above ShiryaevRoberts.
func PageE(logM, logE float64) float64 { return max(logM, 0) + logE }
