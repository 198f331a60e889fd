package judge

import (
	"fmt"
	"math"
)

// Averages are precision, recall and F1 over classes.
type Averages struct {
	Precision Value `json:"precision"`
	Recall    Value `json:"recall"`
	F1        Value `json:"f1"`
}

// Class is the report of one class against all others.
type Class struct {
	Support   int   `json:"support"`   // rows with this label
	Predicted int   `json:"predicted"` // rows given this class
	Precision Value `json:"precision"`
	Recall    Value `json:"recall"`
	F1        Value `json:"f1"`
	ROCAUC    Value `json:"roc_auc"` // one versus rest
}

// Multiclass is the report of one model over k classes.
type Multiclass struct {
	Rows      int     `json:"rows"`
	Confusion [][]int `json:"confusion"` // [label][predicted]
	Accuracy  Value   `json:"accuracy"`
	LogLoss   Value   `json:"log_loss"`
	Brier     Value   `json:"brier"` // Σ over classes of (chance − 1 or 0)², mean over rows: range [0, 2]
	Classes   []Class `json:"classes"`

	Macro    Averages `json:"macro"`    // every class counts alike; null if a class has none
	Weighted Averages `json:"weighted"` // by support; classes without support do not count

	MajorityAccuracy Value `json:"majority_accuracy"`
	BaseLogLoss      Value `json:"base_log_loss"` // of the label shares themselves
}

// chanceSlack is how far the chances of a row may sum away from 1.
const chanceSlack = 1e-3

// EvaluateMulticlass measures chances, row-major with k per row, against labels
// 0 … k−1. A row is given the class with the largest chance, ties the lowest.
//
// Errors: k < 2; lengths that do not agree; a label outside the set; a chance outside
// [0, 1]; a row whose chances do not sum to 1 within 0.001.
func EvaluateMulticlass(chances []float64, labels []int, k int) (Multiclass, error) {
	if k < 2 {
		return Multiclass{}, fmt.Errorf("evaluate: %d classes: must be at least 2", k)
	}
	if len(chances) != len(labels)*k {
		return Multiclass{}, fmt.Errorf("evaluate: %d chances for %d labels of %d classes", len(chances), len(labels), k)
	}
	out := Multiclass{Rows: len(labels), Confusion: make([][]int, k), Classes: make([]Class, k)}
	for c := range out.Confusion {
		out.Confusion[c] = make([]int, k)
	}
	var loss, brier float64
	right := 0
	for i, y := range labels {
		if y < 0 || y >= k {
			return Multiclass{}, fmt.Errorf("evaluate: row %d: label is %d, must be from 0 to %d", i, y, k-1)
		}
		row := chances[i*k : (i+1)*k]
		if err := checkChances(row, k); err != nil {
			return Multiclass{}, fmt.Errorf("evaluate: row %d: %w", i, err)
		}
		best := largest(row)
		brier += classBrier(row, y)
		loss += logLoss(row[y], 1)
		out.Confusion[y][best]++
		if best == y {
			right++
		}
	}
	n := float64(len(labels))
	out.Accuracy = ratio(float64(right), n, noRows)
	out.LogLoss, out.Brier = ratio(loss, n, noRows), ratio(brier, n, noRows)
	out.perClass(chances, labels)
	out.baselines()
	return out, nil
}

func checkChances(row []float64, k int) error {
	if len(row) != k {
		return fmt.Errorf("%d chances for %d classes", len(row), k)
	}
	sum := 0.0
	for c, p := range row {
		if err := checkChance(p); err != nil {
			return fmt.Errorf("class %d: %w", c, err)
		}
		sum += p
	}
	if math.Abs(sum-1) > chanceSlack {
		return fmt.Errorf("chances sum to %v, must be 1", sum)
	}
	return nil
}

// largest is the class with the largest chance, ties the lowest.
func largest(row []float64) int {
	best := 0
	for c, p := range row {
		if p > row[best] {
			best = c
		}
	}
	return best
}

func classBrier(row []float64, label int) (sum float64) {
	for c, p := range row {
		if c == label {
			p--
		}
		sum += float64(p * p)
	}
	return sum
}

func (m *Multiclass) perClass(chances []float64, labels []int) {
	k := len(m.Classes)
	scores, is, day := make([]float64, len(labels)), make([]int, len(labels)), make([]int, len(labels))
	for c := range m.Classes {
		class := &m.Classes[c]
		for other := range k {
			class.Support += m.Confusion[c][other]
			class.Predicted += m.Confusion[other][c]
		}
		tp := float64(m.Confusion[c][c])
		class.Precision = ratio(tp, float64(class.Predicted), "no row is given this class")
		class.Recall = ratio(tp, float64(class.Support), "no row has this class")
		class.F1 = ratio(2*tp, float64(class.Predicted+class.Support), "no row has or is given this class")
		for i, y := range labels {
			scores[i], is[i] = chances[i*k+c], 0
			if y == c {
				is[i] = 1
			}
		}
		class.ROCAUC = newBinarySide(scores, is, day, 0.5).value(ROCAUC, []float64{1})
	}
	m.Macro, m.Weighted = m.average(false), m.average(true)
}

func (m *Multiclass) average(weighted bool) Averages {
	mean := func(name string, pick func(*Class) Value) Value {
		var sum, total float64
		for c := range m.Classes {
			class := &m.Classes[c]
			w := 1.0
			if weighted {
				w = float64(class.Support)
			}
			if w == 0 {
				continue
			}
			v := pick(class)
			if !v.Defined() {
				return undefined(fmt.Sprintf("%s of class %d is undefined: %s", name, c, v.Reason))
			}
			sum += float64(w * v.Number)
			total += w
		}
		return ratio(sum, total, noRows)
	}
	return Averages{
		Precision: mean(Precision, func(c *Class) Value { return c.Precision }),
		Recall:    mean(Recall, func(c *Class) Value { return c.Recall }),
		F1:        mean(F1, func(c *Class) Value { return c.F1 }),
	}
}

func (m *Multiclass) baselines() {
	if m.Rows == 0 {
		m.MajorityAccuracy, m.BaseLogLoss = undefined(noRows), undefined(noRows)
		return
	}
	most, entropy := 0, 0.0
	for _, c := range m.Classes {
		most = max(most, c.Support)
		if share := float64(c.Support) / float64(m.Rows); share > 0 {
			entropy -= float64(share * math.Log(share))
		}
	}
	m.MajorityAccuracy = number(float64(most) / float64(m.Rows))
	m.BaseLogLoss = number(entropy)
}
