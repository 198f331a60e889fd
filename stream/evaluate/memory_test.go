package evaluate

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/sketches/joint"
	"github.com/driftline/driftline/stream/wire"
)

// heap returns the bytes that are in use after everything else is collected.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Rings, pending panes and a run as full as they get stay below the account, and are not
// far below it: it is a bound, not a guess.
func TestMemory_BoundsWhatAFullFoldHolds(t *testing.T) {
	// not parallel: it looks at the heap
	l := layout(10, 600_000, 3_600_000)
	values := make([]float64, 500)
	for i := range values {
		values[i] = float64(i) * 1.01
	}
	fs := make([]sketches.FeatureGrid, 8)
	for i := range fs {
		x, err := sketches.NewNumeric(fmt.Sprint("f", i), values)
		if err != nil {
			t.Fatal(err)
		}
		fs[i] = x
	}
	g, err := sketches.NewGrid(fs)
	if err != nil {
		t.Fatal(err)
	}
	counts, sample := sketches.NewCounts(g), make([][]uint16, len(fs))
	for r, x := range values {
		counts.AddRow()
		for i := range fs {
			v := sketches.Number(x + float64(r%(i+2)))
			counts.Add(i, v)
			sample[i] = append(sample[i], g.Features[i].Code(v))
		}
	}
	e, err := joint.Build(joint.Config{Reference: counts, Sample: sample, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	const versions = 2
	f := New(Config{Layout: l, Policy: wire.DefaultPolicy()})
	add := func(offset int64, c wire.Control) {
		if _, ok := f.view.Add(offset, []byte(c.Key()), c.Value); !ok {
			t.Fatal(f.view.Problems)
		}
	}
	add(0, wire.Control{Kind: "layout", ID: "main", Seq: 1, Value: l.Encode()})
	add(1, wire.Control{Kind: "model", ID: "m", Seq: 1, Value: wire.Model{Name: "m", FeaturesFrom: "prediction", Classes: wire.DefaultClasses}.Encode()})
	add(2, wire.Control{Kind: "grid", ID: "m", Seq: 1, Value: wire.GridControl{Model: "m", Grid: g, Joint: e, Segments: wire.Segments{{Name: "region", Values: []string{"eu", "us"}}}}.Encode()})
	fill := func() *cell {
		c := newCell()
		x := c.entry(key{grid: g.ID()})
		x.counts, x.joint = sketches.NewCounts(g), joint.NewSums(e)
		for _, segment := range []string{"region=eu", "region=us"} {
			c.entry(key{grid: g.ID(), segment: segment}).counts = sketches.NewCounts(g)
		}
		for v := range versions + 1 {
			s, err := sketches.NewScoreCounts(wire.DefaultClasses)
			if err != nil {
				t.Fatal(err)
			}
			for _, class := range append([]string{"other"}, wire.DefaultClasses...) {
				s.Add(0.5, true, class)
			}
			c.entry(key{version: fmt.Sprint(v)}).scores = s
		}
		return c
	}
	before := heap()
	m := f.model("m")
	for p := range l.Ring0() {
		m.ring[0][p] = fill()
	}
	for p := range l.Ring1() {
		m.ring[1][p] = fill()
	}
	for p := range int64(f.limit()) {
		w := &pending{}
		f.pending[p] = w
		f.openUp(w)
		w.merged["m"] = fill()
	}
	used := heap() - before
	bound := Memory(l, f.view, Quota{Sources: 1, Versions: versions, Owned: func(string) bool { return true }})
	t.Logf("%d bytes in use, at most %d by the account", used, bound)
	if used > bound || used < bound/2 {
		t.Errorf("%d bytes in use, the account says %d", used, bound)
	}
	runtime.KeepAlive(f)
}
