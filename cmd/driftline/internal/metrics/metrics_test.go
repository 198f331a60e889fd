package metrics

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
	"github.com/driftline/driftline/stream/evaluate"
	"github.com/driftline/driftline/stream/log"
)

func TestModel_ShowsItsNewestFinalWindows(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		full(t, s)
		early := score("fraud", hourMS, startMS, 12)
		early.Provisional = true
		do(t, s.PutScores(t.Context(), []store.ScoreRow{early, score("fraud", hourMS, startMS-240_000, 3)}))
		_, reg := start(t, s, newClock(), nil)
		want(t, gather(t, reg), map[string]float64{
			"driftline_model_window_end_timestamp_seconds{model=fraud,window=1h}": float64(startMS-180_000) / 1000,
			"driftline_model_drift_score{model=fraud,window=1h}":                  0.5,
			"driftline_model_provisional_drift_score{model=fraud,window=1h}":      0.5,
			"driftline_model_provisional_coverage_ratio{model=fraud,window=1h}":   0.95,
			"driftline_model_provisional_drift_score{model=fraud,window=24h}":     -1,
			"driftline_model_features{model=fraud,window=1h}":                     12,
			"driftline_model_drifted_features{model=fraud,window=24h}":            1,
			"driftline_model_coverage_ratio{model=fraud,window=24h}":              0.95,
			"driftline_model_window_rows{model=fraud,window=24h}":                 1000,
			"driftline_model_alarm_state{kind=drift,model=fraud,window=1h}":       1,
			"driftline_model_alarm_state{kind=drift,model=fraud,window=24h}":      2,
			"driftline_model_alarm_state{kind=quality,model=fraud,window=24h}":    0,
			"driftline_model_stale{model=fraud,window=1h}":                        0,
			"driftline_model_stale{model=fraud,window=24h}":                       1,
			"driftline_model_info{model=fraud,reference=ref1,version=1}":          1,
			"driftline_feature_score{feature=f0,model=fraud,statistic=psi}":       0.5,
			"driftline_feature_score{feature=f9,model=fraud,statistic=ks_low}":    0.2,
			"driftline_feature_score{feature=f10,model=fraud,statistic=psi}":      -1,
			"driftline_feature_series_dropped{model=fraud}":                       2,
			"driftline_fleet_models{state=watching}":                              1,
			"driftline_fleet_models{state=paused}":                                0,
			// The day of 1 December lies more than a week before the newest one.
			"driftline_model_performance{kind=realized,metric=accuracy,model=fraud}":  0.9,
			"driftline_model_performance{kind=realized,metric=precision,model=fraud}": 0.75,
			"driftline_model_performance{kind=realized,metric=recall,model=fraud}":    0.75,
			"driftline_model_performance{kind=realized,metric=log_loss,model=fraud}":  0.3,
			"driftline_model_performance_rows{model=fraud}":                           100,
			"driftline_model_performance{kind=realized,metric=roc_auc,model=fraud}":   0.95,
			"driftline_model_performance{kind=realized,metric=macro_f1,model=fraud}":  0.6,
			"driftline_model_performance{kind=estimated,metric=accuracy,model=fraud}": 0.96,
			"driftline_model_performance_estimate_error{metric=accuracy,model=fraud}": 0.07,
			"driftline_model_performance_label_coverage_ratio{model=fraud}":           0.8,
			"driftline_model_performance_reading{model=fraud,reading=concept drift}":  1,
			"driftline_model_performance_alarm_state{model=fraud}":                    0,
			"driftline_stream_source_age_seconds{topic=ml.predictions}":               9,
			"driftline_stream_lag_seconds{topic=ml.predictions}":                      150,
			"driftline_stream_lag_seconds{topic=ml.labels}":                           300,
			"driftline_stream_final_age_seconds{}":                                    180,
			"driftline_stream_counted_timestamp_seconds{}":                            float64(startMS-150_000) / 1000,
			"driftline_trainer_active_age_seconds{model=fraud,state=QUEUED}":          0,
			"driftline_store_up{}": 1,
		})
	})
}

func TestAlarmState_ComesFromTheLastHopAndFromOpenEpisodes(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	watch(t, s, "m")
	// The alarm of a day steps once an hour; windows in between carry no alarms.
	hop := startMS - startMS%hourMS
	do(t, s.PutScores(t.Context(), []store.ScoreRow{
		score("m", dayMS, hop, 1, at("drift", "pending", false), at("quality", "ok", false)),
		score("m", dayMS, hop+60_000, 1),
	}))
	c := newClock()
	_, reg := start(t, s, c, nil)
	const drift = "driftline_model_alarm_state{kind=drift,model=m,window=24h}"
	want(t, gather(t, reg), map[string]float64{drift: 1, "driftline_model_performance_alarm_state{model=m}": -1})

	episode(t, s, "m", "drift", "firing", dayMS, hop)
	want(t, gather(t, reg), map[string]float64{drift: 1}) // still the reading before
	c.pass()
	want(t, gather(t, reg), map[string]float64{drift: 2})
	episode(t, s, "m", "drift", "resolved", dayMS, hop+hourMS)
	c.pass()
	want(t, gather(t, reg), map[string]float64{drift: 1})

	crown(t, s, "m")
	episode(t, s, "m", "performance", "firing", 7*dayMS, hop)
	c.pass()
	want(t, gather(t, reg), map[string]float64{"driftline_model_performance_alarm_state{model=m}": 2})
}

// A check tells alarms of spans that no window has, and of models that have no reference
// yet: alert rules hear them all the same.
func TestAlarmState_ShowsAlarmsThatStandInNoWindow(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	watch(t, s, "m")
	learning := score("m", dayMS, startMS, 1)
	learning.Reference = ""
	do(t, s.PutScores(t.Context(), []store.ScoreRow{learning}))
	c := newClock()
	_, reg := start(t, s, c, nil)
	const (
		day   = "driftline_model_alarm_state{kind=drift,model=m,window=24h}"
		other = "driftline_model_alarm_state{kind=drift,model=m,window=other}"
	)
	want(t, gather(t, reg), map[string]float64{day: -1, other: -1})
	episode(t, s, "m", "drift", "firing", dayMS, startMS)
	episode(t, s, "m", "drift", "firing", 11*dayMS, startMS)
	c.pass()
	want(t, gather(t, reg), map[string]float64{day: 2, other: 2})
	episode(t, s, "m", "drift", "resolved", 11*dayMS, startMS+hourMS)
	do(t, s.PutScores(t.Context(), []store.ScoreRow{score("m", dayMS, startMS+hourMS, 1, at("drift", "ok", false))}))
	c.pass()
	want(t, gather(t, reg), map[string]float64{day: 2, other: -1}) // its window has it now
}

func TestAlarmState_TellsSilencedAlarmsApartUntilTheSilenceEnds(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	watch(t, s, "m")
	crown(t, s, "m")
	do(t, s.PutScores(t.Context(), []store.ScoreRow{score("m", dayMS, startMS, 1, at("drift", "firing", false), at("quality", "ok", false))}))
	c := newClock()
	_, reg := start(t, s, c, nil)
	const (
		drift       = "driftline_model_alarm_state{kind=drift,model=m,window=24h}"
		quality     = "driftline_model_alarm_state{kind=quality,model=m,window=24h}"
		performance = "driftline_model_performance_alarm_state{model=m}"
	)
	check := func(what string, d, q, p float64) {
		t.Helper()
		t.Log(what)
		c.pass()
		want(t, gather(t, reg), map[string]float64{drift: d, quality: q, performance: p})
	}
	add := func(kind, feature string, lasts int64) store.Silence {
		t.Helper()
		x, err := s.AddSilence(t.Context(), store.Silence{Model: "m", Kind: kind, Feature: feature, Reason: "x", Author: "ada", UntilMS: c.now() + lasts}, c.now())
		do(t, err)
		return x
	}
	episode(t, s, "m", "drift", "firing", dayMS, startMS-hourMS)
	episode(t, s, "m", "performance", "firing", 7*dayMS, startMS-hourMS)
	check("both fire", 2, 0, 2)
	add("drift", "f0", hourMS)
	check("what is behind the alarm is not known: a silence of one feature is not enough", 2, 0, 2)
	add("drift", "", hourMS)
	check("drift is silenced", 3, 0, 2)
	all := add("", "", 2*hourMS)
	check("everything is", 3, 0, 3)
	episode(t, s, "m", "quality", "firing", dayMS, startMS-hourMS)
	check("what begins to fire is, too", 3, 3, 3)
	_, err := s.ExpireSilence(t.Context(), all.ID, "ada", "x", c.now())
	do(t, err)
	check("a person ends that silence", 3, 2, 2)
	c.add(hourMS)
	check("the others end by themselves", 2, 2, 2)
	add("drift", "f0", hourMS)
	do(t, s.PutEvents(t.Context(), []store.EventRow{{
		ID: "other", Type: "dev.driftline.drift.x.v1", Model: "m", TimeMS: startMS, Body: "{}", Episode: "other", Version: "2",
		Policy: "default", WindowMS: dayMS, Kind: "drift", Phase: "firing", TopJSON: "[]", Features: []string{"f0"},
	}}))
	check("one of two alarms of the window is silenced: the other is heard", 2, 2, 2)
	add("drift", "", hourMS)
	check("both are", 3, 2, 2)
}

func TestActiveRetrain_OfAPausedModelWaitsForAPerson(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	watch(t, s, "m")
	retrain(t, s, "r1", "m")
	c := newClock()
	_, reg := start(t, s, c, nil)
	c.add(hourMS)
	const queued, paused = "driftline_trainer_active_age_seconds{model=m,state=QUEUED}", "driftline_trainer_active_age_seconds{model=m,state=PAUSED}"
	want(t, gather(t, reg), map[string]float64{queued: hourMS / 1000, paused: -1})
	_, err := s.Pause(t.Context(), "m", "ada", "x", c.now())
	do(t, err)
	c.pass()
	want(t, gather(t, reg), map[string]float64{queued: -1, paused: hourMS/1000 + CacheFor.Seconds(), "driftline_fleet_models{state=paused}": 1})
}

func TestRecords_CountFromTheStartAndNeverFall(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		put := func(rows ...store.LedgerRow) { t.Helper(); do(t, s.PutLedger(ctx, rows)) }
		upto := func(ms int64) {
			t.Helper()
			do(t, s.PutSources(ctx, []store.SourceRow{{Topic: "ml.predictions", UptoMS: ms, Partitions: 1, SeenMS: ms}}))
		}
		row := func(arrival, accepted, dead int64) store.LedgerRow {
			return arrivals("ml.predictions", 0, arrival, arrival+accepted, store.Outcomes{Records: accepted + dead, Accepted: accepted, Dead: dead})
		}
		put(row(startMS-3*dayMS, 500, 5), row(startMS, 10, 0))
		upto(startMS)
		c := newClock()
		_, reg := start(t, s, c, nil)
		check := func(what string, accepted, dead float64) {
			t.Helper()
			t.Log(what)
			c.pass()
			want(t, gather(t, reg), map[string]float64{
				"driftline_stream_records_total{result=accepted,topic=ml.predictions}": accepted,
				"driftline_stream_records_total{result=dead,topic=ml.predictions}":     dead,
				"driftline_stream_records_total{result=late,topic=ml.labels}":          0,
			})
		}
		check("what was there before the process does not count", 0, 0)
		put(row(startMS, 25, 1))
		check("a row that grew", 15, 1)
		put(row(startMS+hourMS, 7, 0))
		upto(startMS + 5*hourMS)
		check("rows that are settled meanwhile", 22, 1)
		put(row(startMS+5*hourMS, 3, 0))
		check("a row after the cut", 25, 1)
		_, err := s.DeleteLedgerBefore(ctx, startMS+2*hourMS)
		do(t, err)
		check("retention removes settled rows", 25, 1)
		do(t, s.PutSources(ctx, []store.SourceRow{{Topic: "ml.predictions", Part: 1, UptoMS: startMS + hourMS, Partitions: 2, SeenMS: 1}}))
		check("a source that stands further back comes up", 25, 1)
		put(arrivals("ml.predictions", 1, startMS+hourMS, 9, store.Outcomes{Records: 4, Accepted: 4}))
		check("and counts there", 29, 1)
		_, err = s.DeleteLedgerBefore(ctx, startMS+dayMS)
		do(t, err)
		check("even a ledger that is emptied", 29, 1)
	})
}

func TestRetrains_CountByOutcome(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	watch(t, s, "m", "idle")
	c := newClock()
	_, reg := start(t, s, c, nil)
	count := func(outcome string) string {
		return "driftline_trainer_retrains_total{model=m,outcome=" + outcome + "}"
	}
	want(t, gather(t, reg), map[string]float64{count("failed"): 0, "driftline_trainer_retrains_total{model=idle,outcome=promoted}": 0})
	toGate := []string{"CHECKED", "LEASED", "DATASET", "TRAINED", "EVALUATED", "REGISTERED", "GATED"}
	retrain(t, s, "a", "m", append(toGate, "PROMOTED", "PROBATION", "ROLLED_BACK")...)
	retrain(t, s, "b", "m", append(toGate, "DONE")...)
	retrain(t, s, "c", "m", append(toGate, "REJECTED")...)
	retrain(t, s, "d", "m", "FAILED")
	retrain(t, s, "e", "m", "CHECKED")
	retrain(t, s, "f", "m")
	c.passRetrains()
	want(t, gather(t, reg), map[string]float64{
		count("promoted"): 1, count("rolled_back"): 1, count("registered"): 1, count("refused"): 1, count("failed"): 1, count("merged"): 1,
		"driftline_trainer_active_age_seconds{model=m,state=CHECKED}": float64(retrainsFor.Milliseconds()) / 1000,
	})
}

func TestSeries_StayUnderTheCapAndUserDataMakesNone(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	for i := range 9 {
		watch(t, s, fmt.Sprintf("m%d", i))
	}
	watch(t, s, "odd\nname", "odd\tname", "zz"+strings.Repeat("ü", 300))
	c := newClock()
	one := perModel + perFeature*2
	m, reg := start(t, s, c, func(cfg *Config) { cfg.MaxSeries, cfg.Top = 4*one, 2 })
	got := gather(t, reg)
	want(t, got, map[string]float64{
		"driftline_metrics_models_dropped{}": 8, "driftline_model_info{model=m3,reference=,version=}": 1, "driftline_model_info{model=m4,reference=,version=}": -1,
	})
	_, reg = start(t, s, c, nil)
	got = gather(t, reg)
	want(t, got, map[string]float64{
		"driftline_metrics_models_dropped{}":                                                 1, // two names are alike once cleaned
		"driftline_model_info{model=odd_name,reference=,version=}":                           1,
		"driftline_model_info{model=zz" + strings.Repeat("ü", 126) + ",reference=,version=}": 1,
	})
	m.Event("m1", "dev.driftline.drift.detected.v1", startMS)
	m.Event("someone else's", "dev.driftline.drift.detected.v1", startMS)
	m.Event("a third", "dev.driftline.drift.detected.v1", startMS)
	m.Event("a third", "nonsense", startMS)
	if n := len(gatherEvents(t, m)); n != 3 {
		t.Errorf("%d series of events, want 3: %v", n, gatherEvents(t, m))
	}
	want(t, gatherEvents(t, m), map[string]float64{"driftline_drift_events_total{event=detected,kind=drift,model=_unknown}": 2})
}

func TestStore_ThatDoesNotAnswerShowsNoFrozenNumbers(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	full(t, s)
	c := newClock()
	var told []error
	_, reg := start(t, s, c, func(cfg *Config) { cfg.Failed = func(err error) { told = append(told, err) } })
	if n := len(gather(t, reg)); n < 60 {
		t.Fatalf("only %d series over a full store", n)
	}
	do(t, s.Close())
	c.pass()
	got := gather(t, reg)
	want(t, got, map[string]float64{"driftline_store_up{}": 0})
	for name := range got {
		if strings.HasPrefix(name, "driftline_model_") || strings.HasPrefix(name, "driftline_stream_source") {
			t.Errorf("%s is still shown", name)
		}
	}
	gather(t, reg)
	if len(told) != 1 || !strings.Contains(told[0].Error(), "read the database") {
		t.Errorf("told %v, want one error for two scrapes within %s", told, CacheFor)
	}
}

func TestScore_ThatCannotBeReadHidesOnlyItsDetails(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	watch(t, s, "m")
	bad := score("m", hourMS, startMS, 2)
	bad.Body = "{"
	do(t, s.PutScores(t.Context(), []store.ScoreRow{bad}))
	var told []error
	_, reg := start(t, s, newClock(), func(cfg *Config) { cfg.Failed = func(err error) { told = append(told, err) } })
	want(t, gather(t, reg), map[string]float64{
		"driftline_store_up{}": 1, "driftline_model_drift_score{model=m,window=1h}": 0.5, "driftline_feature_series_dropped{model=m}": -1,
	})
	if len(told) == 0 || !strings.Contains(told[0].Error(), `"m"`) {
		t.Errorf("told %v, want an error that names the model", told)
	}
}

func TestHistoricalTopics_HaveNoAges(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	full(t, s)
	_, reg := start(t, s, newClock(), func(cfg *Config) { cfg.Historical = true })
	want(t, gather(t, reg), map[string]float64{
		"driftline_stream_final_age_seconds{}": -1, "driftline_stream_lag_seconds{topic=ml.predictions}": -1,
		"driftline_stream_source_age_seconds{topic=ml.predictions}": 9, "driftline_stream_counted_timestamp_seconds{}": float64(startMS-150_000) / 1000,
	})
}

func TestCounters_CountWhatTheProcessMeets(t *testing.T) {
	t.Parallel()
	m, reg := start(t, nil, newClock(), nil)
	for _, what := range []string{"fetch a/0 at 7", "fetch b/1 at 9", "publish 3 scores of x", "somebody's text"} {
		m.Retried(what, 1, errors.New("broken"))
	}
	m.Lost(log.Partition{Topic: "ml.predictions"}, "removed_unread", 40)
	m.Lost(log.Partition{Topic: "ml.predictions"}, "removed_unread", -1)
	m.Rebalanced("collect")
	m.RegistryWrite(nil)
	m.Delivery("pager", errors.New("no"))
	j := m.Judging()
	j.Observe(evaluate.Stats{LatePartials: 5, LateDiffering: 1, ControlRefused: 2})
	j.Observe(evaluate.Stats{LatePartials: 7, LateDiffering: 1, ControlRefused: 2})
	j.Observe(evaluate.Stats{LatePartials: 2, Undecodable: 1, WrongFold: 1, Contradicted: 2, NotAdmitted: 3, RebuiltSlots: 2, LostSlots: 1}) // loaded again
	m.Know("m")
	m.Event("m", "dev.driftline.quality.resolved.v1", startMS)
	m.Event("m", "dev.driftline.performance.detected.v1", startMS-60_000)
	m.Event("m1", "dev.driftline.drift.detected.v1", 0) // of a check: it says nothing about the delay
	want(t, gather(t, reg), map[string]float64{
		"driftline_stream_repeated_total{what=fetch}": 2, "driftline_stream_repeated_total{what=publish}": 1, "driftline_stream_repeated_total{what=other}": 1,
		"driftline_stream_rebalances_total{role=collect}":           1,
		"driftline_stream_lost_records_total{topic=ml.predictions}": 40, "driftline_stream_lost_records_total{topic=ml.labels}": 0,
		"driftline_registry_writes_total{result=ok}": 1, "driftline_registry_writes_total{result=failed}": 0,
		"driftline_notify_deliveries_total{channel=pager,result=failed}": 1,
		"driftline_stream_late_counts_total{}":                           9, "driftline_stream_contradicting_counts_total{}": 2,
		"driftline_stream_unreadable_total{}": 2, "driftline_stream_refused_settings_total{}": 2,
		"driftline_stream_damaged_state_total{result=rebuilt}": 2, "driftline_stream_damaged_state_total{result=lost}": 1, "driftline_stream_not_admitted_total{}": 3,
		"driftline_drift_events_total{event=resolved,kind=quality,model=m}": 1,
		"driftline_drift_detection_delay_seconds{}":                         1,
		"driftline_store_up{}":                                              -1,
	})
}

// gatherEvents returns the series of driftline_drift_events_total.
func gatherEvents(t *testing.T, m *Metrics) map[string]float64 {
	t.Helper()
	reg := newRegistry(t, m.events)
	return gather(t, reg)
}

func TestIngested_CountsByKnownResults(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	m, err := New(reg, Config{NowMS: func() int64 { return 0 }, Ingest: []string{"ok", "limited"}})
	do(t, err)
	m.Ingested("ok", 3, 900)
	m.Ingested("limited", 0, 0)
	m.Ingested("what an attacker sends", 0, 0)
	want := `
# HELP driftline_ingest_events_total Events that came over HTTP and were acknowledged by the brokers.
# TYPE driftline_ingest_events_total counter
driftline_ingest_events_total 3
# HELP driftline_ingest_requests_total Requests with events: ok, invalid, too_large, unsupported, unauthorized, limited, unavailable.
# TYPE driftline_ingest_requests_total counter
driftline_ingest_requests_total{result="limited"} 1
driftline_ingest_requests_total{result="ok"} 1
driftline_ingest_requests_total{result="other"} 1
`
	do(t, testutil.GatherAndCompare(reg, strings.NewReader(want), "driftline_ingest_events_total", "driftline_ingest_requests_total"))
}

// A regression shows what it was promoted with, and on how many labels its error stands.
func TestMetrics_AnErrorBesideWhatWasPromised(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	watch(t, s, "fraud")
	crown(t, s, "fraud")
	report := `{"kind":"regression","mature":true,"labelled":70,"reading":"harmless","figures":[{"kind":"realised","metric":"rmse","value":3}]`
	c := newClock()
	putReport(t, s, "2026-01-07", 1, report+`,"promised":{"metric":"rmse","baseline":2,"margin":0.1,"days":7,"rows":70,"value":3,"worse":true}}`)
	_, reg := start(t, s, c, nil)
	want(t, gather(t, reg), map[string]float64{
		"driftline_model_performance{kind=realized,metric=rmse,model=fraud}":     3,
		"driftline_model_performance{kind=realized,metric=accuracy,model=fraud}": -1,
		"driftline_model_performance_promised{metric=rmse,model=fraud}":          2,
		"driftline_model_performance_rows{model=fraud}":                          70,
	})
	putReport(t, s, "2026-01-08", 1, report+`,"promised":{"margin":0.1,"days":0,"rows":0,"worse":false,"reason":"version 1 has no run with figures of its gate"}}`)
	c.pass()
	want(t, gather(t, reg), map[string]float64{"driftline_model_performance_promised{metric=rmse,model=fraud}": -1})
}
