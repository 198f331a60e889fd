package main

import (
	"fmt"

	"github.com/driftline/driftline/drift/multivariate"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/sketches/joint"
)

// detector watches rows one by one. It knows a limit per target.
type detector interface {
	// push takes a row; test is the number of the test it led to, −1 while windows fill.
	push(x []float64) (score float64, test int)
	limit(target, test int) float64
	reset()
}

// row is a line of the table.
type row struct {
	name string
	make func(ref *reference, targets []float64) (detector, error)
}

// settings of all lines.
type settings struct {
	window int
	scales []int // of combined
	runs   int   // of the calibration
}

func rows(s settings) []row {
	mergeable := func(name string, waves int, scales []int, stats ...multivariate.Statistic) row {
		return row{name, func(ref *reference, targets []float64) (detector, error) {
			return newWatch(ref, waves, targets, multivariate.Calibration{Scales: scales, Statistics: stats, Runs: s.runs})
		}}
	}
	one := []int{s.window}
	return []row{
		{"exact MMD", func(ref *reference, targets []float64) (detector, error) { return newExact(ref, s, targets) }},
		mergeable("RFF 64", 64, one, multivariate.StatDistance),
		mergeable("RFF 256", 256, one, multivariate.StatDistance),
		mergeable("RFF 1024", 1024, one, multivariate.StatDistance),
		mergeable("moments", 4, one, multivariate.StatMoments),
		mergeable("Gram", 4, one, multivariate.StatCorrelation),
		mergeable("combined", 256, s.scales),
		mergeable("combined, one scale", 256, one),
	}
}

// reference is rows of the null law, on a grid of their own.
type reference struct {
	seed    uint64
	rows    [][]float64
	counts  *sketches.Counts
	codes   [][]uint16 // by feature
	adder   *joint.Adder
	oneCode *sketches.Codes
}

func newReference(null *source, seed, config uint64, n int) (*reference, error) {
	r := &reference{seed: joint.Bits(seed, config, 0), adder: joint.NewAdder()}
	columns := make([][]float64, null.dim)
	for i := range n {
		x := make([]float64, null.dim)
		null.draw(x, r.seed, streamReference, uint64(i))
		r.rows = append(r.rows, x)
		for k := range x {
			columns[k] = append(columns[k], x[k])
		}
	}
	features := make([]sketches.FeatureGrid, null.dim)
	for k := range features {
		f, err := sketches.NewNumeric(fmt.Sprintf("x%d", k), columns[k])
		if err != nil {
			return nil, err
		}
		features[k] = f
	}
	g, err := sketches.NewGrid(features)
	if err != nil {
		return nil, err
	}
	r.counts, r.codes, r.oneCode = sketches.NewCounts(g), make([][]uint16, null.dim), sketches.NewCodes(g, 1)
	for _, x := range r.rows {
		r.counts.AddRow()
		for k := range x {
			r.counts.Add(k, sketches.Number(x[k]))
			r.codes[k] = append(r.codes[k], g.Features[k].Code(sketches.Number(x[k])))
		}
	}
	return r, nil
}

// watch is a monitor of the product, with panes of one row.
type watch struct {
	ref     *reference
	law     *multivariate.Law
	monitor *multivariate.Monitor
	tally   *joint.Tally
	codes   *sketches.Codes
}

func newWatch(ref *reference, waves int, targets []float64, c multivariate.Calibration) (*watch, error) {
	e, err := joint.Build(joint.Config{Reference: ref.counts, Sample: ref.codes, Waves: waves, Seed: ref.seed})
	if err != nil {
		return nil, err
	}
	w := &watch{ref: ref, tally: joint.NewTally(e), codes: sketches.NewCodes(ref.counts.Grid, 1)}
	all := joint.NewSums(e)
	for _, x := range ref.rows {
		w.add(x)
		c.Panes = append(c.Panes, w.tally.Sums())
		w.tally.AddTo(all.Values)
		all.Rows++
	}
	c.Targets, c.Seed = targets, ref.seed
	if w.law, err = multivariate.Calibrate(c); err != nil {
		return nil, err
	}
	base, err := multivariate.NewReference(all)
	if err != nil {
		return nil, err
	}
	w.monitor = multivariate.NewMonitor(base, w.law)
	return w, nil
}

func (w *watch) add(x []float64) {
	w.codes.Rows = 1
	for k := range x {
		w.codes.Columns[k][0] = w.ref.counts.Grid.Features[k].Code(sketches.Number(x[k]))
	}
	w.tally.Reset()
	w.ref.adder.Add(w.tally, w.codes)
}

func (w *watch) push(x []float64) (float64, int) {
	w.add(x)
	s := w.monitor.Push(w.tally)
	if !s.Ready {
		return s.Score, -1
	}
	return s.Score, s.Test
}

func (w *watch) limit(target, test int) float64 { return w.law.Limits[target].At(test) }

func (w *watch) reset() { w.monitor.Reset() }
