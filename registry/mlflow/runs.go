package mlflow

import (
	"encoding/json"

	"github.com/driftline/driftline/registry/store"
)

var runStatuses = map[int64]string{1: store.RunRunning, 2: store.RunScheduled, 3: store.RunFinished, 4: store.RunFailed, 5: store.RunKilled}

func createRun(c *call) (any, error) {
	n := store.NewRun{
		ExperimentID: c.text("experiment_id"), Name: c.text("run_name"), User: c.text("user_id"),
		StartMS: c.integer("start_time"), Tags: c.tags("tags"),
	}
	if c.err != nil {
		return nil, c.err
	}
	run, err := c.CreateRun(c.ctx, n)
	return object{"run": runJSON(run)}, err
}

func updateRun(c *call) (any, error) {
	id := c.runID()
	var u store.RunUpdate
	if status := c.enum("status", runStatuses); status != "" {
		u.Status = &status
	}
	if c.has("end_time") {
		end := c.integer("end_time")
		u.EndMS = &end
	}
	if c.has("run_name") {
		name := c.text("run_name")
		u.Name = &name
	}
	if c.err != nil {
		return nil, c.err
	}
	run, err := c.UpdateRun(c.ctx, id, u)
	return object{"run_info": runInfoJSON(run)}, err
}

// onRun runs an act that needs the id and answers {}.
func onRun(c *call, act func(id string) error) (any, error) {
	id := c.runID()
	if c.err != nil {
		return nil, c.err
	}
	return empty, act(id)
}

func deleteRun(c *call) (any, error) {
	return onRun(c, func(id string) error { return c.DeleteRun(c.ctx, id) })
}

func restoreRun(c *call) (any, error) {
	return onRun(c, func(id string) error { return c.RestoreRun(c.ctx, id) })
}

func runByID(c *call) (any, error) {
	id := c.runID()
	if c.err != nil {
		return nil, c.err
	}
	run, err := c.Run(c.ctx, id)
	return object{"run": runJSON(run)}, err
}

func searchRuns(c *call) (any, error) {
	ids := c.texts("experiment_ids")
	q := c.search()
	q.View = c.view("run_view_type")
	if c.err != nil {
		return nil, c.err
	}
	runs, next, err := c.SearchRuns(c.ctx, ids, q)
	return paged("runs", each(runs, runJSON), next), err
}

func logMetric(c *call) (any, error) {
	m := c.metric()
	return onRun(c, func(id string) error { return c.LogBatch(c.ctx, id, store.Batch{Metrics: []store.Metric{m}}) })
}

func logParam(c *call) (any, error) {
	c.need("key")
	p := store.Tag{Key: c.text("key"), Value: c.text("value")}
	return onRun(c, func(id string) error { return c.LogBatch(c.ctx, id, store.Batch{Params: []store.Tag{p}}) })
}

func setRunTag(c *call) (any, error) {
	c.need("key")
	tag := store.Tag{Key: c.text("key"), Value: c.text("value")}
	return onRun(c, func(id string) error { return c.LogBatch(c.ctx, id, store.Batch{Tags: []store.Tag{tag}}) })
}

func deleteRunTag(c *call) (any, error) {
	c.need("key")
	key := c.text("key")
	return onRun(c, func(id string) error { return c.DeleteRunTag(c.ctx, id, key) })
}

func logBatch(c *call) (any, error) {
	b := store.Batch{Params: c.tags("params"), Tags: c.tags("tags")}
	c.objects("metrics", func(in *call) { b.Metrics = append(b.Metrics, in.metric()) })
	return onRun(c, func(id string) error { return c.LogBatch(c.ctx, id, b) })
}

func logInputs(c *call) (any, error) {
	var inputs []store.RunInput
	c.objects("datasets", func(in *call) {
		input := store.RunInput{Tags: in.tags("tags")}
		raw, ok := in.fields["dataset"].(map[string]any)
		if !ok {
			in.keep(missing("dataset"))
			return
		}
		d := &call{fields: raw}
		d.need("name", "digest", "source_type", "source")
		input.Dataset = store.Dataset{
			Name: d.text("name"), Digest: d.text("digest"), SourceType: d.text("source_type"), Source: d.text("source"),
			Schema: d.text("schema"), Profile: d.text("profile"),
		}
		if d.err != nil {
			in.keep(inside("dataset.", d.err))
		}
		inputs = append(inputs, input)
	})
	var models []string
	c.objects("models", func(in *call) {
		in.need("model_id")
		models = append(models, in.text("model_id"))
	})
	return onRun(c, func(id string) error { return c.LogInputs(c.ctx, id, inputs, models) })
}

func logOutputs(c *call) (any, error) {
	var models []store.RunModel
	c.objects("models", func(in *call) {
		in.need("model_id")
		models = append(models, store.RunModel{ModelID: in.text("model_id"), Step: in.integer("step")})
	})
	return onRun(c, func(id string) error { return c.LogOutputs(c.ctx, id, models) })
}

// tagModelHistory is where 2.x clients keep which models a run logged.
const tagModelHistory = "mlflow.log-model.history"

func logModelHistory(c *call) (any, error) {
	c.need("model_json")
	text := c.text("model_json")
	if c.err != nil {
		return nil, c.err
	}
	var model map[string]any
	if err := json.Unmarshal([]byte(text), &model); err != nil {
		return nil, invalid("Malformed model info. It must be a JSON object." + docsHint)
	}
	for _, key := range []string{"artifact_path", "flavors", "utc_time_created", "run_id"} {
		if _, ok := model[key]; !ok {
			return nil, invalid("Model json is missing mandatory field '" + key + "'." + docsHint)
		}
	}
	return onRun(c, func(id string) error {
		run, err := c.Run(c.ctx, id)
		if err != nil {
			return err
		}
		var history []any
		for _, tag := range run.Tags {
			if tag.Key == tagModelHistory && json.Unmarshal([]byte(tag.Value), &history) != nil {
				history = nil // cut or written by somebody else: begin anew
			}
		}
		raw, err := json.Marshal(append(history, model))
		if err != nil {
			return err
		}
		return c.LogBatch(c.ctx, id, store.Batch{Tags: []store.Tag{{Key: tagModelHistory, Value: string(raw)}}})
	})
}

func metricHistory(c *call) (any, error) {
	id := c.runID()
	c.need("metric_key")
	key, limit, token := c.text("metric_key"), c.limit(), c.text("page_token")
	if c.err != nil {
		return nil, c.err
	}
	ms, next, err := c.MetricHistory(c.ctx, id, key, limit, token)
	return paged("metrics", each(ms, metricJSON), next), err
}

func bulkHistory(c *call) (any, error) {
	c.need("run_id", "metric_key")
	ids, key, limit := c.texts("run_id"), c.text("metric_key"), c.limit()
	if c.err != nil {
		return nil, c.err
	}
	ms, err := c.BulkHistory(c.ctx, ids, key, limit)
	// The hand-written route upstream sends an empty list, not nothing.
	return object{"metrics": each(ms, metricOfRun)}, err
}

// maxSamples bounds the steps per run of a sampled history.
const maxSamples = 2500

func sampledHistory(c *call) (any, error) {
	c.need("run_ids", "metric_key")
	ids, key, limit := c.texts("run_ids"), c.text("metric_key"), c.limit()
	if limit == 0 {
		limit = maxSamples
	}
	if limit > maxSamples {
		c.keep(wrong("max_results", limit, "an integer between 1 and 2500"))
	}
	var first, last *int64
	if c.has("start_step") != c.has("end_step") {
		c.keep(invalid("If either start step or end step are specified, both must be specified."))
	}
	if c.has("start_step") && c.has("end_step") {
		from, to := c.integer("start_step"), c.integer("end_step")
		first, last = &from, &to
		if from > to {
			c.keep(invalid("end_step must be greater than start_step."))
		}
	}
	if c.err != nil {
		return nil, c.err
	}
	ms, err := c.SampledHistory(c.ctx, ids, key, first, last, limit)
	return object{}.list("metrics", each(ms, metricOfRun)), err
}
