package trainer

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/trainer/gbdt"
	"github.com/driftline/driftline/trainer/judge"
)

// challengerAlias points at the version that is being judged or waits.
const challengerAlias = "challenger"

// xgboostVersion is whose file format the model is written in.
const xgboostVersion = "1.7.6"

// register is the phase EVALUATED → REGISTERED: the model that would serve, its files,
// and the version in stage Staging. Version and state are one transaction.
func (j *job) register(ctx context.Context) error {
	d, err := j.dataset(ctx)
	if err != nil {
		return err
	}
	verdict, err := j.decision()
	if err != nil {
		return err
	}
	refitted := verdict.Promote && j.spec.Refit
	m, err := j.testedModel(ctx)
	if refitted && err == nil {
		m, err = j.refit(ctx)
	}
	if err != nil {
		return err
	}
	run, err := j.cfg.Store.Run(ctx, j.row.RunID)
	if err != nil {
		return err
	}
	files, err := j.files(m, run, d, verdict, refitted)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := j.put(ctx, f.name, f.body); err != nil {
			return err
		}
	}
	through := d.HoldoutFromDay - 1
	if refitted {
		through = d.HoldoutThroughDay
	}
	tags := j.versionTags(d, refitted, through)
	reason := "registered for judgement"
	if j.row.Version != "" { // freed from BLOCKED after it was registered
		return j.advance(ctx, store.RetrainRegistered, store.RetrainPatch{Reason: "version " + j.row.Version + " " + reason}, nil)
	}
	return j.advance(ctx, store.RetrainRegistered, store.RetrainPatch{}, func(tx *store.Tx, r store.Retrain) error {
		if _, err := tx.Model(ctx, r.Model); errors.Is(err, store.ErrNotFound) {
			if _, err := tx.CreateModel(ctx, r.Model, "", nil); err != nil {
				return err
			}
		} else if err != nil {
			return err
		}
		v, err := tx.CreateVersion(ctx, store.NewVersion{
			Name: r.Model, Source: run.ArtifactURI + "/model", RunID: run.ID, Tags: tags, Description: describe(r, j.trig, d, refitted),
		})
		if err != nil {
			return err
		}
		if _, err := tx.TransitionStage(ctx, r.Model, v.Version, store.StageStaging, false); err != nil {
			return err
		}
		if err := tx.SetAlias(ctx, r.Model, challengerAlias, v.Version); err != nil {
			return err
		}
		next, err := tx.AdvanceRetrain(ctx, r.ID, r.Fence, r.State, r.State, store.RetrainPatch{Version: &v.Version, Reason: "version " + v.Version + " " + reason}, j.cfg.NowMS())
		j.pending = next
		return err
	})
}

func describe(r store.Retrain, trig trigger, d *dataset, refitted bool) string {
	text := fmt.Sprintf("Retrain %s (%s), data from %s to %s.", r.ID, trig, d.FirstDay, d.LastDay)
	if refitted {
		text += " Refitted on the whole window with the rounds of the model that the gate judged; the refit itself is untested, probation watches it."
	}
	return text
}

func (j *job) versionTags(d *dataset, refitted bool, through int32) []store.Tag {
	return []store.Tag{
		{Key: "driftline.retrain_id", Value: j.row.ID},
		{Key: "driftline.trigger", Value: j.trig.String()},
		{Key: "driftline.trigger_kind", Value: j.row.Kind},
		{Key: "driftline.parent_version", Value: j.row.ChampionBefore},
		{Key: "driftline.data_window", Value: d.FirstDay + " to " + d.LastDay},
		{Key: "driftline.dataset_sha256", Value: d.SHA256},
		{Key: "driftline.code_version", Value: j.cfg.CodeVersion},
		{Key: tagThreshold, Value: strconv.FormatFloat(j.spec.Gate.Threshold, 'g', -1, 64)},
		{Key: tagPositive, Value: j.spec.Positive},
		{Key: tagTrainedThrough, Value: strconv.FormatInt(int64(through), 10)},
		{Key: tagUntested, Value: strconv.FormatBool(refitted)},
	}
}

type file struct {
	name string
	body []byte
}

// files are the artifacts of the version, the same whenever they are made.
func (j *job) files(m *gbdt.Model, run store.Run, d *dataset, v judge.Decision, refitted bool) ([]file, error) {
	model, err := modelFile(m)
	if err != nil {
		return nil, err
	}
	gate, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, err
	}
	importance, err := importanceFile(m)
	if err != nil {
		return nil, err
	}
	return []file{
		{"model/model.json", model},
		{"model/MLmodel", mlmodel(run)},
		{"model/requirements.txt", []byte("mlflow\nxgboost>=" + xgboostVersion + "\npandas\n")},
		{"feature_importance.csv", importance},
		{"gate.json", gate},
		{"model_card.md", j.card(m, d, v, refitted)},
	}, nil
}

// mlmodel is the file by which MLflow knows how to load the model.
func mlmodel(run store.Run) []byte {
	return fmt.Appendf(nil, `artifact_path: model
flavors:
  python_function:
    data: model.json
    loader_module: mlflow.xgboost
    python_version: 3.10.0
  xgboost:
    code: null
    data: model.json
    model_class: xgboost.core.Booster
    model_format: json
    xgb_version: %s
run_id: %s
utc_time_created: '%s'
`, xgboostVersion, run.ID, time.UnixMilli(run.StartMS).UTC().Format("2006-01-02 15:04:05.000000"))
}

func importanceFile(m *gbdt.Model) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.Write([]string{"rank", "feature", "gain_total", "gain_mean", "cover", "splits"}); err != nil {
		return nil, err
	}
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	for i, f := range m.Importance() {
		if err := w.Write([]string{strconv.Itoa(i + 1), f.Feature, number(f.GainTotal), number(f.GainMean), number(f.Cover), strconv.Itoa(f.Splits)}); err != nil {
			return nil, err
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}
