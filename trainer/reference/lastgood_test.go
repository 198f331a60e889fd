package reference_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/driftline/driftline/trainer/reference"
)

// day0 is 2026-01-01, the first whole day after the promotion of the tests.
const day0 = int64(1_767_225_600_000)

func at(day int) int64 { return day0 + int64(day)*dayMS }

// known makes days of 40 labelled answers from day 0 on; right says how many were right
// where it was not 36.
func known(days int, right map[int]int64) (out []reference.KnownDay) {
	for i := range days {
		n, ok := right[i]
		if !ok {
			n = 36
		}
		out = append(out, reference.KnownDay{StartMS: at(i), Labelled: 40, Classed: 40, Right: n})
	}
	return out
}

// weeks sets readings of days, by default fine.
func weeks(days []reference.KnownDay, worse ...int) []reference.KnownDay {
	for i := range days {
		days[i].Week = reference.WeekFine
		if slices.Contains(worse, i) {
			days[i].Week = reference.WeekWorse
		}
	}
	return days
}

// serving is a version that was promoted the evening before day 0 and is known up to the
// middle of day 20.
func serving(change func(l *reference.LastGood)) reference.LastGood {
	promise := 0.9
	l := reference.LastGood{Version: "3", PromotedMS: day0 - 6*hourMS, UntilMS: at(20) + 12*hourMS, Days: 7, Known: known(20, nil), Promise: &promise}
	change(&l)
	return l
}

func bad(from, to int) reference.BadSpan {
	return reference.BadSpan{FromMS: at(from), ToMS: at(to), Name: "drift"}
}

func TestLastGood_Chooses(t *testing.T) {
	t.Parallel()
	low, high := 0.8, 0.97
	tests := []struct {
		name   string
		change func(l *reference.LastGood)
		from   int    // first day chosen
		fails  string // name of the first check that fails, "" for none
		says   string // part of what one of the checks found, or of why
	}{
		{"the newest whole days", func(*reference.LastGood) {}, 13, "", "with performance that was good"},
		{"the day of the promotion is no whole one", func(l *reference.LastGood) { l.UntilMS = at(7); l.PromotedMS++ }, 0, "", "7, serving since 2025-12-31T18:00:00Z"},
		{"promoted at midnight, the day counts", func(l *reference.LastGood) { l.PromotedMS, l.UntilMS = at(0), at(7) }, 0, "", ""},
		{"too few days", func(l *reference.LastGood) { l.UntilMS = at(7) - 1 }, 0, "whole days since version 3 serves", "6, serving"},
		{"promoted after all that is known", func(l *reference.LastGood) { l.PromotedMS = at(30) }, 0, "whole days since version 3 serves", "0, serving"},
		{"one day", func(l *reference.LastGood) {
			l.Days = 1
			l.Known[19].Labelled, l.Known[19].Classed, l.Known[19].Right = 60, 60, 54
		}, 19, "", ""},
		{"one day of too few labels", func(l *reference.LastGood) { l.Days = 1 }, 19, "matured labels in the days", "40, of 1 days"},

		{"an alarm", func(l *reference.LastGood) { l.Alarms = []reference.BadSpan{bad(14, 16)} }, 7, "", ""},
		{"an alarm that ended with the day before", func(l *reference.LastGood) { l.Alarms = []reference.BadSpan{bad(12, 13)} }, 13, "", ""},
		{"an alarm that reaches a millisecond into it", func(l *reference.LastGood) {
			l.Alarms = []reference.BadSpan{{FromMS: at(12), ToMS: at(13) + 1}}
		}, 5, "", ""},
		{"an alarm that is open", func(l *reference.LastGood) {
			l.Alarms = []reference.BadSpan{{FromMS: at(9), ToMS: reference.OpenEnd}}
		}, 2, "", ""},
		{"an alarm open since the promotion", func(l *reference.LastGood) {
			l.Alarms = []reference.BadSpan{{FromMS: at(0), ToMS: reference.OpenEnd, Name: "drift ab"}}
		}, 13, "alarms of the model in the days", "1 in 2026-01-14 to 2026-01-20; the newest is drift ab, from 2026-01-01T00:00:00Z, still open"},
		{"an exclusion", func(l *reference.LastGood) { l.Exclusions = []reference.BadSpan{bad(19, 20)} }, 12, "", ""},
		{"exclusions everywhere", func(l *reference.LastGood) {
			l.Exclusions = []reference.BadSpan{bad(5, 6), bad(11, 12), bad(17, 18)}
		}, 13, "exclusions in the days", "1 in"},
		{"the stretch with the fewest faults is told of", func(l *reference.LastGood) {
			l.Exclusions, l.Alarms = []reference.BadSpan{bad(5, 6), bad(11, 12), bad(17, 18)}, []reference.BadSpan{bad(13, 20)}
		}, 6, "exclusions in the days", "1 in 2026-01-07 to 2026-01-13"},

		{"labels come a week later", func(l *reference.LastGood) { l.Known = l.Known[:13] }, 6, "", ""},
		{"labels of too few days", func(l *reference.LastGood) { l.Known = l.Known[:6] }, 4, "matured labels in the days", "only up to 2026-01-07"},
		{"a day without labels", func(l *reference.LastGood) {
			l.Known[15] = reference.KnownDay{StartMS: at(15)}
		}, 8, "", ""},
		{"a day without predictions", func(l *reference.LastGood) { l.Known = slices.Delete(l.Known, 15, 16) }, 13, "", "240, of 6 days"},
		{"history was cut off", func(l *reference.LastGood) { l.Known, l.Exclusions = l.Known[15:], []reference.BadSpan{bad(19, 20)} }, 12, "matured labels in the days", "only from 2026-01-16 on"},

		{"a day below what was promised", func(l *reference.LastGood) { l.Known = known(20, map[int]int64{16: 24}) }, 9, "", ""},
		{"a day below by chance", func(l *reference.LastGood) { l.Known = known(20, map[int]int64{16: 33}) }, 13, "", "0.889 of 280 labelled answers"},
		{"all days a little below", func(l *reference.LastGood) { l.Promise = &high }, 13, "accuracy in the days", "0.900 of 280"},
		{"all days better", func(l *reference.LastGood) { l.Promise = &low }, 13, "", "0.900 of 280"},
		{"a week read as worse", func(l *reference.LastGood) { l.Known = weeks(l.Known, 19, 18, 17) }, 10, "", "1 of 1 read"},
		{"all weeks read as worse", func(l *reference.LastGood) {
			l.Known = weeks(l.Known, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19)
		}, 13, "readings of its weeks", "worse in the week up to 2026-01-20"},
		{"of a longer stretch, weeks that reach into the time before do not count", func(l *reference.LastGood) {
			l.Known, l.Days = weeks(l.Known, 8, 9), 10
		}, 10, "", "4 of 4 read"},

		{"nothing promised, weeks read", func(l *reference.LastGood) { l.Promise, l.Known = nil, weeks(l.Known, 19) }, 12, "", "1 of 1 read"},
		{"nothing promised, not every week read", func(l *reference.LastGood) {
			l.Promise, l.Known = nil, weeks(l.Known)
			for i := 12; i < 20; i++ {
				l.Known[i].Week = reference.WeekUnread
			}
		}, 5, "", "1 of 1 read"},
		{"the week that ends on a day without predictions is that of the day before", func(l *reference.LastGood) {
			l.Promise, l.Known, l.UntilMS = nil, weeks(l.Known, 18), at(20)
			l.Known = slices.Delete(l.Known, 19, 20)
			l.Known = append(l.Known, reference.KnownDay{StartMS: at(20)})
		}, 11, "", ""},
		{"numbers: no answer names a class", func(l *reference.LastGood) {
			l.Promise, l.Known = nil, weeks(l.Known)
			for i := range l.Known {
				l.Known[i].Classed, l.Known[i].Right = 0, 0
			}
		}, 13, "", ""},

		{"no labels have matured", func(l *reference.LastGood) { l.Known = nil }, 0, "", "not known: no labels have matured since the promotion"},
		{"labels of days before the promotion say nothing", func(l *reference.LastGood) {
			for i := range l.Known {
				l.Known[i].StartMS -= 40 * dayMS
			}
		}, 0, "", "the first 7 whole days after the promotion of version 3"},
		{"predictions without labels", func(l *reference.LastGood) {
			for i := range l.Known {
				l.Known[i] = reference.KnownDay{StartMS: at(i)}
			}
		}, 0, "", "not known: no labels have matured since the promotion"},
		{"nothing promised, no week read", func(l *reference.LastGood) { l.Promise = nil }, 0, "", "not known: labels have matured, but no accuracy was promised"},
		{"not known, and an alarm in the first days", func(l *reference.LastGood) {
			l.Known, l.Alarms = nil, []reference.BadSpan{bad(2, 3)}
		}, 0, "alarms of the model in the days", "1 in 2026-01-01 to 2026-01-07"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := serving(tt.change)
			g := l.Choose()
			fails, all := "", g.Why
			for _, c := range g.Checks {
				all += "\n" + c.Name + ": " + c.Found
				if !c.OK && fails == "" {
					fails = c.Name
				}
			}
			if fails != tt.fails || g.OK != (tt.fails == "") {
				t.Fatalf("chosen: %v, fails %q, want %q:\n%s", g.OK, fails, tt.fails, all)
			}
			if (g.Mend == "") != g.OK || (g.Why == "") == g.OK {
				t.Errorf("why %q, what to do %q; the one where days were chosen, the other where not", g.Why, g.Mend)
			}
			if !strings.Contains(all, tt.says) {
				t.Errorf("nothing says %q:\n%s", tt.says, all)
			}
			if strings.HasPrefix(tt.fails, "whole days") {
				if g.FromMS != 0 || g.ToMS != 0 {
					t.Errorf("%d to %d of too few days", g.FromMS, g.ToMS)
				}
				return
			}
			if g.FromMS != at(tt.from) || g.ToMS != at(tt.from+l.Days) {
				t.Errorf("day %d to %d, want %d to %d:\n%s", (g.FromMS-day0)/dayMS, (g.ToMS-day0)/dayMS, tt.from, tt.from+l.Days, all)
			}
		})
	}
}

// randomly is a world of up to 40 days with alarms, exclusions and days of all kinds.
func randomly(r *rand.Rand) reference.LastGood {
	span := func() reference.BadSpan {
		from := day0 + r.Int64N(40*dayMS) - 2*dayMS
		s := reference.BadSpan{FromMS: from, ToMS: from + 1 + r.Int64N(4*dayMS), Name: string(rune('a' + r.IntN(26)))}
		if r.IntN(12) == 0 {
			s.ToMS = reference.OpenEnd
		}
		return s
	}
	l := reference.LastGood{Version: "1", PromotedMS: day0 + r.Int64N(3*dayMS) - dayMS, UntilMS: at(r.IntN(40)) + r.Int64N(dayMS), Days: 1 + r.IntN(9)}
	for range r.IntN(4) {
		l.Alarms = append(l.Alarms, span())
	}
	for range r.IntN(3) {
		l.Exclusions = append(l.Exclusions, span())
	}
	if r.IntN(3) > 0 {
		promise := 0.7 + 0.25*r.Float64()
		l.Promise = &promise
	}
	for i := -3; i < r.IntN(40); i++ {
		if r.IntN(12) == 0 {
			continue
		}
		d := reference.KnownDay{StartMS: at(i), Week: reference.Week(r.IntN(3))}
		if r.IntN(4) > 0 {
			d.Week = reference.WeekFine
		}
		if r.IntN(15) > 0 {
			d.Labelled = 1 + r.Int64N(80)
			d.Classed = d.Labelled
			d.Right = d.Classed - r.Int64N(1+d.Classed/5)
			if r.IntN(10) == 0 {
				d.Right /= 2
			}
		}
		l.Known = append(l.Known, d)
	}
	return l
}

// goodFrom says by itself, day by day, whether the days from one on are good.
func goodFrom(l reference.LastGood, from int64) bool {
	to := from + int64(l.Days)*dayMS
	for ms := from; ms < to; ms += dayMS {
		for _, s := range slices.Concat(l.Alarms, l.Exclusions) {
			if s.FromMS < ms+dayMS && s.ToMS > ms {
				return false
			}
		}
	}
	days := map[int64]reference.KnownDay{}
	for _, d := range l.Known {
		days[d.StartMS] = d
	}
	if l.Known[0].StartMS > from || l.Known[len(l.Known)-1].StartMS < to-dayMS {
		return false
	}
	var labels, classed, right int64
	for ms := from; ms < to; ms += dayMS {
		d, ok := days[ms]
		if ok && d.Labelled == 0 {
			return false
		}
		labels, classed, right = labels+d.Labelled, classed+d.Classed, right+d.Right
		week := ms-6*dayMS >= from || ms == to-dayMS
		reading := d.Week
		for back := ms - dayMS; week && !ok && back > ms-7*dayMS; back -= dayMS {
			if before, had := days[back]; had {
				reading = before.Week
				break
			}
		}
		if week && (reading == reference.WeekWorse || l.Promise == nil && reading != reference.WeekFine) {
			return false
		}
	}
	if labels < 50 {
		return false
	}
	return l.Promise == nil || classed >= 50 && float64(right) >= (*l.Promise-0.05)*float64(classed)
}

// The chosen days hold nothing bad, no later ones would do, and nothing is chosen only
// where nothing would do. A single day below what was promised is the one rule that the
// oracle leaves out, so where it refuses, some day must be far below.
func TestLastGood_IsTheNewestThatQualifies(t *testing.T) {
	t.Parallel()
	chosen, refused, unknown := 0, 0, 0
	for seed := range uint64(4000) {
		r := rand.New(rand.NewPCG(seed, 7))
		l := randomly(r)
		g := l.Choose()
		shuffled := l
		shuffled.Alarms, shuffled.Exclusions = slices.Clone(l.Alarms), slices.Clone(l.Exclusions)
		slices.Reverse(shuffled.Alarms)
		r.Shuffle(len(l.Exclusions), func(i, k int) {
			shuffled.Exclusions[i], shuffled.Exclusions[k] = shuffled.Exclusions[k], shuffled.Exclusions[i]
		})
		if diff := cmp.Diff(g, shuffled.Choose()); diff != "" {
			t.Fatalf("seed %d: the order of spans matters:\n%s", seed, diff)
		}
		first, end := at(-1), l.UntilMS
		for first < l.PromotedMS {
			first += dayMS
		}
		low := func(from int64) bool { // a day far below in the stretch
			for _, d := range l.Known {
				if l.Promise != nil && d.StartMS >= from && d.StartMS < from+int64(l.Days)*dayMS && float64(d.Right) < (*l.Promise-0.05)*float64(d.Classed) {
					return true
				}
			}
			return false
		}
		if g.OK {
			if g.FromMS < first || g.ToMS > end || g.ToMS-g.FromMS != int64(l.Days)*dayMS || g.FromMS%dayMS != 0 {
				t.Fatalf("seed %d: %d to %d, wanted %d whole days in %d to %d", seed, g.FromMS, g.ToMS, l.Days, first, end)
			}
			for _, s := range slices.Concat(l.Alarms, l.Exclusions) {
				if s.FromMS < g.ToMS && s.ToMS > g.FromMS {
					t.Fatalf("seed %d: %+v reaches into %d to %d", seed, s, g.FromMS, g.ToMS)
				}
			}
		}
		switch {
		case !g.Known && g.OK:
			unknown++
			if g.FromMS != first {
				t.Fatalf("seed %d: performance is not known, and day %d is not the first", seed, (g.FromMS-day0)/dayMS)
			}
			continue
		case !g.Known:
			continue
		case g.OK:
			chosen++
			if !goodFrom(l, g.FromMS) {
				t.Fatalf("seed %d: day %d on is not good:\n%+v", seed, (g.FromMS-day0)/dayMS, g.Checks)
			}
		default:
			refused++
		}
		later := g.FromMS + dayMS
		if !g.OK {
			later = first
		}
		for from := later; from+int64(l.Days)*dayMS <= end; from += dayMS {
			if goodFrom(l, from) && !low(from) {
				t.Fatalf("seed %d: day %d on is good, chosen was %v from day %d", seed, (from-day0)/dayMS, g.OK, (g.FromMS-day0)/dayMS)
			}
		}
	}
	if chosen < 200 || refused < 200 || unknown < 50 {
		t.Errorf("%d chosen, %d refused, %d without performance: the worlds are too much alike", chosen, refused, unknown)
	}
}
