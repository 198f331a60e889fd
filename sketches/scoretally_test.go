package sketches

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestScoreTally_IsScoreCounts(t *testing.T) {
	t.Parallel()
	for _, classes := range [][]string{nil, {"", "0", "1", "false", "true"}, {"cat", "dog", "7", "15", "16", "1.5"}} {
		r := rand.New(rand.NewPCG(uint64(len(classes)), 3))
		got, err := NewScoreTally(classes)
		if err != nil {
			t.Fatal(err)
		}
		want, err := NewScoreCounts(classes)
		if err != nil {
			t.Fatal(err)
		}
		odd := []float64{0, 1, 0.5, -0.1, 1.1, math.NaN(), math.Inf(1), math.Nextafter(1, 0), 0.9995, math.Copysign(0, -1), math.SmallestNonzeroFloat64}
		values := []Value{
			Null(), Wrong(), Bool(true), Bool(false), Number(0), Number(1), Number(7), Number(15), Number(16), Number(-1), Number(1.5),
			Number(math.Copysign(0, -1)), Number(math.NaN()), Number(math.Inf(-1)), Number(1e300), String("cat"), String(""), String("1"), String("bird"),
		}
		for range 80_000 {
			score := r.Float64()
			if r.IntN(8) == 0 {
				score = odd[r.IntN(len(odd))]
			}
			class, has := values[r.IntN(len(values))], r.IntN(9) > 0
			text, _ := class.Text()
			got.Add(score, has, class)
			want.Add(score, has, text)
		}
		for range 70_000 { // one cell goes beyond 16 bits
			got.Add(0.25, true, Number(1))
			want.Add(0.25, true, "1")
		}
		if !got.Counts().Equal(want) {
			t.Errorf("classes %q: tally differs from counts", classes)
		}
	}
}

func TestNewScoreTally_RefusesWhatScoreCountsRefuses(t *testing.T) {
	t.Parallel()
	if _, err := NewScoreTally([]string{"a", "a"}); err == nil {
		t.Error("two equal classes are accepted")
	}
}

func TestScoreTally_AddsWithoutAllocation(t *testing.T) {
	tally, err := NewScoreTally([]string{"", "0", "1", "yes"})
	if err != nil {
		t.Fatal(err)
	}
	for _, class := range []Value{Null(), Number(0), Number(1), String("yes"), String("no")} {
		tally.Add(0.5, true, class)
		if n := testing.AllocsPerRun(100, func() { tally.Add(0.5, true, class) }); n != 0 {
			t.Errorf("%g allocations for a class of kind %s, want 0", n, class.Kind())
		}
	}
}
