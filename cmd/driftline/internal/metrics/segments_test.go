package metrics

import (
	"fmt"
	"strings"
	"testing"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
	"github.com/driftline/driftline/stream/wire"
)

const (
	partRows  = "driftline_segment_rows{model=m,segment=region=eu,window=24h}"
	partShare = "driftline_segment_drifted_share{model=m,segment=region=eu,window=24h}"
	partState = "driftline_segment_alarm_state{model=m,segment=region=eu,window=24h}"
)

// withoutParts are the series that know no parts of the traffic, but for what the passing
// of time alone moves.
func withoutParts(all map[string]float64) map[string]float64 {
	out := map[string]float64{}
	for name, v := range all {
		if !strings.HasPrefix(name, "driftline_segment_") && !strings.Contains(name, "_age_seconds") && !strings.HasPrefix(name, "driftline_store_read_seconds") {
			out[name] = v
		}
	}
	return out
}

// Whatever happens in parts of the traffic, series of all of it stay as they are, and no
// series is added to them.
func TestSegments_HaveSeriesOfTheirOwn(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		watch(t, s, "m")
		ctx := t.Context()
		do(t, s.PutScores(ctx, []store.ScoreRow{score("m", dayMS, startMS, 3, at("drift", "ok", false)), score("m", hourMS, startMS, 3)}))
		c := newClock()
		_, reg := start(t, s, c, nil)
		before := gather(t, reg)
		want(t, before, map[string]float64{partRows: -1, partShare: -1, partState: -1})

		do(t, s.PutScores(ctx, []store.ScoreRow{
			part("m", "region=eu", dayMS, startMS, 40, 3, 4, at("drift", "pending", true), at("quality", "pending", false)),
			part("m", "region=us", dayMS, startMS, 0, 0, 0),
			part("m", "region=us", hourMS, startMS, 2, 1, 2),
		}))
		partEpisode(t, s, "m", "region=us", "firing", hourMS, startMS)
		partEpisode(t, s, "m", "region=us", "firing", 11*dayMS, startMS) // a window that there is no longer
		c.pass()
		got := gather(t, reg)
		want(t, got, map[string]float64{
			partRows: 40, partShare: 0.75, partState: 1,
			"driftline_segment_rows{model=m,segment=region=us,window=24h}":          0,
			"driftline_segment_drifted_share{model=m,segment=region=us,window=24h}": -1,
			"driftline_segment_alarm_state{model=m,segment=region=us,window=24h}":   0,
			"driftline_segment_drifted_share{model=m,segment=region=us,window=1h}":  0.5,
			"driftline_segment_alarm_state{model=m,segment=region=us,window=1h}":    2,
		})
		had, has := withoutParts(before), withoutParts(got)
		for name, v := range has {
			if old, ok := had[name]; !ok || old != v {
				t.Errorf("%s = %v, was %v (there: %v) before there were parts", name, v, old, ok)
			}
		}
		if len(had) != len(has) {
			t.Errorf("%d series of all of the traffic, were %d", len(has), len(had))
		}

		partEpisode(t, s, "m", "region=eu", "firing", dayMS, startMS)
		_, err := s.AddSilence(ctx, store.Silence{Model: "m", Segment: "region=us", Reason: "x", Author: "ada", UntilMS: c.now() + dayMS}, c.now())
		do(t, err)
		c.pass()
		want(t, gather(t, reg), map[string]float64{
			partState: 2, "driftline_segment_alarm_state{model=m,segment=region=us,window=1h}": 3,
			"driftline_model_alarm_state{kind=drift,model=m,window=24h}": 0,
		})
	})
}

// A part that is declared no longer is not judged, and its last score must not pass for news.
func TestSegments_DisappearWhenTheyAreJudgedNoLonger(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	watch(t, s, "m")
	ctx := t.Context()
	hop := startMS - startMS%hourMS // the alarm of a day steps once an hour
	do(t, s.PutScores(ctx, []store.ScoreRow{score("m", dayMS, hop, 3), part("m", "region=eu", dayMS, hop, 40, 3, 4)}))
	c := newClock()
	_, reg := start(t, s, c, nil)
	want(t, gather(t, reg), map[string]float64{partRows: 40})
	do(t, s.PutScores(ctx, []store.ScoreRow{score("m", dayMS, hop+hourMS, 3)}))
	c.pass()
	want(t, gather(t, reg), map[string]float64{partRows: 40}) // the part's own score may be on its way
	do(t, s.PutScores(ctx, []store.ScoreRow{score("m", dayMS, hop+hourMS+60_000, 3)}))
	c.pass()
	want(t, gather(t, reg), map[string]float64{partRows: -1, partShare: -1, partState: -1})
}

// However many the database holds, a model shows no more parts than may be declared, and
// names that a label cannot hold are cut.
func TestSegments_AreBounded(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	watch(t, s, "m")
	ctx := t.Context()
	rows := []store.ScoreRow{
		score("m", dayMS, startMS, 3), part("m", "region=<b>\n\"eu\"", dayMS, startMS, 1, 0, 1),
		part("m", "a="+strings.Repeat("x", 5000)+"1", dayMS, startMS, 1, 0, 1), part("m", "a="+strings.Repeat("x", 5000)+"2", dayMS, startMS, 2, 0, 1),
	}
	do(t, s.PutScores(ctx, rows))
	c := newClock()
	_, reg := start(t, s, c, nil)
	want(t, gather(t, reg), map[string]float64{
		"driftline_segment_rows{model=m,segment=region=<b>_\"eu\",window=24h}":                         1,
		"driftline_segment_rows{model=m,segment=a=" + strings.Repeat("x", maxLabel-2) + ",window=24h}": 1,
	})
	for i := range 100 {
		rows = append(rows, part("m", fmt.Sprintf("n=%03d", i), dayMS, startMS, 1, 0, 1))
	}
	do(t, s.PutScores(ctx, rows))
	c.pass()
	n := 0
	for name := range gather(t, reg) {
		if strings.HasPrefix(name, "driftline_segment_rows{") {
			n++
		}
	}
	if n == 0 || n > wire.MaxSegments {
		t.Errorf("%d parts are shown, want at most %d", n, wire.MaxSegments)
	}
	// They count towards the cap on series.
	_, small := start(t, s, c, func(cfg *Config) { cfg.MaxSeries = perModel + perWindow + perFeature*DefaultTop + perSegment })
	want(t, gather(t, small), map[string]float64{"driftline_metrics_models_dropped{}": 1, "driftline_model_window_rows{model=m,window=24h}": -1})
}

func TestSegments_EventsCountUnderAKindOfTheirOwn(t *testing.T) {
	t.Parallel()
	m, reg := start(t, nil, newClock(), nil)
	m.Know("m")
	m.Event("m", "dev.driftline.drift.detected.v1", startMS-5000)
	m.SegmentEvent("m", "dev.driftline.drift.detected.v1")
	m.SegmentEvent("m", "dev.driftline.drift.resolved.v1")
	m.SegmentEvent("stranger", "something else")
	want(t, gather(t, reg), map[string]float64{
		"driftline_drift_events_total{event=detected,kind=drift,model=m}":       1,
		"driftline_drift_events_total{event=detected,kind=segment,model=m}":     1,
		"driftline_drift_events_total{event=resolved,kind=segment,model=m}":     1,
		"driftline_drift_events_total{event=other,kind=segment,model=_unknown}": 1,
		"driftline_drift_detection_delay_seconds{}":                             1,
	})
}
