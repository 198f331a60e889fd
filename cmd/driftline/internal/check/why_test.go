package check_test

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/driftline/driftline/cmd/driftline/internal/check"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/trainer/reference"
)

// column makes a side of one feature.
func column(n int, value func(i int) sketches.Value) check.Side {
	s := check.Side{Source: "column", Names: []string{"f"}}
	for i := range n {
		s.Rows = append(s.Rows, reference.Row{Values: []sketches.Value{value(i)}})
	}
	return s
}

// Why is in words that a person would use: ends of bins at values are values.
func TestWhy_InWords(t *testing.T) {
	t.Parallel()
	mod := func(k int) func(int) sketches.Value {
		return func(i int) sketches.Value { return sketches.Number(float64(i % k)) }
	}
	constant := func(x float64) func(int) sketches.Value {
		return func(int) sketches.Value { return sketches.Number(x) }
	}
	for _, x := range []struct {
		name     string
		ref, cur func(int) sketches.Value
		why, bad string
	}{
		{"a flag that was never set", constant(0), constant(1), "mean 0 → 1; most in > 0: 0.00% → 100.00%", "100.00% lie outside"},
		{"a flag that is no longer set", mod(2), constant(0), "mean 0.5 → 0 (-1 sd); most in > 0: 50.00% → 0.00%", ""},
		{"a category", func(i int) sketches.Value { return sketches.String([]string{"a", "b"}[i%2]) }, func(int) sketches.Value { return sketches.String("a") }, "most in other: 50.00% → 0.00%", ""},
		{"texts where numbers were", mod(7), func(int) sketches.Value { return sketches.String("n/a") }, "the window holds no value of this feature", "100.00% are of another type"},
		{"NaN", mod(7), constant(math.NaN()), "the window holds no value of this feature", "no finite number 0.00% → 100.00%"},
		{"infinity", mod(7), constant(math.Inf(-1)), "the window holds no value of this feature", "no finite number 0.00% → 100.00%"},
		{"an id", func(i int) sketches.Value { return sketches.String(fmt.Sprint("u", i)) }, func(i int) sketches.Value { return sketches.String(fmt.Sprint("v", i)) }, "an id or a time", "100.00% have a value that the reference has not"},
		{"nulls", mod(7), func(int) sketches.Value { return sketches.Null() }, "the window holds no value of this feature", "missing 0.00% → 100.00%"},
		{"nothing", mod(7), mod(7), "", ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			out := run(t, check.DefaultConfig(), column(700, x.ref), column(350, x.cur))
			f := out.Features[0]
			if x.why == "" && f.Why != "" || !strings.Contains(f.Why, x.why) {
				t.Errorf("why %q, want %q", f.Why, x.why)
			}
			if x.bad == "" != (f.BadData == "") || !strings.Contains(f.BadData, x.bad) || (out.Bad == 1) != (x.bad != "") {
				t.Errorf("quality %q of %d features, want %q", f.BadData, out.Bad, x.bad)
			}
			if strings.Contains(f.Why, "e-324") {
				t.Errorf("why %q", f.Why)
			}
		})
	}
	few := run(t, check.DefaultConfig(), column(700, mod(7)), column(40, mod(7)))
	if f := few.Features[0]; !strings.Contains(f.Why, "would have shown a PSI of") || !strings.Contains(f.Why, "at least 70 are needed") {
		t.Errorf("too few: %q", f.Why)
	}
}

// Two thousand features that drift do not run off the screen.
func TestSummary_IsBounded(t *testing.T) {
	t.Parallel()
	ref, cur := check.Side{Source: "a"}, check.Side{Source: "b"}
	const n = 200
	for i := range n {
		ref.Names = append(ref.Names, fmt.Sprint("f", i))
	}
	cur.Names = ref.Names
	side := func(s *check.Side, base float64) {
		for i := range 200 {
			r := reference.Row{}
			for range n {
				r.Values = append(r.Values, sketches.Number(base+float64(i%5)))
			}
			s.Rows = append(s.Rows, r)
		}
	}
	side(&ref, 0)
	side(&cur, 10)
	var b bytes.Buffer
	out := run(t, check.DefaultConfig(), ref, cur)
	if err := out.Summary(&b); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(b.String(), "\n"); lines > 110 || !strings.Contains(b.String(), "and 160 more") || out.Drifted != n {
		t.Errorf("%d drifted in %d lines:\n%s", out.Drifted, lines, b.String())
	}
}
