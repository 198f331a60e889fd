package main

import (
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/driftline/driftline/drift/generate"
	"github.com/driftline/driftline/drift/sequential"
	"github.com/driftline/driftline/sketches"
)

// figures of one detector.
type figures struct {
	rows, alarms int       // without drift
	spread       []float64 // ARL0 per reference, sorted
	delays       []float64 // mean per change
	errs         []float64 // their standard errors
	missed       []int
	notes        []string
}

func newFigures() figures {
	n := len(changes)
	return figures{delays: make([]float64, n), errs: make([]float64, n), missed: make([]int, n)}
}

func (f figures) arl0() float64 { return float64(f.rows) / float64(max(f.alarms, 1)) }

func header(w io.Writer, name, arl string) {
	fmt.Fprintf(w, "%-36s %-26s", name, arl)
	for _, c := range changes {
		fmt.Fprintf(w, " %-18s", c.name)
	}
	fmt.Fprintln(w)
}

func (f figures) print(w io.Writer, name, arl string) {
	fmt.Fprintf(w, "%-36s %-26s", name, arl)
	for i := range changes {
		cell := fmt.Sprintf("%.1f ± %.1f", f.delays[i], f.errs[i])
		if f.missed[i] > 0 {
			cell += fmt.Sprintf(" (%d)", f.missed[i])
		}
		fmt.Fprintf(w, " %-18s", cell)
	}
	fmt.Fprintln(w)
}

// longest run that is waited for.
const longest = 100_000

// watch is one reference with its plan.
type watch struct {
	feature *sketches.FeatureGrid
	plan    *sequential.Plan
	tables  *sequential.Tables
	state   sequential.State
	inc     []int64
}

func newWatch(o options, number int, phi float64) (*watch, error) {
	n := o.rows
	if phi != 0 {
		n = o.history
	}
	src := generate.NewSource(o.seed, uint64(number)<<32, phi)
	xs := make([]float64, n)
	for i := range xs {
		xs[i], _ = src.Next()
	}
	f, err := sketches.NewNumeric("x", xs)
	if err != nil {
		return nil, err
	}
	g, err := sketches.NewGrid([]sketches.FeatureGrid{f})
	if err != nil {
		return nil, err
	}
	ref := sketches.NewCounts(g)
	h := sequential.NewHistory(g)
	one := sketches.NewCounts(g)
	for _, x := range xs {
		ref.Add(0, sketches.Number(x))
		if phi != 0 {
			one.Add(0, sketches.Number(x))
			if err := h.Append(one); err != nil {
				return nil, err
			}
			cell, _ := g.Features[0].Locate(sketches.Number(x))
			one.Features[0].Cells[cell] = 0
		}
	}
	s := sequential.DefaultSettings()
	s.Target, s.Seed = o.target, o.seed+uint64(number)
	var ev sequential.Evidence
	if phi != 0 {
		ev.History = h
	}
	plan, err := sequential.Calibrate(ref, ev, s)
	if err != nil {
		return nil, err
	}
	w := &watch{feature: &g.Features[0], plan: plan, state: plan.NewState(), inc: make([]int64, len(plan.Paths))}
	w.tables, err = sequential.NewTables(plan.Paths, ref)
	return w, err
}

// step takes one record and reports an alarm.
func (w *watch) step(x float64, ok bool) bool {
	cell := sequential.Missing
	if ok {
		cell, _ = w.feature.Locate(sketches.Number(x))
	}
	w.tables.Row(w.inc, []int{cell})
	_, alarm := w.plan.Step(&w.state, w.inc)
	return alarm
}

func (w *watch) reset() {
	clear(w.state.Sums)
	clear(w.state.Age)
}

// ours measures the rank CUSUM: every reference is calibrated by itself, ARL0 is all rows
// over all alarms, and a delay counts from zero sums and a change at once.
func ours(o options, phi float64) (figures, error) {
	f := newFigures()
	delays := make([][]float64, len(changes))
	var hs, blocks, achieved float64
	rows := int(o.target) * o.nullAlarms / o.references
	for r := range o.references {
		w, err := newWatch(o, r, phi)
		if err != nil {
			return f, err
		}
		got, _, _ := w.plan.Report.Achieved()
		hs, blocks, achieved = hs+float64(w.plan.Threshold)/1e9, blocks+w.plan.Report.BlockPanes, achieved+1/got
		src := generate.NewSource(o.seed, uint64(r)<<32+1, phi)
		alarms := 0
		for range rows {
			if w.step(src.Next()) {
				alarms++
			}
		}
		f.rows, f.alarms = f.rows+rows, f.alarms+alarms
		f.spread = append(f.spread, float64(rows)/float64(max(alarms, 1)))
		for i, c := range changes {
			for k := range o.runs / o.references {
				w.reset()
				src := generate.NewSource(o.seed, uint64(r)<<32+uint64(2+i)<<24+uint64(k), phi)
				src.Change = c.change
				t := 1
				for ; t < longest && !w.step(src.Next()); t++ {
				}
				if t == longest {
					f.missed[i]++
				}
				delays[i] = append(delays[i], float64(t))
			}
		}
	}
	slices.Sort(f.spread)
	for i, d := range delays {
		f.delays[i], f.errs[i] = meanErr(d)
	}
	n := float64(o.references)
	k := len(f.spread)
	f.notes = []string{
		fmt.Sprintf("from reference to reference ARL0 %.0f to %.0f (10 %% and 90 %% points)", f.spread[k/10], f.spread[k-1-k/10]),
		fmt.Sprintf("reports of the calibrations: target %.0f, achieved %.0f; threshold %.3f nats, blocks of %.0f rows (means)", o.target, n/achieved, hs/n, blocks/n),
	}
	return f, nil
}

func meanErr(x []float64) (mean, err float64) {
	for _, v := range x {
		mean += v
	}
	mean /= float64(len(x))
	s := 0.0
	for _, v := range x {
		s += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(s/float64(len(x)-1)) / math.Sqrt(float64(len(x)))
}
