package trainer

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/driftline/driftline/drift/performance/cohort"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
)

func TestHarm_DecidesWhetherDriftIsWorthARetrain(t *testing.T) {
	t.Parallel()
	days := func(w *world, accuracy, loss float64) {
		var out []store.PerformanceDay
		for d := 29; d < 36; d++ {
			out = append(out, store.PerformanceDay{
				Model: testModel, Version: "1", Day: date(day(d))[:10], Predicted: 100, Labelled: 100, Classed: 100, Correct: int64(100 * accuracy), Scored: 100, LogLossSum: 100 * loss,
				BrierSum: 1,
			})
		}
		w.check(w.store.PutPerformanceDays(w.ctx, out))
	}
	estimate := func(w *world, accuracy *float64, reason string) {
		r := cohort.Report{
			Kind: cohort.Binary, Predicted: 700, FromMS: day(29), Learnt: cohort.Learnt{Labels: 900},
			Figures: []cohort.Figure{{Kind: cohort.Estimated, Metric: "accuracy", Value: accuracy, Reason: reason}},
		}
		body, err := json.Marshal(r)
		w.check(err)
		row := store.CohortRow{Model: testModel, Version: "1", Day: date(day(35))[:10], MaturityMS: dayMS, Kind: r.Kind, Answers: []byte{1}, Report: string(body)}
		w.check(w.store.Tx(w.ctx, func(tx *store.Tx) error {
			if err := tx.PutCohorts(w.ctx, []store.CohortRow{row}); err != nil {
				return err
			}
			return tx.PutCohortReport(w.ctx, row)
		}))
	}
	good, bad := 0.99, 0.5
	for _, c := range []struct {
		name    string
		perform func(*world)
		state   string
		want    string
	}{
		{"estimated harmless", func(w *world) { estimate(w, &good, "") }, store.RetrainCoalesced, "does no harm: accuracy 0.9900 over 700 predictions, estimated from 900 labels before "},
		{"estimated harmful", func(w *world) { estimate(w, &bad, "") }, store.RetrainProbation, ""},
		{"no estimate either", func(w *world) { estimate(w, nil, "not available: no labels have matured before the window") }, store.RetrainProbation, ""},
		{"labels come before an estimate", func(w *world) { estimate(w, &bad, ""); days(w, 0.99, 0.01) }, store.RetrainCoalesced, "mature rows"},
		{"harmless", func(w *world) { days(w, 0.99, 0.01) }, store.RetrainCoalesced, "does no harm"},
		{"harmful", func(w *world) { days(w, 0.5, 2) }, store.RetrainProbation, ""},
		{"unknown for want of labels", func(*world) {}, store.RetrainProbation, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, tr := started(t, storetest.Open(t))
			w.spec.Trigger = OnDriftAndHarm
			w.days(15, 36, byB)
			c.perform(w)
			w.alarm("drift", "detected", 36, nil)
			w.settle(tr)
			r := w.expect(store.RetrainDone, c.state)[1]
			if !strings.Contains(r.Reason, c.want) {
				t.Errorf("reason %q, want %q in it", r.Reason, c.want)
			}
			full, err := w.store.Retrain(w.ctx, r.ID)
			w.check(err)
			checked := map[string]string{
				"unknown for want of labels": "harm unknown (0 mature labelled predictions, 100 are needed; no estimate: no day of the window is reported)",
				"no estimate either":         "harm unknown (0 mature labelled predictions, 100 are needed; no estimate: not available: no labels have matured",
				"estimated harmful":          "it does harm: accuracy 0.5000 over 700 predictions, estimated from 900 labels before ",
				"harmful":                    "mature rows",
			}
			if want := checked[c.name]; !strings.Contains(full.Steps[1].Reason, want) {
				t.Errorf("checked: %q, want %q in it", full.Steps[1].Reason, want)
			}
		})
	}
}
