package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"

	"github.com/driftline/driftline/drift/performance"
	"github.com/driftline/driftline/trainer/gbdt"
)

var classes = performance.Classes{Kind: performance.Binary, Names: []string{"0", "1"}, Positive: "1"}

// params are of the model under watch: small, so that a table takes minutes.
func params() gbdt.Params {
	p := gbdt.Default()
	p.NumRounds, p.MaxDepth, p.NumJobs = 40, 4, 1
	return p
}

// fit trains a model on rows of a source.
func fit(ctx context.Context, src source, inputs, rows int) (*gbdt.Model, error) {
	m := gbdt.Matrix{Rows: rows, X: make([]float32, 0, rows*inputs)}
	for j := range inputs {
		m.Names = append(m.Names, fmt.Sprint("x", j))
	}
	y := make([]float32, rows)
	x := make([]float64, inputs)
	for i := range rows {
		y[i] = float32(src.next(x))
		for _, v := range x {
			m.X = append(m.X, float32(v))
		}
	}
	return gbdt.Train(ctx, m, y, nil, params(), nil, nil)
}

// scorer asks a model for chances.
type scorer struct {
	m     *gbdt.Model
	x     []float64
	small []float32
	out   []float64
}

func newScorer(m *gbdt.Model) *scorer {
	n := m.Features()
	return &scorer{m, make([]float64, n), make([]float32, n), make([]float64, 1)}
}

// next takes a row of a source, with the model's answer.
func (s *scorer) next(src source) (performance.Scored, error) {
	y := src.next(s.x)
	for j, v := range s.x {
		s.small[j] = float32(v)
	}
	if err := s.m.Predict(s.small, s.out); err != nil {
		return performance.Scored{}, err
	}
	r := performance.Scored{Score: s.out[0], HasScore: true, Predicted: "0", HasClass: true, Label: "0", HasLabel: true}
	if s.out[0] >= 0.5 {
		r.Predicted = "1"
	}
	if y == 1 {
		r.Label = "1"
	}
	return r, nil
}

// cohort is rows of a source: counted, and one by one with their inputs.
type cohort struct {
	counts *performance.Outcomes
	rows   []performance.Scored
	inputs [][]float64
}

func (s *scorer) cohort(src source, rows int) (c cohort, err error) {
	if c.counts, err = performance.NewOutcomes(classes); err != nil {
		return c, err
	}
	for range rows {
		r, err := s.next(src)
		if err != nil {
			return c, err
		}
		c.counts.Add(r)
		c.rows, c.inputs = append(c.rows, r), append(c.inputs, slices.Clone(s.x))
	}
	return c, nil
}

// figures are what a window's own counts say of its inputs: mean, variance and share
// missing of each, as traits.
func (c cohort) traits(scales []performance.Scale) []float64 {
	var out []float64
	n := float64(len(c.inputs))
	for j, at := range performance.Scales(c.inputs) {
		missing := 0.0
		for _, x := range c.inputs {
			if math.IsNaN(x[j]) {
				missing++
			}
		}
		out = performance.WindowTraits(out, at.Centre, at.Spread*at.Spread, missing/n, scales[j])
	}
	return out
}

// balanced learns from labelled rows as they would be among a window's inputs.
func balanced(labelled, window cohort) (*performance.Estimator, error) {
	scales := performance.Scales(labelled.inputs)
	var traits [][]float64
	for _, x := range labelled.inputs {
		traits = append(traits, performance.Traits(nil, x, scales))
	}
	return performance.LearnBalanced(classes, labelled.rows, traits, window.traits(scales), performance.DefaultMinLabels)
}

// errors of estimates.
type estimates struct {
	made, held  int
	off, signed float64
}

func (e *estimates) add(o estimates) {
	e.made, e.held, e.off, e.signed = e.made+o.made, e.held+o.held, e.off+o.off, e.signed+o.signed
}

// tally sums up the windows of one line of the table.
type tally struct {
	runs            int
	realised        float64
	plain, balanced estimates
	read            map[performance.Reading]int
	asked, right    int // readings that the truth decides, and those that were right
}

func (t *tally) add(o tally) {
	t.runs, t.asked, t.right = t.runs+o.runs, t.asked+o.asked, t.right+o.right
	t.realised += o.realised
	t.plain.add(o.plain)
	t.balanced.add(o.balanced)
	for r, n := range o.read {
		t.read[r] += n
	}
}

// Falls of the true accuracy from which on, and up to which, a reading is asked for.
const (
	doesHarm = 0.05
	noHarm   = 0.005
)

// wanted is the reading that is right, if the truth decides it. In between both
// harmless and the drift are.
func wanted(concept bool, fall float64) []performance.Reading {
	switch {
	case concept && fall >= doesHarm:
		return []performance.Reading{performance.Concept}
	case concept:
		return nil // does too little for a word, or improves
	case fall >= doesHarm:
		return []performance.Reading{performance.Covariate}
	case fall <= noHarm:
		return []performance.Reading{performance.Harmless}
	}
	return []performance.Reading{performance.Covariate, performance.Harmless}
}

func windows(ctx context.Context, s sizes, out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "stream\tchange\truns\taccuracy\tplain: mean |error|\tmean\t95 % holds\tbalanced: mean |error|\tmean\t95 % holds\tread as\tright")
	var covariate, concept tally
	covariate.read, concept.read = map[performance.Reading]int{}, map[performance.Reading]int{}
	for _, world := range worlds {
		lines := make([]tally, len(world.changes))
		for i := range lines {
			lines[i].read = map[performance.Reading]int{}
		}
		for run := range s.runs {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := oneRun(ctx, world, s, s.first+uint64(run), lines); err != nil {
				return fmt.Errorf("%s, seed %d: %w", world.name, s.first+uint64(run), err)
			}
		}
		for i, c := range world.changes {
			l := lines[i]
			l.print(w, world.name, c)
			if c.beyond {
				continue
			}
			if c.concept {
				concept.add(l)
				continue
			}
			if c.blurred {
				l.plain, l.balanced = estimates{}, estimates{}
			}
			covariate.add(l)
		}
	}
	covariate.print(w, "all", change{name: "inputs only"})
	concept.print(w, "all", change{name: "concept", concept: true})
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(out, "\nA reading is asked for where the accuracy truly falls by 0.05 or more (concept, inputs) or by 0.005 or less (inputs);\n"+
		"in between, inputs may be read as harmless or covariate drift. * hardly any labelled row looks like it: not in the sums.\n"+
		"** the labels follow from inputs before they were perturbed, so P(y given x) moves too: not in the sums of the estimates.")
	return nil
}

func (t tally) print(w io.Writer, name string, c change) {
	n := float64(t.runs)
	name2 := c.name
	switch {
	case c.beyond:
		name2 += " *"
	case c.blurred:
		name2 += " **"
	}
	line := fmt.Sprintf("%s\t%s\t%d\t%.4f\t", name, name2, t.runs, t.realised/n)
	for _, e := range []estimates{t.plain, t.balanced} {
		switch m := float64(e.made); {
		case c.concept:
			line += "\t\t\t"
		case e.made == 0:
			line += "not available\t\t\t"
		default:
			line += fmt.Sprintf("%.4f\t%+.4f\t%.1f %%", e.off/m, e.signed/m, 100*float64(e.held)/m)
			if e.made < t.runs || c.name == "inputs only" {
				line += fmt.Sprintf(" of %d", e.made)
			}
			line += "\t"
		}
	}
	first := true
	for _, r := range []performance.Reading{performance.Harmless, performance.Covariate, performance.Concept, performance.Recalibrate, performance.Unread} {
		if k := t.read[r]; k > 0 {
			if !first {
				line += ", "
			}
			line += fmt.Sprintf("%s %d", r, k)
			first = false
		}
	}
	line += "\t"
	if t.asked > 0 {
		line += fmt.Sprintf("%.1f %% of %d", 100*float64(t.right)/float64(t.asked), t.asked)
	}
	fmt.Fprintln(w, line)
}

// Phases of a run.
const (
	phaseFit uint64 = iota
	phaseCalibrate
	phaseTruth
	phaseWindow = 10 // and one more per change
)

func oneRun(ctx context.Context, w world, s sizes, seed uint64, lines []tally) error {
	usual := shifts[0]
	m, err := fit(ctx, w.rows(seed, phaseFit, usual), w.inputs, s.train)
	if err != nil {
		return err
	}
	score := newScorer(m)
	labelled, err := score.cohort(w.rows(seed, phaseCalibrate, usual), s.calibrate)
	if err != nil {
		return err
	}
	e, err := performance.Learn([]*performance.Outcomes{labelled.counts}, performance.DefaultMinLabels)
	if err != nil {
		return err
	}
	base, err := score.accuracy(w.rows(seed, phaseTruth, usual), s.truth)
	if err != nil {
		return err
	}
	for i, c := range w.changes {
		window, err := score.cohort(w.rows(seed, phaseWindow+2*uint64(i), c), s.window)
		if err != nil {
			return err
		}
		truth, err := score.accuracy(w.rows(seed, phaseWindow+2*uint64(i)+1, c), s.truth)
		if err != nil {
			return err
		}
		near, err := balanced(labelled, window)
		if err != nil {
			return err
		}
		l := &lines[i]
		split, err := near.Split(window.counts, labelled.counts, performance.DefaultSplit())
		if err != nil {
			return err
		}
		is := split.Realised.Number
		l.runs++
		l.realised += is
		for _, x := range []struct {
			to   *estimates
			from *performance.Estimator
		}{{&l.plain, e}, {&l.balanced, near}} {
			est, err := x.from.Estimate(window.counts.Answers(), performance.EstimateOptions{Level: 0.95})
			if err != nil {
				return err
			}
			if !est.Accuracy.Defined() {
				continue
			}
			x.to.made++
			x.to.signed += est.Accuracy.Number - is
			x.to.off += math.Abs(est.Accuracy.Number - is)
			if est.Accuracy.Low <= is && is <= est.Accuracy.High {
				x.to.held++
			}
		}
		l.read[split.Reading]++
		if want := wanted(c.concept, base-truth); want != nil {
			l.asked++
			for _, r := range want {
				if split.Reading == r {
					l.right++
				}
			}
		}
	}
	return nil
}

// accuracy is the share of rows that are answered right.
func (s *scorer) accuracy(src source, rows int) (float64, error) {
	right := 0
	for range rows {
		r, err := s.next(src)
		if err != nil {
			return 0, err
		}
		if r.Predicted == r.Label {
			right++
		}
	}
	return float64(right) / float64(rows), nil
}
