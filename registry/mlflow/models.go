package mlflow

import "github.com/driftline/driftline/registry/store"

func createModel(c *call) (any, error) {
	c.need("name")
	name, description, tags := c.text("name"), c.text("description"), c.tags("tags")
	if c.err != nil {
		return nil, c.err
	}
	m, err := c.CreateModel(c.ctx, name, description, tags)
	return object{"registered_model": modelJSON(m)}, err
}

// onModel runs an act that needs the model's name.
func onModel(c *call, act func(name string) (any, error)) (any, error) {
	c.need("name")
	name := c.text("name")
	if c.err != nil {
		return nil, c.err
	}
	return act(name)
}

// answerModel wraps a registered model.
func answerModel(m store.RegisteredModel, err error) (any, error) {
	return object{"registered_model": modelJSON(m)}, err
}

func modelByName(c *call) (any, error) {
	return onModel(c, func(name string) (any, error) { return answerModel(c.Model(c.ctx, name)) })
}

func searchModels(c *call) (any, error) {
	q := c.search()
	if c.err != nil {
		return nil, c.err
	}
	ms, next, err := c.SearchModels(c.ctx, q)
	return paged("registered_models", each(ms, modelJSON), next), err
}

func renameModel(c *call) (any, error) {
	c.need("name", "new_name")
	to := c.text("new_name")
	return onModel(c, func(name string) (any, error) { return answerModel(c.RenameModel(c.ctx, name, to)) })
}

func describeModel(c *call) (any, error) {
	description := c.text("description")
	return onModel(c, func(name string) (any, error) { return answerModel(c.DescribeModel(c.ctx, name, description)) })
}

func deleteModel(c *call) (any, error) {
	return onModel(c, func(name string) (any, error) { return empty, c.DeleteModel(c.ctx, name) })
}

func latestVersions(c *call) (any, error) {
	stages := c.texts("stages")
	return onModel(c, func(name string) (any, error) {
		vs, err := c.LatestVersions(c.ctx, name, stages)
		return object{}.list("model_versions", each(vs, versionJSON)), err
	})
}

func setModelTag(c *call) (any, error) {
	c.need("name", "key")
	tag := store.Tag{Key: c.text("key"), Value: c.text("value")}
	return onModel(c, func(name string) (any, error) { return empty, c.SetModelTag(c.ctx, name, tag) })
}

func deleteModelTag(c *call) (any, error) {
	c.need("name", "key")
	key := c.text("key")
	return onModel(c, func(name string) (any, error) { return empty, c.DeleteModelTag(c.ctx, name, key) })
}

func setAlias(c *call) (any, error) {
	c.need("name", "alias", "version")
	alias, version := c.text("alias"), c.version()
	return onModel(c, func(name string) (any, error) { return empty, c.SetAlias(c.ctx, name, alias, version) })
}

func deleteAlias(c *call) (any, error) {
	c.need("name", "alias")
	alias := c.text("alias")
	return onModel(c, func(name string) (any, error) { return empty, c.DeleteAlias(c.ctx, name, alias) })
}

func versionByAlias(c *call) (any, error) {
	c.need("name", "alias")
	alias := c.text("alias")
	return onModel(c, func(name string) (any, error) { return answerVersion(c.VersionByAlias(c.ctx, name, alias)) })
}
