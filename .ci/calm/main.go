// Command calm measures how soon a change of many features together is found, at an
// equal rate of false alarms, after the benchmark of calibrated drift detection (Cobb,
// Van Looveren and Klaise 2022‡): a reference of 1 000 rows, a window of 25, rows one by
// one, and the change right after the first full window.
//
// Every line of a table first shows the mean number of tests up to a false alarm that
// it achieved, beside the target, and then the mean number of changed rows up to the
// alarm, that row included. Rows are counter-based on -seed.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

type options struct {
	seed           uint64
	configs, runs  int
	nulls, workers int
	calibrate      int
	only           string
	table          string
	full           bool
}

func main() {
	var o options
	flag.Uint64Var(&o.seed, "seed", 1, "seed of all rows")
	flag.BoolVar(&o.full, "full", false, "the long version: 100 references, 500 runs of each kind, 25,000 resampled runs, all targets")
	flag.IntVar(&o.configs, "configs", 2, "references, each with a calibration of its own")
	flag.IntVar(&o.runs, "runs", 50, "runs with a change per reference and alternative")
	flag.IntVar(&o.nulls, "nulls", 40, "runs without drift per reference")
	flag.IntVar(&o.calibrate, "calibrate", 1000, "resampled runs of a calibration")
	flag.IntVar(&o.workers, "workers", 2, "references that are measured at a time")
	flag.StringVar(&o.only, "only", "", "lines to measure, by name, parted by ; (default all)")
	flag.StringVar(&o.table, "table", "gauss,square,correlation", "tables to print")
	flag.Parse()
	if o.full {
		o.configs, o.runs, o.nulls, o.calibrate, o.table = 100, 500, 500, 25_000, "gauss-long,square,correlation"
	}
	for _, name := range strings.Split(o.table, ",") {
		e, ok := experiments()[name]
		if !ok {
			fmt.Fprintf(os.Stderr, "calm: no table %q\n", name)
			os.Exit(2)
		}
		if err := e.run(o, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "calm:", err)
			os.Exit(1)
		}
	}
}

// experiment is one table.
type experiment struct {
	title        string
	null         *source
	alternatives []*source
	targets      []float64
	settings     settings
	lines        []string // nil: all
	deadline     float64  // if > 0, the share found within it is shown
	thin         int      // fewer references and runs by this factor
}

func experiments() map[string]experiment {
	return map[string]experiment{
		"gauss": {
			title: "20 normal coordinates, reference 1,000, window 25",
			null:  gauss("normal", 20, nil), alternatives: []*source{shifted(20, 0.3), spread(20, 10, 2)},
			targets: []float64{128, 512}, settings: settings{window: 25, scales: []int{8, 16, 25}},
		},
		"gauss-long": {
			title: "20 normal coordinates, reference 1,000, window 25, all targets",
			null:  gauss("normal", 20, nil), alternatives: []*source{shifted(20, 0.3), spread(20, 10, 2)},
			targets: []float64{128, 256, 512, 1024}, settings: settings{window: 25, scales: []int{8, 16, 25}},
		},
		"square": {
			title: "uniform on a square, reference 1,000, window 25",
			null:  square(), alternatives: []*source{rotated(), hollow()},
			targets: []float64{128, 512}, settings: settings{window: 25, scales: []int{8, 16, 25}},
		},
		"correlation": {
			title: "20 normal coordinates, correlation with unchanged marginals, reference 1,000, windows up to 200",
			null:  gauss("normal", 20, nil), alternatives: []*source{correlated(20, 20, 0.5), correlated(20, 2, 0.5)},
			targets: []float64{5000}, settings: settings{window: 200, scales: []int{25, 50, 100, 200}}, deadline: 200,
			lines: []string{"RFF 256", "Gram", "combined"}, thin: 4,
		},
	}
}

func (e experiment) run(o options, out io.Writer) error {
	began := time.Now()
	if e.thin > 1 {
		o.configs, o.runs, o.nulls, o.calibrate = max(1, o.configs/2), o.runs/e.thin*2, max(4, o.nulls/e.thin), max(200, o.calibrate/e.thin)
	}
	e.settings.runs = o.calibrate
	var lines []row
	for _, r := range rows(e.settings) {
		if (e.lines == nil || contains(e.lines, r.name)) && (o.only == "" || contains(strings.Split(o.only, ";"), r.name)) {
			lines = append(lines, r)
		}
	}
	results := make([]*result, len(lines))
	for i := range results {
		results[i] = newResult(len(e.targets), len(e.alternatives))
	}
	var mu sync.Mutex
	var first error
	jobs := make(chan int)
	var wait sync.WaitGroup
	for range o.workers {
		wait.Go(func() {
			for config := range jobs {
				found, err := e.config(o, uint64(config), lines)
				mu.Lock()
				if err != nil && first == nil {
					first = err
				}
				for i, r := range found {
					results[i].join(r)
				}
				mu.Unlock()
			}
		})
	}
	for config := range o.configs {
		jobs <- config
	}
	close(jobs)
	wait.Wait()
	if first != nil {
		return first
	}
	e.print(out, o, lines, results)
	fmt.Fprintf(out, "%.0f s\n\n", time.Since(began).Seconds())
	return nil
}

// config measures all lines on one reference. Runs are the same for all of them, so
// that differences between lines are no matter of chance rows.
func (e experiment) config(o options, config uint64, lines []row) ([]*result, error) {
	ref, err := newReference(e.null, o.seed, config, 1000)
	if err != nil {
		return nil, err
	}
	var out []*result
	for _, l := range lines {
		d, err := l.make(ref, e.targets)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", l.name, err)
		}
		out = append(out, measure(d, e.null, e.alternatives, ref.seed, e.targets, o.runs, o.nulls))
	}
	return out, nil
}

func (e experiment) print(out io.Writer, o options, lines []row, results []*result) {
	fmt.Fprintf(out, "### %s\n\nseed %d, %d references, %d runs without drift and %d per change on each, calibrated by %d resampled runs\n\n",
		e.title, o.seed, o.configs, o.nulls, o.runs, o.calibrate)
	head, rule := "| line |", "|---|"
	for _, t := range e.targets {
		head += fmt.Sprintf(" tests to a false alarm, target %g |", t)
		rule += "---|"
		for _, a := range e.alternatives {
			head += fmt.Sprintf(" delay: %s |", a.name)
			rule += "---|"
		}
	}
	fmt.Fprintf(out, "%s\n%s\n", head, rule)
	for i, l := range lines {
		fmt.Fprintf(out, "| %s |", l.name)
		for t := range e.targets {
			mean, se := meanOf(results[i].lengths[t])
			fmt.Fprintf(out, " %.0f ± %.0f |", mean, se)
			for a := range e.alternatives {
				mean, se := meanOf(results[i].delays[a][t])
				fmt.Fprintf(out, " %.1f ± %.1f", mean, se)
				if e.deadline > 0 {
					fmt.Fprintf(out, ", %.0f %% within %g", 100*within(results[i].delays[a][t], e.deadline), e.deadline)
				}
				fmt.Fprint(out, " |")
			}
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintln(out)
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if strings.TrimSpace(x) == s {
			return true
		}
	}
	return false
}
