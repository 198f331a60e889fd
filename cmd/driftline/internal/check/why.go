package check

import (
	"fmt"
	"math"
	"strings"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/sketches"
)

// why says in words what moved, or why there is no verdict and what would have been seen
// all the same; "" for a feature that is simply stable.
func (f *Feature) why() string {
	if f.NCurrent == 0 && f.Unseen > rose {
		return "no value of it is one that the reference has: an id or a time, which is no feature (--label-column), or another coding"
	}
	if f.Reason != "" {
		s := f.Reason
		if f.Detectable.defined() {
			s += fmt.Sprintf("; would have shown a PSI of %.2g or more", float64(f.Detectable))
		}
		return s
	}
	if !f.Drifted && !f.Warned {
		return ""
	}
	var parts []string
	r, c := f.Statistics.Reference, f.Statistics.Current
	if r.Mean.defined() && c.Mean.defined() {
		s := fmt.Sprintf("mean %s → %s", short(r.Mean), short(c.Mean))
		if sd := float64(r.Std); sd > 0 {
			s += fmt.Sprintf(" (%+.2g sd)", float64(c.Mean-r.Mean)/sd)
		}
		parts = append(parts, s)
	}
	if len(f.Top) > 0 {
		t := f.Top[0]
		parts = append(parts, fmt.Sprintf("most in %s: %s → %s", t.Bin, percent(t.Ref), percent(t.Cur)))
	}
	return strings.Join(parts, "; ")
}

// binLabel names a run of cells as package drift does, but for the ends of runs that lie
// at a value with a cell of its own: "> 0" and "≤ 1", not "≥ 4.94066e-324" and "< 1".
func binLabel(f *sketches.FeatureGrid, first, last int) string {
	end := len(f.Edges)
	single := func(cell int) bool { return cell > 0 && cell < end && f.SingleValue(cell) }
	after, upTo := first > 1 && single(first-1), single(last)
	if f.Kind != sketches.Numeric || first == last && upTo || !after && !upTo {
		return drift.BinLabel(f, first, last)
	}
	var low, high float64
	open, shut := "[", ")"
	if after {
		open, low = "(", f.Edges[first-2]
	} else if first > 0 {
		low = f.Edges[first-1]
	}
	if upTo {
		shut, high = "]", f.Edges[last-1]
	} else if last < end {
		high = f.Edges[last]
	}
	switch {
	case first == 0:
		return fmt.Sprintf("≤ %.6g", high) // upTo, or package drift names it
	case last == end:
		return fmt.Sprintf("> %.6g", low) // after, likewise
	}
	return fmt.Sprintf("%s%.6g, %.6g%s", open, low, high, shut)
}

// short writes a number of a feature's own unit with four digits.
func short(x num) string {
	if a := math.Abs(float64(x)); a >= 1e4 && a < 1e7 {
		return fmt.Sprintf("%.0f", float64(x))
	}
	return fmt.Sprintf("%.4g", float64(x))
}
