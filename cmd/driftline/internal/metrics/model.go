package metrics

import (
	"cmp"
	"slices"

	"github.com/driftline/driftline/drift/performance/cohort"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/wire"
)

// Values of driftline_model_alarm_state.
const (
	alarmOK       = 0
	alarmPending  = 1
	alarmFiring   = 2
	alarmSilenced = 3 // firing, and every alarm behind it is silenced: rules ask for 2
)

// alarmKinds are the kinds of alarm that every window has; jointKind and predictionKind are
// those that some have.
var alarmKinds = []string{"drift", "quality"}

const jointKind = wire.KindOfJoint

// kinds are the kinds of alarm that the window has.
func (w *windowRead) kinds() []string {
	out := slices.Clone(alarmKinds)
	for _, kind := range []string{jointKind, predictionKind} {
		if len(w.fires[kind]) > 0 || len(w.alarmsOf(kind)) > 0 {
			out = append(out, kind)
		}
	}
	return out
}

// checkOfValues is the word for the check of data quality that has no name in events.
const checkOfValues = "values"

// qualityChecks are the checks of data quality, each an alarm of its own.
var qualityChecks = []string{checkOfValues, wire.CheckVolume, wire.CheckFreshness, wire.CheckSchema}

// model shows one model under its label.
func (m *Metrics) model(out *output, r *modelRead, label string) {
	reference := ""
	for _, w := range r.windows {
		if w.row.Reference != "" {
			reference = w.row.Reference // of the longest window: it follows last
		}
		m.window(out, w, label)
	}
	m.beside(out, r.beside, label)
	m.segments(out, r.segments, label)
	out.gauge("driftline_model_info", 1, label, clean(r.champion), clean(reference))
	if n := len(r.windows); n > 0 {
		m.features(out, r.windows[n-1].score, label)
	}
	if r.warning != nil {
		state := alarmOK
		if r.stands {
			state = firing([]store.AlarmRow{*r.warning}, alarmOK)
		}
		out.gauge("driftline_model_early_warning_state", float64(state), label)
	}
	if r.champion == "" {
		return
	}
	out.gauge("driftline_model_performance_alarm_state", float64(firing(r.falling, alarmOK)), label)
	if r.mature == nil || r.mature.Kind == cohort.Binary { // the sums are those of two classes
		performance(out, r.performance, label)
	}
	reports(out, r, label)
}

// otherWindow stands for spans that no window has, such as those of a check: they may be
// any, and labels are few.
const otherWindow = "other"

// beside shows firing alarms that no window shows, while they fire.
func (m *Metrics) beside(out *output, open []store.AlarmRow, label string) {
	type series struct{ window, kind string }
	by := map[series][]store.AlarmRow{}
	for _, a := range open {
		s := series{otherWindow, a.Kind}
		if slices.Contains(m.cfg.Layout.WindowsMS, a.WindowMS) {
			s.window = windowLabel(a.WindowMS)
		}
		by[s] = append(by[s], a)
	}
	for s, alarms := range by {
		out.gauge("driftline_model_alarm_state", float64(firing(alarms, alarmOK)), label, s.window, s.kind)
	}
}

// firing is the state where alarms are open, else the one given. One alarm that is not
// silenced is enough to be heard.
func firing(open []store.AlarmRow, other int) int {
	if len(open) == 0 {
		return other
	}
	for i := range open {
		if open[i].SilencedUntilMS == 0 {
			return alarmFiring
		}
	}
	return alarmSilenced
}

// window shows the newest final window of one length.
func (m *Metrics) window(out *output, w windowRead, label string) {
	window := windowLabel(w.row.WindowMS)
	gauge := func(name string, v float64) { out.gauge(name, v, label, window) }
	gauge("driftline_model_window_end_timestamp_seconds", float64(w.row.EndMS)/1000)
	gauge("driftline_model_window_rows", float64(w.row.Rows))
	if w.row.Expected > 0 {
		gauge("driftline_model_coverage_ratio", float64(w.row.Covered)/float64(w.row.Expected))
	}
	if e := w.early; e != nil && e.Expected > 0 {
		gauge("driftline_model_provisional_coverage_ratio", float64(e.Covered)/float64(e.Expected))
		if e.MaxPSI != nil {
			gauge("driftline_model_provisional_drift_score", *e.MaxPSI)
		}
	}
	if w.row.Reference == "" {
		return // learning: there is nothing to compare with
	}
	gauge("driftline_model_features", float64(w.row.Total))
	gauge("driftline_model_judged_features", float64(w.row.Judged))
	gauge("driftline_model_drifted_features", float64(w.row.Drifted))
	if w.row.MaxPSI != nil {
		gauge("driftline_model_drift_score", *w.row.MaxPSI)
	}
	if j := w.score.Joint; j != nil && j.Score != nil && j.Limit != nil {
		gauge("driftline_model_joint_score", float64(*j.Score)/1e9)
		gauge("driftline_model_joint_limit", float64(*j.Limit)/1e9)
	}
	w.predictions(out, label, window)
	stale := false
	for _, kind := range w.kinds() {
		state := alarmOK
		for _, a := range w.alarmsOf(kind) {
			// A version that answers no more leaves the model as it is.
			stale = stale || a.Stale && kind != predictionKind
			if a.Phase == "pending" {
				state = alarmPending
			}
		}
		// An open episode outlives windows that could not be judged.
		out.gauge("driftline_model_alarm_state", float64(firing(w.fires[kind], state)), label, window, kind)
	}
	for _, check := range qualityChecks {
		open := slices.DeleteFunc(slices.Clone(w.fires["quality"]), func(a store.AlarmRow) bool { return cmp.Or(a.Check, checkOfValues) != check })
		out.gauge("driftline_model_quality_alarm_state", float64(firing(open, alarmOK)), label, window, check)
	}
	v := 0.0
	if stale {
		v = 1
	}
	gauge("driftline_model_stale", v)
}

// features shows the features of largest PSI, then name, and how many are left out.
func (m *Metrics) features(out *output, s wire.Score, label string) {
	if s.Reference == "" {
		return
	}
	order := slices.Clone(s.Features)
	slices.SortFunc(order, func(a, b wire.FeatureScore) int {
		return cmp.Or(cmp.Compare(psi(b), psi(a)), cmp.Compare(a.Name, b.Name))
	})
	taken := map[string]bool{}
	for _, f := range order {
		name := clean(f.Name)
		if len(taken) == m.cfg.Top || taken[name] {
			continue
		}
		taken[name] = true
		for _, x := range []struct {
			statistic string
			nano      *int64
		}{{"psi", f.PSI}, {"js", f.JS}, {"ks_low", f.KSLow}} {
			if x.nano != nil {
				out.gauge("driftline_feature_score", float64(*x.nano)/1e9, label, name, x.statistic)
			}
		}
	}
	out.gauge("driftline_feature_series_dropped", float64(len(order)-len(taken)), label)
}

func psi(f wire.FeatureScore) int64 {
	if f.PSI == nil {
		return -1
	}
	return *f.PSI
}

// performance shows the measures that the days' counts allow.
func performance(out *output, days []store.PerformanceDay, label string) {
	var sum store.PerformanceDay
	for _, d := range days {
		sum.Labelled += d.Labelled
		sum.Classed += d.Classed
		sum.Correct += d.Correct
		sum.Positives += d.Positives
		sum.PredictedPositive += d.PredictedPositive
		sum.TruePositive += d.TruePositive
		sum.Scored += d.Scored
		sum.LogLossSum += d.LogLossSum
		sum.BrierSum += d.BrierSum
	}
	if len(days) == 0 {
		return
	}
	out.gauge("driftline_model_performance_rows", float64(sum.Labelled), label)
	ratio := func(metric string, a, b float64) {
		if b > 0 { // else the measure is not defined here
			out.gauge("driftline_model_performance", a/b, label, metric, "realized")
		}
	}
	ratio("accuracy", float64(sum.Correct), float64(sum.Classed))
	ratio("precision", float64(sum.TruePositive), float64(sum.PredictedPositive))
	ratio("recall", float64(sum.TruePositive), float64(sum.Positives))
	ratio("f1", 2*float64(sum.TruePositive), float64(sum.Positives+sum.PredictedPositive))
	ratio("log_loss", sum.LogLossSum, float64(sum.Scored))
	ratio("brier", sum.BrierSum, float64(sum.Scored))
}
