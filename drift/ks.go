package drift

import (
	"math"

	"github.com/driftline/driftline/sketches"
)

// KS is the two-sample Kolmogorov–Smirnov statistic of raw samples.
type KS struct {
	D    float64 // max |F − G|, range [0, 1]
	At   float64 // pooled value where the signed maximum sits
	Sign int     // +1 where F − G attains D, −1 where only G − F does
}

// KSSamples returns D = max over pooled values of |F − G|, both cdfs right-continuous,
// evaluated at distinct pooled values only, so ties need no special step. D is counted
// in integers with one division at the end. Sign and place go by the float64
// differences of shares, as in the libraries people compare with, so that where both
// signs reach D the last bit decides: of several places the first reference value
// counts, then the first window value.
func KSSamples(ref, cur Sample) KS {
	n, m := int64(len(ref)), int64(len(cur))
	diff := func(i, j int) float64 { return float64(i)/float64(n) - float64(j)/float64(m) }
	var most int64
	var up, down float64
	walk(ref, cur, func(_ float64, i, j int) {
		d := int64(i)*m - int64(j)*n
		most = max(most, d, -d)
		up, down = max(up, diff(i, j)), max(down, -diff(i, j))
	})
	k := KS{Sign: 1, D: float64(most) / (float64(n) * float64(m))}
	want := up
	if down > up {
		k.Sign, want = -1, -down
	}
	found, inRef := false, false
	walk(ref, cur, func(x float64, i, j int) {
		own := i > 0 && ref[i-1] == x
		if diff(i, j) == want && (!found || own && !inRef) {
			k.At, found, inRef = x, true, own
		}
	})
	return k
}

// KSInterval returns the bounds [low, high] of the KS distance of all values in
// cells: low is the largest difference at an edge, high what the values inside the
// cells can add at most [D]. Both are reached by some placement of the values. A
// cell of a single value has no inside. Counted in 128-bit integers; one division.
//
// ref and cur must be counts of the numeric feature f; 0, 0 where a side is empty.
// Totals must stay below 2⁶², which 10⁸ records a second reach after 1 400 years.
func KSInterval(f *sketches.FeatureGrid, ref, cur *sketches.FeatureCounts) (low, high float64) {
	n, m := ref.Total(), cur.Total()
	if n == 0 || m == 0 || f.Kind != sketches.Numeric {
		return 0, 0
	}
	if n < 1<<31 && m < 1<<31 { // 62-bit products: plain integers do
		lo, hi := ksSmall(f, ref.Cells, cur.Cells, int64(n), int64(m))
		nm := float64(n) * float64(m)
		return float64(lo) / nm, float64(hi) / nm
	}
	var edge, inside sketches.Int128
	var c, g uint64 // cumulative counts before the cell
	diff := func(c, g uint64) sketches.Int128 {
		x, _ := sketches.MulUint(c, m)
		y, _ := sketches.MulUint(g, n)
		d, _ := x.Sub(y)
		return d
	}
	raise := func(to *sketches.Int128, d sketches.Int128) {
		if d.Cmp(*to) > 0 {
			*to = d
		}
	}
	for i, a := range ref.Cells {
		b := cur.Cells[i]
		if !f.SingleValue(i) && a > 0 && b > 0 {
			raise(&inside, diff(c+a, g))
			d := diff(c, g+b)
			neg, _ := sketches.Int128{}.Sub(d)
			raise(&inside, neg)
		}
		c, g = c+a, g+b
		d := diff(c, g)
		neg, _ := sketches.Int128{}.Sub(d)
		raise(&edge, d)
		raise(&edge, neg)
	}
	raise(&inside, edge)
	nm, _ := sketches.MulUint(n, m)
	return edge.Float64() / nm.Float64(), inside.Float64() / nm.Float64()
}

func ksSmall(f *sketches.FeatureGrid, ref, cur []uint64, n, m int64) (edge, inside int64) {
	var c, g int64 // cumulative counts, already times m and n
	for i, x := range ref {
		a, b := int64(x)*m, int64(cur[i])*n
		if a > 0 && b > 0 && !f.SingleValue(i) {
			inside = max(inside, c+a-g, g+b-c)
		}
		c, g = c+a, g+b
		edge = max(edge, c-g, g-c)
	}
	return edge, max(edge, inside)
}

// KSLimitP returns the limit law's p: 2 Σ_{k≥1} (−1)^{k−1} e^{−2k²z²} at
// z = sqrt(nm/(n+m))·D. For display.
func KSLimitP(n, m, d float64) float64 {
	z := math.Sqrt(n*m/(n+m)) * d
	if z <= 0 {
		return 1
	}
	if z < 1 { // the same function in its form for small z
		q, sum := math.Pi*math.Pi/(8*z*z), 0.0
		for k := 1.0; k < 40; k += 2 {
			sum += math.Exp(-k * k * q)
		}
		return min(1, max(0, 1-math.Sqrt(2*math.Pi)/z*sum))
	}
	sum, sign := 0.0, 1.0
	for k := 1.0; k < 40; k++ {
		sum += sign * math.Exp(-2*k*k*z*z)
		sign = -sign
	}
	return min(1, max(0, 2*sum))
}

// KSAsymptoticP returns the survival function at D of the finite-N one-sample law
// with N = round-half-even(nm/(n+m)), clipped to [0, 1]; 1 for N = 0. For display.
func KSAsymptoticP(n, m, d float64) float64 {
	return KolmogorovSF(math.RoundToEven(n*m/(n+m)), d)
}

// maxExactCells bounds the lattice of KSExactP: 10⁸ steps take about half a second.
const maxExactCells = 100_000_000

// KSExactP returns P(D' ≥ D) over all interleavings of n and m values without ties,
// so it is conservative where there are ties. D is snapped to h/lcm(n, m) first. ok
// is false where n·m is above 10⁸: use KSAsymptoticP. After Hodges 1958†: the walk
//
//	u(i, j) = 1 if |i·l/n − j·l/m| ≥ h, else (i·u(i−1, j) + j·u(i, j−1))/(i + j)
//
// adds positive terms only, so it keeps full relative accuracy.
func KSExactP(n, m int, d float64) (p float64, ok bool) {
	if n < 1 || m < 1 || n > maxExactCells/m || math.IsNaN(d) {
		return math.NaN(), false
	}
	g := gcd(n, m)
	a, b := m/g, n/g // l/n and l/m
	h := int(math.RoundToEven(d * float64(n) / float64(g) * float64(m)))
	if h <= 0 {
		return 1, true
	}
	u := make([]float64, m+1)
	for i := 0; i <= n; i++ {
		for j := 0; j <= m; j++ {
			dist := i*a - j*b
			switch {
			case dist >= h || -dist >= h:
				u[j] = 1
			case i == 0 && j == 0:
				u[j] = 0
			default:
				s := 0.0
				if i > 0 {
					s = float64(float64(i) * u[j])
				}
				if j > 0 {
					s += float64(float64(j) * u[j-1])
				}
				u[j] = s / float64(i+j)
			}
		}
	}
	return u[m], true
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
