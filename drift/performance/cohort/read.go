package cohort

import (
	"fmt"

	"github.com/driftline/driftline/drift/performance"
)

// Read reports the window that ends with the day at lastMS. days are those of one
// version, oldest first, no two of one start; they may go on behind the window, and may
// hold days without labels. Days between the first ReferenceDays and the newest KeepDays
// may be left out. The report is mature where the last day is.
//
// Errors: performance.ErrBadInput for days out of order, without the last one, or for a
// spec with a reason; those of counts that do not fit together.
func Read(s Spec, days []Day, lastMS int64) (Report, error) {
	if s.Reason != "" {
		return Report{}, fmt.Errorf("%w: %s", performance.ErrBadInput, s.Reason)
	}
	from := lastMS - (WindowDays-1)*DayMS
	var window []Day
	for i, d := range days {
		if i > 0 && days[i-1].StartMS >= d.StartMS {
			return Report{}, fmt.Errorf("%w: days at %d and %d do not ascend", performance.ErrBadInput, days[i-1].StartMS, d.StartMS)
		}
		if d.StartMS >= from && d.StartMS <= lastMS {
			window = append(window, d)
		}
	}
	if len(window) == 0 || window[len(window)-1].StartMS != lastMS {
		return Report{}, fmt.Errorf("%w: no day at %d", performance.ErrBadInput, lastMS)
	}
	mature := window[len(window)-1].Mature()
	if mature {
		window = matureOf(window)
	}
	p := pastOf(days, s, from)
	var r Report
	var err error
	switch {
	case s.Kind == Regression && mature:
		r, err = matureRegression(s, window, p)
	case s.Kind == Regression:
		r, err = expectRegression(s, window, p)
	case mature:
		r, err = matureClassifier(s, window, p)
	default:
		r, err = expectClassifier(s, window, p)
	}
	r.FromMS, r.ToMS = from, lastMS+DayMS
	r.Learnt, r.Reference = learnt(p.learn), learnt(p.reference)
	return r, err
}

func matureOf(days []Day) (out []Day) {
	for _, d := range days {
		if d.Mature() {
			out = append(out, d)
		}
	}
	return out
}
