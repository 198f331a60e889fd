package mlflow

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"

	"github.com/driftline/driftline/registry/store"
)

// object is a JSON object of an answer; what is not set is not in it.
type object map[string]any

// set puts a field unless the text is empty.
func (o object) set(key, text string) object {
	if text != "" {
		o[key] = text
	}
	return o
}

// list puts a list unless it is empty.
func (o object) list(key string, items []any) object {
	if len(items) > 0 {
		o[key] = items
	}
	return o
}

// double is a number that leaves as MLflow writes it: NaN and infinities as text.
type double float64

// MarshalJSON implements json.Marshaler.
func (d double) MarshalJSON() ([]byte, error) {
	f := float64(d)
	switch {
	case math.IsNaN(f):
		return []byte(`"NaN"`), nil
	case math.IsInf(f, 1):
		return []byte(`"Infinity"`), nil
	case math.IsInf(f, -1):
		return []byte(`"-Infinity"`), nil
	}
	return strconv.AppendFloat(nil, f, 'g', -1, 64), nil
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error_code":"INTERNAL_ERROR","message":"The answer could not be written."}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	// The client may be gone; there is nobody left to tell.
	_, _ = w.Write(body)
}

func each[T any](items []T, f func(T) any) []any {
	out := make([]any, len(items))
	for i, it := range items {
		out[i] = f(it)
	}
	return out
}

func tagJSON(t store.Tag) any { return object{"key": t.Key, "value": t.Value} }

func experimentJSON(e store.Experiment) any {
	return object{
		"experiment_id": e.ID, "name": e.Name, "artifact_location": e.ArtifactLocation, "lifecycle_stage": e.Stage,
		"creation_time": e.CreatedMS, "last_update_time": e.UpdatedMS,
	}.list("tags", each(e.Tags, tagJSON))
}

func metricJSON(m store.Metric) any {
	return object{"key": m.Key, "value": double(m.Value), "timestamp": m.TimeMS, "step": m.Step}.
		set("model_id", m.ModelID).set("dataset_name", m.DatasetName).set("dataset_digest", m.DatasetDigest)
}

// metricOfRun also names the run, as bulk histories and logged models do.
func metricOfRun(m store.Metric) any {
	return metricJSON(m).(object).set("run_id", m.RunID)
}

func runInfoJSON(r store.Run) any {
	out := object{
		"run_id": r.ID, "run_uuid": r.ID, "run_name": r.Name, "experiment_id": r.ExperimentID, "user_id": r.User,
		"status": r.Status, "start_time": r.StartMS, "lifecycle_stage": r.Stage,
	}.set("artifact_uri", r.ArtifactURI)
	if r.EndMS != 0 {
		out["end_time"] = r.EndMS
	}
	return out
}

func runJSON(r store.Run) any {
	data := object{}.list("metrics", each(r.Metrics, metricJSON)).list("params", each(r.Params, tagJSON)).list("tags", each(r.Tags, tagJSON))
	inputs := object{}.list("dataset_inputs", each(r.Inputs, inputJSON)).
		list("model_inputs", each(r.ModelsIn, func(m store.RunModel) any { return object{"model_id": m.ModelID} }))
	outputs := object{}.list("model_outputs", each(r.ModelsOut, func(m store.RunModel) any { return object{"model_id": m.ModelID, "step": m.Step} }))
	return object{"info": runInfoJSON(r), "data": data, "inputs": inputs, "outputs": outputs}
}

func inputJSON(in store.RunInput) any {
	d := in.Dataset
	return object{
		"dataset": object{"name": d.Name, "digest": d.Digest, "source_type": d.SourceType, "source": d.Source}.set("schema", d.Schema).set("profile", d.Profile),
	}.list("tags", each(in.Tags, tagJSON))
}

func loggedModelJSON(m store.LoggedModel) any {
	info := object{
		"model_id": m.ID, "experiment_id": m.ExperimentID, "name": m.Name, "creation_timestamp_ms": m.CreatedMS,
		"last_updated_timestamp_ms": m.UpdatedMS, "artifact_uri": m.ArtifactURI, "status": m.Status,
	}.set("model_type", m.Type).set("source_run_id", m.SourceRunID).set("status_message", m.StatusMessage).
		list("tags", each(m.Tags, tagJSON)).
		list("registrations", each(m.Registrations, func(r store.Registration) any { return object{"name": r.Name, "version": r.Version} }))
	data := object{}.list("params", each(m.Params, tagJSON)).list("metrics", each(m.Metrics, func(x store.Metric) any {
		x.ModelID = m.ID
		return metricOfRun(x)
	}))
	return object{"info": info, "data": data}
}

func modelJSON(m store.RegisteredModel) any {
	return object{"name": m.Name, "creation_timestamp": m.CreatedMS, "last_updated_timestamp": m.UpdatedMS}.
		set("user_id", m.User).set("description", m.Description).
		list("latest_versions", each(m.Latest, versionJSON)).list("tags", each(m.Tags, tagJSON)).
		list("aliases", each(m.Aliases, func(a store.Alias) any { return object{"alias": a.Alias, "version": a.Version} }))
}

func versionJSON(v store.ModelVersion) any {
	return object{
		"name": v.Name, "version": v.Version, "creation_timestamp": v.CreatedMS, "last_updated_timestamp": v.UpdatedMS,
		"current_stage": v.Stage, "status": v.Status, "source": v.Source,
	}.set("user_id", v.User).set("description", v.Description).set("run_id", v.RunID).set("status_message", v.StatusMessage).
		set("run_link", v.RunLink).set("model_id", v.ModelID).
		list("tags", each(v.Tags, tagJSON)).list("aliases", each(v.Aliases, func(a string) any { return a }))
}
