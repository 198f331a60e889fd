package metrics

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
)

// A warning stands for a day of event time, a silence of drift keeps it quiet, and a model
// that was never warned has no series.
func TestEarlyWarning_StandsForADay(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t)
	watch(t, s, "m", "calm")
	c := newClock()
	reg := prometheus.NewRegistry()
	_, err := New(reg, Config{Store: s, Layout: layout(), NowMS: c.now})
	do(t, err)
	check := func(name string, want float64) {
		t.Helper()
		c.pass()
		got := gather(t, reg)
		if x, ok := got["driftline_model_early_warning_state{model=m}"]; !ok || x != want {
			t.Errorf("%s: state %v (shown: %v), want %v", name, x, ok, want)
		}
		if _, ok := got["driftline_model_early_warning_state{model=calm}"]; ok {
			t.Errorf("%s: a model that was never warned has a series", name)
		}
	}
	do(t, s.PutScores(t.Context(), []store.ScoreRow{score("m", hourMS, startMS, 3)}))
	warned(t, s, "m", startMS-hourMS)
	check("warned an hour ago", 2)
	_, err = s.AddSilence(t.Context(), store.Silence{Model: "m", Kind: "drift", Reason: "known", Author: "ada", UntilMS: c.now() + dayMS}, c.now())
	do(t, err)
	check("silenced", 3)
	do(t, s.PutScores(t.Context(), []store.ScoreRow{score("m", hourMS, startMS+23*hourMS, 3)}))
	check("a day later", 0)
}
