package judge

import (
	"cmp"
	"slices"
)

// multiSide holds one model's class predictions as sums per day.
type multiSide struct {
	k    int
	days []multiDay
}

type multiDay struct {
	n, logLoss, brier float64
	confusion         []float64 // [label·k + predicted]
}

func newMultiSide(chances []float64, labels, dayOf []int, k int) *multiSide {
	s := &multiSide{k: k}
	for i, d := range dayOf {
		for len(s.days) <= d {
			s.days = append(s.days, multiDay{confusion: make([]float64, k*k)})
		}
		row, day := chances[i*k:(i+1)*k], &s.days[d]
		day.n++
		day.logLoss += logLoss(row[labels[i]], 1)
		day.brier += classBrier(row, labels[i])
		day.confusion[labels[i]*k+largest(row)]++
	}
	return s
}

func (s *multiSide) value(metric string, weight []float64) Value {
	sum := multiDay{confusion: make([]float64, s.k*s.k)}
	for d, day := range s.days {
		w := weight[d]
		sum.n += float64(w * day.n)
		sum.logLoss += float64(w * day.logLoss)
		sum.brier += float64(w * day.brier)
		for i, c := range day.confusion {
			sum.confusion[i] += float64(w * c)
		}
	}
	switch metric {
	case LogLoss:
		return ratio(sum.logLoss, sum.n, noRows)
	case Brier:
		return ratio(sum.brier, sum.n, noRows)
	case Accuracy:
		right := 0.0
		for c := range s.k {
			right += sum.confusion[c*s.k+c]
		}
		return ratio(right, sum.n, noRows)
	case MacroF1, WeightedF1:
		return s.meanF1(sum.confusion, metric == WeightedF1)
	}
	return undefined("unknown metric " + metric)
}

// meanF1 follows Multiclass: undefined for a class that no row has or is given.
func (s *multiSide) meanF1(confusion []float64, weighted bool) Value {
	var sum, total float64
	for c := range s.k {
		var support, predicted float64
		for other := range s.k {
			support += confusion[c*s.k+other]
			predicted += confusion[other*s.k+c]
		}
		w := 1.0
		if weighted {
			w = support
		}
		if w == 0 {
			continue
		}
		v := ratio(2*confusion[c*s.k+c], support+predicted, "a class that no row has or is given")
		if !v.Defined() {
			return v
		}
		sum += float64(w * v.Number)
		total += w
	}
	return ratio(sum, total, noRows)
}

// numberSide holds one model's numeric predictions as sums per day, in order of days.
type numberSide struct{ days []dayMoments }

func newNumberSide(points []Point) *numberSide {
	s := &numberSide{}
	eachDay(points, func(_ int32, m dayMoments) { s.days = append(s.days, m) })
	return s
}

// eachDay yields the sums of every day, ascending.
func eachDay(points []Point, yield func(day int32, m dayMoments)) {
	sorted := slices.Clone(points)
	slices.SortStableFunc(sorted, func(a, b Point) int { return cmp.Compare(a.Day, b.Day) })
	meanP, meanA := means(sorted)
	for lo := 0; lo < len(sorted); {
		hi := lo
		for hi < len(sorted) && sorted[hi].Day == sorted[lo].Day {
			hi++
		}
		yield(sorted[lo].Day, momentsOf(sorted[lo:hi], meanP, meanA))
		lo = hi
	}
}

func (s *numberSide) value(metric string, weight []float64) Value {
	switch metric {
	case RMSE:
		return rmse(s.days, weight)
	case MAE:
		return mae(s.days, weight)
	case R2:
		return r2(s.days, weight)
	case Pearson:
		return pearson(s.days, weight)
	case MeanIC:
		return meanIC(s.days, weight)
	}
	return undefined("unknown metric " + metric)
}
