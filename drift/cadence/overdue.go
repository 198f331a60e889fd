package cadence

import "math"

// Overdue reports whether, by what is learnt, a row should have come between lastMS, the
// end of the newest part that held one, and nowMS. What is still within the grace, an
// eighth of that time and at least a unit, does not count. In the rest, rows must have
// come in every learnt week, and that none came now must be out of the ordinary: at most
// Level likely, or a silence longSilence times as long as the longest one learnt.
// known is false where too little is learnt. fromMS is where the span begins.
func (v *Volume) Overdue(lastMS, nowMS int64) (overdue, known bool, fromMS int64) {
	grace := max(v.unitMS, (nowMS-lastMS)/graceOfAge)
	first := floorDiv(lastMS-1, v.unitMS) + 1 // the unit of the newest row held rows
	fromMS = first * v.unitMS
	end := floorDiv(nowMS-grace, v.unitMS)
	// A silence of more than a week is compared with its last week.
	if week := v.weekMS / v.unitMS; end-first > week {
		first = end - week
	}
	if end <= first {
		weeks, _ := v.lows(first)
		return false, weeks >= MinWeeks, fromMS
	}
	e, known := v.Expect(first*v.unitMS, end*v.unitMS)
	if !known || e.least <= 0 {
		return false, known, fromMS
	}
	phi := predictive(e.steady, e.Rows, e.Weeks)
	if nothing := -math.Log1p(phi*e.Rows) / phi; nothing <= math.Log(Level) {
		return true, true, fromMS
	}
	longest, enough := v.silence(floorDiv(lastMS-1, v.unitMS))
	return enough && float64(nowMS-fromMS) >= longSilence*float64(longest*v.unitMS), true, fromMS
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
