package performance

import (
	"math"
	"testing"

	"github.com/driftline/driftline/drift/generate"
	"github.com/driftline/driftline/sketches"
)

var twoClasses = Classes{Kind: Binary, Names: []string{"no", "yes"}, Positive: "yes"}

func outcomes(t testing.TB, c Classes, rows ...Scored) *Outcomes {
	t.Helper()
	o, err := NewOutcomes(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		o.Add(r)
	}
	return o
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// row of a binary classifier that says yes from 0.5 on.
func binaryRow(score float64, label bool) Scored {
	return Scored{Score: score, HasScore: true, Predicted: yes(score >= 0.5), HasClass: true, Label: yes(label), HasLabel: true}
}

// draws is a run of uniform numbers.
type draws struct {
	s generate.Stream
	i uint64
}

func newDraws(seed, stream uint64) *draws { return &draws{s: generate.New(seed, stream)} }

func (d *draws) u() float64 { d.i++; return d.s.Uniform(d.i) }

func (d *draws) intn(n int) int { return int(d.u() * float64(n)) }

func (d *draws) normal() float64 { return normalQuantile(d.u()) }

// anyRow draws a prediction of any sort, every counter among them.
func (d *draws) anyRow(c Classes) Scored {
	name := func() string {
		if d.u() < 0.05 {
			return "strange"
		}
		return c.Names[d.intn(len(c.Names))]
	}
	r := Scored{Score: d.u(), HasScore: d.u() < 0.95, Predicted: name(), HasClass: d.u() < 0.95, Label: name(), HasLabel: d.u() < 0.9}
	switch x := d.u(); {
	case x < 0.03:
		r.Score = math.NaN()
	case x < 0.06:
		r.Score = 1.5
	case x < 0.08:
		r.Score = math.Inf(-1)
	}
	return r
}

func near(t *testing.T, what string, got Value, want float64) {
	t.Helper()
	if !got.Defined() || math.Abs(got.Number-want) > 1e-12 && math.Abs(got.Number-want) > 1e-9*math.Abs(want) {
		t.Errorf("%s = %v, want %.17g", what, got, want)
	}
}

func none(t *testing.T, what string, got Value, reason string) {
	t.Helper()
	if got.Reason != reason || !math.IsNaN(got.Number) {
		t.Errorf("%s = %v (%g), want none: %s", what, got, got.Number, reason)
	}
}

// grid of whole numbers -n … n, every one an atom, so that cells are exact.
func wholeGrid(t testing.TB, n int) *sketches.Grid {
	t.Helper()
	var x []float64
	for i := -n; i <= n; i++ {
		x = append(x, float64(i))
	}
	g, err := NumberGrid(x, x)
	if err != nil {
		t.Fatal(err)
	}
	return g
}
