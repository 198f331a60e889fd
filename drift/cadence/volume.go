package cadence

import "fmt"

// Weeks of the past.
const (
	Weeks     = 4 // learnt weeks that an expectation rests on: the newest that are known
	MinWeeks  = 3 // fewest for an expectation
	KeptWeeks = 6 // weeks that are remembered, so that hours that teach nothing leave enough of the others
)

// unknown stands for the rows of a unit that teaches nothing.
const unknown = int64(-1)

// maxRows bounds the rows of one unit, so that sums over all units stay exact.
const maxRows = int64(1) << 50

// minUnits is how many units a week has at most: its hours.
const minUnits = 168

// Volume holds the rows of every unit of time over the last KeptWeeks weeks. A unit is a
// run of parts that are added one by one; one that lacks a part is unknown.
//
// Size: at most 6·168 + 1 integers. It is not safe for concurrent use.
type Volume struct {
	unitMS, weekMS int64
	parts          int64
	newest         int64 // number of the newest unit; unit n is [n·unitMS, (n+1)·unitMS)
	got            int64 // parts of the newest unit that were added; 0: nothing was ever
	rows           []int64
}

// NewVolume returns an empty volume whose parts last partMS. A unit is the shortest run of
// parts that makes at most 168 units of a week; weekMS is seven days but in tests.
func NewVolume(partMS, weekMS int64) (*Volume, error) {
	if partMS <= 0 || weekMS <= 0 || partMS > weekMS {
		return nil, fmt.Errorf("volume: parts of %d ms in weeks of %d ms, want 0 < part ≤ week", partMS, weekMS)
	}
	parts := (weekMS + minUnits*partMS - 1) / (minUnits * partMS)
	v := &Volume{unitMS: parts * partMS, weekMS: weekMS, parts: parts}
	v.rows = make([]int64, (KeptWeeks*weekMS+v.unitMS-1)/v.unitMS+1)
	for i := range v.rows {
		v.rows[i] = unknown
	}
	return v, nil
}

// UnitMS is the length of a unit.
func (v *Volume) UnitMS() int64 { return v.unitMS }

// WeekMS is the length of a week.
func (v *Volume) WeekMS() int64 { return v.weekMS }

// PartMS is the length of a part.
func (v *Volume) PartMS() int64 { return v.unitMS / v.parts }

func (v *Volume) place(unit int64) int { n := int64(len(v.rows)); return int((unit%n + n) % n) }

// Add adds the rows of the part that begins at partMS. Parts come in order; those that
// are left out are unknown. known false: the part teaches nothing, and its unit neither.
// A part before the newest one is refused.
func (v *Volume) Add(partMS int64, rows uint64, known bool) error {
	unit := floorDiv(partMS, v.unitMS)
	index := floorDiv(partMS-unit*v.unitMS, v.PartMS())
	switch {
	case v.got == 0:
		v.newest = unit
	case unit < v.newest || unit == v.newest && index < v.got:
		return fmt.Errorf("volume: part at %d ms after one of unit %d, part %d", partMS, v.newest, v.got)
	case unit > v.newest:
		if v.got < v.parts {
			v.rows[v.place(v.newest)] = unknown
		}
		for u := max(v.newest+1, unit-int64(len(v.rows))+1); u < unit; u++ {
			v.rows[v.place(u)] = unknown
		}
		v.newest, v.got = unit, 0
	}
	at := &v.rows[v.place(unit)]
	if v.got == 0 {
		*at = 0
	}
	if !known || v.got != index {
		*at = unknown
	}
	v.got = index + 1
	if *at != unknown {
		*at = min(maxRows, *at+int64(min(rows, uint64(maxRows))))
	}
	return nil
}

// Forget makes the units that overlap [fromMS, toMS) unknown: what stands in a firing
// alarm must not become the norm.
func (v *Volume) Forget(fromMS, toMS int64) {
	if v.got == 0 {
		return
	}
	oldest := v.newest - int64(len(v.rows)) + 1
	for u := max(oldest, floorDiv(fromMS, v.unitMS)); u <= v.newest && u*v.unitMS < toMS; u++ {
		v.rows[v.place(u)] = unknown
	}
}

// at returns the rows of a whole unit, false where they are not known.
func (v *Volume) at(unit int64) (int64, bool) {
	if v.got == 0 || unit > v.newest || unit <= v.newest-int64(len(v.rows)) || unit == v.newest && v.got < v.parts {
		return 0, false
	}
	n := v.rows[v.place(unit)]
	return n, n != unknown
}

// sum adds up n units from the first on, false where one of them is not known.
func (v *Volume) sum(first, n int64) (total int64, ok bool) {
	for u := first; u < first+n; u++ {
		x, ok := v.at(u)
		if !ok {
			return 0, false
		}
		total += x
	}
	return total, true
}

// Merge adds o, which counts other rows of the same time: another part of the input. Where
// either does not know a unit, the sum is not known.
//
// Errors: if the two have other units, or one has seen parts that the other has not.
func (v *Volume) Merge(o *Volume) error {
	switch {
	case v.unitMS != o.unitMS || v.weekMS != o.weekMS || v.parts != o.parts:
		return fmt.Errorf("volume: units of %d ms and of %d ms do not add up", v.unitMS, o.unitMS)
	case v.got != o.got || v.newest != o.newest:
		return fmt.Errorf("volume: unit %d, part %d and unit %d, part %d do not add up: both must have come equally far", v.newest, v.got, o.newest, o.got)
	}
	for i, x := range o.rows {
		if x == unknown || v.rows[i] == unknown {
			v.rows[i] = unknown
			continue
		}
		v.rows[i] = min(maxRows, v.rows[i]+x)
	}
	return nil
}
