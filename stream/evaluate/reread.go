package evaluate

import (
	"maps"
	"math"
	"slices"
)

// ReadNext returns the offset to read next, given the one after the last record applied:
// an earlier one where panes that were passed over must be merged now, and after that
// the one where reading ahead stood. Records that are read again fill panes and do
// nothing else: what is final, and at which record, is known from the first reading.
func (f *Fold) ReadNext(next int64) int64 {
	if f.until >= 0 {
		if next <= f.until && f.filling > 0 {
			return next
		}
		for _, w := range f.pending {
			f.filled(w)
		}
		f.until, next = -1, f.ahead
	}
	if len(f.pending) == f.open || !f.mustRefill() {
		return next
	}
	from := int64(math.MaxInt64)
	room := f.limit()
	for _, p := range slices.Sorted(maps.Keys(f.pending)) {
		w := f.pending[p]
		if room == 0 {
			f.shut(w) // younger than those that are needed
			continue
		}
		room--
		if w.merged != nil {
			continue
		}
		f.openUp(w)
		w.filling = true
		f.filling++
		from, f.until = min(from, w.first), max(f.until, w.last)
	}
	f.ahead = next
	return from
}

// mustRefill says whether panes must be read again now: one that is final waits for
// it, or half of the room is free. Not earlier, so that one reading fills many.
func (f *Fold) mustRefill() bool {
	return f.ready() == 0 && len(f.queue) > 0 || 2*f.open < f.limit()
}

// Trimmed says that records before start were removed. What was not read at all
// must not be claimed; a pane that had to be read again and cannot be is torn.
func (f *Fold) Trimmed(start int64) {
	for _, w := range f.pending {
		if (w.merged == nil || w.filling) && w.first < start {
			w.torn, w.first, w.last = true, start, max(w.last, start)
		}
	}
	if start > f.applied+1 {
		f.table.cut(false)
	}
}
