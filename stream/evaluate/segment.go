package evaluate

import (
	"fmt"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
)

// Segments: declared parts of a model's traffic, which collect counts beside the whole.
// Each is held against the same part of the model's reference, once an alarm hop, and has
// alarms and scores of its own under an identity of its own. The decisions on segments take
// their part of the alert budget from those on the whole, so that the budget is kept.

// divide makes the parts of a reference ready.
func (in *installed) divide() {
	whole := *in // where refs stand in their list changes, what they say does not
	for _, p := range in.ref.Parts {
		id := p.Segment.ID(in.id)
		in.parts = append(in.parts, &installed{
			pane: in.pane, id: id, hex: id.String(), grid: in.grid, cache: map[int64]judges{}, of: &whole, segment: p.Segment,
			ref: wire.Reference{
				Model: in.ref.Model, Version: in.ref.Version, Kind: in.ref.Kind, FromMS: in.ref.FromMS, ToMS: in.ref.ToMS, Counts: p.Counts, Blocks: p.Blocks,
			},
		})
	}
	whole.parts = in.parts
}

// whole is the reference that this is a part of, or itself.
func (in *installed) whole() *installed {
	if in.of != nil {
		return in.of
	}
	return in
}

// bins are the counts on whose verdict bins a feature is compared: a segment's own where
// blocks that stand on them tell of dependence, else the whole's, on which what is known of
// it stands.
func (in *installed) bins(i int, windowMS int64) *sketches.FeatureCounts {
	if in.segment != (wire.Segment{}) {
		if _, ok := in.fromBlocks(i, windowMS); !ok {
			return &in.of.ref.Counts.Features[i]
		}
	}
	return &in.ref.Counts.Features[i]
}

// part returns the part of an identity, nil for none.
func (in *installed) part(id sketches.ID) *installed {
	for _, p := range in.parts {
		if p.id == id {
			return p
		}
	}
	return nil
}

// segmentOf names the segment that an alarm stands on, "" for the whole.
func (m *model) segmentOf(id sketches.ID) string {
	for i := range m.refs {
		if p := m.refs[i].part(id); p != nil {
			return p.segment.String()
		}
	}
	return ""
}

// counted returns the pane from which a segment has been counted up to the pane.
func (f *Fold) counted(part *installed, pane int64) (since int64, ok bool) {
	g, ok := f.view.Grid(part.ref.Model, part.ref.Counts.Grid.ID())
	if !ok {
		return 0, false
	}
	return g.SegmentSince(part.segment, pane)
}

// apart compares the segments of a window with their parts of the reference, where the
// whole has an alarm hop, and lets all features of all of them, and of the answers, be
// judged together.
func (f *Fold) apart(m *model, in *installed, whole, answers *judgement) (out []*judgement) {
	if answers != nil {
		out = append(out, answers)
	}
	if whole.isHop {
		for _, p := range in.parts {
			if since, ok := f.counted(p, whole.window.pane); ok {
				out = append(out, f.compareSegment(m, p, whole, since))
			}
		}
	}
	measured := make([]*judgement, 0, len(out))
	for _, j := range out {
		if j.results != nil {
			measured = append(measured, j)
		}
	}
	judgeTogether(whole, measured...)
	whole.conclude()
	for _, j := range measured {
		j.conclude()
	}
	return out
}

// compareSegment compares a segment, which has been counted since the pane.
func (f *Fold) compareSegment(m *model, part *installed, whole *judgement, since int64) *judgement {
	w := *whole.window
	w.counts = w.sum.of(part.ref.Counts.Grid.ID(), part.segment.String())
	w.fill(max(f.first, part.grid.FromPane, since), f.cfg.Layout.PaneMS)
	j := &judgement{window: &w, policy: whole.policy, in: part, against: part.standing(), cfg: whole.cfg, isHop: true}
	counts := w.countsOn(part)
	covered, expected := w.coverageShare()
	j.score = wire.Score{
		Model: m.name, Version: wire.AnyVersion, WindowMS: w.lengthMS, EndMS: w.endMS, State: wire.StateJudged,
		Rows: counts.Rows, Covered: covered, Expected: expected, Provisional: w.provisional,
	}
	j.against.say(&j.score)
	need := max(1, j.policy.MinRows)
	switch {
	case part.ref.Counts.Rows < need:
		j.score.State = wire.StateLearning
		j.score.Reason = fmt.Sprintf("the reference holds %d rows of this segment, at least %d are needed", part.ref.Counts.Rows, need)
		return j
	case counts.Rows == 0:
		j.score.State = wire.StateEmpty
	}
	j.measure(counts, f.judgesOf(m, j))
	return j
}
