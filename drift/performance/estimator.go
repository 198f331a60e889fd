package performance

import (
	"fmt"
	"math"

	"github.com/driftline/driftline/sketches"
)

// DefaultMinLabels is the least number of labelled, scored rows that an estimate may
// rest on. Convention: a share of so few is good to 0.035 at best.
const DefaultMinLabels = 200

// Estimator knows, from matured cohorts, how often what a score speaks of comes true.
// It is immutable and may be shared.
type Estimator struct {
	classes Classes
	maps    []*Map      // one for Binary; for Multiclass one per predicted class, nil without labels
	wrong   [][]float64 // [predicted][label]: of the wrong answers, the share with this label
	labels  uint64
	// effective is Kish's number of labels: those that count alike would be worth as much.
	effective float64
	reason    string // not empty: no estimate can be made

	// optimism is by how much the estimates of the cohorts learnt from lie above what
	// their labels showed, by figure.
	optimism [figures]float64
}

// pooled merges cohorts into a new one.
func pooled[C interface {
	Clone() C
	Merge(other C) error
}](cohorts []C) (all C, err error) {
	if len(cohorts) == 0 {
		return all, fmt.Errorf("%w: no cohorts to learn from", ErrBadInput)
	}
	all = cohorts[0].Clone()
	for _, c := range cohorts[1:] {
		if err := all.Merge(c); err != nil {
			return all, err
		}
	}
	return all, nil
}

// Learn takes the calibration from matured cohorts of one model and version. They must
// be rows that the model was not trained on, and older than what is to be estimated.
// Fewer than minLabels labelled rows with a score are no error: the estimator then
// answers "not available" and says why.
//
// Errors: ErrBadInput for no cohorts, sketches.ErrGridMismatch, sketches.ErrOverflow.
func Learn(cohorts []*Outcomes, minLabels uint64) (*Estimator, error) {
	all, err := pooled(cohorts)
	if err != nil {
		return nil, err
	}
	e := &Estimator{classes: all.Classes}
	_, said := all.spoken(-1)
	for _, n := range said {
		e.labels += n
	}
	e.effective = float64(e.labels)
	return e, e.learn(all, nil, minLabels)
}

// weightUnit is the fixed point of weights: the map then comes from whole numbers, as
// without weights.
const weightUnit = 1 << 16

// LearnWeighted is Learn from rows, each counted with the weight that Balance gave it,
// so that the labels speak for a window whose inputs have moved. Rows without a label,
// a class or a score in [0, 1] say nothing. The number of labels that counts against
// minLabels is Kish's: far from all labelled rows the estimator answers "not available".
//
// Errors: ErrBadInput for bad classes, other lengths, or a weight outside [0.01, 100].
func LearnWeighted(c Classes, rows []Scored, weights []float64, minLabels uint64) (*Estimator, error) {
	if len(rows) != len(weights) {
		return nil, fmt.Errorf("%w: %d rows, %d weights", ErrBadInput, len(rows), len(weights))
	}
	all, err := NewOutcomes(c)
	if err != nil {
		return nil, err
	}
	e := &Estimator{classes: all.Classes}
	squares := make([][]float64, len(c.Names)+1) // Σ weight² by predicted class and cell
	var sum, square float64
	for i, r := range rows {
		if !(weights[i] >= 1.0/weightRange && weights[i] <= weightRange) {
			return nil, fmt.Errorf("%w: weight %v of row %d: want 0.01 to 100", ErrBadInput, weights[i], i)
		}
		w := math.RoundToEven(float64(weights[i] * weightUnit))
		all.addTimes(r, uint64(w))
		p, cell, ok := all.cellOf(r)
		if !ok {
			continue
		}
		if squares[p] == nil {
			squares[p] = make([]float64, sketches.ScoreCells)
		}
		squares[p][cell] += float64(w * w)
		e.labels++
		sum += w
		square += float64(w * w)
	}
	if e.labels > 0 {
		e.effective = float64(sum*sum) / square
	}
	return e, e.learn(all, squares, minLabels)
}

// learn fits the maps to counts, weighted where squares are given.
func (e *Estimator) learn(all *Outcomes, squares [][]float64, minLabels uint64) error {
	if e.refuse(all, max(minLabels, 1)); e.reason != "" {
		return nil
	}
	if err := e.fit(all, squares); err != nil {
		return err
	}
	return e.measureOptimism(all)
}

// The figures of an estimate that are corrected, in the order of pointers().
const figures = 7

// measureOptimism estimates the cohorts learnt from. An ascending fit flatters itself:
// its chances are spread a little too far, and where the decision lies it turns ups
// and downs into a step. Its own labels show by how much, and estimates of other
// windows are corrected by it. Without drift an estimate then has no bias, to first order [D].
func (e *Estimator) measureOptimism(all *Outcomes) error {
	est, err := e.Estimate(all.Answers(), EstimateOptions{Level: 0.5})
	if err != nil {
		return err
	}
	came := all.measure(false)
	for i, was := range []Value{came.Accuracy, came.LogLoss, came.Brier, came.Precision, came.Recall, came.F1, came.ROCAUC} {
		if is := est.pointers()[i]; is.Defined() && was.Defined() {
			e.optimism[i] = is.Number - was.Number
		}
	}
	return nil
}

// refuse sets the reason for which nothing can be estimated.
func (e *Estimator) refuse(all *Outcomes, least uint64) {
	null, nan, out := all.Beside()
	switch {
	case e.labels == 0 && null+nan+out > 0:
		e.reason = fmt.Sprintf("none of %d labelled answers has a score in [0, 1]", null+nan+out)
	case e.labels == 0:
		e.reason = "no labels have matured yet"
	case e.labels < least:
		e.reason = fmt.Sprintf("%d labelled rows with a score, at least %d are needed", e.labels, least)
	case e.effective < float64(least):
		e.reason = fmt.Sprintf("%d labelled rows count like %.0f where the inputs are now, at least %d are needed", e.labels, e.effective, least)
	}
	if e.reason != "" {
		return
	}
	seen := 0
	for _, n := range all.LabelCounts() {
		if n > 0 {
			seen++
		}
	}
	if seen < 2 {
		e.reason = "the labels hold one class only"
	}
}

func (e *Estimator) fit(all *Outcomes, squares [][]float64) error {
	k := len(e.classes.Names)
	if e.classes.Kind == Binary {
		came, said := all.spoken(-1)
		m, err := FitMap(came, said)
		if err != nil {
			return err
		}
		m.weigh(squares...)
		e.maps = []*Map{m}
		return nil
	}
	e.maps, e.wrong = make([]*Map, k), make([][]float64, k+1)
	confusion := all.Confusion()
	for p := range k + 1 {
		e.wrong[p] = make([]float64, k)
		total := 0.0
		for label := range k {
			if label != p {
				total += float64(confusion[label][p])
			}
		}
		for label := range k {
			if label != p && total > 0 {
				e.wrong[p][label] = float64(confusion[label][p]) / total
			} else if label != p {
				// Never seen wrong: nothing is known, all labels alike.
				e.wrong[p][label] = 1 / float64(max(1, k-1))
			}
		}
		if p == k {
			continue
		}
		came, said := all.spoken(p)
		var n uint64
		for _, x := range said {
			n += x
		}
		if n == 0 {
			continue
		}
		m, err := FitMap(came, said)
		if err != nil {
			return err
		}
		if squares != nil {
			m.weigh(squares[p])
		}
		e.maps[p] = m
	}
	return nil
}

// Labels returns how many labelled rows the estimator rests on.
func (e *Estimator) Labels() uint64 { return e.labels }

// Effective returns how many labels that count alike it is worth: fewer with weights.
func (e *Estimator) Effective() float64 { return e.effective }

// Unavailable returns why no estimate can be made, "" where it can.
func (e *Estimator) Unavailable() string { return e.reason }

// Chance returns the chance that what a score in the cell speaks of is true: the
// positive class for Binary (class is ignored), the predicted class for Multiclass.
// NaN where nothing is known.
func (e *Estimator) Chance(class, cell int) float64 {
	if m := e.mapOf(class); m != nil {
		return m.Chance(cell)
	}
	return math.NaN()
}

func (e *Estimator) mapOf(class int) *Map {
	switch {
	case e.reason != "":
		return nil
	case e.classes.Kind == Binary:
		return e.maps[0]
	case class >= 0 && class < len(e.maps):
		return e.maps[class]
	}
	return nil
}

// DesignEffect is how many rows weigh as one in the errors of estimates of days like
// these: the mean over days of (right − expected)² over its variance for independent
// rows, at least 1; 1 without days. The days should be others than those learnt from.
func (e *Estimator) DesignEffect(days []*Outcomes) float64 {
	var sum, n float64
	for _, d := range days {
		if e.reason != "" || !d.Classes.Equal(e.classes) {
			continue
		}
		var right, expected, variance float64
		k := len(e.classes.Names)
		for p := range k {
			for label := range k {
				cells := d.row(p, label).cells
				for c, x := range cells {
					if x == 0 {
						continue
					}
					m := e.mapOf(p)
					if m == nil {
						continue
					}
					q := m.Chance(c)
					if e.classes.Kind == Binary && p != e.classes.positive() {
						q = 1 - q
					}
					rows := float64(x)
					if p == label {
						right += rows
					}
					expected += float64(rows * q)
					variance += float64(rows*q) * (1 - q)
				}
			}
		}
		if variance > 0 {
			sum += float64((right-expected)*(right-expected)) / variance
			n++
		}
	}
	if n == 0 {
		return 1
	}
	return max(1, sum/n)
}
