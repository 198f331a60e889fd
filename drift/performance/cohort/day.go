package cohort

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/driftline/driftline/drift/performance"
	"github.com/driftline/driftline/sketches"
)

// Kinds of models, as the configuration names them.
const (
	Binary     = "binary"
	Multiclass = "multiclass"
	Regression = "regression"
)

// DayMS is one day.
const DayMS = int64(24 * 60 * 60 * 1000)

// MinGridRows is the least number of labelled rows that a regression's grid is made
// from. Convention: two hundred quantile cells want as many rows.
const MinGridRows = 200

// Spec says what a model answers and when its labels can be relied on.
type Spec struct {
	Kind       string
	Classes    []string // of a classifier, ascending; two of a binary one
	Positive   string   // of a binary classifier
	MaturityMS int64    // whole days
	Reason     string   // not empty: nothing can be counted, and why
}

// classes are those of a classifier.
func (s Spec) classes() performance.Classes {
	c := performance.Classes{Kind: performance.Multiclass, Names: s.Classes}
	if s.Kind == Binary {
		c.Kind, c.Positive = performance.Binary, s.Positive
	}
	return c
}

// Day is one day of a version.
type Day struct {
	StartMS int64
	Concept bool // the window that ended with the day was read as concept drift

	// Matured counts, by kind; nil while labels are awaited.
	Outcomes *performance.Outcomes
	Numbers  *performance.Numbers

	// Answers without labels, by kind: scores by class, and predictions on the grid of
	// Numbers. They are nil where nothing could be counted.
	Scores      *sketches.ScoreCounts
	Predictions *sketches.Counts

	// Inputs draws a sample of the day with its inputs; nil where none are kept.
	Inputs Inputs
}

// Mature tells whether the day has its labels.
func (d *Day) Mature() bool { return d.Outcomes != nil || d.Numbers != nil }

// Row is one prediction with what became of it, as it is stored.
type Row struct {
	Score    float64
	HasScore bool
	Class    string // predicted class or number as text, "" for none
	Label    string
	LabelMS  int64 // event time
	HasLabel bool
}

// number is the predicted number of a regression: the prediction, else the score.
func (r Row) number() (float64, bool) {
	if r.Class != "" {
		x, err := strconv.ParseFloat(r.Class, 64)
		return x, err == nil
	}
	return r.Score, r.HasScore
}

// labelled tells whether the label had come at the day's maturity (C4).
func (d *Day) labelled(r Row, s Spec) bool {
	return r.HasLabel && r.LabelMS <= d.StartMS+DayMS+s.MaturityMS
}

// NewDay makes a day without predictions. grid is that of the version's other days, for
// a regression; nil elsewhere. Errors: those of the counts.
func NewDay(s Spec, startMS int64, grid *sketches.Grid) (d *Day, err error) {
	d = &Day{StartMS: startMS}
	if s.Reason != "" {
		return nil, fmt.Errorf("%w: %s", performance.ErrBadInput, s.Reason)
	}
	if s.Kind == Regression {
		if d.Numbers, err = performance.NewNumbers(grid); err != nil {
			return nil, err
		}
		d.Predictions = sketches.NewCounts(grid)
		return d, nil
	}
	if d.Outcomes, err = performance.NewOutcomes(s.classes()); err != nil {
		return nil, err
	}
	d.Scores, err = newScores(s)
	return d, err
}

func newScores(s Spec) (*sketches.ScoreCounts, error) {
	names := slices.Clone(s.Classes)
	if len(names) < sketches.MaxClasses {
		names = append(names, "") // else what has no class is among the others
	}
	return sketches.NewScoreCounts(names)
}

// Add counts one prediction of the day.
func (d *Day) Add(s Spec, r Row) {
	labelled := d.labelled(r, s)
	if s.Kind == Regression {
		d.addNumber(r, labelled)
		return
	}
	x := r.scored()
	x.HasLabel = labelled
	d.Outcomes.Add(x)
	d.Scores.Add(r.Score, r.HasScore, r.Class)
}

func (d *Day) addNumber(r Row, labelled bool) {
	p, isNumber := r.number()
	f := performance.Forecast{Predicted: p, HasOutcome: labelled}
	if labelled {
		y, err := strconv.ParseFloat(r.Label, 64)
		f.Outcome = y
		isNumber = isNumber && err == nil
	}
	d.Predictions.AddRow()
	if !isNumber {
		if labelled { // counted beside, as the counts do with what is no number
			f.Predicted = nan
		}
		d.Numbers.Add(f)
		d.Predictions.Add(0, sketches.Null())
		return
	}
	d.Numbers.Add(f)
	d.Predictions.Add(0, sketches.Number(p))
}

// Grid makes the grid of a regression from labelled rows, nil where they are fewer than
// MinGridRows. Errors: those of performance.NumberGrid.
func Grid(rows []Row) (*sketches.Grid, error) {
	var p, y []float64
	for _, r := range rows {
		a, ok := r.number()
		b, err := strconv.ParseFloat(r.Label, 64)
		if r.HasLabel && ok && err == nil && finite(a) && finite(b) {
			p, y = append(p, a), append(y, b)
		}
	}
	if len(p) < MinGridRows {
		return nil, nil
	}
	return performance.NumberGrid(p, y)
}

// Counts encodes the matured counts, nil for none.
func (d *Day) Counts() []byte {
	switch {
	case d.Outcomes != nil:
		return d.Outcomes.Encode()
	case d.Numbers != nil:
		return d.Numbers.Encode()
	}
	return nil
}

// Answers encodes what there is without labels, nil for none.
func (d *Day) Answers() []byte {
	switch {
	case d.Scores != nil:
		return d.Scores.Encode()
	case d.Predictions != nil:
		return d.Predictions.EncodeRange(0, len(d.Predictions.Features))
	}
	return nil
}

// Decode reads what Counts and Answers wrote of a model of this kind; either may be
// empty. Counts of other classes than the model has now are left out: it answers
// something else since. grid is that of the version's days, for answers of a regression
// without counts.
//
// Errors: those of the decoders.
func Decode(s Spec, startMS int64, counts, answers []byte, grid *sketches.Grid) (d Day, err error) {
	d.StartMS = startMS
	if s.Kind == Regression {
		if len(counts) > 0 {
			if d.Numbers, err = performance.DecodeNumbers(counts); err != nil {
				return d, err
			}
			grid = d.Numbers.Grid()
		}
		if len(answers) > 0 && grid != nil {
			d.Predictions, err = sketches.DecodeCounts(grid, 0, len(grid.Features), answers)
		}
		return d, err
	}
	if len(counts) > 0 {
		if d.Outcomes, err = performance.DecodeOutcomes(counts); err != nil {
			return d, err
		}
		if !d.Outcomes.Classes.Equal(s.classes()) {
			d.Outcomes = nil
			return d, nil
		}
	}
	if len(answers) == 0 {
		return d, nil
	}
	if d.Scores, err = sketches.DecodeScoreCounts(answers); err != nil {
		return d, err
	}
	if now, err := newScores(s); err != nil || !slices.Equal(now.Classes, d.Scores.Classes) {
		d.Scores = nil
	}
	return d, nil
}

// GridOf is the grid of a version's days, nil where none has one yet.
func GridOf(days []Day) *sketches.Grid {
	for i := range days {
		if n := days[i].Numbers; n != nil {
			return n.Grid()
		}
	}
	return nil
}

var nan = math.NaN()

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
