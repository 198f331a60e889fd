package trainer

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
	"github.com/driftline/driftline/trainer/reference"
)

// The rows of a retrain's run are those that its version's reference was made of: counted
// again on that grid they are the same counts.
func TestRunRows_AreThoseOfTheReference(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		w, tr := started(t, s)
		r := w.rows()[0]
		m, ok := manifestOf(r)
		if !ok {
			t.Fatal("no manifest")
		}
		names, rows, err := RunRows(w.ctx, s, tr.cfg.Artifacts, tr.cfg.ArtifactRoot, testModel, r.RunID, nil)
		w.check(err)
		if len(rows) != m.Rows || !slices.Equal(names, m.Features[:m.Trained]) {
			t.Fatalf("%d rows of %q, the manifest has %d of %q", len(rows), names, m.Rows, m.Features[:m.Trained])
		}
		for i := range rows {
			if i > 0 && rows[i].TimeMS < rows[i-1].TimeMS {
				t.Fatalf("row %d is earlier than the one before", i)
			}
		}
		spec := reference.Spec{Model: testModel, Kind: "run", Names: names, Ordered: true, WindowsMS: []int64{dayMS}}
		res, err := reference.Build(spec, rows)
		w.check(err)
		if got := res.Reference.Counts.Rows; got != uint64(m.Rows) || res.Reference.FromMS != rows[0].TimeMS {
			t.Errorf("reference of %d rows from %d, want %d from %d", got, res.Reference.FromMS, m.Rows, rows[0].TimeMS)
		}
		if _, _, err := RunRows(w.ctx, s, tr.cfg.Artifacts, "", testModel, "nobody", nil); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("an unknown run: %v, want ErrNotFound", err)
		}
		if _, _, err := RunRows(w.ctx, s, tr.cfg.Artifacts, tr.cfg.ArtifactRoot, "another", r.RunID, nil); !errors.Is(err, ErrOtherModel) || !strings.Contains(err.Error(), testModel) {
			t.Errorf("a run of another model: %v, want ErrOtherModel and whose it is", err)
		}
		run, err := s.Run(w.ctx, r.RunID)
		w.check(err)
		var other store.Run
		w.check(s.Tx(w.ctx, func(tx *store.Tx) (err error) {
			other, err = tx.CreateRun(w.ctx, store.NewRun{ExperimentID: run.ExperimentID, Name: "by hand"})
			return err
		}))
		if _, _, err := RunRows(w.ctx, s, tr.cfg.Artifacts, tr.cfg.ArtifactRoot, testModel, other.ID, nil); !errors.Is(err, ErrNoRows) {
			t.Errorf("a run without a data set: %v, want ErrNoRows", err)
		}
	})
}
