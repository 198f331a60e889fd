package sketches

import (
	"slices"
	"strconv"
)

// ScoreTally is a ScoreCounts in the making, in a quarter of its memory. Not safe for
// concurrent use.
type ScoreTally struct {
	rows    uint64
	classes []string
	parts   []scorePart // one per class, then other
	// whole maps small whole numbers, the usual classes, to their part.
	whole [16]uint8
}

type scorePart struct {
	low             []uint16 // modulo 2¹⁶; nil until the first score
	high            []uint32 // what is above; nil: nothing
	null, nan, outs uint64
	sum             Int128
}

// NewScoreTally makes zero counts. Errors as NewScoreCounts.
func NewScoreTally(classes []string) (*ScoreTally, error) {
	c, err := NewScoreCounts(classes)
	if err != nil {
		return nil, err
	}
	t := &ScoreTally{classes: c.Classes, parts: make([]scorePart, len(c.rows))}
	for i := range t.whole {
		t.whole[i] = uint8(t.part(strconv.Itoa(i)))
	}
	return t, nil
}

func (t *ScoreTally) part(class string) int {
	if i, found := slices.BinarySearch(t.classes, class); found {
		return i
	}
	return len(t.classes)
}

// class returns the part of a predicted class; null and what has no text are "".
func (t *ScoreTally) class(v Value) int {
	if v.kind == ValueNumber {
		if i := int(v.num); i >= 0 && i < len(t.whole) && float64(i) == v.num {
			return int(t.whole[i])
		}
	}
	if v.kind == ValueString && len(v.text) <= MaxCategoryBytes {
		return t.part(v.text)
	}
	text, _ := v.Text()
	return t.part(text)
}

// Add counts one prediction: has says whether there is a score, class is what was
// predicted, Null for nothing.
func (t *ScoreTally) Add(score float64, has bool, class Value) {
	t.rows++
	p := &t.parts[t.class(class)]
	switch {
	case !has:
		p.null++
	case score != score:
		p.nan++
	case score < 0 || score > 1:
		p.outs++
	default:
		if p.low == nil {
			p.low = make([]uint16, ScoreCells)
		}
		cell := ScoreCell(score)
		if p.low[cell]++; p.low[cell] == 0 {
			if p.high == nil {
				p.high = make([]uint32, ScoreCells)
			}
			p.high[cell]++
		}
		p.sum = p.sum.plus(0, scoreSteps(score))
	}
}

// scoreSteps is a score in [0, 1] in steps of the sum's fixed point, rounded half to even:
// at most 2⁴⁰, where adding 1.5·2⁵² and taking it off again rounds.
func scoreSteps(score float64) uint64 {
	return uint64(float64(float64(score*scoreScale)+roundEven) - roundEven)
}

// Counts returns what was counted, in a copy.
func (t *ScoreTally) Counts() *ScoreCounts {
	c := &ScoreCounts{Rows: t.rows, Classes: slices.Clone(t.classes), rows: make([]classScores, len(t.parts))}
	for i := range t.parts {
		p, to := &t.parts[i], &c.rows[i]
		to.null, to.nan, to.outs, to.sum = p.null, p.nan, p.outs, p.sum
		if p.low == nil {
			continue
		}
		to.cells = make([]uint64, ScoreCells)
		for j := range to.cells {
			to.cells[j] = uint64(p.low[j])
			if p.high != nil {
				to.cells[j] |= uint64(p.high[j]) << 16
			}
		}
	}
	return c
}
