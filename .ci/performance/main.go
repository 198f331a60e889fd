// Command performance measures the estimates of package drift/performance: how far
// accuracy without labels is off where only inputs drift, how often its interval holds,
// and whether concept drift and drift of inputs are told apart, on SEA, AGRAWAL and the
// hyperplane. It prints its seeds and a table; with the same flags it prints the same.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "performance:", err)
		os.Exit(1)
	}
}

// sizes of a run.
type sizes struct {
	runs      int
	streams   int    // runs of the long streams
	first     uint64 // seed
	train     int
	calibrate int
	window    int
	truth     int // rows by which the true fall is known
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var s sizes
	var only string
	fs := flag.NewFlagSet("performance", flag.ContinueOnError)
	fs.IntVar(&s.runs, "runs", 12, "runs of the windows, each with a seed of its own")
	fs.IntVar(&s.streams, "streams", 4, "runs of the long streams")
	fs.Uint64Var(&s.first, "seed", 1, "seed of the first run")
	fs.IntVar(&s.train, "train", 10000, "rows the model is fitted on")
	fs.IntVar(&s.calibrate, "calibrate", 20000, "labelled rows after them that the estimate learns from")
	fs.IntVar(&s.window, "window", 5000, "rows of a window")
	fs.IntVar(&s.truth, "truth", 20000, "rows that say how far the accuracy truly fell")
	fs.StringVar(&only, "only", "", "windows or streams: one of the two tables")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if only != "" && only != "windows" && only != "streams" {
		return fmt.Errorf("-only is %q: want windows or streams", only)
	}
	if fs.NArg() > 0 || min(s.runs, s.streams) < 1 || min(s.train, s.calibrate, s.window, s.truth) < 1000 {
		return errors.New("want no arguments, at least one run, and 1000 rows or more of every sort")
	}
	start := time.Now()
	if only != "streams" {
		fmt.Fprintf(out, "Windows: runs %d, seeds %d to %d; rows: fit %d, calibrate %d, window %d.\n\n", s.runs, s.first, s.first+uint64(s.runs)-1, s.train, s.calibrate, s.window)
		if err := windows(ctx, s, out); err != nil {
			return err
		}
	}
	if only != "windows" {
		fmt.Fprintf(out, "\nLong streams: runs %d, seeds %d to %d; 100,000 rows, labels 5,000 rows late, drifts at 33,333 and 66,667.\n\n", s.streams, s.first, s.first+uint64(s.streams)-1)
		if err := longStreams(ctx, s, out); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "\n%.0f s\n", time.Since(start).Seconds())
	return nil
}
