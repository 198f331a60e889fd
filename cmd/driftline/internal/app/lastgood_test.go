package app

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/drift/performance/cohort"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
	"github.com/driftline/driftline/stream/historian"
	"github.com/driftline/driftline/trainer"
	"github.com/driftline/driftline/trainer/reference"
)

// goodDay is the start of 2026-01-01 and the days after.
func goodDay(n int) int64 { return 1_767_225_600_000 + int64(n)*cohort.DayMS }

func TestLastGood_GathersWhatIsKnown(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		check := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		cfg := config.Default()
		cfg.Topics.Inputs = []config.Input{{Topic: "in", Role: "events", Historical: true}}
		m := cfg.NewModel("m")
		m.Label.Maturity = config.Duration(2 * 24 * 3600e9)
		p := &Parts{Cfg: &cfg, Store: s}
		if _, err := p.LastGood(ctx, m, 7, goodDay(40)); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("without a champion: %v, want ErrNotFound", err)
		}

		maturity := 2 * cohort.DayMS
		check(s.Tx(ctx, func(tx *store.Tx) error {
			check(tx.EnsureDefaultExperiment(ctx, "mlflow-artifacts:/"))
			_, err := tx.CreateModel(ctx, "m", "", nil)
			check(err)
			run, err := tx.CreateRun(ctx, store.NewRun{})
			check(err)
			check(tx.LogBatch(ctx, run.ID, store.Batch{Metrics: []store.Metric{{Key: "accuracy", Value: 0.9}}}))
			for range 2 {
				_, err = tx.CreateVersion(ctx, store.NewVersion{Name: "m", Source: run.ArtifactURI, RunID: run.ID})
				check(err)
			}
			_, _, err = tx.Promote(ctx, "m", "2", "person", "test", goodDay(3)+5)
			check(err)
			check(tx.PutPerformanceDays(ctx, []store.PerformanceDay{
				{Model: "m", Version: "2", Day: "2026-01-05", Predicted: 9, Labelled: 8, Classed: 7, Correct: 6, LabelClockMS: goodDay(5) + maturity},
				{Model: "m", Version: "2", Day: "2026-01-06", Predicted: 9, Labelled: 8, Classed: 7, Correct: 6, LabelClockMS: goodDay(6) + maturity - 1},
				{Model: "m", Version: "2", Day: "2026-01-07", Predicted: 9, LabelClockMS: goodDay(30)},
				{Model: "m", Version: "1", Day: "2026-01-08", Predicted: 9, Labelled: 9, Classed: 9, Correct: 9, LabelClockMS: goodDay(30)},
			}))
			row := store.CohortRow{Model: "m", Version: "2", Day: "2026-01-05", MaturityMS: maturity, Kind: cohort.Binary, LabelClockMS: goodDay(7), Counts: []byte{1}}
			check(tx.PutCohorts(ctx, []store.CohortRow{row}))
			row.Reading, row.Report = "concept drift", "{}"
			return tx.PutCohortReport(ctx, row)
		}))
		// An alarm that ended before the promotion, one that did not, and one that is open.
		event := func(n int, episode, phase, kind string, ms int64) store.EventRow {
			return store.EventRow{ID: fmt.Sprint("e", n), Type: "t", Model: "m", TimeMS: ms, Body: "{}", Episode: episode, Kind: kind, Phase: phase, WindowMS: cohort.DayMS}
		}
		part := event(7, "part0000", "firing", "drift", goodDay(11)) // of a part of the traffic, which counts too
		part.Segment = "region=eu"
		check(s.PutEvents(ctx, []store.EventRow{
			event(1, "before00", "firing", "drift", goodDay(1)), event(2, "before00", "resolved", "drift", goodDay(2)),
			event(3, "across00", "firing", "performance", goodDay(2)), event(4, "across00", "superseded", "performance", goodDay(4)),
			event(5, "open0000", "firing", "joint", goodDay(9)),
			part,
			{ID: "e6", Type: "t", Model: "another", TimeMS: goodDay(5), Body: "{}", Episode: "other", Kind: "drift", Phase: "firing"},
		}))
		got, err := p.LastGood(ctx, m, 7, goodDay(40))
		check(err)
		promise := 0.9
		want := reference.LastGood{
			Version: "2", PromotedMS: goodDay(3) + 5, UntilMS: goodDay(40), Days: 7, Promise: &promise,
			Alarms: []reference.BadSpan{
				{FromMS: goodDay(10), ToMS: reference.OpenEnd, Name: "alarm part0000 (drift of region=eu)"},
				{FromMS: goodDay(8), ToMS: reference.OpenEnd, Name: "alarm open0000 (joint)"},
				{FromMS: goodDay(1), ToMS: goodDay(4), Name: "alarm across00 (performance)"},
			},
			Known: []reference.KnownDay{
				{StartMS: goodDay(4), Labelled: 8, Classed: 7, Right: 6, Week: reference.WeekWorse},
				{StartMS: goodDay(6)},
			},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}

		// Windows are judged up to a day: what comes after is not known to be without alarms.
		check(s.PutScores(ctx, []store.ScoreRow{
			{Model: "m", Version: "*", Reference: "r", WindowMS: cohort.DayMS, EndMS: goodDay(20), Body: "{}"},
			{Model: "m", Version: "*", Reference: "r", WindowMS: 7 * cohort.DayMS, EndMS: goodDay(19), Body: "{}"},
		}))
		m.Label.Kind = cohort.Regression
		got, err = p.LastGood(ctx, m, 7, goodDay(40))
		check(err)
		if got.UntilMS != goodDay(20) || got.Promise != nil || got.Known[0].Classed != 0 || got.Known[0].Labelled != 8 {
			t.Errorf("a regression that is judged to day 20: until %d, promise %v, %+v", got.UntilMS, got.Promise, got.Known)
		}

		check(s.Tx(ctx, func(tx *store.Tx) error {
			all, err := alarmSpans(ctx, tx, "m", 0, 100)
			check(err)
			paged, err := alarmSpans(ctx, tx, "m", 0, 2)
			check(err)
			seen := map[reference.BadSpan]bool{}
			for _, x := range paged {
				seen[x] = true
			}
			if len(all) != 4 || len(seen) != 4 {
				t.Errorf("%d alarms at once, %d page by page; want 4", len(all), len(seen))
			}
			return nil
		}))
	})
}

// Where all times are historical a retrain's promotion is of its own clock.
func TestLastGood_ServesSince(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		version := "1"
		err := s.Tx(ctx, func(tx *store.Tx) error {
			row, _, err := tx.EnqueueRetrain(ctx, store.Retrain{ID: "r", Model: "m", Kind: "person", TriggerJSON: "{}", ClockMS: goodDay(5)}, 1)
			if err != nil {
				return err
			}
			_, err = tx.AdvanceRetrain(ctx, row.ID, row.Fence, row.State, row.State, store.RetrainPatch{Version: &version}, 2)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			name       string
			actor, act string
			version    string
			historical []bool
			want       int64
		}{
			{"times of now", trainer.Actor, store.ActPromote, "1", []bool{false}, goodDay(300)},
			{"one topic of now", trainer.Actor, store.ActPromote, "1", []bool{true, false}, goodDay(300)},
			{"historical", trainer.Actor, store.ActPromote, "1", []bool{true}, goodDay(5)},
			{"historical, by a person", "someone", store.ActPromote, "1", []bool{true}, goodDay(300)},
			{"historical, a rollback", trainer.Actor, store.ActRollback, "1", []bool{true}, goodDay(300)},
			{"historical, without a retrain", trainer.Actor, store.ActPromote, "2", []bool{true}, goodDay(300)},
		} {
			cfg := config.Default()
			cfg.Topics.Inputs = nil
			for _, h := range tt.historical {
				cfg.Topics.Inputs = append(cfg.Topics.Inputs, config.Input{Topic: "in", Role: "events", Historical: h})
			}
			p := &Parts{Cfg: &cfg, Store: s}
			err := s.Read(ctx, func(tx *store.Tx) error {
				got, err := p.servesSince(ctx, tx, store.Champion{Model: "m", Version: tt.version, SinceMS: goodDay(300), Actor: tt.actor, Act: tt.act})
				if err == nil && got != tt.want {
					t.Errorf("%s: since %d, want %d", tt.name, got, tt.want)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A run may log what is no number, or ±Inf: that promises nothing.
func TestPromised_IsAShare(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		for i, tt := range []struct {
			logged float64
			want   bool
		}{{0.9, true}, {0, true}, {1, true}, {math.NaN(), false}, {math.Inf(1), false}, {93.5, false}, {-1, false}} {
			name := fmt.Sprint("m", i)
			err := s.Tx(ctx, func(tx *store.Tx) error {
				if err := tx.EnsureDefaultExperiment(ctx, "mlflow-artifacts:/"); err != nil {
					return err
				}
				if _, err := tx.CreateModel(ctx, name, "", nil); err != nil {
					return err
				}
				run, err := tx.CreateRun(ctx, store.NewRun{})
				if err != nil {
					return err
				}
				if err := tx.LogBatch(ctx, run.ID, store.Batch{Metrics: []store.Metric{{Key: "accuracy", Value: tt.logged}}}); err != nil {
					return err
				}
				_, err = tx.CreateVersion(ctx, store.NewVersion{Name: name, Source: run.ArtifactURI, RunID: run.ID})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			got, err := promisedAccuracy(ctx, s, name, "1")
			if err != nil || (got != nil) != tt.want {
				t.Errorf("logged %g: promised %v, %v", tt.logged, got, err)
			}
			h := historyStore{p: &Parts{Store: s}}
			alarm, err := h.Baseline(ctx, historian.PerformanceModel{Model: name, Champion: "1"})
			if _, ok := alarm.Figures["accuracy"]; err != nil || ok != tt.want {
				t.Errorf("logged %g: the performance alarm takes %v, %v", tt.logged, alarm.Figures, err)
			}
		}
	})
}
