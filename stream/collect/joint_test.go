package collect

import (
	"runtime"
	"testing"

	"github.com/driftline/driftline/sketches/joint"
	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
	"github.com/driftline/driftline/stream/wire"
)

// The joint sums of a partial are those of the rows that it counts, whatever was buffered
// when it was encoded; a grid without an embedding has none.
func TestJoint_PartialsCarryTheSumsOfTheirRows(t *testing.T) {
	t.Parallel()
	for _, with := range []bool{false, true} {
		s := foldCase{features: 3, shaped: true, joint: with}.source(t)
		const rows = 60_000 + 60_000 + 777 // into a third pane
		for i := range int64(rows) {
			s.Apply(log.Record{Partition: log.Partition{Topic: "in"}, Offset: i, TimeMS: 1_767_225_600_000 + i})
		}
		recs, err := s.partials(1 << 60)
		must(t, err)
		var e *joint.Embedding
		for _, g := range s.view.NewestGrids("m") {
			e = g.Joint
		}
		total, found := uint64(0), 0
		for _, r := range recs {
			if wire.Kind(r.Value) != wire.KindPartial {
				continue
			}
			p, err := wire.DecodePartial(r.Value)
			must(t, err)
			if len(p.Joint) == 0 {
				if with && !p.ID.Grid.IsZero() {
					t.Errorf("pane %d has counts and no joint sums", p.ID.Pane)
				}
				continue
			}
			found++
			sums, err := joint.DecodeSums(e, p.Joint)
			must(t, err)
			if sums.Rows != p.Rows {
				t.Errorf("pane %d: joint sums of %d rows, counts of %d", p.ID.Pane, sums.Rows, p.Rows)
			}
			total += sums.Rows
		}
		if with && (total != rows || found != 3) || !with && found > 0 {
			t.Errorf("with an embedding %v: joint sums of %d rows in %d partials", with, total, found)
		}
	}
}

// Rows cost no allocation with joint sums, and what they take stays within the account.
func TestJoint_RowsDoNotAllocateAndMemoryIsCounted(t *testing.T) {
	// not parallel: it looks at the heap
	s := foldCase{features: 20, shaped: true, joint: true}.source(t)
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
	without, with := foldCase{features: 20, shaped: true}.source(t), s
	a, b := Memory(s.cfg.Layout, without.view, Quota{}), Memory(s.cfg.Layout, with.view, Quota{})
	e := s.view.NewestGrids("m")[0].Joint
	before := heap()
	tallies := make([]*joint.Tally, 50)
	for i := range tallies {
		tallies[i] = joint.NewTally(e)
	}
	used := heap() - before
	panes := int64(s.cfg.Quota.panes(s.cfg.Layout)) * int64(s.cfg.Quota.versions()+1)
	if one := (b - a) / panes; one < used/int64(len(tallies)) {
		t.Errorf("the account has %d bytes more for a pane of one version, a tally takes %d", one, used/int64(len(tallies)))
	}
	runtime.KeepAlive(tallies)
	if s.adder == nil || without.adder != nil {
		t.Error("the adder is made where a pane has joint sums, and only there")
	}
	_, err := s.Publish(1, loop.Unset)
	must(t, err)
}
