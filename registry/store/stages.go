package store

import (
	"context"
)

// TransitionStage moves a version to a stage. With archive every other version of
// that stage goes to Archived in the same transaction; that is refused (ErrState)
// for None and Archived. A move to Production makes the version champion and
// touches no alias.
func (t *Tx) TransitionStage(ctx context.Context, name, version, stage string, archive bool) (ModelVersion, error) {
	to, err := ParseStage(stage)
	if err != nil {
		return ModelVersion{}, err
	}
	if archive && (to == StageNone || to == StageArchived) {
		return ModelVersion{}, fault(ErrState, "Model version transition cannot archive existing model versions because '%s' is not an Active stage. Valid stages are Staging, Production", to)
	}
	err = t.changeVersion(ctx, name, version, "version.stage",
		func(v ModelVersion) any { return map[string]string{"stage": v.Stage} }, map[string]any{"stage": to, "archive_existing_versions": archive},
		func(n int64, _ ModelVersion) error {
			if err := t.setStage(ctx, name, n, to, archive); err != nil || to != StageProduction {
				return err
			}
			_, _, err := t.setChampion(ctx, champion{model: name, version: n, act: ActStage, actor: Actor(ctx), reason: "stage set to Production", kind: outboxPromoted, atMS: t.nowMS})
			return err
		})
	if err != nil {
		return ModelVersion{}, err
	}
	return t.Version(ctx, name, version)
}

// setStage moves one version, and with archive the others out of its stage.
func (t *Tx) setStage(ctx context.Context, name string, version int64, stage string, archive bool) error {
	if archive {
		if _, err := t.exec(ctx, "UPDATE model_versions SET stage = 'Archived', updated_ms = $1 WHERE name = $2 AND stage = $3 AND version <> $4",
			t.nowMS, name, stage, version); err != nil {
			return err
		}
	}
	_, err := t.exec(ctx, "UPDATE model_versions SET stage = $1, updated_ms = $2 WHERE name = $3 AND version = $4", stage, t.nowMS, name, version)
	return err
}

// ChampionAlias is the alias that, once set, makes its version champion.
const ChampionAlias = "champion"

// SetAlias points an alias at a version, moving it if it points elsewhere. The
// alias "champion" makes the version champion and touches no stage.
func (t *Tx) SetAlias(ctx context.Context, name, alias, version string) error {
	if err := checkAlias(alias); err != nil {
		return err
	}
	return t.changeVersion(ctx, name, version, "version.set-alias", nil, map[string]string{"alias": alias}, func(n int64, _ ModelVersion) error {
		if err := t.putAlias(ctx, name, alias, n); err != nil || alias != ChampionAlias {
			return err
		}
		_, _, err := t.setChampion(ctx, champion{model: name, version: n, act: ActAlias, actor: Actor(ctx), reason: "alias champion set", kind: outboxPromoted, atMS: t.nowMS})
		return err
	})
}

func (t *Tx) putAlias(ctx context.Context, name, alias string, version int64) error {
	_, err := t.exec(ctx, `INSERT INTO model_aliases (name, alias, version) VALUES ($1, $2, $3)
		ON CONFLICT (name, alias) DO UPDATE SET version = excluded.version`, name, alias, version)
	return err
}

// DeleteAlias removes an alias; an absent one is no error. The champion stays who
// it is: only setting acts move it.
func (t *Tx) DeleteAlias(ctx context.Context, name, alias string) error {
	if err := t.touchModel(ctx, name); err != nil {
		return err
	}
	if _, err := t.exec(ctx, "DELETE FROM model_aliases WHERE name = $1 AND alias = $2", name, alias); err != nil {
		return err
	}
	return t.audit(ctx, "version.delete-alias", "model:"+name, map[string]string{"alias": alias}, nil)
}

// VersionByAlias returns the version an alias points at. An unknown alias is
// ErrInvalid, as MLflow's clients expect it; an unknown model ErrNotFound.
func (t *Tx) VersionByAlias(ctx context.Context, name, alias string) (ModelVersion, error) {
	if _, err := t.Model(ctx, name); err != nil {
		return ModelVersion{}, err
	}
	var version []string
	err := t.rows(ctx, "SELECT version FROM model_aliases WHERE name = $1 AND alias = $2", []any{name, alias}, func(r scanner) error {
		var v string
		err := r.Scan(&v)
		version = append(version, v)
		return err
	})
	if err != nil {
		return ModelVersion{}, err
	}
	if len(version) == 0 {
		return ModelVersion{}, fault(ErrInvalid, "Registered model alias %s not found.", cut(alias, maxAlias))
	}
	return t.Version(ctx, name, version[0])
}
