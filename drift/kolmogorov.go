package drift

import "math"

// KolmogorovSF returns P(D_N ≥ d) of the two-sided one-sample Kolmogorov statistic
// of N independent values. N is a whole number; N < 1 gives 1.
//
// Which formula is used where follows Simard & L'Ecuyer 2011†: closed forms at both
// ends, the sum for the upper tail, the Durbin matrix of Marsaglia, Tsang & Wang
// 2003†, and the expansion of Pelz & Good 1976† for large N. Relative error
// against independent values of the same branches below 1e-9; against the exact law
// up to 2e-5 just above y = N·d² = 2.2, where twice the one-sided tail begins.
func KolmogorovSF(n, d float64) float64 {
	t := n * d
	y := t * d
	switch {
	case math.IsNaN(n) || math.IsNaN(d):
		return math.NaN()
	case n < 1:
		return 1
	case d >= 1:
		return 0
	case d <= 0 || t <= 0.5:
		return 1
	case t <= 1: // 1 − N!/N^N·(2t−1)^N
		lg, _ := math.Lgamma(n + 1)
		return clip01(-math.Expm1(lg - n*math.Log(n) + n*math.Log(2*t-1)))
	case t >= n-1:
		return clip01(2 * math.Pow(1-d, n))
	case d >= 0.5:
		return clip01(2 * upperTail(n, d))
	case n <= 140 && y <= 4:
		return clip01(1 - durbin(int(n), t))
	case n <= 140:
		return clip01(2 * upperTail(n, d))
	case y >= 370:
		return 0
	case y >= 2.2:
		return clip01(2 * upperTail(n, d))
	case n <= 1e5 && n*math.Pow(d, 1.5) <= 1.4:
		return clip01(1 - durbin(int(n), t))
	}
	return clip01(1 - pelzGood(n, d))
}

func clip01(p float64) float64 { return min(1, max(0, p)) }

// tailNodes is the most terms upperTail adds; beyond, it takes every s-th one and
// multiplies by s. The terms are smooth in j and vanish with all derivatives at both
// ends, so such a sum differs from the full one by less than rounding.
const tailNodes = 1 << 20

// upperTail returns S(N, D) = D·Σ_{j=0}^{⌊N(1−D)⌋} C(N,j)(D + j/N)^{j−1}(1 − D − j/N)^{N−j},
// the one-sided tail, by binomial terms in Loader's form, which keeps its accuracy at
// any N.
func upperTail(n, d float64) float64 {
	t := n * d
	last := math.Floor(n * (1 - d))
	stride := math.Ceil(n / tailNodes)
	term := func(j float64) float64 {
		return binomialTerm(j, n, t+j, n-t-j) * n / (t + j)
	}
	sum := math.Pow(1-d, n) / d // j = 0
	if stride > 1 {
		sum /= stride // it stands for itself only
	}
	for j := stride; j <= last; j += stride {
		sum += term(j)
	}
	return d * stride * sum
}

// binomialTerm returns C(n, x)·p^x·q^{n−x} for 0 < x < n with np = n·p and nq = n·q
// given, so that neither is rounded through p.
func binomialTerm(x, n, np, nq float64) float64 {
	if nq <= 0 {
		return 0
	}
	if x >= n {
		return math.Pow(np/n, n)
	}
	e := stirlingError(n) - stirlingError(x) - stirlingError(n-x) - deviance(x, np) - deviance(n-x, nq)
	return math.Exp(e) * math.Sqrt(n/(2*math.Pi*x*(n-x)))
}

// stirlingError returns ln n! − ln(√(2πn)·(n/e)^n) for whole n ≥ 1.
func stirlingError(n float64) float64 {
	if n <= 15 {
		lg, _ := math.Lgamma(n + 1)
		return lg - (n+0.5)*math.Log(n) + n - 0.5*math.Log(2*math.Pi)
	}
	n2 := n * n
	return (1.0/12 - (1.0/360-(1.0/1260-(1.0/1680-1.0/1188/n2)/n2)/n2)/n2) / n
}

// deviance returns x·ln(x/mu) + mu − x without cancellation where x is near mu.
func deviance(x, mu float64) float64 {
	if math.Abs(x-mu) >= 0.1*(x+mu) {
		return x*math.Log(x/mu) + mu - x
	}
	v := (x - mu) / (x + mu)
	s := (x - mu) * v
	e := 2 * x * v
	v *= v
	for k := 3.0; ; k += 2 {
		e *= v
		next := s + e/k
		if next == s {
			return s
		}
		s = next
	}
}

// durbin returns the cdf N!/N^N·(H^N)_{κκ} with the matrix H of size 2κ−1, κ = ⌈t⌉.
func durbin(n int, t float64) float64 {
	k := int(math.Ceil(t))
	eta := float64(k) - t
	m := 2*k - 1
	h := make([]float64, m*m)
	fact := make([]float64, m+2) // 1/i!
	fact[0] = 1
	for i := 1; i < len(fact); i++ {
		fact[i] = fact[i-1] / float64(i)
	}
	for i := range m {
		for j := range m {
			if i-j+1 >= 0 {
				h[i*m+j] = fact[i-j+1]
			}
		}
	}
	for i := range m {
		h[i*m] -= math.Pow(eta, float64(i+1)) * fact[i+1]
		h[(m-1)*m+i] -= math.Pow(eta, float64(m-i)) * fact[m-i]
	}
	if 2*eta > 1 {
		h[(m-1)*m] += math.Pow(2*eta-1, float64(m)) * fact[m]
	}
	p, exp := matrixPower(h, m, n)
	// N!/N^N one factor at a time, with the exponent kept apart.
	v := p[(k-1)*m+k-1]
	for i := 1; i <= n; i++ {
		v *= float64(i) / float64(n)
		if v < 1e-140 {
			v *= 0x1p500
			exp -= 500
		}
	}
	return math.Ldexp(v, exp)
}

// matrixPower returns h^n of an m×m matrix as p·2^exp.
func matrixPower(h []float64, m, n int) (p []float64, exp int) {
	base, bexp := append([]float64(nil), h...), 0
	p = make([]float64, m*m)
	for i := range m {
		p[i*m+i] = 1
	}
	tmp := make([]float64, m*m)
	mid := (m / 2) * (m + 1)
	rescale := func(a []float64, e *int) {
		if a[mid] > 0x1p400 {
			for i := range a {
				a[i] *= 0x1p-400
			}
			*e += 400
		}
	}
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			multiply(tmp, p, base, m)
			p, tmp = tmp, p
			exp += bexp
			rescale(p, &exp)
		}
		if n > 1 {
			multiply(tmp, base, base, m)
			base, tmp = tmp, base
			bexp *= 2
			rescale(base, &bexp)
		}
	}
	return p, exp
}

func multiply(dst, a, b []float64, m int) {
	clear(dst)
	for i := range m {
		row := dst[i*m : i*m+m]
		for k := range m {
			f := a[i*m+k]
			if f == 0 {
				continue
			}
			for j, x := range b[k*m : k*m+m] {
				row[j] += float64(f * x)
			}
		}
	}
}

// pelzGood returns the cdf by the expansion K0 + K1/√N + K2/N + K3/N^{3/2}.
func pelzGood(n, d float64) float64 {
	root := math.Sqrt(n)
	z := root * d
	z2, z4, z6 := z*z, z*z*z*z, z*z*z*z*z*z
	const pi2 = math.Pi * math.Pi
	const pi4, pi6 = pi2 * pi2, pi2 * pi2 * pi2
	var s0, s1, s2, s3, r2, r3 float64
	for mu := 1.0; mu < 200; mu += 2 {
		q := math.Exp(-pi2 * mu * mu / (8 * z2))
		if q == 0 {
			break
		}
		u := mu * mu / 4
		s0 += q
		s1 += (-z2 + pi2*u) * q
		s2 += (6*z6 + 2*z4 + (2*z4-5*z2)*pi2*u + (1-2*z2)*pi4*u*u) * q
		s3 += (-30*z6 - 90*z6*z2 + (135*z4-96*z6)*pi2*u + (212*z4-60*z2)*pi4*u*u + (5-30*z2)*pi6*u*u*u) * q
	}
	for k := 1.0; k < 100; k++ {
		q := math.Exp(-pi2 * k * k / (2 * z2))
		if q == 0 {
			break
		}
		r2 += k * k * q
		r3 += (3*z2 - pi2*k*k) * k * k * q
	}
	c := math.Sqrt(2 * math.Pi)
	k0 := c / z * s0
	k1 := c / (6 * z4) * s1
	k2 := c/(72*z6*z)*s2 - c*pi2/(36*z2*z)*r2
	k3 := c/(6480*z6*z4)*s3 + c*pi2/(216*z6)*r3
	return k0 + k1/root + k2/n + k3/(n*root)
}
