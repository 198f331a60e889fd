package metrics

import (
	"cmp"
	"slices"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/wire"
)

// read are the metrics that come from the database or from Config.Lag.
var read = []string{
	"driftline_model_alarm_state", "driftline_model_coverage_ratio", "driftline_model_drift_score", "driftline_model_drifted_features",
	"driftline_model_early_warning_state", "driftline_model_features", "driftline_model_info", "driftline_model_judged_features", "driftline_model_performance",
	"driftline_model_performance_alarm_state", "driftline_model_performance_estimate_error", "driftline_model_performance_label_coverage_ratio",
	"driftline_model_performance_promised", "driftline_model_performance_reading", "driftline_model_performance_rows",
	"driftline_model_provisional_coverage_ratio", "driftline_model_provisional_drift_score", "driftline_model_stale",
	"driftline_model_window_end_timestamp_seconds", "driftline_model_window_rows", "driftline_feature_score",
	"driftline_feature_series_dropped", "driftline_segment_alarm_state", "driftline_segment_drifted_share", "driftline_segment_rows", "driftline_fleet_models", "driftline_stream_event_timestamp_seconds",
	"driftline_stream_final_age_seconds", "driftline_stream_judged_timestamp_seconds", "driftline_stream_counted_timestamp_seconds", "driftline_stream_lag_records",
	"driftline_stream_lag_seconds", "driftline_stream_memory_bound_bytes", "driftline_stream_memory_limit_bytes", "driftline_stream_records_total", "driftline_stream_source_age_seconds",
	"driftline_trainer_active_age_seconds", "driftline_trainer_retrains_total", "driftline_registry_unpublished_age_seconds",
	"driftline_metrics_models_dropped", "driftline_store_read_seconds", "driftline_store_up",
}

// statePaused is the state shown of a retrain that stands still because its model is
// paused: it is not stuck, it waits for a person.
const statePaused = "PAUSED"

// modelStates are the values of the label state of driftline_fleet_models.
var modelStates = []string{"learning", "watching", "paused"}

func (m *Metrics) collectStore(out *output) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.look()
	out.gauge("driftline_store_read_seconds", float64(s.tookMS)/1000)
	if s.err != nil {
		out.gauge("driftline_store_up", 0)
		return
	}
	out.gauge("driftline_store_up", 1)
	for _, state := range modelStates {
		out.gauge("driftline_fleet_models", float64(s.states[state]), state)
	}
	shown := m.models(out, s)
	m.stream(out, s)
	m.trainer(out, s, shown)
	age := int64(0)
	if s.oldestMS > 0 {
		age = max(0, s.atMS-s.oldestMS)
	}
	out.gauge("driftline_registry_unpublished_age_seconds", float64(age)/1000)
}

// models shows every model that fits under the cap, in order of name, and returns
// the labels of those shown, by name.
func (m *Metrics) models(out *output, s *snapshot) map[string]string {
	shown, taken := map[string]string{}, map[string]bool{}
	left, dropped := m.cfg.MaxSeries, 0
	for i := range s.models {
		r := &s.models[i]
		label := clean(r.name)
		need := m.seriesOf(r)
		if need > left || taken[label] {
			dropped++
			continue
		}
		left -= need
		taken[label], shown[r.name] = true, label
		m.model(out, r, label)
	}
	out.gauge("driftline_metrics_models_dropped", float64(dropped))
	return shown
}

// Series of one model at most: per window, and beside windows (info, features
// dropped, performance, retrains).
const (
	perWindow  = 12
	perModel   = 1 + 1 + 1 + 1 + 6 + 6 + 1
	perFeature = 3
	perSegment = 3 // and window
)

func (m *Metrics) seriesOf(r *modelRead) int {
	return perModel + perWindow*len(r.windows) + perFeature*m.cfg.Top + perSegment*len(r.segments)
}

// stream shows how far the topics are and what became of their records.
func (m *Metrics) stream(out *output, s *snapshot) {
	upto, seen := map[string]int64{}, map[string]int64{}
	slowest, found := int64(0), false
	for _, r := range s.sources {
		if old, had := seen[r.Topic]; !had || r.SeenMS < old {
			seen[r.Topic] = r.SeenMS
		}
		if r.UptoMS <= 0 {
			continue // no record yet
		}
		if old, had := upto[r.Topic]; !had || r.UptoMS < old {
			upto[r.Topic] = r.UptoMS
		}
		if m.holdsUp(r.Topic) && (!found || r.UptoMS < slowest) {
			slowest, found = r.UptoMS, true
		}
	}
	for _, topic := range m.topics() {
		label := clean(topic)
		if ms, had := seen[topic]; had {
			out.gauge("driftline_stream_source_age_seconds", seconds(s.atMS-ms), label)
		}
		if ms, had := upto[topic]; had {
			out.gauge("driftline_stream_event_timestamp_seconds", float64(ms)/1000, label)
			if !m.cfg.Historical {
				out.gauge("driftline_stream_lag_seconds", seconds(s.atMS-ms), label)
			}
		}
		for _, o := range outcomeNames {
			out.counter("driftline_stream_records_total", float64(s.records[topic][o.name]), label, o.name)
		}
	}
	if found {
		out.gauge("driftline_stream_counted_timestamp_seconds", float64(slowest)/1000)
	}
	if m.cfg.Historical {
		return
	}
	final := int64(0)
	for _, r := range s.models {
		for _, w := range r.windows {
			final = max(final, w.row.EndMS)
		}
	}
	if final > 0 {
		out.gauge("driftline_stream_final_age_seconds", seconds(s.atMS-final))
	}
}

// holdsUp says whether windows wait for the topic.
func (m *Metrics) holdsUp(topic string) bool {
	for _, in := range m.cfg.Layout.Inputs {
		if in.Topic == topic {
			return in.Role == wire.RoleEvents
		}
	}
	return false
}

func seconds(ms int64) float64 { return float64(max(0, ms)) / 1000 }

// retrainOutcomes are the values of the label outcome.
var retrainOutcomes = []string{"promoted", "registered", "refused", "merged", "rolled_back", "failed"}

// outcomesOf returns under which outcomes a retrain counts; promoted says that it
// was so at some time. One that was rolled back had been promoted: both count, so
// that neither falls.
func outcomesOf(r store.Retrain, promoted bool) []string {
	var out []string
	if promoted {
		out = append(out, "promoted")
	}
	switch r.State {
	case store.RetrainDone:
		if !promoted {
			out = append(out, "registered") // as far as the model's automation goes
		}
	case store.RetrainRolledBack:
		out = append(out, "rolled_back")
	case store.RetrainRejected:
		out = append(out, "refused")
	case store.RetrainCoalesced:
		out = append(out, "merged")
	case store.RetrainFailed:
		out = append(out, "failed")
	}
	return out
}

// trainer shows the retrains of the models shown.
func (m *Metrics) trainer(out *output, s *snapshot, shown map[string]string) {
	counts := map[[2]string]float64{}
	for _, r := range s.retrains {
		label, ok := shown[r.Model]
		if !ok {
			continue
		}
		for _, o := range outcomesOf(r, s.promoted[r.ID]) {
			counts[[2]string{label, o}]++
		}
		if slices.Contains(store.ActiveRetrainStates, r.State) {
			state := r.State
			if s.paused[r.Model] {
				state = statePaused
			}
			out.gauge("driftline_trainer_active_age_seconds", seconds(s.atMS-r.UpdatedMS), label, state)
		}
	}
	for _, label := range sortedValues(shown) {
		for _, o := range retrainOutcomes {
			k := [2]string{label, o}
			m.outcomes[k] = max(m.outcomes[k], counts[k])
			out.counter("driftline_trainer_retrains_total", m.outcomes[k], label, o)
		}
	}
}

func sortedValues(in map[string]string) []string {
	out := make([]string, 0, len(in))
	for _, v := range in {
		out = append(out, v)
	}
	slices.SortFunc(out, cmp.Compare)
	return out
}
