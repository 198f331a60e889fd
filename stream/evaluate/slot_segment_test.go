package evaluate

import (
	"fmt"
	"testing"

	"github.com/driftline/driftline/drift/generate"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
)

// largestRecord is what brokers take at most of one batch.
const largestRecord = 1_000_000

// manySegments is a cell of a wide model whose rows lie in as many segments as there may be.
func manySegments(t *testing.T, features int) (*sketches.Grid, *cell) {
	t.Helper()
	draws := generate.NewSequence(5, 5)
	fs := make([]sketches.FeatureGrid, features)
	xs := make([]float64, 2000)
	for i := range fs {
		for k := range xs {
			xs[k] = draws.Normal()
		}
		var err error
		if fs[i], err = sketches.NewNumeric(fmt.Sprintf("f%03d", i), xs); err != nil {
			t.Fatal(err)
		}
	}
	g, err := sketches.NewGrid(fs)
	if err != nil {
		t.Fatal(err)
	}
	counts := sketches.NewCounts(g)
	for range 1000 {
		counts.AddRow()
		for i := range fs {
			counts.Add(i, sketches.Number(draws.Normal()))
		}
	}
	c := newCell()
	e := c.entry(key{version: "3"})
	e.rows = counts.Rows
	c.entry(key{grid: g.ID()}).counts = counts
	for i := range wire.MaxSegments {
		c.entry(key{grid: g.ID(), segment: fmt.Sprintf("shop=%02d", i)}).counts = counts.Clone()
	}
	return g, c
}

// A slot of a wide model with many segments is written in records that brokers take, and
// comes back as it was.
func TestSlots_OfManySegmentsAreRecordsThatBrokersTake(t *testing.T) {
	t.Parallel()
	for _, features := range []int{60, 130} {
		g, c := manySegments(t, features)
		slots := c.slots(wire.Slot{Model: "m", Ring: 1, Number: 4, Prev: wire.NoPane, Alarms: []wire.SlotAlarm{{Policy: "p"}}}, wire.SlotBytes)
		back, keys, alarms := newCell(), map[string]bool{}, 0
		for _, s := range slots {
			raw := s.Encode()
			if len(raw) > largestRecord {
				t.Errorf("%d features: a record of %d bytes, brokers take %d", features, len(raw), largestRecord)
			}
			keys[string(wire.SlotKey(s.Model, s.Chunk, s.Ring, 4))] = true
			alarms += len(s.Alarms)
			got, err := wire.DecodeSlot(raw)
			if err != nil {
				t.Fatal(err)
			}
			if err := back.addSlot(got, func(string, sketches.ID) (wire.ActiveGrid, bool) {
				return wire.ActiveGrid{GridControl: wire.GridControl{Model: "m", Grid: g}}, true
			}); err != nil {
				t.Fatal(err)
			}
		}
		if len(keys) != len(slots) || alarms != 1 {
			t.Errorf("%d features: %d records under %d keys, %d with alarms", features, len(slots), len(keys), alarms)
		}
		if len(back.entries) != len(c.entries) {
			t.Fatalf("%d features: %d entries of %d come back", features, len(back.entries), len(c.entries))
		}
		for k, e := range c.entries {
			if e.counts != nil && string(back.entries[k].counts.EncodeRange(0, features)) != string(e.counts.EncodeRange(0, features)) {
				t.Errorf("%d features: the counts of %q come back as others", features, k.segment)
			}
		}
	}
}
