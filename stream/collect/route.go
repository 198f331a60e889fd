package collect

import (
	"strings"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/event"
)

// route remembers where rows of one model, version, type, pane and shape are counted:
// what was looked up by name for one row holds for the next.
type route struct {
	model, version string
	typ            event.Type
	pane           int64
	shape          *event.Shape
	to             *versionCounts // nil: leads nowhere
	features       bool           // this type of event carries the features that are counted
	grids          []way
	parts          []part
}

// way is a tally with the order in which features reach it; nil where the reader keeps no
// shapes.
type way struct {
	tally *sketches.Tally
	order *order
}

// routes is how many routes are kept; a power of two.
const routes = 64

func (r *route) serves(ev *event.Event, pane int64) bool {
	return r.to != nil && r.pane == pane && r.shape == ev.Shape && r.typ == ev.Type && r.version == ev.Version && r.model == ev.Model
}

// place spreads events over the routes by what is cheap to look at.
func place(ev *event.Event, pane int64) int {
	h := uint32(pane) + uint32(len(ev.Model))*31 + uint32(ev.Type)*7
	if n := len(ev.Model); n > 0 {
		h = h*31 + uint32(ev.Model[n-1])
		h = h*31 + uint32(ev.Model[n/2])
	}
	if n := len(ev.Version); n > 0 {
		h = h*31 + uint32(ev.Version[n-1])
	}
	return int(h*0x9e3779b1>>16) % routes
}

// route returns where the row is counted; ok is false where this run may not build the
// pane. The model must be admitted for it.
func (s *Source) route(ev *event.Event, pane, offset int64) (r *route, ok bool) {
	r = &s.routes[place(ev, pane)]
	if r.serves(ev, pane) {
		return r, true
	}
	if !s.tracker.Builds(pane) {
		return nil, false
	}
	m, _ := s.view.Model(ev.Model, pane)
	v := s.pane(pane, offset).version(ev.Model, ev.Version, m.Model)
	*r = route{
		model: strings.Clone(ev.Model), version: strings.Clone(ev.Version), typ: ev.Type, pane: pane, shape: ev.Shape,
		to: v, features: ev.Type.String() == m.FeaturesFrom,
	}
	if r.features {
		for _, g := range s.view.Grids(ev.Model, pane) {
			tally := v.on(g.Grid, "", func() counted { return s.counted(g.Grid, g.JointIn(pane)) })
			w := way{tally: tally, order: s.order(ev.Shape, g.Grid)}
			r.grids = append(r.grids, w)
			r.parts = append(r.parts, partsOf(g.SegmentsIn(pane), w)...)
		}
	}
	return r, true
}

// count counts an accepted row.
func (r *route) count(ev *event.Event, buffers *sketches.Buffers) {
	v := r.to
	if ev.Type == event.TypePrediction && (ev.HasScore || ev.HasPrediction) {
		v.scores.Add(ev.Score, ev.HasScore, ev.Prediction)
	}
	if !r.features {
		return
	}
	v.rows++
	for _, w := range r.grids {
		w.put(ev, buffers)
	}
	for i := range r.parts {
		if w, ok := r.parts[i].of(ev, v); ok {
			w.put(ev, buffers)
		}
	}
}

// put counts the row's features.
func (w way) put(ev *event.Event, buffers *sketches.Buffers) {
	b := buffers.Row(w.tally)
	if w.order == nil {
		putByName(b, w.tally.Grid(), ev.Features)
		return
	}
	b.PutRow(w.order.to, ev.Features)
	for _, i := range w.order.missing {
		b.Put(int(i), sketches.Null())
	}
}

// order leads the features of a shape to those of a grid: each feature of the grid gets
// exactly one value, one that the event lacks counts as null, one that the grid lacks
// is ignored, as is the second of one name.
type order struct {
	to      []int32 // by feature of the shape; −1: not counted
	missing []int32 // features of the grid that the shape lacks
}

type orderKey struct {
	shape *event.Shape
	grid  *sketches.Grid
}

// maxOrders bounds the orders that are kept; beyond it all are made again.
const maxOrders = 256

func (s *Source) order(shape *event.Shape, g *sketches.Grid) *order {
	if shape == nil {
		return nil
	}
	k := orderKey{shape, g}
	if o := s.orders[k]; o != nil {
		return o
	}
	o := &order{to: make([]int32, len(shape.Names))}
	seen := make([]bool, len(g.Features))
	for i, name := range shape.Names {
		o.to[i] = -1
		if at, ok := g.Index(name); ok && !seen[at] {
			seen[at] = true
			o.to[i] = int32(at)
		}
	}
	for i, met := range seen {
		if !met {
			o.missing = append(o.missing, int32(i))
		}
	}
	if len(s.orders) >= maxOrders {
		clear(s.orders)
	}
	s.orders[k] = o
	return o
}

// putByName is the way of an order for features without a shape.
func putByName(b *sketches.Buffer, g *sketches.Grid, features []event.Feature) {
	n := len(g.Features)
	var few [4]uint64
	seen := few[:]
	if n > 64*len(few) {
		seen = make([]uint64, (n+63)/64)
	}
	for i := range features {
		if at, ok := g.Index(features[i].Name); ok && seen[at/64]&(1<<(at%64)) == 0 {
			b.Put(at, features[i].Value)
			seen[at/64] |= 1 << (at % 64)
		}
	}
	for i := range n {
		if seen[i/64]&(1<<(i%64)) == 0 {
			b.Put(i, sketches.Null())
		}
	}
}
