package trainer

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/driftline/driftline/registry/artifacts"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/sketches/joint"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/trainer/reference"
)

// KindGrid marks the rows of the references' table that hold a grid: their id is the
// grid's, their data the encoded grid. A reference's row names its grid.
const KindGrid = "grid"

// servedRows are the training rows of the version.
func (j *job) servedRows() []row {
	if v, err := j.decision(); err == nil && v.Promote && j.spec.Refit {
		return j.data.rows
	}
	return j.data.train()
}

// buildReference makes the reference of the version from its training rows, on the
// grid in force while it fits. reference.ErrGate says why it was refused.
func (j *job) buildReference(ctx context.Context) (reference.Result, error) {
	d, err := j.dataset(ctx)
	if err != nil {
		return reference.Result{}, err
	}
	keep, err := j.gridInForce(ctx, j.row.Model)
	if err != nil {
		return reference.Result{}, err
	}
	e, err := j.embedding(ctx, j.spec, keep.grid)
	if err != nil {
		return reference.Result{}, err
	}
	res, err := buildReference(j.spec, j.row.Version, d, j.servedRows(), keep, e, false)
	if err != nil {
		return res, err
	}
	return res, j.answer(ctx, &res)
}

func buildReference(s Spec, version string, d *dataset, rows []row, keep inForce, e *joint.Embedding, mustKeep bool) (reference.Result, error) {
	spec := reference.Spec{
		Model: s.Model, Version: version, Kind: "training", Names: d.columns(), WindowsMS: s.windows(), Ordered: true, Keep: keep.grid, MustKeep: mustKeep, Early: s.Early, Joint: s.Joint, KeepJoint: e,
		Segments: s.Segments, KeepSegments: keep.segments,
	}
	res, err := reference.Build(spec, d.referenceRows(rows, s.Segments))
	if err != nil && !errors.Is(err, reference.ErrGate) {
		err = refuse("%v", err)
	}
	return res, err
}

// inForce is the grid that a model's newest reference stands on, nil if it has none, and
// the segments that it counts apart: whoever puts a reference in force names its segments
// in a record of the grid.
type inForce struct {
	grid     *sketches.Grid
	segments wire.Segments
}

func (t *Trainer) gridInForce(ctx context.Context, model string) (now inForce, err error) {
	rows, err := t.cfg.Store.References(ctx, model)
	if err != nil {
		return now, err
	}
	for _, r := range rows {
		if r.Kind == KindGrid {
			continue
		}
		if now.grid, err = t.grid(ctx, model, r.GridID); err != nil || now.grid == nil {
			return now, err
		}
		ref, err := t.storedReference(ctx, model, r.ID, now.grid)
		now.segments = reference.SegmentsOf(ref)
		return now, err
	}
	return now, nil
}

// storedReference reads a stored reference that stands on the grid.
func (t *Trainer) storedReference(ctx context.Context, model, id string, g *sketches.Grid) (wire.Reference, error) {
	full, err := t.cfg.Store.Reference(ctx, model, id)
	if err != nil {
		return wire.Reference{}, err
	}
	ref, err := wire.DecodeReference(full.Data, func(string, sketches.ID) (*sketches.Grid, bool) { return g, true })
	if err != nil {
		return ref, refuse("stored reference %s of model %q: %v", id, model, err)
	}
	return ref, nil
}

func (t *Trainer) grid(ctx context.Context, model, id string) (*sketches.Grid, error) {
	r, err := t.cfg.Store.Reference(ctx, model, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil // a reference whose grid nobody stored: a new grid is made
	}
	if err != nil {
		return nil, err
	}
	g, err := sketches.DecodeGrid(r.Data)
	if err != nil {
		return nil, refuse("stored grid %s of model %q: %v", id, model, err)
	}
	return g, nil
}

// installReference stores grid and reference and sends them to the stream. A new grid
// starts in the first pane that no collector can have begun: behind clock and skew.
func (t *Trainer) installReference(ctx context.Context, tx *store.Tx, r store.Retrain, built reference.Result, clockMS int64) error {
	gridID, refID := built.Grid.ID().String(), built.Reference.ID().String()
	at, err := nextCreated(ctx, tx, r.Model, t.cfg.NowMS())
	if err != nil {
		return err
	}
	if built.NewGrid {
		if _, err := tx.AddReference(ctx, store.ReferenceRow{
			Model: r.Model, ID: gridID, Version: r.Version, Kind: KindGrid, GridID: gridID, CreatedMS: at, MetaJSON: "{}", Data: built.Grid.Encode(),
		}); err != nil {
			return err
		}
	}
	if built.NewGrid || built.NewJoint || built.NewSegments {
		from := floorDiv(clockMS+t.cfg.SkewMS, t.cfg.PaneMS) + 1
		g := wire.GridControl{Model: r.Model, FromPane: from, Grid: built.Grid, Joint: built.Embedding(), Segments: built.Segments()}
		if err := sendControl(ctx, tx, controlGrid, r.Model, r.Version, g.Encode()); err != nil {
			return err
		}
	}
	meta, err := json.Marshal(map[string]any{"retrain": r.ID, "run_id": r.RunID, "why_grid": built.Why, "features": len(built.Grid.Features), "blocks": len(built.Reference.Blocks)})
	if err != nil {
		return err
	}
	ref := built.Reference
	if _, err := tx.AddReference(ctx, store.ReferenceRow{
		Model: r.Model, ID: refID, Version: ref.Version, Kind: ref.Kind, GridID: gridID, Rows: int64(ref.Counts.Rows), FromMS: ref.FromMS, ToMS: ref.ToMS,
		CreatedMS: at, MetaJSON: string(meta), Data: ref.Encode(),
	}); err != nil {
		return err
	}
	if err := sendControl(ctx, tx, controlReference, r.Model, ref.Version, ref.Encode()); err != nil {
		return err
	}
	reason := built.Why
	if why := built.WithoutRows(); why != "" {
		reason += "; " + why
		t.cfg.Log.Warn().Str("model", r.Model).Str("reference", refID).Msg("segments without rows in the new reference: " + why)
	}
	return tellMore(ctx, tx, toldReference, r, func(l *Lifecycle) {
		l.Version, l.Reference, l.Grid, l.NewGrid, l.Reason = ref.Version, refID, gridID, built.NewGrid, reason
	})
}

// nextCreated is a time after that of every reference of the model, so that the
// newest is the one installed last even where the clock stands still.
func nextCreated(ctx context.Context, tx *store.Tx, model string, nowMS int64) (int64, error) {
	rows, err := tx.References(ctx, model)
	if err != nil || len(rows) == 0 {
		return nowMS, err
	}
	return max(nowMS, rows[0].CreatedMS+1), nil
}

func sendControl(ctx context.Context, tx *store.Tx, kind, model, version string, value []byte) error {
	return tx.AddOutbox(ctx, kind, model, version, base64.StdEncoding.EncodeToString(value))
}

// formerReference is the reference of a version that serves again, on the grid in
// force. A grid that was superseded cannot come back, so where the former reference
// stands on another one, or has parts of other segments than are declared now, the
// version's training rows are counted anew; where these are lost or know no more of
// segments, it comes back with the parts that it had. An error if the version has other features than the grid in force:
// then there is no way back to its reference, and the caller says so.
func (t *Trainer) formerReference(ctx context.Context, s Spec, version string) (reference.Result, error) {
	keep, err := t.gridInForce(ctx, s.Model)
	if err != nil {
		return reference.Result{}, err
	}
	rows, err := t.cfg.Store.References(ctx, s.Model)
	if err != nil {
		return reference.Result{}, err
	}
	for _, r := range rows {
		if r.Kind == KindGrid || r.Version != version || keep.grid == nil || r.GridID != keep.grid.ID().String() {
			continue
		}
		ref, err := t.storedReference(ctx, s.Model, r.ID, keep.grid)
		if err != nil {
			return reference.Result{}, err
		}
		had := reference.SegmentsOf(ref)
		res := reference.Result{
			Grid: keep.grid, Reference: reference.WithSegments(ref, s.Segments), Why: "the reference of version " + version + " again",
			NewSegments: !s.Segments.Equal(keep.segments),
		}
		if had.Equal(s.Segments) {
			return res, nil
		}
		again, err := t.countAgain(ctx, s, version, keep)
		switch {
		case errors.Is(err, errNoReference), errors.Is(err, reference.ErrGate), lasting(err):
			err, again = nil, res // its rows are lost
		case err == nil && partRows(again.Reference) <= partRows(res.Reference):
			again = res // they say no more of segments
		}
		return again, err
	}
	return t.countAgain(ctx, s, version, keep)
}

// partRows are the rows of all parts of a reference.
func partRows(r wire.Reference) (n uint64) {
	for _, p := range r.Parts {
		n += p.Counts.Rows
	}
	return n
}

// countAgain makes the reference of a version anew, from its training rows and on the
// grid in force, if there is one.
func (t *Trainer) countAgain(ctx context.Context, s Spec, version string, keep inForce) (reference.Result, error) {
	made, err := t.cfg.Store.Retrains(ctx, store.RetrainQuery{Model: s.Model, Version: version, Limit: 1})
	if err != nil {
		return reference.Result{}, err
	}
	if len(made) == 0 {
		return reference.Result{}, fmt.Errorf("%w: version %s of model %q was not trained here", errNoReference, version, s.Model)
	}
	m, ok := manifestOf(made[0])
	if !ok {
		return reference.Result{}, fmt.Errorf("%w: retrain %s has no manifest", errNoReference, made[0].ID)
	}
	j := &job{Trainer: t, row: made[0], spec: s}
	base, err := j.runPath(ctx)
	if err == nil {
		j.data, err = t.openDataset(ctx, m, base)
	}
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, artifacts.ErrNotFound) { // they were deleted, and waiting brings none back
		return reference.Result{}, fmt.Errorf("%w: the rows of retrain %s are lost: %w", errNoReference, made[0].ID, err)
	}
	if err != nil {
		return reference.Result{}, err
	}
	e, err := t.embedding(ctx, s, keep.grid)
	if err != nil {
		return reference.Result{}, err
	}
	res, err := buildReference(s, version, j.data, j.servedRows(), keep, e, keep.grid != nil)
	if err != nil {
		return res, err
	}
	if err := j.answer(ctx, &res); err != nil && !lasting(err) {
		return res, err
	} // without the tested model the reference does without its answers
	return res, nil
}

// errNoReference says that a version has no reference and none can be made.
var errNoReference = errors.New("no reference of the version that serves again")
