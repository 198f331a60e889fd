package evaluate

import (
	"testing"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
)

// What is kept for moving references is of all rows: a row that lies in segments as well
// counts once.
func TestMoving_RowsOfSegmentsCountOnce(t *testing.T) {
	t.Parallel()
	_, _, in, w := divided(t, 0, 0, 0)
	g := in.ref.Counts.Grid
	whole := w.sum.on(g.ID())
	kept := keptOf(w.sum, "m", 7, wire.NoPane)
	p := &moving{kept: map[int64][]wire.Kept{7: kept}}
	got, err := p.on(g, 7)
	if err != nil {
		t.Fatal(err)
	}
	if string(got.EncodeRange(0, len(g.Features))) != string(whole.EncodeRange(0, len(g.Features))) {
		t.Errorf("a slot of %d rows is kept with %d", whole.Rows, got.Rows)
	}
	plain := newCell()
	plain.entry(key{grid: g.ID()}).counts = whole
	want := keptOf(plain, "m", 7, wire.NoPane)
	if len(kept) != len(want) || sketches.HashFields(kept[0].Encode()) != sketches.HashFields(want[0].Encode()) {
		t.Error("what is kept with segments has other bytes than without")
	}
}
