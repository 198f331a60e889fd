package trainer

import (
	"context"

	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/sketches/joint"
)

// jointLookBack bounds how many references are read to find the embedding of a grid.
const jointLookBack = 20

// embedding returns the embedding of the grid in force, as the newest reference on it that
// has one says; nil where none has. A grid keeps its embedding: sums that are added up on
// another could not be compared with those in the windows.
func (t *Trainer) embedding(ctx context.Context, s Spec, keep *sketches.Grid) (*joint.Embedding, error) {
	if keep == nil || s.Joint.Alarms == 0 {
		return nil, nil
	}
	rows, err := t.cfg.Store.References(ctx, s.Model)
	if err != nil {
		return nil, err
	}
	left := jointLookBack
	for _, r := range rows {
		if r.Kind == KindGrid || r.GridID != keep.ID().String() {
			continue
		}
		if left--; left < 0 {
			break
		}
		ref, err := t.storedReference(ctx, s.Model, r.ID, keep)
		if err != nil {
			return nil, err
		}
		if ref.Joint != nil {
			return ref.Joint.Sums.Embedding, nil
		}
	}
	return nil, nil
}
