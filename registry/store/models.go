package store

import (
	"context"
	"errors"
)

// RegisteredModel is a name under which versions are registered.
type RegisteredModel struct {
	Name        string
	Description string
	User        string
	CreatedMS   int64
	UpdatedMS   int64
	Tags        []Tag
	Aliases     []Alias        // by alias
	Latest      []ModelVersion // newest version of each stage that has one
}

// Alias is a name that points at one version of its model.
type Alias struct {
	Alias   string
	Version string // decimal
}

const (
	modelColumns      = "m.name, m.description, m.user_id, m.created_ms, m.updated_ms"
	upsertModelTagSQL = `INSERT INTO registered_model_tags (name, key, value) VALUES ($1, $2, $3)
		ON CONFLICT (name, key) DO UPDATE SET value = excluded.value`
)

// CreateModel registers a name. ErrExists if it is taken.
func (t *Tx) CreateModel(ctx context.Context, name, description string, tags []Tag) (RegisteredModel, error) {
	if err := checkModelName(name); err != nil {
		return RegisteredModel{}, err
	}
	if err := checkLength("description", description, maxDescription); err != nil {
		return RegisteredModel{}, err
	}
	// ON CONFLICT instead of an error: PostgreSQL would end the transaction.
	made, err := t.exec(ctx, `INSERT INTO registered_models (name, description, user_id, created_ms, updated_ms)
		VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`, name, description, Actor(ctx), t.nowMS, t.nowMS)
	if err != nil {
		return RegisteredModel{}, err
	}
	if made == 0 {
		return RegisteredModel{}, fault(ErrExists, "Registered Model (name=%s) already exists.", name)
	}
	for _, tag := range tags {
		if err := checkRegistryTag(tag.Key, tag.Value); err != nil {
			return RegisteredModel{}, err
		}
		if _, err := t.exec(ctx, upsertModelTagSQL, name, tag.Key, tag.Value); err != nil {
			return RegisteredModel{}, err
		}
	}
	if err := t.audit(ctx, "model.create", "model:"+name, nil, map[string]string{"description": description}); err != nil {
		return RegisteredModel{}, err
	}
	return t.Model(ctx, name)
}

// Model returns a registered model.
func (t *Tx) Model(ctx context.Context, name string) (RegisteredModel, error) {
	var out []RegisteredModel
	if err := t.rows(ctx, "SELECT "+modelColumns+" FROM registered_models m WHERE m.name = $1", []any{name}, scanModels(&out)); err != nil {
		return RegisteredModel{}, err
	}
	if len(out) == 0 {
		return RegisteredModel{}, noModel(name)
	}
	return out[0], t.loadModels(ctx, out)
}

func noModel(name string) error {
	return fault(ErrNotFound, "Registered Model with name=%s not found", cut(name, maxModelName))
}

func scanModels(out *[]RegisteredModel) func(scanner) error {
	return func(r scanner) error {
		var m RegisteredModel
		if err := r.Scan(&m.Name, &m.Description, &m.User, &m.CreatedMS, &m.UpdatedMS); err != nil {
			return err
		}
		*out = append(*out, m)
		return nil
	}
}

func (t *Tx) loadModels(ctx context.Context, ms []RegisteredModel) error {
	names := make([]string, len(ms))
	at := make(map[string]*RegisteredModel, len(ms))
	for i := range ms {
		names[i], at[ms[i].Name] = ms[i].Name, &ms[i]
	}
	tags, err := t.tagsOf(ctx, "registered_model_tags", "name", names)
	if err != nil {
		return err
	}
	aliases, err := t.aliasesOf(ctx, names)
	if err != nil {
		return err
	}
	for name, m := range at {
		m.Tags, m.Aliases = tags[name], aliases[name]
	}
	for _, part := range chunks(names) {
		var b builder
		b.text("SELECT " + versionColumns + ` FROM model_versions v WHERE v.name IN ` + b.list(part) + `
			AND v.version = (SELECT max(w.version) FROM model_versions w WHERE w.name = v.name AND w.stage = v.stage)
			AND v.stage <> 'Deleted_Internal' ORDER BY v.name, v.version`)
		var vs []ModelVersion
		if err := t.rows(ctx, b.sql(), b.args, scanVersions(&vs)); err != nil {
			return err
		}
		if err := t.loadVersions(ctx, vs); err != nil {
			return err
		}
		for _, v := range vs {
			at[v.Name].Latest = append(at[v.Name].Latest, v)
		}
	}
	return nil
}

func (t *Tx) aliasesOf(ctx context.Context, names []string) (map[string][]Alias, error) {
	out := map[string][]Alias{}
	for _, part := range chunks(names) {
		var b builder
		b.text("SELECT name, alias, version FROM model_aliases WHERE name IN " + b.list(part) + " ORDER BY name, alias")
		err := t.rows(ctx, b.sql(), b.args, func(r scanner) error {
			var name string
			var a Alias
			if err := r.Scan(&name, &a.Alias, &a.Version); err != nil {
				return err
			}
			out[name] = append(out[name], a)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// touchModel moves a model's update time. It is the first write of every change
// below a model: the row stays locked, so such changes run one after the other.
func (t *Tx) touchModel(ctx context.Context, name string) error {
	n, err := t.exec(ctx, "UPDATE registered_models SET updated_ms = $1 WHERE name = $2", t.nowMS, name)
	if err == nil && n == 0 {
		err = noModel(name)
	}
	return err
}

// RenameModel gives a model a new name; versions, tags, aliases, champion and its
// history move along. ErrExists if the new name is taken.
func (t *Tx) RenameModel(ctx context.Context, name, to string) (RegisteredModel, error) {
	if err := checkModelName(to); err != nil {
		return RegisteredModel{}, err
	}
	if err := t.touchModel(ctx, name); err != nil {
		return RegisteredModel{}, err
	}
	if _, err := t.exec(ctx, "UPDATE registered_models SET name = $1 WHERE name = $2", to, name); err != nil {
		if errors.Is(err, ErrExists) {
			err = fault(ErrExists, "Registered Model (name=%s) already exists.", to)
		}
		return RegisteredModel{}, err
	}
	if _, err := t.exec(ctx, "UPDATE champion_history SET model = $1 WHERE model = $2", to, name); err != nil {
		return RegisteredModel{}, err
	}
	if err := t.audit(ctx, "model.rename", "model:"+to, map[string]string{"name": name}, map[string]string{"name": to}); err != nil {
		return RegisteredModel{}, err
	}
	return t.Model(ctx, to)
}

// DescribeModel replaces a model's description.
func (t *Tx) DescribeModel(ctx context.Context, name, description string) (RegisteredModel, error) {
	if err := checkLength("description", description, maxDescription); err != nil {
		return RegisteredModel{}, err
	}
	before, err := t.Model(ctx, name)
	if err != nil {
		return RegisteredModel{}, err
	}
	if _, err := t.exec(ctx, "UPDATE registered_models SET description = $1, updated_ms = $2 WHERE name = $3", description, t.nowMS, name); err != nil {
		return RegisteredModel{}, err
	}
	if err := t.audit(ctx, "model.describe", "model:"+name, map[string]string{"description": before.Description}, map[string]string{"description": description}); err != nil {
		return RegisteredModel{}, err
	}
	return t.Model(ctx, name)
}

// DeleteModel removes a model with all its versions. If it had a champion, that
// end goes to the history and to the outbox.
func (t *Tx) DeleteModel(ctx context.Context, name string) error {
	if err := t.touchModel(ctx, name); err != nil {
		return err
	}
	if err := t.endChampion(ctx, name, 0, "model deleted"); err != nil {
		return err
	}
	if _, err := t.exec(ctx, "DELETE FROM registered_models WHERE name = $1", name); err != nil {
		return err
	}
	return t.audit(ctx, "model.delete", "model:"+name, map[string]string{"name": name}, nil)
}

// SetModelTag sets or replaces one tag.
func (t *Tx) SetModelTag(ctx context.Context, name string, tag Tag) error {
	if err := checkRegistryTag(tag.Key, tag.Value); err != nil {
		return err
	}
	if err := t.touchModel(ctx, name); err != nil {
		return err
	}
	if _, err := t.exec(ctx, upsertModelTagSQL, name, tag.Key, tag.Value); err != nil {
		return err
	}
	return t.audit(ctx, "model.set-tag", "model:"+name, nil, tag)
}

// DeleteModelTag removes one tag; an absent one is no error.
func (t *Tx) DeleteModelTag(ctx context.Context, name, key string) error {
	if err := t.touchModel(ctx, name); err != nil {
		return err
	}
	if _, err := t.exec(ctx, "DELETE FROM registered_model_tags WHERE name = $1 AND key = $2", name, key); err != nil {
		return err
	}
	return t.audit(ctx, "model.delete-tag", "model:"+name, map[string]string{"key": key}, nil)
}
