package metrics

import "github.com/prometheus/client_golang/prometheus"

// Kind is the type of a metric, as Prometheus names it.
type Kind string

// Kinds.
const (
	Gauge     Kind = "gauge"
	Counter   Kind = "counter"
	Histogram Kind = "histogram"
)

// Entry describes one metric.
type Entry struct {
	Name     string
	Kind     Kind
	Labels   []string
	Help     string
	Question string // what somebody asks who looks at it; stands in docs/metrics.md
}

// labels that occur more than once.
var (
	byModel  = []string{"model"}
	byWindow = []string{"model", "window"}
	byTopic  = []string{"topic"}

	bySegment = []string{"model", "segment", "window"}
)

// catalog lists every metric of this package and of package ops, in order of name
// within an area.
var catalog = []Entry{
	{"driftline_build_info", Gauge, []string{"version", "revision", "goversion", "ui"}, "Which build runs: always 1, the answer is in the labels.", "Which build runs where?"},

	{"driftline_model_alarm_state", Gauge, []string{"model", "window", "kind"}, "State of the alarm: 0 ok, 1 pending, 2 firing, 3 firing but silenced; kind is drift, quality, joint or prediction, window is other for spans that no window has, as a check tells them.", "Is the model in alarm, for drift, for data quality, for all features together or for its answers?"},
	{"driftline_model_coverage_ratio", Gauge, byWindow, "Share of the input that is known to be complete in the newest final window, 0 to 1.", "Was anything missing when the window was judged?"},
	{"driftline_model_drift_score", Gauge, byWindow, "Largest population stability index of any feature in the newest final window.", "How far has the worst feature moved?"},
	{"driftline_model_drifted_features", Gauge, byWindow, "Features with the verdict drifted in the newest final window.", "How many features have moved?"},
	{"driftline_model_features", Gauge, byWindow, "Features that are compared.", "Of how many features?"},
	{"driftline_model_info", Gauge, []string{"model", "version", "reference"}, "Champion and reference of the model: always 1, join by model; empty where there is none.", "Which version serves, and what is it compared with?"},
	{"driftline_model_joint_limit", Gauge, byWindow, "What driftline_model_joint_score is held against.", "From where on do all features together count as drifted?"},
	{"driftline_model_joint_score", Gauge, byWindow, "Largest score of all features together in the newest final window, in standard deviations; absent where they are not judged together.", "Do the features, taken together, still follow the reference?"},
	{"driftline_model_judged_features", Gauge, byWindow, "Features with the verdict stable or drifted in the newest final window.", "How many features could be judged at all?"},
	{"driftline_model_performance", Gauge, []string{"model", "metric", "kind"}, "Measure of the champion over its newest 7 days: kind realized on mature labels, kind estimated from the answers alone, also of days whose labels are awaited; absent where not available.", "How good are the champion's answers, now that labels are there?"},
	{"driftline_model_early_warning_state", Gauge, byModel, "State of the newest early warning: 0 over, 2 stands (for a day of event time), 3 stands but silenced; absent for a model that was never warned.", "Was the model warned early, and does that stand?"},
	{"driftline_model_performance_alarm_state", Gauge, byModel, "State of the performance alarm: 0 ok, 2 firing, 3 firing but silenced.", "Has the champion become worse than it was promoted with?"},
	{"driftline_model_performance_estimate_error", Gauge, []string{"model", "metric"}, "Distance of estimated and realized measure over the same predictions of the newest 7 days with mature labels.", "Can the estimate be trusted?"},
	{"driftline_model_performance_label_coverage_ratio", Gauge, byModel, "Share of the predictions of these days whose label came by the maturity, 0 to 1.", "How many of the predictions can be judged at all?"},
	{"driftline_model_performance_promised", Gauge, []string{"model", "metric"}, "Error that the champion, a regression, was promoted with, as its gate recorded it: rmse, else mae; absent for classifiers, and where it is not known.", "Against what does the performance alarm of a regression hold the week?"},
	{"driftline_model_performance_reading", Gauge, []string{"model", "reading"}, "What realized and estimated performance mean together: always 1, reading is harmless, covariate drift, concept drift, calibration drift or not available.", "Did the concept change, or only the inputs?"},
	{"driftline_model_performance_rows", Gauge, byModel, "Labelled predictions behind driftline_model_performance.", "On how many rows does that stand?"},
	{"driftline_model_prediction_psi", Gauge, []string{"model", "window", "feature"}, "Population stability index of what the version whose answers the reference holds answered in the newest final window: feature is score or prediction, the predicted class; absent where answers are not compared.", "Does the version answer as it did?"},
	{"driftline_model_provisional_coverage_ratio", Gauge, byWindow, "Share of the input behind driftline_model_provisional_drift_score, 0 to 1.", "How much of the input does the early answer rest on?"},
	{"driftline_model_provisional_drift_score", Gauge, byWindow, "As driftline_model_drift_score, of a newer window that was judged without the partitions that are far behind; absent while none is.", "What do the other partitions say while one is behind?"},
	{"driftline_model_quality_alarm_state", Gauge, []string{"model", "window", "check"}, "State of the data-quality alarm of a check: 0 ok, 2 firing, 3 firing but silenced; check is values, volume, freshness or schema.", "Which check of data quality is in alarm?"},
	{"driftline_model_stale", Gauge, byWindow, "1 while the alarm lacks valid windows, else 0.", "Is silence taken for health?"},
	{"driftline_model_window_end_timestamp_seconds", Gauge, byWindow, "End of the newest final window, event time since the epoch.", "How old is what I see?"},
	{"driftline_model_window_rows", Gauge, byWindow, "Rows in the newest final window.", "How much traffic does the model have?"},
	{"driftline_feature_score", Gauge, []string{"model", "feature", "statistic"}, "Statistic of the features that moved most, in the model's longest final window: psi, js, ks_low.", "Which features moved?"},
	{"driftline_feature_series_dropped", Gauge, byModel, "Features that driftline_feature_score leaves out.", "What does the cut hide?"},
	{"driftline_segment_alarm_state", Gauge, bySegment, "State of the drift alarm of a declared part of the traffic: 0 ok, 1 pending, 2 firing, 3 firing but silenced.", "Is a part of the traffic in alarm?"},
	{"driftline_segment_drifted_share", Gauge, bySegment, "Share of the judged features with the verdict drifted, 0 to 1, of a declared part of the traffic in the newest final window at which its alarm stepped; absent where nothing was judged.", "Does a part of the traffic hide behind the rest?"},
	{"driftline_segment_rows", Gauge, bySegment, "Rows of a declared part of the traffic in that window.", "How much traffic does the part have?"},
	{"driftline_fleet_models", Gauge, []string{"state"}, "Watched models by state: learning, watching, paused.", "How many models are watched?"},

	{"driftline_drift_detection_delay_seconds", Histogram, nil, "Wall clock less event time when a detected event was stored, about all of the traffic.", "How long after the fact do we know?"},
	{"driftline_drift_events_total", Counter, []string{"model", "kind", "event"}, "Drift events stored by this process, early warnings with event warned, those about a part of the traffic with kind segment; after a restart some are stored, and counted, again.", "When did alarms change, and when was a model warned early?"},

	{"driftline_stream_contradicting_counts_total", Counter, nil, "Counts that came after their window was final and differ from what was judged.", "Did an assumption about the brokers break?"},
	{"driftline_stream_counted_timestamp_seconds", Gauge, nil, "Event time up to which all partitions that windows wait for are counted.", "How far could judging be?"},
	{"driftline_stream_damaged_state_total", Counter, []string{"result"}, "Parts of the judging side's own state that were missing or unreadable when it was loaded: rebuilt from counts that are still kept, or lost, which shows as coverage below one.", "Is our own state being damaged?"},
	{"driftline_stream_event_timestamp_seconds", Gauge, byTopic, "Event time up to which all partitions of the topic are counted.", "How far is counting?"},
	{"driftline_stream_final_age_seconds", Gauge, nil, "Wall clock less the end of the newest final window of any model; absent where topics are historical.", "When was anything last judged?"},
	{"driftline_stream_judged_timestamp_seconds", Gauge, nil, "Event time up to which this process has judged all windows.", "How far is judging?"},
	{"driftline_stream_lag_records", Gauge, []string{"topic", "partition"}, "Records not yet read, of the partitions that this process reads.", "How much work is left?"},
	{"driftline_stream_lag_seconds", Gauge, byTopic, "Wall clock less the event time counted; absent where topics are historical.", "How late is what I see?"},
	{"driftline_stream_late_counts_total", Counter, nil, "Counts that came after their window was final; ignored, harmless where they repeat what was judged.", "Do workers repeat themselves?"},
	{"driftline_stream_lost_records_total", Counter, byTopic, "Records that retention removed before they were read.", "Did we lose input?"},
	{"driftline_stream_memory_bound_bytes", Gauge, []string{"role"}, "Most memory that counting (collect) or judging (evaluate) in this process may need, from partitions, models, features and windows.", "How much memory must this process be given?"},
	{"driftline_stream_memory_limit_bytes", Gauge, nil, "Most that stream.memory_limit allows both together.", "How much may still be admitted?"},
	{"driftline_stream_not_admitted_total", Counter, nil, "Models that sent events and found no room: admission.max_models or stream.memory_limit is reached.", "Are there models that nobody watches for want of room?"},
	{"driftline_stream_records_total", Counter, []string{"topic", "result"}, "Records by what became of them, since this process started; each record has one result.", "What became of the records?"},
	{"driftline_stream_refused_settings_total", Counter, nil, "Records of the control topic that could not be used.", "Does everybody understand the settings?"},
	{"driftline_stream_rebalances_total", Counter, []string{"role"}, "Times that partitions were shared out anew among the workers of a role, with stream.assignment: group.", "Do workers come and go?"},
	{"driftline_stream_repeated_total", Counter, []string{"what"}, "Calls to brokers and the database that were tried again.", "Is something outside unwell?"},
	{"driftline_stream_source_age_seconds", Gauge, byTopic, "Wall clock since the slowest partition of the topic was last heard of.", "Is counting alive?"},
	{"driftline_stream_unreadable_total", Counter, nil, "Records of Driftline's own topics that could not be read.", "Is something broken in our own topics?"},

	{"driftline_ingest_bytes_total", Counter, nil, "Bytes of events that came over HTTP and were acknowledged by the brokers.", "How much comes in over HTTP?"},
	{"driftline_ingest_events_total", Counter, nil, "Events that came over HTTP and were acknowledged by the brokers.", "How many events come in over HTTP?"},
	{"driftline_ingest_requests_total", Counter, []string{"result"}, "Requests with events: ok, invalid, too_large, unsupported, unauthorized, limited, unavailable.", "Are senders turned away, and why?"},

	{"driftline_trainer_active_age_seconds", Gauge, []string{"model", "state"}, "Wall clock since the model's active retrain reached its state; the state is PAUSED while its model is.", "Is a retrain stuck, or waiting for a person?"},
	{"driftline_trainer_retrains_total", Counter, []string{"model", "outcome"}, "Retrains by outcome: promoted, registered (its automation ends there), refused, merged, rolled_back, failed.", "What comes of retraining?"},

	{"driftline_registry_unpublished_age_seconds", Gauge, nil, "Age of the oldest registry event that waits to be published, 0 if none waits.", "Do other systems hear of promotions?"},
	{"driftline_registry_writes_total", Counter, []string{"result"}, "Writes to the registry: ok, failed.", "Can clients register and log?"},
	{"driftline_notify_deliveries_total", Counter, []string{"channel", "result"}, "Notifications: ok, failed.", "Do notifications arrive?"},

	{"driftline_metrics_models_dropped", Gauge, nil, "Models without series because the cap on series is reached.", "Is the fleet larger than the cap?"},
	{"driftline_store_read_seconds", Gauge, nil, "How long the last reading of the database for /metrics took.", "Is the database slow?"},
	{"driftline_store_up", Gauge, nil, "1 if the database answered the last reading for /metrics, else 0.", "Does the database answer?"},
}

// Catalog returns every metric there is, by area.
func Catalog() []Entry { return append([]Entry(nil), catalog...) }

func entry(name string) Entry {
	for _, e := range catalog {
		if e.Name == name {
			return e
		}
	}
	panic("metric " + name + " is not in the catalog") // a name of ours: found by any test
}

// desc makes the description of a metric of the catalog.
func desc(name string) *prometheus.Desc {
	e := entry(name)
	return prometheus.NewDesc(e.Name, e.Help, e.Labels, nil)
}
