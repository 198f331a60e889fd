package trainer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/trainer/gbdt"
)

// testedPath is the model that the gate judged, among a run's artifacts.
const testedPath = "tested/model.json"

// makeDataset is the phase LEASED → DATASET. The run and the champion to compare with
// are fixed first, in one transaction; then come manifest, data file and state.
func (j *job) makeDataset(ctx context.Context) error {
	if err := j.openRun(ctx); err != nil {
		return err
	}
	if m, ok := manifestOf(j.row); ok { // freed from BLOCKED: the frozen rows stand
		if _, err := j.dataset(ctx); err == nil {
			return j.advance(ctx, store.RetrainDataset, store.RetrainPatch{Reason: datasetReason(m)}, nil)
		} else if lasting(err) {
			return err
		}
	}
	var also []string
	champion, err := j.champion(ctx)
	if err != nil {
		return err
	}
	if champion != nil {
		also = champion.Features
	}
	d, body, err := newDataset(ctx, j.spec, j.cfg.Store, j.row, also)
	if err != nil {
		return err
	}
	manifest, err := json.MarshalIndent(d.Manifest, "", "  ")
	if err != nil {
		return err
	}
	if err := j.put(ctx, manifestPath, manifest); err != nil {
		return err
	}
	if err := j.put(ctx, dataPath, body); err != nil {
		return err
	}
	text := string(manifest)
	if err := j.advance(ctx, store.RetrainDataset, store.RetrainPatch{Reason: datasetReason(d.Manifest), DatasetJSON: &text}, nil); err != nil {
		return err
	}
	j.data = d
	return nil
}

func datasetReason(m Manifest) string {
	return fmt.Sprintf("%d rows of %d days, %d to train on and %d held out", m.Rows, m.Days, m.TrainRows, m.HoldoutRows)
}

// openRun makes the run, once, and names it in the row. A row that failed and is
// retried gets a new one: parameters of a run cannot change.
func (j *job) openRun(ctx context.Context) error {
	if j.row.RunID != "" {
		run, err := j.cfg.Store.Run(ctx, j.row.RunID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err == nil && run.Status != store.RunFailed && run.Stage == store.Active {
			return nil
		}
	}
	params, err := paramTags(j.spec.Params)
	if err != nil {
		return err
	}
	return j.advance(ctx, store.RetrainLeased, store.RetrainPatch{}, func(tx *store.Tx, r store.Retrain) error {
		champion, err := tx.Champion(ctx, r.Model)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		exp, err := ensureExperiment(ctx, tx, j.spec.experiment(), j.cfg.ArtifactRoot)
		if err != nil {
			return err
		}
		run, err := tx.CreateRun(ctx, store.NewRun{
			ExperimentID: exp, Name: r.Model + " " + date(r.ClockMS)[:10] + " " + r.Kind, User: Actor, StartMS: r.CreatedMS,
			Tags: []store.Tag{
				{Key: "mlflow.source.type", Value: "JOB"},
				{Key: "mlflow.source.name", Value: Actor},
				{Key: "mlflow.source.git.commit", Value: j.cfg.CodeVersion},
				{Key: "driftline.retrain_id", Value: r.ID},
				{Key: "driftline.model", Value: r.Model},
				{Key: "driftline.trigger", Value: j.trig.String()},
				{Key: "driftline.trigger_kind", Value: r.Kind},
				{Key: "driftline.parent_version", Value: champion.Version},
				{Key: "driftline.clock", Value: date(r.ClockMS)},
				{Key: "driftline.code_version", Value: j.cfg.CodeVersion},
			},
		})
		if err != nil {
			return err
		}
		if err := tx.LogBatch(ctx, run.ID, store.Batch{Params: params}); err != nil {
			return err
		}
		none := ""
		next, err := tx.AdvanceRetrain(ctx, r.ID, r.Fence, r.State, r.State, store.RetrainPatch{
			RunID: &run.ID, ChampionBefore: &champion.Version, DatasetJSON: &none, Version: &none, GatesJSON: &none, DecisionJSON: &none,
		}, j.cfg.NowMS())
		if err == nil {
			j.base, j.data, j.tested = "", nil, nil
			j.pending = next
		}
		return err
	})
}

func ensureExperiment(ctx context.Context, tx *store.Tx, name, root string) (string, error) {
	e, err := tx.ExperimentByName(ctx, name)
	if err == nil {
		if e.Stage != store.Active {
			return "", refuse("experiment %q is deleted: restore it or name another", name)
		}
		return e.ID, nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return "", err
	}
	return tx.CreateExperiment(ctx, store.NewExperiment{Name: name, Root: root})
}

// paramTags writes the learner's parameters by XGBoost's names.
func paramTags(p gbdt.Params) ([]store.Tag, error) {
	b, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	var all map[string]any
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, err
	}
	all["tree_method"] = "hist"
	var out []store.Tag
	for _, k := range slices.Sorted(maps.Keys(all)) {
		v := fmt.Sprint(all[k])
		if f, ok := all[k].(float64); ok {
			v = strconv.FormatFloat(f, 'g', -1, 64)
		}
		out = append(out, store.Tag{Key: k, Value: v})
	}
	return out, nil
}

// fit is the phase DATASET → TRAINED: the model that the gate will judge, fitted on
// what lies before the holdout. With early stopping the newest fifth of those rows
// chooses the rounds.
func (j *job) fit(ctx context.Context) error {
	d, err := j.dataset(ctx)
	if err != nil {
		return err
	}
	train := d.train()
	var eval *gbdt.Eval
	if j.spec.Params.EarlyStoppingRounds > 0 {
		cut := len(train) - len(train)/5
		if cut == len(train) {
			return tooLittle("%d rows cannot be parted for early stopping", len(train))
		}
		eval = &gbdt.Eval{Matrix: matrix(d.Features, train[cut:], d.columns()), Y: labels(train[cut:])}
		train = train[:cut]
	}
	m, err := trainOn(ctx, d, train, j.spec.Params, eval)
	if err != nil {
		return err
	}
	body, err := modelFile(m)
	if err != nil {
		return err
	}
	if err := j.put(ctx, testedPath, body); err != nil {
		return err
	}
	j.tested = m
	return j.advance(ctx, store.RetrainTrained, store.RetrainPatch{Reason: fmt.Sprintf("%d rounds, %d nodes", m.Rounds(), m.Nodes())}, nil)
}

func trainOn(ctx context.Context, d *dataset, rows []row, p gbdt.Params, eval *gbdt.Eval) (*gbdt.Model, error) {
	m, err := gbdt.Train(ctx, matrix(d.Features, rows, d.columns()), labels(rows), nil, p, eval, nil)
	if err != nil && ctx.Err() == nil {
		err = refuse("%v", err)
	}
	return m, err
}

func modelFile(m *gbdt.Model) ([]byte, error) {
	var b bytes.Buffer
	err := m.SaveJSON(&b)
	return b.Bytes(), err
}

// refit is the model that is registered where the gate passed: fitted on the whole
// window with the tested model's rounds.
func (j *job) refit(ctx context.Context) (*gbdt.Model, error) {
	d, err := j.dataset(ctx)
	if err != nil {
		return nil, err
	}
	tested, err := j.testedModel(ctx)
	if err != nil {
		return nil, err
	}
	p := j.spec.Params
	p.EarlyStoppingRounds, p.NumRounds = 0, max(1, tested.Rounds())
	return trainOn(ctx, d, d.rows, p, nil)
}
