package evaluate

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
)

// Beside the reference that a model has, its windows are compared with those that move
// along, once an alarm hop. Each has an identity of its own, and so alarms and scores of
// its own; all stand on the grid and the verdict bins of the model's reference.

// standing says which reference a window is compared with.
type standing struct {
	id           sketches.ID
	hex          string
	kind         string
	digest       string // of what a moving one holds
	fromMS, toMS int64
	rows         uint64
	segment      string // part of the traffic; "": all of it
}

// standing describes the model's own reference, or a part of it.
func (in *installed) standing() standing {
	s := standing{id: in.id, hex: in.hex, kind: in.ref.Kind, fromMS: in.ref.FromMS, toMS: in.ref.ToMS, rows: in.ref.Counts.Rows}
	if in.segment != (wire.Segment{}) {
		s.segment = in.segment.String()
	}
	return s
}

// say writes into a score what it was compared with.
func (s standing) say(score *wire.Score) {
	score.Reference, score.ReferenceKind, score.ReferenceDigest = s.hex, s.kind, s.digest
	score.ReferenceFromMS, score.ReferenceToMS, score.ReferenceRows = s.fromMS, s.toMS, s.rows
	score.Segment = s.segment
}

// made is a moving reference at the moment of one window.
type made struct {
	standing
	counts *sketches.Counts
	reason string // why it holds too little; then counts is nil
}

// stands reports whether an alarm's reference is in force at the pane.
func (f *Fold) stands(k alarmKey, in *installed, policy wire.Policy, pane int64) bool {
	if in == nil {
		return false
	}
	if k.reference == in.id {
		return true
	}
	if p := in.part(k.reference); p != nil {
		_, counted := f.counted(p, pane)
		return counted && k.kind == kindDrift
	}
	return k.kind == kindDrift && slices.ContainsFunc(policy.Moving(), func(kind string) bool { return policy.MovingID(kind, in.id) == k.reference })
}

// beside compares a window with the moving references of its model.
func (f *Fold) beside(m *model, in *installed, fixed *judgement, policy wire.Policy) ([]*judgement, error) {
	if m.moving == nil || !fixed.isHop {
		return nil, nil
	}
	var out []*judgement
	for _, kind := range policy.Moving() {
		ref, err := f.make(m, in, kind, fixed.window, policy)
		if err != nil {
			return nil, fmt.Errorf("%s reference: %w", kind, err)
		}
		ref.id = policy.MovingID(kind, in.id)
		ref.hex, ref.kind = ref.id.String(), kind
		j := &judgement{window: fixed.window, policy: policy.Against(kind), in: in, cfg: fixed.cfg, isHop: true, against: ref.standing}
		w := fixed.window
		covered, expected := w.coverageShare()
		j.score = wire.Score{
			Model: m.name, Version: wire.AnyVersion, WindowMS: w.lengthMS, EndMS: w.endMS, State: wire.StateJudged,
			Rows: fixed.score.Rows, Covered: covered, Expected: expected, Reason: ref.reason,
		}
		ref.say(&j.score)
		switch {
		case ref.reason != "":
			j.score.State = wire.StateLearning
		case w.counts == nil || w.counts.Rows == 0:
			j.score.State = wire.StateEmpty
		}
		if ref.reason == "" {
			j.measure(w.countsOn(in), in.movingJudges(m, ref, j, f.cfg.Layout.WindowsMS, &f.scratch))
			judgeTogether(j)
			j.conclude()
		}
		out = append(out, j)
	}
	return out, nil
}

// movingJudges compares with a moving reference: on the verdict bins of the model's own,
// and with what is known there of how records hang together. It holds on both sides, since
// both are the same stream.
func (in *installed) movingJudges(m *model, ref made, j *judgement, windows []int64, scratch *drift.Scratch) []*drift.Judger {
	deps, _ := in.dependence(m, j.window.lengthMS, windows)
	s := settings(j.policy, len(deps), j.cfg.HopMS, in.warnsEarly(j.policy))
	of := make([]*drift.Judger, len(deps))
	for i := range deps {
		of[i] = drift.NewJudgerOn(&in.ref.Counts.Grid.Features[i], &in.ref.Counts.Features[i], &ref.counts.Features[i], deps[i].OnBothSides(), s, scratch)
	}
	return of
}

func (f *Fold) make(m *model, in *installed, kind string, w *window, policy wire.Policy) (made, error) {
	if kind == wire.KindSeasonal {
		return f.seasonal(m, in, w, policy)
	}
	return f.trailing(m, in, w, policy)
}

// enters reports whether a slot may be part of a moving reference: on the grid, kept, not
// taken out by alarm or gap, not excluded.
func (f *Fold) enters(m *model, in *installed, x wire.Exclusions, slot int64) bool {
	l := f.cfg.Layout
	start := slot * l.SlotMS()
	return slot*l.SlotPanes >= in.grid.FromPane && m.moving.state.Has(slot) && !x.Covers(start, start+l.SlotMS())
}

// summed is a sum over slots that is kept from one time to the next.
type summed struct {
	grid   sketches.ID
	in     map[int64]bool
	counts *sketches.Counts
}

// trailing sums the span [end − gap − length, end − gap).
func (f *Fold) trailing(m *model, in *installed, w *window, policy wire.Policy) (ref made, err error) {
	l, t := f.cfg.Layout, policy.Trailing
	next := floorDiv(w.endMS-t.GapMS, l.SlotMS()) // the first slot after the span
	n := t.LengthMS / l.SlotMS()
	x := m.exclusions(w.pane)
	want := map[int64]bool{}
	for slot := next - n; slot < next; slot++ {
		if f.enters(m, in, x, slot) {
			want[slot] = true
		}
	}
	ref.fromMS, ref.toMS = (next-n)*l.SlotMS(), next*l.SlotMS()
	if have := float64(len(want)); have == 0 || have < policy.WarmUp*float64(n) {
		ref.reason = fmt.Sprintf("%.3g %% of the span may be used, at least %.3g %% are needed", 100*have/float64(n), 100*policy.WarmUp)
		return ref, nil
	}
	sum, err := m.moving.sumOver(in.ref.Counts.Grid, want)
	if err != nil {
		return ref, err
	}
	ref.fill(sum.Clone(), policy)
	return ref, nil
}

// fill sets the counts of a reference, or why they are too few. Extremes are not known of
// all sums, and so of none.
func (r *made) fill(c *sketches.Counts, policy wire.Policy) {
	r.rows = c.Rows
	if c.Rows == 0 || c.Rows < policy.MinRows {
		r.reason = fmt.Sprintf("%d rows, at least %d are needed", c.Rows, max(1, policy.MinRows))
		return
	}
	for i := range c.Features {
		forgetRange(&c.Features[i])
	}
	r.counts = c
	r.digest = sketches.HashFields(c.EncodeRange(0, len(c.Features))).String()
}

func forgetRange(c *sketches.FeatureCounts) {
	if c.Min <= c.Max { // no values stay no values
		c.Min, c.Max = math.NaN(), math.NaN()
	}
}

// sumOver brings the sum of the last time to the slots wanted: whole numbers, so that the
// way there leaves no trace.
func (p *moving) sumOver(g *sketches.Grid, want map[int64]bool) (*sketches.Counts, error) {
	s := p.sum
	if s == nil || s.grid != g.ID() {
		s = &summed{grid: g.ID(), in: map[int64]bool{}, counts: sketches.NewCounts(g)}
	}
	p.sum = nil // where this fails the next one begins anew
	for _, slot := range slices.Sorted(maps.Keys(s.in)) {
		if want[slot] {
			continue
		}
		if p.kept[slot] == nil {
			if slot < p.state.Since { // let go of before it was taken off
				return p.sumAnew(g, want)
			}
			continue // no rows came
		}
		c, err := p.on(g, slot)
		if err == nil {
			err = s.counts.Subtract(c)
		}
		if err != nil {
			return nil, err
		}
	}
	for _, slot := range slices.Sorted(maps.Keys(want)) {
		if s.in[slot] || p.kept[slot] == nil {
			continue
		}
		c, err := p.on(g, slot)
		if err == nil {
			err = s.counts.Merge(c)
		}
		if err != nil {
			return nil, err
		}
	}
	s.in, p.sum = want, s
	return s.counts, nil
}

func (p *moving) sumAnew(g *sketches.Grid, want map[int64]bool) (*sketches.Counts, error) {
	p.sum = nil
	return p.sumOver(g, want)
}
