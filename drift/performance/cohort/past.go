package cohort

import (
	"github.com/driftline/driftline/drift/performance"
)

// Rules of what is learnt from what; all convention.
const (
	// WindowDays is the length of a report: every weekday once.
	WindowDays = 7
	// ReferenceDays is what a version is held against: four of each weekday.
	ReferenceDays = 28
	// LearnDays bounds what an estimate rests on.
	LearnDays = 90
	// KeepDays is how many of a version's newest days Read is given at least, beside the
	// first ReferenceDays: those that were read as concept drift are among them.
	KeepDays = 200
	// minDesignDays: with fewer days nothing is known of how they hang together.
	minDesignDays = 8
)

// past are the days before a window, oldest first.
type past struct {
	learn     []Day // C1, C2
	reference []Day // C1, C3
}

// pastOf picks from days, oldest first, what a window that begins at fromMS may know.
func pastOf(days []Day, s Spec, fromMS int64) past {
	var p past
	for _, d := range days {
		if !d.Mature() || d.StartMS+DayMS+s.MaturityMS > fromMS {
			continue
		}
		if len(p.reference) < ReferenceDays {
			p.reference = append(p.reference, d)
		}
		if !d.Concept {
			p.learn = append(p.learn, d)
		}
	}
	p.learn = p.learn[max(0, len(p.learn)-LearnDays):]
	return p
}

func learnt(days []Day) (l Learnt) {
	if len(days) == 0 {
		return l
	}
	l.FromMS, l.ToMS, l.Days = days[0].StartMS, days[len(days)-1].StartMS+DayMS, len(days)
	for _, d := range days {
		if d.Outcomes != nil {
			l.Labels += d.Outcomes.Labelled()
		} else {
			l.Labels += d.Numbers.Rows()
		}
	}
	return l
}

func outcomesOf(days []Day) (out []*performance.Outcomes) {
	for _, d := range days {
		if d.Outcomes != nil {
			out = append(out, d.Outcomes)
		}
	}
	return out
}

func numbersOf(days []Day) (out []*performance.Numbers) {
	for _, d := range days {
		if d.Numbers != nil {
			out = append(out, d.Numbers)
		}
	}
	return out
}

// merged adds counts up into a new one; nil for none.
func merged[C interface {
	Clone() C
	Merge(other C) error
}](all []C) (sum C, err error) {
	for i, c := range all {
		if i == 0 {
			sum = c.Clone()
			continue
		}
		if err = sum.Merge(c); err != nil {
			return sum, err
		}
	}
	return sum, nil
}

// designOf is how many rows weigh as one in an estimate: what the older half of the
// days promised is held against the newer half.
func designOf(days []*performance.Outcomes) (float64, error) {
	if len(days) < minDesignDays {
		return 1, nil
	}
	half := len(days) / 2
	e, err := performance.Learn(days[:half], performance.DefaultMinLabels)
	if err != nil {
		return 1, err
	}
	return e.DesignEffect(days[half:]), nil
}
