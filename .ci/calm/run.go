package main

import (
	"math"
	"slices"
)

// Streams of the generator.
const (
	streamReference      = 1
	streamNull           = 2
	streamChange         = 3 // and above, by alternative
	streamExactReference = 101
	streamExactRun       = 102
)

// result is what one line of the table measured, by target.
type result struct {
	lengths [][]float64   // run lengths without drift, in tests
	delays  [][][]float64 // by alternative: changed rows up to the alarm
	early   []int         // runs that were left out: an alarm before the change
}

func newResult(targets, alternatives int) *result {
	r := &result{lengths: make([][]float64, targets), delays: make([][][]float64, alternatives), early: make([]int, targets)}
	for i := range r.delays {
		r.delays[i] = make([][]float64, targets)
	}
	return r
}

func (r *result) join(o *result) {
	for t := range r.lengths {
		r.lengths[t] = append(r.lengths[t], o.lengths[t]...)
		r.early[t] += o.early[t]
		for a := range r.delays {
			r.delays[a][t] = append(r.delays[a][t], o.delays[a][t]...)
		}
	}
}

// measure runs one line on one reference. A run without drift ends with the alarm of
// the highest target, or at cut times the highest target.
func measure(d detector, null *source, alternatives []*source, seed uint64, targets []float64, runs, nulls int) *result {
	const cut = 12
	out := newResult(len(targets), len(alternatives))
	x := make([]float64, null.dim)
	longest := slices.Max(targets)
	for run := range nulls {
		d.reset()
		found := make([]bool, len(targets))
		for i, left := uint64(0), len(targets); left > 0; i++ {
			null.draw(x, seed, streamNull, uint64(run)<<32|i)
			score, test := d.push(x)
			if test < 0 {
				continue
			}
			for t := range targets {
				if !found[t] && (score > d.limit(t, test) || float64(test) > cut*longest) {
					found[t], left = true, left-1
					out.lengths[t] = append(out.lengths[t], float64(test+1))
				}
			}
		}
	}
	for a, alternative := range alternatives {
		for run := range runs {
			d.reset()
			found := make([]bool, len(targets))
			changed := 0
			for i, left := uint64(0), len(targets); left > 0; i++ {
				from := null
				if changed > 0 {
					from = alternative
				}
				from.draw(x, seed, streamChange+uint64(a), uint64(run)<<32|i)
				score, test := d.push(x)
				if test < 0 {
					continue
				}
				for t := range targets {
					if found[t] || score <= d.limit(t, test) && changed < most {
						continue
					}
					found[t], left = true, left-1
					if changed == 0 {
						out.early[t]++
					} else {
						out.delays[a][t] = append(out.delays[a][t], float64(changed))
					}
				}
				changed++ // the next row is one of the change: the first test was the last without
			}
		}
	}
	return out
}

// most bounds a delay.
const most = 5000

// meanOf returns mean and standard error.
func meanOf(x []float64) (mean, se float64) {
	n, square := float64(len(x)), 0.0
	for _, v := range x {
		mean += v / n
	}
	for _, v := range x {
		square += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(square / (n - 1) / n)
}

// within returns the share of values up to limit.
func within(x []float64, limit float64) float64 {
	k := 0
	for _, v := range x {
		if v <= limit {
			k++
		}
	}
	return float64(k) / float64(len(x))
}
