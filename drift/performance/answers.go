package performance

import (
	"fmt"
	"slices"

	"github.com/driftline/driftline/sketches"
)

// Answers are the predictions of a window as far as an estimate needs them: score
// cells by predicted class. They need no labels.
type Answers struct {
	Classes Classes
	cells   [][]uint64 // by class, len(Names) being "not named"; nil for none
	LeftOut uint64     // without a class, or without a score in [0, 1]
}

// AnswersOf takes the predictions that the stream counted for a window.
//
// Errors: ErrBadInput for bad classes, or counts in which a class of the model has no
// row of its own.
func AnswersOf(c Classes, counts *sketches.ScoreCounts) (*Answers, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	for _, name := range c.Names {
		if !slices.Contains(counts.Classes, name) {
			return nil, fmt.Errorf("%w: class %q was not counted by itself, only %q: name it in the model's classes", ErrBadInput, name, counts.Classes)
		}
	}
	a := newAnswers(c)
	for i := range len(counts.Classes) + 1 {
		null, nan, outside := counts.Beside(i)
		a.LeftOut += null + nan + outside
		to, known := len(c.Names), false
		if i < len(counts.Classes) {
			at, found := slices.BinarySearch(c.Names, counts.Classes[i])
			if found {
				to = at
			}
			known = counts.Classes[i] != "" || found
		}
		row := counts.Row(i)
		if i == len(counts.Classes) {
			known = slices.Contains(counts.Classes, "") // else "other" holds those without a class
		}
		if !known {
			for _, n := range row {
				a.LeftOut += n
			}
			continue
		}
		a.add(to, row)
	}
	return a, nil
}

// Answers returns the labelled, scored predictions as if their labels were unknown:
// what an estimate of this very cohort starts from.
func (o *Outcomes) Answers() *Answers {
	a := newAnswers(o.Classes)
	null, nan, out := o.Beside()
	a.LeftOut = null + nan + out + o.NoClass
	k := len(o.Classes.Names)
	for p := range k + 1 {
		for label := range k {
			a.add(p, o.row(p, label).cells)
		}
	}
	return a
}

func newAnswers(c Classes) *Answers {
	return &Answers{Classes: c, cells: make([][]uint64, len(c.Names)+1)}
}

func (a *Answers) add(class int, row []uint64) {
	if row == nil {
		return
	}
	if a.cells[class] == nil {
		a.cells[class] = make([]uint64, sketches.ScoreCells)
	}
	for c, n := range row {
		a.cells[class][c] += n
	}
}

// Rows returns how many answers there are to estimate from.
func (a *Answers) Rows() (n uint64) {
	for _, row := range a.cells {
		for _, k := range row {
			n += k
		}
	}
	return n
}

// given is how often a class was given.
func (a *Answers) given(class int) (n uint64) {
	for _, k := range a.cells[class] {
		n += k
	}
	return n
}
