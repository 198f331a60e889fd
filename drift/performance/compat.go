package performance

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Compat is an estimate by the definitions of NannyML, from raw rows, for people who
// move over. It is never a native figure.
type Compat struct {
	TP, FP, FN, TN                  float64 // expected counts
	Accuracy, Precision, Recall, F1 float64
	ROCAUC                          float64 // NaN where one class has no weight
}

// NannyCBPE reproduces confidence-based performance estimation as that library defines
// it: p are calibrated chances, predicted says whether the class given was positive,
// score ranks for the AUC. Unlike the native AUC, cumulative chances are rounded to
// five decimals and equal scores are taken one by one, the later row first.
//
// Errors: ErrBadInput for lengths that differ, no rows, or a chance outside [0, 1].
func NannyCBPE(p []float64, predicted []bool, score []float64) (Compat, error) {
	n := len(p)
	if n == 0 || len(predicted) != n || len(score) != n {
		return Compat{}, fmt.Errorf("%w: %d chances, %d classes, %d scores", ErrBadInput, n, len(predicted), len(score))
	}
	var c Compat
	order := make([]int, n)
	for i, x := range p {
		if !(x >= 0 && x <= 1) {
			return Compat{}, fmt.Errorf("%w: chance %v in row %d", ErrBadInput, x, i)
		}
		if predicted[i] {
			c.TP += x
			c.FP += 1 - x
		} else {
			c.FN += x
			c.TN += 1 - x
		}
		order[i] = i
	}
	c.Accuracy = (c.TP + c.TN) / float64(n)
	c.Precision, c.Recall = c.TP/(c.TP+c.FP), c.TP/(c.TP+c.FN)
	c.F1 = c.TP / (c.TP + 0.5*(c.FP+c.FN))

	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(score[a], score[b]) })
	slices.Reverse(order)
	const decimals = 1e5
	tp, fp := make([]float64, n+1), make([]float64, n+1)
	sum := 0.0
	for i, at := range order {
		sum += p[at]
		tp[i+1] = math.RoundToEven(sum*decimals) / decimals
		fp[i+1] = math.RoundToEven((float64(i+1)-sum)*decimals) / decimals
	}
	area := 0.0
	for i := range n {
		area += float64((fp[i+1] - fp[i]) * (tp[i+1] + tp[i]) / 2)
	}
	c.ROCAUC = area / float64(tp[n]*fp[n])
	if tp[n] == 0 || fp[n] == 0 {
		c.ROCAUC = math.NaN()
	}
	return c, nil
}

// NannyNeedsCalibration says whether that library would calibrate: only if an
// isotonic map, fitted without it, lowers the calibration error in ten quantile bins
// of held-out tenths, on average. The library draws its tenths at random from fixed
// seeds; here a tenth is every tenth row, so that in close cases the answers differ.
//
// Errors: ErrBadInput for lengths that differ, fewer than 20 rows, or a score that is
// not finite.
func NannyNeedsCalibration(score []float64, label []bool) (bool, error) {
	const tenths, least = 10, 20
	if len(score) != len(label) || len(score) < least {
		return false, fmt.Errorf("%w: %d scores, %d labels, want as many and at least %d", ErrBadInput, len(score), len(label), least)
	}
	before, after := 0.0, 0.0
	for held := range tenths {
		var x, raw, out []float64
		var k, n []uint64
		var truth []bool
		for i, s := range score {
			if i%tenths == held {
				raw, truth = append(raw, s), append(truth, label[i])
				continue
			}
			x, n = append(x, s), append(n, 1)
			k = append(k, 0)
			if label[i] {
				k[len(k)-1] = 1
			}
		}
		f, err := FitIsotonic(x, k, n)
		if err != nil {
			return false, err
		}
		for _, s := range raw {
			if !finite(s) {
				return false, fmt.Errorf("%w: score %v", ErrBadInput, s)
			}
			out = append(out, f.At(s))
		}
		before += binnedError(raw, truth)
		after += binnedError(out, truth)
	}
	return after < before, nil
}

// binnedError is Σ rows·|mean chance − positive share| ÷ rows in ten bins of equal
// counts by chance.
func binnedError(chance []float64, label []bool) float64 {
	order := make([]int, len(chance))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(chance[a], chance[b]) })
	sum := 0.0
	for b := range calibrationBins {
		gap := 0.0
		for _, i := range order[len(order)*b/calibrationBins : len(order)*(b+1)/calibrationBins] {
			gap += chance[i]
			if label[i] {
				gap--
			}
		}
		sum += math.Abs(gap)
	}
	return sum / float64(len(chance))
}
