package cadence

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mathext"
)

// The tail is that of the negative binomial law, summed term by term.
func TestBelow_IsTheNegativeBinomial(t *testing.T) {
	t.Parallel()
	for _, mean := range []float64{0.5, 5, 40, 300} {
		for _, spread := range []float64{0.01, 0.1, 1} {
			r, p := 1/spread, 1/(1+float64(spread*mean))
			sum := 0.0
			for k := range 900 {
				x := float64(k)
				a, _ := math.Lgamma(x + r)
				b, _ := math.Lgamma(r)
				c, _ := math.Lgamma(x + 1)
				sum += math.Exp(a - b - c + r*math.Log(p) + x*math.Log1p(-p))
				if got := below(x, mean, spread); math.Abs(got-sum) > 1e-9 {
					t.Fatalf("P(X ≤ %d) of mean %v, spread %v: %v, want %v", k, mean, spread, got, sum)
				}
			}
		}
	}
	// Where the limit law takes over it is near.
	for _, w := range []float64{9_000, 9_999} {
		exact := below(w, 12_000, 0.02)
		shape := 1 / (0.02 + 1/12_000.0)
		if near := mathext.GammaIncReg(shape, shape*(w+0.5)/12_000); math.Abs(near/exact-1) > 0.02 {
			t.Errorf("%v rows: %v exact, %v by the limit", w, exact, near)
		}
	}
	if below(-1, 5, 1) != 0 {
		t.Error("fewer than no rows")
	}
}

// A day of counts that vary between weeks far more than Poisson: a fall that is within
// what was learnt is none, one beyond it is.
func TestExpectation_UsesTheSpreadOfTheLearntWeeks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		swing      float64 // of a day's level, standard deviation of its logarithm
		rows       float64 // of the day in question, in parts of what is usual
		fewer, mor bool
	}{
		{"calm traffic, as usual", 0.05, 1, false, false},
		{"calm traffic, half and a bit", 0.05, 0.55, false, false},
		{"calm traffic, a third", 0.05, 0.33, true, false},
		{"calm traffic, three times", 0.05, 3, false, true},
		{"wild traffic, a third", 0.8, 0.33, false, false},
		{"wild traffic, three times", 0.8, 3, false, false},
		{"calm traffic, nothing", 0.05, 0, true, false},
	} {
		rng := rand.New(rand.NewPCG(7, 7))
		level := 1.0
		v := learn(t, 6*168, func(h int64) (uint64, bool) {
			if h%24 == 0 {
				level = math.Exp(tt.swing * rng.NormFloat64())
			}
			return poisson(rng, 60*level), true
		})
		e, ok := v.Expect(6*week, 6*week+dayMS)
		if !ok {
			t.Fatal(tt.name, "nothing is expected")
		}
		rows := math.Round(tt.rows * 60 * 24)
		if e.Fewer(rows, 2) != tt.fewer || e.More(rows, 2) != tt.mor {
			t.Errorf("%s: %v rows of %+v: fewer %v, more %v", tt.name, rows, e, e.Fewer(rows, 2), e.More(rows, 2))
		}
	}
}

// Traffic that begins an hour earlier or later, as with summer time, is neither quiet
// where it was busy nor out of the ordinary.
func TestExpect_AnHourEarlyOrLateIsNoNews(t *testing.T) {
	t.Parallel()
	v := learn(t, 6*168, func(h int64) (uint64, bool) {
		if at := h % 24; at >= 6 && at < 16 {
			return 500, true
		}
		return 0, true
	})
	for h := range int64(24) {
		from := 6*week + h*hour
		e, ok := v.Expect(from, from+hour)
		for _, rows := range []float64{0, 500} {
			edge := h == 5 || h == 6 || h == 15 || h == 16
			if edge && ok && (e.Fewer(rows, 2) || e.More(rows, 2)) {
				t.Errorf("hour %d: %v rows are out of the ordinary: %+v", h, rows, e)
			}
		}
		inside := h > 6 && h < 15
		if quiet, known := v.Quiet(from, from+hour); !known || quiet == inside {
			t.Errorf("hour %d: quiet %v, known %v", h, quiet, known)
		}
		if e.Fewer(0, 2) != inside {
			t.Errorf("hour %d: no rows are out of the ordinary: %v", h, e.Fewer(0, 2))
		}
	}
}

func TestOverdue_LearntDeliveries(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		rows func(h int64) uint64
		last int64 // hour of the week after the learnt ones in which the last rows came
		from int64 // first hour at whose beginning it is overdue
	}{
		{"every hour", func(h int64) uint64 { return 60 }, 40, 43},
		{"once a day at six", func(h int64) uint64 { return delivery(h%24 == 6, 500) }, 24 + 6, 57},
		{"once a day, a single row", func(h int64) uint64 { return delivery(h%24 == 6, 1) }, 24 + 6, 31 + 41},
		{"weekdays", func(h int64) uint64 { return delivery(h/24%7 < 5, 60) }, 4*24 + 23, 7*24 + 3},
	} {
		v := learn(t, 6*168, func(h int64) (uint64, bool) { return tt.rows(h), true })
		for h := int64(0); h <= tt.last; h++ {
			must(t, v.Add((6*168+h)*hour, tt.rows(h), true))
		}
		lastMS := (6*168 + tt.last + 1) * hour
		first := int64(-1)
		for h := tt.last + 1; h < tt.last+200; h++ {
			late, known := v.Overdue(lastMS, (6*168+h)*hour)
			if !known {
				t.Fatalf("%s: hour %d is not known", tt.name, h)
			}
			if late {
				first = h
				break
			}
			must(t, v.Add((6*168+h)*hour, 0, true))
		}
		if first != tt.from {
			t.Errorf("%s: overdue at hour %d, want %d", tt.name, first, tt.from)
		}
	}
}

func delivery(there bool, rows uint64) uint64 {
	if there {
		return rows
	}
	return 0
}

// Deliveries that wander by an hour, and hours that move with summer time, are never
// overdue; sparse rows are not either.
func TestOverdue_StaysCalm(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 9))
	for name, rows := range map[string]func(h int64) uint64{
		"once a day, an hour early or late": func() func(int64) uint64 {
			at := int64(6)
			return func(h int64) uint64 {
				if h%24 == 0 {
					at = 5 + rng.Int64N(3)
				}
				return delivery(h%24 == at, 500)
			}
		}(),
		"office hours that move by an hour after eight weeks": func(h int64) uint64 {
			at := h % 24
			if h > 8*168 {
				at = (h + 1) % 24
			}
			return delivery(h/24%7 < 5 && at >= 8 && at < 18, 200)
		},
		"four rows a day": func(int64) uint64 { return delivery(rng.IntN(6) == 0, 1) },
	} {
		v := learn(t, 0, steady)
		lastMS, alarms := int64(0), 0
		for h := range int64(20 * 168) {
			n := rows(h)
			must(t, v.Add(h*hour, n, true))
			if n > 0 {
				lastMS = (h + 1) * hour
			}
			if late, _ := v.Overdue(lastMS, (h+1)*hour); late {
				alarms++
			}
		}
		if alarms > 0 {
			t.Errorf("%s: overdue in %d hours of 20 weeks", name, alarms)
		}
	}
}
