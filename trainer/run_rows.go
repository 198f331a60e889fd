package trainer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/driftline/driftline/registry/artifacts"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/wire"
	"github.com/driftline/driftline/trainer/reference"
)

// ErrNoRows says that a run has logged no rows that a reference could be made of.
var ErrNoRows = errors.New("the run logged no training rows")

// ErrOtherModel says that a run trained another model than the one asked about.
var ErrOtherModel = errors.New("the run belongs to another model")

// RunRows returns the rows that a run of the model was trained on, in order of event time, with the
// features that its model takes. It reads the data set that a retrain logs beside its
// model: dataset/manifest.json and dataset/data.csv.gz. root is what experiments keep their
// artifacts under, as Config.ArtifactRoot. segments are those that a row's membership is
// told for: of one that the run did not log no row is a member.
//
// Errors: what the store says of an unknown run; ErrNoRows for a run without such a data
// set; ErrOtherModel for one that trained another model; and where the file is not the
// manifest's.
func RunRows(ctx context.Context, st *store.Store, files Artifacts, root, model, id string, segments wire.Segments) (names []string, rows []reference.Row, err error) {
	run, err := st.Run(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	base, err := artifactPath(run.ArtifactURI, root)
	if err != nil {
		return nil, nil, fmt.Errorf("artifacts of run %s: %w", id, err)
	}
	r, _, err := files.Open(ctx, base+"/"+manifestPath)
	if errors.Is(err, artifacts.ErrNotFound) {
		return nil, nil, fmt.Errorf("%w: run %s has no %s, which retrains log", ErrNoRows, id, manifestPath)
	}
	if err != nil {
		return nil, nil, err
	}
	var m Manifest
	err = json.NewDecoder(r).Decode(&m)
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, nil, fmt.Errorf("%s of run %s: %w", manifestPath, id, err)
	}
	if m.Model != model {
		return nil, nil, fmt.Errorf("%w: run %s is of model %q, not of %q", ErrOtherModel, id, m.Model, model)
	}
	t := Trainer{cfg: Config{Artifacts: files}}
	d, err := t.openDataset(ctx, m, base)
	if err != nil {
		return nil, nil, fmt.Errorf("data set of run %s: %w", id, err)
	}
	return d.columns(), d.referenceRows(d.rows, segments), nil
}
