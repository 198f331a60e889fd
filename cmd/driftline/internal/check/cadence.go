package check

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// hourMS rounds what is foretold: rows do not come to the minute.
const hourMS = int64(time.Hour / time.Millisecond)

// maxDays is the longest span that is proposed. More is no advice.
const maxDays = 3650

// cadence says what it takes where there is too little data, and when it will be there if
// rows go on to come as they did. Nothing is said where no number of current rows would
// do.
func (out *Report) cadence(c Config) {
	if out.NReference < c.MinRows {
		out.referenceMend(c)
		return
	}
	need, ok := out.rowsNeeded(c)
	if !ok {
		return
	}
	out.RowsNeeded = &need
	cur := out.Windows.Current
	if !c.Timed || out.AsOf == nil {
		out.Mend = fmt.Sprintf("give at least %d current rows", need)
		return
	}
	if cur.Rows >= need {
		return // it is the reference that is too small
	}
	out.Mend = fmt.Sprintf("about %d current rows are needed", need)
	first, last, rate := cur.rate(out.Windows.Reference)
	if rate <= 0 {
		return
	}
	perDay := rate * float64(dayMS)
	asOf := int64(*out.AsOf)
	switch lengthMS := float64(c.CurrentDays) * float64(dayMS); {
	case ceased(last, asOf, rate):
		out.Mend += staleMend(last)
	case lengthMS > 0 && rate*lengthMS < float64(need):
		if days := math.Ceil(float64(need) / perDay); days <= maxDays {
			out.Mend += fmt.Sprintf("; %s come a day, so %d days never hold them: --current-days %.0f would", rows(perDay), c.CurrentDays, days)
		}
	default:
		from := max(first, asOf-int64(lengthMS))
		if cur.First != nil {
			from = int64(*cur.First)
		}
		out.foretell(from+int64(math.Ceil(float64(need)/rate)), perDay)
	}
}

// foretell says from when on there will be enough, in whole hours.
func (out *Report) foretell(ms int64, perDay float64) {
	ms += mod(-ms, hourMS)
	out.EnoughFrom = at(ms)
	out.Mend += fmt.Sprintf("; at %s a day they are there from %s on", rows(perDay), Moment(ms))
}

// ceased tells whether rows no longer come: none did for a day, and for as long as three
// usually take.
func ceased(last, asOf int64, rate float64) bool {
	return float64(asOf-last) > max(float64(dayMS), 3/rate)
}

func staleMend(last int64) string {
	return fmt.Sprintf("; none came after %s: fill the source, or judge what there was with --as-of %s", Moment(last), Moment(last-mod(last, dayMS)+dayMS))
}

// referenceMend says what it takes where the reference has too few rows.
func (out *Report) referenceMend(c Config) {
	out.Mend = fmt.Sprintf("the reference needs at least %d rows", c.MinRows)
	ref := out.Windows.Reference
	if !c.Timed || c.UntimedRef || out.AsOf == nil || ref.AllFirst == nil {
		return
	}
	first, last, rate := ref.rate(ref)
	asOf, days := int64(*out.AsOf), int64(c.CurrentDays)*dayMS
	if rate <= 0 {
		return
	}
	if enough := first + days + int64(math.Ceil(float64(c.MinRows)/rate)); enough > asOf {
		out.foretell(enough, rate*float64(dayMS))
	} else if out.Windows.Current.Source == ref.Source && ceased(last, asOf, rate) {
		out.Mend += staleMend(last)
	}
}

// rowsNeeded is how many current rows it takes until half of the features can be judged;
// ok is false where more of them would not help.
func (out *Report) rowsNeeded(c Config) (n int, ok bool) {
	var each []float64
	for i := range out.Features {
		f := &out.Features[i]
		switch {
		case f.Verdict != "insufficient":
			each = append(each, 0)
		case f.Needed.defined():
			filled := 1.0 // share of the rows that have a value
			if f.NCurrent > 0 {
				filled = float64(f.NCurrent) / float64(out.NCurrent)
			}
			each = append(each, math.Ceil(float64(f.Needed)/filled))
		default:
			each = append(each, math.Inf(1))
		}
	}
	k := out.judgedNeeded() - 1
	if k >= len(each) {
		return 0, false
	}
	slices.Sort(each)
	x := max(each[k], float64(c.MinRows))
	return int(min(x, 1<<53)), !math.IsInf(x, 1)
}

// rate is how many rows come per ms by all that was found of the current source, or of
// the reference's where that is more; 0 where it cannot be told.
func (p Period) rate(ref Period) (first, last int64, perMS float64) {
	if p.AllFirst == nil {
		return 0, 0, 0
	}
	first, last = int64(*p.AllFirst), int64(*p.AllLast)
	n := p.Rows + p.Beside
	if n < 2 && ref.AllFirst != nil && ref.Source == p.Source {
		n = ref.Rows + ref.Beside
	}
	if n < 2 || last <= first {
		return first, last, 0
	}
	return first, last, float64(n-1) / float64(last-first)
}

// rows writes a number of rows a day.
func rows(perDay float64) string {
	if perDay >= 10 {
		return fmt.Sprintf("%.0f rows", perDay)
	}
	return fmt.Sprintf("%.2g rows", perDay)
}
