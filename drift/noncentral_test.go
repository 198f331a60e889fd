package drift

import (
	"math"
	"testing"
)

// TestNoncentralLowerSpotValues checks the reference's figures for the χ² law.
func TestNoncentralLowerSpotValues(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ nu, t, alpha, want, abs float64 }{
		{9, 50, 0.001, 9.96366159, 1e-8},
		{9, 200, 0.01, 132.306941, 1e-6},
		{19, 1000, 0.01, 840.958195, 1e-6},
		{9, 1e4, 0.01, 9532.23598, 1e-5},
	} {
		got := NoncentralLower(tc.nu, math.Inf(1), tc.t, tc.alpha)
		if math.Abs(got-tc.want) > tc.abs {
			t.Errorf("λ_L(ν %g, T %g, α %g) = %.9g, want %.9g", tc.nu, tc.t, tc.alpha, got, tc.want)
		}
		// The closed form used above 10⁴ must meet the sum at 10⁴.
		if tc.t == closedFormFrom {
			above := NoncentralLower(tc.nu, math.Inf(1), math.Nextafter(tc.t, math.Inf(1)), tc.alpha)
			if math.Abs(above/got-1) > 2e-5 {
				t.Errorf("closed form %.6f and sum %.6f differ by more than 2e-5 at T = 10⁴", above, got)
			}
		}
	}
}

func TestNoncentralLowerSolvesItsEquation(t *testing.T) {
	t.Parallel()
	for _, nu := range []float64{0.7, 2.78, 9, 29} {
		for _, eta := range []float64{7, 12, 99, math.Inf(1)} {
			for _, x := range []float64{1, 20, 100, 1000, 9000} {
				for _, alpha := range []float64{0.01, 0.001, 1e-4} {
					l := law{nu, eta}
					got := l.lower(x, alpha)
					switch {
					case got == 0:
						if p := l.sf(x, 0); p < alpha*(1-1e-9) {
							t.Errorf("ν %g η %g T %g α %g: bound 0, but P = %g at λ = 0", nu, eta, x, alpha, p)
						}
					case math.Abs(l.sf(x, got)/alpha-1) > 1e-6:
						t.Errorf("ν %g η %g T %g α %g: P(T ≥ t) at λ_L = %g is %g", nu, eta, x, alpha, got, l.sf(x, got))
					case got >= x-nu:
						t.Errorf("ν %g η %g T %g α %g: λ_L = %g is not below T − ν", nu, eta, x, alpha, got)
					}
				}
			}
		}
	}
}

// TestLawsAgreeWhereTheyMeet: the F law becomes the χ² law, the mixture meets the
// central laws, and the moment match meets the mixture.
func TestLawsAgreeWhereTheyMeet(t *testing.T) {
	t.Parallel()
	for _, lambda := range []float64{0, 0.5, 7, 300} {
		chi, f := law{9, math.Inf(1)}, law{9, 1e7}
		for _, x := range []float64{5, 20, 320} {
			if a, b := chi.sf(x, lambda), f.sf(x, lambda); math.Abs(a-b) > 1e-5 {
				t.Errorf("λ %g, t %g: χ² %g, F with 10⁷ %g", lambda, x, a, b)
			}
			if a, b := chi.sf(x, 1e-12), chi.sf(x, 0); math.Abs(a-b) > 1e-10 {
				t.Errorf("t %g: noncentral at λ → 0 %g, central %g", x, a, b)
			}
		}
	}
	for _, eta := range []float64{12, math.Inf(1)} {
		l := law{5, eta}
		for _, x := range []float64{0.5e4, 0.98e4, 1e4, 1.03e4, 2e4} {
			if a, b := l.sf(x, closedFormFrom), l.matched(x, closedFormFrom); math.Abs(a-b) > 5e-3 {
				t.Errorf("η %g, t %g: mixture %g, moment match %g", eta, x, a, b)
			}
		}
	}
}

// TestNoncentralAgainstASlowSum compares with the mixture summed from j = 0 with a
// fresh incomplete gamma function for every term.
func TestNoncentralAgainstASlowSum(t *testing.T) {
	t.Parallel()
	for _, lambda := range []float64{0.3, 4, 55, 400} {
		for _, x := range []float64{1, 12, 70, 450} {
			want, logw := 0.0, -lambda/2
			for j := 0.0; j < 2000; j++ {
				if j > 0 {
					logw += math.Log(lambda/2) - math.Log(j)
				}
				want += math.Exp(logw) * ChiSquareSF(x, 9+2*j)
			}
			if got := (law{9, math.Inf(1)}).sf(x, lambda); math.Abs(got-want) > 1e-12 {
				t.Errorf("λ %g, t %g: %g, want %g", lambda, x, got, want)
			}
		}
	}
}

func TestDetectableHasItsPower(t *testing.T) {
	t.Parallel()
	for _, l := range []law{{9, math.Inf(1)}, {3.33, 19}} {
		tau := 40.0
		lambda := l.detectable(tau, 0.01, 0.8)
		q := l.upperQuantile(0.01, tau)
		if got := l.sf(q, lambda); math.Abs(got-0.8) > 1e-6 {
			t.Errorf("%+v: power at the detectable effect is %g, want 0.8", l, got)
		}
		if lambda <= tau {
			t.Errorf("%+v: detectable effect %g is not above the threshold %g", l, lambda, tau)
		}
	}
}

func TestKolmogorovBranchesMeet(t *testing.T) {
	t.Parallel()
	// A jump where two formulas meet would show a wrong one. Twice the one-sided tail
	// leaves out that both sides can be exceeded: up to 2e-5 of p at the 2.2 switch.
	for _, tc := range []struct{ n, d float64 }{
		{10, 0.1}, {10, 0.5}, {10, 0.9}, {50, 0.02}, {140, math.Sqrt(4.0 / 140)},
		{200, math.Sqrt(2.2 / 200)}, {1000, math.Pow(1.4/1000, 1/1.5)}, {20000, math.Sqrt(2.2 / 20000)},
		{1e8, math.Sqrt(2.2 / 1e8)},
	} {
		below, above := KolmogorovSF(tc.n, tc.d*(1-1e-12)), KolmogorovSF(tc.n, tc.d*(1+1e-12))
		if math.Abs(below-above) > 3e-5*below {
			t.Errorf("N = %g: %.15g below and %.15g above d = %g", tc.n, below, above, tc.d)
		}
	}
	if p, q := KolmogorovSF(141, 0.1), KolmogorovSF(140, 0.1); !(p < q && p > 0.9*q) {
		t.Errorf("N = 141 gives %g, N = 140 gives %g", p, q)
	}
	for _, tc := range []struct{ n, d, want float64 }{{0, 0.5, 1}, {5, 0, 1}, {5, 1, 0}, {5, 0.1, 1}, {1, 0.75, 0.5}, {2, 0.5, 0.5}} {
		if got := KolmogorovSF(tc.n, tc.d); math.Abs(got-tc.want) > 1e-14 {
			t.Errorf("N = %g, d = %g: %g, want %g", tc.n, tc.d, got, tc.want)
		}
	}
}

// TestKSExactClosedForm compares with the alternating sum for equal sizes.
func TestKSExactClosedForm(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 4, 9, 30} {
		for h := 1; h <= n; h++ {
			want, sign := 0.0, 1.0
			for k := 1; k*h <= n; k++ {
				lc := func(m, k float64) float64 {
					a, _ := math.Lgamma(m + 1)
					b, _ := math.Lgamma(k + 1)
					c, _ := math.Lgamma(m - k + 1)
					return a - b - c
				}
				want += sign * math.Exp(lc(float64(2*n), float64(n-k*h))-lc(float64(2*n), float64(n)))
				sign = -sign
			}
			got, ok := KSExactP(n, n, float64(h)/float64(n))
			if !ok || math.Abs(got-2*want) > 1e-11 {
				t.Errorf("n = m = %d, h = %d: %g, want %g", n, h, got, 2*want)
			}
		}
	}
	if _, ok := KSExactP(1_000_000, 1_000_000, 0.1); ok {
		t.Error("an exact p for 10¹² lattice points")
	}
}
