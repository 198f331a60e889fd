package cadence

import "math"

// Constants of what is overdue.
const (
	// wander is the part of the longest silence around a time of the week by which deliveries
	// may wander: an eighth, three hours for what comes once a day. Convention.
	wander = 8
	// longSilence is how many times the longest learnt silence makes one overdue whatever
	// the counts say: for traffic of a few rows a day. Convention.
	longSilence = 1.75
)

// Overdue reports whether, by what is learnt, a row should have come between lastMS, the
// end of the newest part that held one, and nowMS. A margin for the wander does not count at
// either end, nor does the last hour. In what is left, rows must have come in every learnt week,
// and that none came now must be out of the ordinary: at most Level likely, or a silence
// longSilence times as long as the longest one learnt. Where not all of it is learnt, the
// newest part that is stands for it, so that an hour that is never known hides no outage.
// known is false where too little is learnt. O(KeptWeeks · week) time.
func (v *Volume) Overdue(lastMS, nowMS int64) (overdue, known bool) {
	newest := floorDiv(lastMS-1, v.unitMS) // the unit of the newest row
	now := floorDiv(nowMS, v.unitMS)
	weeks, _ := v.lows(now)
	if now <= newest+1 {
		return false, weeks >= MinWeeks
	}
	margin := v.silenceAround(now) / wander
	first, end := newest+1+margin, now-max(margin, 1)
	// A silence of more than a week is compared with its last week.
	if week := v.weekMS / v.unitMS; end-first > week {
		first = end - week
	}
	if end <= first {
		return false, weeks >= MinWeeks
	}
	e, known := v.Expect(first*v.unitMS, end*v.unitMS)
	for !known && end-first > 1 { // its newer half is a silence too
		first += (end - first) / 2
		e, known = v.Expect(first*v.unitMS, end*v.unitMS)
	}
	if !known || e.least <= 0 {
		return false, known
	}
	phi := predictive(e.steady, e.Rows, e.Weeks)
	if nothing := -math.Log1p(phi*e.Rows) / phi; nothing <= math.Log(Level) {
		return true, true
	}
	longest, enough := v.silence(newest)
	return enough && float64(now-newest-1) >= longSilence*float64(longest), true
}

// silenceAround returns the longest run of units without rows, in the learnt weeks, within a
// day before and after a unit's time of the week.
func (v *Volume) silenceAround(unit int64) (longest int64) {
	day := max(1, v.weekMS/v.unitMS/7)
	for k := 1; k <= KeptWeeks; k++ {
		at := v.earlier(span{unit, 1}, k).first
		longest = max(longest, v.silenceIn(at-day, at+day))
	}
	return longest
}

// silenceIn returns the longest run of units without rows among those of [first, end).
func (v *Volume) silenceIn(first, end int64) (longest int64) {
	run := int64(0)
	for u := first; u < end; u++ {
		if x, known := v.at(u); known && x == 0 {
			run++
			longest = max(longest, run)
			continue
		}
		run = 0
	}
	return longest
}

// silence returns the longest run of units without rows that is known whole, among those
// up to a unit; false where fewer than MinWeeks weeks of units are known.
func (v *Volume) silence(upto int64) (longest int64, enough bool) {
	if v.got == 0 {
		return 0, false
	}
	var seen, run int64
	began := false // with rows: a run whose beginning is not known does not count
	for u := v.newest - int64(len(v.rows)) + 1; u <= min(upto, v.newest); u++ {
		x, known := v.at(u)
		switch {
		case !known:
			began, run = false, 0
			continue
		case x > 0:
			if began {
				longest = max(longest, run)
			}
			began, run = true, 0
		default:
			run++
		}
		seen++
	}
	return max(longest, 1), seen >= MinWeeks*(v.weekMS/v.unitMS)
}
