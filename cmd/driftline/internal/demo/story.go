package demo

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// Terminal tells the story with progress bars.
type Terminal struct {
	out      io.Writer
	progress *mpb.Progress
	weeks    *mpb.Bar
	text     string // accuracy so far
}

// NewTerminal writes bars and lines to out.
func NewTerminal(out io.Writer) *Terminal { return &Terminal{out: out} }

// Start prints where things are and begins the bars.
func (t *Terminal) Start(url, brokers, dataDir string, weeks int) {
	banner(t.out, url, brokers, dataDir)
	t.progress = mpb.New(mpb.WithOutput(t.out), mpb.WithWidth(40), mpb.WithRefreshRate(120*time.Millisecond))
	t.weeks = t.progress.AddBar(int64(weeks)*7,
		mpb.PrependDecorators(decor.Name("two years of bike rentals "), decor.Percentage()),
		mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return t.text }), decor.Elapsed(decor.ET_STYLE_GO)))
}

// Day moves the bar.
func (t *Terminal) Day(done, all int, accuracy, static float64, scored int) {
	text := " collecting the first 13 weeks "
	if scored > 0 {
		text = fmt.Sprintf(" champion %.3f, version 1 alone %.3f ", accuracy, static)
	}
	t.text = text
	if done == all {
		t.weeks.SetTotal(int64(done), true)
	}
	t.weeks.SetCurrent(int64(done))
}

// Tell prints a line above the bars.
func (t *Terminal) Tell(line string) {
	if t.progress == nil {
		return
	}
	_, _ = fmt.Fprintln(t.progress, line) // a terminal that is gone must not stop the demo
}

// End waits for the bars and prints the result.
func (t *Terminal) End(s Summary) {
	t.progress.Wait()
	result(t.out, s)
}

// Plain tells the story in lines, for pipes and logs.
type Plain struct {
	out  io.Writer
	last time.Time
}

// NewPlain writes lines to out.
func NewPlain(out io.Writer) *Plain { return &Plain{out: out} }

// Start prints where things are.
func (p *Plain) Start(url, brokers, dataDir string, weeks int) { banner(p.out, url, brokers, dataDir) }

// Day prints a line every few seconds.
func (p *Plain) Day(done, all int, accuracy, static float64, scored int) {
	if time.Since(p.last) < 5*time.Second && done < all {
		return
	}
	p.last = time.Now()
	_, _ = fmt.Fprintf(p.out, "day %d of %d: champion %.3f, version 1 alone %.3f over %d rows\n", done, all, accuracy, static, scored)
}

// Tell prints a line.
func (p *Plain) Tell(line string) { _, _ = fmt.Fprintln(p.out, line) }

// End prints the result.
func (p *Plain) End(s Summary) { result(p.out, s) }

func banner(out io.Writer, url, brokers, dataDir string) {
	_, _ = fmt.Fprintf(out, `
  Driftline demo: hourly bike rentals, Washington DC, 2011-2012, answered live.

  Pages     %s
  Broker    %s  (any Kafka client may join: topics %s, driftline.drift, …)
  MLflow    MLFLOW_TRACKING_URI=%s
  Data      %s

`, url, brokers, predictionsTopic, url, dataDir)
}

func result(out io.Writer, s Summary) {
	_, _ = fmt.Fprintf(out, `
  %d events, %d alarms, %d retrains: %d promoted, %d refused, in %.0f s.
  Version 1 alone would have been right on %.1f %% of the rows; the champions were on %.1f %%.
  %s
`, s.Events, s.Alarms, s.Retrains, s.Promotions, s.Refused, s.Seconds, 100*s.AccuracyStatic, 100*s.Accuracy, strings.Repeat("─", 40))
}
