package wire

import (
	"slices"
	"strings"
	"testing"

	"github.com/driftline/driftline/sketches"
)

func region(values ...string) Segments { return Segments{{Name: "region", Values: values}} }

// What a record says of segments holds from its pane on, whatever order records come in.
func TestView_SegmentsHoldFromTheirPaneOn(t *testing.T) {
	t.Parallel()
	g := sampleGrid(t)
	at := func(from int64, s Segments) GridControl {
		return GridControl{Model: "fraud", FromPane: from, Grid: g, Segments: s}
	}
	eu, both := region("eu"), region("eu", "us")
	for _, c := range []struct {
		name  string
		grids []GridControl
		want  map[int64]Segments // by the pane from which they count
		since map[int64]int64    // control that claims for a pane need
		of    int64              // pane since which eu is counted, up to pane 30; −1: it is not
	}{
		{"from the first record", []GridControl{at(5, eu)}, map[int64]Segments{5: eu}, map[int64]int64{4: 0, 5: 11}, 5},
		{"from a later one", []GridControl{at(5, nil), at(9, eu)}, map[int64]Segments{5: nil, 9: eu}, map[int64]int64{8: 11, 9: 12}, 9},
		{"more of them", []GridControl{at(5, eu), at(9, both)}, map[int64]Segments{5: eu, 9: both}, map[int64]int64{8: 11, 9: 12}, 5},
		{"no longer", []GridControl{at(5, both), at(9, nil)}, map[int64]Segments{5: both, 9: nil}, map[int64]int64{9: 12}, -1},
		{"taken away and back", []GridControl{at(5, eu), at(9, nil), at(12, eu)}, map[int64]Segments{5: eu, 9: nil, 12: eu}, map[int64]int64{12: 13}, 12},
		{"the same again changes nothing", []GridControl{at(5, eu), at(9, eu)}, map[int64]Segments{5: eu}, map[int64]int64{20: 11}, 5},
		{"of one pane the last", []GridControl{at(5, eu), at(9, eu), at(9, both)}, map[int64]Segments{5: eu, 9: both}, map[int64]int64{9: 13}, 5},
		{"an earlier pane later on", []GridControl{at(9, both), at(5, eu)}, map[int64]Segments{5: eu, 9: both}, map[int64]int64{5: 12, 9: 12}, 5},
		{"an earlier pane between two that say the same", []GridControl{at(5, eu), at(9, eu), at(7, nil)}, map[int64]Segments{5: eu, 7: nil, 9: eu}, map[int64]int64{6: 11, 7: 13, 9: 13}, 9},
		{"an earlier pane without any", []GridControl{at(5, eu), at(3, nil), at(2, both)}, map[int64]Segments{5: eu}, map[int64]int64{}, 5},
	} {
		v := viewOf(t, c.grids...)
		var now Segments
		for pane := int64(5); pane < 30; pane++ {
			if s, ok := c.want[pane]; ok {
				now = s
			}
			gs := v.Grids("fraud", pane)
			if len(gs) != 1 {
				t.Fatalf("%s: %d grids in pane %d, want one", c.name, len(gs), pane)
			}
			if got := gs[0].SegmentsIn(pane); !got.Equal(now) {
				t.Errorf("%s: %v in pane %d, want %v", c.name, got, pane, now)
			}
		}
		for pane, want := range c.since {
			if got := v.CollectSince(pane); got != want {
				t.Errorf("%s: claims for pane %d need control up to %d, want %d", c.name, pane, got, want)
			}
		}
		active, _ := v.Newest("fraud")
		if got, ok := active.SegmentSince(Segment{"region", "eu"}, 30); ok != (c.of >= 0) || ok && got != c.of {
			t.Errorf("%s: eu is counted since %d (%v), want %d", c.name, got, ok, c.of)
		}
	}
}

func TestSegments_RefuseWhatCannotBeCounted(t *testing.T) {
	t.Parallel()
	many := make([]string, MaxSegments+1)
	for i := range many {
		many[i] = strings.Repeat("x", i+1)
	}
	dimensions := Segments{}
	for i := range MaxDimensions + 1 {
		dimensions = append(dimensions, Dimension{Name: string(rune('a' + i)), Values: []string{"v"}})
	}
	for _, c := range []struct {
		s    Segments
		want string
	}{
		{region(), "has no values"},
		{region("eu", "eu"), "stands twice"},
		{region(""), "is empty"},
		{Segments{{Name: "", Values: []string{"x"}}}, "a name is empty"},
		{Segments{{Name: "a=b", Values: []string{"x"}}}, "equals sign"},
		{append(region("eu"), region("us")...), "stands twice"},
		{region(many...), "at most 64"},
		{dimensions, "at most 8"},
	} {
		err := c.s.Canonical().Validate()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60v: %v, want %q", c.s, err, c.want)
		}
		if err == nil || c.s.Canonical() == nil {
			continue
		}
		if _, err := DecodeGridControl((GridControl{Model: "fraud", Grid: sampleGrid(t), Segments: c.s.Canonical()}).Encode()); err == nil {
			t.Errorf("%.60v is read", c.s)
		}
	}
	unsorted := Segments{{Name: "tier", Values: []string{"b", "a"}}, {Name: "region", Values: []string{"eu"}}}
	if got := unsorted.Canonical(); got.Validate() != nil || !slices.Equal(got.All(), []Segment{{"region", "eu"}, {"tier", "a"}, {"tier", "b"}}) {
		t.Errorf("in order: %v, %v", got, got.Validate())
	}
}

// A segment's text is read back as it was, and two segments never share an identity.
func TestSegment_TextAndIdentity(t *testing.T) {
	t.Parallel()
	ids := map[sketches.ID]Segment{}
	for _, s := range []Segment{{"region", "eu"}, {"region", "us"}, {"regio", "neu"}, {"tier", "a=b"}, {"tier", "a"}} {
		got, err := ParseSegment(s.String())
		if err != nil || got != s {
			t.Errorf("%v is read as %v, %v", s, got, err)
		}
		id := s.ID(sampleID(3))
		if other, had := ids[id]; had || id == s.ID(sampleID(4)) {
			t.Errorf("%v has the identity of %v or of another reference", s, other)
		}
		ids[id] = s
	}
	for _, text := range []string{"", "region", "=eu", "region="} {
		if s, err := ParseSegment(text); err == nil {
			t.Errorf("%q is read as %v", text, s)
		}
	}
}

// A part is of a segment that a grid may declare: with another name its text might be that of
// another segment.
func TestReference_PartsAreOfSegmentsThatMayBeDeclared(t *testing.T) {
	t.Parallel()
	find := func(string, sketches.ID) (*sketches.Grid, bool) { return sampleGrid(t), true }
	for _, c := range []struct {
		s  Segment
		ok bool
	}{{Segment{"region", "eu"}, true}, {Segment{"tier", "a=b"}, true}, {Segment{"tier=a", "b"}, false}, {Segment{"", "eu"}, false}, {Segment{"region", ""}, false}} {
		r := sampleReference(t)
		r.Parts = []Part{{Segment: c.s, Counts: sampleCounts(t, 20)}}
		if _, err := DecodeReference(r.Encode(), find); (err == nil) != c.ok {
			t.Errorf("a part of %q: %v", c.s, err)
		}
	}
}
