package app

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/driftline/driftline/drift/performance/cohort"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
	"github.com/driftline/driftline/stream/historian"
	"github.com/driftline/driftline/stream/memlog"
	"github.com/driftline/driftline/stream/wire"
)

// promise logs a metric to the run of version 1.
func (p *past) promise(key string, value float64) {
	p.t.Helper()
	v, err := p.store.Version(p.t.Context(), "m", "1")
	if err == nil {
		err = p.store.Tx(p.t.Context(), func(tx *store.Tx) error {
			return tx.LogBatch(p.t.Context(), v.RunID, store.Batch{Metrics: []store.Metric{{Key: key, Value: value}}})
		})
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// told are the drift events that wait to be published, as they were put there.
func (p *past) told() (out []string) {
	p.t.Helper()
	rows, err := p.store.PendingOutbox(p.t.Context(), 1000)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, r := range rows {
		if r.Kind == kindEvent {
			out = append(out, r.Payload)
		}
	}
	return out
}

// fallen is a stream of a regression whose errors grow by 70 % on day 14.
func fallen(t *testing.T, s *store.Store) *past {
	t.Helper()
	p := newPast(t, s, kinds[cohort.Regression])
	w := &world{kind: cohort.Regression, change: "concept", changeAt: 14, days: 24, rows: 60, missing: 0.1, rng: rand.New(rand.NewPCG(7, 9))}
	w.write(t, p.log)
	return p
}

// TestBaseline_ARegressionAlarmsAlikeAfterKills: from the topics to the outbox, on every
// database; whatever life ends where, ids and figures are the same.
func TestBaseline_ARegressionAlarmsAlikeAfterKills(t *testing.T) {
	t.Parallel()
	tell := func(t *testing.T, s *store.Store, lives int) []string {
		t.Helper()
		p := fallen(t, s)
		p.promise("rmse", 0.67)
		for life := range lives {
			err := p.run(p.log.Handle(memlog.KillAt(int64(9+7*life), memlog.KillBefore)))
			if err == nil && life < 3 {
				t.Fatalf("life %d was not ended", life)
			}
		}
		if err := p.run(p.log.Handle(nil)); err != nil {
			t.Fatal(err)
		}
		return p.told()
	}
	want := tell(t, storetest.Open(t), 0)
	if len(want) == 0 {
		t.Fatal("no event")
	}
	e, err := wire.DecodeEvent([]byte(want[0]))
	if err != nil || !strings.HasSuffix(e.Type, "performance.detected.v1") || e.Data.Detail["metric"] != "rmse" || e.Data.Detail["baseline"] != 0.67 || e.Data.Rule != "realised rmse" {
		t.Fatalf("event %+v, %v", e, err)
	}
	if day := (e.Data.EndMS - firstMS) / oneDay; day < 16 || day > 20 {
		t.Errorf("detected at the end of day %d, the errors grew on day 14", day)
	}
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		if d := cmp.Diff(want, tell(t, s, 6)); d != "" {
			t.Errorf("events after kills (-want +got):\n%s", d)
		}
	})
}

// TestBaseline_SaysWhyThereIsNone: a version without figures of its gate raises no alarm,
// and its reports say why.
func TestBaseline_SaysWhyThereIsNone(t *testing.T) {
	t.Parallel()
	p := fallen(t, storetest.Open(t)) // its run has an accuracy alone
	if err := p.run(p.log.Handle(nil)); err != nil {
		t.Fatal(err)
	}
	if got := p.told(); len(got) > 0 {
		t.Errorf("events %v", got)
	}
	last := p.reports()[dateOf(firstMS+23*oneDay)]
	if last.Promised == nil || last.Promised.Reason != "neither rmse nor mae is among the metrics of the run of version 1" {
		t.Errorf("promised %+v", last.Promised)
	}
	ctx := t.Context()
	err := p.store.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.CreateVersion(ctx, store.NewVersion{Name: "m", Source: "file:///elsewhere"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for version, want := range map[string]string{"2": "version 2 has no run with figures of its gate", "9": "version 9 is not in the registry"} {
		got, err := p.db.Baseline(ctx, historian.PerformanceModel{Model: "m", Champion: version})
		if err != nil || got.Reason != want || len(got.Figures) > 0 {
			t.Errorf("version %s: %+v, %v; want %q", version, got, err, want)
		}
	}
	p.promise("mae", 0.5)
	got, err := p.db.Baseline(ctx, historian.PerformanceModel{Model: "m", Champion: "1"})
	if err != nil || got.Figures["mae"] != 0.5 || got.Figures["accuracy"] != 0.9 || len(got.Figures) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
}
