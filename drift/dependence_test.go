package drift

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/driftline/driftline/sketches"
)

// ar1Blocks simulates J blocks of an AR(1) process with N(0,1) margins and returns
// their sums on the feature's verdict bins.
func ar1Blocks(tb testing.TB, f *sketches.FeatureGrid, ref *sketches.FeatureCounts, seed uint64, phi float64, blocks, length int) *sketches.BlockSums {
	tb.Helper()
	rng := rand.New(rand.NewPCG(seed, 5))
	cellToBin, bins := f.VerdictBins(ref)
	b, err := sketches.NewBlocks(3600_000, []int{bins})
	if err != nil {
		tb.Fatal(err)
	}
	x := rng.NormFloat64()
	for range blocks {
		k := make([]uint64, bins)
		for range length {
			x = phi*x + math.Sqrt(1-phi*phi)*rng.NormFloat64()
			cell, _ := f.Locate(sketches.Number(x))
			k[cellToBin[cell]]++
		}
		if err := b.AddBlock([][]uint64{k}); err != nil {
			tb.Fatal(err)
		}
	}
	return &b.Features[0]
}

// TestDesignEffectOfAR1 compares with the values of a numerical integration for
// decile bins: d1 1.281, 4.168 and a² 0.219, 1.705.
func TestDesignEffectOfAR1(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 5))
	f, ref, cur := onGrid(t, normals(rng, 20000, 0, 1), normals(rng, 2000, 0, 1))
	for _, tc := range []struct{ phi, d1, a2 float64 }{{0, 1, 0}, {0.5, 1.281, 0.219}, {0.9, 4.168, 1.705}} {
		dep, err := FromReferenceBlocks(ar1Blocks(t, f, ref, 17, tc.phi, 400, 1000))
		if err != nil {
			t.Fatal(err)
		}
		r := Judge(f, ref, cur, dep, DefaultSettings())
		if math.Abs(r.DesignEffect/tc.d1-1) > 0.1 || math.Abs(r.A2-tc.a2) > 0.25 {
			t.Errorf("φ %g: d1 = %.3f, a² = %.3f; want %.3f ± 10 %%, %.3f ± 0.25 (seed 17)", tc.phi, r.DesignEffect, r.A2, tc.d1, tc.a2)
		}
		if want := 2000 / (r.DesignEffect * (1 + r.A2)); math.Abs(r.NEff-want) > 1e-9*want {
			t.Errorf("φ %g: n_eff = %g, want %g", tc.phi, r.NEff, want)
		}
	}
}

// TestCovarianceIsTheDefinition compares the integer sums with residuals taken one
// block at a time.
func TestCovarianceIsTheDefinition(t *testing.T) {
	t.Parallel()
	blocks := [][]uint64{{10, 20, 30}, {14, 22, 24}, {3, 40, 10}, {12, 12, 60}}
	b, err := sketches.NewBlocks(1000, []int{3})
	if err != nil {
		t.Fatal(err)
	}
	var total [3]float64
	all := 0.0
	for _, k := range blocks {
		if err := b.AddBlock([][]uint64{k}); err != nil {
			t.Fatal(err)
		}
		for i, x := range k {
			total[i] += float64(x)
			all += float64(x)
		}
	}
	d, err := FromReferenceBlocks(&b.Features[0])
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		for j := range 3 {
			want := 0.0
			for _, k := range blocks {
				n := float64(k[0] + k[1] + k[2])
				want += (float64(k[i]) - n*total[i]/all) * (float64(k[j]) - n*total[j]/all)
			}
			want *= 4.0 / 3 / all
			if got := d.s[3*i+j]; math.Abs(got-want) > 1e-12*math.Abs(want) {
				t.Errorf("S[%d][%d] = %.15g, want %.15g", i, j, got, want)
			}
		}
	}
	if _, err := FromReferenceBlocks(&sketches.BlockSums{}); err == nil {
		t.Error("a covariance from no blocks")
	}
}

// TestLiveWindowsGiveTheBlockLinesBack: with V = ω·S the live formulas must be those
// of reference blocks. A live covariance that equals the multinomial one is that case.
func TestLiveWindowsGiveTheBlockLinesBack(t *testing.T) {
	t.Parallel()
	r := []float64{0.5, 0.3, 0.2}
	multinomial := make([]float64, 9)
	for i := range 3 {
		for j := range 3 {
			multinomial[3*i+j] = -r[i] * r[j]
		}
		multinomial[4*i] += r[i]
	}
	d := Dependence{kind: FromLive, j: 100, bins: 3, p: r, s: multinomial}
	e := d.effectOn(r, []int{0, 1, 2}, 1000, 500)
	if math.Abs(e.d1-1) > 1e-12 || e.a2 > 1e-9 || math.Abs(e.nu-2) > 1e-8 || math.Abs(e.scale-0.003) > 1e-12 || e.eta != freedom*99 {
		t.Errorf("effect of independent live windows: %+v", e)
	}
	d.kind = FromBlocks
	if g := d.effectOn(r, []int{0, 1, 2}, 1000, 500); math.Abs(g.t1-e.t1) > 1e-15 || math.Abs(g.scale-e.scale) > 1e-12 {
		t.Errorf("blocks %+v, live %+v", g, e)
	}
	// Merged bins: rows and columns are summed.
	if g := d.effectOn([]float64{0.5, 0.5}, []int{0, 1, 1}, 1000, 500); math.Abs(g.d1-1) > 1e-12 || math.Abs(g.nu-1) > 1e-9 {
		t.Errorf("merged bins: %+v", g)
	}
}

// TestDependentStreamsDoNotCryWolf: without drift, on an AR(1) stream with φ = 0.9,
// the law for independent records sees an effect in more than half of all windows,
// the one with reference blocks in a few per hundred at most (nominal 1 %).
func TestDependentStreamsDoNotCryWolf(t *testing.T) {
	t.Parallel()
	const seed, runs, phi, blocks, length = 77, 100, 0.9, 20, 500
	rng := rand.New(rand.NewPCG(seed, 90))
	stream := func(n int) []float64 {
		x, v := make([]float64, n), rng.NormFloat64()
		for i := range x {
			v = phi*v + math.Sqrt(1-phi*phi)*rng.NormFloat64()
			x[i] = v
		}
		return x
	}
	s := DefaultSettings()
	s.Full = true
	naive, calibrated := 0, 0
	for range runs {
		values := stream(blocks * length)
		f, ref, cur := onGrid(t, values, stream(length))
		cellToBin, bins := f.VerdictBins(ref)
		sums, err := sketches.NewBlocks(1000, []int{bins})
		if err != nil {
			t.Fatal(err)
		}
		for j := range blocks {
			k := make([]uint64, bins)
			for _, x := range values[j*length : (j+1)*length] {
				cell, _ := f.Locate(sketches.Number(x))
				k[cellToBin[cell]]++
			}
			if err := sums.AddBlock([][]uint64{k}); err != nil {
				t.Fatal(err)
			}
		}
		dep, err := FromReferenceBlocks(&sums.Features[0])
		if err != nil {
			t.Fatal(err)
		}
		if Judge(f, ref, cur, Independent(), s).PSILower > 0 {
			naive++
		}
		if Judge(f, ref, cur, dep, s).PSILower > 0 {
			calibrated++
		}
	}
	if naive < runs/2 || calibrated > runs/20 {
		t.Errorf("effects seen in %d of %d windows without drift (independent: %d), want at most %d (seed %d)", calibrated, runs, naive, runs/20, seed)
	}
}

// Live windows on both sides are what blocks of the reference are, but for their name.
func TestOnBothSides_IsTheLawOfBlocks(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 5))
	f, ref, cur := onGrid(t, normals(rng, 3000, 0, 1), normals(rng, 900, 0.3, 1))
	sums := ar1Blocks(t, f, ref, 21, 0.8, 30, 500)
	blocks, err := FromReferenceBlocks(sums)
	if err != nil {
		t.Fatal(err)
	}
	live := FromLiveWindows(sums)
	want := Judge(f, ref, cur, blocks, DefaultSettings())
	for _, dep := range []Dependence{live.OnBothSides(), live.Borrowed().OnBothSides()} {
		got := Judge(f, ref, cur, dep, DefaultSettings())
		if got.DesignEffect != want.DesignEffect || got.A2 != want.A2 || got.PSILower != want.PSILower || got.Verdict != want.Verdict {
			t.Errorf("%s on both sides: d1 %g, a² %g, lower %g; blocks give %g, %g, %g", dep.Kind(), got.DesignEffect, got.A2, got.PSILower, want.DesignEffect, want.A2, want.PSILower)
		}
	}
	if one := Judge(f, ref, cur, live, DefaultSettings()); !(one.DesignEffect < want.DesignEffect) {
		t.Errorf("one side: d1 %g, want below both sides' %g", one.DesignEffect, want.DesignEffect)
	}
	if d := Independent().OnBothSides(); d.both {
		t.Error("independent records are independent on both sides already")
	}
}
