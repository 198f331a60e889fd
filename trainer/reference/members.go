package reference

import (
	"slices"

	"github.com/driftline/driftline/stream/wire"
)

// Membership says in which of a model's segments a row lies, at most one of every
// dimension; 0: in none. It is a number in mixed radix, a digit per dimension, so that
// rows cost no more for it: bounds of wire.Segments keep it below 9^8.
type Membership uint32

// Members tells memberships for one declaration of segments. A nil one knows none. Safe
// for concurrent use.
type Members struct {
	segments wire.Segments
	weight   []Membership // of the digit of each dimension
}

// NewMembers returns what tells memberships for segments, which must be valid.
func NewMembers(s wire.Segments) *Members {
	m := &Members{segments: s}
	w := Membership(1)
	for _, d := range s {
		m.weight = append(m.weight, w)
		w *= Membership(len(d.Values) + 1)
	}
	return m
}

// Names are the names of the dimensions, in order.
func (m *Members) Names() (names []string) {
	if m == nil {
		return nil
	}
	for _, d := range m.segments {
		names = append(names, d.Name)
	}
	return names
}

// Dimension returns the place of a dimension, −1 for a name that is not declared.
func (m *Members) Dimension(name string) int {
	if m == nil {
		return -1
	}
	return slices.IndexFunc(m.segments, func(d wire.Dimension) bool { return d.Name == name })
}

// With returns the membership of a row that has this value in a dimension, too. A value
// that is not declared lies in no segment of it.
func (m *Members) With(in Membership, dimension int, value string) Membership {
	if m == nil || dimension < 0 {
		return in
	}
	in -= m.weight[dimension] * Membership(m.Value(in, dimension)+1)
	k, _ := slices.BinarySearch(m.segments[dimension].Values, value)
	if k == len(m.segments[dimension].Values) || m.segments[dimension].Values[k] != value {
		return in
	}
	return in + m.weight[dimension]*Membership(k+1)
}

// Value returns the place of a row's value among those of the dimension, −1 for none.
func (m *Members) Value(in Membership, dimension int) int {
	return int(in/m.weight[dimension])%(len(m.segments[dimension].Values)+1) - 1
}
