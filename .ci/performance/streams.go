package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/drift/generate"
	"github.com/driftline/driftline/drift/performance"
)

// A long stream: two drifts, labels that come late, a model that stays as it is.
const (
	streamRowsAll = 100000
	firstDrift    = 33333
	secondDrift   = 66667
	labelDelay    = 5000
	cohortRows    = 2500
	knownFrom     = 10000 // rows that the model was not fitted on …
	knownTo       = 25000 // … and whose labels have come before the first drift
	streamFit     = 200   // numbers of streams of draws
	streamLong    = 201
	streamJoin    = 202
	streamLoss    = 203
)

// story is what happens in a long stream: the concept of a row, or its inputs.
type story struct {
	name   string
	inputs int
	// at makes row t; stage is 0, 1 or 2.
	at      func(draws generate.Stream, stage int, t uint64, x []float64) int
	concept bool
	missing [3]float64
}

func sea(theta [3]float64, shapes [3]generate.Shape) func(generate.Stream, int, uint64, []float64) int {
	return func(s generate.Stream, stage int, t uint64, x []float64) int {
		return generate.SEA{Stream: s, Theta: theta[stage], Flip: 0.1, Shape: shapes[stage]}.At(t, x)
	}
}

func agrawal(f [3]int, shapes [3]generate.Shape) func(generate.Stream, int, uint64, []float64) int {
	return func(s generate.Stream, stage int, t uint64, x []float64) int {
		return generate.Agrawal{Stream: s, Function: f[stage], Perturb: 0.05, Shape: shapes[stage]}.At(t, x)
	}
}

var (
	still  = [3]generate.Shape{}
	normal = [3]generate.Shape{{}, {Mean: 0.4, SD: 0.15}, {Mean: 0.7, SD: 0.2}}
	kept   = [3]float64{usualMissing, usualMissing, usualMissing}
	lost   = [3]float64{usualMissing, 0.05, 0.1}
)

var stories = []story{
	{"SEA 8 → 9 → 7", generate.SEAInputs, sea([3]float64{8, 9, 7}, still), true, kept},
	{"AGRAWAL f0 → f2 → f4", generate.AgrawalInputs, agrawal([3]int{0, 2, 4}, still), true, kept},
	{"SEA, inputs normal", generate.SEAInputs, sea([3]float64{8, 8, 8}, normal), false, kept},
	{"SEA, values missing", generate.SEAInputs, sea([3]float64{8, 8, 8}, still), false, lost},
	{"AGRAWAL, inputs normal", generate.AgrawalInputs, agrawal([3]int{}, normal), false, kept},
	{"AGRAWAL, values missing", generate.AgrawalInputs, agrawal([3]int{}, still), false, lost},
}

// told is a story under a seed, as a source.
type told struct {
	story
	draws, loss   generate.Stream
	first, second generate.Join
	t             uint64
}

func tell(s story, seed uint64, width float64) *told {
	join := generate.New(seed, streamJoin)
	return &told{
		story: s, draws: generate.New(seed, streamLong), loss: generate.New(seed, streamLoss),
		first: generate.Join{Stream: join, At: firstDrift, Width: width}, second: generate.Join{Stream: join, At: secondDrift, Width: width},
	}
}

func (s *told) next(x []float64) int {
	stage := 0
	if s.first.New(s.t) {
		stage = 1
	}
	if s.second.New(s.t) {
		stage = 2
	}
	y := s.at(s.draws, stage, s.t, x)
	generate.Miss(s.loss, s.t, s.missing[stage], x)
	s.t++
	return y
}

// alarms are the rows, in time, at which a detector spoke.
type alarms struct {
	name   string
	labels bool
	at     []int
}

// score of a detector over runs.
type score struct {
	found, latency [2]float64
	early, any     float64 // alarms before the first drift; runs with an alarm after it
}

func (sc *score) add(a alarms) {
	var seen [2]bool
	for _, t := range a.at {
		switch {
		case t < firstDrift:
			sc.early++
		case t < secondDrift && !seen[0]:
			seen[0] = true
			sc.latency[0] += float64(t - firstDrift)
		case t >= secondDrift && !seen[1]:
			seen[1] = true
			sc.latency[1] += float64(t - secondDrift)
		}
	}
	for i, ok := range seen {
		if ok {
			sc.found[i]++
		}
	}
	if seen[0] || seen[1] {
		sc.any++
	}
}

func longStreams(ctx context.Context, s sizes, out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "stream\tdrift\tdetector\tlabels\tfound 1st\trows after\tfound 2nd\trows after\tearly alarms a run\truns with an alarm after the drift")
	for _, st := range stories {
		for _, width := range []float64{1, 5000} {
			var names []string
			var uses []bool
			var scores []score
			for run := range s.streams {
				if err := ctx.Err(); err != nil {
					return err
				}
				found, err := oneStream(ctx, st, s, s.first+uint64(run), width)
				if err != nil {
					return fmt.Errorf("%s, seed %d: %w", st.name, s.first+uint64(run), err)
				}
				for i, a := range found {
					if run == 0 {
						names, uses, scores = append(names, a.name), append(uses, a.labels), append(scores, score{})
					}
					scores[i].add(a)
				}
			}
			kind := "abrupt"
			if width > 1 {
				kind = "gradual"
			}
			for i, sc := range scores {
				n := float64(s.streams)
				labels := "no"
				if uses[i] {
					labels = "all"
				}
				after := func(k int) string {
					if sc.found[k] == 0 {
						return "–"
					}
					return fmt.Sprintf("%.0f", sc.latency[k]/sc.found[k])
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%.0f %%\t%s\t%.0f %%\t%s\t%.2f\t%.0f %%\n", st.name, kind, names[i], labels,
					100*sc.found[0]/n, after(0), 100*sc.found[1]/n, after(1), sc.early/n, 100*sc.any/n)
			}
		}
	}
	return w.Flush()
}

// oneStream runs all detectors over one stream. Those of errors read a label when it
// comes, 5 000 rows late; those of inputs look at each 2 500 rows as they end.
func oneStream(ctx context.Context, st story, s sizes, seed uint64, width float64) ([]alarms, error) {
	before := tell(st, seed, 1)
	before.draws, before.loss = generate.New(seed, streamFit), generate.New(seed, streamFit+1000)
	m, err := fit(ctx, before, st.inputs, s.train)
	if err != nil {
		return nil, err
	}
	src, sc := tell(st, seed, width), newScorer(m)
	all, err := sc.cohort(src, streamRowsAll)
	if err != nil {
		return nil, err
	}
	out := []alarms{onErrors("DDM", &ddm{}, all), onErrors("EDDM", &eddm{}, all), onErrors("HDDM-A", &hddm{}, all)}
	inputs, err := onInputs(all, st.inputs)
	if err != nil {
		return nil, err
	}
	split, err := onCohorts(all)
	return append(append(out, inputs), split...), err
}

// onErrors feeds labels as they come.
func onErrors(name string, d detector, all cohort) alarms {
	a := alarms{name: name, labels: true}
	for i, r := range all.rows {
		if i >= knownFrom && d.add(r.Predicted != r.Label) {
			if t := i + labelDelay; t < streamRowsAll {
				a.at = append(a.at, t)
			}
		}
	}
	return a
}

// onInputs compares each input with its first 10 000 values by Kolmogorov-Smirnov, at
// 0.01 over all inputs.
func onInputs(all cohort, inputs int) (alarms, error) {
	a := alarms{name: "KS on inputs"}
	column := func(from, to, j int) (drift.Sample, error) {
		var x []float64
		for _, row := range all.inputs[from:to] {
			if !math.IsNaN(row[j]) {
				x = append(x, row[j])
			}
		}
		s, _, err := drift.NewSample(x)
		return s, err
	}
	const alpha = 0.01
	for j := range inputs {
		ref, err := column(0, knownFrom, j)
		if err != nil {
			return a, err
		}
		for from := knownFrom; from+cohortRows <= streamRowsAll; from += cohortRows {
			cur, err := column(from, from+cohortRows, j)
			if err != nil {
				return a, err
			}
			d := drift.KSSamples(ref, cur).D
			if drift.KSAsymptoticP(float64(len(ref)), float64(len(cur)), d) < alpha/float64(inputs) {
				a.at = append(a.at, from+cohortRows)
			}
		}
	}
	slices.Sort(a.at)
	return a, nil
}

// onCohorts reads each cohort once its labels have come: two rows of the table, for
// what is read as concept drift and as covariate drift. After concept drift the
// calibration is learnt anew from the six cohorts that follow.
func onCohorts(all cohort) ([]alarms, error) {
	concept := alarms{name: "split: concept drift", labels: true}
	covariate := alarms{name: "split: covariate drift", labels: true}
	known := cohort{rows: all.rows[knownFrom:knownTo], inputs: all.inputs[knownFrom:knownTo]}
	reference, err := count(known.rows)
	if err != nil {
		return nil, err
	}
	for from := knownTo; from+cohortRows <= streamRowsAll-labelDelay; from += cohortRows {
		window := cohort{rows: all.rows[from : from+cohortRows], inputs: all.inputs[from : from+cohortRows]}
		counts, err := count(window.rows)
		if err != nil {
			return nil, err
		}
		e, err := balanced(known, window)
		if err != nil {
			return nil, err
		}
		r, err := e.Split(counts, reference, performance.DefaultSplit())
		if err != nil {
			return nil, err
		}
		t := from + cohortRows + labelDelay
		switch r.Reading {
		case performance.Concept:
			concept.at = append(concept.at, t)
			const anew = 6 * cohortRows
			if from+cohortRows+anew <= streamRowsAll {
				known = cohort{rows: all.rows[from+cohortRows : from+cohortRows+anew], inputs: all.inputs[from+cohortRows : from+cohortRows+anew]}
				if reference, err = count(known.rows); err != nil {
					return nil, err
				}
				from += anew
			}
		case performance.Covariate:
			covariate.at = append(covariate.at, t)
		default: // nothing to say
		}
	}
	return []alarms{concept, covariate}, nil
}

func count(rows []performance.Scored) (*performance.Outcomes, error) {
	o, err := performance.NewOutcomes(classes)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		o.Add(r)
	}
	return o, nil
}
