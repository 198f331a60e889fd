// Command sequential measures delays at equal false alarms: table B of
// docs/benchmarks.md. It prints its seed, and for every detector first what it did
// without drift.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/driftline/driftline/drift/generate"
)

// options are the size of the benchmark.
type options struct {
	seed       uint64
	references int     // of ours, each calibrated by itself
	rows       int     // of a reference of independent records
	history    int     // of a reference of dependent records
	runs       int     // delays per change, over all references
	rivalRuns  int     // of the others
	target     float64 // rows between two false alarms
	nullAlarms int     // false alarms that a measured ARL0 should rest on
	nullRows   int     // rows without drift for the others
}

func main() {
	o := options{target: 5000}
	short := flag.Bool("short", false, "a quarter of the work")
	flag.Uint64Var(&o.seed, "seed", 20251126, "of everything")
	flag.IntVar(&o.references, "references", 40, "references, each calibrated by itself")
	flag.IntVar(&o.rows, "rows", 10_000, "records of a reference")
	flag.IntVar(&o.history, "history", 100_000, "records of a reference of dependent records")
	flag.IntVar(&o.runs, "runs", 4000, "runs per delay")
	flag.IntVar(&o.nullAlarms, "null-alarms", 4000, "false alarms behind a measured ARL0")
	flag.IntVar(&o.nullRows, "null-rows", 1_000_000, "records without drift for detectors that learn their past")
	flag.IntVar(&o.rivalRuns, "rival-runs", 2000, "runs per delay of detectors that learn their past")
	only := flag.Bool("ours", false, "ours alone")
	flag.Parse()
	if *short {
		o.references, o.runs, o.nullAlarms, o.rivalRuns, o.nullRows = 10, 2000, 1000, 500, 300_000
	}
	if err := run(os.Stdout, o, *only); err != nil {
		fmt.Fprintln(os.Stderr, "sequential:", err)
		os.Exit(1)
	}
}

// changes are the columns of the table.
var changes = []struct {
	name   string
	change generate.Change
}{
	{"0.25 sd", generate.Change{Kind: generate.Mean, Size: 0.25}},
	{"0.5 sd", generate.Change{Kind: generate.Mean, Size: 0.5}},
	{"1 sd", generate.Change{Kind: generate.Mean, Size: 1}},
	{"sd × 1.5", generate.Change{Kind: generate.Spread, Size: 1.5}},
	{"sd × 2", generate.Change{Kind: generate.Spread, Size: 2}},
}

// dependences are the AR(1) coefficients under which ARL0 is measured.
var dependences = []float64{0, 0.5, 0.9}

func run(w io.Writer, o options, only bool) error {
	start := time.Now()
	fmt.Fprintf(w, "seed %d, target %g rows, %d runs a delay (others %d); delays in rows, ± standard error\n\n", o.seed, o.target, o.runs, o.rivalRuns)
	fmt.Fprintf(w, "Against a fixed reference, calibrated by itself, change at once; %d references of %d records, dependent ones of %d\n\n", o.references, o.rows, o.history)
	header(w, "", "ARL0")
	for _, phi := range dependences {
		f, err := ours(o, phi)
		if err != nil {
			return err
		}
		f.print(w, fmt.Sprintf("rank CUSUM, φ = %g", phi), fmt.Sprintf("%.0f", f.arl0()))
		for _, n := range f.notes {
			fmt.Fprintln(w, "   ", n)
		}
	}
	if only {
		return nil
	}
	fmt.Fprintf(w, "\nDetectors that learn their past: %d records without drift for ARL0, change after %d records, delays capped at %d\n\n", o.nullRows, warmUp, capped)
	header(w, "", "ARL0 φ = 0 / 0.5 / 0.9")
	for _, r := range rivals {
		values := r.fixed
		if r.lo > 0 {
			values = append([]float64{tune(r, o)}, values...)
		}
		for i, v := range values {
			arl, f := beside(r, v, o)
			name := fmt.Sprintf("%s %.4g", r.name, v)
			if r.lo > 0 && i == 0 {
				name += ", tuned"
			}
			f.print(w, name, fmt.Sprintf("%.0f / %.0f / %.0f", arl[0], arl[1], arl[2]))
		}
	}
	fmt.Fprintf(w, "\n%.0f s\n", time.Since(start).Seconds())
	return nil
}
