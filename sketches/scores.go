package sketches

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
)

const (
	// ScoreCells is the number of equal cells on [0, 1].
	ScoreCells = 1000
	// MaxClasses bounds the named predicted classes; the others share one row.
	MaxClasses = 32
	// scoreScale is the fixed point of the score sum: steps of 2⁻⁴⁰.
	scoreScale = 1 << 40
)

// ScoreCounts counts scores in 1 000 equal cells on [0, 1] by predicted class. The
// named classes are fixed when it is made (not learnt while counting: that would
// make the state depend on order); every other class falls into Other. Scores that
// are missing, NaN or outside [0, 1] are counted apart by class as well.
type ScoreCounts struct {
	Rows    uint64
	Classes []string      // ascending, at most 32
	rows    []classScores // one per class, then other
}

// classScores is one row: cells, what is beside them, and Σ round(2⁴⁰·score).
type classScores struct {
	cells           []uint64 // nil until the first score
	null, nan, outs uint64
	sum             Int128
}

// NewScoreCounts makes zero counts. The classes are sorted; the empty class (no
// prediction) may be one of them.
//
// Errors: ErrBadGrid for more than 32 classes, two equal ones, or one above 256
// bytes.
func NewScoreCounts(classes []string) (*ScoreCounts, error) {
	sorted := slices.Clone(classes)
	slices.Sort(sorted)
	if len(sorted) > MaxClasses {
		return nil, fmt.Errorf("%w: %d predicted classes, at most %d have a row of their own: name the most important ones", ErrBadGrid, len(sorted), MaxClasses)
	}
	for i, c := range sorted {
		if len(c) > MaxCategoryBytes {
			return nil, fmt.Errorf("%w: predicted class %.40q… has %d bytes, at most %d", ErrBadGrid, c, len(c), MaxCategoryBytes)
		}
		if i > 0 && sorted[i-1] == c {
			return nil, fmt.Errorf("%w: predicted class %q twice", ErrBadGrid, c)
		}
	}
	return &ScoreCounts{Classes: sorted, rows: make([]classScores, len(sorted)+1)}, nil
}

// Add counts one prediction. has says whether there is a score.
func (s *ScoreCounts) Add(score float64, has bool, class string) {
	s.Rows++
	i, found := slices.BinarySearch(s.Classes, class)
	if !found {
		i = len(s.Classes)
	}
	r := &s.rows[i]
	switch {
	case !has:
		r.null++
	case score != score:
		r.nan++
	case score < 0 || score > 1:
		r.outs++
	default:
		if r.cells == nil {
			r.cells = make([]uint64, ScoreCells)
		}
		r.cells[ScoreCell(score)]++
		q := scoreSteps(score)
		var carry uint64
		r.sum.Lo, carry = bits.Add64(r.sum.Lo, q, 0)
		r.sum.Hi += int64(carry)
	}
}

// ScoreCell returns min(⌊1000·s⌋, 999) for a score in [0, 1].
func ScoreCell(s float64) int { return min(int(s*ScoreCells), ScoreCells-1) }

// Row returns the cells of class i, len(Classes) being other. The slice has 1 000
// counts or is nil for none; the caller must not change it.
func (s *ScoreCounts) Row(i int) []uint64 { return s.rows[i].cells }

// Beside returns how many predictions of class i had no score, NaN, or one outside
// [0, 1].
func (s *ScoreCounts) Beside(i int) (null, nan, outside uint64) {
	r := &s.rows[i]
	return r.null, r.nan, r.outs
}

// Cells returns the counts summed over all classes, 1 000 of them.
func (s *ScoreCounts) Cells() []uint64 {
	all := make([]uint64, ScoreCells)
	for i := range s.rows {
		for j, k := range s.rows[i].cells {
			all[j] += k
		}
	}
	return all
}

// Mean returns the mean score to 2⁻⁴⁰ and the number of scores; NaN for none.
func (s *ScoreCounts) Mean() (mean float64, n uint64) {
	var sum Int128
	for i := range s.rows {
		sum, _ = sum.Add(s.rows[i].sum)
		for _, k := range s.rows[i].cells {
			n += k
		}
	}
	if n == 0 {
		return math.NaN(), 0
	}
	return sum.Float64() / float64(n) / scoreScale, n
}

// Merge adds o. Errors: ErrGridMismatch for other classes, ErrOverflow.
func (s *ScoreCounts) Merge(o *ScoreCounts) error { return s.combine(o, addition) }

// Subtract takes o out. Errors: ErrGridMismatch for other classes, ErrNegative.
func (s *ScoreCounts) Subtract(o *ScoreCounts) error { return s.combine(o, subtraction) }

func (s *ScoreCounts) combine(o *ScoreCounts, op operation) error {
	if !slices.Equal(s.Classes, o.Classes) {
		return fmt.Errorf("%w: predicted classes %q and %q", ErrGridMismatch, s.Classes, o.Classes)
	}
	rows, carry := op.count(s.Rows, o.Rows)
	bad := carry != 0
	last := 0
	for ; last < len(s.rows) && !bad; last++ {
		bad = s.rows[last].apply(&o.rows[last], op)
	}
	if bad {
		for i := range last {
			s.rows[i].apply(&o.rows[i], !op)
		}
		return fmt.Errorf("score counts: %w", op.err())
	}
	s.Rows = rows
	return nil
}

func (r *classScores) apply(o *classScores, op operation) (bad bool) {
	if r.cells == nil && o.cells != nil {
		r.cells = make([]uint64, ScoreCells)
	}
	bad = op.cells(r.cells, o.cells)
	for _, p := range [...]struct {
		a *uint64
		b uint64
	}{{&r.null, o.null}, {&r.nan, o.nan}, {&r.outs, o.outs}} {
		var carry uint64
		*p.a, carry = op.count(*p.a, p.b)
		bad = bad || carry != 0
	}
	var over bool
	r.sum, over = op.sum(r.sum, o.sum)
	return bad || over
}

// Clone returns an independent copy.
func (s *ScoreCounts) Clone() *ScoreCounts {
	n := &ScoreCounts{Rows: s.Rows, Classes: slices.Clone(s.Classes), rows: slices.Clone(s.rows)}
	for i := range n.rows {
		n.rows[i].cells = slices.Clone(n.rows[i].cells)
	}
	return n
}

// Equal reports whether both hold the same classes and numbers.
func (s *ScoreCounts) Equal(o *ScoreCounts) bool { return string(s.Encode()) == string(o.Encode()) }

// IsZero reports whether nothing was counted.
func (s *ScoreCounts) IsZero() bool { return s.Rows == 0 }

const scoresSchema = 1

// Encode returns the canonical bytes, to live inside a frame:
//
//	schema | rows | classes | per class and for other: cells, null, NaN, outside, sum
func (s *ScoreCounts) Encode() []byte {
	var e Encoder
	e.Byte(scoresSchema)
	e.Uvarint(s.Rows)
	e.Count(len(s.Classes))
	for _, c := range s.Classes {
		e.String(c)
	}
	for i := range s.rows {
		r := &s.rows[i]
		encodeCells(&e, r.cells, ScoreCells)
		e.Uvarint(r.null)
		e.Uvarint(r.nan)
		e.Uvarint(r.outs)
		e.Int128(r.sum)
	}
	return e.Data()
}

// DecodeScoreCounts reads what Encode wrote, and nothing else.
//
// Errors: ErrSchema, ErrCorrupt, ErrBadGrid.
func DecodeScoreCounts(b []byte) (*ScoreCounts, error) {
	d := NewDecoder(b)
	if v := d.Byte(); d.Err() == nil && v != scoresSchema {
		return nil, fmt.Errorf("score counts: %w %d, this build reads %d: use a newer driftline", ErrSchema, v, scoresSchema)
	}
	rows := d.Uvarint()
	n := d.Count(1)
	if n > MaxClasses {
		d.Fail("%d classes, at most %d", n, MaxClasses)
	}
	var classes []string
	for i := 0; i < n && d.Err() == nil; i++ {
		classes = append(classes, d.String())
	}
	if d.Err() == nil && !slices.IsSorted(classes) {
		d.Fail("classes do not ascend")
	}
	if err := d.Err(); err != nil {
		return nil, fmt.Errorf("score counts: %w", err)
	}
	s, err := NewScoreCounts(classes)
	if err != nil {
		return nil, fmt.Errorf("score counts: %w", err)
	}
	s.Rows = rows
	left := rows
	for i := range s.rows {
		s.rows[i].decode(d, &left)
	}
	if d.Err() == nil && left != 0 {
		d.Fail("%d of %d rows are in no counter", left, rows)
	}
	if err := d.Finish(); err != nil {
		return nil, fmt.Errorf("score counts: %w", err)
	}
	return s, nil
}

// decode reads one row and takes its counts off left, the rows still unplaced.
func (r *classScores) decode(d *Decoder, left *uint64) {
	r.cells = decodeCells(d, ScoreCells)
	r.null, r.nan, r.outs, r.sum = d.Uvarint(), d.Uvarint(), d.Uvarint(), d.Int128()
	if d.Err() != nil {
		return
	}
	before := *left
	for _, k := range append([]uint64{r.null, r.nan, r.outs}, r.cells...) {
		if k > *left {
			d.Fail("counters hold more than the rows")
			return
		}
		*left -= k
	}
	scores := before - *left - r.null - r.nan - r.outs
	if scores == 0 {
		r.cells = nil
	}
	hi, lo := bits.Mul64(scores, scoreScale)
	if most := (Int128{Hi: int64(hi), Lo: lo}); r.sum.Sign() < 0 || r.sum.Cmp(most) > 0 {
		d.Fail("score sum %s of %d scores", r.sum, scores)
	}
}
