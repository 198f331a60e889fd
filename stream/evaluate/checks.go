package evaluate

import (
	"slices"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/stream/wire"
)

// Checks of data quality that are alarms of their own. Each runs the alarm machine with
// one question in place of features, so its share is 0 or 1. None goes stale: what it
// cannot say because input is missing, the alarms of drift and values say.

// volumeFactor is how many times fewer or more rows than expected count as far: convention.
const volumeFactor = 2

// checkOf is the name of a quality alarm's check in events; that of the values has none,
// and neither has an alarm of another kind.
func checkOf(kind string) string {
	switch kind {
	case wire.CheckVolume, wire.CheckFreshness, wire.CheckSchema:
		return kind
	}
	return ""
}

// eventKind is the kind of an alarm in events: all checks are data quality.
func eventKind(kind string) string {
	if checkOf(kind) != "" {
		return kindQuality
	}
	return kind
}

// stepChecks steps the alarms of schema, volume and freshness at an alarm hop of a window.
func (f *Fold) stepChecks(m *model, j *judgement, first bool, out *output) {
	q := j.policy.Quality
	f.stepSchema(m, j, q.Schema.On(), out)
	f.stepVolume(m, j, q.Volume.On(), out)
	if first {
		f.stepFreshness(m, j, q.Freshness.On(), out)
	}
}

// check is what one of them found.
type check struct {
	kind   string
	on     bool // switched on, and its turn
	bad    bool
	valid  bool
	cfg    drift.AlarmConfig
	rule   string
	detail map[string]any
	top    []wire.FeatureScore
}

// stepCheck moves a check's alarm, and notes how it stands. One that has found nothing yet
// is not made: that of most models stays so for ever.
func (f *Fold) stepCheck(m *model, j *judgement, c check, out *output) {
	k := alarmKey{wire.AnyVersion, j.policy.Name, c.kind, j.window.lengthMS, j.against.id}
	a := m.alarms[k]
	if !c.on && a != nil && !f.switchedOff(j.policy, c.kind) {
		j.note(k, a) // not its turn: it stands as it stood
		return
	}
	if a == nil && (!c.on || !c.bad || !c.valid) {
		return
	}
	a = f.alarm(m, k)
	ev := drift.Evidence{EndMS: j.window.endMS, QuietMS: j.window.endMS, Judged: 1, All: 1, Full: j.window.full, Valid: c.valid}
	if c.bad {
		ev.Drifted, ev.Critical = 1, true
	}
	if !c.on { // switched off while it stood: it ends
		ev = drift.Evidence{EndMS: j.window.endMS, Superseded: true}
	}
	var events []drift.AlarmEvent
	a.state, events = drift.Step(c.cfg, a.state, ev)
	data := f.evidence(m, k, j)
	data.Drifted, data.Judged = 0, 0
	if len(c.top) > 0 {
		data.Drifted, data.Judged = len(c.top), data.All
	}
	data.BlocksRetrain, data.Rule, data.Detail, data.Top = true, c.rule, c.detail, c.top
	f.emit(m, k, c.cfg, events, data, out)
	if a.state.Phase == drift.PhaseClosed || a.state.Phase == drift.PhaseOK && !a.state.Unknown {
		delete(m.alarms, k) // as it was before it was made
		return
	}
	j.note(k, a)
}

func (f *Fold) switchedOff(p wire.Policy, kind string) bool {
	switch kind {
	case wire.CheckVolume:
		return !p.Quality.Volume.On()
	case wire.CheckFreshness:
		return !p.Quality.Freshness.On()
	}
	return !p.Quality.Schema.On()
}

// stepSchema asks whether a feature is missing from every row of the window, or came as
// another type in nearly all of them, while the reference's rows say otherwise.
func (f *Fold) stepSchema(m *model, j *judgement, on bool, out *output) {
	c := check{kind: wire.CheckSchema, on: on, cfg: j.cfg, rule: "a feature is absent or of another type"}
	c.valid = j.cfg.IsValid(j.window.coverage(), j.score.Rows, 1, 1, j.window.filled)
	var d wire.SchemaDetail
	if on && j.window.counts != nil {
		for i := range j.window.counts.Features {
			ref, cur := &j.in.ref.Counts.Features[i], &j.window.counts.Features[i]
			name := j.score.Features[i].Name
			switch absent, retyped := drift.SchemaChange(ref, cur, j.results[i].DesignEffect); {
			case absent:
				d.Absent = append(d.Absent, name)
			case retyped:
				d.Retyped = append(d.Retyped, name)
			}
		}
	}
	bad := slices.Concat(d.Absent, d.Retyped)
	c.bad, c.detail = len(bad) > 0, d.Map()
	c.top = j.named(bad)
	f.stepCheck(m, j, c, out)
}

// stepVolume compares the rows of a window with those of the same hours in the learnt
// weeks. It is asked where the window begins and ends with whole hours.
func (f *Fold) stepVolume(m *model, j *judgement, on bool, out *output) {
	v, w := m.pace.volume, j.window
	unit := v.UnitMS()
	c := check{kind: wire.CheckVolume, on: on && w.endMS%unit == 0 && w.lengthMS%unit == 0}
	c.cfg = f.alarmConfigAt(w.lengthMS, lcm(j.cfg.HopMS, unit), j.policy)
	plan := j.policy.Cadence
	if c.on = c.on && c.cfg.IsHop(w.endMS); c.on {
		e, known := v.Expect(w.endMS-w.lengthMS, w.endMS)
		holiday := plan.Declared() && plan.Calendar.Holiday(w.endMS-w.lengthMS, w.endMS)
		c.valid = known && w.covered && w.full && !holiday
		rows := float64(w.sum.rows())
		more := c.valid && e.More(rows, volumeFactor)
		c.bad = more || c.valid && e.Fewer(rows, volumeFactor)
		c.rule = "far fewer rows than expected"
		if more {
			c.rule = "far more rows than expected"
		}
		if known {
			c.detail = wire.VolumeDetail{Rows: w.sum.rows(), Expected: rounded(e.Rows), Low: e.Low, High: e.High, Weeks: e.Weeks, More: more}.Map()
		}
	}
	f.stepCheck(m, j, c, out)
}

// stepFreshness asks whether a delivery is overdue. Rows that came late end it at once.
func (f *Fold) stepFreshness(m *model, j *judgement, on bool, out *output) {
	late, known, d := m.pace.overdue(j.policy.Cadence, j.window.endMS)
	c := check{kind: wire.CheckFreshness, on: on, bad: late, cfg: j.cfg, rule: "no rows although a delivery is due", detail: d.Map()}
	c.cfg.K, c.cfg.M = 1, 1
	c.cfg.RetriggerMS = max(c.cfg.RetriggerMS, 86_400_000)
	c.valid = known && j.window.covered
	f.stepCheck(m, j, c, out)
}

func lcm(a, b int64) int64 {
	x, y := a, b
	for y != 0 {
		x, y = y, x%y
	}
	return a / x * b
}

// steps reports whether somebody steps an alarm under a policy: freshness is asked with
// the shortest window alone.
func (f *Fold) steps(p wire.Policy, k alarmKey) bool {
	if k.kind != wire.CheckFreshness {
		return watches(p, k.windowMS)
	}
	for _, w := range f.cfg.Layout.WindowsMS {
		if watches(p, w) {
			return w == k.windowMS
		}
	}
	return false
}
