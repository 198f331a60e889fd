package performance

import (
	"fmt"
	"math"
	"slices"
)

// mostTilt bounds the logarithm of what one input does to a weight, so that sums of it
// stay finite; weights are cut far inside it.
const mostTilt = 300

// BalanceLabelled is Balance of rows of Traits whose labels are known, with what Balance
// alone gets wrong about lost values: labels holds the class of each row, any whole
// number from 0 on, −1 where it is not known.
//
// Where input j is missing, a row does not say where it lies, and Balance cannot weigh
// it by that. But its hidden values have moved as the seen ones have, and how often a
// label comes true there follows them: P(y given what is seen) moves for these rows,
// although P(y given all inputs) does not. The ratio of the new law to the old one over
// all inputs is w(x) = Π_j exp(u_j(x_j)), up to a factor, with u_j = θ_j·t_j(x_j). For what is known of a
// row, seen inputs s and label y, the ratio of the laws is its mean over what is not [D]:
//
//	p_new(s, y) ÷ p_old(s, y) = Π_{seen} exp(u_j) · E_old[ Π_{lost} exp(u_j(x_j)) | s, y ]
//
// as p_new(x, y) = w(x)·p_old(x, y). It takes that values get lost without regard to
// what they were among rows of one label. The mean is taken input by input and label by
// label, from rows where the input is seen and that lie, in their other inputs, where the window is:
//
//	r_j(y) = Σ w_i ÷ Σ w_i·exp(−u_j(x_ij))      over rows with label y and x_j seen
//
// so inputs are taken for independent within a label. Factors of an input are brought
// to a mean of 1 over its lost rows: how many there are is balanced already. Where
// nothing is missing, or no input with missing values moved, this is Balance.
//
// Errors: those of Balance, and ErrBadInput for other lengths or a label below −1.
func BalanceLabelled(rows [][]float64, labels []int, window []float64) (weights []float64, size float64, err error) {
	if err := checkTraits(rows, window); err != nil {
		return nil, 0, err
	}
	if len(labels) != len(rows) || len(window)%traitsOf != 0 {
		return nil, 0, fmt.Errorf("%w: %d rows of %d traits, %d labels", ErrBadInput, len(rows), len(window), len(labels))
	}
	classes := 0
	for i, y := range labels {
		if y < -1 {
			return nil, 0, fmt.Errorf("%w: label %d of row %d", ErrBadInput, y, i)
		}
		classes = max(classes, y+1)
	}
	x, target, spread := standardise(rows, window)
	balanced, theta := tilt(x, target)
	// Of traits as they are, and 0 for those that say nothing.
	raw := make([]float64, len(window))
	for j, k := 0, 0; j < len(raw); j++ {
		if spread[j] > 0 {
			raw[j] = theta[k] / spread[j]
			k++
		}
	}
	weights = make([]float64, len(rows))
	copy(weights, balanced)
	for j := 0; j < len(window); j += traitsOf {
		l := lost{at: j, theta: [2]float64{raw[j], raw[j+1]}, with: make([]float64, classes+1), without: make([]float64, classes+1)}
		l.learn(rows, labels, balanced)
		l.apply(rows, labels, balanced, weights)
	}
	return weights, clip(weights), nil
}

// lost is what an input does to the weight of rows that do not hold it. The last class
// stands for all labels together.
type lost struct {
	at            int // its first trait
	theta         [2]float64
	with, without []float64 // Σ weights of rows that hold it, with and without its part, by label
}

func (l *lost) learn(rows [][]float64, labels []int, w []float64) {
	all := len(l.with) - 1
	for i, r := range rows {
		if l.missing(r) {
			continue
		}
		u := float64(l.theta[0]*r[l.at]) + float64(l.theta[1]*r[l.at+1])
		less := w[i] * math.Exp(-min(max(u, -mostTilt), mostTilt))
		if y := labels[i]; y >= 0 {
			l.with[y] += w[i]
			l.without[y] += less
		}
		l.with[all] += w[i]
		l.without[all] += less
	}
}

func (l *lost) missing(row []float64) bool { return row[l.at+2] != 0 }

// factor of a lost row with a label; that of all labels where no row with this one
// holds the input.
func (l *lost) factor(y int) float64 {
	if y < 0 || !(l.with[y] > 0 && l.without[y] > 0) {
		y = len(l.with) - 1
	}
	return l.with[y] / l.without[y]
}

func (l *lost) apply(rows [][]float64, labels []int, balanced, weights []float64) {
	if last := len(l.with) - 1; !(l.with[last] > 0 && l.without[last] > 0) {
		return // seen nowhere
	}
	var sum, of float64
	for i, r := range rows {
		if l.missing(r) {
			sum += float64(balanced[i] * l.factor(labels[i]))
			of += balanced[i]
		}
	}
	if !(sum > 0 && of > 0) {
		return
	}
	for i, r := range rows {
		if l.missing(r) {
			weights[i] *= l.factor(labels[i]) * of / sum
		}
	}
}

// LearnBalanced is Learn from single rows, weighed as BalanceLabelled does for a window
// of which only the means of traits are known. Shapes: traits holds Traits of each row's
// inputs, window WindowTraits or MeanTraits on the same scales. Rows without a label of the
// classes, a class or a score in [0, 1] say nothing and are left out before.
//
// Errors: those of BalanceLabelled and LearnWeighted. With no rows that say something
// the estimator answers "not available".
func LearnBalanced(c Classes, rows []Scored, traits [][]float64, window []float64, minLabels uint64) (*Estimator, error) {
	if len(rows) != len(traits) {
		return nil, fmt.Errorf("%w: %d rows, traits of %d", ErrBadInput, len(rows), len(traits))
	}
	all, err := NewOutcomes(c)
	if err != nil {
		return nil, err
	}
	var speak []Scored
	var of [][]float64
	var labels []int
	for i, r := range rows {
		if _, _, ok := all.cellOf(r); ok {
			speak, of, labels = append(speak, r), append(of, traits[i]), append(labels, slices.Index(all.Classes.Names, r.Label))
		}
	}
	if len(speak) == 0 {
		return LearnWeighted(c, nil, nil, minLabels)
	}
	weights, _, err := BalanceLabelled(of, labels, window)
	if err != nil {
		return nil, err
	}
	return LearnWeighted(c, speak, weights, minLabels)
}
