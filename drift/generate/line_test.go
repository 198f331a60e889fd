package generate

import (
	"math"
	"testing"
)

// The first numbers of SplitMix64 from state 0 are in its reference implementation.
func TestMixIsSplitMix64(t *testing.T) {
	t.Parallel()
	want := []uint64{0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f}
	state := uint64(0)
	for i, w := range want {
		if got := mix(state); got != w {
			t.Errorf("number %d: %#x, want %#x", i, got, w)
		}
		state += 0x9E3779B97F4A7C15
	}
}

func TestDrawsAreCounted(t *testing.T) {
	t.Parallel()
	s := NewSequence(7, 3)
	for i := range uint64(100) {
		if got, want := s.Uniform(), New(7, 3).Uniform(i); got != want || got <= 0 || got >= 1 {
			t.Fatalf("draw %d: %g, want %g", i, got, want)
		}
	}
	for range 1000 {
		if n := s.Below(3); n < 0 || n > 2 {
			t.Fatalf("%d of 3", n)
		}
	}
}

func moments(xs []float64) (mean, sd, lag1 float64) {
	for _, x := range xs {
		mean += x / float64(len(xs))
	}
	v, c := 0.0, 0.0
	for i, x := range xs {
		v += (x - mean) * (x - mean)
		if i > 0 {
			c += (x - mean) * (xs[i-1] - mean)
		}
	}
	return mean, math.Sqrt(v / float64(len(xs))), c / v
}

func TestSourcesHaveTheirMoments(t *testing.T) {
	t.Parallel()
	const n = 100_000
	tests := []struct {
		name           string
		phi            float64
		change         Change
		mean, sd, lag1 float64
		missing        float64
	}{
		{"independent", 0, Change{}, 0, 1, 0, 0},
		{"dependent", 0.9, Change{}, 0, 1, 0.9, 0},
		{"shifted", 0, Change{Mean, 0.5}, 0.5, 1, 0, 0},
		{"spread", 0, Change{Spread, 2}, 0, 2, 0, 0},
		{"contaminated", 0, Change{Contaminated, 0.1}, 0.4, math.Sqrt(1 + 0.09*16), 0, 0},
		{"missing", 0, Change{Missing, 0.05}, 0, 1, 0, 0.05},
		{"another unit", 0, Change{Unit, 2.54}, 15.4, 2.54, 0, 0},
	}
	for _, tt := range tests {
		s := NewSource(1, 1, tt.phi)
		s.Change = tt.change
		var xs []float64
		missing := 0
		for range n {
			x, ok := s.Next()
			if !ok {
				missing++
				continue
			}
			xs = append(xs, x)
		}
		mean, sd, lag1 := moments(xs)
		se := tt.sd * math.Sqrt((1+tt.phi)/(1-tt.phi)/n)
		if math.Abs(mean-tt.mean) > 4*se || math.Abs(sd-tt.sd) > 6*se || math.Abs(lag1-tt.lag1) > 0.015 {
			t.Errorf("%s: mean %.3f, sd %.3f, lag 1 %.3f, want %.3f, %.3f, %.3f", tt.name, mean, sd, lag1, tt.mean, tt.sd, tt.lag1)
		}
		if got := float64(missing) / n; math.Abs(got-tt.missing) > 0.004 {
			t.Errorf("%s: %.3f missing, want %.3f", tt.name, got, tt.missing)
		}
	}
}

func TestHeavyTailsAreStudents(t *testing.T) {
	t.Parallel()
	s := NewSource(1, 1, 0)
	s.Change = Change{Kind: HeavyTails}
	beyond := 0
	const n = 50_000
	for range n {
		if x, _ := s.Next(); math.Abs(x) > 3.182446305284263 { // 97.5 % point of t with 3 degrees
			beyond++
		}
	}
	if got := float64(beyond) / n; math.Abs(got-0.05) > 0.004 {
		t.Errorf("%.4f beyond the 95 %% points, want 0.05", got)
	}
	stuck := NewSource(1, 1, 0)
	stuck.Change = Change{Stuck, 1.5}
	for range 10 {
		if x, ok := stuck.Next(); x != 1.5 || !ok {
			t.Fatalf("stuck value %g", x)
		}
	}
}
