package app

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/driftline/driftline/drift/performance/cohort"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
)

// What was kept decoded is what the database holds, also after a day was counted again,
// and no reading of reports changes it; it stays within its bound and goes with its model.
func TestKeptDays_AreThoseOfTheDatabase(t *testing.T) {
	t.Parallel()
	p := newPast(t, storetest.Open(t), kinds[cohort.Binary])
	w := &world{kind: cohort.Binary, change: "concept", changeAt: 40, days: 80, rows: 40, rng: rand.New(rand.NewPCG(1, 2))}
	w.write(t, p.log)
	if err := p.run(p.log.Handle(nil)); err != nil {
		t.Fatal(err)
	}
	models, err := p.db.PerformanceModels(t.Context())
	if err != nil || len(models) != 1 {
		t.Fatalf("models %v, %v", models, err)
	}
	m := models[0]
	same := func(what string) {
		t.Helper()
		kept, err := p.db.Cohorts(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		fresh, err := (&historyStore{p: p.db.p, specs: p.db.specs}).Cohorts(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		if len(kept) != len(fresh) || len(kept) < 70 {
			t.Fatalf("%s: %d days kept, %d in the database", what, len(kept), len(fresh))
		}
		for i := range kept {
			if !bytes.Equal(kept[i].Counts(), fresh[i].Counts()) || !bytes.Equal(kept[i].Answers(), fresh[i].Answers()) || kept[i].Concept != fresh[i].Concept {
				t.Errorf("%s: day %s is not that of the database", what, dateOf(kept[i].StartMS))
			}
		}
	}
	same("after the stream")
	if n := len(p.db.kept.days); n != mostKeptDays {
		t.Errorf("%d days are kept, want %d", n, mostKeptDays)
	}
	first := dateOf(firstMS)
	rows, err := p.store.Cohorts(t.Context(), store.CohortQuery{Model: "m", From: first, Limit: 2, Body: true})
	if err != nil || len(rows) != 2 {
		t.Fatal(rows, err)
	}
	rows[0].Counts, rows[0].Answers, rows[0].LabelClockMS = rows[1].Counts, rows[1].Answers, rows[0].LabelClockMS+1
	if err := p.store.Tx(t.Context(), func(tx *store.Tx) error { return tx.PutCohorts(t.Context(), rows[:1]) }); err != nil {
		t.Fatal(err)
	}
	same("after a day was counted again")
	m.Champion = "2"
	if days, err := p.db.Cohorts(t.Context(), m); err != nil || len(days) > 0 || len(p.db.kept.days) > 0 {
		t.Errorf("another champion: %d days, %d kept, %v", len(days), len(p.db.kept.days), err)
	}
}
