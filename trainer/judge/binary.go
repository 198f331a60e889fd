package judge

import (
	"fmt"
	"math"
)

// clipChance keeps the logarithm of a chance finite; in float64 1 − 1e-15 is not 1.
const clipChance = 1e-15

// Confusion counts rows by prediction and label; class 1 is the positive one.
type Confusion struct {
	TP int `json:"tp"`
	FP int `json:"fp"`
	FN int `json:"fn"`
	TN int `json:"tn"`
}

// Binary is the report of one model on labelled rows. The positive class is 1; a row
// is predicted positive iff score ≥ threshold.
type Binary struct {
	Rows      int       `json:"rows"`
	Positives int       `json:"positives"`
	Threshold float64   `json:"threshold"`
	Confusion Confusion `json:"confusion"`

	Accuracy  Value `json:"accuracy"`
	Precision Value `json:"precision"`
	Recall    Value `json:"recall"`
	F1        Value `json:"f1"`
	ROCAUC    Value `json:"roc_auc"`
	AvgPrec   Value `json:"average_precision"`
	LogLoss   Value `json:"log_loss"`
	Brier     Value `json:"brier"`

	// What needs no model: the larger class for every row, the label share for every row.
	MajorityAccuracy Value `json:"majority_accuracy"`
	BaseLogLoss      Value `json:"base_log_loss"`
	BaseBrier        Value `json:"base_brier"`

	Calibration Calibration `json:"calibration"`
}

// EvaluateBinary measures scores (chances of label 1) against labels 0 and 1.
//
// Errors: lengths that differ, a threshold outside [0, 1], a label that is neither 0
// nor 1, a score that is not a chance in [0, 1]. No rows is no error: every metric is
// then null.
func EvaluateBinary(scores []float64, labels []int, threshold float64) (Binary, error) {
	if len(scores) != len(labels) {
		return Binary{}, fmt.Errorf("evaluate: %d scores for %d labels", len(scores), len(labels))
	}
	if err := checkThreshold(threshold); err != nil {
		return Binary{}, fmt.Errorf("evaluate: %w", err)
	}
	for i, s := range scores {
		if err := checkChance(s); err != nil {
			return Binary{}, fmt.Errorf("evaluate: row %d: %w", i, err)
		}
		if labels[i] != 0 && labels[i] != 1 {
			return Binary{}, fmt.Errorf("evaluate: row %d: label is %d, must be 0 or 1", i, labels[i])
		}
	}
	b := newBinarySide(scores, labels, make([]int, len(scores)), threshold)
	one := []float64{1}
	out := Binary{Rows: len(scores), Threshold: threshold}
	for i, s := range scores {
		switch positive := s >= threshold; {
		case positive && labels[i] == 1:
			out.Confusion.TP++
		case positive:
			out.Confusion.FP++
		case labels[i] == 1:
			out.Confusion.FN++
		default:
			out.Confusion.TN++
		}
	}
	out.Positives = out.Confusion.TP + out.Confusion.FN
	for name, dst := range map[string]*Value{
		Accuracy: &out.Accuracy, Precision: &out.Precision, Recall: &out.Recall, F1: &out.F1, ROCAUC: &out.ROCAUC,
		AveragePrecision: &out.AvgPrec, LogLoss: &out.LogLoss, Brier: &out.Brier,
	} {
		*dst = b.value(name, one)
	}
	r := ratio(float64(out.Positives), float64(out.Rows), noRows)
	out.MajorityAccuracy, out.BaseLogLoss, out.BaseBrier = r, r, r
	if r.Defined() {
		out.MajorityAccuracy.Number = max(r.Number, 1-r.Number)
		out.BaseLogLoss.Number = constantLogLoss(r.Number, r.Number)
		out.BaseBrier.Number = float64(r.Number * (1 - r.Number))
	}
	out.Calibration = calibrate(scores, labels)
	return out, nil
}

const noRows = "no rows"

func checkThreshold(t float64) error {
	if !(t >= 0 && t <= 1) {
		return fmt.Errorf("threshold is %v: must be in [0, 1]", t)
	}
	return nil
}

func checkChance(s float64) error {
	if !(s >= 0 && s <= 1) {
		return fmt.Errorf("score is %v: must be a chance in [0, 1]", s)
	}
	return nil
}

// logLoss is −log of the chance given to the label.
func logLoss(score float64, label int) float64 {
	if label == 0 {
		score = 1 - score
	}
	return -math.Log(min(max(score, clipChance), 1-clipChance))
}

// constantLogLoss is the log loss of giving every row the chance p where the share
// of positives is r.
func constantLogLoss(p, r float64) float64 {
	return float64(r*logLoss(p, 1)) + float64((1-r)*logLoss(p, 0))
}
