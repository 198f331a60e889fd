package evaluate

import (
	"testing"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/drift/generate"
	"github.com/driftline/driftline/drift/performance"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
)

// answersOf are scores spread evenly up to top, each with the class that it calls for.
func answersOf(t *testing.T, rows int, top float64) *sketches.ScoreCounts {
	t.Helper()
	draws := generate.NewSequence(5, 2)
	s, err := sketches.NewScoreCounts(wire.DefaultClasses)
	if err != nil {
		t.Fatal(err)
	}
	for range rows {
		x, class := draws.Uniform()*top, "0"
		if x >= 0.5 {
			class = "1"
		}
		s.Add(x, true, class)
	}
	return s
}

// answering gives the world's reference answers of version 3, with 24 blocks of 500, and its
// window those of a version.
func answering(t *testing.T, version string, top float64) (*Fold, *model, *installed, *window) {
	t.Helper()
	f, m, in, w := togetherWorld(t, 0, 0)
	ref, err := wire.NewAnswers("3", answersOf(t, 12_000, 1))
	if err != nil {
		t.Fatal(err)
	}
	g := ref.Counts.Grid
	bins := make([]int, len(g.Features))
	for i := range bins {
		_, bins[i] = g.Features[i].VerdictBins(&ref.Counts.Features[i])
	}
	b, err := sketches.NewBlocks(w.lengthMS, bins)
	if err != nil {
		t.Fatal(err)
	}
	for range 24 {
		c := performance.AnswersCounts(g, answersOf(t, 500, 1))
		binned := make([][]uint64, len(bins))
		for i := range bins {
			toBin, n := g.Features[i].VerdictBins(&ref.Counts.Features[i])
			binned[i] = make([]uint64, n)
			for cell, k := range c.Features[i].Cells {
				binned[i][toBin[cell]] += k
			}
		}
		if err := b.AddBlock(binned); err != nil {
			t.Fatal(err)
		}
	}
	ref.Blocks = []*sketches.Blocks{b}
	in.ref.Answers, in.id = ref, sketches.HashFields([]byte("r"))
	in.answer()
	e := w.sum.entry(key{version: version})
	e.rows, e.scores = 1500, answersOf(t, 1500, top)
	return f, m, in, w
}

func (f *Fold) answersOf(t *testing.T, m *model, in *installed, w *window, p wire.Policy) (whole, answers *judgement, others []wire.Score) {
	t.Helper()
	whole, err := f.compare(m, in, w, p)
	if err != nil {
		t.Fatal(err)
	}
	answers, others = f.compareAnswers(m, in, whole, m.predictions(in, w))
	f.apart(m, in, whole, answers)
	return whole, answers, others
}

// The answers of the reference's version are compared, with a share of the budget and an
// alarm of their own.
func TestAnswers_OfTheReferencesVersionAreCompared(t *testing.T) {
	t.Parallel()
	p := wire.DefaultPolicy()
	p.FireAfter = 0
	for _, c := range []struct {
		top  float64
		want drift.Verdict
	}{{1, drift.Stable}, {0.5, drift.Drifted}} {
		f, m, in, w := answering(t, "3", c.top)
		whole, j, others := f.answersOf(t, m, in, w, p)
		if j == nil || len(others) > 0 || len(j.results) != 2 {
			t.Fatalf("up to %g: %v, %d other scores", c.top, j, len(others))
		}
		s := j.score
		if s.Version != "3" || s.Reference != in.hex || s.State != wire.StateJudged || s.Predictions == nil || s.Predictions.PSI == nil {
			t.Errorf("up to %g: score %+v", c.top, s)
		}
		for _, r := range j.results {
			if r.Verdict != c.want || r.Dependence != drift.FromBlocks {
				t.Errorf("up to %g: %s is %s on %s, PSI %.3f", c.top, r.Name, r.Verdict, r.Dependence, r.PSI)
			}
		}
		want := drift.BudgetAlpha(p.WindowAlarms(false), 4, 1, 1, whole.cfg.HopMS)
		if whole.results[0].Alpha != want || j.results[0].Alpha != want {
			t.Errorf("two features decide at %g, two kinds of answers at %g, want %g for each of four", whole.results[0].Alpha, j.results[0].Alpha, want)
		}
		j.window.filled, j.window.full, j.window.half, j.window.covered, j.window.cover = 1, true, true, true, wire.Coverage{Covered: 1, Expected: 1}
		var out output
		f.stepAnswers(m, j, false, &out)
		events := eventsOf(t, &out)
		if c.want == drift.Stable {
			if len(events) > 0 {
				t.Errorf("stable answers raise %+v", events)
			}
			continue
		}
		if len(events) != 1 || events[0].Type != "dev.driftline.prediction.detected.v1" || events[0].ModelVersion != "3" || events[0].Data.MayRetrain || len(events[0].Data.Top) != 2 {
			t.Fatalf("events %+v, want a drift of predictions", events)
		}
		m.refs = []installed{*in}
		if f.supersede(m, in, w.pane, p, &out); len(m.alarms) != 1 {
			t.Fatal("the alarm does not stand")
		}
		off := p
		off.Predictions = wire.PredictionsScore
		out = output{}
		if f.supersede(m, in, w.pane, off, &out); len(m.alarms) != 0 || len(eventsOf(t, &out)) != 1 {
			t.Error("an alarm that no policy steps any more stands")
		}
	}
}

// Another version's answers are shown as they are; the reference's version steps its alarm
// without rows too.
func TestAnswers_OfOtherVersionsAreNotCompared(t *testing.T) {
	t.Parallel()
	f, m, in, w := answering(t, "4", 0.5)
	_, j, others := f.answersOf(t, m, in, w, wire.DefaultPolicy())
	if len(others) != 1 || others[0].Version != "4" || others[0].Features != nil || others[0].Predictions == nil {
		t.Errorf("other versions' scores: %+v", others)
	}
	if j == nil || j.score.State != wire.StateEmpty || j.score.Version != "3" || j.score.Rows != 0 || j.score.Judged != 0 {
		t.Errorf("the reference's version: %+v", j)
	}
	p := wire.DefaultPolicy()
	p.Predictions = wire.PredictionsOff
	whole, j, others := f.answersOf(t, m, in, w, p)
	if j != nil || len(others) != 1 {
		t.Errorf("switched off, %v is compared", j)
	}
	if want := drift.BudgetAlpha(p.WindowAlarms(false), 2, 1, 1, whole.cfg.HopMS); whole.results[0].Alpha != want {
		t.Errorf("switched off, features decide at %g, want all of the budget, %g", whole.results[0].Alpha, want)
	}
}

// Without blocks it is not known how answers hang together, and nothing is claimed.
func TestAnswers_WithoutBlocksNothingIsClaimed(t *testing.T) {
	t.Parallel()
	f, m, in, w := answering(t, "3", 0.5)
	in.answers.ref.Blocks = nil
	_, j, _ := f.answersOf(t, m, in, w, wire.DefaultPolicy())
	for _, r := range j.results {
		if r.Verdict == drift.Drifted || r.Dependence != drift.LearningLive {
			t.Errorf("%s is %s on %s", r.Name, r.Verdict, r.Dependence)
		}
	}
	p := wire.DefaultPolicy()
	p.Ignore, p.Critical = []string{"score"}, []string{"prediction"}
	in.answers.cache = map[int64]judges{}
	if _, j, _ = f.answersOf(t, m, in, w, p); j.score.All != 2 || j.critical {
		t.Errorf("what is said of inputs by name touches answers: %d of 2, critical %v", j.score.All, j.critical)
	}
}
