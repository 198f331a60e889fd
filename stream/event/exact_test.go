package event_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/driftline/driftline/stream/event"
)

// decimals calls f with numbers m · 10^exp: of all lengths, and ties between two
// float64s with their neighbours.
func decimals(n int, f func(m uint64, exp int)) {
	r := rand.New(rand.NewPCG(11, 12))
	for range n {
		f(r.Uint64()>>uint(r.IntN(64)), r.IntN(60)-35)
		f(r.Uint64N(1e17), -r.IntN(20))
		// (2a+1)/2^k lies half-way between float64s if 2a+1 has 54 bits.
		k, five := 1+r.IntN(3), uint64(5)
		for range k - 1 {
			five *= 5
		}
		tie := (r.Uint64()>>11 | 1 | 1<<53) & (1<<54 - 1) * five
		for _, m := range []uint64{tie - 1, tie, tie + 1} {
			f(m, -k)
			f(m*10, -k-1)
		}
	}
}

func parsed(m uint64, exp int) float64 {
	x, err := strconv.ParseFloat(fmt.Sprintf("%de%d", m, exp), 64)
	if err != nil {
		panic(err)
	}
	return x
}

func TestScale_IsExact(t *testing.T) {
	t.Parallel()
	read := 0
	decimals(40_000, func(m uint64, exp int) {
		want := parsed(m, exp)
		if got, ok := event.Scale(m, exp); ok {
			read++
			if math.Float64bits(got) != math.Float64bits(want) {
				t.Errorf("%d · 10^%d = %v, want %v", m, exp, got, want)
			}
		}
		if m > 0 && exp < 0 && exp >= -27 {
			if got := event.Divide(m, -exp); math.Float64bits(got) != math.Float64bits(want) {
				t.Errorf("%d / 10^%d by division = %v, want %v", m, -exp, got, want)
			}
		}
	})
	if read < 100_000 {
		t.Errorf("only %d numbers were read without strconv", read)
	}
}

// TestScale_MutantsAreFound shows that the numbers above tell exact from nearly exact.
func TestScale_MutantsAreFound(t *testing.T) {
	t.Parallel()
	mutants := map[string]func(m uint64, k int) float64{
		"a product with a power that is rounded": func(m uint64, k int) float64 { return float64(m) * math.Pow10(-k) },
		"a quotient of a mantissa that is":       func(m uint64, k int) float64 { return float64(m) / math.Pow10(k) },
		"no doubt about the cut off inverse":     event.HastyQuotient,
	}
	for name, mutant := range mutants {
		wrong := 0
		decimals(2000, func(m uint64, exp int) {
			if m > 0 && exp < 0 && exp >= -27 && mutant(m, -exp) != parsed(m, exp) {
				wrong++
			}
		})
		if wrong == 0 {
			t.Errorf("%s passes", name)
		}
	}
}
