package collect

import (
	"slices"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/wire"
)

// part leads the rows of a route to the segment of one dimension that they lie in, each
// with a tally of its own beside the whole's. A tally is made for the first row.
type part struct {
	wire.Dimension
	whole way
	to    []*sketches.Tally // by value; nil: no row has come
}

func partsOf(segments wire.Segments, whole way) (parts []part) {
	for _, d := range segments {
		parts = append(parts, part{Dimension: d, whole: whole, to: make([]*sketches.Tally, len(d.Values))})
	}
	return parts
}

// of returns where the row is counted; ok is false where it has no value of the dimension
// that is counted apart.
func (p *part) of(ev *event.Event, v *versionCounts) (w way, ok bool) {
	for i := range ev.Segments {
		if ev.Segments[i].Name != p.Name {
			continue
		}
		at, found := slices.BinarySearch(p.Values, ev.Segments[i].Value)
		if !found {
			return w, false
		}
		if p.to[at] == nil {
			segment, g := wire.Segment{Name: p.Name, Value: p.Values[at]}.String(), p.whole.tally.Grid()
			p.to[at] = v.on(g, segment, func() counted { return counted{Tally: sketches.NewTally(g), segment: segment} })
		}
		return way{tally: p.to[at], order: p.whole.order}, true
	}
	return w, false
}
