package app

import (
	"testing"

	"github.com/driftline/driftline/stream/wire"
)

// What a restating replay holds grows with the segments that are counted beside the whole.
func TestRepairBytes_CountSegments(t *testing.T) {
	t.Parallel()
	l := wire.Layout{PaneMS: 60_000, SlotPanes: 60, LatenessMS: 60_000, SkewMS: 60_000, DisorderMS: 60_000, PanesPartitions: 1, WindowsMS: []int64{3_600_000}, Inputs: []wire.Input{{Topic: "in", Role: wire.RoleEvents}}}
	bytes := func(s wire.Segments) int64 {
		d := &Declared{Layout: l, View: wire.NewView(wire.EvaluateSide)}
		for i, c := range []wire.Control{
			{Kind: "layout", ID: "all", Value: l.Encode()},
			{Kind: "model", ID: "a", Value: wire.Model{Name: "a", FeaturesFrom: "prediction"}.Encode()},
			{Kind: "grid", ID: "a", Value: wire.GridControl{Model: "a", Grid: sizedGrid(t, 3), Segments: s}.Encode()},
		} {
			if _, ok := d.View.Add(int64(i), []byte(c.Key()), c.Value); !ok {
				t.Fatal(d.View.Problems)
			}
		}
		return repairBytes(d, Range{FromMS: 100 * 3_600_000, ToMS: 101 * 3_600_000}, 2)
	}
	without, with := bytes(nil), bytes(wire.Segments{{Name: "region", Values: []string{"eu", "us"}}})
	if without == 0 || with != 3*without {
		t.Errorf("two segments take %d bytes, without any %d: want three times as many", with, without)
	}
}
