package mlflow

import (
	"encoding/json"

	"github.com/driftline/driftline/registry/store"
)

// version reads a version number, which clients send as text and hands as number.
func (c *call) version() string {
	if n, ok := c.fields["version"].(json.Number); ok {
		return n.String()
	}
	return c.text("version")
}

func answerVersion(v store.ModelVersion, err error) (any, error) {
	return object{"model_version": versionJSON(v)}, err
}

// onVersion runs an act that needs name and version.
func onVersion(c *call, act func(name, version string) (any, error)) (any, error) {
	c.need("name", "version")
	name, version := c.text("name"), c.version()
	if c.err != nil {
		return nil, c.err
	}
	return act(name, version)
}

func createVersion(c *call) (any, error) {
	c.need("name", "source")
	n := store.NewVersion{
		Name: c.text("name"), Source: c.text("source"), RunID: c.text("run_id"), RunLink: c.text("run_link"), ModelID: c.text("model_id"),
		Description: c.text("description"), Tags: c.tags("tags"),
	}
	if c.err != nil {
		return nil, c.err
	}
	if err := c.checkSource(n); err != nil {
		return nil, err
	}
	return answerVersion(c.CreateVersion(c.ctx, n))
}

func versionByNumber(c *call) (any, error) {
	return onVersion(c, func(name, version string) (any, error) { return answerVersion(c.Version(c.ctx, name, version)) })
}

func describeVersion(c *call) (any, error) {
	description := c.text("description")
	return onVersion(c, func(name, version string) (any, error) {
		return answerVersion(c.DescribeVersion(c.ctx, name, version, description))
	})
}

func deleteVersion(c *call) (any, error) {
	return onVersion(c, func(name, version string) (any, error) { return empty, c.DeleteVersion(c.ctx, name, version) })
}

func searchVersions(c *call) (any, error) {
	q := c.search()
	if c.err != nil {
		return nil, c.err
	}
	vs, next, err := c.SearchVersions(c.ctx, q)
	return paged("model_versions", each(vs, versionJSON), next), err
}

func downloadURI(c *call) (any, error) {
	return onVersion(c, func(name, version string) (any, error) {
		v, err := c.Version(c.ctx, name, version)
		return object{"artifact_uri": place(v)}, err
	})
}

// place is where the artifacts of a version are.
func place(v store.ModelVersion) string {
	if v.Location != "" {
		return v.Location
	}
	return v.Source
}

func setVersionTag(c *call) (any, error) {
	c.need("name", "version", "key")
	tag := store.Tag{Key: c.text("key"), Value: c.text("value")}
	return onVersion(c, func(name, version string) (any, error) { return empty, c.SetVersionTag(c.ctx, name, version, tag) })
}

func deleteVersionTag(c *call) (any, error) {
	c.need("name", "version", "key")
	key := c.text("key")
	return onVersion(c, func(name, version string) (any, error) { return empty, c.DeleteVersionTag(c.ctx, name, version, key) })
}

func transitionStage(c *call) (any, error) {
	c.need("name", "version", "stage")
	stage, archive := c.text("stage"), c.flag("archive_existing_versions")
	return onVersion(c, func(name, version string) (any, error) {
		return answerVersion(c.TransitionStage(c.ctx, name, version, stage, archive))
	})
}
