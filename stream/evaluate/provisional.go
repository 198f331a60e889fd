package evaluate

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/wire"
)

// behindMS is how far the slowest source may be behind the fastest, in event time,
// before scores are made without it.
const behindMS = 15 * 60_000

// Behind reports whether a source is so far behind the others that windows are judged
// without it, provisionally.
func (f *Fold) Behind() bool {
	slowest, fastest, ok := f.table.spread()
	return ok && f.started && fastest-slowest > max(behindMS, 2*f.cfg.Layout.PaneMS)
}

// Provisional returns scores of the newest windows that can be judged without the
// sources that are behind; none if there is nothing new to say. They say so, and
// carry the coverage they have. They reach as far as the panes that are held merged,
// and touch neither rings nor alarms nor what is learnt: the final score of the same
// window takes their place.
func (f *Fold) Provisional() ([]log.Record, error) {
	if !f.Behind() || len(f.queue) > 0 || f.until >= 0 {
		return nil, nil // what is final comes first
	}
	newest := f.newestAhead()
	if newest == f.provisional {
		return nil, nil
	}
	f.provisional = newest
	names := map[string]bool{}
	for name := range f.models {
		names[name] = true
	}
	for p := f.next + 1; p <= newest; p++ {
		if w := f.pending[p]; w != nil {
			for name := range w.merged {
				names[name] = true
			}
		}
	}
	var out output
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if err := f.judgeAhead(name, newest, &out); err != nil {
			return nil, fmt.Errorf("model %q ahead of %d: %w", name, f.end(f.next), err)
		}
	}
	return out.scores, nil
}

// newestAhead returns the newest pane up to which the fastest source has come and all
// panes are held merged.
func (f *Fold) newestAhead() int64 {
	_, fastest, _ := f.table.spread()
	newest := f.next
	for p := f.next + 1; f.end(p) <= fastest; p++ {
		if w := f.pending[p]; w != nil && w.merged == nil {
			break
		}
		newest = p
	}
	return newest
}

// judgeAhead writes, per window length, the score of the last window that ends with
// one of the panes up to newest.
func (f *Fold) judgeAhead(name string, newest int64, out *output) error {
	m := f.models[name]
	if m == nil {
		m = newModel(name) // unknown to the rings until its first pane is final
	}
	for _, length := range f.cfg.Layout.WindowsMS {
		hop := f.cfg.Layout.Hop(length) / f.cfg.Layout.PaneMS
		pane := newest - mod(newest+1, hop)
		policy := m.policy(pane, f.cfg.Policy)
		if pane <= f.next || !watches(policy, length) {
			continue
		}
		w, err := f.windowOf(m, pane, length, func(ring int, number int64) (*cell, wire.Coverage, error) { return f.lookAhead(m, ring, number, pane) })
		if err != nil {
			return err
		}
		w.provisional = true
		in := m.reference(pane)
		answers := m.predictions(in, w)
		if in == nil {
			f.tell(m, answers, out)
			if s, ok := m.learning(w); ok {
				out.scores = append(out.scores, f.output(f.cfg.Topics.Scores, name, s.Encode()))
			}
			continue
		}
		j, err := f.compare(m, in, w, policy)
		if err != nil {
			return err
		}
		a, others := f.compareAnswers(m, in, j, answers)
		f.tell(m, others, out)
		for _, x := range append([]*judgement{j}, f.apart(m, in, j, a)...) {
			if x.score.Rows > 0 {
				out.scores = append(out.scores, f.output(f.cfg.Topics.Scores, m.name, x.score.Encode()))
			}
		}
	}
	return nil
}

// lookAhead looks a pane or slot up in the rings, and beyond what is final among the
// panes that are pending.
func (f *Fold) lookAhead(m *model, ring int, number, last int64) (*cell, wire.Coverage, error) {
	if ring == 0 && number <= f.next || ring == 1 && number < f.slotOf(f.next+1) {
		c, cover := f.stored(m, ring, number)
		return c, cover, nil
	}
	if ring == 0 {
		covered, expected := f.table.coverage(number, f.view.CollectSince(number))
		w := f.pending[number]
		if w == nil {
			return nil, wire.Coverage{Covered: covered, Expected: expected}, nil
		}
		if w.torn {
			covered = 0
		}
		return w.merged[m.name], wire.Coverage{Covered: covered, Expected: expected}, nil
	}
	var sum *cell
	var cover wire.Coverage
	for p := number * f.cfg.Layout.SlotPanes; p <= min(last, (number+1)*f.cfg.Layout.SlotPanes-1); p++ {
		c, one, err := f.lookAhead(m, 0, p, last)
		if err != nil {
			return nil, cover, err
		}
		cover.Covered += one.Covered
		cover.Expected += one.Expected
		if c == nil {
			continue
		}
		if sum == nil {
			sum = newCell()
		}
		if err := sum.merge(c); err != nil {
			return nil, cover, fmt.Errorf("slot %d: %w", number, err)
		}
	}
	return sum, cover, nil
}

// spread returns how far the slowest and the fastest source have come; ok is false
// while nothing is known of one of them.
func (t *table) spread() (slowest, fastest int64, ok bool) {
	sources, ok := t.sources()
	if !ok {
		return 0, 0, false
	}
	slowest, fastest = math.MaxInt64, math.MinInt64
	for _, s := range sources {
		reached := int64(math.MinInt64)
		if r := t.rows[s]; r != nil {
			for _, c := range r.claims {
				reached = max(reached, c.UptoMS)
			}
		}
		if reached == math.MinInt64 {
			return 0, 0, false
		}
		slowest, fastest = min(slowest, reached), max(fastest, reached)
	}
	return slowest, fastest, true
}
