package wire

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/driftline/driftline/sketches"
)

// Bounds of what is counted apart, so that a declaration cannot use up memory.
const (
	MaxDimensions = 8  // of a model
	MaxSegments   = 64 // of a model, over all its dimensions
)

// Segment is a declared part of a model's traffic: the rows whose segment of this name
// has this value.
type Segment struct{ Name, Value string }

// String gives "region=eu". A name holds no "=", so that texts of two segments differ.
func (s Segment) String() string { return s.Name + "=" + s.Value }

// ParseSegment reads what String wrote.
func ParseSegment(text string) (s Segment, err error) {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" || value == "" {
		return s, fmt.Errorf("segment %q: want name=value, such as region=eu", text)
	}
	return Segment{name, value}, nil
}

// ID is what the alarms of a segment stand on: the model's reference, and which part of
// it.
func (s Segment) ID(reference sketches.ID) sketches.ID {
	return sketches.HashFields([]byte("segment"), reference[:], []byte(s.Name), []byte(s.Value))
}

// Dimension is a segment of events whose declared values are counted apart. A row with
// another value, or none, counts in its model alone.
type Dimension struct {
	Name   string
	Values []string
}

// Segments are the dimensions that a model's rows are counted by, in order of name, each
// with its values in order. A row may lie in one segment of every dimension.
type Segments []Dimension

// Canonical returns the segments in order.
func (s Segments) Canonical() Segments {
	out := make(Segments, len(s))
	for i, d := range s {
		out[i] = Dimension{Name: d.Name, Values: slices.Clone(d.Values)}
		slices.Sort(out[i].Values)
	}
	slices.SortFunc(out, func(a, b Dimension) int { return strings.Compare(a.Name, b.Name) })
	if len(out) == 0 {
		return nil
	}
	return out
}

// All returns every segment in order of dimension and value.
func (s Segments) All() (all []Segment) {
	for _, d := range s {
		for _, v := range d.Values {
			all = append(all, Segment{d.Name, v})
		}
	}
	return all
}

// Has reports whether the segment is one of them.
func (s Segments) Has(x Segment) bool {
	for _, d := range s {
		if d.Name == x.Name {
			return slices.Contains(d.Values, x.Value)
		}
	}
	return false
}

// Equal reports whether both name the same segments.
func (s Segments) Equal(o Segments) bool { return slices.Equal(s.All(), o.All()) }

// Validate returns every fault of a canonical declaration.
func (s Segments) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("segments: "+format, args...)) }
	if len(s) > MaxDimensions {
		bad("%d names, at most %d are counted apart", len(s), MaxDimensions)
	}
	if n := len(s.All()); n > MaxSegments {
		bad("%d values together, at most %d are counted apart: leave out those that nobody watches", n, MaxSegments)
	}
	for i, d := range s {
		switch {
		case d.Name == "":
			bad("a name is empty")
		case strings.Contains(d.Name, "="):
			bad("%q holds an equals sign, which divides name and value", d.Name)
		case len(d.Values) == 0:
			bad("%q has no values; list those that are watched", d.Name)
		case i > 0 && s[i-1].Name >= d.Name:
			bad("%q stands twice or out of order", d.Name)
		}
		for k, v := range d.Values {
			if v == "" {
				bad("a value of %q is empty", d.Name)
			}
			if k > 0 && d.Values[k-1] >= v {
				bad("%q stands twice or out of order among the values of %q", v, d.Name)
			}
		}
	}
	return errors.Join(errs...)
}

func (s Segments) encode(e *sketches.Encoder) {
	e.Count(len(s))
	for _, d := range s {
		e.String(d.Name)
		e.Count(len(d.Values))
		for _, v := range d.Values {
			e.String(v)
		}
	}
}

func decodeSegments(d *sketches.Decoder) (s Segments) {
	for range d.Count(2) {
		x := Dimension{Name: d.String()}
		for range d.Count(1) {
			x.Values = append(x.Values, d.String())
		}
		s = append(s, x)
	}
	if err := s.Validate(); err != nil {
		d.Fail("%v", err)
	}
	return s
}

// decodeSegment reads the text of a segment, or "".
func decodeSegment(d *sketches.Decoder) string {
	text := d.String()
	if text == "" {
		return ""
	}
	if _, err := ParseSegment(text); err != nil {
		d.Fail("%v", err)
	}
	return text
}

// segmentSchema is the schema of partials, slots and grids that tell of segments. Without
// one they have the bytes that they always had.
const segmentSchema byte = 3

// Part is a segment's part of a reference: the counts of its rows on the reference's grid
// and the sums of its blocks, if the rows had an order in time.
type Part struct {
	Segment Segment
	Counts  *sketches.Counts
	Blocks  []*sketches.Blocks
}

// partBytes is a Part before it is read.
type partBytes struct {
	segment Segment
	counts  []byte
	blocks  [][]byte
}

func (p Part) encode(e *sketches.Encoder) {
	e.String(p.Segment.Name)
	e.String(p.Segment.Value)
	e.Bytes(p.Counts.EncodeRange(0, len(p.Counts.Grid.Features)))
	encodeBlocks(e, p.Blocks)
}

func decodeParts(d *sketches.Decoder) (parts []partBytes) {
	for range d.Count(4) {
		p := partBytes{segment: Segment{Name: d.String(), Value: d.String()}, counts: d.Bytes(), blocks: decodeBlocks(d)}
		if n := len(parts); n > 0 && compareSegments(parts[n-1].segment, p.segment) >= 0 {
			d.Fail("segment %s stands twice or out of order", p.segment)
		}
		if s, err := ParseSegment(p.segment.String()); err != nil || s != p.segment {
			d.Fail("segment of name %q and value %q", p.segment.Name, p.segment.Value)
		}
		parts = append(parts, p)
	}
	if len(parts) > MaxSegments {
		d.Fail("%d segments, at most %d", len(parts), MaxSegments)
	}
	return parts
}

func compareSegments(a, b Segment) int {
	if c := strings.Compare(a.Name, b.Name); c != 0 {
		return c
	}
	return strings.Compare(a.Value, b.Value)
}

// read decodes the part, whose blocks stand on the verdict bins of its own counts.
func (p partBytes) read(g *sketches.Grid) (out Part, err error) {
	out.Segment = p.segment
	if out.Counts, err = sketches.DecodeCounts(g, 0, len(g.Features), p.counts); err != nil {
		return out, err
	}
	out.Blocks, err = readBlocks(p.blocks, out.Counts)
	return out, err
}
