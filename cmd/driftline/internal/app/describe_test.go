package app

import (
	"math"
	"testing"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/trainer"
)

// The store's references are read with their grids, a reference that is gone gives
// nothing, and so does a brief that does not fit.
func TestDescriber_ReadsTheStoredReference(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	values := make([]float64, 2000)
	for i := range values {
		values[i] = float64(i%100) + float64(i)/1e4
	}
	f, err := sketches.NewNumeric("amount", values)
	if err != nil {
		t.Fatal(err)
	}
	g, err := sketches.NewGrid([]sketches.FeatureGrid{f})
	if err != nil {
		t.Fatal(err)
	}
	count := func(shift float64) *sketches.Counts {
		c := sketches.NewCounts(g)
		for _, x := range values {
			c.AddRow()
			c.Add(0, sketches.Number(x+shift))
		}
		return c
	}
	ref := wire.Reference{Model: "m", Kind: "training", Counts: count(0)}
	for _, r := range []store.ReferenceRow{
		{Model: "m", ID: g.ID().String(), Kind: trainer.KindGrid, GridID: g.ID().String(), MetaJSON: "{}", Data: g.Encode()},
		{Model: "m", ID: "r", Kind: "training", GridID: g.ID().String(), Rows: 2000, MetaJSON: "{}", Data: ref.Encode()},
	} {
		if _, err := s.AddReference(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	b, _ := sketches.NewBrief(&g.Features[0], &count(30).Features[0])
	d := &describer{store: s}
	for range 2 { // the second time from memory
		got, err := d.describe(t.Context(), "m", "r", map[string][]byte{"amount": b.Encode(), "other": {1}})
		if err != nil {
			t.Fatal(err)
		}
		x, ok := got["amount"]
		if !ok || len(got) != 1 || math.Abs(x.Window.Mean-x.Reference.Mean-30) > 0.01 || !(x.PSI10 > 0.2) {
			t.Errorf("described %+v", got)
		}
	}
	if got, err := d.describe(t.Context(), "m", "gone", map[string][]byte{"amount": b.Encode()}); err != nil || got != nil {
		t.Errorf("a reference that is gone: %v, %v", got, err)
	}
	if _, err := d.describe(t.Context(), "m", "r", map[string][]byte{"amount": {9, 9}}); err == nil {
		t.Error("bytes that are no brief are read")
	}
	if got, err := d.describe(t.Context(), "m", "r", map[string][]byte{"amount": sketches.Brief{Bins: []uint64{1, 2}}.Encode()}); err != nil || len(got) != 0 {
		t.Errorf("a brief of other bins: %v, %v", got, err)
	}
	for i := range 2 * mostReferences {
		id := string(rune('a' + i))
		other := ref
		other.FromMS = int64(i + 1)
		if _, err := s.AddReference(t.Context(), store.ReferenceRow{Model: "m", ID: id, Kind: "training", GridID: g.ID().String(), MetaJSON: "{}", Data: other.Encode()}); err != nil {
			t.Fatal(err)
		}
		if _, err := d.describe(t.Context(), "m", id, map[string][]byte{"amount": b.Encode()}); err != nil {
			t.Fatal(err)
		}
	}
	if len(d.kept) != mostReferences || len(d.last) != mostReferences {
		t.Errorf("%d references are kept, want %d", len(d.kept), mostReferences)
	}
}
