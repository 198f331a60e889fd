package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
)

// Dataset is what a run read; (experiment, name, digest) is its identity.
type Dataset struct {
	Name       string
	Digest     string
	SourceType string
	Source     string
	Schema     string // JSON, may be ""
	Profile    string // JSON, may be ""
}

// RunInput is one dataset of a run with its tags, such as mlflow.data.context.
type RunInput struct {
	Dataset Dataset
	Tags    []Tag
}

// RunModel links a run to a logged model.
type RunModel struct {
	ModelID string
	Step    int64 // of an output
}

// LogInputs adds datasets and logged models that an active run read. A dataset
// known by (name, digest) keeps its first content; a link that is there stays.
func (t *Tx) LogInputs(ctx context.Context, runID string, inputs []RunInput, models []string) error {
	run, err := t.activeRun(ctx, runID)
	if err != nil {
		return err
	}
	if len(inputs) > maxInputs {
		return fault(ErrInvalid, "A request can log at most %d datasets. Got %d.", maxInputs, len(inputs))
	}
	for i, in := range inputs {
		if err := in.check(fmt.Sprintf("datasets[%d]", i)); err != nil {
			return err
		}
	}
	for i, in := range inputs {
		if err := t.putInput(ctx, run, in, i); err != nil {
			return err
		}
	}
	links := make([]RunModel, len(models))
	for i, m := range models {
		links[i] = RunModel{ModelID: m}
	}
	if err := t.linkModels(ctx, runID, "in", links); err != nil {
		return err
	}
	return t.audit(ctx, "run.log-inputs", "run:"+runID, nil, map[string]int{"datasets": len(inputs), "models": len(models)})
}

// LogOutputs links logged models that an active run made.
func (t *Tx) LogOutputs(ctx context.Context, runID string, models []RunModel) error {
	if _, err := t.activeRun(ctx, runID); err != nil {
		return err
	}
	if err := t.linkModels(ctx, runID, "out", models); err != nil {
		return err
	}
	return t.audit(ctx, "run.log-outputs", "run:"+runID, nil, map[string]int{"models": len(models)})
}

func (t *Tx) linkModels(ctx context.Context, runID, direction string, models []RunModel) error {
	for i, m := range models {
		if _, err := t.loggedModelInfo(ctx, m.ModelID); err != nil {
			return err
		}
		if _, err := t.exec(ctx, `INSERT INTO run_models (run_id, model_id, direction, step, position) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (run_id, model_id, direction) DO NOTHING`, runID, m.ModelID, direction, m.Step, i); err != nil {
			return err
		}
	}
	return nil
}

func (in RunInput) check(where string) error {
	d := in.Dataset
	for _, f := range []struct {
		name, value string
		limit       int
		required    bool
	}{
		{"name", d.Name, maxDatasetName, true},
		{"digest", d.Digest, maxDatasetDigest, true},
		{"source_type", d.SourceType, maxDatasetName, true},
		{"source", d.Source, maxDatasetSource, true},
		{"schema", d.Schema, maxDatasetSchema, false},
		{"profile", d.Profile, maxDatasetProfile, false},
	} {
		if f.required && f.value == "" {
			return fault(ErrInvalid, "Missing value for required parameter '%s.dataset.%s'.", where, f.name)
		}
		if err := checkLength(where+".dataset."+f.name, f.value, f.limit); err != nil {
			return err
		}
	}
	for i, tag := range in.Tags {
		if tag.Key == "" {
			return fault(ErrInvalid, "Missing value for required parameter '%s.tags[%d].key'.", where, i)
		}
		if err := checkLength(fmt.Sprintf("%s.tags[%d].key", where, i), tag.Key, maxInputTagKey); err != nil {
			return err
		}
		if err := checkLength(fmt.Sprintf("%s.tags[%d].value", where, i), tag.Value, maxInputTagValue); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tx) putInput(ctx context.Context, run Run, in RunInput, position int) error {
	d := in.Dataset
	sum := sha256.Sum256([]byte(run.ExperimentID + "\x00" + d.Name + "\x00" + d.Digest))
	id := hex.EncodeToString(sum[:16])
	experiment, err := strconv.ParseInt(run.ExperimentID, 10, 64)
	if err != nil {
		return err
	}
	if _, err := t.exec(ctx, `INSERT INTO datasets (dataset_id, experiment_id, name, digest, source_type, source, schema_json, profile)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`, id, experiment, d.Name, d.Digest, d.SourceType, d.Source, d.Schema, d.Profile); err != nil {
		return err
	}
	if _, err := t.exec(ctx, "INSERT INTO run_inputs (run_id, dataset_id, position) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", run.ID, id, position); err != nil {
		return err
	}
	for _, tag := range in.Tags {
		if _, err := t.exec(ctx, `INSERT INTO run_input_tags (run_id, dataset_id, key, value) VALUES ($1, $2, $3, $4)
			ON CONFLICT DO NOTHING`, run.ID, id, tag.Key, tag.Value); err != nil {
			return err
		}
	}
	return nil
}

// loadInputs fills datasets and model links of runs.
func (t *Tx) loadInputs(ctx context.Context, ids []string, at map[string]*Run) error {
	for _, part := range chunks(ids) {
		tags := map[[2]string][]Tag{}
		var b builder
		b.text("SELECT run_id, dataset_id, key, value FROM run_input_tags WHERE run_id IN " + b.list(part) + " ORDER BY run_id, dataset_id, key")
		err := t.rows(ctx, b.sql(), b.args, func(r scanner) error {
			var key [2]string
			var tag Tag
			if err := r.Scan(&key[0], &key[1], &tag.Key, &tag.Value); err != nil {
				return err
			}
			tags[key] = append(tags[key], tag)
			return nil
		})
		if err != nil {
			return err
		}
		b = builder{}
		b.text(`SELECT i.run_id, d.dataset_id, d.name, d.digest, d.source_type, d.source, d.schema_json, d.profile
			FROM run_inputs i JOIN datasets d ON d.dataset_id = i.dataset_id WHERE i.run_id IN ` + b.list(part) + " ORDER BY i.run_id, i.position, d.name, d.digest")
		err = t.rows(ctx, b.sql(), b.args, func(r scanner) error {
			var run, id string
			var d Dataset
			if err := r.Scan(&run, &id, &d.Name, &d.Digest, &d.SourceType, &d.Source, &d.Schema, &d.Profile); err != nil {
				return err
			}
			at[run].Inputs = append(at[run].Inputs, RunInput{Dataset: d, Tags: tags[[2]string{run, id}]})
			return nil
		})
		if err != nil {
			return err
		}
		b = builder{}
		b.text("SELECT run_id, model_id, direction, step FROM run_models WHERE run_id IN " + b.list(part) + " ORDER BY run_id, position, model_id")
		err = t.rows(ctx, b.sql(), b.args, func(r scanner) error {
			var run, direction string
			var m RunModel
			if err := r.Scan(&run, &m.ModelID, &direction, &m.Step); err != nil {
				return err
			}
			if direction == "in" {
				at[run].ModelsIn = append(at[run].ModelsIn, m)
			} else {
				at[run].ModelsOut = append(at[run].ModelsOut, m)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
