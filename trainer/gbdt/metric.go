package gbdt

import (
	"cmp"
	"math"
	"slices"
)

// metricsOf lists the evaluation metrics of an objective; the first is its default.
func metricsOf(objective string) []string {
	switch objective {
	case Logistic:
		return []string{"logloss", "auc", "error"}
	case Softprob:
		return []string{"mlogloss", "merror"}
	default:
		return []string{"rmse", "mae"}
	}
}

// metricName is the metric training reports.
func (p Params) metricName() string {
	if p.EvalMetric != "" {
		return p.EvalMetric
	}
	return metricsOf(p.Objective)[0]
}

// better tells whether metric value a beats b; NaN beats nothing.
func better(name string, a, b float64) bool {
	if math.IsNaN(b) {
		return !math.IsNaN(a)
	}
	if name == "auc" {
		return a > b
	}
	return a < b
}

// evaluate computes a metric from row-major margins. A table that leaves the metric
// undefined (auc with one class) gives NaN.
func evaluate(name, objective string, margins, y []float32, groups int) float64 {
	if name == "auc" {
		return rankAUC(margins, y)
	}
	var sum float64
	for i, label := range y {
		row := margins[i*groups : (i+1)*groups]
		m := float64(row[0])
		switch name {
		case "logloss":
			// −log of the chance of the label, from the margin: no clipping needed.
			if label == 1 {
				m = -m
			}
			sum += max(m, 0) + math.Log1p(math.Exp(-math.Abs(m)))
		case "error":
			if (m > 0) != (label == 1) {
				sum++
			}
		case "mlogloss":
			top, total := softmaxParts(row)
			sum += math.Log(total) + top - float64(row[int(label)])
		case "merror":
			best := 0
			for c := range row {
				if row[c] > row[best] {
					best = c
				}
			}
			if best != int(label) {
				sum++
			}
		case "rmse":
			d := m - float64(label)
			sum += float64(d * d)
		case "mae":
			sum += math.Abs(m - float64(label))
		}
	}
	mean := sum / float64(len(y))
	if name == "rmse" {
		return math.Sqrt(mean)
	}
	return mean
}

// rankAUC is the Mann-Whitney statistic with mid-ranks: ties count half.
func rankAUC(scores, y []float32) float64 {
	order := make([]int32, len(y))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(scores[a], scores[b]) })
	var wins, below, pos float64 // wins: pairs won by a positive, ties a half
	for lo := 0; lo < len(order); {
		hi := lo
		var p, n float64
		for ; hi < len(order) && scores[order[hi]] == scores[order[lo]]; hi++ {
			if y[order[hi]] == 1 {
				p++
			} else {
				n++
			}
		}
		wins += p * (below + n/2)
		below += n
		pos += p
		lo = hi
	}
	if pos == 0 || below == 0 {
		return math.NaN()
	}
	return wins / (pos * below)
}
