package store

import (
	"context"
	"errors"
	"strconv"
)

// Lifecycle stages of experiments and runs.
const (
	Active  = "active"
	Deleted = "deleted"
)

// Tag is one key with its value; params have the same shape.
type Tag struct{ Key, Value string }

// Experiment groups runs.
type Experiment struct {
	ID               string // decimal
	Name             string
	ArtifactLocation string // URI below which the artifacts of its runs lie
	Stage            string // Active or Deleted
	CreatedMS        int64
	UpdatedMS        int64
	Tags             []Tag // by key
}

// NewExperiment is what CreateExperiment needs.
type NewExperiment struct {
	Name     string
	Location string // "" = <Root>/<id>
	Root     string // artifact root for the default location
	Tags     []Tag
}

const (
	experimentColumns   = "e.experiment_id, e.name, e.artifact_location, e.lifecycle_stage, e.creation_time, e.last_update_time"
	insertExperimentSQL = `INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time, last_update_time)
		VALUES ($1, $2, $3, 'active', $4, $5)`
	upsertExperimentTagSQL = `INSERT INTO experiment_tags (experiment_id, key, value) VALUES ($1, $2, $3)
		ON CONFLICT (experiment_id, key) DO UPDATE SET value = excluded.value`
)

// EnsureDefaultExperiment makes experiment 0, "Default", if it is not there.
func (t *Tx) EnsureDefaultExperiment(ctx context.Context, root string) error {
	_, err := t.exec(ctx, insertExperimentSQL+" ON CONFLICT DO NOTHING", int64(0), "Default", joinURI(root, "0"), t.nowMS, t.nowMS)
	return err
}

// CreateExperiment makes an experiment and returns its id. ErrExists if the name
// is taken, even by a deleted one.
func (t *Tx) CreateExperiment(ctx context.Context, n NewExperiment) (string, error) {
	if n.Name == "" {
		return "", fault(ErrInvalid, "Invalid experiment name: ''. Experiment name must not be empty.")
	}
	if err := checkLength("name", n.Name, maxExperimentName); err != nil {
		return "", err
	}
	if err := checkLength("artifact_location", n.Location, maxArtifactURI); err != nil {
		return "", err
	}
	for _, tag := range n.Tags {
		if err := checkExperimentTag(tag); err != nil {
			return "", err
		}
	}
	// The counter's row is locked from here on: ids count up without gaps.
	if _, err := t.exec(ctx, "UPDATE counters SET value = value + 1 WHERE name = 'experiment'"); err != nil {
		return "", err
	}
	var id, taken int64
	if err := t.row(ctx, "SELECT value FROM counters WHERE name = 'experiment'", nil, &id); err != nil {
		return "", err
	}
	if err := t.row(ctx, "SELECT count(*) FROM experiments WHERE name = $1", []any{n.Name}, &taken); err != nil {
		return "", err
	}
	if taken > 0 {
		return "", experimentExists(n.Name)
	}
	location := n.Location
	if location == "" {
		location = joinURI(n.Root, strconv.FormatInt(id, 10))
	}
	if _, err := t.exec(ctx, insertExperimentSQL, id, n.Name, location, t.nowMS, t.nowMS); err != nil {
		if errors.Is(err, ErrExists) {
			return "", experimentExists(n.Name)
		}
		return "", err
	}
	for _, tag := range n.Tags {
		if _, err := t.exec(ctx, upsertExperimentTagSQL, id, tag.Key, tag.Value); err != nil {
			return "", err
		}
	}
	out := strconv.FormatInt(id, 10)
	return out, t.audit(ctx, "experiment.create", "experiment:"+out, nil, map[string]string{"name": n.Name, "location": location})
}

func experimentExists(name string) error {
	return fault(ErrExists, "Experiment(name=%s) already exists.", name)
}

func checkExperimentTag(tag Tag) error {
	if err := checkKey("key", tag.Key); err != nil {
		return err
	}
	return checkLength("value", tag.Value, maxExperimentTag)
}

// Experiment returns an experiment, deleted or not.
func (t *Tx) Experiment(ctx context.Context, id string) (Experiment, error) {
	missing := fault(ErrNotFound, "No Experiment with id=%s exists", cut(id, 100))
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return Experiment{}, missing
	}
	return t.oneExperiment(ctx, missing, "e.experiment_id = $1", n)
}

// ExperimentByName returns an experiment, deleted or not.
func (t *Tx) ExperimentByName(ctx context.Context, name string) (Experiment, error) {
	return t.oneExperiment(ctx, fault(ErrNotFound, "Could not find experiment with name '%s'", cut(name, maxExperimentName)), "e.name = $1", name)
}

func (t *Tx) oneExperiment(ctx context.Context, missing error, where string, arg any) (Experiment, error) {
	var out []Experiment
	err := t.rows(ctx, "SELECT "+experimentColumns+" FROM experiments e WHERE "+where, []any{arg}, scanExperiments(&out))
	if err != nil {
		return Experiment{}, err
	}
	if len(out) == 0 {
		return Experiment{}, missing
	}
	return out[0], t.loadExperimentTags(ctx, out)
}

func scanExperiments(out *[]Experiment) func(scanner) error {
	return func(r scanner) error {
		var e Experiment
		var id int64
		if err := r.Scan(&id, &e.Name, &e.ArtifactLocation, &e.Stage, &e.CreatedMS, &e.UpdatedMS); err != nil {
			return err
		}
		e.ID = strconv.FormatInt(id, 10)
		*out = append(*out, e)
		return nil
	}
}

func (t *Tx) loadExperimentTags(ctx context.Context, es []Experiment) error {
	ids := make([]string, len(es))
	for i := range es {
		ids[i] = es[i].ID
	}
	found, err := t.tagsOf(ctx, "experiment_tags", "experiment_id", ids)
	for i := range es {
		es[i].Tags = found[es[i].ID]
	}
	return err
}

// tagsOf reads the keys and values of many owners, by key. table and column are
// constants of this package. Ids are text; a numeric column compares them as numbers.
func (t *Tx) tagsOf(ctx context.Context, table, column string, ids []string) (map[string][]Tag, error) {
	out := make(map[string][]Tag, len(ids))
	for _, part := range chunks(ids) {
		var b builder
		b.text("SELECT " + column + ", key, value FROM " + table + " WHERE " + column + " IN " + b.list(part) + " ORDER BY " + column + ", key")
		err := t.rows(ctx, b.sql(), b.args, func(r scanner) error {
			var id string
			var tag Tag
			if err := r.Scan(&id, &tag.Key, &tag.Value); err != nil {
				return err
			}
			out[id] = append(out[id], tag)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// experimentID checks that the experiment is there and gives its number.
func (t *Tx) experimentID(ctx context.Context, id string) (int64, Experiment, error) {
	e, err := t.Experiment(ctx, id)
	if err != nil {
		return 0, e, err
	}
	n, err := strconv.ParseInt(e.ID, 10, 64)
	return n, e, err
}

// RenameExperiment gives an active experiment a new name. ErrState if it is
// deleted, ErrExists if the name is taken.
func (t *Tx) RenameExperiment(ctx context.Context, id, name string) error {
	n, e, err := t.experimentID(ctx, id)
	if err != nil {
		return err
	}
	if e.Stage != Active {
		return fault(ErrState, "Cannot rename a non-active experiment.")
	}
	if name == "" {
		return fault(ErrInvalid, "Invalid experiment name: ''. Experiment name must not be empty.")
	}
	if err := checkLength("new_name", name, maxExperimentName); err != nil {
		return err
	}
	if _, err := t.exec(ctx, "UPDATE experiments SET name = $1, last_update_time = $2 WHERE experiment_id = $3", name, t.nowMS, n); err != nil {
		if errors.Is(err, ErrExists) {
			return experimentExists(name)
		}
		return err
	}
	return t.audit(ctx, "experiment.rename", "experiment:"+id, map[string]string{"name": e.Name}, map[string]string{"name": name})
}

// DeleteExperiment marks an active experiment and its runs deleted.
func (t *Tx) DeleteExperiment(ctx context.Context, id string) error {
	return t.moveExperiment(ctx, id, Active, Deleted, "experiment.delete")
}

// RestoreExperiment makes a deleted experiment and its runs active again.
func (t *Tx) RestoreExperiment(ctx context.Context, id string) error {
	return t.moveExperiment(ctx, id, Deleted, Active, "experiment.restore")
}

func (t *Tx) moveExperiment(ctx context.Context, id, from, to, action string) error {
	n, e, err := t.experimentID(ctx, id)
	if err != nil {
		return err
	}
	if e.Stage != from {
		return fault(ErrNotFound, "No Experiment with id=%s exists in the '%s' state", id, from)
	}
	if _, err := t.exec(ctx, "UPDATE experiments SET lifecycle_stage = $1, last_update_time = $2 WHERE experiment_id = $3", to, t.nowMS, n); err != nil {
		return err
	}
	if _, err := t.exec(ctx, "UPDATE runs SET lifecycle_stage = $1 WHERE experiment_id = $2", to, n); err != nil {
		return err
	}
	return t.audit(ctx, action, "experiment:"+id, map[string]string{"stage": from}, map[string]string{"stage": to})
}

// SetExperimentTag sets or replaces one tag of an active experiment.
func (t *Tx) SetExperimentTag(ctx context.Context, id string, tag Tag) error {
	n, e, err := t.experimentID(ctx, id)
	if err != nil {
		return err
	}
	if e.Stage != Active {
		return fault(ErrInvalid, "The experiment %s must be in the 'active' state. Current state is %s.", id, e.Stage)
	}
	if err := checkExperimentTag(tag); err != nil {
		return err
	}
	if _, err := t.exec(ctx, upsertExperimentTagSQL, n, tag.Key, tag.Value); err != nil {
		return err
	}
	if err := t.touchExperiment(ctx, n); err != nil {
		return err
	}
	return t.audit(ctx, "experiment.set-tag", "experiment:"+id, nil, tag)
}

// DeleteExperimentTag removes one tag; ErrNotFound if it is not there.
func (t *Tx) DeleteExperimentTag(ctx context.Context, id, key string) error {
	n, _, err := t.experimentID(ctx, id)
	if err != nil {
		return err
	}
	gone, err := t.exec(ctx, "DELETE FROM experiment_tags WHERE experiment_id = $1 AND key = $2", n, key)
	if err != nil {
		return err
	}
	if gone == 0 {
		return fault(ErrNotFound, "No tag with key: %s in experiment with ID %s", cut(key, maxKey), id)
	}
	if err := t.touchExperiment(ctx, n); err != nil {
		return err
	}
	return t.audit(ctx, "experiment.delete-tag", "experiment:"+id, map[string]string{"key": key}, nil)
}

func (t *Tx) touchExperiment(ctx context.Context, id int64) error {
	_, err := t.exec(ctx, "UPDATE experiments SET last_update_time = $1 WHERE experiment_id = $2", t.nowMS, id)
	return err
}
