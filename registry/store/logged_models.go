package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Statuses of a logged model.
const (
	ModelPending = "LOGGED_MODEL_PENDING"
	ModelReady   = "LOGGED_MODEL_READY"
	ModelFailed  = "LOGGED_MODEL_UPLOAD_FAILED"
)

// tagModelVersions lists on a logged model the versions registered from it.
const tagModelVersions = "mlflow.modelVersions"

// LoggedModel is a model as MLflow 3 logs it: own id, own artifacts.
type LoggedModel struct {
	ID            string // "m-" and 32 hex digits
	ExperimentID  string
	Name          string
	ArtifactURI   string
	CreatedMS     int64
	UpdatedMS     int64
	Status        string
	StatusMessage string
	Type          string
	SourceRunID   string
	Tags          []Tag
	Params        []Tag
	Metrics       []Metric // the latest per (key, dataset)
	Registrations []Registration
}

// Registration says which version was registered from a logged model.
type Registration struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// NewLoggedModel is what CreateLoggedModel needs.
type NewLoggedModel struct {
	ExperimentID string
	Name         string // "" = random
	Type         string
	SourceRunID  string
	Params       []Tag
	Tags         []Tag
}

const loggedModelColumns = `l.model_id, l.experiment_id, l.name, l.artifact_uri, l.created_ms, l.updated_ms, l.status, l.status_message, l.model_type, l.source_run_id`

// CreateLoggedModel makes a logged model, status pending.
func (t *Tx) CreateLoggedModel(ctx context.Context, n NewLoggedModel) (LoggedModel, error) {
	if n.ExperimentID == "" {
		n.ExperimentID = "0"
	}
	number, exp, err := t.experimentID(ctx, n.ExperimentID)
	if err != nil {
		return LoggedModel{}, err
	}
	if exp.Stage != Active {
		return LoggedModel{}, fault(ErrInvalid, "The experiment %s must be in the 'active' state. Current state is %s.", exp.ID, exp.Stage)
	}
	if n.Name == "" {
		n.Name = randomName()
	}
	if strings.ContainsAny(n.Name, `/:.%"'`) {
		return LoggedModel{}, fault(ErrInvalid, "Invalid model name (%s) provided. Model name must be a non-empty string and cannot contain the following characters: ('/', ':', '.', '%%', '\"', \"'\")", cut(n.Name, maxLoggedModelName))
	}
	if err := checkLength("name", n.Name, maxLoggedModelName); err != nil {
		return LoggedModel{}, err
	}
	id := "m-" + randomHex()
	if _, err := t.exec(ctx, `INSERT INTO logged_models (model_id, experiment_id, name, artifact_uri, created_ms, updated_ms, status, model_type, source_run_id, lifecycle_stage)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'active')`,
		id, number, n.Name, joinURI(exp.ArtifactLocation, "models", id, "artifacts"), t.nowMS, t.nowMS, ModelPending, n.Type, n.SourceRunID); err != nil {
		return LoggedModel{}, err
	}
	if err := t.putModelParams(ctx, id, n.Params); err != nil {
		return LoggedModel{}, err
	}
	if err := t.putModelTags(ctx, id, n.Tags); err != nil {
		return LoggedModel{}, err
	}
	if err := t.audit(ctx, "logged-model.create", "logged-model:"+id, nil, map[string]string{"experiment_id": exp.ID, "name": n.Name, "run_id": n.SourceRunID}); err != nil {
		return LoggedModel{}, err
	}
	return t.LoggedModel(ctx, id)
}

func (t *Tx) putModelParams(ctx context.Context, id string, params []Tag) error {
	if len(params) == 0 {
		return nil
	}
	rows := make([][]any, 0, len(params))
	seen := map[string]bool{}
	for i, p := range params {
		if p.Key == "" {
			return fault(ErrInvalid, "Missing value for required parameter 'params[%d].key'.", i)
		}
		if err := checkLength(fmt.Sprintf("params[%d].key", i), p.Key, maxKey); err != nil {
			return err
		}
		if !seen[p.Key] {
			seen[p.Key] = true
			rows = append(rows, []any{id, p.Key, cut(p.Value, maxParamValue)})
		}
	}
	sortRows(rows, 1)
	return t.insertRows(ctx, "INSERT INTO logged_model_params (model_id, key, value) VALUES", "ON CONFLICT (model_id, key) DO UPDATE SET value = excluded.value", rows)
}

func (t *Tx) putModelTags(ctx context.Context, id string, tags []Tag) error {
	if err := checkRunTags("tags", tags); err != nil {
		return err
	}
	last := map[string]string{}
	for _, tag := range tags {
		value := tag.Value
		if known := registrations(value); tag.Key == tagModelVersions && known != nil {
			text, err := json.Marshal(known)
			if err != nil {
				return err
			}
			value = string(text)
		}
		last[tag.Key] = cut(value, maxRunTagValue)
	}
	rows := make([][]any, 0, len(last))
	for k, v := range last {
		rows = append(rows, []any{id, k, v})
	}
	sortRows(rows, 1)
	return t.insertRows(ctx, "INSERT INTO logged_model_tags (model_id, key, value) VALUES", "ON CONFLICT (model_id, key) DO UPDATE SET value = excluded.value", rows)
}

// LoggedModel returns a logged model; a deleted one is ErrNotFound.
func (t *Tx) LoggedModel(ctx context.Context, id string) (LoggedModel, error) {
	m, err := t.loggedModelInfo(ctx, id)
	if err != nil {
		return LoggedModel{}, err
	}
	out := []LoggedModel{m}
	err = t.loadLoggedModels(ctx, out)
	return out[0], err
}

func (t *Tx) loggedModelInfo(ctx context.Context, id string) (LoggedModel, error) {
	var out []LoggedModel
	err := t.rows(ctx, "SELECT "+loggedModelColumns+" FROM logged_models l WHERE l.model_id = $1 AND l.lifecycle_stage = 'active'", []any{id}, scanLoggedModels(&out))
	if err != nil {
		return LoggedModel{}, err
	}
	if len(out) == 0 {
		return LoggedModel{}, fault(ErrNotFound, "Logged model with ID '%s' not found.", cut(id, 100))
	}
	return out[0], nil
}

func scanLoggedModels(out *[]LoggedModel) func(scanner) error {
	return func(r scanner) error {
		var m LoggedModel
		if err := r.Scan(&m.ID, &m.ExperimentID, &m.Name, &m.ArtifactURI, &m.CreatedMS, &m.UpdatedMS, &m.Status, &m.StatusMessage, &m.Type, &m.SourceRunID); err != nil {
			return err
		}
		*out = append(*out, m)
		return nil
	}
}

func (t *Tx) loadLoggedModels(ctx context.Context, ms []LoggedModel) error {
	ids := make([]string, len(ms))
	at := make(map[string]*LoggedModel, len(ms))
	for i := range ms {
		ids[i], at[ms[i].ID] = ms[i].ID, &ms[i]
	}
	tags, err := t.tagsOf(ctx, "logged_model_tags", "model_id", ids)
	if err != nil {
		return err
	}
	params, err := t.tagsOf(ctx, "logged_model_params", "model_id", ids)
	if err != nil {
		return err
	}
	for id, m := range at {
		m.Tags, m.Params = tags[id], params[id]
	}
	for _, part := range chunks(ids) {
		// Greatest (step, timestamp, value) of each key and dataset comes last.
		var b builder
		b.text(`SELECT model_id, run_id, key, timestamp, step, value, is_nan, dataset_name, dataset_digest FROM logged_model_metrics
			WHERE model_id IN ` + b.list(part) + " ORDER BY model_id, key, dataset_name, dataset_digest, step, timestamp, value")
		err := t.rows(ctx, b.sql(), b.args, func(r scanner) error {
			var m Metric
			var isNaN int
			if err := r.Scan(&m.ModelID, &m.RunID, &m.Key, &m.TimeMS, &m.Step, &m.Value, &isNaN, &m.DatasetName, &m.DatasetDigest); err != nil {
				return err
			}
			m.Value = loadedValue(m.Value, isNaN)
			of := at[m.ModelID]
			if n := len(of.Metrics); n > 0 && of.Metrics[n-1].Key == m.Key && of.Metrics[n-1].DatasetName == m.DatasetName && of.Metrics[n-1].DatasetDigest == m.DatasetDigest {
				of.Metrics[n-1] = m
			} else {
				of.Metrics = append(of.Metrics, m)
			}
			return nil
		})
		if err != nil {
			return err
		}
		b = builder{}
		b.text("SELECT model_id, name, version FROM model_versions WHERE stage <> 'Deleted_Internal' AND model_id IN " + b.list(part) + " ORDER BY model_id, name, version")
		err = t.rows(ctx, b.sql(), b.args, func(r scanner) error {
			var id string
			var reg Registration
			if err := r.Scan(&id, &reg.Name, &reg.Version); err != nil {
				return err
			}
			at[id].Registrations = append(at[id].Registrations, reg)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// FinishLoggedModel sets the status of a logged model.
func (t *Tx) FinishLoggedModel(ctx context.Context, id, status string) (LoggedModel, error) {
	before, err := t.loggedModelInfo(ctx, id)
	if err != nil {
		return LoggedModel{}, err
	}
	if status != ModelReady && status != ModelFailed {
		return LoggedModel{}, fault(ErrInvalid, "Invalid model status: %s. Expected statuses: [READY, FAILED]", cut(status, 100))
	}
	if _, err := t.exec(ctx, "UPDATE logged_models SET status = $1, updated_ms = $2 WHERE model_id = $3", status, t.nowMS, id); err != nil {
		return LoggedModel{}, err
	}
	if err := t.audit(ctx, "logged-model.finish", "logged-model:"+id, map[string]string{"status": before.Status}, map[string]string{"status": status}); err != nil {
		return LoggedModel{}, err
	}
	return t.LoggedModel(ctx, id)
}

// DeleteLoggedModel hides a logged model; its artifacts stay.
func (t *Tx) DeleteLoggedModel(ctx context.Context, id string) error {
	return t.changeLoggedModel(ctx, id, "logged-model.delete", nil, func() error {
		_, err := t.exec(ctx, "UPDATE logged_models SET lifecycle_stage = 'deleted' WHERE model_id = $1", id)
		return err
	})
}

// SetLoggedModelTags sets or replaces tags of a logged model.
func (t *Tx) SetLoggedModelTags(ctx context.Context, id string, tags []Tag) error {
	return t.changeLoggedModel(ctx, id, "logged-model.set-tags", tags, func() error { return t.putModelTags(ctx, id, tags) })
}

// DeleteLoggedModelTag removes one tag; ErrNotFound if it is not there.
func (t *Tx) DeleteLoggedModelTag(ctx context.Context, id, key string) error {
	return t.changeLoggedModel(ctx, id, "logged-model.delete-tag", map[string]string{"key": key}, func() error {
		gone, err := t.exec(ctx, "DELETE FROM logged_model_tags WHERE model_id = $1 AND key = $2", id, key)
		if err == nil && gone == 0 {
			err = fault(ErrNotFound, "No tag with key '%s' found for logged model with ID '%s'.", cut(key, maxKey), id)
		}
		return err
	})
}

// AddLoggedModelParams adds params to a logged model.
func (t *Tx) AddLoggedModelParams(ctx context.Context, id string, params []Tag) error {
	return t.changeLoggedModel(ctx, id, "logged-model.add-params", map[string]int{"params": len(params)}, func() error { return t.putModelParams(ctx, id, params) })
}

func (t *Tx) changeLoggedModel(ctx context.Context, id, action string, what any, change func() error) error {
	if _, err := t.loggedModelInfo(ctx, id); err != nil {
		return err
	}
	if err := change(); err != nil {
		return err
	}
	if _, err := t.exec(ctx, "UPDATE logged_models SET updated_ms = $1 WHERE model_id = $2", t.nowMS, id); err != nil {
		return err
	}
	return t.audit(ctx, action, "logged-model:"+id, nil, what)
}

// noteRegistration adds a version to the tag mlflow.modelVersions of a logged model.
func (t *Tx) noteRegistration(ctx context.Context, id, name, version string) error {
	var raw string
	err := t.row(ctx, "SELECT value FROM logged_model_tags WHERE model_id = $1 AND key = $2", []any{id, tagModelVersions}, &raw)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	text, err := json.Marshal(append(registrations(raw), Registration{name, version}))
	if err != nil {
		return err
	}
	return t.putModelTags(ctx, id, []Tag{{tagModelVersions, string(text)}})
}

// registrations reads the tag mlflow.modelVersions, every version once: the server
// and clients both add to it. What somebody else wrote there counts as nothing.
func registrations(raw string) []Registration {
	var all, out []Registration
	if json.Unmarshal([]byte(raw), &all) != nil {
		return nil
	}
	for _, r := range all {
		if !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out
}
