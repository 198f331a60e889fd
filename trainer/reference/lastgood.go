package reference

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// KindLastGood is the kind of references of the last good days.
const KindLastGood = "last_good"

// OpenEnd is the end of a span that has not ended yet.
const OpenEnd = math.MaxInt64

// BadSpan is event time that was not normal: an alarm with the window it fired on, or an
// exclusion.
type BadSpan struct {
	FromMS, ToMS int64 // epoch ms, the end exclusive
	Name         string
}

// Week is what the week that ended with a day was read as, against the first days of the
// version.
type Week uint8

// Readings. Worse is covariate or concept drift: a fall that the inputs explain is a fall.
const (
	WeekUnread Week = iota
	WeekFine
	WeekWorse
)

// KnownDay is how the predictions of one UTC day turned out, counted when its labels had
// matured.
type KnownDay struct {
	StartMS  int64
	Labelled int64 // predictions of which the label is known
	Classed  int64 // … that name a class
	Right    int64 // … the right one
	Week     Week
}

// LastGood is what is known of a model since the version that serves was promoted. Event
// times are epoch ms.
type LastGood struct {
	Version    string
	PromotedMS int64 // since when it serves
	UntilMS    int64 // up to which windows are judged; alarms of later days are not known yet
	Days       int   // how many whole days are wanted, at least 1
	Alarms     []BadSpan
	Exclusions []BadSpan
	Known      []KnownDay // of the version, ascending; days without predictions are left out
	Promise    *float64   // accuracy the version was promoted with; nil where there is none
}

// GoodDays are the days that were chosen, or the best of those that were not good enough.
type GoodDays struct {
	OK           bool
	Known        bool  // performance was known
	FromMS, ToMS int64 // whole UTC days, the end exclusive; both 0 where there are too few days
	Why          string
	Checks       []Check // of these days
	Mend         string  // what to do about the first check that failed
}

// Choose returns the newest Days whole days on which the model was known to do well: after
// the promotion, without an alarm or an exclusion in them, with labels that have matured
// and performance not below what was promised. The rules of performance:
//
//   - With a promise p: over the stretch, right ÷ classed ≥ p − 0.05 over at least 50
//     classed answers, the rule of the performance alarm; and no single day below p − 0.05
//     by more than chance (upper end of Wilson's 95 % interval).
//   - With or without: no week of the stretch was read as worse than the version's first
//     days. Without a promise each of them must have been read. Weeks are those that lie in
//     the stretch, and the one that ends with it.
//
// Where neither can be asked of any day since the promotion, performance is not known. Then
// only the first Days after the promotion come into question: the gate had just found the
// version good, and nothing later says that it still is.
//
// Where no stretch qualifies it returns the one with the fewest failures, of equal ones the
// newest. The order of alarms and exclusions does not matter.
func (l LastGood) Choose() GoodDays {
	first, end := ceilDiv(l.PromotedMS, dayMS)*dayMS, floorDiv(l.UntilMS, dayMS)*dayMS
	long := int64(l.Days) * dayMS
	days := Check{
		Name: "whole days since version " + l.Version + " serves", Needed: fmt.Sprintf("at least %d", l.Days), OK: end-first >= long,
		Found: fmt.Sprintf("%d, %s", max(0, end-first)/dayMS, "serving since "+time.UnixMilli(l.PromotedMS).UTC().Format(time.RFC3339)),
	}
	if !days.OK {
		return GoodDays{
			Checks: []Check{days},
			Mend:   fmt.Sprintf("ask for fewer days (last-good:N), or wait until windows are judged up to %s", dateOf(first+long)),
		}
	}
	known := slices.ContainsFunc(l.Known, func(d KnownDay) bool { return d.StartMS >= first && l.tells(d) })
	last := end - long
	if !known {
		last = first
	}
	var best GoodDays
	fewest := math.MaxInt
	for from := last; from >= first; from -= dayMS {
		g := l.judge(from, from+long, known)
		failed := 0
		for _, c := range g.Checks {
			if !c.OK {
				failed++
			}
		}
		if failed < fewest {
			best, fewest = g, failed
		}
		if fewest == 0 {
			break
		}
	}
	best.Checks = append([]Check{days}, best.Checks...)
	return best
}

// tells whether a day says anything of performance.
func (l LastGood) tells(d KnownDay) bool {
	return d.Labelled > 0 && (l.Promise != nil && d.Classed > 0 || d.Week != WeekUnread)
}

// judge holds one stretch of days against every condition.
func (l LastGood) judge(from, to int64, known bool) GoodDays {
	g := GoodDays{OK: true, Known: known, FromMS: from, ToMS: to}
	g.ask(within("alarms of the model in the days", l.Alarms, from, to),
		"ask for fewer days (last-good:N); a false alarm is no reason to wait: give the days yourself with --from topic --from-time --to-time")
	g.ask(within("exclusions in the days", l.Exclusions, from, to),
		"ask for fewer days (last-good:N), or end the exclusion (driftline reference exclude) if its time was normal after all")
	if known {
		matured, labels := l.matured(from, to)
		g.ask(matured, "wait for the labels, or ask for fewer days (last-good:N)")
		if l.Promise != nil {
			g.ask(l.promised(labels), "see driftline models show: a version that no longer keeps its promise needs a retrain, not a reference")
		}
		g.ask(l.read(from, to), "see driftline models show: a version that does worse than at first needs a retrain, not a reference")
		g.Why = fmt.Sprintf("the newest %s since version %s serves without an alarm or an exclusion, and with performance that was good", dayWords(l.Days), l.Version)
	} else {
		g.ask(Check{
			Name: "performance in the days", Found: "not known: " + l.unknown(), Needed: fmt.Sprintf("known, or the first %s after the promotion", dayWords(l.Days)), OK: true,
		}, "")
		g.Why = fmt.Sprintf("the first %s after the promotion of version %s, without an alarm or an exclusion; performance is not known", dayWords(l.Days), l.Version)
	}
	if !g.OK {
		g.Why = ""
	}
	return g
}

// ask adds a condition; mend is what to do where it fails and none failed before.
func (g *GoodDays) ask(c Check, mend string) {
	if !c.OK && g.OK {
		g.OK, g.Mend = false, mend
	}
	g.Checks = append(g.Checks, c)
}

// unknown says why performance is not known.
func (l LastGood) unknown() string {
	if !slices.ContainsFunc(l.Known, func(d KnownDay) bool { return d.StartMS >= l.PromotedMS && d.Labelled > 0 }) {
		return "no labels have matured since the promotion"
	}
	return "labels have matured, but no accuracy was promised and no week could be read"
}

// within asks that no span reaches into [from, to).
func within(name string, spans []BadSpan, from, to int64) Check {
	c := Check{Name: name, Found: "none", Needed: "none", OK: true}
	n, newest := 0, BadSpan{}
	for _, s := range spans {
		if s.FromMS >= to || s.ToMS <= from {
			continue
		}
		if n == 0 || cmp.Or(cmp.Compare(s.FromMS, newest.FromMS), cmp.Compare(s.ToMS, newest.ToMS), cmp.Compare(s.Name, newest.Name)) > 0 {
			newest = s
		}
		n++
	}
	if n > 0 {
		until := "still open"
		if newest.ToMS != OpenEnd {
			until = "until " + stamp(newest.ToMS)
		}
		c.OK, c.Found = false, fmt.Sprintf("%d in %s; the newest is %s, from %s, %s", n, stretch(from, to), newest.Name, stamp(newest.FromMS), until)
	}
	return c
}

func dateOf(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.DateOnly) }
func stamp(ms int64) string  { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }

// stretch names whole days, first and last.
func stretch(from, to int64) string {
	if to-from == dayMS {
		return dateOf(from)
	}
	return dateOf(from) + " to " + dateOf(to-dayMS)
}

func dayWords(n int) string {
	if n == 1 {
		return "whole day"
	}
	return fmt.Sprintf("%d whole days", n)
}
