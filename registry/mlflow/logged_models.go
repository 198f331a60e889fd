package mlflow

import "github.com/driftline/driftline/registry/store"

var loggedStatuses = map[int64]string{1: store.ModelPending, 2: store.ModelReady, 3: store.ModelFailed}

func createLoggedModel(c *call) (any, error) {
	c.need("experiment_id")
	n := store.NewLoggedModel{
		ExperimentID: c.text("experiment_id"), Name: c.text("name"), Type: c.text("model_type"), SourceRunID: c.text("source_run_id"),
		Params: c.tags("params"), Tags: c.tags("tags"),
	}
	if c.err != nil {
		return nil, c.err
	}
	m, err := c.CreateLoggedModel(c.ctx, n)
	return object{"model": loggedModelJSON(m)}, err
}

func (c *call) pathID() string { return c.r.PathValue("id") }

func loggedModelByID(c *call) (any, error) {
	m, err := c.LoggedModel(c.ctx, c.pathID())
	return object{"model": loggedModelJSON(m)}, err
}

func finishLoggedModel(c *call) (any, error) {
	c.need("status")
	status := c.enum("status", loggedStatuses)
	if c.err != nil {
		return nil, c.err
	}
	m, err := c.FinishLoggedModel(c.ctx, c.pathID(), status)
	return object{"model": loggedModelJSON(m)}, err
}

func deleteLoggedModel(c *call) (any, error) {
	return empty, c.DeleteLoggedModel(c.ctx, c.pathID())
}

func setLoggedModelTags(c *call) (any, error) {
	tags := c.tags("tags")
	if c.err != nil {
		return nil, c.err
	}
	if err := c.SetLoggedModelTags(c.ctx, c.pathID(), tags); err != nil {
		return nil, err
	}
	return loggedModelByID(c)
}

func deleteLoggedModelTag(c *call) (any, error) {
	return empty, c.DeleteLoggedModelTag(c.ctx, c.pathID(), c.r.PathValue("key"))
}

func addLoggedModelParams(c *call) (any, error) {
	params := c.tags("params")
	if c.err != nil {
		return nil, c.err
	}
	return empty, c.AddLoggedModelParams(c.ctx, c.pathID(), params)
}

func searchLoggedModels(c *call) (any, error) {
	c.need("experiment_ids")
	q := store.LoggedSearch{ExperimentIDs: c.texts("experiment_ids")}
	q.Filter, q.Max, q.Token = c.text("filter"), c.limit(), c.text("page_token")
	c.objects("datasets", func(in *call) {
		in.need("dataset_name")
		q.Datasets = append(q.Datasets, store.DatasetFilter{Name: in.text("dataset_name"), Digest: in.text("dataset_digest")})
	})
	c.objects("order_by", func(in *call) {
		in.need("field_name")
		o := store.LoggedOrder{Field: in.text("field_name"), DatasetName: in.text("dataset_name"), DatasetDigest: in.text("dataset_digest")}
		o.Desc = in.has("ascending") && !in.flag("ascending")
		q.Order = append(q.Order, o)
	})
	if c.err != nil {
		return nil, c.err
	}
	ms, next, err := c.SearchLoggedModels(c.ctx, q)
	return paged("models", each(ms, loggedModelJSON), next), err
}
