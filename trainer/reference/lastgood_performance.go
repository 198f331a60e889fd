package reference

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/driftline/driftline/drift/performance/cohort"
)

// Constants of "known to do well", all convention. Margin and labels are those of the
// performance alarm, so that days on which it would have fired are never good ones.
const (
	promiseMargin = cohort.AccuracyMargin
	promiseLabels = cohort.MinLabels
	chanceZ       = 1.959963984540054 // two-sided, 95 %
	readingDays   = 7                 // that a reading of performance is of
)

// matured asks for labels of every day. A day between known ones on which nothing is known
// had no predictions of the version.
func (l LastGood) matured(from, to int64) (Check, []KnownDay) {
	const name = "matured labels in the days"
	var in []KnownDay
	labels, unlabelled := int64(0), int64(-1)
	for _, d := range l.Known {
		if d.StartMS < from || d.StartMS >= to {
			continue
		}
		in, labels = append(in, d), labels+d.Labelled
		if d.Labelled == 0 {
			unlabelled = d.StartMS
		}
	}
	c := Check{Name: name, Needed: fmt.Sprintf("of every day with predictions, at least %d", promiseLabels), OK: true}
	c.Found = fmt.Sprintf("%d, of %d days with predictions", labels, len(in))
	lastKnown := l.Known[len(l.Known)-1].StartMS + dayMS
	switch {
	case lastKnown < to:
		c.OK, c.Found = false, fmt.Sprintf("only up to %s", dateOf(lastKnown))
	case l.Known[0].StartMS > from:
		c.OK, c.Found = false, fmt.Sprintf("only from %s on", dateOf(l.Known[0].StartMS))
	case unlabelled >= 0:
		c.OK, c.Found = false, "none of "+dateOf(unlabelled)
	case labels < promiseLabels:
		c.OK = false
	}
	return c, in
}

// promised holds days against the accuracy that the version was promoted with.
func (l LastGood) promised(days []KnownDay) Check {
	least := *l.Promise - promiseMargin
	c := Check{Name: "accuracy in the days", Needed: fmt.Sprintf("at least %.3f: %.3f was promised, less %.2f as for the performance alarm", least, *l.Promise, promiseMargin)}
	var classed, right int64
	for _, d := range days {
		classed, right = classed+d.Classed, right+d.Right
	}
	if classed == 0 {
		c.Found = "not known: no labelled answer names a class"
		return c
	}
	c.Found = fmt.Sprintf("%.3f of %d labelled answers", float64(right)/float64(classed), classed)
	c.OK = classed >= promiseLabels && float64(right) >= least*float64(classed)
	for _, d := range days {
		if d.Classed == 0 {
			continue
		}
		if high := wilsonHigh(d.Right, d.Classed); high < least {
			c.OK = false
			c.Found = fmt.Sprintf("%.3f on %s, by chance at most %.3f", float64(d.Right)/float64(d.Classed), dateOf(d.StartMS), high)
			break
		}
	}
	return c
}

// wilsonHigh is the upper end of the 95 % interval of a share, without continuity
// correction. Wilson 1927†.
func wilsonHigh(right, of int64) float64 {
	n, z2 := float64(of), chanceZ*chanceZ
	p := float64(right) / n
	mid := (p + z2/(2*n)) / (1 + z2/n)
	half := chanceZ / (1 + z2/n) * math.Sqrt(float64(p*(1-p))/n+z2/float64(4*n*n))
	return min(1, mid+half)
}

// read holds the stretch against how its weeks were read.
func (l LastGood) read(from, to int64) Check {
	c := Check{Name: "readings of its weeks", Needed: "none worse than the version's first days", OK: true}
	if l.Promise == nil {
		c.Needed = "each read, and " + c.Needed + "; no accuracy was promised"
	}
	weeks, fine := 0, 0
	worse := int64(-1)
	for day := from; day < to; day += dayMS {
		if day < from+(readingDays-1)*dayMS && day+dayMS != to {
			continue
		}
		weeks++
		switch l.week(day) {
		case WeekFine:
			fine++
		case WeekWorse:
			worse = day
		}
	}
	c.Found = fmt.Sprintf("%d of %d read, none worse", fine, weeks)
	switch {
	case worse >= 0:
		c.OK, c.Found = false, "worse in the week up to "+dateOf(worse)
	case l.Promise == nil && fine < weeks:
		c.OK = false
	}
	return c
}

// week is the reading of the week that ends with a day, or with the newest one before it
// on which there were predictions.
func (l LastGood) week(day int64) Week {
	at, found := slices.BinarySearchFunc(l.Known, day, func(d KnownDay, ms int64) int { return cmp.Compare(d.StartMS, ms) })
	if !found {
		if at--; at < 0 || l.Known[at].StartMS <= day-readingDays*dayMS {
			return WeekUnread
		}
	}
	return l.Known[at].Week
}
