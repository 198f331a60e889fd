package judge

import (
	"cmp"
	"math"
	"slices"
)

// Names of metrics, as configuration and reports write them.
const (
	Accuracy         = "accuracy"
	Precision        = "precision"
	Recall           = "recall"
	F1               = "f1"
	ROCAUC           = "roc_auc"
	AveragePrecision = "average_precision"
	LogLoss          = "log_loss"
	Brier            = "brier"
	MacroF1          = "macro_f1"
	WeightedF1       = "weighted_f1"
	RMSE             = "rmse"
	MAE              = "mae"
	R2               = "r2"
	Pearson          = "pearson"
	MeanIC           = "mean_ic" // mean over days of Spearman between prediction and outcome
)

// Direction says which way a metric is better.
type Direction string

// The two directions.
const (
	Higher Direction = "higher"
	Lower  Direction = "lower"
)

// binarySide holds one model's scores, ready to be measured under many weightings of
// the days: sums per day for what is a sum, rows in order of score for what is not.
type binarySide struct {
	days   []dayCounts
	sorted []int32 // rows by falling score
	scores []float64
	labels []int
	dayOf  []int
}

type dayCounts struct{ tp, fp, fn, tn, logLoss, brier float64 }

// newBinarySide takes the day of each row as an index from 0.
func newBinarySide(scores []float64, labels, dayOf []int, threshold float64) *binarySide {
	s := &binarySide{scores: scores, labels: labels, dayOf: dayOf, sorted: make([]int32, len(scores))}
	for i, d := range dayOf {
		for len(s.days) <= d {
			s.days = append(s.days, dayCounts{})
		}
		c := &s.days[d]
		switch positive := scores[i] >= threshold; {
		case positive && labels[i] == 1:
			c.tp++
		case positive:
			c.fp++
		case labels[i] == 1:
			c.fn++
		default:
			c.tn++
		}
		c.logLoss += logLoss(scores[i], labels[i])
		miss := scores[i] - float64(labels[i])
		c.brier += float64(miss * miss)
		s.sorted[i] = int32(i)
	}
	slices.SortFunc(s.sorted, func(a, b int32) int {
		return cmp.Or(cmp.Compare(scores[b], scores[a]), cmp.Compare(a, b))
	})
	return s
}

// value is the metric where day d counts weight[d] times.
func (s *binarySide) value(name string, weight []float64) Value {
	var c dayCounts
	for d, day := range s.days {
		w := weight[d]
		c.tp += float64(w * day.tp)
		c.fp += float64(w * day.fp)
		c.fn += float64(w * day.fn)
		c.tn += float64(w * day.tn)
		c.logLoss += float64(w * day.logLoss)
		c.brier += float64(w * day.brier)
	}
	n := c.tp + c.fp + c.fn + c.tn
	if n == 0 {
		return undefined(noRows)
	}
	switch name {
	case Accuracy:
		return number((c.tp + c.tn) / n)
	case Precision:
		return ratio(c.tp, c.tp+c.fp, "no row is predicted positive")
	case Recall:
		return ratio(c.tp, c.tp+c.fn, "no row is positive")
	case F1:
		return ratio(2*c.tp, 2*c.tp+c.fp+c.fn, "no row is positive or predicted positive")
	case LogLoss:
		return number(c.logLoss / n)
	case Brier:
		return number(c.brier / n)
	case ROCAUC:
		return s.rank(weight, false)
	case AveragePrecision:
		return s.rank(weight, true)
	}
	return undefined("unknown metric " + name)
}

// rank sweeps the rows by falling score, equal scores together, so that the order of
// rows never matters.
//
// ROC AUC is the Mann-Whitney statistic with ties counting half; average precision is
// Σ (R_k − R_{k−1})·P_k over the distinct scores.
func (s *binarySide) rank(weight []float64, precision bool) Value {
	var tp, fp, wins, ap float64
	for lo := 0; lo < len(s.sorted); {
		hi := lo
		var p, n float64
		for ; hi < len(s.sorted) && s.scores[s.sorted[hi]] == s.scores[s.sorted[lo]]; hi++ {
			i := s.sorted[hi]
			if s.labels[i] == 1 {
				p += weight[s.dayOf[i]]
			} else {
				n += weight[s.dayOf[i]]
			}
		}
		wins += float64(n * (tp + p/2)) // pairs this group's negatives lose
		tp += p
		fp += n
		if p > 0 {
			ap += float64(p * (tp / (tp + fp)))
		}
		lo = hi
	}
	switch {
	case tp == 0:
		return undefined("no row is positive")
	case precision:
		return number(ap / tp)
	case fp == 0:
		return undefined("every row is positive")
	}
	return number(wins / float64(tp*fp))
}

// improvement is how much better a challenger's value is, positive = better.
func improvement(champion, challenger float64, d Direction) float64 {
	if d == Lower {
		return champion - challenger
	}
	return challenger - champion
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
