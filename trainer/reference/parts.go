package reference

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
)

// SegmentsOf returns the segments that a reference has parts of.
func SegmentsOf(r wire.Reference) (s wire.Segments) {
	for _, p := range r.Parts {
		if n := len(s); n == 0 || s[n-1].Name != p.Segment.Name {
			s = append(s, wire.Dimension{Name: p.Segment.Name})
		}
		last := &s[len(s)-1]
		last.Values = append(last.Values, p.Segment.Value)
	}
	return s
}

// WithSegments returns the reference with a part of every segment: the one that it has,
// else one of no rows.
func WithSegments(r wire.Reference, s wire.Segments) wire.Reference {
	had := map[wire.Segment]wire.Part{}
	for _, p := range r.Parts {
		had[p.Segment] = p
	}
	r.Parts = nil
	for _, x := range s.All() {
		p, ok := had[x]
		if !ok {
			p = wire.Part{Segment: x, Counts: sketches.NewCounts(r.Counts.Grid)}
		}
		r.Parts = append(r.Parts, p)
	}
	return r
}

// Segments are those of the reference: the record of its grid must name them.
func (r Result) Segments() wire.Segments { return SegmentsOf(r.Reference) }

// WithoutRows says in words which segments of the reference have no rows; "" where each
// has some.
func (r Result) WithoutRows() string {
	var none []string
	for _, p := range r.Reference.Parts {
		if p.Counts.Rows == 0 {
			none = append(none, p.Segment.String())
		}
	}
	switch len(none) {
	case 0:
		return ""
	case len(r.Reference.Parts):
		return "the rows tell of no segment that is declared: all are learning until a reference has their rows"
	}
	return "no row lies in " + strings.Join(none, ", ") + ": learning until a reference has such rows"
}

// parts counts the rows of each segment on the grid, rows in order of time where they
// have one. A segment without rows has a part of empty counts. Blocks are those of the
// whole: that a segment has no row at their edges does not make them shorter, and one
// without a row is no block of it.
func (s Spec) parts(whole wire.Reference, rows []Row) (parts []wire.Part, err error) {
	m := NewMembers(s.Segments)
	for d, dimension := range s.Segments {
		of := make([][]Row, len(dimension.Values))
		for _, r := range rows {
			if k := m.Value(r.In, d); k >= 0 {
				of[k] = append(of[k], r)
			}
		}
		for k, value := range dimension.Values {
			p := wire.Part{Segment: wire.Segment{Name: dimension.Name, Value: value}, Counts: Count(whole.Counts.Grid, of[k])}
			if p.Blocks, err = s.blocks(p.Counts, of[k], whole.FromMS, whole.ToMS); err != nil {
				return nil, fmt.Errorf("segment %s: %w", p.Segment, err)
			}
			parts = append(parts, p)
		}
	}
	return parts, nil
}

// checkParts says how many rows each segment has. It refuses nothing: a segment with few
// rows is not judged yet, its model is.
func (s Spec) checkParts(rows []Row) (checks []Check) {
	m := NewMembers(s.Segments)
	least := cmp.Or(s.Gate.SegmentRows, defaultSegmentRows)
	for d, dimension := range s.Segments {
		n := make([]int, len(dimension.Values))
		for _, r := range rows {
			if k := m.Value(r.In, d); k >= 0 {
				n[k]++
			}
		}
		for k, value := range dimension.Values {
			c := Check{Name: "rows of " + wire.Segment{Name: dimension.Name, Value: value}.String(), Found: fmt.Sprint(n[k]), Needed: fmt.Sprintf("%d, or it is learning", least), OK: true}
			if n[k] < least {
				c.Found += ": learning"
			}
			checks = append(checks, c)
		}
	}
	return checks
}
