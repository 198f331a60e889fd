// Command year runs alarms with default settings over years of made-up traffic in which
// nothing drifts, and over the same traffic with a shift, and prints how many false alarms a
// model-year has and how many shifts are found:
//
//	make bench-year ARGS='-seeds 20'
//
// A model has 200 features and one row a minute. Each feature is an AR(1) process of
// coefficient 0.9 with heavy tails, plus a daily and a weekly season of its own size. The
// reference is the first 90 days. Windows are the default ones; that of an hour holds 60
// rows, which is never enough for a verdict, and is left out.
//
// With -cadence the traffic has a rhythm in place of a season, and the fold that judges is
// driven as in live operation: how often is a model called stale, or its volume or
// freshness odd, while nothing is wrong, and how soon is a missed delivery found:
//
//	make bench-year ARGS='-cadence -seeds 5'
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"
)

func main() {
	seeds := flag.Int("seeds", 4, "model-years; the first has seed `1`")
	features := flag.Int("features", 200, "features of the model")
	days := flag.Int("days", 365, "days of a year without drift")
	cadence := flag.Bool("cadence", false, "years of traffic that comes on weekdays, in office hours or once a day, and deliveries that are missed")
	flag.Parse()
	year := func() error { return run(*seeds, *features, *days) }
	if *cadence {
		year = func() error { return runCadence(*seeds, *days) }
	}
	if err := year(); err != nil {
		fmt.Fprintln(os.Stderr, "year:", err)
		os.Exit(1)
	}
}

// scenario is a kind of traffic.
type scenario struct {
	name  string
	share float64 // of the features that shift
	size  float64 // in standard deviations of the feature
	days  int     // behind the reference
}

// shiftDay is the day behind the reference on which a shift begins, and foundDays how long
// after it an alarm counts as having found it: two windows of a week.
const (
	shiftDay  = 14
	foundDays = 14
)

func run(seeds, features, days int) error {
	scenarios := []scenario{
		{"no drift", 0, 0, days},
		{"0.5 sd in 30 % of the features", 0.3, 0.5, shiftDay + foundDays},
		{"1 sd in 40 %", 0.4, 1, shiftDay + foundDays},
	}
	found := make([][]outcome, len(scenarios))
	for i := range found {
		found[i] = make([]outcome, seeds)
	}
	var g errgroup.Group
	g.SetLimit(2)
	for s := range seeds {
		g.Go(func() error {
			m, err := newModel(uint64(s+1), features)
			if err != nil {
				return err
			}
			for i, sc := range scenarios {
				began := time.Now()
				if found[i][s], err = m.live(sc); err != nil {
					return err
				}
				fmt.Fprintf(os.Stderr, "seed %d, %s: %s\n", s+1, sc.name, time.Since(began).Round(time.Second))
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return show(scenarios, found)
}

func show(scenarios []scenario, found [][]outcome) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "scenario\tseeds\tdrift alarms a year\tearly warnings a year\tfound by drift alarm\tby either\tdelay of the first, days: median\tmost\n")
	for i, sc := range scenarios {
		n := float64(len(found[i]))
		var alarms, warnings, byAlarm, byEither float64
		var delays []float64
		for _, o := range found[i] {
			years := float64(sc.days) / 365
			alarms += float64(len(o.alarms)) / years / n
			warnings += float64(len(o.warnings)) / years / n
			if sc.size == 0 {
				continue
			}
			a, w := after(o.alarms), after(o.warnings)
			if a >= 0 {
				byAlarm += 100 / n
			}
			if first := soonest(a, w); first >= 0 {
				byEither += 100 / n
				delays = append(delays, first)
			}
		}
		if sc.size == 0 {
			fmt.Fprintf(w, "%s\t%.0f\t%.2f\t%.2f\t\t\t\t\n", sc.name, n, alarms, warnings)
			continue
		}
		slices.Sort(delays)
		median, most := -1.0, -1.0
		if len(delays) > 0 {
			median, most = delays[len(delays)/2], delays[len(delays)-1]
		}
		fmt.Fprintf(w, "%s\t%.0f\t\t\t%.0f %%\t%.0f %%\t%.2f\t%.2f\n", sc.name, n, byAlarm, byEither, median, most)
	}
	return w.Flush()
}

// after returns how many days behind the shift the first of the times lies, −1 if none
// does within foundDays.
func after(hours []int) float64 {
	for _, h := range hours {
		if d := float64(h)/24 - shiftDay; d > 0 && d <= foundDays {
			return d
		}
	}
	return -1
}

func soonest(a, b float64) float64 {
	switch {
	case a < 0:
		return b
	case b < 0:
		return a
	}
	return min(a, b)
}
