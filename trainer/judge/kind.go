package judge

import (
	"fmt"
	"slices"
)

// Kind is what a model predicts; it says which rows of Input are judged and which
// metrics there are.
type Kind string

// The kinds.
const (
	KindBinary     Kind = "binary"     // Input.Rows
	KindMulticlass Kind = "multiclass" // Input.Classes
	KindRegression Kind = "regression" // Input.Numbers
)

// Metrics lists the metrics a gate can use for a kind, with their directions; nil for
// an unknown kind.
func Metrics(k Kind) map[string]Direction {
	switch k {
	case KindBinary:
		return map[string]Direction{
			Accuracy: Higher, Precision: Higher, Recall: Higher, F1: Higher, ROCAUC: Higher, AveragePrecision: Higher,
			LogLoss: Lower, Brier: Lower,
		}
	case KindMulticlass:
		return map[string]Direction{Accuracy: Higher, MacroF1: Higher, WeightedF1: Higher, LogLoss: Lower, Brier: Lower}
	case KindRegression:
		return map[string]Direction{RMSE: Lower, MAE: Lower, R2: Higher, Pearson: Higher, MeanIC: Higher}
	}
	return nil
}

// Scored is one labelled row of the holdout with both models' chances of label 1.
type Scored struct {
	Day        int32 // event-time day, days since 1970-01-01; rows of a day are drawn together
	Label      int   // 0 or 1; rows without a label are left out and counted by the caller
	Champion   float64
	Challenger float64
}

// ScoredClasses is one labelled row with both models' chances of every class.
type ScoredClasses struct {
	Day        int32
	Label      int // 0 … classes−1
	Champion   []float64
	Challenger []float64
}

// ScoredNumber is one row with the number that came and both models' predictions.
type ScoredNumber struct {
	Day        int32
	Actual     float64
	Champion   float64
	Challenger float64
}

// Report is a model's figures on the holdout, of the gate's kind.
type Report struct {
	Binary     *Binary     `json:"binary,omitempty"`
	Multiclass *Multiclass `json:"multiclass,omitempty"`
	Regression *Regression `json:"regression,omitempty"`
}

// measured is one model on the holdout, ready to be measured where day d counts
// weight[d] times.
type measured interface {
	value(metric string, weight []float64) Value
}

// model picks a row's champion or challenger.
type model bool

const (
	theChampion   model = false
	theChallenger model = true
)

func (m model) String() string {
	if m == theChallenger {
		return "challenger"
	}
	return "champion"
}

// pick returns what belongs to the model.
func pick[T any](m model, champion, challenger T) T {
	if m == theChallenger {
		return challenger
	}
	return champion
}

// size is the number of holdout rows of a kind.
func (in Input) size(k Kind) int {
	switch k {
	case KindMulticlass:
		return len(in.Classes)
	case KindRegression:
		return len(in.Numbers)
	}
	return len(in.Rows)
}

func (in Input) dayOf(k Kind, i int) int32 {
	switch k {
	case KindMulticlass:
		return in.Classes[i].Day
	case KindRegression:
		return in.Numbers[i].Day
	}
	return in.Rows[i].Day
}

// classes is the number of classes: of the first row's chances for KindMulticlass.
func (in Input) classes(k Kind) int {
	switch {
	case k == KindRegression:
		return 0
	case k == KindBinary:
		return 2
	case len(in.Classes) > 0:
		return len(in.Classes[0].Challenger)
	}
	return 0
}

// counts is the number of rows per class; nil for KindRegression.
func (in Input) counts(k Kind) []int {
	out := make([]int, in.classes(k))
	for _, r := range in.Rows {
		if k == KindBinary {
			out[r.Label]++
		}
	}
	for _, r := range in.Classes {
		if k == KindMulticlass {
			out[r.Label]++
		}
	}
	return out
}

// checkOutcome refuses labels and numbers that are no outcomes of the kind.
func (in Input) checkOutcome(k Kind, i int) error {
	switch k {
	case KindBinary:
		if y := in.Rows[i].Label; y != 0 && y != 1 {
			return fmt.Errorf("row %d: label is %d, must be 0 or 1: leave rows without a label out", i, y)
		}
	case KindMulticlass:
		if y, n := in.Classes[i].Label, in.classes(k); n < 2 || y < 0 || y >= n {
			return fmt.Errorf("row %d: label is %d, must be from 0 to %d of at least 2 classes", i, y, n-1)
		}
	case KindRegression:
		if y := in.Numbers[i].Actual; !finite(y) {
			return fmt.Errorf("row %d: outcome is %v, must be finite: leave rows without one out", i, y)
		}
	}
	return nil
}

// checkScore tells what is wrong with a model's prediction of row i.
func (in Input) checkScore(k Kind, i int, m model) error {
	switch k {
	case KindMulticlass:
		r := in.Classes[i]
		return checkChances(pick(m, r.Champion, r.Challenger), in.classes(k))
	case KindRegression:
		if v := pick(m, in.Numbers[i].Champion, in.Numbers[i].Challenger); !finite(v) {
			return fmt.Errorf("prediction is %v: must be finite", v)
		}
		return nil
	}
	return checkChance(pick(m, in.Rows[i].Champion, in.Rows[i].Challenger))
}

// side makes one model's measured rows. rows are the positions to take, dayOf their
// days as indices from 0.
func (in Input) side(cfg GateConfig, m model, rows, dayOf []int) measured {
	switch cfg.Kind {
	case KindMulticlass:
		k := in.classes(cfg.Kind)
		chances, labels := make([]float64, 0, len(rows)*k), make([]int, len(rows))
		for at, i := range rows {
			r := in.Classes[i]
			chances, labels[at] = append(chances, pick(m, r.Champion, r.Challenger)...), r.Label
		}
		return newMultiSide(chances, labels, dayOf, k)
	case KindRegression:
		points := make([]Point, len(rows))
		for at, i := range rows {
			r := in.Numbers[i]
			points[at] = Point{r.Day, pick(m, r.Champion, r.Challenger), r.Actual}
		}
		return newNumberSide(points)
	}
	scores, labels := make([]float64, len(rows)), make([]int, len(rows))
	for at, i := range rows {
		r := in.Rows[i]
		scores[at], labels[at] = pick(m, r.Champion, r.Challenger), r.Label
	}
	return newBinarySide(scores, labels, dayOf, cfg.Threshold)
}

// report measures one model on all rows.
func (in Input) report(cfg GateConfig, m model) (*Report, error) {
	switch cfg.Kind {
	case KindMulticlass:
		k := in.classes(cfg.Kind)
		var chances []float64
		var labels []int
		for _, r := range in.Classes {
			chances, labels = append(chances, pick(m, r.Champion, r.Challenger)...), append(labels, r.Label)
		}
		out, err := EvaluateMulticlass(chances, labels, k)
		return &Report{Multiclass: &out}, err
	case KindRegression:
		var points []Point
		for _, r := range in.Numbers {
			points = append(points, Point{r.Day, pick(m, r.Champion, r.Challenger), r.Actual})
		}
		out, err := EvaluateRegression(points, 2*cfg.Level-1, cfg.Draws, cfg.Seed)
		return &Report{Regression: &out}, err
	}
	var scores []float64
	var labels []int
	for _, r := range in.Rows {
		scores, labels = append(scores, pick(m, r.Champion, r.Challenger)), append(labels, r.Label)
	}
	out, err := EvaluateBinary(scores, labels, cfg.Threshold)
	return &Report{Binary: &out}, err
}

// flips is the share of rows whose predicted class differs; nil for KindRegression.
func (in Input) flips(cfg GateConfig) *float64 {
	n := 0
	switch cfg.Kind {
	case KindRegression:
		return nil
	case KindMulticlass:
		for _, r := range in.Classes {
			if largest(r.Champion) != largest(r.Challenger) {
				n++
			}
		}
	default:
		for _, r := range in.Rows {
			if (r.Champion >= cfg.Threshold) != (r.Challenger >= cfg.Threshold) {
				n++
			}
		}
	}
	return some(float64(n) / float64(in.size(cfg.Kind)))
}

// days returns the distinct days of some rows, ascending, and each row's index in them.
func (in Input) days(k Kind, rows []int) (distinct []int32, dayOf []int) {
	for _, i := range rows {
		distinct = append(distinct, in.dayOf(k, i))
	}
	slices.Sort(distinct)
	distinct = slices.Compact(distinct)
	dayOf = make([]int, len(rows))
	for at, i := range rows {
		dayOf[at], _ = slices.BinarySearch(distinct, in.dayOf(k, i))
	}
	return distinct, dayOf
}

// all lists every row.
func (in Input) all(k Kind) []int {
	rows := make([]int, in.size(k))
	for i := range rows {
		rows[i] = i
	}
	return rows
}
