package drift

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// law is the law of T2 = PSI/scale: noncentral χ²_ν(λ) for eta = +Inf, else ν times
// the noncentral F_{ν,η}(λ), which allows for a covariance estimated from η + 1
// blocks.
type law struct{ nu, eta float64 }

// closedFormFrom: above this T the χ² lower bound comes from a closed form, and above
// this λ the mixture is replaced by a law with its first two moments.
const closedFormFrom = 1e4

// sf returns P(T2 ≥ t) at noncentrality lambda, as the Poisson mixture
//
//	1 − Σ_j e^{−λ/2}(λ/2)^j/j! · P(ν/2 + j)
//
// summed outwards from j = ⌊λ/2⌋. P is the incomplete gamma (at t/2) or beta (at
// t/(t+η)) function, stepped by its recurrence. For large λ on the F side the
// mixture is replaced by the central F with matched first two moments (Patnaik†).
func (l law) sf(t, lambda float64) float64 {
	switch {
	case t <= 0:
		return 1
	case lambda <= 0:
		return l.central(l.nu, t)
	case lambda > closedFormFrom:
		return l.matched(t, lambda)
	}
	half := lambda / 2
	j0 := math.Floor(half)
	lg, _ := math.Lgamma(j0 + 1)
	w0 := math.Exp(j0*math.Log(half) - half - lg)
	p0, d0 := l.cdfAndStep(l.nu/2+j0, t)

	sum := float64(w0 * p0)
	const negligible = 1e-17
	// Upwards: P(s+1) = P(s) − d(s).
	w, p, d := w0, p0, d0
	for j := j0; ; j++ {
		p = max(0, p-d)
		d *= l.stepRatio(l.nu/2+j, t)
		w *= half / (j + 1)
		add := float64(w * p)
		sum += add
		if add <= negligible*sum {
			break
		}
	}
	// Downwards: P(s−1) = P(s) + d(s−1).
	w, p, d = w0, p0, d0
	for j := j0; j > 0; j-- {
		d /= l.stepRatio(l.nu/2+j-1, t)
		p = min(1, p+d)
		w *= j / half
		add := float64(w * p)
		sum += add
		if add <= negligible*sum {
			break
		}
	}
	return clip01(1 - sum)
}

// central returns the central law's P(T2 ≥ t) with nu degrees of freedom.
func (l law) central(nu, t float64) float64 {
	if math.IsInf(l.eta, 1) {
		return ChiSquareSF(t, nu)
	}
	return mathext.RegIncBeta(l.eta/2, nu/2, l.eta/(t+l.eta))
}

// matched replaces the noncentral χ² by c·χ²_f of equal mean and variance.
func (l law) matched(t, lambda float64) float64 {
	c := (l.nu + 2*lambda) / (l.nu + lambda)
	f := (l.nu + lambda) / c
	if math.IsInf(l.eta, 1) {
		return ChiSquareSF(t/c, f)
	}
	return l.central(f, t/c)
}

// cdfAndStep returns P(s) and P(s) − P(s+1) at t.
func (l law) cdfAndStep(s, t float64) (p, d float64) {
	if math.IsInf(l.eta, 1) {
		x := t / 2
		lg, _ := math.Lgamma(s + 1)
		return mathext.GammaIncReg(s, x), math.Exp(s*math.Log(x) - x - lg)
	}
	x, b := t/(t+l.eta), l.eta/2
	ls, _ := math.Lgamma(s + b)
	l1, _ := math.Lgamma(s + 1)
	lb, _ := math.Lgamma(b)
	return mathext.RegIncBeta(s, b, x), math.Exp(s*math.Log(x) + b*math.Log1p(-x) + ls - l1 - lb)
}

// stepRatio returns d(s+1)/d(s).
func (l law) stepRatio(s, t float64) float64 {
	if math.IsInf(l.eta, 1) {
		return t / 2 / (s + 1)
	}
	return t / (t + l.eta) * (s + l.eta/2) / (s + 1)
}

// lower returns λ_L, the noncentrality that makes a T2 of t or more as rare as
// alpha; 0 where that holds at 0 already. L = λ_L·scale is a one-sided (1 − alpha)
// lower confidence bound.
func (l law) lower(t, alpha float64) float64 {
	if !(t > 0) || l.sf(t, 0) > alpha {
		return 0
	}
	if math.IsInf(l.eta, 1) && t > closedFormFrom {
		// √χ'²_ν(λ) ≈ √λ + Z + (ν−1)/(2√λ) with Z standard normal [D], so √λ_L solves
		// s² − (√t − z)s + (ν−1)/2 = 0. Relative error below 2e-5 from here on, against
		// 4e-4 of the expansion in t − ν, whose error is also on the unsafe side.
		r := math.Sqrt(t) - mathext.NormalQuantile(1-alpha)
		s := (r + math.Sqrt(max(0, r*r-2*(l.nu-1)))) / 2
		return s * s
	}
	// sf rises with λ, and λ_L < t − ν for alpha ≤ 0.3 [D]; the F law needs no more.
	return decreasingRoot(0, max(t, 1), func(lambda float64) float64 { return alpha - l.sf(t, lambda) })
}

// upperQuantile returns t with P(T2 ≥ t) = alpha at noncentrality lambda.
func (l law) upperQuantile(alpha, lambda float64) float64 {
	hi := l.nu + lambda + 10
	for l.sf(hi, lambda) > alpha && hi < 1e300 {
		hi *= 2
	}
	return decreasingRoot(0, hi, func(t float64) float64 { return l.sf(t, lambda) - alpha })
}

// detectable returns the noncentrality that is found above tau (in units of scale)
// with the given power.
func (l law) detectable(tau, alpha, power float64) float64 {
	q := l.upperQuantile(alpha, tau)
	hi := max(q, 1)
	for l.sf(q, hi) < power && hi < 1e300 {
		hi *= 2
	}
	return decreasingRoot(0, hi, func(lambda float64) float64 { return power - l.sf(q, lambda) })
}

// NoncentralLower returns λ_L of a statistic t that follows χ'²_ν(λ), or, for a
// finite eta, ν·F_{ν,η}(λ): the largest λ at which P(T ≥ t) ≤ alpha, 0 if there is
// none. PSI_L = λ_L·ω is then a one-sided lower confidence bound of the PSI. For
// eta = +Inf and t above 10⁴ a closed form is used, relative error below 2e-5.
func NoncentralLower(nu, eta, t, alpha float64) float64 {
	return law{nu, eta}.lower(t, alpha)
}
