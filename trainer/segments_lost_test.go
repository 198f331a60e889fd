package trainer

import (
	"strings"
	"testing"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/registry/store/storetest"
	"github.com/driftline/driftline/trainer/reference"
)

// lose deletes an artifact of a retrain's run.
func (w *world) lose(tr *Trainer, r store.Retrain, path string) {
	w.t.Helper()
	run, err := w.store.Run(w.ctx, r.RunID)
	w.check(err)
	base, err := artifactPath(run.ArtifactURI, tr.cfg.ArtifactRoot)
	w.check(err)
	w.check(w.art.Delete(w.ctx, base+"/"+path))
}

// A bad version goes back at once, whatever was lost of the one before since.
func TestRollback_DoesWithoutWhatWasLost(t *testing.T) {
	t.Parallel()
	for lost, says := range map[string]string{dataPath: "are lost", testedPath: ""} {
		t.Run("lost "+lost, func(t *testing.T) {
			t.Parallel()
			w, tr := started(t, storetest.Open(t))
			w.spec.Segments, w.segments = regions(), byHour
			w.days(15, 36, byB)
			w.alarm("drift", "detected", 36, nil)
			w.settle(tr)
			rows := w.expect(store.RetrainDone, store.RetrainProbation)
			w.lose(tr, rows[0], lost)
			w.days(36, 44, byA) // the world turns back
			w.settle(tr)
			rows = w.expect(store.RetrainDone, store.RetrainRolledBack)
			if why := rows[1].Reason; strings.Contains(why, "could not be brought back") != (says != "") || !strings.Contains(why, says) {
				t.Errorf("rolled back because %s", why)
			}
			_, refs := w.sent()
			if back := refs[len(refs)-1]; says == "" && (back.Version != "1" || !reference.SegmentsOf(back).Equal(regions()) || back.Counts.Rows != 14*24) {
				t.Errorf("version %s with parts %v over %d rows", back.Version, reference.SegmentsOf(back), back.Counts.Rows)
			}
		})
	}
}

// On the grid that it stands on, a reference whose rows are lost comes back as it was
// stored, with parts without rows of what is declared since.
func TestFormerReference_WhoseRowsAreLostComesBack(t *testing.T) {
	t.Parallel()
	w, tr := started(t, storetest.Open(t))
	w.lose(tr, w.rows()[0], dataPath)
	w.spec.Segments = regions()
	back, err := tr.formerReference(w.ctx, w.spec, "1")
	w.check(err)
	if ref := back.Reference; ref.Counts.Rows != 14*24 || !reference.SegmentsOf(ref).Equal(regions()) || !back.NewSegments || ref.Answers == nil {
		t.Errorf("%d rows with parts %v, new segments %v, answers %v", ref.Counts.Rows, reference.SegmentsOf(ref), back.NewSegments, ref.Answers)
	}
}
