package multivariate

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/sketches/joint"
)

// TestJudge holds the test without memory against the monitor, path by path, and looks
// at its verdicts.
func TestJudge(t *testing.T) {
	t.Parallel()
	const d, rows = 6, 20
	w := newWorld(t, d, 1500, 64, 21, normals)
	var panes []*joint.Sums // of 20 rows each
	for i := 0; i < len(w.panes); i += rows {
		p := joint.NewSums(w.space)
		for _, one := range w.panes[i : i+rows] {
			if err := p.Merge(one); err != nil {
				t.Fatal(err)
			}
		}
		panes = append(panes, p)
	}
	law, err := Calibrate(Calibration{Panes: panes, Scales: []int{2, 5}, Targets: []float64{20, 200}, Runs: 400, References: 20, Block: 2, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	ref, err := NewReference(w.all)
	if err != nil {
		t.Fatal(err)
	}
	m := NewMonitor(ref, law)
	var last []*joint.Sums
	verdict := func(draw func(rng *rand.Rand, x []float64)) (*Result, Step) {
		var s Step
		for range 5 {
			p := w.sums(w.draw(rows, draw)...)
			s, last = m.Push(p), append(last, p)
		}
		windows := []*joint.Sums{joint.NewSums(w.space), joint.NewSums(w.space)}
		for i, panes := range []int{2, 5} {
			for _, p := range last[len(last)-panes:] {
				if err := windows[i].Merge(p); err != nil {
					t.Fatal(err)
				}
			}
		}
		r, err := Judge(ref, law, 1, windows)
		if err != nil {
			t.Fatal(err)
		}
		return r, s
	}
	r, s := verdict(normals)
	if r.Verdict != drift.Stable || r.Blames != nil || r.M != 5*rows || r.N != 1500 || r.Target != 200 {
		t.Errorf("without a change: %+v", r)
	}
	if r.Score != s.Score || r.Path != s.Path || len(r.Paths) != len(law.Paths) {
		t.Errorf("largest score %g of %s, the monitor has %g of %s", r.Score, r.Path, s.Score, s.Path)
	}
	for i, p := range r.Paths {
		if p.Path != law.Paths[i].Path || p.Score != m.Score(i) {
			t.Errorf("%s: score %g, the monitor has %g", p.Path, p.Score, m.Score(i))
		}
	}
	r, _ = verdict(func(rng *rand.Rand, x []float64) {
		normals(rng, x)
		x[4] += 1.2
	})
	if r.Verdict != drift.Drifted || len(r.Blames) != d || r.Blames[0].Feature != 4 || r.Distance < 0.01 {
		t.Errorf("feature 4 has moved: %+v", r)
	}
	more := joint.NewSums(w.space) // twice the window: not twice the evidence
	for range 2 {
		for _, p := range last[len(last)-5:] {
			if err := more.Merge(p); err != nil {
				t.Fatal(err)
			}
		}
	}
	whole, half := joint.NewSums(w.space), joint.NewSums(w.space)
	for i, p := range last[len(last)-5:] {
		if err := whole.Merge(p); err != nil {
			t.Fatal(err)
		}
		if i > 2 {
			if err := half.Merge(p); err != nil {
				t.Fatal(err)
			}
		}
	}
	a, errA := Judge(ref, law, 0, []*joint.Sums{half, whole})
	b, errB := Judge(ref, law, 0, []*joint.Sums{half, more})
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	for i, p := range b.Paths {
		if was := a.Paths[i]; p.Statistic == StatLocation && math.Abs(p.Value-was.Value) > 1e-9*was.Value {
			t.Errorf("%s: %g from every row twice, %g from every row", p.Path, p.Value, was.Value)
		}
	}
	few := joint.NewSums(w.space)
	r, err = Judge(ref, law, 0, []*joint.Sums{few, few})
	if err != nil || r.Verdict != drift.Insufficient || r.Reason == "" {
		t.Errorf("no rows: %+v, %v", r, err)
	}
	for name, tc := range map[string]struct {
		windows []*joint.Sums
		target  int
		want    error
	}{
		"one window":      {[]*joint.Sums{few}, 0, ErrMismatch},
		"a third target":  {[]*joint.Sums{few, few}, 2, ErrMismatch},
		"two embeddings":  {[]*joint.Sums{few, newWorld(t, 6, 50, 8, 1, normals).all}, 0, sketches.ErrGridMismatch},
		"target below 0:": {[]*joint.Sums{few, few}, -1, ErrMismatch},
	} {
		if _, err := Judge(ref, law, tc.target, tc.windows); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}
