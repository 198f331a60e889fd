package multivariate

import (
	"math"
	"slices"
)

// NewLimits calibrates the limits for one target from resampled runs: scores[r][t] is
// the largest score of run r at test t. Test by test, for the first tests, the limit is
// the one that 1 in target of the runs exceeds that had no alarm yet; from there on one
// limit holds for all tests, such that alarms come once in target tests. A run ends with
// its alarm, and one without an alarm counts with its length.
//
// Source: the scheme follows Cobb, Van Looveren and Klaise 2022‡, which has one limit
// per test up to twice the window.
func NewLimits(scores [][]float32, first int, target float64) Limits {
	out := Limits{Target: target}
	alive := slices.Clone(scores)
	column := make([]float64, 0, len(scores))
	for t := range first {
		column = column[:0]
		for _, run := range alive {
			column = append(column, float64(run[t]))
		}
		slices.Sort(column)
		limit := upper(column, float64(len(column))/target)
		out.First = append(out.First, limit)
		alive = slices.DeleteFunc(alive, func(run []float32) bool { return float64(run[t]) > limit })
	}
	// The rate of alarms falls as the limit rises: halve the interval.
	low, high := math.Inf(1), math.Inf(-1)
	for _, run := range alive {
		for _, x := range run[first:] {
			low, high = min(low, float64(x)), max(high, float64(x))
		}
	}
	for range 40 {
		limit := low + (high-low)/2
		alarms, tests := runLengths(alive, first, limit)
		if float64(alarms)*target > float64(tests) {
			low = limit
		} else {
			high, out.Alarms = limit, alarms
		}
	}
	out.Rest = high
	return out
}

// upper returns the value that k of the ascending values exceed, between two of them
// where k is not whole.
func upper(ascending []float64, k float64) float64 {
	whole := math.Floor(k)
	i := len(ascending) - 1 - int(whole)
	if i < 1 {
		return ascending[0]
	}
	return ascending[i] - float64((k-whole)*(ascending[i]-ascending[i-1]))
}

func runLengths(scores [][]float32, first int, limit float64) (alarms, tests int) {
	for _, run := range scores {
		for _, x := range run[first:] {
			tests++
			if float64(x) > limit {
				alarms++
				break
			}
		}
	}
	return alarms, tests
}
