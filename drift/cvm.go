package drift

import "math"

// CvM is the outcome of the two-sample Cramér–von Mises test.
type CvM struct{ Stat, P float64 }

// exactCvM: up to this size of both samples the p-value is enumerated.
const exactCvM = 20

// CramerVonMises returns T and its p-value for samples of two values or more, with
// mid-ranks for ties (Anderson 1962†). Up to 20 values a side p is exact over all
// interleavings; above, the limit law is used (Csörgő & Faraway 1996†), stopped at
// the first term below 1e-7. ok is false for a sample of one value. For display.
func CramerVonMises(ref, cur Sample) (c CvM, ok bool) {
	if len(ref) < 2 || len(cur) < 2 {
		return CvM{P: math.NaN(), Stat: math.NaN()}, false
	}
	n, m := float64(len(ref)), float64(len(cur))
	// Twice the mid-ranks are whole; 4·U is then exact in int64 for 10⁴ values and
	// in float64 up to 2⁵³.
	var sr, sc float64
	pi, pj := 0, 0
	walk(ref, cur, func(_ float64, i, j int) {
		twice := float64(pi + pj + 1 + i + j) // 2 × mean of the pooled ranks
		for k := pi + 1; k <= i; k++ {
			d := twice - 2*float64(k)
			sr += d * d
		}
		for k := pj + 1; k <= j; k++ {
			d := twice - 2*float64(k)
			sc += d * d
		}
		pi, pj = i, j
	})
	u4 := n*sr + m*sc // 4·U
	total := n + m
	t := u4/4/(n*m*total) - (4*n*m-1)/(6*total)
	if max(n, m) <= exactCvM {
		return CvM{Stat: t, P: exactCvMP(len(ref), len(cur), int64(u4))}, true
	}
	e := (1 + 1/total) / 6
	v := (total + 1) * (4*n*m*total - 3*(n*n+m*m) - 2*n*m) / (180 * total * total * n * m)
	x := 1.0/6 + (t-e)/math.Sqrt(45*v)
	if x < 0.003 {
		return CvM{Stat: t, P: 1}, true
	}
	return CvM{Stat: t, P: max(0, 1-cvmLimit(x))}, true
}

// exactCvMP counts the interleavings whose Σ (i·l/n − j·l/m)² over all lattice
// points passed is at least that of 4·U = u4.
func exactCvMP(n, m int, u4 int64) float64 {
	g := gcd(n, m)
	a, b := int64(m/g), int64(n/g)
	l := a * int64(n)
	nm := int64(n * m)
	num := l * l * int64(n+m) * (6*u4 - 4*nm*(4*nm-1))
	den := 24 * nm * nm
	zeta := num / den
	if num%den < 0 {
		zeta--
	}
	rows := make([]map[int64]float64, m+1)
	for i := 0; i <= n; i++ {
		for j := 0; j <= m; j++ {
			d := int64(i)*a - int64(j)*b
			d *= d
			here := map[int64]float64{}
			if i == 0 && j == 0 {
				here[0] = 1
			}
			if i > 0 {
				for s, k := range rows[j] {
					here[s+d] += k
				}
			}
			if j > 0 {
				for s, k := range rows[j-1] {
					here[s+d] += k
				}
			}
			rows[j] = here
		}
	}
	all, extreme := 0.0, 0.0 // whole numbers below 2⁵³: any order adds exactly
	for s, k := range rows[m] {
		all += k
		if s >= zeta {
			extreme += k
		}
	}
	return extreme / all
}

// cvmLimit is the limit law's cdf.
func cvmLimit(x float64) float64 {
	sum := 0.0
	for k := 0.0; k < 1000; k++ {
		y := 4*k + 1
		q := y * y / (16 * x)
		a, _ := math.Lgamma(k + 0.5)
		b, _ := math.Lgamma(k + 1)
		term := math.Exp(a-b) / (math.Pow(math.Pi, 1.5) * math.Sqrt(x)) * math.Sqrt(y) * scaledBesselK(0.25, q)
		sum += term
		if math.Abs(term) < 1e-7 {
			break
		}
	}
	return sum
}

// scaledBesselK returns e^{−s}·K_ν(s) by the trapezoid rule on
// ∫_0^∞ e^{−s(1 + cosh τ)} cosh(ντ) dτ, step 1/32.
func scaledBesselK(nu, s float64) float64 {
	const step = 1.0 / 32
	sum := math.Exp(-2*s) / 2
	for tau := step; ; tau += step {
		term := math.Exp(-s*(1+math.Cosh(tau))) * math.Cosh(nu*tau)
		sum += term
		if term <= 1e-18*sum || term == 0 {
			return sum * step
		}
	}
}
