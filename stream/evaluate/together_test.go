package evaluate

import (
	"math"
	"slices"
	"testing"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/drift/generate"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
)

const togetherHour = 3_600_000

// togetherWorld is a model with a reference in blocks and one window, in which each
// feature is moved by its own shift.
func togetherWorld(t testing.TB, shifts ...float64) (*Fold, *model, *installed, *window) {
	t.Helper()
	draws := generate.NewSequence(3, 9)
	fs := make([]sketches.FeatureGrid, len(shifts))
	for i := range fs {
		xs := make([]float64, 4000)
		for k := range xs {
			xs[k] = draws.Normal()
		}
		var err error
		if fs[i], err = sketches.NewNumeric(string(rune('a'+i)), xs); err != nil {
			t.Fatal(err)
		}
	}
	g, err := sketches.NewGrid(fs)
	if err != nil {
		t.Fatal(err)
	}
	count := func(rows int, shift []float64) *sketches.Counts {
		c := sketches.NewCounts(g)
		for range rows {
			c.AddRow()
			for i := range fs {
				c.Add(i, sketches.Number(draws.Normal()+shift[i]))
			}
		}
		return c
	}
	blocks := make([]*sketches.Counts, 24)
	ref := sketches.NewCounts(g)
	for i := range blocks {
		blocks[i] = count(500, make([]float64, len(fs)))
		if err := ref.Merge(blocks[i]); err != nil {
			t.Fatal(err)
		}
	}
	bins := make([]int, len(fs))
	for i := range fs {
		_, bins[i] = g.Features[i].VerdictBins(&ref.Features[i])
	}
	sums, err := sketches.NewBlocks(24*togetherHour, bins)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks {
		binned := make([][]uint64, len(fs))
		for i := range fs {
			toBin, n := g.Features[i].VerdictBins(&ref.Features[i])
			binned[i] = make([]uint64, n)
			for cell, k := range b.Features[i].Cells {
				binned[i][toBin[cell]] += k
			}
		}
		if err := sums.AddBlock(binned); err != nil {
			t.Fatal(err)
		}
	}
	f := New(Config{Layout: layout(4, 180_000, 720_000), Policy: wire.DefaultPolicy()})
	in := &installed{ref: wire.Reference{Model: "m", Counts: ref, Blocks: []*sketches.Blocks{sums}}, hex: "r", cache: map[int64]judges{}}
	c := newCell()
	c.entry(key{grid: g.ID()}).counts = count(1500, shifts)
	w := &window{endMS: 240 * togetherHour, lengthMS: 24 * togetherHour, sum: c, cover: wire.Coverage{Covered: 1, Expected: 1}}
	return f, f.model("m"), in, w
}

// concluded compares a window that has no segments.
func (f *Fold) concluded(m *model, in *installed, w *window, p wire.Policy) (*judgement, error) {
	j, err := f.compare(m, in, w, p)
	if err == nil {
		f.apart(m, in, j, nil)
	}
	return j, err
}

func verdicts(rs []drift.FeatureResult) (out []string) {
	for _, r := range rs {
		out = append(out, r.Name+" "+r.Verdict.String())
	}
	return out
}

// Many features that moved by little: together they carry each other, and one that the
// share leaves out carries none.
func TestCompare_BHJudgesTheFeaturesOfAHopTogether(t *testing.T) {
	t.Parallel()
	f, m, in, w := togetherWorld(t, 0.8, 0.76, 0.76, 0.76, 0.78, 0.8, 0.8, 0.85, 0.9, 0)
	p := wire.DefaultPolicy()
	p.Ignore = []string{"a"}
	alone, err := f.concluded(m, in, w, p)
	if err != nil {
		t.Fatal(err)
	}
	p.Multiplicity = drift.ByBH
	together, err := f.concluded(m, in, w, p)
	if err != nil {
		t.Fatal(err)
	}
	if together.score.Drifted <= alone.score.Drifted {
		t.Errorf("together %v, each alone %v: want more", verdicts(together.results), verdicts(alone.results))
	}
	if a, b := alone.results[0], together.results[0]; a.Verdict != b.Verdict || a.Alpha != b.Alpha || a.PSILower != b.PSILower {
		t.Errorf("an ignored feature was judged with the others: %s at %g, alone %s at %g", b.Verdict, b.Alpha, a.Verdict, a.Alpha)
	}
	if r := together.results[9]; r.Verdict != drift.Stable {
		t.Errorf("a feature that did not move is %s", r.Verdict)
	}
	if *together.score.Alpha <= *alone.score.Alpha || *together.score.Alpha > drift.Nano(drift.MaxAlpha) {
		t.Errorf("level %d, alone %d", *together.score.Alpha, *alone.score.Alpha)
	}
	var d wire.EventData
	together.origin(&d)
	if d.Multiplicity != "bh" || d.FalseAlarms != 1 || math.Abs(d.Alpha-drift.FromNano(*together.score.Alpha)) > 5e-3*d.Alpha || d.HopMS <= 0 {
		t.Errorf("origin %+v", d)
	}
	p.Rule = drift.RuleClassic
	classic, err := f.concluded(m, in, w, p)
	if err != nil {
		t.Fatal(err)
	}
	if classic.score.Alpha != nil || classic.results[1].Rule != drift.RuleClassic {
		t.Errorf("the classic rule has a level: %+v", classic.score)
	}
}

func TestCompare_TheShareByImportanceDecidesOnlyWhereItIsAskedFor(t *testing.T) {
	t.Parallel()
	f, m, in, w := togetherWorld(t, 2, 0, 0, 0)
	p := wire.DefaultPolicy()
	plain, err := f.concluded(m, in, w, p)
	if err != nil {
		t.Fatal(err)
	}
	if plain.score.ShareImportance != nil {
		t.Error("a share by importance without weights")
	}
	p.Importance = map[string]float64{"a": 6, "b": 2, "c": 2, "not there": 100}
	beside, err := f.concluded(m, in, w, p)
	if err != nil {
		t.Fatal(err)
	}
	if x := beside.score.ShareImportance; x == nil || *x != 600_000_000 || beside.score.Drifted != 1 || beside.score.Judged != 4 {
		t.Fatalf("share %v beside %d of %d, want 0.6 beside 1 of 4", x, beside.score.Drifted, beside.score.Judged)
	}
	share := func(j *judgement) drift.Evidence {
		ev := drift.Evidence{Drifted: j.score.Drifted, Judged: j.score.Judged, All: j.score.All, Valid: true}
		j.weight(&ev)
		return ev
	}
	if ev := share(beside); ev.Share() != 0.25 || !ev.Valid {
		t.Errorf("share %g decides, want the plain one, 0.25", ev.Share())
	}
	p.ShareBy = wire.ByImportance
	decides, err := f.concluded(m, in, w, p)
	if err != nil {
		t.Fatal(err)
	}
	if ev := share(decides); ev.Share() != 0.6 || !ev.Valid {
		t.Errorf("share %g decides, want that by importance, 0.6", ev.Share())
	}
	p.Importance = map[string]float64{"not there": 1}
	none, err := f.concluded(m, in, w, p)
	if err != nil {
		t.Fatal(err)
	}
	if ev := share(none); ev.Valid {
		t.Error("a hop in which nothing that weighs something was judged counts as valid")
	}
}

// What is kept for reading: briefs on alarm hops only, distances always, and neither in an
// event beyond the parts of the range.
func TestCompare_KeepsWhatPeopleRead(t *testing.T) {
	t.Parallel()
	f, m, in, w := togetherWorld(t, 1.5, 0)
	j, err := f.concluded(m, in, w, wire.DefaultPolicy())
	if err != nil {
		t.Fatal(err)
	}
	if !j.isHop {
		t.Fatal("no alarm hop: nothing is compared")
	}
	s := j.score.Features[0]
	b, err := sketches.DecodeBrief(s.Brief)
	if err != nil {
		t.Fatal(err)
	}
	d, err := drift.Describe(&in.ref.Counts.Grid.Features[0], &in.ref.Counts.Features[0], b)
	if err != nil {
		t.Fatal(err)
	}
	if d.Window.N != 1500 || math.Abs(d.Window.Mean-1.5) > 0.15 || !(d.PSI10 > 1) {
		t.Errorf("description %+v", d)
	}
	if s.W1 == nil || math.Abs(drift.FromNano(*s.W1)-1.5) > 0.15 || *s.W1Low > *s.W1 || *s.W1High < *s.W1 {
		t.Errorf("Wasserstein distance %v, want about 1.5 standard deviations", s.W1)
	}
	if s.Bins < 9 || s.Blocks != 24 || s.Dependence != "reference blocks" {
		t.Errorf("%d bins, %d of %q", s.Bins, s.Blocks, s.Dependence)
	}
	top := j.top()
	if len(top) != 2 || top[0].Brief != nil || len(top[0].Top) == 0 || len(top[1].Top) == 0 {
		t.Errorf("top %+v", top)
	}
	w.endMS += togetherHour / 60
	between, err := f.concluded(m, in, w, wire.DefaultPolicy())
	if err != nil {
		t.Fatal(err)
	}
	if between.isHop || between.score.Features[0].Brief != nil || between.score.Features[0].W1 == nil {
		t.Errorf("between two hops: %+v", between.score.Features[0])
	}
	if !slices.ContainsFunc(j.score.Features, func(s wire.FeatureScore) bool { return s.Verdict == "drifted" }) {
		t.Errorf("verdicts %v", verdicts(j.results))
	}
}

// With BH, features that fire an alarm all the same are among those the level of the hop
// is spread over: judged beside them they would have it a second time.
func TestCompare_BHCountsCriticalFeaturesThatTheShareLeavesOut(t *testing.T) {
	t.Parallel()
	f, m, in, w := togetherWorld(t, 0.9, 0, 0, 0, 0)
	p := wire.DefaultPolicy()
	p.Multiplicity, p.Ignore, p.Critical = drift.ByBH, []string{"a"}, []string{"a"}
	j, err := f.concluded(m, in, w, p)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := j.results[0].Alpha, j.results[1].Alpha; a != b {
		t.Errorf("the critical feature was judged at a level of %g, the others at %g", a, b)
	}
	if j.score.All != 4 {
		t.Errorf("%d features in the share, want 4", j.score.All)
	}
}
