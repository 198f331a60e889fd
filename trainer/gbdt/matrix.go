package gbdt

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// Matrix is a table of feature values: Rows × len(Names) float32, row-major.
// NaN is a missing value. Train and PredictMatrix read it and keep nothing of it.
type Matrix struct {
	Rows  int
	Names []string
	X     []float32
}

// Row returns row i; it shares memory with X.
func (m Matrix) Row(i int) []float32 {
	n := len(m.Names)
	return m.X[i*n : (i+1)*n : (i+1)*n]
}

// Eval is a table with labels that training never learns from: it measures each
// round, and early stopping looks at it.
type Eval struct {
	Matrix Matrix
	Y      []float32
}

// validate checks shape and values; what names the table in errors.
func (m Matrix) validate(what string) error {
	if m.Rows < 1 || m.Rows > math.MaxInt32 {
		return fmt.Errorf("%s has %d rows: must be from 1 to %d", what, m.Rows, math.MaxInt32)
	}
	if len(m.Names) == 0 {
		return fmt.Errorf("%s has no features", what)
	}
	if len(m.X)/len(m.Names) != m.Rows || len(m.X)%len(m.Names) != 0 {
		return fmt.Errorf("%s has %d values: %d rows × %d features need %d", what, len(m.X), m.Rows, len(m.Names), m.Rows*len(m.Names))
	}
	seen := make(map[string]int, len(m.Names))
	for i, name := range m.Names {
		if err := checkName(name); err != nil {
			return fmt.Errorf("%s: feature %d: %w", what, i, err)
		}
		if j, ok := seen[name]; ok {
			return fmt.Errorf("%s: features %d and %d are both named %q", what, j, i, name)
		}
		seen[name] = i
	}
	for i, x := range m.X {
		if math.IsInf(float64(x), 0) {
			return fmt.Errorf("%s: row %d, feature %q is infinite: give NaN for missing, or a finite value",
				what, i/len(m.Names), m.Names[i%len(m.Names)])
		}
	}
	return nil
}

// checkName refuses names that a model file could not carry to XGBoost and back.
func checkName(name string) error {
	if name == "" {
		return errors.New("the name is empty")
	}
	if !utf8.ValidString(name) {
		return fmt.Errorf("the name %q is not UTF-8", name)
	}
	if i := strings.IndexFunc(name, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' }); i >= 0 {
		return fmt.Errorf("the name %q holds a control character", name)
	}
	return nil
}

// checkLabels refuses labels outside the objective's set.
func checkLabels(what string, y []float32, rows int, p Params) error {
	if len(y) != rows {
		return fmt.Errorf("%s has %d labels for %d rows", what, len(y), rows)
	}
	for i, v := range y {
		f := float64(v)
		switch {
		case math.IsNaN(f) || math.IsInf(f, 0):
			return fmt.Errorf("%s: label of row %d is %v: leave rows without a label out", what, i, v)
		case p.Objective == Logistic && v != 0 && v != 1:
			return fmt.Errorf("%s: label of row %d is %v: %s knows 0 and 1", what, i, v, Logistic)
		case p.Objective == Softprob && (v < 0 || f != math.Trunc(f) || f >= float64(p.NumClass)):
			return fmt.Errorf("%s: label of row %d is %v: %s knows 0 to %d", what, i, v, Softprob, p.NumClass-1)
		}
	}
	return nil
}

// checkWeights accepts nil (all rows weigh 1) or finite weights that are not all 0.
func checkWeights(w []float32, rows int) error {
	if w == nil {
		return nil
	}
	if len(w) != rows {
		return fmt.Errorf("%d weights for %d rows", len(w), rows)
	}
	var sum float64
	for i, v := range w {
		if !(v >= 0) || math.IsInf(float64(v), 0) {
			return fmt.Errorf("weight of row %d is %v: must be finite and not negative", i, v)
		}
		sum += float64(v)
	}
	if sum == 0 {
		return errors.New("all weights are 0")
	}
	return nil
}
