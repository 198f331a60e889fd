package trainer

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
)

func TestBootstrap_TrainsAFirstVersionFromWholeDays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Open(t))
	tr := w.trainer("one")
	w.days(0, 14, byA) // the last labelled event is an hour short of 14 days
	w.settle(tr)
	w.expect()
	w.days(14, 15, byA)
	w.settle(tr)
	r := w.expect(store.RetrainDone)[0]
	if r.Kind != "bootstrap" || r.ClockMS != day(14) || r.Version != "1" || w.champion() != "1" {
		t.Fatalf("bootstrap is kind %s at %s, version %q, champion %q", r.Kind, date(r.ClockMS), r.Version, w.champion())
	}
	m, ok := manifestOf(r)
	if !ok || m.Rows != 14*24 || m.TrainRows != 7*24 || m.HoldoutRows != 7*24 {
		t.Errorf("manifest has %d rows, %d to train, %d held out; want 336, 168, 168", m.Rows, m.TrainRows, m.HoldoutRows)
	}
	want := []string{"retrain.requested ", "gate.decided 1", "model.promoted 1", "control.grid 1", "control.reference 1", "reference.changed 1", "retrain.completed 1"}
	if got := w.outbox(); !slices.Equal(got, want) {
		t.Errorf("outbox %q\nwant   %q", got, want)
	}
}

func TestAlarm_LeadsToAPromotion(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w, tr := started(t, s)
		w.days(15, 36, byB)
		w.alarm("drift", "detected", 36, nil)
		w.settle(tr)
		r := w.expect(store.RetrainDone, store.RetrainProbation)[1]
		if r.Version != "2" || w.champion() != "2" || r.ChampionBefore != "1" || r.ID != retrainID("drift-episode", day(36)) {
			t.Fatalf("version %q, champion %q, compared with %q, id %s", r.Version, w.champion(), r.ChampionBefore, r.ID)
		}
		v, err := w.store.Version(w.ctx, testModel, "2")
		w.check(err)
		if v.Stage != store.StageProduction || !slices.Equal(v.Aliases, []string{"champion"}) || v.RunID != r.RunID {
			t.Errorf("version 2 is %s with aliases %q of run %s", v.Stage, v.Aliases, v.RunID)
		}
		w.days(36, 44, byB)
		w.settle(tr)
		w.expect(store.RetrainDone, store.RetrainDone)
		if w.champion() != "2" {
			t.Errorf("champion after probation is %q", w.champion())
		}
	})
}

func TestFootprint_OfARetrainIsComplete(t *testing.T) {
	t.Parallel()
	w, tr := started(t, storetest.Open(t))
	w.days(15, 36, byB)
	w.alarm("drift", "detected", 36, nil)
	w.settle(tr)
	r := w.rows()[1]
	run, err := w.store.Run(w.ctx, r.RunID)
	w.check(err)
	if run.Status != store.RunFinished || run.EndMS == 0 {
		t.Errorf("run is %s, ended %d", run.Status, run.EndMS)
	}
	for _, name := range []string{"accuracy", "precision", "recall", "f1", "roc_auc", "log_loss", "brier", "champion_accuracy", "champion_log_loss"} {
		if _, ok := metricOf(run, name); !ok {
			t.Errorf("run has no metric %s", name)
		}
	}
	has := func(tags []store.Tag, key, value string) {
		t.Helper()
		if !slices.Contains(tags, store.Tag{Key: key, Value: value}) {
			t.Errorf("no %s = %q among %v", key, value, tags)
		}
	}
	has(run.Params, "learning_rate", "0.1")
	has(run.Params, "n_estimators", "8")
	has(run.Tags, "driftline.retrain_id", r.ID)
	has(run.Tags, "driftline.parent_version", "1")
	has(run.Tags, "driftline.gate", "pass")
	v, err := w.store.Version(w.ctx, testModel, "2")
	w.check(err)
	has(v.Tags, "refit_untested", "true")
	has(v.Tags, "driftline.threshold", "0.5")
	if v.Source != run.ArtifactURI+"/model" {
		t.Errorf("source is %q, run's artifacts are at %q", v.Source, run.ArtifactURI)
	}
	base, err := artifactPath(run.ArtifactURI, "mlflow-artifacts:/")
	w.check(err)
	for _, name := range []string{
		"model/model.json", "model/MLmodel", "model/requirements.txt", "feature_importance.csv", "model_card.md", "gate.json", "metrics.json",
		"dataset/manifest.json", "dataset/data.csv.gz", "tested/model.json",
	} {
		f, info, err := w.art.Open(w.ctx, base+"/"+name)
		if err != nil {
			t.Errorf("artifact %s: %v", name, err)
			continue
		}
		body, err := io.ReadAll(f)
		w.check(err)
		w.check(f.Close())
		if info.Size == 0 {
			t.Errorf("artifact %s is empty", name)
		}
		if name == "model_card.md" && !strings.Contains(string(body), "the refit itself is untested") {
			t.Errorf("the model card does not say that the refit is untested:\n%s", body)
		}
	}
	c, err := LoadChampion(w.ctx, w.store, w.art, "mlflow-artifacts:/", testModel)
	w.check(err)
	if c.Version != "2" || c.Positive != "1" || c.Threshold != 0.5 || !slices.Equal(c.Features, []string{"a", "b"}) {
		t.Errorf("champion is %+v", c)
	}
}

func TestControl_CarriesGridAndReferenceThatTheStreamReads(t *testing.T) {
	t.Parallel()
	w, _ := startedAs(t, storetest.Open(t), together)
	rows, err := w.store.PendingOutbox(w.ctx, 100)
	w.check(err)
	var grid wire.GridControl
	for _, o := range rows {
		if !strings.HasPrefix(o.Kind, "control.") {
			continue
		}
		b, err := base64.StdEncoding.DecodeString(o.Payload)
		w.check(err)
		if o.Kind == controlGrid {
			grid, err = wire.DecodeGridControl(b)
			w.check(err)
			if want := (day(15)+60_000)/3_600_000 + 1; grid.FromPane != want {
				t.Errorf("grid from pane %d, want %d: behind clock and skew", grid.FromPane, want)
			}
			continue
		}
		ref, err := wire.DecodeReference(b, func(_ string, id sketches.ID) (*sketches.Grid, bool) { return grid.Grid, grid.Grid.ID() == id })
		w.check(err)
		if ref.Joint == nil || grid.Joint == nil || ref.Joint.Sums.Embedding.ID() != grid.Joint.ID() {
			t.Error("grid and reference do not have one embedding")
		}
		if ref.Version != "1" || ref.Counts.Rows != 14*24 || ref.BlocksOf(dayMS) == nil || ref.FromMS != day(0) {
			t.Errorf("reference of version %s: %d rows from %s, day blocks %v", ref.Version, ref.Counts.Rows, date(ref.FromMS), ref.BlocksOf(dayMS) != nil)
		}
	}
	if grid.Grid == nil {
		t.Fatal("no grid was sent")
	}
}

func TestGate_RefusesAModelThatLearntNothing(t *testing.T) {
	t.Parallel()
	w, tr := started(t, storetest.Open(t))
	w.days(15, 36, chance)
	w.alarm("drift", "detected", 36, nil)
	w.settle(tr)
	r := w.expect(store.RetrainDone, store.RetrainRejected)[1]
	if w.champion() != "1" || !strings.Contains(r.Reason, "floor_roc_auc fail") {
		t.Errorf("champion %q, reason %q", w.champion(), r.Reason)
	}
	d, err := (&job{row: r}).decision()
	w.check(err)
	if d.Promote || len(d.Checks) < 10 || d.Champion == nil {
		t.Errorf("recorded decision: promote %v, %d checks", d.Promote, len(d.Checks))
	}
	v, err := w.store.Version(w.ctx, testModel, r.Version)
	w.check(err)
	if v.Stage != store.StageArchived || len(v.Aliases) > 0 {
		t.Errorf("the refused version is %s with aliases %q", v.Stage, v.Aliases)
	}
	// Refused is a decision: the cool-down counts from it.
	w.days(36, 43, byB)
	w.alarm("drift", "ongoing", 43, nil)
	w.settle(tr)
	w.expect(store.RetrainDone, store.RetrainRejected, store.RetrainCoalesced)
}

func TestQueue_SaysWhyARetrainMustWait(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		end    int
		change func(*Spec)
		want   string
	}{
		{"cool-down has not passed", 22, nil, "cool-down: 8 days since the last decision"},
		{"too little is new", 20, func(s *Spec) { s.CoolDownMS = 0 }, "too little that is new: 6 days"},
		{"enough promotions this week", 20, func(s *Spec) { s.CoolDownMS, s.MinFreshMS, s.MaxPerWeek = 0, 0, 1 }, "1 promotions within 7 days"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, tr := started(t, storetest.Open(t))
			if c.change != nil {
				c.change(&w.spec)
			}
			w.days(15, c.end, byB)
			w.alarm("drift", "detected", c.end, nil)
			w.settle(tr)
			if r := w.expect(store.RetrainDone, store.RetrainCoalesced)[1]; !strings.Contains(r.Reason, c.want) {
				t.Errorf("reason %q, want %q in it", r.Reason, c.want)
			}
		})
	}
}

// A check of rows looks at the history once: what it saw, or did not see yet, opens and

// ends no alarm of the stream.

func TestProbation_RollsBackWhatLiveLabelsShowWorse(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w, tr := started(t, s)
		w.days(15, 36, byB)
		w.alarm("drift", "detected", 36, nil)
		w.settle(tr)
		w.expect(store.RetrainDone, store.RetrainProbation)
		before := len(w.outbox())
		w.days(36, 44, byA) // the world turns back
		w.settle(tr)
		w.expect(store.RetrainDone, store.RetrainRolledBack)
		if w.champion() != "1" {
			t.Errorf("champion is %q, want 1", w.champion())
		}
		want := []string{"model.rolledback 1", "control.reference 1", "reference.changed 1", "retrain.completed 2"}
		if got := w.outbox()[before:]; !slices.Equal(got, want) {
			t.Errorf("outbox of the rollback %q, want %q", got, want)
		}
	})
}

func TestPerson_ForceSkipsDriftAndCoolDownOnly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		end   int
		force bool
		state string
		want  string
	}{
		{"without force no alarm is open", 36, false, store.RetrainCoalesced, "no drift or performance alarm"},
		{"without force the cool-down holds", 24, false, store.RetrainCoalesced, "cool-down"},
		{"force within the cool-down", 27, true, store.RetrainProbation, "watched until"},
		{"force without fresh labels", 18, true, store.RetrainCoalesced, "too little that is new"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, tr := started(t, storetest.Open(t))
			w.spec.WindowMS = 14 * dayMS
			w.days(15, c.end, byB)
			id, err := tr.Trigger(w.ctx, testModel, "ann", "month end", c.force)
			w.check(err)
			w.settle(tr)
			r, err := w.store.Retrain(w.ctx, id)
			w.check(err)
			if r.State != c.state || !strings.Contains(r.Reason, c.want) {
				t.Errorf("%s: %q, want %s: …%q…", r.State, r.Reason, c.state, c.want)
			}
		})
	}
}

// Without force a person's retrain needs drift of what a new version learns from, or a fall
// of performance: an alarm of a part of the traffic, or on what the version answers, is
// neither.
func TestPerson_AlarmsThatAreNoReasonToRetrain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, kind, segment string
		want                string
	}{
		{"of all of the traffic", kindDrift, "", store.RetrainProbation},
		{"of a part", kindDrift, "region=eu", store.RetrainCoalesced},
		{"of what the version answers", wire.KindOfPrediction, "", store.RetrainCoalesced},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, tr := started(t, storetest.Open(t))
			w.spec.WindowMS = 14 * dayMS
			w.days(15, 36, byB)
			w.check(w.store.PutEvents(w.ctx, []store.EventRow{{
				ID: "a", Type: wire.EventType(c.kind, "detected"), Model: testModel, TimeMS: day(36), Body: "{}", Episode: "a", Version: "*", Policy: "default",
				WindowMS: 7 * dayMS, Kind: c.kind, Segment: c.segment, Phase: "firing", TopJSON: "[]",
			}}))
			id, err := tr.Trigger(w.ctx, testModel, "ann", "month end", false)
			w.check(err)
			w.settle(tr)
			r, err := w.store.Retrain(w.ctx, id)
			w.check(err)
			if r.State != c.want {
				t.Errorf("%s: %q, want %s", r.State, r.Reason, c.want)
			}
		})
	}
}

// Events on what a version answers start nothing, whatever they say of themselves.
func TestIntake_PassesAlarmsOfPredictionsOver(t *testing.T) {
	t.Parallel()
	w, tr := started(t, storetest.Open(t))
	w.days(15, 36, byB)
	before := w.rows()
	w.alarm(wire.KindOfPrediction, "detected", 36, func(d *wire.EventData) { d.Version = "1" })
	w.settle(tr)
	if got := w.rows(); len(got) != len(before) {
		t.Errorf("%d retrains, %d before the event", len(got), len(before))
	}
}

func TestAutomation_DecidesWhatAPassedGateLeadsTo(t *testing.T) {
	t.Parallel()
	t.Run("approve waits for a person", func(t *testing.T) {
		t.Parallel()
		w, tr := started(t, storetest.Open(t))
		w.spec.Automation = AutoApprove
		w.days(15, 36, byB)
		w.alarm("drift", "detected", 36, nil)
		w.settle(tr)
		r := w.expect(store.RetrainDone, store.RetrainApproval)[1]
		v, err := w.store.Version(w.ctx, testModel, r.Version)
		w.check(err)
		if v.Stage != store.StageStaging || !slices.Equal(v.Aliases, []string{"challenger"}) {
			t.Errorf("the waiting version is %s with aliases %q", v.Stage, v.Aliases)
		}
		w.check(Approve(w.ctx, w.store, r.ID, "ann", "looks right"))
		w.settle(tr)
		w.expect(store.RetrainDone, store.RetrainProbation)
		if w.champion() != "2" {
			t.Errorf("champion is %q", w.champion())
		}
	})
	t.Run("approval is void once the champion changed", func(t *testing.T) {
		t.Parallel()
		w, tr := started(t, storetest.Open(t))
		w.spec.Automation = AutoApprove
		w.days(15, 36, byB)
		w.alarm("drift", "detected", 36, nil)
		w.settle(tr)
		r := w.rows()[1]
		v, err := w.store.Version(w.ctx, testModel, "1")
		w.check(err)
		w.check(w.store.Tx(w.ctx, func(tx *store.Tx) error {
			other, err := tx.CreateVersion(w.ctx, store.NewVersion{Name: testModel, Source: v.Source, RunID: v.RunID})
			if err != nil {
				return err
			}
			return tx.SetAlias(w.ctx, testModel, "champion", other.Version)
		}))
		w.check(Approve(w.ctx, w.store, r.ID, "ann", "looks right"))
		w.settle(tr)
		if r := w.expect(store.RetrainDone, store.RetrainRejected)[1]; !strings.Contains(r.Reason, "champion changed") || w.champion() != "3" {
			t.Errorf("reason %q, champion %q", r.Reason, w.champion())
		}
	})
	t.Run("retrain promotes nothing", func(t *testing.T) {
		t.Parallel()
		w, tr := started(t, storetest.Open(t))
		w.spec.Automation = AutoRetrain
		w.days(15, 36, byB)
		w.alarm("drift", "detected", 36, nil)
		w.settle(tr)
		w.expect(store.RetrainDone, store.RetrainDone)
		if w.champion() != "1" {
			t.Errorf("champion is %q", w.champion())
		}
	})
	t.Run("observe queues nothing", func(t *testing.T) {
		t.Parallel()
		w, tr := started(t, storetest.Open(t))
		w.spec.Automation = AutoObserve
		w.days(15, 36, byB)
		w.alarm("drift", "detected", 36, nil)
		w.settle(tr)
		w.expect(store.RetrainDone)
	})
}

func TestIntake_PassesOverWhatItCannotReadAndCountsIdlePasses(t *testing.T) {
	t.Parallel()
	w, tr := started(t, storetest.Open(t))
	idle := tr.IdlePasses()
	w.check(w.log.Write(record([]byte("not an event"))))
	for range 3 {
		_, err := tr.Step(w.ctx)
		w.check(err)
	}
	if got := tr.IdlePasses() - idle; got != 2 {
		t.Errorf("%d idle passes after one with a record and two without, want 2", got)
	}
	w.expect(store.RetrainDone)
}

func TestLifecycle_PayloadNamesWhatHappened(t *testing.T) {
	t.Parallel()
	w, _ := started(t, storetest.Open(t))
	rows, err := w.store.PendingOutbox(w.ctx, 100)
	w.check(err)
	seen := map[string]bool{}
	for _, o := range rows {
		if o.Kind != toldRequested && o.Kind != toldCompleted && o.Kind != toldGate && o.Kind != toldReference {
			continue
		}
		var l Lifecycle
		w.check(json.Unmarshal([]byte(o.Payload), &l))
		if l.ID == "" || seen[l.ID] || l.Model != testModel || l.TimeMS != day(14) {
			t.Errorf("%s: %+v", o.Kind, l)
		}
		seen[l.ID] = true
	}
	if len(seen) != 4 {
		t.Errorf("%d lifecycle rows, want 4", len(seen))
	}
}
