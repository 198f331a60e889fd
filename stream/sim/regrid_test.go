package sim

import (
	"math/rand/v2"
	"testing"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/memlog"
	"github.com/driftline/driftline/stream/wire"
)

// A grid that names a future pane, read by everyone in time, with a reference on it:
// both grids are counted from there, under kills, and the results are those of a
// replay.
func TestFault_Regrid(t *testing.T) {
	t.Parallel()
	onBoth := 0
	for seed := range uint64(seeds(t, 20)) {
		rng := rand.New(rand.NewPCG(seed, 80))
		w := bareWorld(t, 2)
		w.references(t)
		at := epochMS
		rows := func(n int, shift bool) {
			for i := range n {
				at += rng.Int64N(15_000)
				w.put(t, rng.IntN(2), at, row(rng, models[rng.IntN(2)], at, i, shift))
			}
		}
		rows(80, false)
		for range 3 {
			w.live(t, rng, memlog.KillAt(20+rng.Int64N(150), memlog.KillAfter))
		}
		g, c := otherGrid(t)
		from := at/60_000 + 4
		w.append(t, wire.Control{Kind: "grid", ID: "alpha", Seq: 2, Value: wire.GridControl{Model: "alpha", FromPane: from, Grid: g}.Encode()})
		w.append(t, wire.Control{Kind: "reference", ID: "alpha", Seq: 2, Value: wire.Reference{Model: "alpha", Kind: "file", Counts: c}.Encode()})
		rows(120, true)
		w.ticks(t, 2, at)
		w.finish(t, rng, 0.005)
		got := w.results(t)
		same(t, int(seed), w.replayed(t), got)
		rowsOn := map[string]bool{}
		for _, l := range got {
			if l.Model != "alpha" || l.Kind != "score" {
				continue
			}
			s, err := wire.DecodeScore(l.Value)
			must(t, err)
			if s.Rows > 0 && s.Segment == "" {
				rowsOn[l.Reference] = true
			}
		}
		if len(rowsOn) == 2 {
			onBoth++
		}
	}
	t.Logf("%d inputs judged on both grids", onBoth)
	if onBoth == 0 {
		t.Error("no input was judged on both grids")
	}
}

// otherGrid is another grid for the same model, and counts on it.
func otherGrid(t testing.TB) (*sketches.Grid, *sketches.Counts) {
	t.Helper()
	values := make([]float64, 30)
	for i := range values {
		values[i] = float64(i)
	}
	x, err := sketches.NewNumeric("x", values)
	must(t, err)
	g, err := sketches.NewGrid([]sketches.FeatureGrid{x})
	must(t, err)
	c := sketches.NewCounts(g)
	for i := range 300 {
		c.AddRow()
		c.Add(0, sketches.Number(float64(i%20)))
	}
	return g, c
}
