package trainer

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/trainer/gbdt"
	"github.com/driftline/driftline/trainer/judge"
)

// A grid that was superseded cannot come back: after a rollback across one, the former
// version's rows are counted on the grid in force.
func TestProbation_RollsBackAcrossANewGrid(t *testing.T) {
	t.Parallel()
	w, tr := startedAs(t, storetest.Open(t), together)
	w.shift = 10 // beyond the first grid
	w.days(15, 36, byB)
	w.alarm("drift", "detected", 36, nil)
	w.settle(tr)
	w.expect(store.RetrainDone, store.RetrainProbation)
	if got := w.outbox(); !slices.Contains(got, "control.grid 2") {
		t.Fatalf("no new grid was sent: %q", got)
	}
	before := len(w.outbox())
	w.days(36, 44, always) // version 1 says so for every a above 0.5
	w.settle(tr)
	w.expect(store.RetrainDone, store.RetrainRolledBack)
	grid, err := tr.gridInForce(w.ctx, testModel)
	w.check(err)
	rows, err := w.store.PendingOutbox(w.ctx, 1000)
	w.check(err)
	found := false
	for _, o := range rows[before:] {
		if o.Kind == controlGrid {
			t.Error("the rollback sent a grid")
		}
		if o.Kind != controlReference {
			continue
		}
		found = true
		b, err := base64.StdEncoding.DecodeString(o.Payload)
		w.check(err)
		ref, err := wire.DecodeReference(b, func(_ string, id sketches.ID) (*sketches.Grid, bool) { return grid.grid, grid.grid.ID() == id })
		w.check(err)
		if ref.Version != "1" || ref.Counts.Rows != 14*24 {
			t.Errorf("reference of version %s over %d rows, want version 1 over 336", ref.Version, ref.Counts.Rows)
		}
	}
	if !found {
		t.Error("the rollback sent no reference")
	}
}

func TestProbation_EndsWithoutLabelsAfterWaitingAsLongAgain(t *testing.T) {
	t.Parallel()
	w, tr := started(t, storetest.Open(t))
	w.days(15, 36, byB)
	w.alarm("drift", "detected", 36, nil)
	w.settle(tr)
	w.clock = day(49)
	w.settle(tr)
	w.expect(store.RetrainDone, store.RetrainProbation)
	w.clock = day(50)
	w.settle(tr)
	if r := w.expect(store.RetrainDone, store.RetrainDone)[1]; !strings.Contains(r.Reason, "no labelled rows") {
		t.Errorf("reason %q", r.Reason)
	}
}

func TestProbation_IsEndedByALaterPromotion(t *testing.T) {
	t.Parallel()
	w, tr := started(t, storetest.Open(t))
	w.spec.ProbationMS = 90 * dayMS
	w.days(15, 36, byB)
	w.alarm("drift", "detected", 36, nil)
	w.settle(tr)
	w.days(36, 60, byA)
	w.alarm("drift", "ongoing", 60, nil)
	w.settle(tr)
	r := w.expect(store.RetrainDone, store.RetrainDone, store.RetrainProbation)
	if !strings.Contains(r[1].Reason, "version 3 was promoted") {
		t.Errorf("reason %q", r[1].Reason)
	}
}

func TestSchedule_RetrainsWithoutDrift(t *testing.T) {
	t.Parallel()
	w, tr := started(t, storetest.Open(t))
	w.spec.ScheduleMS = 7 * dayMS
	w.days(15, 36, byB)
	w.settle(tr)
	r := w.expect(store.RetrainDone, store.RetrainProbation)[1]
	if r.Kind != "schedule" || r.ClockMS%(7*dayMS) != 0 || r.ClockMS > w.clock || r.ClockMS <= w.clock-7*dayMS {
		t.Errorf("kind %s at %s, clock %s", r.Kind, date(r.ClockMS), date(w.clock))
	}
}

func TestKinds_OtherThanTwoClasses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(*Spec)
		metric string
	}{
		{"several classes", func(s *Spec) {
			s.Params.Objective, s.Params.NumClass, s.Gate.Kind = gbdt.Softprob, 3, judge.KindMulticlass
			s.Gate.Floors, s.Gate.Relative, s.Positive = []judge.Floor{{Metric: judge.MacroF1, Limit: 0.5}}, nil, ""
		}, judge.MacroF1},
		{"numbers", func(s *Spec) {
			s.Params.Objective, s.Gate.Kind = gbdt.SquaredError, judge.KindRegression
			s.Gate.Primary, s.Gate.Guards = judge.Primary{Metric: judge.RMSE, Direction: judge.Lower}, []judge.Guard{{Metric: judge.MAE, Margin: 0.1}}
			s.Gate.Floors, s.Gate.Relative, s.Positive = []judge.Floor{{Metric: judge.R2, Limit: 0.5}}, nil, ""
		}, judge.R2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, storetest.Open(t))
			c.change(&w.spec)
			w.check(w.spec.Validate())
			tr := w.trainer("one")
			w.days(0, 15, thirds)
			w.settle(tr)
			w.expect(store.RetrainDone)
			w.shift = 0.3
			w.days(15, 36, thirds)
			w.alarm("performance", "detected", 36, nil)
			w.settle(tr)
			r := w.expect(store.RetrainDone, store.RetrainProbation)[1]
			run, err := w.store.Run(w.ctx, r.RunID)
			w.check(err)
			if v, ok := metricOf(run, c.metric); !ok || v < 0.5 {
				t.Errorf("%s is %v (%v)", c.metric, v, ok)
			}
		})
	}
}

func TestBootstrap_RefusedIsTriedAgainOnFresherRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Open(t))
	tr := w.trainer("one")
	w.days(0, 15, chance)
	w.settle(tr)
	w.expect(store.RetrainRejected)
	w.days(15, 21, byA)
	w.settle(tr)
	w.expect(store.RetrainRejected)
	w.spec.Gate.Holdout.Fresh = false
	w.days(21, 36, byA)
	w.settle(tr)
	if rows := w.rows(); len(rows) != 2 || rows[1].Kind != "bootstrap" || rows[1].ClockMS != day(35) {
		t.Errorf("%d rows, the last at %s", len(rows), date(rows[len(rows)-1].ClockMS))
	}
}

func TestLoadChampion_SaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	w, _ := started(t, storetest.Open(t))
	v, err := w.store.Version(w.ctx, testModel, "1")
	w.check(err)
	for _, c := range []struct{ name, source, want string }{
		{"a source elsewhere", "s3://other/place", "not below the artifact root"},
		{"a source that climbs out", "mlflow-artifacts:/1/../../etc", "names no place"},
		{"a source that climbs out, encoded", "mlflow-artifacts:/1/%2e%2e/%2e%2e/etc", "names no place"},
		{"a model of another format", "mlflow-artifacts:/1/nothing", "only models in XGBoost's JSON"},
		{"a file that is no model", v.Source[:strings.LastIndex(v.Source, "/")] + "/odd", "model.json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if strings.HasSuffix(c.source, "/odd") {
				p, err := artifactPath(c.source, "mlflow-artifacts:/")
				w.check(err)
				w.check(w.art.Put(w.ctx, p+"/model.json", strings.NewReader("{}"), 0))
			}
			w.check(w.store.Tx(w.ctx, func(tx *store.Tx) error {
				v, err := tx.CreateVersion(w.ctx, store.NewVersion{Name: testModel, Source: c.source})
				if err != nil {
					return err
				}
				return tx.SetAlias(w.ctx, testModel, "champion", v.Version)
			}))
			_, err := LoadChampion(w.ctx, w.store, w.art, "mlflow-artifacts:/", testModel)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q in it", err, c.want)
			}
		})
	}
}

func TestArtifactPath_BelowTheRootOnly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ uri, root, want string }{
		{"mlflow-artifacts:/3/ab/artifacts/model", "mlflow-artifacts:/", "3/ab/artifacts/model"},
		{"mlflow-artifacts://host:5000/3/ab", "mlflow-artifacts:/", "3/ab"},
		{"s3://bucket/pre/3/ab", "s3://bucket/pre", "3/ab"},
		{"/data/artifacts/3/ab", "/data/artifacts/", "3/ab"},
		{"s3://bucket/prefix/3", "s3://bucket/pre", ""},
		{"/etc/passwd", "/data/artifacts", ""},
		{"mlflow-artifacts:/", "mlflow-artifacts:/", ""},
	} {
		got, err := artifactPath(c.uri, c.root)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("artifactPath(%q, %q) = %q, %v; want %q", c.uri, c.root, got, err, c.want)
		}
	}
}

func TestIntake_StartsAnewWhereTheTopicIsShorterThanWhatWasRead(t *testing.T) {
	t.Parallel()
	w, tr := started(t, storetest.Open(t))
	for range 3 {
		w.alarm("drift", "resolved", 20, func(d *wire.EventData) { d.Phase = "resolved" })
	}
	w.settle(tr)
	w.check(w.log.Recreate(topic))
	w.days(15, 36, byB)
	w.alarm("drift", "detected", 36, nil)
	w.settle(tr)
	w.expect(store.RetrainDone, store.RetrainProbation)
}

func TestReady_LeavesAnAlarmUnreadUntilItsRowsAreStored(t *testing.T) {
	t.Parallel()
	w, tr := started(t, storetest.Open(t))
	stored := int64(0)
	tr.cfg.Ready = func(_ context.Context, _ string, clockMS int64) (bool, error) { return clockMS <= stored, nil }
	w.days(15, 36, byB)
	w.alarm("drift", "resolved", 30, func(d *wire.EventData) { d.Phase = "resolved" })
	w.alarm("drift", "detected", 36, nil)
	idle := tr.IdlePasses()
	for range 3 {
		_, err := tr.Step(w.ctx)
		w.check(err)
	}
	w.expect(store.RetrainDone)
	if tr.IdlePasses() != idle {
		t.Errorf("%d idle passes while an event waits", tr.IdlePasses()-idle)
	}
	stored = day(36)
	w.settle(tr)
	w.expect(store.RetrainDone, store.RetrainProbation)
}

func TestCancel_EndsRunAndVersionToo(t *testing.T) {
	t.Parallel()
	w, tr := started(t, storetest.Open(t))
	w.spec.Automation = AutoApprove
	w.days(15, 36, byB)
	w.alarm("drift", "detected", 36, nil)
	w.settle(tr)
	r := w.expect(store.RetrainDone, store.RetrainApproval)[1]
	w.check(Cancel(w.ctx, w.store, r.ID, "ann", "not now"))
	w.settle(tr)
	if r := w.expect(store.RetrainDone, store.RetrainRejected)[1]; r.Reason != "refused by ann: not now" {
		t.Errorf("reason %q", r.Reason)
	}
	v, err := w.store.Version(w.ctx, testModel, r.Version)
	w.check(err)
	if v.Stage != store.StageArchived || len(v.Aliases) > 0 || w.champion() != "1" {
		t.Errorf("version is %s with aliases %q, champion %q", v.Stage, v.Aliases, w.champion())
	}
}
