package mlflow

import "github.com/driftline/driftline/registry/store"

func createExperiment(c *call) (any, error) {
	c.need("name")
	n := store.NewExperiment{Name: c.text("name"), Location: c.text("artifact_location"), Root: c.s.ArtifactRoot, Tags: c.tags("tags")}
	if c.err == nil && n.Location != "" {
		c.keep(c.s.checkLocation(n.Location))
	}
	if c.err != nil {
		return nil, c.err
	}
	id, err := c.CreateExperiment(c.ctx, n)
	return object{"experiment_id": id}, err
}

func experimentByID(c *call) (any, error) {
	c.need("experiment_id")
	id := c.text("experiment_id")
	if c.err != nil {
		return nil, c.err
	}
	e, err := c.Experiment(c.ctx, id)
	return object{"experiment": experimentJSON(e)}, err
}

func experimentByName(c *call) (any, error) {
	c.need("experiment_name")
	name := c.text("experiment_name")
	if c.err != nil {
		return nil, c.err
	}
	e, err := c.ExperimentByName(c.ctx, name)
	return object{"experiment": experimentJSON(e)}, err
}

func searchExperiments(c *call) (any, error) {
	q := c.search()
	q.View = c.view("view_type")
	if c.err != nil {
		return nil, c.err
	}
	es, next, err := c.SearchExperiments(c.ctx, q)
	return paged("experiments", each(es, experimentJSON), next), err
}

// onExperiment runs an act that needs the id alone.
func onExperiment(c *call, act func(id string) error) (any, error) {
	c.need("experiment_id")
	id := c.text("experiment_id")
	if c.err != nil {
		return nil, c.err
	}
	return empty, act(id)
}

func deleteExperiment(c *call) (any, error) {
	return onExperiment(c, func(id string) error { return c.DeleteExperiment(c.ctx, id) })
}

func restoreExperiment(c *call) (any, error) {
	return onExperiment(c, func(id string) error { return c.RestoreExperiment(c.ctx, id) })
}

func renameExperiment(c *call) (any, error) {
	c.need("experiment_id", "new_name")
	name := c.text("new_name")
	return onExperiment(c, func(id string) error { return c.RenameExperiment(c.ctx, id, name) })
}

func setExperimentTag(c *call) (any, error) {
	c.need("experiment_id", "key")
	tag := store.Tag{Key: c.text("key"), Value: c.text("value")}
	return onExperiment(c, func(id string) error { return c.SetExperimentTag(c.ctx, id, tag) })
}

func deleteExperimentTag(c *call) (any, error) {
	c.need("experiment_id", "key")
	key := c.text("key")
	return onExperiment(c, func(id string) error { return c.DeleteExperimentTag(c.ctx, id, key) })
}
