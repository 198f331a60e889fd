package collect

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/event"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/wire"
)

var testSegments = wire.Segments{{Name: "region", Values: []string{"eu", "us"}}, {Name: "tier", Values: []string{"free"}}}

// Every row counts in the whole and in each segment that it lies in, and nowhere else; of a
// dimension whose values are all watched the parts add up to the whole.
func TestSegments_RowsCountWhereTheyLie(t *testing.T) {
	t.Parallel()
	for _, shaped := range []bool{true, false} {
		s := foldCase{features: 3, shaped: shaped, segments: testSegments}.source(t)
		ring := s.reader.(*given).ring
		rng := rand.New(rand.NewPCG(4, 4))
		for i := range ring {
			ring[i].Segments = []event.Segment{{Name: "other", Value: "eu"}, {Name: "region", Value: []string{"eu", "us"}[rng.IntN(2)]}}
			if rng.IntN(3) == 0 {
				ring[i].Segments = append(ring[i].Segments, event.Segment{Name: "tier", Value: []string{"free", "paid"}[rng.IntN(2)]})
			}
			ring[i].Version = fmt.Sprint(rng.IntN(2))
		}
		const rows = 5000
		grid := s.view.NewestGrids("m")[0].Grid
		want := map[string]*sketches.Counts{"": sketches.NewCounts(grid)}
		for _, x := range testSegments.All() {
			want[x.String()] = sketches.NewCounts(grid)
		}
		for i := range int64(rows) {
			s.Apply(log.Record{Partition: log.Partition{Topic: "in"}, Offset: i, TimeMS: 1_767_225_600_000 + i})
			ev := ring[s.reader.(*given).next]
			in := []string{""}
			for _, x := range ev.Segments {
				in = append(in, x.Name+"="+x.Value)
			}
			for _, name := range in {
				if c := want[name]; c != nil {
					c.AddRow()
					for k := range ev.Features {
						c.Add(k, ev.Features[k].Value)
					}
				}
			}
		}
		got := map[string]*sketches.Counts{}
		recs, err := s.partials(1 << 60)
		must(t, err)
		for _, r := range recs {
			if wire.Kind(r.Value) != wire.KindPartial {
				continue
			}
			p, err := wire.DecodePartial(r.Value)
			must(t, err)
			if p.ID.Grid.IsZero() {
				continue
			}
			c, err := sketches.DecodeCounts(grid, 0, 3, p.Counts)
			must(t, err)
			if got[p.ID.Segment] == nil {
				got[p.ID.Segment] = sketches.NewCounts(grid)
			}
			must(t, got[p.ID.Segment].Merge(c))
		}
		if len(got) != len(want) {
			t.Errorf("%d segments, the whole among them; want %d", len(got), len(want))
		}
		for name, c := range want {
			if got[name] == nil || string(got[name].EncodeRange(0, 3)) != string(c.EncodeRange(0, 3)) {
				t.Errorf("shaped %v: the counts of %q are not those of its %d rows", shaped, name, c.Rows)
			}
		}
		sum := got["region=eu"]
		must(t, sum.Merge(got["region=us"]))
		if string(sum.EncodeRange(0, 3)) != string(got[""].EncodeRange(0, 3)) {
			t.Error("regions do not add up to the whole")
		}
	}
}

// Rows cost no allocation with segments, and what they take is in the account.
func TestSegments_RowsDoNotAllocateAndMemoryIsCounted(t *testing.T) {
	// not parallel: it counts allocations
	s := foldCase{features: 20, shaped: true, segments: testSegments}.source(t)
	ring := s.reader.(*given).ring
	for i := range ring {
		ring[i].Segments = []event.Segment{{Name: "region", Value: []string{"eu", "us", "asia"}[i%3]}, {Name: "tier", Value: "free"}}
	}
	offset := int64(0)
	apply := func() {
		s.Apply(log.Record{Partition: log.Partition{Topic: "in"}, Offset: offset, TimeMS: 1_767_225_600_000 + offset})
		offset++
	}
	for range 1000 {
		apply()
	}
	if n := testing.AllocsPerRun(10_000, apply); n != 0 {
		t.Errorf("%v allocations a row", n)
	}
	plain := foldCase{features: 20, shaped: true}.source(t)
	a, b := Memory(s.cfg.Layout, plain.view, Quota{}), Memory(s.cfg.Layout, s.view, Quota{})
	var tally int64
	for _, f := range s.view.NewestGrids("m")[0].Grid.Features {
		_, worst := sketches.TallyBytes(f.Cells())
		tally += int64(worst)
	}
	panes := int64(s.cfg.Quota.panes(s.cfg.Layout)) * int64(s.cfg.Quota.versions()+1)
	if want := 3 * panes * tally; b-a != want {
		t.Errorf("three segments are accounted with %d bytes, want %d", b-a, want)
	}
}
