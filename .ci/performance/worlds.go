package main

import (
	"slices"

	"github.com/driftline/driftline/drift/generate"
)

// source gives rows one after the other.
type source interface {
	next(x []float64) (y int)
}

// change is what happens to a world after the model was fitted.
type change struct {
	name    string
	concept bool // labels follow from inputs otherwise than before
	shape   generate.Shape
	shaped  int                 // inputs of the hyperplane that have it, at least 3
	missing float64             // share of values that are lost
	beyond  bool                // hardly any labelled row looks like it: shown, not in the sums
	blurred bool                // P(y given x) moves with the inputs: not in the sums of the estimates
	alter   func(w world) world // the concept
}

// usualMissing is the share of values that are always missing.
const usualMissing = 0.01

var shifts = []change{
	{name: "nothing", missing: usualMissing},
	{name: "normal 0.4 ± 0.15", shape: generate.Shape{Mean: 0.4, SD: 0.15}, missing: usualMissing},
	{name: "normal 0.5 ± 0.15", shape: generate.Shape{Mean: 0.5, SD: 0.15}, missing: usualMissing},
	{name: "normal 0.7 ± 0.2", shape: generate.Shape{Mean: 0.7, SD: 0.2}, missing: usualMissing},
	{name: "missing 1 → 5 %", missing: 0.05},
	{name: "missing 1 → 20 %", missing: 0.20, beyond: true},
}

var functions = []change{
	{name: "f0 → f2", concept: true, missing: usualMissing, alter: func(w world) world { w.f = 2; return w }},
	{name: "f0 → f4", concept: true, missing: usualMissing, alter: func(w world) world { w.f = 4; return w }},
}

// blur marks the changes that move the shape of inputs.
func blur(cs []change) []change {
	out := slices.Clone(cs)
	for i := range out {
		out[i].blurred = out[i].shape.SD > 0
	}
	return out
}

// world is one generator with its concept.
type world struct {
	name    string
	inputs  int
	theta   float64 // SEA
	f       int     // AGRAWAL
	flip    float64
	perturb float64
	wander  int // hyperplane: records for which weights wander before the window
	changes []change
}

var worlds = []world{
	{name: "SEA", inputs: generate.SEAInputs, theta: 8, changes: append(shifts[:len(shifts):len(shifts)],
		change{name: "θ 8 → 9", concept: true, missing: usualMissing, alter: func(w world) world { w.theta = 9; return w }},
		change{name: "θ 8 → 7", concept: true, missing: usualMissing, alter: func(w world) world { w.theta = 7; return w }},
	)},
	{name: "AGRAWAL", inputs: generate.AgrawalInputs, flip: 0.05, changes: append(shifts[:len(shifts):len(shifts)], functions...)},
	{name: "AGRAWAL perturbed", inputs: generate.AgrawalInputs, perturb: 0.05, changes: append(blur(shifts), functions...)},
	{name: "hyperplane", inputs: generate.HyperplaneInputs, changes: append(shifts[:len(shifts):len(shifts)],
		change{name: "all ten normal 0.5 ± 0.15", shape: generate.Shape{Mean: 0.5, SD: 0.15}, shaped: 10, missing: usualMissing, beyond: true},
		change{name: "2 weights wander 60,000", concept: true, missing: usualMissing, alter: func(w world) world { w.wander = 60000; return w }},
		change{name: "2 weights wander 200,000", concept: true, missing: usualMissing, alter: func(w world) world { w.wander = 200000; return w }},
	)},
}

// Streams of draws, so that no two phases share one.
const (
	streamPlane uint64 = iota
	streamRows
	streamMissing = 1000
)

// rows of a world after a change. phase sets them apart from other rows of the seed.
func (w world) rows(seed, phase uint64, c change) source {
	if c.alter != nil {
		w = c.alter(w)
	}
	var inner source
	draws := generate.New(seed, streamRows+phase)
	switch w.inputs {
	case generate.SEAInputs:
		g := generate.SEA{Stream: draws, Theta: w.theta, Flip: 0.1, Shape: c.shape}
		inner = &numbered{at: g.At}
	case generate.AgrawalInputs:
		g := generate.Agrawal{Stream: draws, Function: w.f, Perturb: w.perturb, Flip: w.flip, Shape: c.shape}
		inner = &numbered{at: g.At}
	default:
		h := generate.NewHyperplane(seed, streamPlane)
		h.Drifting = 2
		x := make([]float64, w.inputs)
		for range w.wander { // the same way in every phase
			h.Next(x)
		}
		h.Drifting = 0
		h.Skip((phase + 1) << 32)
		h.Shape, h.Shaped = c.shape, max(3, c.shaped)
		inner = h2{h}
	}
	return &lossy{source: inner, draws: generate.New(seed, streamMissing+phase), share: c.missing}
}

type numbered struct {
	at func(t uint64, x []float64) int
	t  uint64
}

func (n *numbered) next(x []float64) int {
	n.t++
	return n.at(n.t-1, x)
}

type h2 struct{ h *generate.Hyperplane }

func (h h2) next(x []float64) int { return h.h.Next(x) }

// lossy loses values after the label was given.
type lossy struct {
	source
	draws generate.Stream
	share float64
	t     uint64
}

func (l *lossy) next(x []float64) int {
	y := l.source.next(x)
	generate.Miss(l.draws, l.t, l.share, x)
	l.t++
	return y
}
