package performance

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// Whatever inputs hold, weights are finite and in their range, and the estimate of few
// positives has a name or is a number.
func TestLearnBalanced_HostileInputs(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	columns := map[string]func(i int) float64{
		"constant": func(int) float64 { return 7 },
		"null":     func(int) float64 { return math.NaN() },
		"huge":     func(i int) float64 { return math.MaxFloat32 * r.NormFloat64() / 8 },
		"tiny":     func(int) float64 { return 1e-300 * r.NormFloat64() },
		"one": func(i int) float64 {
			if i == 0 {
				return 1e38
			}
			return 0
		},
		"half": func(i int) float64 {
			if i%2 == 0 {
				return math.NaN()
			}
			return r.NormFloat64()
		},
		"rare": func(i int) float64 {
			if i%500 != 0 {
				return math.NaN()
			}
			return r.NormFloat64()
		},
	}
	names := slices.Sorted(maps.Keys(columns))
	for trial := range 40 {
		n := 1500
		known, window := make([][]float64, n), make([][]float64, 300)
		for _, rows := range []*[][]float64{&known, &window} {
			for i := range *rows {
				for _, name := range names {
					v := columns[name](i)
					if rows == &window {
						v = v*float64(1+trial%3) + float64(trial)
						if trial%5 == 4 {
							v = math.NaN()
						}
					}
					(*rows)[i] = append((*rows)[i], v)
				}
			}
		}
		scales := Scales(known)
		scored, traits, labels := make([]Scored, n), make([][]float64, n), make([]int, n)
		for i := range scored {
			label := "0"
			if i%700 == 1 {
				label, labels[i] = "1", 1
			}
			scored[i] = Scored{Score: r.Float64(), HasScore: true, Predicted: "0", HasClass: true, Label: label, HasLabel: true}
			traits[i] = Traits(nil, known[i], scales)
		}
		target := MeanTraits(window, scales)
		w, size, err := BalanceLabelled(traits, labels, target)
		if err != nil {
			t.Fatalf("trial %d: %v", trial, err)
		}
		for i, x := range w {
			if !(x >= 1.0/weightRange && x <= weightRange) {
				t.Fatalf("trial %d: weight %g of row %d", trial, x, i)
			}
		}
		if !(size > 0 && size <= float64(n)*(1+1e-9)) {
			t.Errorf("trial %d: worth %g rows", trial, size)
		}
		e, err := LearnBalanced(Classes{Kind: Binary, Names: []string{"0", "1"}, Positive: "1"}, scored, traits, target, DefaultMinLabels)
		if err != nil || e == nil {
			t.Errorf("trial %d: %v, %v", trial, e, err)
		}
	}
}
