package joint

import (
	"fmt"
	"math/bits"

	"github.com/driftline/driftline/sketches"
)

// Bounds of one row: |Z| ≤ 2²⁵, |Z'·Z'| ≤ 2⁴², |cos| ≤ 2³⁰, and the squares of D/2
// frequencies at scale 2³⁰, each a little above 1 at most.
const (
	boundFirst = maxScore << firstBits
	boundGram  = maxScore * maxScore << (2 * gramBits)
	boundWave  = 1 << waveBits
	boundNorm  = 1<<waveBits + 1<<10
)

// Sums is the state of all features together over some set of rows. Not safe for
// concurrent use.
type Sums struct {
	Embedding *Embedding
	Rows      uint64
	// Values are first, Gram, wave and norm sums; Embedding.Width tells where each begins.
	// Gram sums are the upper triangle by rows, wave sums cosine and sine in turn.
	Values []sketches.Int128
}

// NewSums returns zero sums.
func NewSums(e *Embedding) *Sums {
	width, _, _, _ := e.Width()
	return &Sums{Embedding: e, Values: make([]sketches.Int128, width)}
}

// Clone returns a copy that shares only the embedding.
func (s *Sums) Clone() *Sums {
	return &Sums{Embedding: s.Embedding, Rows: s.Rows, Values: append([]sketches.Int128(nil), s.Values...)}
}

// Equal reports whether both hold the same numbers of the same embedding.
func (s *Sums) Equal(o *Sums) bool {
	if s.same(o) != nil || s.Rows != o.Rows {
		return false
	}
	for i, x := range s.Values {
		if x != o.Values[i] {
			return false
		}
	}
	return true
}

func (s *Sums) same(o *Sums) error {
	if s.Embedding == o.Embedding || s.Embedding.ID() == o.Embedding.ID() {
		return nil
	}
	return fmt.Errorf("%w: embeddings %s and %s", sketches.ErrGridMismatch, s.Embedding.ID(), o.Embedding.ID())
}

// Merge adds o. Errors: sketches.ErrGridMismatch, ErrOverflow; s is then unchanged.
func (s *Sums) Merge(o *Sums) error {
	if err := s.same(o); err != nil {
		return err
	}
	rows, carry := bits.Add64(s.Rows, o.Rows, 0)
	if carry != 0 {
		return fmt.Errorf("joint rows %d and %d: %w", s.Rows, o.Rows, sketches.ErrOverflow)
	}
	s.Rows = rows
	for i := range s.Values { // within bounds per row, which 2⁶⁴ rows cannot carry out of 127 bits
		s.Values[i], _ = s.Values[i].Add(o.Values[i])
	}
	return nil
}

// Subtract takes o out of s, which must contain it.
//
// Errors: sketches.ErrGridMismatch; ErrNegative where fewer rows than none, or sums
// that no rows can have, would be left. s is then unchanged.
func (s *Sums) Subtract(o *Sums) error {
	if err := s.same(o); err != nil {
		return err
	}
	if s.Rows < o.Rows {
		return fmt.Errorf("joint rows %d less %d: %w", s.Rows, o.Rows, sketches.ErrNegative)
	}
	s.Rows -= o.Rows
	for i := range s.Values {
		s.Values[i], _ = s.Values[i].Sub(o.Values[i])
	}
	if at := s.fault(); at >= 0 {
		s.Rows += o.Rows
		for i := range s.Values {
			s.Values[i], _ = s.Values[i].Add(o.Values[i])
		}
		return fmt.Errorf("joint sum %d: %w", at, sketches.ErrNegative)
	}
	return nil
}

// AddTo adds all sums to to, as Tally.AddTo does, and returns the rows.
func (s *Sums) AddTo(to []sketches.Int128) uint64 {
	for i, x := range s.Values {
		to[i], _ = to[i].Add(x)
	}
	return s.Rows
}

// addLow adds rows from 64-bit sums.
func (s *Sums) addLow(rows uint64, low []int64) {
	s.Rows += rows
	for i, x := range low {
		s.Values[i], _ = s.Values[i].Add(sketches.Int128From(x))
	}
}

// fault returns the place of a sum that Rows rows cannot have, or −1.
func (s *Sums) fault() int {
	_, gram, wave, norm := s.Embedding.Width()
	d := s.Embedding.Dim()
	within := func(from, to int, bound uint64) int {
		most, least := bits.Mul64(s.Rows, bound)
		for i := from; i < to; i++ {
			if hi, lo := s.Values[i].Abs(); hi > most || hi == most && lo > least {
				return i
			}
		}
		return -1
	}
	for _, part := range [...]struct {
		from, to int
		bound    uint64
	}{{0, gram, boundFirst}, {gram, wave, boundGram}, {wave, norm, boundWave}, {norm, norm + 1, boundNorm * uint64((norm-wave)/2)}} {
		if at := within(part.from, part.to, part.bound); at >= 0 {
			return at
		}
	}
	for j := range d {
		if at := gram + Pair(d, j, j); s.Values[at].Sign() < 0 {
			return at
		}
	}
	if s.Values[norm].Sign() < 0 {
		return norm
	}
	return -1
}

const sumsSchema = 1

// Encode returns the canonical bytes, a frame of kind sketches.FrameJoint:
//
//	embedding | rows | first, Gram, wave and norm sums
func (s *Sums) Encode() []byte {
	var w sketches.Encoder
	id := s.Embedding.ID()
	w.Raw(id[:])
	w.Uvarint(s.Rows)
	for _, x := range s.Values {
		w.Int128(x)
	}
	return sketches.Frame(sketches.FrameJoint, sumsSchema, w.Data())
}

// DecodeSums reads what Encode wrote, and nothing else.
//
// Errors: sketches.ErrNotFrame, ErrChecksum, ErrSchema, ErrCorrupt; ErrGridMismatch
// for sums of another embedding than e.
func DecodeSums(e *Embedding, b []byte) (*Sums, error) {
	body, err := sketches.UnframeAs(b, sketches.FrameJoint, sumsSchema, "joint sums")
	if err != nil {
		return nil, err
	}
	d := sketches.NewDecoder(body)
	var id sketches.ID
	copy(id[:], d.Raw(len(id)))
	if d.Err() == nil && id != e.ID() {
		return nil, fmt.Errorf("joint sums: %w: embeddings %s and %s", sketches.ErrGridMismatch, id, e.ID())
	}
	s := NewSums(e)
	s.Rows = d.Uvarint()
	for i := range s.Values {
		s.Values[i] = d.Int128()
	}
	if d.Err() == nil {
		if at := s.fault(); at >= 0 {
			d.Fail("sum %d is %s over %d rows", at, s.Values[at], s.Rows)
		}
	}
	if err := d.Finish(); err != nil {
		return nil, fmt.Errorf("joint sums: %w", err)
	}
	return s, nil
}
