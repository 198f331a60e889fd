package webtest

import (
	"context"
	"strings"
	"testing"

	"github.com/driftline/driftline/registry/store"
)

func (w *World) seedRegistry(ctx context.Context, t testing.TB) {
	t.Helper()
	w.must(t, "experiment", w.store.EnsureDefaultExperiment(ctx, "mlflow-artifacts:/"))
	w.must(t, "registry", w.store.Tx(ctx, func(tx *store.Tx) error {
		run, err := tx.CreateRun(ctx, store.NewRun{Name: "nightly <i>run</i>", User: "ann", StartMS: FirstEnd})
		if err != nil {
			return err
		}
		w.RunID = run.ID
		err = tx.LogBatch(ctx, run.ID, store.Batch{
			Metrics: []store.Metric{{Key: "accuracy", Value: 0.91, TimeMS: FirstEnd}, {Key: "f1", Value: 0.88, TimeMS: FirstEnd}},
			Params:  []store.Tag{{Key: "max_depth", Value: "6"}},
		})
		if err != nil {
			return err
		}
		for _, name := range []string{Bike, "acis_growth_classifier"} {
			if _, err := tx.CreateModel(ctx, name, "hours <script>of</script> bikes", nil); err != nil {
				return err
			}
			for range 2 {
				if _, err := tx.CreateVersion(ctx, store.NewVersion{Name: name, Source: run.ArtifactURI, RunID: run.ID}); err != nil {
					return err
				}
			}
			for _, v := range []string{"1", "2"} {
				if _, _, err := tx.Promote(ctx, name, v, "seed", "gates passed", NowMS-dayMS); err != nil {
					return err
				}
			}
		}
		_, err = tx.CreateModel(ctx, "acis_value_classifier", "", nil)
		return err
	}))
	_, err := w.store.AddReference(ctx, store.ReferenceRow{Model: Bike, ID: "4f2d9c0a11b2c3d4", Version: "1", Kind: "training", GridID: "g", Rows: 2184, FromMS: FirstEnd - 91*dayMS, ToMS: FirstEnd, MetaJSON: `{"blocks":13}`, Data: []byte{1}})
	w.must(t, "reference", err)
}

func (w *World) seedRetrains(ctx context.Context, t testing.TB) {
	t.Helper()
	w.Retrain = "r1" + strings.Repeat("ab", 15)
	_, _, err := w.store.EnqueueRetrain(ctx, store.Retrain{ID: w.Retrain, Model: Bike, Kind: "alarm", TriggerJSON: `{"reason":"drift"}`, Episode: w.Alarm, ClockMS: FirstEnd + 36*weekMS}, NowMS-3*hourMS)
	w.must(t, "retrain", err)
	r, found, err := w.store.ClaimRetrain(ctx, "trainer-0", NowMS-3*hourMS, hourMS)
	if err != nil || !found {
		t.Fatalf("seed claim: found %v, %v", found, err)
	}
	gates := `[{"name":"accuracy_gain","value":0.043,"limit":0,"low":0.012,"high":0.071,"support":336,"outcome":"pass"},
		{"name":"log_loss_guard","value":-0.01,"limit":-0.02,"low":-0.015,"high":0.004,"support":336,"outcome":"pass"},
		{"name":"bias_<b>season</b>","value":null,"limit":0.1,"low":null,"high":null,"support":0,"outcome":"skipped","reason":"no groups named"}]`
	version, run := "2", w.RunID
	path := []string{"QUEUED", "CHECKED", "LEASED", "DATASET", "TRAINED", "EVALUATED", "REGISTERED", "GATED", "PROMOTED", "PROBATION"}
	for i := 1; i < len(path); i++ {
		p := store.RetrainPatch{Reason: "step " + path[i]}
		if path[i] == "GATED" {
			p.GatesJSON, p.Version, p.RunID = &gates, &version, &run
		}
		_, err = w.store.AdvanceRetrain(ctx, w.Retrain, r.Fence, path[i-1], path[i], p, NowMS-2*hourMS+int64(i)*60_000)
		w.must(t, "step "+path[i], err)
	}
	for _, x := range []struct{ id, state, to string }{{"r2failed", "", "FAILED"}, {"r3coalesced", "COALESCED", ""}} {
		_, _, err := w.store.EnqueueRetrain(ctx, store.Retrain{ID: x.id, Model: "churn", Kind: "schedule", TriggerJSON: `{}`, State: x.state, Reason: "drift is harmless: accuracy 0.91, margin 0.02", ClockMS: FirstEnd}, NowMS-hourMS)
		w.must(t, x.id, err)
		if x.to != "" {
			_, err = w.store.AdvanceRetrain(ctx, x.id, 0, "QUEUED", x.to, store.RetrainPatch{Reason: "the trainer lost its database"}, NowMS-hourMS)
			w.must(t, x.id, err)
		}
	}
}

func (w *World) seedStreams(ctx context.Context, t testing.TB) {
	t.Helper()
	w.must(t, "ledger", w.store.PutLedger(ctx, []store.LedgerRow{{
		Topic: "ml.predictions", Part: 0, ArrivalMS: FirstEnd, Through: 120_000, LastOffset: 119_999,
		Outcomes: store.Outcomes{Records: 120_000, Accepted: 100_000, Late: 1_000, Future: 10, Dead: 40, Label: 18_000, Tick: 50, Unregistered: 900},
		DeadBy:   `{"not JSON":30,"<b>bad</b> time":10}`, UnregisteredBy: `{"shadow":900}`,
	}}))
	w.must(t, "sources", w.store.PutSources(ctx, []store.SourceRow{
		{Topic: "ml.predictions", Part: 0, UptoMS: FirstEnd + 60*weekMS, Partitions: 2, Through: 119_999, SeenMS: NowMS - 5000},
		{Topic: "ml.predictions", Part: 1, UptoMS: FirstEnd + 59*weekMS, Partitions: 2, Through: 80_000, SeenMS: NowMS - 20*60_000},
	}))
}
