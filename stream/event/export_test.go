package event

import (
	"math"
	"math/bits"
)

// NewSlowDecoder returns a decoder that learns nothing: every record is read by the
// rules, key by key. It is what the fast way is held against.
func NewSlowDecoder(l Limits) *Decoder {
	d := NewDecoder(l)
	d.memory.points = math.MinInt32
	return d
}

// Templates tells how many templates d holds and how many records were read by one.
func (d *Decoder) Templates() (held, hits int) { return len(d.memory.templates), d.memory.hits }

// Blind is a mutant: it hides the first 16 bytes of every literal that d has learnt, so
// that any key passes for the one that was learnt.
func (d *Decoder) Blind() {
	for _, t := range d.memory.templates {
		hide := func(l *literal) { l.mask = [2]uint64{} }
		for i := range t.before {
			hide(&t.before[i].literal)
		}
		for i := range t.features {
			hide(&t.features[i].literal)
		}
		for i := range t.after {
			hide(&t.after[i].literal)
		}
	}
}

// Scale is the last step of reading a number.
var Scale = scale

// Shapes tells how many shapes d holds.
func (d *Decoder) Shapes() (n int) {
	for _, list := range d.memory.shapes {
		n += len(list)
	}
	return n
}

// Literals tells how many values the templates of d have in all.
func (d *Decoder) Literals() int { return d.memory.literals }

// HastyQuotient is a mutant of quotient: it trusts the high word also where the cut off
// inverse may have decided.
func HastyQuotient(m uint64, k int) float64 {
	d, zeros := &fives[k], bits.LeadingZeros64(m)
	high, _ := bits.Mul64(m<<zeros, d.inverse)
	top := high >> 63
	kept := (high>>(9+top) + 1) >> 1
	return float64(kept) * math.Float64frombits(uint64(d.exp-zeros+int(top))<<52)
}

// Divide is what quotient falls back to.
var Divide = divide
