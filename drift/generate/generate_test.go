package generate

import (
	"fmt"
	"math"
	"testing"
)

func TestMix_IsSplitMix64(t *testing.T) {
	t.Parallel()
	// First output of the generator seeded with 0, as widely published.
	if got := mix(0); got != 0xE220A8397B1DCDAF {
		t.Errorf("mix(0) = %#x", got)
	}
}

func TestUniform_ValuesOfAnotherImplementation(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		seed, stream, i uint64
		want            float64
	}{ // computed in Python with big integers
		{1, 0, 0, 0.6935121390102292},
		{1, 0, 1, 0.4232114481958273},
		{1, 2, 0, 0.9006109088931584},
		{42, 7, 1000000, 0.9945878051453232},
	} {
		if got := New(tt.seed, tt.stream).Uniform(tt.i); got != tt.want {
			t.Errorf("u(%d, %d, %d) = %.17g, want %.17g", tt.seed, tt.stream, tt.i, got, tt.want)
		}
	}
	if largest >= 1 {
		t.Error("the largest draw is 1")
	}
}

func TestUniform_IsUniformWithinAndAcrossStreams(t *testing.T) {
	t.Parallel()
	const n, bins = 100000, 20
	for _, across := range []bool{false, true} {
		var count [bins]float64
		var lag, before float64
		for i := range uint64(n) {
			u := New(3, 1).Uniform(i)
			if across {
				u = New(3, i).Uniform(0)
			}
			count[int(u*bins)]++
			lag += (u - 0.5) * (before - 0.5)
			before = u
		}
		chi2 := 0.0
		for _, c := range count {
			chi2 += (c - n/bins) * (c - n/bins) / (n / bins)
		}
		if chi2 > 43.8 { // 99.9 % of χ² with 19 degrees of freedom
			t.Errorf("across %v: χ² = %.1f over %d bins", across, chi2, bins)
		}
		if r := 12 * lag / n; math.Abs(r) > 4/math.Sqrt(n) {
			t.Errorf("across %v: correlation of neighbours %.4f", across, r)
		}
	}
}

func TestShape_MeanSpreadAndRange(t *testing.T) {
	t.Parallel()
	s := New(5, 0)
	for _, tt := range []struct {
		shape    Shape
		mean, sd float64
	}{
		{Shape{}, 0.5, math.Sqrt(1.0 / 12)},
		{Shape{Mean: 0.5, SD: 0.05}, 0.5, 0.05},
		{Shape{Mean: 0, SD: 0.25}, 0.25 * math.Sqrt(2/math.Pi), 0.25 * math.Sqrt(1-2/math.Pi)}, // half a normal law; what lies above 1 is nothing
	} {
		const n = 50000
		var sum, square float64
		for i := range uint64(n) {
			x := tt.shape.At(s.Uniform(i))
			if x < 0 || x > 1 {
				t.Fatalf("%+v gave %g", tt.shape, x)
			}
			sum, square = sum+x, square+x*x
		}
		mean := sum / n
		sd := math.Sqrt(square/n - mean*mean)
		if math.Abs(mean-tt.mean) > 4*tt.sd/math.Sqrt(n) || math.Abs(sd/tt.sd-1) > 0.02 {
			t.Errorf("%+v: mean %.4f sd %.4f, want %.4f %.4f", tt.shape, mean, sd, tt.mean, tt.sd)
		}
	}
}

func TestSEA_LabelsAndFlips(t *testing.T) {
	t.Parallel()
	g := SEA{Stream: New(9, 0), Theta: 8, Flip: 0.1}
	const n = 20000
	x := make([]float64, SEAInputs)
	flipped, ones := 0.0, 0.0
	for i := range uint64(n) {
		y := g.At(i, x)
		clean := 0
		if x[0]+x[1] > 8 {
			clean = 1
		}
		if y != clean {
			flipped++
		}
		ones += float64(clean)
	}
	// x₁ + x₂ ≤ 8 on a triangle of 32 of 100.
	if math.Abs(flipped/n-0.1) > 0.01 || math.Abs(ones/n-0.68) > 0.015 {
		t.Errorf("flips %.4f, want 0.1; ones %.4f, want 0.68", flipped/n, ones/n)
	}
}

func TestAgrawal_Functions(t *testing.T) {
	t.Parallel()
	// salary, commission, age, education, car, zip, house value, house years, loan
	person := func(salary, commission, age, edu, loan float64) []float64 {
		return []float64{salary, commission, age, edu, 3, 4, 400e3, 25, loan}
	}
	for _, tt := range []struct {
		f    int
		x    []float64
		want bool
	}{
		{0, person(90e3, 0, 39, 0, 0), true}, {0, person(90e3, 0, 40, 0, 0), false}, {0, person(90e3, 0, 60, 0, 0), true},
		{1, person(100e3, 0, 39, 0, 0), true}, {1, person(100001, 0, 39, 0, 0), false}, {1, person(125e3, 0, 59, 0, 0), true}, {1, person(76e3, 0, 60, 0, 0), false},
		{2, person(90e3, 0, 30, 1, 0), true}, {2, person(90e3, 0, 30, 2, 0), false}, {2, person(90e3, 0, 50, 3, 0), true}, {2, person(90e3, 0, 70, 1, 0), false},
		{3, person(30e3, 0, 30, 1, 0), true}, {3, person(30e3, 0, 30, 2, 0), false}, {3, person(60e3, 0, 50, 1, 0), true}, {3, person(60e3, 0, 50, 0, 0), false},
		{3, person(90e3, 0, 70, 2, 0), true}, {3, person(90e3, 0, 70, 1, 0), false}, {3, person(30e3, 0, 70, 1, 0), true},
		{4, person(60e3, 0, 30, 1, 150e3), true}, {4, person(60e3, 0, 30, 1, 350e3), false}, {4, person(40e3, 0, 30, 1, 350e3), true},
		{4, person(80e3, 0, 50, 1, 350e3), true}, {4, person(60e3, 0, 50, 1, 250e3), false}, {4, person(60e3, 0, 70, 1, 450e3), true}, {4, person(90e3, 0, 70, 1, 200e3), true},
		{5, person(60e3, 40e3, 30, 1, 0), true}, {5, person(60e3, 45e3, 30, 1, 0), false}, {5, person(60e3, 20e3, 50, 1, 0), true}, {5, person(60e3, 20e3, 70, 1, 0), false},
		{6, person(60e3, 0, 30, 1, 99e3), true}, {6, person(60e3, 0, 30, 1, 100e3), false},
		{7, person(60e3, 0, 30, 3, 0), true}, {7, person(60e3, 0, 30, 4, 0), false},
		{8, person(60e3, 0, 30, 2, 99e3), true}, {8, person(60e3, 0, 30, 2, 100e3), false},
		{9, person(30e3, 0, 30, 4, 0), true}, // equity 400 000·5/10 = 200 000, a fifth of it 40 000
		{9, []float64{30e3, 0, 30, 4, 3, 4, 400e3, 20, 0}, false},
	} {
		if got := groupA(tt.f, tt.x); got != tt.want {
			t.Errorf("function %d of %v: %v", tt.f, tt.x, got)
		}
	}
}

func TestAgrawal_RangesAndPerturbation(t *testing.T) {
	t.Parallel()
	g, off := Agrawal{Stream: New(2, 0), Function: 2}, Agrawal{Stream: New(2, 0), Function: 2, Perturb: 0.05}
	flips := Agrawal{Stream: New(2, 0), Function: 2, Flip: 0.1}
	flipped := 0
	x, y := make([]float64, AgrawalInputs), make([]float64, AgrawalInputs)
	low := [AgrawalInputs]float64{20e3, 0, 20, 0, 0, 0, 50e3, 1, 0}
	high := [AgrawalInputs]float64{150e3, 75e3, 80, 4, 19, 8, 1350e3, 30, 500e3}
	moved := 0
	for i := range uint64(5000) {
		if a, b := g.At(i, x), off.At(i, y); a != b {
			t.Fatalf("record %d: perturbing changed the label", i)
		}
		if flips.At(i, make([]float64, AgrawalInputs)) != g.At(i, x) {
			flipped++
		}
		for j := range x {
			for _, v := range []float64{x[j], y[j]} {
				if v < low[j] || v > high[j] {
					t.Fatalf("record %d: input %d is %g, outside [%g, %g]", i, j, v, low[j], high[j])
				}
			}
		}
		if (x[Commission] == 0) != (x[Salary] >= 75e3) {
			t.Fatalf("record %d: salary %g with commission %g", i, x[Salary], x[Commission])
		}
		if d := math.Abs(x[Salary] - y[Salary]); d > 0.05*130e3 {
			t.Fatalf("record %d: salary moved by %g", i, d)
		} else if d > 0 {
			moved++
		}
	}
	if flipped < 420 || flipped > 580 {
		t.Errorf("%d of 5000 labels flipped, want about 500", flipped)
	}
	if moved < 4900 {
		t.Errorf("only %d of 5000 salaries were perturbed", moved)
	}
}

func TestHyperplane_KeepsItsConceptUntilToldToDrift(t *testing.T) {
	t.Parallel()
	a, b := NewHyperplane(4, 1), NewHyperplane(4, 1)
	b.Shape, b.Shaped = Shape{Mean: 0.7, SD: 0.2}, 4 // inputs alone
	x := make([]float64, HyperplaneInputs)
	before := a.Weights()
	flipped := 0.0
	const n = 20000
	for range n {
		y := a.Next(x)
		dot, half := 0.0, 0.0
		for i, w := range before {
			dot, half = dot+w*x[i], half+w/2
		}
		if (dot >= half) != (y == 1) {
			flipped++
		}
		b.Next(x)
	}
	if a.Weights() != before || b.Weights() != before {
		t.Error("the weights moved")
	}
	if math.Abs(flipped/n-0.05) > 0.008 {
		t.Errorf("flips %.4f, want 0.05", flipped/n)
	}
	a.Drifting = 2
	for range 1000 {
		a.Next(x)
	}
	for i, w := range a.Weights() {
		if (w != before[i]) != (i < 2) {
			t.Errorf("weight %d went from %g to %g", i, before[i], w)
		}
	}
}

func TestJoinAndMiss_HaveTheirShares(t *testing.T) {
	t.Parallel()
	for _, width := range []float64{1, 5000} {
		j := Join{Stream: New(6, 0), At: 10000, Width: width}
		late, early := 0, 0
		for i := range uint64(3000) {
			if j.New(10000 + i) {
				late++
			}
			if j.New(9999 - i) {
				early++
			}
		}
		// gradual: the mean of the logistic curve over 3 000 records
		want := 3000.0
		if width > 1 {
			want = width / 4 * math.Log((1+math.Exp(2.4))/2)
		}
		if math.Abs(float64(late)-want) > 120 || math.Abs(float64(3000-early)-want) > 120 {
			t.Errorf("width %g: %d new after, %d before, want %.0f and %.0f", width, late, early, want, 3000-want)
		}
	}
	lost, x := 0, make([]float64, 7)
	for i := range uint64(5000) {
		clear(x)
		Miss(New(8, 0), i, 0.2, x)
		for _, v := range x {
			if math.IsNaN(v) {
				lost++
			}
		}
	}
	if share := float64(lost) / 35000; math.Abs(share-0.2) > 0.01 {
		t.Errorf("%.4f of the values are missing, want 0.2", share)
	}
}

func ExampleStream_Uniform() {
	s := New(1, 0)
	fmt.Printf("%.6f %.6f\n", s.Uniform(0), s.Uniform(1))
	fmt.Printf("%.6f\n", s.Uniform(0)) // the same draw again
	// Output:
	// 0.693512 0.423211
	// 0.693512
}
