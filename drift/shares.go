package drift

import (
	"errors"
	"fmt"
	"math"
)

// Errors of the batch functions; test with errors.Is.
var (
	ErrBinMismatch = errors.New("bins of the two sides differ")
	ErrEmpty       = errors.New("no values")
	ErrNonFinite   = errors.New("value is not finite")
	ErrBadCount    = errors.New("bad count")
	ErrBadRule     = errors.New("unknown zero rule")
)

// ZeroRule says what an empty bin does to a PSI, whose logarithm has no answer
// there. All but Jeffreys exist to compare with numbers of other tools.
type ZeroRule string

// Zero rules. n is the side's total, a_i its count in bin i, B the number of bins.
const (
	Jeffreys  ZeroRule = "jeffreys"  // (a_i + ½)/(n + B/2), every bin, both sides: the native rule
	Floor     ZeroRule = "floor"     // max(a_i/n, 1e-4), not renormalised; convention
	Floor01   ZeroRule = "floor01"   // max(a_i/n, 0.01), categories only; convention
	Laplace   ZeroRule = "laplace"   // (a_i + 1)/(n + B)
	Evidently ZeroRule = "evidently" // 0 → m0/1e6 if m0 ≤ 1e-4, else 1e-4; m0 the side's smallest share above 0
	Scouter   ZeroRule = "scouter"   // a_i/n + 1e-10
	Frouros   ZeroRule = "frouros"   // 0 → the smallest normal float64
)

// SmallestNormal is the share that the Frouros rule puts for an empty bin.
const SmallestNormal = 2.2250738585072014e-308

// Shares returns the share of each bin under the rule. Shapes: one count per bin,
// finite and ≥ 0.
//
// Errors: ErrEmpty where the counts sum to 0 (or there are none), ErrBadCount for a
// negative, NaN or infinite count, ErrBadRule.
func Shares(rule ZeroRule, counts []float64) ([]float64, error) {
	n, smallest := 0.0, math.Inf(1)
	for i, a := range counts {
		if !(a >= 0) || math.IsInf(a, 1) {
			return nil, fmt.Errorf("bin %d holds %g: %w", i, a, ErrBadCount)
		}
		n += a
		if a > 0 {
			smallest = min(smallest, a)
		}
	}
	if n == 0 {
		return nil, fmt.Errorf("%d bins: %w", len(counts), ErrEmpty)
	}
	smallest /= n
	b := float64(len(counts))
	shares := make([]float64, len(counts))
	for i, a := range counts {
		p := a / n
		switch rule {
		case Jeffreys:
			p = (a + 0.5) / (n + 0.5*b)
		case Laplace:
			p = (a + 1) / (n + b)
		case Floor:
			p = max(p, 1e-4)
		case Floor01:
			p = max(p, 0.01)
		case Scouter:
			p += 1e-10
		case Evidently:
			if p == 0 {
				p = 1e-4
				if smallest <= 1e-4 {
					p = smallest / 1e6
				}
			}
		case Frouros:
			if p == 0 {
				p = SmallestNormal
			}
		default:
			return nil, fmt.Errorf("%w %q", ErrBadRule, rule)
		}
		shares[i] = p
	}
	return shares, nil
}

// PSI returns the population stability index of cur against ref, in nats:
//
//	PSI = Σ_i (c_i − r_i) · ln(c_i / r_i)      r from ref, c from cur
//
// with shares by the native rule, a pseudo-count of ½ in every bin before
// normalising. Other rules: PSIWith.
//
// Shapes: one count per bin over the same edges, B ≥ 1.
// Range:  [0, +∞); 0 exactly where the smoothed shares agree; symmetric.
// Noise:  without drift, for independent records, about ω·χ²_{B−1} with ω = 1/n +
// 1/m, so mean (B−1)ω: a small window looks drifted (see PSINull).
//
// Errors: ErrBinMismatch, ErrEmpty, ErrBadCount. The thresholds 0.1, 0.2 and 0.25
// in use for it are convention.
func PSI(ref, cur []float64) (float64, error) { return PSIWith(Jeffreys, ref, cur) }

// PSIWith is PSI under a named zero rule; there is no renormalisation after it.
func PSIWith(rule ZeroRule, ref, cur []float64) (float64, error) {
	if len(ref) != len(cur) {
		return 0, fmt.Errorf("%d and %d bins: %w", len(ref), len(cur), ErrBinMismatch)
	}
	r, err := Shares(rule, ref)
	if err != nil {
		return 0, fmt.Errorf("reference: %w", err)
	}
	c, err := Shares(rule, cur)
	if err != nil {
		return 0, fmt.Errorf("window: %w", err)
	}
	psi := 0.0
	for i := range r {
		psi += psiTerm(r[i], c[i])
	}
	return psi, nil
}

// psiTerm is one bin's part of a PSI, ≥ 0.
func psiTerm(r, c float64) float64 { return float64((c - r) * math.Log(c/r)) }

// plainShares divides by the total; nil for a total of 0.
func plainShares(counts []float64) []float64 {
	n := 0.0
	for _, a := range counts {
		n += a
	}
	if n == 0 {
		return nil
	}
	p := make([]float64, len(counts))
	for i, a := range counts {
		p[i] = a / n
	}
	return p
}
