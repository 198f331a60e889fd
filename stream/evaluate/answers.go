package evaluate

import (
	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/drift/performance"
	"github.com/driftline/driftline/stream/wire"
)

// Answers: the scores and predicted classes of one version, compared with what the same
// version answered for the rows of the reference. They are two features more, with figures,
// verdicts and an alarm of their own in the scores of that version. Another version's answers
// are counted and shown: that a new version answers differently is no drift.

// answer makes the reference's answers ready.
func (in *installed) answer() {
	a := in.ref.Answers
	if a == nil {
		return
	}
	whole := *in
	in.answers = &installed{
		pane: in.pane, id: in.id, hex: in.hex, grid: in.grid, cache: map[int64]judges{}, of: &whole,
		ref: wire.Reference{
			Model: in.ref.Model, Version: a.Version, Kind: in.ref.Kind, FromMS: in.ref.FromMS, ToMS: in.ref.ToMS, Counts: a.Counts, Blocks: a.Blocks,
		},
	}
	whole.answers = in.answers
	for _, p := range in.parts { // they share the budget
		p.of.answers = in.answers
	}
}

// alarmsAnswers reports whether an alarm on answers steps under a policy.
func (in *installed) alarmsAnswers(p wire.Policy) bool {
	return in.answers != nil && p.Predictions == ""
}

// compareAnswers compares the answers of the reference's version and returns the scores of
// the other versions as they are. At an alarm hop that version has a score without rows too,
// for its alarm steps; nil where nothing is compared.
func (f *Fold) compareAnswers(m *model, in *installed, whole *judgement, scores []wire.Score) (j *judgement, others []wire.Score) {
	if in.answers == nil || whole.policy.Predictions == wire.PredictionsOff {
		return nil, scores
	}
	version, w := in.answers.ref.Version, *whole.window
	j = &judgement{window: &w, policy: whole.policy, in: in.answers, against: in.answers.standing(), cfg: whole.cfg, isHop: whole.isHop, answers: true}
	// What a policy says of features by name is said of inputs.
	j.policy.Ignore, j.policy.Critical, j.policy.Importance, j.policy.ShareBy = nil, nil, nil, ""
	found := false
	for _, s := range scores {
		if s.Version == version {
			j.score, found = s, true
			continue
		}
		others = append(others, s)
	}
	if !found && !whole.isHop {
		return nil, others
	}
	if !found {
		covered, expected := w.coverageShare()
		j.score = wire.Score{Model: m.name, Version: version, WindowMS: w.lengthMS, EndMS: w.endMS, State: wire.StateEmpty, Covered: covered, Expected: expected, Provisional: w.provisional}
	}
	j.against.say(&j.score)
	w.counts, w.filled, w.half, w.full = nil, 1, true, true // answers are counted since the model is watched
	if f.started {
		w.fill(f.first, f.cfg.Layout.PaneMS)
	}
	if e := w.sum.entries[key{version: version}]; e != nil && e.scores != nil {
		w.counts = performance.AnswersCounts(in.answers.ref.Counts.Grid, e.scores)
	}
	j.measure(w.countsOn(in.answers), f.judgesOf(m, j))
	return j, others
}

// stepAnswers steps the alarm on a version's answers, where the policy has one.
func (f *Fold) stepAnswers(m *model, j *judgement, qualityOpen bool, out *output) {
	if !j.in.of.alarmsAnswers(j.policy) {
		return
	}
	k := alarmKey{j.in.ref.Version, j.policy.Name, wire.KindOfPrediction, j.window.lengthMS, j.against.id}
	a := f.alarm(m, k)
	ev := drift.Evidence{
		EndMS: j.window.endMS, Drifted: j.score.Drifted, Judged: j.score.Judged, All: j.score.All, Full: j.window.full, QualityOpen: qualityOpen,
		Valid: j.cfg.IsValid(j.window.coverage(), j.score.Rows, j.score.Judged, j.score.All, j.window.filled),
	}
	ev.QuietMS = m.quietFor(j, a, ev.Valid)
	var events []drift.AlarmEvent
	a.state, events = drift.Step(j.cfg, a.state, ev)
	data := f.evidence(m, k, j)
	j.origin(&data)
	data.QualityOpen = qualityOpen
	if len(events) > 0 {
		data.Top = j.top()
	}
	f.emit(m, k, j.cfg, events, data, out)
	j.note(k, a)
}
