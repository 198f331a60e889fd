package evaluate

import (
	"strings"
	"testing"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
)

var eu, us = wire.Segment{Name: "region", Value: "eu"}, wire.Segment{Name: "region", Value: "us"}

// divided gives the world's reference two segments: eu is like the whole, us has few rows;
// the window's rows of eu are those of the whole. They are counted from the pane.
func divided(t *testing.T, from int64, shifts ...float64) (*Fold, *model, *installed, *window) {
	t.Helper()
	f, m, in, w := togetherWorld(t, shifts...)
	w.pane = w.endMS/f.cfg.Layout.PaneMS - 1
	g := in.ref.Counts.Grid
	c := wire.Control{Kind: "grid", ID: "m", Seq: 1, Value: wire.GridControl{
		Model: "m", FromPane: from, Grid: g, Segments: wire.Segments{{Name: "region", Values: []string{"eu", "us"}}},
	}.Encode()}
	if _, ok := f.view.Add(0, []byte(c.Key()), c.Value); !ok {
		t.Fatal(f.view.Problems)
	}
	few := sketches.NewCounts(g)
	for range 99 {
		few.AddRow()
		for i := range g.Features {
			few.Add(i, sketches.Number(0))
		}
	}
	in.ref.Kind = "file"
	in.ref.Parts = []wire.Part{{Segment: eu, Counts: in.ref.Counts, Blocks: in.ref.Blocks}, {Segment: us, Counts: few}}
	in.id = sketches.HashFields([]byte("r"))
	in.divide()
	for _, s := range []wire.Segment{eu, us} {
		w.sum.entry(key{grid: g.ID(), segment: s.String()}).counts = w.sum.on(g.ID()).Clone()
	}
	return f, m, in, w
}

func compared(t *testing.T, f *Fold, m *model, in *installed, w *window, p wire.Policy) (*judgement, []*judgement) {
	t.Helper()
	j, err := f.compare(m, in, w, p)
	if err != nil {
		t.Fatal(err)
	}
	return j, f.apart(m, in, j, nil)
}

// A segment like the whole gets the whole's figures under an identity of its own; one whose
// reference holds too little says so. The decisions on both share the budget.
func TestSegments_AreHeldAgainstTheirPartOfTheReference(t *testing.T) {
	t.Parallel()
	f, m, in, w := divided(t, 0, 1.5, 0)
	p := wire.DefaultPolicy()
	whole, parts := compared(t, f, m, in, w, p)
	if len(parts) != 2 {
		t.Fatalf("%d segments compared, want 2", len(parts))
	}
	a, b := parts[0].score, parts[1].score
	if a.Segment != "region=eu" || a.State != wire.StateJudged || a.Reference != eu.ID(in.id).String() || a.Reference == whole.score.Reference {
		t.Errorf("eu: %q is %s against %s", a.Segment, a.State, a.Reference)
	}
	for i, x := range a.Features {
		y := whole.score.Features[i]
		if *x.PSI != *y.PSI || *x.PSIDebiased != *y.PSIDebiased || x.Verdict != y.Verdict || x.Dependence != y.Dependence || x.Brief != nil {
			t.Errorf("eu: feature %s has %d (%s, %s) with a brief %v, the whole %d (%s, %s)", x.Name, *x.PSI, x.Verdict, x.Dependence, x.Brief != nil, *y.PSI, y.Verdict, y.Dependence)
		}
	}
	if b.State != wire.StateLearning || !strings.Contains(b.Reason, "99 rows of this segment, at least 100") || b.Features != nil {
		t.Errorf("us: %s, %q, %d features", b.State, b.Reason, len(b.Features))
	}
	want := drift.BudgetAlpha(p.WindowAlarms(false), 2, 3, 1, whole.cfg.HopMS)
	for _, j := range []*judgement{whole, parts[0]} {
		if got := j.results[0].Alpha; got != want {
			t.Errorf("%q decides at %g, want a third of the budget: %g", j.score.Segment, got, want)
		}
	}
}

// A shift in a sixth of the traffic is diluted in the whole, and stands out in its segment:
// that is what segments are for.
func TestSegments_FindWhatTheWholeDilutes(t *testing.T) {
	t.Parallel()
	f, m, in, w := divided(t, 0, 0, 0)
	_, _, _, other := togetherWorld(t, 1.2, 1.2)
	id := in.ref.Counts.Grid.ID()
	whole, shifted := w.sum.entry(key{grid: id}), other.sum.on(id)
	if shifted == nil {
		t.Fatal("the worlds stand on other grids")
	}
	usual := whole.counts.Clone()
	for range 4 {
		if err := whole.counts.Merge(usual); err != nil {
			t.Fatal(err)
		}
	}
	if err := whole.counts.Merge(shifted); err != nil {
		t.Fatal(err)
	}
	w.sum.entry(key{grid: id, segment: eu.String()}).counts = shifted
	j, parts := compared(t, f, m, in, w, wire.DefaultPolicy())
	if j.score.Judged != 2 || j.score.Drifted != 0 {
		t.Errorf("the whole: %v", verdicts(j.results))
	}
	if parts[0].score.Drifted != 2 {
		t.Errorf("the segment: %v", verdicts(parts[0].results))
	}
}

// Where a part has no blocks of its own it is judged on the whole's bins, with what is known
// of the whole's dependence: never as if its records were independent.
func TestSegments_WithoutBlocksTakeTheWholesDependence(t *testing.T) {
	t.Parallel()
	f, m, in, w := divided(t, 0, 1.5, 0)
	in.parts[0].ref.Blocks = nil
	whole, parts := compared(t, f, m, in, w, wire.DefaultPolicy())
	for i, x := range parts[0].results {
		y := whole.results[i]
		if x.Dependence != drift.FromBlocks || x.DesignEffect != y.DesignEffect || x.BlockCount != y.BlockCount || x.Bins != y.Bins {
			t.Errorf("feature %s: %s, design effect %g on %d bins; the whole %s, %g, %d", x.Name, x.Dependence, x.DesignEffect, x.Bins, y.Dependence, y.DesignEffect, y.Bins)
		}
	}
	in.ref.Blocks, in.parts[0].of.ref.Blocks = nil, nil
	in.cache, in.parts[0].cache = map[int64]judges{}, map[int64]judges{}
	if _, parts = compared(t, f, m, in, w, wire.DefaultPolicy()); parts[0].results[0].Dependence != drift.LearningLive {
		t.Errorf("where the whole still learns a segment says %s", parts[0].results[0].Dependence)
	}
}

// Under BH the features of all segments are one family with those of the whole: a change in
// one segment is held against all that might have changed.
func TestSegments_AreOfOneFamily(t *testing.T) {
	t.Parallel()
	f, m, in, w := divided(t, 0, 0.8, 0.76, 0.76, 0.76, 0.78, 0.8, 0.8, 0.85, 0.9, 0.9)
	w.sum.entry(key{grid: in.ref.Counts.Grid.ID(), segment: eu.String()}).counts = in.ref.Counts.Clone() // nothing changed there
	p := wire.DefaultPolicy()
	p.Multiplicity = drift.ByBH
	whole, parts := compared(t, f, m, in, w, p)
	in.parts = nil
	alone, _ := compared(t, f, m, in, w, p)
	if alone.results[0].Verdict != drift.Drifted {
		t.Fatalf("alone: %v", verdicts(alone.results))
	}
	if got, other := whole.results[0].Alpha, parts[0].results[0].Alpha; got != other || got >= alone.results[0].Alpha {
		t.Errorf("with a segment the whole was decided at %g and the segment at %g, alone at %g: want one level, a stricter one", got, other, alone.results[0].Alpha)
	}
}

// What is no longer counted is no longer compared, and its alarm ends; a window fills from
// where counting began.
func TestSegments_BeginAndEndWithWhatIsCounted(t *testing.T) {
	t.Parallel()
	f, m, in, w := divided(t, 13500, 3, 3)
	p := wire.DefaultPolicy()
	p.FireAfter = 0
	_, parts := compared(t, f, m, in, w, p)
	panes := w.lengthMS / f.cfg.Layout.PaneMS
	if got, want := parts[0].window.filled, float64(w.pane-13500+1)/float64(panes); got != want {
		t.Errorf("counted since pane 13500 of %d, a window is filled by %g, want %g", w.pane, got, want)
	}
	j := parts[0]
	j.window.filled, j.window.full, j.window.half, j.window.covered = 1, true, true, true
	var out output
	f.stepDrift(m, j, false, &out)
	events := eventsOf(t, &out)
	if len(events) != 1 || events[0].Data.Segment != "region=eu" || events[0].Data.MayRetrain || events[0].Data.Reference != eu.ID(in.id).String() {
		t.Fatalf("events %+v, want one of eu that may not retrain", events)
	}
	m.refs = []installed{*in}
	if f.supersede(m, in, w.pane, p, &out); len(m.alarms) != 1 {
		t.Fatalf("%d alarms stand, want that of eu", len(m.alarms))
	}
	c := wire.Control{Kind: "grid", ID: "m", Seq: 2, Value: wire.GridControl{Model: "m", FromPane: w.pane, Grid: in.ref.Counts.Grid}.Encode()}
	if _, ok := f.view.Add(1, []byte(c.Key()), c.Value); !ok {
		t.Fatal(f.view.Problems)
	}
	if _, parts := compared(t, f, m, in, w, p); len(parts) != 0 {
		t.Errorf("%d segments are compared that are not counted", len(parts))
	}
	out = output{}
	f.supersede(m, in, w.pane, p, &out)
	events = eventsOf(t, &out)
	if len(events) != 1 || events[0].Data.Phase != "superseded" || events[0].Data.Segment != "region=eu" || len(m.alarms) != 0 {
		t.Errorf("%d alarms stand, events %+v", len(m.alarms), events)
	}
}

// A segment that falls silent is not called stale: nobody has promised its traffic.
func TestSegments_SilenceIsNotStale(t *testing.T) {
	t.Parallel()
	f, m, in, w := divided(t, 0, 0)
	delete(w.sum.entries, key{grid: in.ref.Counts.Grid.ID(), segment: eu.String()})
	_, parts := compared(t, f, m, in, w, wire.DefaultPolicy())
	j := parts[0]
	if j.score.State != wire.StateEmpty {
		t.Fatalf("state %s", j.score.State)
	}
	j.window.filled, j.window.full, j.window.half, j.window.covered = 1, true, true, true
	var err error
	if m.pace, err = f.newPace(); err != nil {
		t.Fatal(err)
	}
	if q := m.quietFor(j, &alarm{}, false); q != j.cfg.HopMS {
		t.Errorf("quiet for %d of %d ms", q, j.cfg.HopMS)
	}
	if q := m.quietFor(j, &alarm{state: drift.AlarmState{Phase: drift.PhaseFiring}}, false); q != 0 {
		t.Errorf("a firing alarm without rows is quiet for %d ms", q)
	}
}

// blocksOf are the first blocks of a part's own, on the part's verdict bins.
func blocksOf(t *testing.T, in *installed, lengthMS int64, each ...*sketches.Counts) *sketches.Blocks {
	t.Helper()
	features := in.ref.Counts.Grid.Features
	bins, binned := make([]int, len(features)), make([][]uint64, len(features))
	for i := range features {
		_, bins[i] = features[i].VerdictBins(&in.ref.Counts.Features[i])
	}
	b, err := sketches.NewBlocks(lengthMS, bins)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range each {
		for i := range features {
			toBin, n := features[i].VerdictBins(&in.ref.Counts.Features[i])
			binned[i] = make([]uint64, n)
			for cell, k := range c.Features[i].Cells {
				binned[i][toBin[cell]] += k
			}
		}
		if err := b.AddBlock(binned); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// A part that has rows in fewer blocks than tell of dependence is no better off than one
// without blocks: its records are never taken for independent.
func TestSegments_WithTooFewBlocksTakeTheWholesDependence(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2} {
		f, m, in, w := divided(t, 0, 1.5, 0)
		each := []*sketches.Counts{w.sum.on(in.ref.Counts.Grid.ID()), w.sum.on(in.ref.Counts.Grid.ID())}[:n]
		in.parts[0].ref.Blocks = []*sketches.Blocks{blocksOf(t, in.parts[0], w.lengthMS, each...)}
		whole, parts := compared(t, f, m, in, w, wire.DefaultPolicy())
		for i, x := range parts[0].results {
			y := whole.results[i]
			if x.Dependence != drift.FromBlocks || x.DesignEffect != y.DesignEffect || x.BlockCount != y.BlockCount || x.Bins != y.Bins {
				t.Errorf("%d blocks: feature %s: %s, design effect %g of %d blocks on %d bins; the whole %s, %g, %d, %d", n, x.Name, x.Dependence, x.DesignEffect, x.BlockCount, x.Bins, y.Dependence, y.DesignEffect, y.BlockCount, y.Bins)
			}
		}
	}
}

// Where the blocks of a window's length are fewer than tell of dependence, the next shorter
// ones do.
func TestCompare_TooFewBlocksOfALengthLeaveItToShorterOnes(t *testing.T) {
	t.Parallel()
	f, m, in, w := togetherWorld(t, 0, 0)
	c := w.sum.on(in.ref.Counts.Grid.ID())
	long := blocksOf(t, in, w.lengthMS, c, c)
	short := in.ref.Blocks[0]
	short.LengthMS = w.lengthMS / 4
	in.ref.Blocks = []*sketches.Blocks{short, long}
	j, err := f.compare(m, in, w, wire.DefaultPolicy())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range j.results {
		if r.Dependence != drift.FromBlocks || r.BlockCount != 24 {
			t.Errorf("feature %s: %s of %d blocks, want 24 shorter ones", r.Name, r.Dependence, r.BlockCount)
		}
	}
}
