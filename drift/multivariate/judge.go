package multivariate

import (
	"fmt"
	"math"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/sketches/joint"
)

// PathScore is one path of a result.
type PathScore struct {
	Path
	Value float64 // of the statistic; NaN where the window has too few rows for it
	Score float64 // on the scale of a standard normal variable
}

// Result is what is said about all features of a model together in one window.
type Result struct {
	Verdict drift.Verdict
	Reason  string // why it was not judged
	N, M    uint64 // rows of the reference and of the longest window
	// Distance is the unbiased squared distance of the mean embeddings over the longest
	// window, an effect size: below 0 by chance where nothing changed.
	Distance float64
	Score    float64 // the largest of Paths
	Limit    float64 // what it is held against
	Path     Path    // whose score it is
	Target   float64 // mean number of tests up to a false alarm that Limit is for
	Paths    []PathScore
	Blames   []Blame // of the longest window, the strongest first; nil unless drifted
}

// Judge compares windows that end at the same time with their reference: one for each
// scale of the law, ascending. It is a Monitor's test without its memory, for who holds
// the sums of windows already; the limit is that of a test long after the first, of the
// law's target number target.
//
// Insufficient: the longest window has less than half of the rows that the law was learnt
// from. One with more rows counts as one of that many: statistics are brought to the
// width they have over the law's rows, for rows of one time hang together, and what the
// law has not seen must not count as evidence. The effect size is not touched.
//
// Errors: sketches.ErrGridMismatch for sums of another embedding; ErrMismatch where
// windows and scales differ in number, or for a target that the law has not.
func Judge(ref *Reference, law *Law, target int, windows []*joint.Sums) (*Result, error) {
	if target < 0 || target >= len(law.Limits) {
		return nil, fmt.Errorf("%w: target %d of %d", ErrMismatch, target, len(law.Limits))
	}
	panes, want := scalesOf(law.Paths)
	if len(windows) != len(panes) {
		return nil, fmt.Errorf("%w: %d windows for %d scales", ErrMismatch, len(windows), len(panes))
	}
	for _, w := range windows {
		if w.Embedding.ID() != ref.embedding.ID() {
			return nil, fmt.Errorf("%w: embeddings %s and %s", sketches.ErrGridMismatch, w.Embedding.ID(), ref.embedding.ID())
		}
	}
	last := windows[len(windows)-1]
	out := &Result{
		N: uint64(ref.rows), M: last.Rows, Score: math.Inf(-1), Distance: math.NaN(),
		Limit: law.Limits[target].Rest, Target: law.Limits[target].Target,
	}
	if !law.enough(last.Rows, law.longest()) || last.Rows < 2 {
		out.Reason = fmt.Sprintf("the window holds %d rows, the law was learnt from %.0f", last.Rows, law.Rows*float64(law.longest()))
		return out, nil
	}
	var err error
	if out.Distance, err = Distance(ref.sums, last); err != nil {
		return nil, err
	}
	w, zero := newWindow(ref.embedding), make([]sketches.Int128, len(last.Values))
	i := 0
	for s, sums := range windows {
		w.rows = float64(sums.Rows)
		w.between(ref.embedding, sums.Values, zero, want[s])
		got := ref.measure(w, want[s])
		shrink := ref.shrink(w.rows, law.Rows*float64(panes[s]))
		for ; i < len(law.Paths) && law.Paths[i].Panes == panes[s]; i++ {
			l := &law.Paths[i]
			value := got[l.Statistic] * shrink
			p := PathScore{Path: l.Path, Value: value, Score: l.Score(value)}
			if p.Score > out.Score {
				out.Score, out.Path = p.Score, p.Path
			}
			out.Paths = append(out.Paths, p)
		}
	}
	out.Verdict = drift.Stable
	if out.Score > out.Limit {
		out.Verdict = drift.Drifted
		if last.Rows >= leastBlame {
			if out.Blames, err = ref.Attribute(last); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// shrink is what statistics of a window of that many rows are multiplied by, so that it
// counts as one of most rows where it has more: they go with 1/(1/n + 1/m).
func (r *Reference) shrink(rows, most float64) float64 {
	if rows <= most {
		return 1
	}
	return (1/r.rows + 1/rows) / (1/r.rows + 1/most)
}
