package store

import (
	"context"
	"errors"
	"strconv"
	"strings"
)

// Stages of a version, in canonical spelling.
const (
	StageNone       = "None"
	StageStaging    = "Staging"
	StageProduction = "Production"
	StageArchived   = "Archived"
)

// Stages lists the stages in their natural order.
var stages = []string{StageNone, StageStaging, StageProduction, StageArchived}

// ModelVersion is one registered version of a model.
type ModelVersion struct {
	Name          string
	Version       string // decimal
	Stage         string
	Description   string
	User          string
	Source        string // where the registering client said the artifacts are
	Location      string // where they are: Source with models:/ resolved
	RunID         string
	RunLink       string
	ModelID       string
	Status        string
	StatusMessage string
	CreatedMS     int64
	UpdatedMS     int64
	Tags          []Tag
	Aliases       []string // that point at it, sorted
}

// NewVersion is what CreateVersion needs; Name and Source are required.
type NewVersion struct {
	Name        string
	Source      string
	RunID       string
	RunLink     string
	ModelID     string
	Description string
	Tags        []Tag
}

const (
	versionColumns = `v.name, v.version, v.stage, v.description, v.user_id, v.source, v.storage_location, v.run_id, v.run_link, v.model_id,
		v.status, v.status_message, v.created_ms, v.updated_ms`
	upsertVersionTagSQL = `INSERT INTO model_version_tags (name, version, key, value) VALUES ($1, $2, $3, $4)
		ON CONFLICT (name, version, key) DO UPDATE SET value = excluded.value`
)

// ParseStage reads a stage in any case. ErrInvalid for any other word.
func ParseStage(s string) (string, error) {
	for _, stage := range stages {
		if strings.EqualFold(s, stage) {
			return stage, nil
		}
	}
	return "", fault(ErrInvalid, "Invalid Model Version stage: %s. Value must be one of %s.", cut(s, 100), strings.Join(stages, ", "))
}

// CreateVersion registers the next version of a model. A source models:/name/version
// or models:/m-id takes over the location of what it names. Whether a source may be
// used at all is the caller's check.
func (t *Tx) CreateVersion(ctx context.Context, n NewVersion) (ModelVersion, error) {
	if n.Source == "" {
		return ModelVersion{}, fault(ErrInvalid, "Missing value for required parameter 'source'.")
	}
	if err := checkLength("source", n.Source, maxArtifactURI); err != nil {
		return ModelVersion{}, err
	}
	if err := checkLength("description", n.Description, maxDescription); err != nil {
		return ModelVersion{}, err
	}
	if err := t.touchModel(ctx, n.Name); err != nil {
		return ModelVersion{}, err
	}
	location, err := t.location(ctx, n.Source)
	if err != nil {
		return ModelVersion{}, err
	}
	if id, ok := strings.CutPrefix(n.Source, "models:/m-"); ok && !strings.Contains(id, "/") {
		// Clients name the logged model in the source alone; the run is its run.
		m, err := t.loggedModelInfo(ctx, "m-"+id)
		if err != nil {
			return ModelVersion{}, err
		}
		n.ModelID = m.ID
		if n.RunID == "" {
			n.RunID = m.SourceRunID
		}
	}
	// The model's row is locked since touchModel, so the counter is ours.
	if _, err := t.exec(ctx, "UPDATE registered_models SET last_version = last_version + 1 WHERE name = $1", n.Name); err != nil {
		return ModelVersion{}, err
	}
	var version int64
	if err := t.row(ctx, "SELECT last_version FROM registered_models WHERE name = $1", []any{n.Name}, &version); err != nil {
		return ModelVersion{}, err
	}
	if _, err := t.exec(ctx, `INSERT INTO model_versions (name, version, stage, description, user_id, source, storage_location, run_id, run_link, model_id, status, created_ms, updated_ms)
		VALUES ($1, $2, 'None', $3, $4, $5, $6, $7, $8, $9, 'READY', $10, $11)`,
		n.Name, version, n.Description, Actor(ctx), n.Source, location, n.RunID, n.RunLink, n.ModelID, t.nowMS, t.nowMS); err != nil {
		return ModelVersion{}, err
	}
	for _, tag := range n.Tags {
		if err := checkRegistryTag(tag.Key, tag.Value); err != nil {
			return ModelVersion{}, err
		}
		if _, err := t.exec(ctx, upsertVersionTagSQL, n.Name, version, tag.Key, tag.Value); err != nil {
			return ModelVersion{}, err
		}
	}
	text := strconv.FormatInt(version, 10)
	if n.ModelID != "" {
		if _, err := t.loggedModelInfo(ctx, n.ModelID); err != nil {
			return ModelVersion{}, err
		}
		if err := t.noteRegistration(ctx, n.ModelID, n.Name, text); err != nil {
			return ModelVersion{}, err
		}
	}
	if err := t.audit(ctx, "version.create", versionObject(n.Name, text), nil, map[string]string{"source": n.Source, "run_id": n.RunID}); err != nil {
		return ModelVersion{}, err
	}
	return t.Version(ctx, n.Name, text)
}

// location resolves models:/ sources to where the artifacts are.
func (t *Tx) location(ctx context.Context, source string) (string, error) {
	rest, ok := strings.CutPrefix(source, "models:/")
	if !ok {
		return source, nil
	}
	rest = strings.TrimLeft(rest, "/")
	name, version, pair := strings.Cut(rest, "/")
	switch {
	case pair:
		v, err := t.Version(ctx, name, version)
		if err != nil {
			return "", err
		}
		if v.Location != "" {
			return v.Location, nil
		}
		return v.Source, nil
	case strings.HasPrefix(rest, "m-"):
		m, err := t.loggedModelInfo(ctx, rest)
		return m.ArtifactURI, err
	}
	return "", fault(ErrInvalid, "Unable to fetch model from model URI source artifact location '%s'. Use models:/name/version or models:/m-id.", cut(source, 300))
}

func versionObject(name, version string) string { return "model:" + name + "/" + version }

// Version returns one version; a deleted one is ErrNotFound.
func (t *Tx) Version(ctx context.Context, name, version string) (ModelVersion, error) {
	n, err := parseVersion(version)
	if err != nil {
		return ModelVersion{}, err
	}
	var out []ModelVersion
	if err := t.rows(ctx, "SELECT "+versionColumns+" FROM model_versions v WHERE v.name = $1 AND v.version = $2 AND v.stage <> 'Deleted_Internal'",
		[]any{name, n}, scanVersions(&out)); err != nil {
		return ModelVersion{}, err
	}
	if len(out) == 0 {
		return ModelVersion{}, fault(ErrNotFound, "Model Version (name=%s, version=%s) not found", cut(name, maxModelName), version)
	}
	return out[0], t.loadVersions(ctx, out)
}

func scanVersions(out *[]ModelVersion) func(scanner) error {
	return func(r scanner) error {
		var v ModelVersion
		if err := r.Scan(&v.Name, &v.Version, &v.Stage, &v.Description, &v.User, &v.Source, &v.Location, &v.RunID, &v.RunLink, &v.ModelID,
			&v.Status, &v.StatusMessage, &v.CreatedMS, &v.UpdatedMS); err != nil {
			return err
		}
		*out = append(*out, v)
		return nil
	}
}

// loadVersions fills tags and aliases of versions, by the names they have.
func (t *Tx) loadVersions(ctx context.Context, vs []ModelVersion) error {
	at := make(map[[2]string]*ModelVersion, len(vs))
	var names []string
	seen := map[string]bool{}
	for i := range vs {
		at[[2]string{vs[i].Name, vs[i].Version}] = &vs[i]
		if !seen[vs[i].Name] {
			seen[vs[i].Name] = true
			names = append(names, vs[i].Name)
		}
	}
	for _, part := range chunks(names) {
		var b builder
		b.text("SELECT name, version, key, value FROM model_version_tags WHERE name IN " + b.list(part))
		if len(vs) == 1 { // the common case reads one version's tags, not the model's
			n, err := parseVersion(vs[0].Version)
			if err != nil {
				return err
			}
			b.text(" AND version = " + b.arg(n))
		}
		b.text(" ORDER BY name, version, key")
		err := t.rows(ctx, b.sql(), b.args, func(r scanner) error {
			var key [2]string
			var tag Tag
			if err := r.Scan(&key[0], &key[1], &tag.Key, &tag.Value); err != nil {
				return err
			}
			if v := at[key]; v != nil {
				v.Tags = append(v.Tags, tag)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	aliases, err := t.aliasesOf(ctx, names)
	if err != nil {
		return err
	}
	for name, all := range aliases {
		for _, a := range all {
			if v := at[[2]string{name, a.Version}]; v != nil {
				v.Aliases = append(v.Aliases, a.Alias)
			}
		}
	}
	return nil
}

// changeVersion runs one change of a live version: it locks the model, checks the
// version, moves both update times and leaves the audit row.
func (t *Tx) changeVersion(ctx context.Context, name, version, action string, before func(ModelVersion) any, after any, change func(number int64, v ModelVersion) error) error {
	number, err := parseVersion(version)
	if err != nil {
		return err
	}
	if err := t.touchModel(ctx, name); err != nil {
		if errors.Is(err, ErrNotFound) { // as clients know it: the version is what they named
			err = fault(ErrNotFound, "Model Version (name=%s, version=%s) not found", cut(name, maxModelName), version)
		}
		return err
	}
	v, err := t.Version(ctx, name, version)
	if err != nil {
		return err
	}
	if _, err := t.exec(ctx, "UPDATE model_versions SET updated_ms = $1 WHERE name = $2 AND version = $3", t.nowMS, name, number); err != nil {
		return err
	}
	if err := change(number, v); err != nil {
		return err
	}
	var was any
	if before != nil {
		was = before(v)
	}
	return t.audit(ctx, action, versionObject(name, version), was, after)
}

// DescribeVersion replaces a version's description.
func (t *Tx) DescribeVersion(ctx context.Context, name, version, description string) (ModelVersion, error) {
	if err := checkLength("description", description, maxDescription); err != nil {
		return ModelVersion{}, err
	}
	err := t.changeVersion(ctx, name, version, "version.describe",
		func(v ModelVersion) any { return map[string]string{"description": v.Description} }, map[string]string{"description": description},
		func(n int64, _ ModelVersion) error {
			_, err := t.exec(ctx, "UPDATE model_versions SET description = $1 WHERE name = $2 AND version = $3", description, name, n)
			return err
		})
	if err != nil {
		return ModelVersion{}, err
	}
	return t.Version(ctx, name, version)
}

// DeleteVersion hides a version for good; its number is not used again. If it is
// the champion, the model has none from then on.
func (t *Tx) DeleteVersion(ctx context.Context, name, version string) error {
	return t.changeVersion(ctx, name, version, "version.delete", func(v ModelVersion) any {
		return map[string]string{"stage": v.Stage, "source": v.Source, "run_id": v.RunID}
	}, nil,
		func(n int64, _ ModelVersion) error {
			if err := t.endChampion(ctx, name, n, "version deleted"); err != nil {
				return err
			}
			if _, err := t.exec(ctx, "DELETE FROM model_aliases WHERE name = $1 AND version = $2", name, n); err != nil {
				return err
			}
			_, err := t.exec(ctx, `UPDATE model_versions SET stage = 'Deleted_Internal', source = '', storage_location = '', run_id = '', run_link = '', model_id = ''
				WHERE name = $1 AND version = $2`, name, n)
			return err
		})
}

// SetVersionTag sets or replaces one tag of a version.
func (t *Tx) SetVersionTag(ctx context.Context, name, version string, tag Tag) error {
	if err := checkRegistryTag(tag.Key, tag.Value); err != nil {
		return err
	}
	return t.changeVersion(ctx, name, version, "version.set-tag", nil, tag, func(n int64, _ ModelVersion) error {
		_, err := t.exec(ctx, upsertVersionTagSQL, name, n, tag.Key, tag.Value)
		return err
	})
}

// DeleteVersionTag removes one tag; an absent one is no error.
func (t *Tx) DeleteVersionTag(ctx context.Context, name, version, key string) error {
	return t.changeVersion(ctx, name, version, "version.delete-tag", func(ModelVersion) any { return map[string]string{"key": key} }, nil, func(n int64, _ ModelVersion) error {
		_, err := t.exec(ctx, "DELETE FROM model_version_tags WHERE name = $1 AND version = $2 AND key = $3", name, n, key)
		return err
	})
}

// LatestVersions returns the newest version of each of the stages that has one, in
// the order of the stages; no stages means all.
func (t *Tx) LatestVersions(ctx context.Context, name string, want []string) ([]ModelVersion, error) {
	m, err := t.Model(ctx, name)
	if err != nil {
		return nil, err
	}
	if len(want) == 0 {
		want = stages
	}
	var out []ModelVersion
	seen := map[string]bool{}
	for _, w := range want {
		stage, err := ParseStage(w)
		if err != nil {
			return nil, err
		}
		for _, v := range m.Latest {
			if v.Stage == stage && !seen[stage] {
				out = append(out, v)
				seen[stage] = true
			}
		}
	}
	return out, nil
}
