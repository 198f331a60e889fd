package wire

import (
	"fmt"
	"slices"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/sketches/joint"
)

// Side says which control a reader needs: decoding references costs memory that a
// collector has no use for.
type Side uint8

// The two sides of the stream.
const (
	CollectSide Side = iota
	EvaluateSide
)

// AdmittedModel is a model with the offset of the record that admitted it.
type AdmittedModel struct {
	Model
	Offset int64
}

// ActiveGrid is a grid with the offset of the record that put it in force.
type ActiveGrid struct {
	GridControl
	Offset int64

	jointFrom   int64 // pane from which the features are looked at together, where Joint is set
	jointOffset int64 // of the record that says so

	segments []activeSegments // by pane
}

// activeSegments are what is counted apart from a pane on.
type activeSegments struct {
	from   int64
	offset int64 // of the record that says so; −1: it says what stood already
	all    Segments
}

// JointIn returns the embedding that counts in the pane, nil where there is none.
func (g ActiveGrid) JointIn(pane int64) *joint.Embedding {
	if g.Joint == nil || pane < g.jointFrom {
		return nil
	}
	return g.Joint
}

// SegmentsIn returns what is counted apart in the pane.
func (g ActiveGrid) SegmentsIn(pane int64) Segments {
	for i := len(g.segments) - 1; i >= 0; i-- {
		if g.segments[i].from <= pane {
			return g.segments[i].all
		}
	}
	return nil
}

// SegmentSince returns the pane from which the segment has been counted without a break up
// to the pane; false where it is not counted there.
func (g ActiveGrid) SegmentSince(s Segment, pane int64) (from int64, ok bool) {
	for i := len(g.segments) - 1; i >= 0; i-- {
		x := &g.segments[i]
		switch {
		case x.from > pane:
		case !x.all.Has(s):
			return from, ok
		default:
			from, ok = x.from, true
		}
	}
	return from, ok
}

// MostSegments is how many segments a pane may have at most, from what is known.
func (g ActiveGrid) MostSegments() (n int) {
	for _, s := range g.segments {
		n = max(n, len(s.all.All()))
	}
	return n
}

// View is what the control topic says so far. Not safe for concurrent use.
type View struct {
	side     Side
	shared   *Grids // nil: none
	asm      Assembler
	layout   Layout
	laidOut  bool
	models   map[string]AdmittedModel
	grids    map[string][]ActiveGrid // by FromPane, then log order
	folds    []activeFold            // in log order
	Refused  int                     // control records that could not be used
	Problems []error                 // the newest of them, at most 16
}

// NewView returns an empty view that decodes its own grids.
func NewView(side Side) *View { return NewSharedView(side, nil) }

// NewSharedView returns an empty view that shares decoded grids.
func NewSharedView(side Side, grids *Grids) *View {
	return &View{side: side, shared: grids, models: map[string]AdmittedModel{}, grids: map[string][]ActiveGrid{}}
}

// Add takes the next record of the control topic. ok is false where it completes
// nothing or could not be used.
func (v *View) Add(offset int64, key, value []byte) (c Control, ok bool) {
	c, ok, err := v.asm.Add(offset, key, value)
	if err == nil && ok {
		err = v.apply(c)
	}
	if err != nil {
		v.Refused++
		v.Problems = append(v.Problems, fmt.Errorf("control offset %d: %w", offset, err))
		v.Problems = v.Problems[max(0, len(v.Problems)-16):]
		return c, false
	}
	return c, ok
}

func (v *View) apply(c Control) error {
	switch c.Kind {
	case "layout":
		l, err := DecodeLayout(c.Value)
		if err != nil {
			return err
		}
		if !v.laidOut { // a change of layout is a new deployment: the first stands
			v.layout, v.laidOut = l, true
		}
	case "model":
		m, err := DecodeModel(c.Value)
		if err != nil {
			return err
		}
		if old, had := v.models[m.Name]; had { // admitted once; later records change what is counted
			m.FromPane = min(m.FromPane, old.FromPane)
			m.Classes = old.Classes // counts by class add up only while the classes stay
		}
		v.models[m.Name] = AdmittedModel{Model: m, Offset: c.Offset}
	case "grid":
		g, err := v.shared.Decode(c.Value)
		if err != nil {
			return err
		}
		v.addGrid(ActiveGrid{GridControl: g, Offset: c.Offset, jointFrom: g.FromPane, jointOffset: c.Offset, segments: []activeSegments{{from: g.FromPane, offset: c.Offset, all: g.Segments}}})
	case "fold":
		f, err := DecodeFold(c.Value)
		if err != nil {
			return err
		}
		return v.addFold(f, c.Offset)
	case "reference", "policy", "exclusions":
		// The evaluating side decodes them when they take effect.
	default:
		return fmt.Errorf("%w: unknown kind %q", ErrControl, c.Kind)
	}
	return nil
}

// addGrid keeps one entry per grid: the earliest pane it was ever put in force from, with
// its first embedding.
func (v *View) addGrid(g ActiveGrid) {
	gs := v.grids[g.Model]
	for i := range gs {
		old := &gs[i]
		if old.Grid.ID() != g.Grid.ID() {
			continue
		}
		g.segments = withSegments(old.segments, g.segments[0])
		old.segments = g.segments
		switch {
		case old.Joint == nil:
			old.Joint, old.jointFrom, old.jointOffset = g.Joint, g.jointFrom, g.jointOffset
		case g.Joint == nil || g.Joint.ID() != old.Joint.ID() || g.jointFrom >= old.jointFrom:
			g.Joint, g.jointFrom, g.jointOffset = old.Joint, old.jointFrom, old.jointOffset
		default:
			old.jointFrom, old.jointOffset = g.jointFrom, g.jointOffset
		}
		if old.FromPane <= g.FromPane {
			return
		}
		gs = slices.Delete(gs, i, i+1) // twice in the list, its rows would be counted twice
		break
	}
	gs = append(gs, g)
	slices.SortStableFunc(gs, func(a, b ActiveGrid) int {
		switch {
		case a.FromPane < b.FromPane:
			return -1
		case a.FromPane > b.FromPane:
			return 1
		}
		return 0
	})
	v.grids[g.Model] = gs
}

// withSegments adds what a further record of the grid says. What changes nothing names no
// offset, so that no claim waits for it; it is kept, for a record of an earlier pane may come.
func withSegments(have []activeSegments, s activeSegments) []activeSegments {
	out := slices.Clone(have)
	i := len(out)
	for i > 0 && out[i-1].from > s.from {
		i--
	}
	if i > 0 && out[i-1].from == s.from {
		if !out[i-1].all.Equal(s.all) {
			out[i-1] = s
		}
		return out
	}
	if i > 0 && out[i-1].all.Equal(s.all) || i == 0 && len(s.all) == 0 {
		s.offset = -1
	}
	return slices.Insert(out, i, s)
}

// Layout returns the layout in force; ok is false before there is one.
func (v *View) Layout() (l Layout, ok bool) { return v.layout, v.laidOut }

// Model returns the model that is admitted for the pane.
func (v *View) Model(name string, pane int64) (m AdmittedModel, ok bool) {
	m, ok = v.models[name]
	return m, ok && m.FromPane <= pane
}

// Known reports whether a model is admitted for any pane.
func (v *View) Known(name string) bool {
	_, ok := v.models[name]
	return ok
}

// Models returns all admitted models in order of name.
func (v *View) Models() []AdmittedModel {
	ms := make([]AdmittedModel, 0, len(v.models))
	for _, m := range v.models {
		ms = append(ms, m)
	}
	slices.SortFunc(ms, func(a, b AdmittedModel) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return ms
}

// Grids returns the grids that a model's features are counted on in a pane. A new
// grid is counted beside the old one for one longest window; then the old one ends.
func (v *View) Grids(model string, pane int64) []ActiveGrid {
	gs := v.grids[model]
	overlap := int64(1)
	if v.laidOut {
		overlap = v.layout.LongestMS()/v.layout.PaneMS + 1
	}
	from, to := 0, 0
	for i, g := range gs {
		if g.FromPane > pane {
			break
		}
		to = i + 1
		if pane-g.FromPane >= overlap {
			from = i
		}
	}
	return gs[from:to]
}

// NewestGrids returns the grids that a model's features are counted on from the pane
// that the newest of them names.
func (v *View) NewestGrids(model string) []ActiveGrid {
	g, ok := v.Newest(model)
	if !ok {
		return nil
	}
	return v.Grids(model, g.FromPane)
}

// Grid returns a model's grid by id.
func (v *View) Grid(model string, id sketches.ID) (g ActiveGrid, ok bool) {
	for _, g := range v.grids[model] {
		if g.Grid.ID() == id {
			return g, true
		}
	}
	return g, false
}

// Newest returns the model's grid with the largest pane.
func (v *View) Newest(model string) (g ActiveGrid, ok bool) {
	gs := v.grids[model]
	if len(gs) == 0 {
		return g, false
	}
	return gs[len(gs)-1], true
}

// CollectSince returns the smallest control offset that a claim for the pane must
// have read past: one more than the last collect-side record that names a pane at
// or before it.
func (v *View) CollectSince(pane int64) int64 {
	need := int64(0)
	for _, m := range v.models {
		if m.FromPane <= pane {
			need = max(need, m.Offset+1)
		}
	}
	for _, gs := range v.grids {
		for _, g := range gs {
			if g.FromPane <= pane {
				need = max(need, g.Offset+1)
			}
			if g.JointIn(pane) != nil {
				need = max(need, g.jointOffset+1)
			}
			for _, x := range g.segments {
				if x.from <= pane {
					need = max(need, x.offset+1)
				}
			}
		}
	}
	for _, f := range v.folds {
		if f.FromPane <= pane {
			need = max(need, f.offset+1)
		}
	}
	return need
}
