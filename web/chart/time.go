package chart

import "time"

// Tick is a line of the grid with its text.
type Tick struct {
	At   string // coordinate
	Text string
}

const (
	minuteMS = int64(60_000)
	hourMS   = 60 * minuteMS
	dayMS    = 24 * hourMS
)

// timeSteps are distances between ticks up to two weeks; above, months are counted.
var timeSteps = []int64{minuteMS, 5 * minuteMS, 15 * minuteMS, 30 * minuteMS, hourMS, 3 * hourMS, 6 * hourMS, 12 * hourMS, dayMS, 2 * dayMS, 7 * dayMS, 14 * dayMS}

const mostTicks = 9

// moment is a tick of time before it has a place.
type moment struct {
	ms   int64
	text string
}

// timeTicks divides [from, to] into at most mostTicks rounded moments, UTC.
func timeTicks(from, to int64) []moment {
	if to <= from {
		return nil
	}
	for _, step := range timeSteps {
		if (to-from)/step >= mostTicks {
			continue
		}
		layout := "Jan 2"
		if step < dayMS {
			layout = "15:04"
		}
		var out []moment
		first := from / step * step
		if first < from {
			first += step
		}
		for ms := first; ms <= to; ms += step {
			t := time.UnixMilli(ms).UTC()
			text := t.Format(layout)
			if step < dayMS && ms%dayMS == 0 {
				text = t.Format("Jan 2")
			}
			out = append(out, moment{ms, text})
		}
		return out
	}
	return monthTicks(from, to)
}

func monthTicks(from, to int64) (out []moment) {
	start := time.UnixMilli(from).UTC()
	months := int((to - from) / (30 * dayMS))
	step := 1
	for _, s := range []int{1, 2, 3, 6, 12, 24, 60, 120} {
		if step = s; months/s < mostTicks {
			break
		}
	}
	year, month := start.Year(), (int(start.Month())-1)/step*step+1
	for i := 0; ; i += step {
		t := time.Date(year, time.Month(month+i), 1, 0, 0, 0, 0, time.UTC)
		if t.UnixMilli() > to {
			return out
		}
		if t.UnixMilli() >= from {
			out = append(out, moment{t.UnixMilli(), t.Format("2006-01")})
		}
	}
}
