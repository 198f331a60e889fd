package main

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/driftline/driftline/drift/cadence"
	"github.com/driftline/driftline/drift/generate"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/trainer/reference"
)

const (
	dayMS       = 24 * hourMS
	yearBegins  = int64(1_767_571_200_000) // Monday 2026-01-05
	warmUpDays  = 35                       // five weeks, of which the first three teach
	outageEvery = 21                       // days from one missed delivery to the next
	features    = 3
)

// rhythm is a kind of traffic and the cadence that is declared for it, if any.
type rhythm struct {
	name    string
	plan    *cadence.Plan
	cadence int64 // ms within which a miss is to be found
	// rows of the hour that begins there; level is that of its day.
	rows func(s *generate.Sequence, atMS int64, level float64) int
	// batch: the rows of an hour come in its first minutes.
	batch bool
	// open says whether a delivery of a day can be missed; begins is its first hour.
	open   func(atMS int64) bool
	begins int64
}

func weekdayOf(atMS int64) time.Weekday { return time.UnixMilli(atMS).UTC().Weekday() }

func working(atMS int64) bool {
	d := weekdayOf(atMS)
	return d != time.Saturday && d != time.Sunday
}

func always(int64) bool { return true }

// spreadOver draws a count of the mean whose day-to-day level has been drawn: Poisson of a
// gamma mean, relative variance 0.1 within the hour.
func spreadOver(s *generate.Sequence, mean float64) int {
	const shape = 10
	g := 0.0
	for range shape {
		g -= math.Log(1 - s.Uniform())
	}
	return int(math.Round(max(0, mean*g/shape+math.Sqrt(mean*g/shape)*s.Normal())))
}

func rhythms() []rhythm {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err) // the zone is part of every installation of Go
	}
	office := &cadence.Calendar{Zone: "Europe/Berlin", Shifts: shifts(berlin), Weekdays: []int{1, 2, 3, 4, 5}, Hours: []cadence.Hours{{From: 480, To: 1080}}}
	shape := func(h int64) float64 { return 1 + 0.8*math.Sin(2*math.Pi*float64(h%24-9)/24) }
	hourOf := func(at int64) int64 { return at / hourMS % 24 }
	weekdays := func(s *generate.Sequence, at int64, level float64) int {
		if !working(at) {
			return 0
		}
		return spreadOver(s, 60*level*shape(hourOf(at)))
	}
	local := func(s *generate.Sequence, at int64, level float64) int {
		t := time.UnixMilli(at).In(berlin)
		if !working(at) || t.Hour() < 8 || t.Hour() >= 18 {
			return 0
		}
		return spreadOver(s, 120*level)
	}
	// A delivery around six: half an hour of standard deviation, so that it falls into the
	// hour before as well. The draw of the day decides; level stands for it.
	daily := func(rows float64, when func(int64) bool) func(*generate.Sequence, int64, float64) int {
		return func(s *generate.Sequence, at int64, level float64) int {
			minutes := 6*60 + 30*math.Log(level)/0.2
			if when(at) && int64(minutes/60) == hourOf(at) {
				return max(1, int(math.Round(rows*(1+0.1*s.Normal()))))
			}
			return 0
		}
	}
	return []rhythm{
		{name: "weekdays, round the clock", rows: weekdays, open: working, cadence: dayMS},
		{name: "weekdays, declared", rows: weekdays, open: working, cadence: dayMS, plan: &cadence.Plan{EveryMS: 4 * hourMS, Calendar: &cadence.Calendar{Weekdays: []int{1, 2, 3, 4, 5}}}},
		{name: "office hours in Berlin", rows: local, open: working, begins: 6, cadence: dayMS},
		{name: "office hours, declared", rows: local, open: working, begins: 6, cadence: dayMS, plan: &cadence.Plan{EveryMS: 2 * hourMS, Calendar: office}},
		{name: "once a day", rows: daily(500, always), batch: true, open: always, begins: 5, cadence: dayMS},
		{name: "once a day, declared", rows: daily(500, always), batch: true, open: always, begins: 5, cadence: dayMS, plan: &cadence.Plan{EveryMS: dayMS}},
		{name: "once a weekday", rows: daily(500, working), batch: true, open: working, begins: 5, cadence: dayMS},
		{name: "once a day, one row", rows: daily(1, always), batch: true, open: always, begins: 5, cadence: dayMS},
		{name: "round the clock", rows: func(s *generate.Sequence, at int64, level float64) int {
			return spreadOver(s, 60*level*shape(hourOf(at)))
		}, open: always, cadence: dayMS},
		{name: "four rows a day", rows: func(s *generate.Sequence, _ int64, _ float64) int {
			if s.Uniform() < 4.0/24 {
				return 1
			}
			return 0
		}, open: func(int64) bool { return false }, cadence: dayMS},
	}
}

// shifts is the table of a zone for the years that are simulated.
func shifts(zone *time.Location) (out []cadence.Shift) {
	at := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	for at.Year() < 2029 {
		_, off := at.In(zone).Zone()
		out = append(out, cadence.Shift{FromMS: at.UnixMilli(), OffsetMS: int64(off) * 1000})
		if _, at = at.In(zone).ZoneBounds(); at.IsZero() {
			break
		}
	}
	return out
}

// rhythmic is what came of one year.
type rhythmic struct {
	stale, volume, freshness int       // said while nothing was wrong
	delays                   []float64 // of missed deliveries, in cadences; +Inf: not found within two
}

// year runs one year, with missed deliveries or without.
func (r rhythm) year(seed uint64, days int, missed bool) (o rhythmic, err error) {
	draws, values := generate.NewSequence(seed, 1), generate.NewSequence(seed, 2)
	names := make([]string, features)
	for i := range names {
		names[i] = fmt.Sprintf("f%d", i)
	}
	row := func(at int64) reference.Row {
		x := reference.Row{TimeMS: at, Values: make([]sketches.Value, features)}
		for i := range x.Values {
			x.Values[i] = sketches.Number(values.Normal())
		}
		return x
	}
	hour := func(at int64, level float64) (rows []reference.Row) {
		n := r.rows(&draws, at, level)
		for i := range n {
			span := hourMS
			if r.batch {
				span = paneMS / 2
			}
			rows = append(rows, row(at+int64(i)*span/int64(n)))
		}
		return rows
	}
	level := func() float64 { return math.Exp(0.2 * min(2, max(-2, draws.Normal()))) }
	var past []reference.Row
	for day := range int64(91) {
		l := level()
		for h := range int64(24) {
			past = append(past, hour(yearBegins-91*dayMS+day*dayMS+h*hourMS, l)...)
		}
	}
	for len(past) < 2000 { // a reference needs rows; traffic of a few a day has them from elsewhere
		past = append(past, row(past[len(past)-1].TimeMS+1))
	}
	policy := wire.DefaultPolicy()
	policy.Cadence = r.plan
	j, err := newJudged(past, names, policy)
	if err != nil {
		return o, err
	}
	var outages [][2]int64
	next := int64(warmUpDays)
	var from, to int64
	for day := range int64(days) {
		l, at := level(), yearBegins+day*dayMS
		if missed && day >= next && day < int64(days)-4 && r.open(at) && r.open(at+dayMS) {
			// Rows stop with the delivery of the day and come again with the one of the next.
			from, to = at+r.begins*hourMS-2*hourMS, at+dayMS+r.begins*hourMS-2*hourMS
			if r.begins == 0 {
				from, to = at+9*hourMS, at+dayMS+9*hourMS
			}
			outages = append(outages, [2]int64{r.due(from), to})
			next = day + outageEvery + int64(draws.Uniform()*5)
		}
		for h := range int64(24) {
			rows := hour(at+h*hourMS, l)
			if t := at + h*hourMS; t >= from && t < to {
				rows = nil
			}
			for p := range hourMS / paneMS {
				end := at + h*hourMS + (p+1)*paneMS
				n := 0
				for n < len(rows) && rows[n].TimeMS < end {
					n++
				}
				if err := j.pane(end/paneMS-1, rows[:n]); err != nil {
					return o, err
				}
				rows = rows[n:]
			}
		}
	}
	o.count(j, outages, r.cadence)
	return o, nil
}

// due is when the first row of an outage that begins there would have come at the latest.
func (r rhythm) due(from int64) int64 {
	if r.begins == 0 {
		return from
	}
	return from + 3*hourMS
}

// count separates what was said of outages from what was said while nothing was wrong.
func (o *rhythmic) count(j *judged, outages [][2]int64, cadenceMS int64) {
	// An outage stands in windows for a week after its end.
	during := func(ms int64) bool {
		for _, x := range outages {
			if ms >= x[0] && ms <= x[1]+8*dayMS {
				return true
			}
		}
		return false
	}
	calm := func(all []int64) (n int) {
		for _, ms := range all {
			if !during(ms) {
				n++
			}
		}
		return n
	}
	stale := j.found(func(e wire.Event) bool { return strings.HasSuffix(e.Type, ".stale.v1") })
	check := func(name string) []int64 {
		return j.found(func(e wire.Event) bool { return e.Data.Check == name && strings.HasSuffix(e.Type, ".detected.v1") })
	}
	volume, fresh := check(wire.CheckVolume), check(wire.CheckFreshness)
	o.stale, o.volume, o.freshness = calm(stale), calm(volume), calm(fresh)
	said := slices.Concat(volume, fresh)
	slices.Sort(said)
	for _, x := range outages {
		delay := math.Inf(1)
		for _, ms := range said {
			if ms > x[0] && ms <= x[0]+2*cadenceMS {
				delay = float64(ms-x[0]) / float64(cadenceMS)
				break
			}
		}
		o.delays = append(o.delays, delay)
	}
}

func runCadence(seeds, days int) error {
	all := rhythms()
	out := make([][2][]rhythmic, len(all))
	var g errgroup.Group
	g.SetLimit(2)
	for i, r := range all {
		for missed := range 2 {
			out[i][missed] = make([]rhythmic, seeds)
			for s := range seeds {
				g.Go(func() (err error) {
					began := time.Now()
					out[i][missed][s], err = r.year(uint64(s+1), days, missed == 1)
					fmt.Fprintf(os.Stderr, "%s, seed %d, missed deliveries %v: %s\n", r.name, s+1, missed == 1, time.Since(began).Round(time.Second))
					return err
				})
			}
		}
	}
	if err := g.Wait(); err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "traffic\tyears\tstale a year\tvolume a year\tfreshness a year\tmissed\tfound within one cadence\tdelay, cadences: median\tmost\n")
	for i, r := range all {
		var stale, volume, fresh int
		for _, o := range out[i][0] {
			stale, volume, fresh = stale+o.stale, volume+o.volume, fresh+o.freshness
		}
		var delays []float64
		within := 0
		for _, o := range out[i][1] {
			delays = append(delays, o.delays...)
		}
		slices.Sort(delays)
		for _, d := range delays {
			if d <= 1 {
				within++
			}
		}
		n := float64(seeds*days) / 365
		fmt.Fprintf(w, "%s\t%d\t%.2f\t%.2f\t%.2f\t%d", r.name, seeds, float64(stale)/n, float64(volume)/n, float64(fresh)/n, len(delays))
		if len(delays) > 0 {
			fmt.Fprintf(w, "\t%d\t%.2f\t%.2f", within, delays[len(delays)/2], delays[len(delays)-1])
		} else {
			fmt.Fprint(w, "\t\t\t")
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}
