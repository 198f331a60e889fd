package check

import (
	"fmt"
	"math"
	"strings"
)

// why says in words what moved, or why there is no verdict and what would have been seen
// all the same; "" for a feature that is simply stable.
func (f *Feature) why() string {
	if f.Reason != "" {
		s := f.Reason
		if f.Detectable.defined() {
			s += fmt.Sprintf("; so few show a PSI from %.2g on", float64(f.Detectable))
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

// short writes a number of a feature's own unit with four digits.
func short(x num) string {
	if a := math.Abs(float64(x)); a >= 1e4 && a < 1e7 {
		return fmt.Sprintf("%.0f", float64(x))
	}
	return fmt.Sprintf("%.4g", float64(x))
}
