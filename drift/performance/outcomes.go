package performance

import (
	"fmt"
	"math"
	"slices"

	"github.com/driftline/driftline/sketches"
)

// Kind is what a score speaks of.
type Kind uint8

// The kinds of classifiers.
const (
	// Binary: two classes; the score is the chance of the positive one.
	Binary Kind = 1
	// Multiclass: the score is the chance of the predicted class.
	Multiclass Kind = 2
)

// Classes names what a classifier can answer.
type Classes struct {
	Kind     Kind
	Names    []string // ascending, 2 … 32; two for Binary
	Positive string   // one of the names for Binary, empty for Multiclass
}

// Validate returns what is wrong. Errors: ErrBadInput.
func (c Classes) Validate() error {
	n := len(c.Names)
	switch {
	case c.Kind != Binary && c.Kind != Multiclass:
		return fmt.Errorf("%w: kind %d of classifier: want 1 (binary) or 2 (multiclass)", ErrBadInput, c.Kind)
	case n < 2 || n > sketches.MaxClasses:
		return fmt.Errorf("%w: %d classes: want 2 to %d, all of them named", ErrBadInput, n, sketches.MaxClasses)
	case c.Kind == Binary && n != 2:
		return fmt.Errorf("%w: %d classes of a binary classifier: want 2", ErrBadInput, n)
	case c.Kind == Binary && !slices.Contains(c.Names, c.Positive):
		return fmt.Errorf("%w: positive class %q is none of %q", ErrBadInput, c.Positive, c.Names)
	case c.Kind == Multiclass && c.Positive != "":
		return fmt.Errorf("%w: positive class %q of a classifier with many: leave it empty", ErrBadInput, c.Positive)
	}
	for i, name := range c.Names {
		if len(name) > sketches.MaxCategoryBytes {
			return fmt.Errorf("%w: class %.40q… has %d bytes, at most %d", ErrBadInput, name, len(name), sketches.MaxCategoryBytes)
		}
		if i > 0 && c.Names[i-1] >= name {
			return fmt.Errorf("%w: classes %q do not ascend", ErrBadInput, c.Names)
		}
	}
	return nil
}

// Equal reports whether counts of both fit together.
func (c Classes) Equal(o Classes) bool {
	return c.Kind == o.Kind && c.Positive == o.Positive && slices.Equal(c.Names, o.Names)
}

// positive is the index of the positive class.
func (c Classes) positive() int { return slices.Index(c.Names, c.Positive) }

// Scored is one prediction, with what became of it.
type Scored struct {
	Score     float64
	HasScore  bool
	Predicted string
	HasClass  bool
	Label     string
	HasLabel  bool
}

// Outcomes counts a cohort: score cell × predicted class × label. The cells are those
// of sketches.ScoreCounts, a thousand equal ones on [0, 1]. All state is whole
// numbers (M1). It is not safe for concurrent use.
//
// A predicted class that is not named is counted and is never right; a label that is
// not named says nothing, for it may be a class that the model was never meant to
// know: both are counters to look at.
type Outcomes struct {
	Classes Classes

	Unlabelled   uint64 // predictions whose label is not there (yet)
	StrangeLabel uint64 // … whose label is none of the classes
	NoClass      uint64 // … labelled, but without a predicted class

	rows []row // predicted class × label; the last predicted class is "not named"

	// Over labelled predictions with a class and a score in [0, 1], in steps of 1e-9
	// each rounded half to even; y is 1 where what the score speaks of came true.
	scoreSum, brierSum, lossSum sketches.Int128
}

// row is one pair of predicted class and label.
type row struct {
	cells          []uint64 // nil until the first score
	null, nan, out uint64   // labelled and classed, but without a score to use
}

// nano is the fixed point of the sums.
const nano = 1e9

// clipChance keeps the logarithm of a chance finite; in float64 1 − 1e-15 is not 1.
const clipChance = 1e-15

// NewOutcomes makes zero counts. Errors: ErrBadInput.
func NewOutcomes(c Classes) (*Outcomes, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c.Names = slices.Clone(c.Names)
	k := len(c.Names)
	return &Outcomes{Classes: c, rows: make([]row, (k+1)*k)}, nil
}

// row finds the counters of a predicted class, len(Names) being "not named", and a
// label.
func (o *Outcomes) row(predicted, label int) *row {
	return &o.rows[predicted*len(o.Classes.Names)+label]
}

// Add counts one prediction.
func (o *Outcomes) Add(s Scored) { o.addTimes(s, 1) }

// Remove takes one out that was added: a correction of a label is a Remove of the old
// and an Add of the new. Errors: sketches.ErrNegative, and nothing changed.
func (o *Outcomes) Remove(s Scored) error {
	to, cell := o.place(s)
	if *to == 0 {
		return errNotCounted
	}
	*to--
	o.addLosses(s, cell, -1)
	return nil
}

// addTimes counts one prediction as many times, at most 2²³.
func (o *Outcomes) addTimes(s Scored, times uint64) {
	to, cell := o.place(s)
	*to += times
	o.addLosses(s, cell, int64(times))
}

func (o *Outcomes) addLosses(s Scored, cell int, times int64) {
	if cell < 0 {
		return
	}
	loss := o.losses(s)
	for i, sum := range []*sketches.Int128{&o.scoreSum, &o.brierSum, &o.lossSum} {
		*sum, _ = sum.Add(sketches.Int128From(loss[i] * times)) // 2⁹⁰ predictions would not fill it
	}
}

// place returns the counter of a prediction (M2), and its cell or −1.
func (o *Outcomes) place(s Scored) (counter *uint64, cell int) {
	if !s.HasLabel {
		return &o.Unlabelled, -1
	}
	label, found := slices.BinarySearch(o.Classes.Names, s.Label)
	if !found {
		return &o.StrangeLabel, -1
	}
	if !s.HasClass {
		return &o.NoClass, -1
	}
	predicted, found := slices.BinarySearch(o.Classes.Names, s.Predicted)
	if !found {
		predicted = len(o.Classes.Names)
	}
	r := o.row(predicted, label)
	switch {
	case !s.HasScore:
		return &r.null, -1
	case s.Score != s.Score:
		return &r.nan, -1
	case s.Score < 0 || s.Score > 1:
		return &r.out, -1
	}
	if r.cells == nil {
		r.cells = make([]uint64, sketches.ScoreCells)
	}
	cell = sketches.ScoreCell(s.Score)
	return &r.cells[cell], cell
}

// cellOf returns predicted class and cell of a prediction that is in one.
func (o *Outcomes) cellOf(s Scored) (predicted, cell int, ok bool) {
	if _, cell = o.place(s); cell < 0 {
		return 0, 0, false
	}
	predicted, found := slices.BinarySearch(o.Classes.Names, s.Predicted)
	if !found {
		predicted = len(o.Classes.Names)
	}
	return predicted, cell, true
}

// losses are score, squared error and log loss of a scored prediction, in steps of
// 1e-9.
func (o *Outcomes) losses(s Scored) [3]int64 {
	right, miss := s.Score, 1-s.Score
	if o.Classes.Kind == Binary && s.Label != o.Classes.Positive || o.Classes.Kind == Multiclass && s.Label != s.Predicted {
		right, miss = miss, right
	}
	loss := -math.Log(min(max(right, clipChance), 1-clipChance))
	return [3]int64{steps(s.Score), steps(float64(miss * miss)), steps(loss)}
}

func steps(x float64) int64 { return int64(math.RoundToEven(float64(x * nano))) }
