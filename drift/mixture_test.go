package drift

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

// A mixture against the definition in exact fractions: shares within 1/n, cdfs within
// ½/n, and 1/n the reference's part of ω to within the rounding of n.
func TestMixture_IsTheDefinition(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(31, 8))
	for run := range 2000 {
		cells := 1 + rng.IntN(40)
		parts := make([]Part, 1+rng.IntN(30))
		m, held := new(big.Int), 0
		for u := range parts {
			if rng.IntN(4) > 0 {
				parts[u].M = uint64(1 + rng.IntN(2000))
				held++
			}
			m.Add(m, new(big.Int).SetUint64(parts[u].M))
			parts[u].Ref = make([]uint64, cells)
			for i := range parts[u].Ref {
				if rng.IntN(3) > 0 {
					parts[u].Ref[i] = uint64(rng.IntN(1000))
				}
			}
			parts[u].Ref[rng.IntN(cells)]++
		}
		if held == 0 {
			continue
		}
		shares, omega := exactMixture(parts, cells, m)
		got, ok := Mixture(parts, cells)
		if !ok {
			t.Fatalf("run %d: no mixture of seasons that all have a reference", run)
		}
		n := uint64(0)
		for _, a := range got {
			n += a
		}
		if want := 1 / omega; math.Abs(float64(n)-want) > 0.5+1e-9*want {
			t.Fatalf("run %d: %d values, want %g", run, n, want)
		}
		cdf, cur := 0.0, 0.0
		for i, a := range got {
			cdf, cur = cdf+shares[i], cur+float64(a)/float64(n)
			if d := math.Abs(float64(a)/float64(n) - shares[i]); d > 1/float64(n)+1e-12 {
				t.Fatalf("run %d, cell %d: share %g, want %g, n = %d", run, i, float64(a)/float64(n), shares[i], n)
			}
			if math.Abs(cur-cdf) > 0.5/float64(n)+1e-9 {
				t.Fatalf("run %d, cell %d: cdf %g, want %g, n = %d", run, i, cur, cdf, n)
			}
		}
	}
}

// exactMixture returns r_i and Σ_u (m_u/m)²/n_u from fractions of whole numbers.
func exactMixture(parts []Part, cells int, m *big.Int) (shares []float64, omega float64) {
	r, w := make([]*big.Rat, cells), new(big.Rat)
	for i := range r {
		r[i] = new(big.Rat)
	}
	for _, p := range parts {
		n := int64(0)
		for _, a := range p.Ref {
			n += int64(a)
		}
		if p.M == 0 {
			continue
		}
		x := new(big.Rat).SetFrac(new(big.Int).SetUint64(p.M), m)
		for i, a := range p.Ref {
			y := new(big.Rat).SetFrac64(int64(a), n)
			r[i].Add(r[i], y.Mul(y, x))
		}
		y := new(big.Rat).Mul(x, x)
		w.Add(w, y.Mul(y, new(big.Rat).SetFrac64(1, n)))
	}
	for _, x := range r {
		f, _ := x.Float64()
		shares = append(shares, f)
	}
	omega, _ = w.Float64()
	return shares, omega
}

func TestMixture_Edges(t *testing.T) {
	t.Parallel()
	a, b := []uint64{3, 0, 5}, []uint64{0, 9, 1}
	tests := []struct {
		name  string
		parts []Part
		want  []uint64
		ok    bool
	}{
		{"nothing", nil, []uint64{0, 0, 0}, false},
		{"one season is its own counts", []Part{{7, a}}, a, true},
		{"a season without values of the window has no weight", []Part{{0, b}, {7, a}}, a, true},
		{"values of the window in a season without a reference", []Part{{1, nil}, {7, a}}, []uint64{0, 0, 0}, false},
		{"a season without reference that the window does not have", []Part{{0, nil}, {7, a}}, a, true},
		{"an empty window: all weigh the same", []Part{{0, a}, {0, a}}, []uint64{6, 0, 10}, true},
		{"two alike of equal weight add up", []Part{{4, a}, {4, a}}, []uint64{6, 0, 10}, true},
		// of 8 and 10 values, half each: n = 1/(¼/8 + ¼/10) = 17.8
		{"two of equal weight", []Part{{5, a}, {5, b}}, []uint64{3, 8, 7}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := Mixture(tt.parts, 3)
			if !slices.Equal(got, tt.want) || ok != tt.ok {
				t.Errorf("Mixture = %v, %v; want %v, %v", got, ok, tt.want, tt.ok)
			}
		})
	}
}

// A window drawn by season from the seasons of its reference is not drifted against their
// mixture, however it lies; against all seasons as they come it is. The rate is that of the
// level asked for.
func TestMixture_ASeasonIsNoDrift(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(32, 8))
	f, _, _ := onGrid(t, normals(rng, 4000, 0, 2), normals(rng, 10, 0, 1))
	g := gridOf(t, f)
	pool := countOn(g, normals(rng, 4000, 0, 2))
	s := DefaultSettings()
	mixedFires, pooledFires, runs := 0, 0, 300
	for range runs {
		var parts []Part
		window, all := countOn(g, nil), countOn(g, nil)
		for u, m := range []int{300, 150, 50} {
			mean := 2 * float64(u-1)
			season, cur := countOn(g, normals(rng, 1200, mean, 1)), countOn(g, normals(rng, m, mean, 1))
			parts = append(parts, Part{cur.Total(), season.Cells})
			for i := range cur.Cells {
				window.Cells[i] += cur.Cells[i]
				all.Cells[i] += season.Cells[i]
			}
		}
		ref := countOn(g, nil)
		var ok bool
		if ref.Cells, ok = Mixture(parts, f.Cells()); !ok {
			t.Fatal("no mixture")
		}
		if r := NewJudgerOn(f, pool, ref, Independent(), s, new(Scratch)).Judge(window); r.PSI > NewPSINull(r.Bins, float64(r.N), float64(r.M)).Threshold(0.01) {
			mixedFires++
		}
		if r := NewJudgerOn(f, pool, all, Independent(), s, new(Scratch)).Judge(window); r.PSI > NewPSINull(r.Bins, float64(r.N), float64(r.M)).Threshold(0.01) {
			pooledFires++
		}
	}
	t.Logf("seed 32/8: %d of %d above the 1 %% threshold against the mixture, %d against the pool", mixedFires, runs, pooledFires)
	if mixedFires > 9 { // 3 expected; the mixture's variance is smaller than that of n records
		t.Errorf("%d of %d windows without drift above the 1 %% threshold", mixedFires, runs)
	}
	if pooledFires < runs*9/10 {
		t.Errorf("only %d of %d differ from the pool: the seasons are too alike for the test to tell", pooledFires, runs)
	}
}

func ExampleMixture() {
	night, day := []uint64{90, 10}, []uint64{20, 80}
	mixed, _ := Mixture([]Part{{M: 30, Ref: night}, {M: 10, Ref: day}}, 2)
	fmt.Println(mixed)
	// Output: [116 44]
}
