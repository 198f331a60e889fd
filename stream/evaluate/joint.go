package evaluate

import (
	"errors"
	"fmt"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/drift/multivariate"
	"github.com/driftline/driftline/drift/sequential"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/sketches/joint"
	"github.com/driftline/driftline/stream/wire"
)

// All features together: what sources added up per pane is merged in the rings beside the
// counts, and each window is held against the reference's sums under the law that the
// reference carries. The law knows no time, so that there is no state beside the sums: a
// load and a replay from the middle say what live operation said.

// decodeJoint reads the joint sums of a partial or slot. Those of another embedding than
// the grid's are passed over: nothing can be compared with them.
func decodeJoint(g wire.ActiveGrid, raw []byte) (*joint.Sums, error) {
	if len(raw) == 0 || g.Joint == nil {
		return nil, nil
	}
	s, err := joint.DecodeSums(g.Joint, raw)
	if errors.Is(err, sketches.ErrGridMismatch) {
		return nil, nil
	}
	return s, err
}

// addJoint adds joint sums, of which it keeps the first unless they are another's.
func (e *entry) addJoint(s *joint.Sums, others bool) error {
	switch {
	case s == nil:
		return nil
	case e.joint != nil:
		return e.joint.Merge(s)
	case others:
		s = s.Clone()
	}
	e.joint = s
	return nil
}

// jointOf encodes the joint sums for a chunk: they stand in the first one.
func (e *entry) jointOf(chunk int) []byte {
	if e.joint == nil || chunk > 0 {
		return nil
	}
	return e.joint.Encode()
}

// joint returns the joint sums on one grid, or nil.
func (c *cell) joint(g sketches.ID) *joint.Sums {
	if e := c.entries[key{grid: g}]; e != nil {
		return e.joint
	}
	return nil
}

// prepareJoint reads the reference's side once.
func (in *installed) prepareJoint() (err error) {
	if in.ref.Joint == nil {
		return nil
	}
	if in.together, err = multivariate.NewReference(in.ref.Joint.Sums); err != nil {
		return fmt.Errorf("joint part of the reference of model %q: %w", in.ref.Model, err)
	}
	return nil
}

// alarmsJoint reports whether an alarm on all features together steps under a policy.
func (in *installed) alarmsJoint(p wire.Policy) bool {
	return in.together != nil && p.Joint == wire.JointAlarm
}

// How much a verdict names of what drifted.
const (
	jointFeatures = 5
	jointPairs    = 5
)

// judgeJoint compares a window with the reference in all features together; rows are
// those of the window's counts. nil: it is not done for this model.
func (in *installed) judgeJoint(w *window, rows uint64, p wire.Policy) (*wire.JointVerdict, error) {
	if in.together == nil || p.Joint == wire.JointOff {
		return nil, nil
	}
	ref := in.ref.Joint.Sums
	cur := w.sum.joint(in.ref.Counts.Grid.ID())
	v := &wire.JointVerdict{Verdict: drift.Insufficient.String(), N: ref.Rows}
	if cur == nil {
		cur = joint.NewSums(ref.Embedding)
	}
	v.M = cur.Rows
	law, known := in.ref.Joint.Of(w.lengthMS)
	switch {
	case cur.Embedding.ID() != ref.Embedding.ID():
		v.M, v.Reason = 0, "the reference was made for other joint sums than those that are added up"
		return v, nil
	case cur.Rows != rows:
		v.Reason = fmt.Sprintf("joint sums hold %d of the window's %d rows: they began later", cur.Rows, rows)
		return v, nil
	case !known:
		v.Reason = "the reference has no law for windows of this length"
	case law.Law == nil:
		v.Reason = law.Why
	}
	if v.Reason == "" {
		return v, in.jointVerdict(v, law, cur)
	}
	if cur.Rows >= 2 {
		x, err := multivariate.Distance(ref, cur)
		v.Distance = nano(x)
		return v, err
	}
	return v, nil
}

// jointVerdict judges by a law.
func (in *installed) jointVerdict(v *wire.JointVerdict, law wire.JointLaw, cur *joint.Sums) error {
	r, err := multivariate.Judge(in.together, law.Law, 0, []*joint.Sums{cur})
	if err != nil {
		return err
	}
	v.Verdict, v.Reason = r.Verdict.String(), r.Reason
	v.Distance, v.Limit, v.FalseAlarms = nano(r.Distance), nano(r.Limit), nano(sequential.PerMonth(r.Target, law.StepMS))
	if r.Verdict == drift.Insufficient {
		return nil
	}
	v.Score, v.Path = nano(r.Score), r.Path.Statistic.String()
	for _, p := range r.Paths {
		v.Parts = append(v.Parts, wire.JointPart{Name: p.Statistic.String(), Value: nano(p.Value), Score: nano(p.Score)})
	}
	if r.Verdict == drift.Drifted {
		return in.blame(v, r.Blames, cur)
	}
	return nil
}

// blame names what changed most.
func (in *installed) blame(v *wire.JointVerdict, blames []multivariate.Blame, cur *joint.Sums) error {
	features := in.ref.Counts.Grid.Features
	for _, b := range blames[:min(jointFeatures, len(blames))] {
		f := wire.JointFeature{Name: features[b.Feature].Name, Shift: nano(b.Shift), Spread: nano(b.Spread), Witness: nano(b.Witness)}
		if b.Other >= 0 {
			f.Pair = nano(b.Pair)
		}
		v.Features = append(v.Features, f)
	}
	pairs, err := in.together.Pairs(cur, jointPairs)
	if errors.Is(err, multivariate.ErrTooFew) {
		return nil
	}
	for _, p := range pairs {
		v.Pairs = append(v.Pairs, wire.JointPair{A: features[p.A].Name, B: features[p.B].Name, Ref: nano(p.Ref), Cur: nano(p.Cur), Change: nano(p.Change)})
	}
	return err
}

// stepJoint steps the alarm on all features together, where the policy has one: the same
// machine as of the features one by one, of which one of one is drifted or none.
func (f *Fold) stepJoint(m *model, j *judgement, qualityOpen bool, out *output) {
	if !j.in.alarmsJoint(j.policy) || j.score.Joint == nil {
		return
	}
	v := j.score.Joint
	k := alarmKey{wire.AnyVersion, j.policy.Name, wire.KindOfJoint, j.window.lengthMS, j.against.id}
	a := f.alarm(m, k)
	drifted, judged := 0, 0
	if v.Verdict != drift.Insufficient.String() {
		judged = 1
	}
	if v.Verdict == drift.Drifted.String() {
		drifted = 1
	}
	cfg := j.cfg
	cfg.Steps = nil // there is no share that could grow
	valid := cfg.IsValid(j.window.coverage(), v.M, judged, 1, j.window.filled)
	var events []drift.AlarmEvent
	a.state, events = drift.Step(cfg, a.state, drift.Evidence{
		EndMS: j.window.endMS, QuietMS: m.quietMS(j, valid), Drifted: drifted, Judged: judged, All: 1, Full: j.window.full, QualityOpen: qualityOpen, Valid: valid,
	})
	data := f.evidence(m, k, j)
	data.Rule, data.QualityOpen = "all features together", qualityOpen
	data.Drifted, data.Judged, data.All = drifted, judged, 1
	data.Rows, data.ReferenceRows, data.Warn = v.M, v.N, 0
	data.Threshold = float64(valueOf(v.Limit)) / 1e9
	data.Detail = v.Detail()
	f.emit(m, k, cfg, events, data, out)
	j.note(k, a)
}

func valueOf(x *int64) int64 {
	if x == nil {
		return 0
	}
	return *x
}

// jointBytes is what joint sums take in a cell, jointReferenceBytes what a reference
// holds beside: its embedding is the grid's, its side in floats, pairs, laws.
func jointBytes(e *joint.Embedding) int64 {
	if e == nil {
		return 0
	}
	width, _, _, _ := e.Width()
	return int64(width)*16 + 128
}

func jointReferenceBytes(e *joint.Embedding) int64 {
	if e == nil {
		return 0
	}
	width, _, _, _ := e.Width()
	pairs := e.Dim() * (e.Dim() - 1) / 2
	return int64(width)*16 + int64(e.Waves()+2*e.Dim())*8 + int64(pairs)*32 + int64(2*len(e.Encode())) + 16<<10
}
