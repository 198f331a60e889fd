package evaluate

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
)

// Kinds of alarm.
const (
	kindDrift   = "drift"
	kindQuality = "quality"
)

type alarmKey struct {
	version, policy, kind string
	windowMS              int64
	reference             sketches.ID
}

func (k alarmKey) compare(o alarmKey) int {
	return cmp.Or(cmp.Compare(k.version, o.version), cmp.Compare(k.policy, o.policy), cmp.Compare(k.kind, o.kind), cmp.Compare(k.windowMS, o.windowMS), slices.Compare(k.reference[:], o.reference[:]))
}

type alarm struct{ state drift.AlarmState }

func (m *model) alarmKeys() []alarmKey {
	ks := make([]alarmKey, 0, len(m.alarms))
	for k := range m.alarms {
		ks = append(ks, k)
	}
	slices.SortFunc(ks, alarmKey.compare)
	return ks
}

func (f *Fold) alarmStates(m *model) []wire.SlotAlarm {
	var out []wire.SlotAlarm
	for _, k := range m.alarmKeys() {
		a := m.alarms[k]
		out = append(out, wire.SlotAlarm{Version: k.version, Policy: k.policy, Kind: k.kind, WindowMS: k.windowMS, Reference: k.reference, State: a.state.Encode()})
	}
	if m.moving != nil {
		out = append(out, wire.SlotAlarm{Version: wire.AnyVersion, Kind: wire.KindOfMoving, State: f.movingFrame(m.moving.state)})
	}
	return out
}

func (m *model) loadAlarms(as []wire.SlotAlarm) error {
	clear(m.alarms)
	m.moving = nil
	for _, a := range as {
		if a.Kind == wire.KindOfMoving {
			s, err := wire.DecodeMovingState(a.State)
			if err != nil {
				return err
			}
			m.moving = newMoving(s)
			continue
		}
		st, err := drift.DecodeAlarmState(a.State)
		if err != nil {
			return fmt.Errorf("alarm of window %d ms: %w", a.WindowMS, err)
		}
		m.alarms[alarmKey{a.Version, a.Policy, a.Kind, a.WindowMS, a.Reference}] = &alarm{state: st}
	}
	return nil
}

// alarm returns the alarm for a key, a new one where there is none.
func (f *Fold) alarm(m *model, k alarmKey) *alarm {
	a := m.alarms[k]
	if a == nil {
		a = &alarm{}
		if f.unknown(m, drift.DefaultAlarm(k.windowMS, f.cfg.Layout.Hop(k.windowMS)).HopMS) && !(checkOf(k.kind) != "" && m.told[k.windowMS]) && !f.begun(m, k) {
			a.state = drift.UnknownAlarm()
		}
		m.alarms[k] = a
	}
	return a
}

// qualityOpen reports whether a data-quality alarm of the model is firing.
func (m *model) qualityOpen() bool {
	for k, a := range m.alarms {
		if eventKind(k.kind) == kindQuality && a.state.Phase == drift.PhaseFiring {
			return true
		}
	}
	return false
}

// supersede closes the alarms that stood on another reference, and those that no
// policy steps any more: left alone they would stay as they are for ever, and an
// open data-quality alarm would block retraining for good.
func (f *Fold) supersede(m *model, in *installed, pane int64, policy wire.Policy, out *output) (changed bool) {
	for _, k := range m.alarmKeys() {
		a := m.alarms[k]
		if f.keeps(in, policy, k, pane) {
			continue
		}
		changed = true
		cfg := f.alarmConfig(k.windowMS, policy)
		_, events := drift.Step(cfg, a.state, drift.Evidence{EndMS: f.end(pane), Superseded: true, QualityOpen: m.qualityOpen()})
		data := wire.EventData{
			Model: m.name, Version: k.version, Kind: eventKind(k.kind), Check: checkOf(k.kind), Policy: k.policy, Rule: policy.Rule, Reference: k.reference.String(), Segment: m.segmentOf(k.reference),
			WindowMS: k.windowMS, StartMS: f.end(pane) - k.windowMS, EndMS: f.end(pane), Warn: policy.Warn, Threshold: policy.Drifted, ShareFire: policy.ShareFire,
		}
		f.emit(m, k, cfg, events, data, out)
		delete(m.alarms, k)
	}
	return changed
}

// keeps reports whether an alarm belongs to what a reference and a policy ask for at the
// pane.
func (f *Fold) keeps(in *installed, policy wire.Policy, k alarmKey, pane int64) bool {
	switch {
	case !f.stands(k, in, policy, pane) || k.policy != policy.Name || !f.steps(policy, k):
		return false
	case k.kind == wire.KindOfJoint:
		return in.alarmsJoint(policy)
	case k.kind == wire.KindOfPrediction:
		return in.alarmsAnswers(policy) && in.answers.ref.Version == k.version
	}
	return true
}

// quietMS is the part of the last alarm hop in which no verdict could be expected: all
// of it while the window still fills, so that a new grid is not called stale, and where
// the model's cadence expects too little.
func (m *model) quietMS(j *judgement, valid bool) int64 {
	if valid || j.window.half && !m.pace.excused(j) {
		return 0
	}
	return j.cfg.HopMS
}

// quietFor is quietMS for an alarm against a reference that holds too little, or of a
// segment or a version, whose traffic nobody has promised: no verdict could be expected, but
// of an alarm that fires.
func (m *model) quietFor(j *judgement, a *alarm, valid bool) int64 {
	if (j.score.State == wire.StateLearning || j.in.of != nil && !valid) && a.state.Phase != drift.PhaseFiring {
		return j.cfg.HopMS
	}
	return m.quietMS(j, valid)
}

func (f *Fold) stepQuality(m *model, j *judgement, out *output) {
	k := alarmKey{wire.AnyVersion, j.policy.Name, kindQuality, j.window.lengthMS, j.against.id}
	a := f.alarm(m, k)
	n := len(j.results)
	ev := drift.Evidence{
		EndMS: j.window.endMS, Drifted: len(j.bad), Judged: n, All: n, Critical: len(j.bad) > 0, Full: j.window.full,
		Valid: j.cfg.IsValid(j.window.coverage(), j.score.Rows, n, n, j.window.filled),
	}
	ev.QuietMS = m.quietMS(j, ev.Valid)
	var events []drift.AlarmEvent
	a.state, events = drift.Step(j.cfg, a.state, ev)
	data := f.evidence(m, k, j)
	data.Drifted, data.Judged, data.All = len(j.bad), n, n
	data.BlocksRetrain = true
	data.Threshold, data.Warn = j.policy.Quality.NullRate, j.policy.Quality.NullRate
	data.Rule = "missing, out of range, unseen or wrong type"
	if len(events) > 0 {
		data.Top = j.named(j.bad)
	}
	f.emit(m, k, j.cfg, events, data, out)
	j.note(k, a)
}

// named are the scores of features as an event has them, without briefs.
func (j *judgement) named(names []string) []wire.FeatureScore {
	out := []wire.FeatureScore{}
	for i := range j.score.Features {
		if slices.Contains(names, j.score.Features[i].Name) {
			s := j.score.Features[i]
			s.Brief = nil
			out = append(out, s)
		}
	}
	return out
}

func (f *Fold) stepDrift(m *model, j *judgement, qualityOpen bool, out *output) {
	k := alarmKey{wire.AnyVersion, j.policy.Name, kindDrift, j.window.lengthMS, j.against.id}
	a := f.alarm(m, k)
	ev := drift.Evidence{
		EndMS: j.window.endMS, Drifted: j.score.Drifted, Judged: j.score.Judged, All: j.score.All, Critical: j.critical, Full: j.window.full, QualityOpen: qualityOpen,
		Valid: j.cfg.IsValid(j.window.coverage(), j.score.Rows, j.score.Judged, j.score.All, j.window.filled),
	}
	ev.QuietMS = m.quietFor(j, a, ev.Valid)
	j.weight(&ev)
	var events []drift.AlarmEvent
	a.state, events = drift.Step(j.cfg, a.state, ev)
	data := f.evidence(m, k, j)
	j.origin(&data)
	data.QualityOpen = qualityOpen
	data.MayRetrain = j.window.lengthMS >= j.policy.RetrainFromMS && !wire.Moves(j.against.kind) && j.against.segment == ""
	if len(events) > 0 {
		data.Top = j.top()
	}
	f.emit(m, k, j.cfg, events, data, out)
	j.note(k, a)
}

// note records the alarm's state in the score of its window.
func (j *judgement) note(k alarmKey, a *alarm) {
	state, err := json.Marshal(a.state)
	if err != nil {
		panic(fmt.Sprintf("alarm state: %v", err)) // numbers and words of ours
	}
	j.score.Alarms = append(j.score.Alarms, wire.AlarmAt{Policy: k.policy, Kind: k.kind, Phase: a.state.Phase.String(), Stale: a.state.Stale, State: state})
}

func (f *Fold) evidence(m *model, k alarmKey, j *judgement) wire.EventData {
	return wire.EventData{
		Model: m.name, Version: k.version, Kind: eventKind(k.kind), Check: checkOf(k.kind), Policy: k.policy, Rule: j.policy.Rule, Reference: j.against.hex,
		ReferenceKind: j.against.kind, ReferenceDigest: j.against.digest, ReferenceFromMS: j.against.fromMS, ReferenceToMS: j.against.toMS, Segment: j.against.segment,
		WindowMS: k.windowMS, StartMS: j.window.endMS - k.windowMS, EndMS: j.window.endMS,
		Rows: j.score.Rows, ReferenceRows: j.against.rows, Covered: j.score.Covered, Expected: j.score.Expected,
		Drifted: j.score.Drifted, Judged: j.score.Judged, All: j.score.All,
		Warn: j.policy.Warn, Threshold: j.policy.Drifted, ShareFire: j.policy.ShareFire,
	}
}

// topCount is how many features an event names.
const topCount = 5

// top are the features of largest PSI with what is evidence in an event: the parts of the
// range of each, also of those that nobody is warned about, and no brief.
func (j *judgement) top() []wire.FeatureScore {
	order := make([]int, len(j.score.Features))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(psiOf(j.score.Features[b]), psiOf(j.score.Features[a])) })
	out := []wire.FeatureScore{}
	for _, i := range order[:min(len(order), topCount)] {
		s := j.score.Features[i]
		if s.Brief = nil; s.Top == nil && s.N > 0 && s.M > 0 {
			s.Top = cellsOf(j.judges[i].Parts(&j.counts.Features[i]))
		}
		out = append(out, s)
	}
	return out
}

func cellsOf(parts []drift.Contribution) (out []wire.Cells) {
	for _, t := range parts {
		out = append(out, wire.Cells{Label: t.Label, Part: nano(t.Term), Ref: nano(t.Ref), Cur: nano(t.Cur)})
	}
	return out
}

func psiOf(f wire.FeatureScore) int64 {
	if f.PSI == nil {
		return -1
	}
	return *f.PSI
}

// emit writes alarm events as CloudEvents. Ids are functions of what happened.
func (f *Fold) emit(m *model, k alarmKey, cfg drift.AlarmConfig, events []drift.AlarmEvent, data wire.EventData, out *output) {
	for _, e := range events {
		d := data
		d.Episode = wire.EpisodeID(f.cfg.Namespace, m.name, k.version, k.policy, data.Reference, k.windowMS, e.EpisodeMS, k.kind)
		d.SinceMS, d.Level, d.Hops = e.EpisodeMS, e.Level, cfg.K
		d.Phase = phaseAfter(e)
		typ := wire.EventType(eventKind(k.kind), string(e.Type))
		ev := wire.NewEvent(f.cfg.Namespace, typ, wire.EventID(d.Episode, typ, e.EndMS), "warning", e.EndMS, d)
		out.events = append(out.events, f.output(f.cfg.Topics.Drift, m.name, ev.Encode()))
	}
}

// phaseAfter is how the episode stands after an event.
func phaseAfter(e drift.AlarmEvent) string {
	switch {
	case e.Type == drift.AlarmResolved:
		return "resolved"
	case e.Type == drift.AlarmSuperseded:
		return "superseded"
	case e.EpisodeMS == 0:
		return "stale"
	}
	return "firing"
}
