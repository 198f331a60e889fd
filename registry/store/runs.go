package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Run statuses as MLflow names them.
const (
	RunRunning   = "RUNNING"
	RunScheduled = "SCHEDULED"
	RunFinished  = "FINISHED"
	RunFailed    = "FAILED"
	RunKilled    = "KILLED"
)

// Tags that mean something to the registry.
const (
	tagRunName = "mlflow.runName"
	tagUser    = "mlflow.user"
)

// Run is one training run with everything logged to it.
type Run struct {
	ID           string // 32 hex digits
	Name         string
	ExperimentID string
	User         string
	Status       string
	StartMS      int64
	EndMS        int64 // 0 = not ended
	ArtifactURI  string
	Stage        string   // Active or Deleted
	Metrics      []Metric // the latest of each key, by key
	Params       []Tag    // by key
	Tags         []Tag    // by key
	Inputs       []RunInput
	ModelsIn     []RunModel
	ModelsOut    []RunModel
}

// NewRun is what CreateRun needs; every field may be empty.
type NewRun struct {
	ExperimentID string // "" = "0"
	Name         string // "" = tag mlflow.runName, else a random name
	User         string // "" = tag mlflow.user, else "unknown"
	StartMS      int64
	Tags         []Tag
}

// RunUpdate holds the fields to change; nil leaves a field alone.
type RunUpdate struct {
	Status *string
	EndMS  *int64
	Name   *string
}

const (
	runColumns   = "r.run_id, r.name, r.experiment_id, r.user_id, r.status, r.start_time, COALESCE(r.end_time, 0), r.artifact_uri, r.lifecycle_stage"
	insertRunSQL = `INSERT INTO runs (run_id, experiment_id, name, user_id, status, start_time, lifecycle_stage, artifact_uri)
		VALUES ($1, $2, $3, $4, 'RUNNING', $5, 'active', $6)`
	upsertRunTagHead = "INSERT INTO run_tags (run_id, key, value) VALUES"
	upsertRunTagTail = "ON CONFLICT (run_id, key) DO UPDATE SET value = excluded.value"
)

// CreateRun starts a run in an active experiment.
func (t *Tx) CreateRun(ctx context.Context, n NewRun) (Run, error) {
	if n.ExperimentID == "" {
		n.ExperimentID = "0"
	}
	number, exp, err := t.experimentID(ctx, n.ExperimentID)
	if err != nil {
		return Run{}, err
	}
	if exp.Stage != Active {
		return Run{}, fault(ErrInvalid, "The experiment %s must be in the 'active' state. Current state is %s.", exp.ID, exp.Stage)
	}
	if err := checkRunTags("tags", n.Tags); err != nil {
		return Run{}, err
	}
	tagName := tagValue(n.Tags, tagRunName)
	switch {
	case n.Name == "" && tagName == "":
		n.Name = randomName()
	case n.Name == "":
		n.Name = tagName
	case tagName != "" && tagName != n.Name:
		return Run{}, fault(ErrInvalid, "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values (run_name='%s', mlflow.runName='%s').", n.Name, tagName)
	}
	if n.User == "" {
		n.User = tagValue(n.Tags, tagUser)
	}
	if n.User == "" {
		n.User = "unknown"
	}
	id := randomHex()
	uri := joinURI(exp.ArtifactLocation, id, "artifacts")
	if _, err := t.exec(ctx, insertRunSQL, id, number, n.Name, n.User, n.StartMS, uri); err != nil {
		return Run{}, err
	}
	tags := append(slices.Clone(n.Tags), Tag{tagRunName, n.Name})
	if err := t.putRunTags(ctx, id, tags); err != nil {
		return Run{}, err
	}
	if err := t.audit(ctx, "run.create", "run:"+id, nil, map[string]string{"experiment_id": exp.ID, "name": n.Name}); err != nil {
		return Run{}, err
	}
	return t.Run(ctx, id)
}

// randomHex gives 32 hex digits.
func randomHex() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(b[:])
}

func tagValue(tags []Tag, key string) string {
	for _, t := range tags {
		if t.Key == key {
			return t.Value
		}
	}
	return ""
}

func checkRunTags(where string, tags []Tag) error {
	for i, tag := range tags {
		if err := checkKey(fmt.Sprintf("%s[%d].key", where, i), tag.Key); err != nil {
			return err
		}
	}
	return nil
}

// putRunTags sets tags, the last of equal keys winning, in key order so that two
// batches to one run cannot deadlock.
func (t *Tx) putRunTags(ctx context.Context, id string, tags []Tag) error {
	last := make(map[string]string, len(tags))
	for _, tag := range tags {
		last[tag.Key] = cut(tag.Value, maxRunTagValue)
	}
	rows := make([][]any, 0, len(last))
	for key, value := range last {
		rows = append(rows, []any{id, key, value})
	}
	sortRows(rows, 1)
	return t.insertRows(ctx, upsertRunTagHead, upsertRunTagTail, rows)
}

// sortRows sorts rows by the text in column col.
func sortRows(rows [][]any, col int) {
	slices.SortFunc(rows, func(a, b []any) int { return strings.Compare(a[col].(string), b[col].(string)) })
}

// Run returns a run with its data, deleted or not.
func (t *Tx) Run(ctx context.Context, id string) (Run, error) {
	run, err := t.runInfo(ctx, id)
	if err != nil {
		return Run{}, err
	}
	out := []Run{run}
	err = t.loadRuns(ctx, out)
	return out[0], err
}

func (t *Tx) runInfo(ctx context.Context, id string) (Run, error) {
	var out []Run
	err := t.rows(ctx, "SELECT "+runColumns+" FROM runs r WHERE r.run_id = $1", []any{id}, scanRuns(&out))
	if err != nil {
		return Run{}, err
	}
	if len(out) == 0 {
		return Run{}, fault(ErrNotFound, "Run with id=%s not found", cut(id, 100))
	}
	return out[0], nil
}

func scanRuns(out *[]Run) func(scanner) error {
	return func(r scanner) error {
		var run Run
		if err := r.Scan(&run.ID, &run.Name, &run.ExperimentID, &run.User, &run.Status, &run.StartMS, &run.EndMS, &run.ArtifactURI, &run.Stage); err != nil {
			return err
		}
		*out = append(*out, run)
		return nil
	}
}

// activeRun returns a run that may be written to; ErrInvalid if it is deleted.
func (t *Tx) activeRun(ctx context.Context, id string) (Run, error) {
	run, err := t.runInfo(ctx, id)
	if err == nil && run.Stage != Active {
		err = fault(ErrInvalid, "The run %s must be in the 'active' state. Current state is %s.", id, run.Stage)
	}
	return run, err
}

// loadRuns fills the data of runs, a few queries for the whole page.
func (t *Tx) loadRuns(ctx context.Context, runs []Run) error {
	ids := make([]string, len(runs))
	at := make(map[string]*Run, len(runs))
	for i := range runs {
		ids[i] = runs[i].ID
		at[runs[i].ID] = &runs[i]
	}
	tags, err := t.tagsOf(ctx, "run_tags", "run_id", ids)
	if err != nil {
		return err
	}
	params, err := t.tagsOf(ctx, "run_params", "run_id", ids)
	if err != nil {
		return err
	}
	for id, run := range at {
		run.Tags, run.Params = tags[id], params[id]
	}
	if err := t.loadLatest(ctx, ids, at); err != nil {
		return err
	}
	return t.loadInputs(ctx, ids, at)
}

// UpdateRun changes the fields that are given and returns the run.
func (t *Tx) UpdateRun(ctx context.Context, id string, u RunUpdate) (Run, error) {
	run, err := t.activeRun(ctx, id)
	if err != nil {
		return Run{}, err
	}
	before := map[string]any{"status": run.Status, "end_time": run.EndMS, "name": run.Name}
	if u.Status != nil {
		run.Status = *u.Status
	}
	if u.EndMS != nil {
		run.EndMS = *u.EndMS
	}
	if u.Name != nil && *u.Name != "" {
		run.Name = *u.Name
		if err := t.putRunTags(ctx, id, []Tag{{tagRunName, run.Name}}); err != nil {
			return Run{}, err
		}
	}
	var end any // NULL while the run has not ended
	if run.EndMS != 0 {
		end = run.EndMS
	}
	if _, err := t.exec(ctx, "UPDATE runs SET status = $1, end_time = $2, name = $3 WHERE run_id = $4", run.Status, end, run.Name, id); err != nil {
		return Run{}, err
	}
	after := map[string]any{"status": run.Status, "end_time": run.EndMS, "name": run.Name}
	if err := t.audit(ctx, "run.update", "run:"+id, before, after); err != nil {
		return Run{}, err
	}
	return t.Run(ctx, id)
}

// DeleteRun marks a run deleted; again is no error.
func (t *Tx) DeleteRun(ctx context.Context, id string) error {
	return t.moveRun(ctx, id, Deleted, "run.delete")
}

// RestoreRun makes a deleted run active; again is no error.
func (t *Tx) RestoreRun(ctx context.Context, id string) error {
	return t.moveRun(ctx, id, Active, "run.restore")
}

func (t *Tx) moveRun(ctx context.Context, id, stage, action string) error {
	run, err := t.runInfo(ctx, id)
	if err != nil {
		return err
	}
	if _, err := t.exec(ctx, "UPDATE runs SET lifecycle_stage = $1 WHERE run_id = $2", stage, id); err != nil {
		return err
	}
	return t.audit(ctx, action, "run:"+id, map[string]string{"stage": run.Stage}, map[string]string{"stage": stage})
}

// DeleteRunTag removes one tag; ErrNotFound if it is not there.
func (t *Tx) DeleteRunTag(ctx context.Context, id, key string) error {
	if _, err := t.activeRun(ctx, id); err != nil {
		return err
	}
	gone, err := t.exec(ctx, "DELETE FROM run_tags WHERE run_id = $1 AND key = $2", id, key)
	if err != nil {
		return err
	}
	if gone == 0 {
		return fault(ErrNotFound, "No tag with name: %s in run with id %s", cut(key, maxKey), id)
	}
	return t.audit(ctx, "run.delete-tag", "run:"+id, map[string]string{"key": key}, nil)
}
