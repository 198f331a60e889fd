package store

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
)

// Acts that make a version champion. The last one wins.
const (
	ActPromote  = "promote"
	ActRollback = "rollback"
	ActAlias    = "alias"
	ActStage    = "stage"
)

// Kinds of outbox rows about champions.
const (
	outboxPromoted   = "model.promoted"
	outboxRolledBack = "model.rolledback"
	outboxUnset      = "model.unset" // the champion was deleted, the model has none
)

// Champion says which version of a model serves, since when and why. In the
// history Version "" marks a time without one.
type Champion struct {
	Model    string
	Version  string
	Previous string // in the history: who was champion before, "" = nobody
	SinceMS  int64
	Act      string
	Actor    string
	Reason   string
}

type champion struct {
	model, act, actor, reason, kind string
	version, atMS                   int64
}

// outboxPayload is the JSON of an outbox row about a champion.
type outboxPayload struct {
	Model    string `json:"model"`
	Version  string `json:"version"`
	Previous string `json:"previous"`
	Act      string `json:"act"`
	Actor    string `json:"actor"`
	Reason   string `json:"reason"`
	TimeMS   int64  `json:"time_ms"`
}

// Champion returns the champion of a model; ErrNotFound if it has none.
func (t *Tx) Champion(ctx context.Context, model string) (Champion, error) {
	var c Champion
	found := false
	err := t.rows(ctx, "SELECT model, version, since_ms, act, actor, reason FROM champions WHERE model = $1", []any{model}, func(r scanner) error {
		found = true
		return r.Scan(&c.Model, &c.Version, &c.SinceMS, &c.Act, &c.Actor, &c.Reason)
	})
	if err == nil && !found {
		err = fault(ErrNotFound, "Model %s has no champion", cut(model, maxModelName))
	}
	return c, err
}

// Champions returns all champions, by model.
func (t *Tx) Champions(ctx context.Context) ([]Champion, error) {
	var out []Champion
	err := t.rows(ctx, "SELECT model, version, since_ms, act, actor, reason FROM champions ORDER BY model", nil, func(r scanner) error {
		var c Champion
		if err := r.Scan(&c.Model, &c.Version, &c.SinceMS, &c.Act, &c.Actor, &c.Reason); err != nil {
			return err
		}
		out = append(out, c)
		return nil
	})
	return out, err
}

// ChampionHistory returns who was champion when, oldest first; Version "" marks a
// time without one.
func (t *Tx) ChampionHistory(ctx context.Context, model string) ([]Champion, error) {
	var out []Champion
	err := t.rows(ctx, "SELECT version, previous, since_ms, act, actor, reason FROM champion_history WHERE model = $1 ORDER BY id", []any{model}, func(r scanner) error {
		c := Champion{Model: model}
		var version, previous int64
		if err := r.Scan(&version, &previous, &c.SinceMS, &c.Act, &c.Actor, &c.Reason); err != nil {
			return err
		}
		c.Version, c.Previous = versionText(version), versionText(previous)
		out = append(out, c)
		return nil
	})
	return out, err
}

// versionText writes a version number; 0 stands for none.
func versionText(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// Promote makes a version champion: stage Production with the others of that stage
// archived, alias champion, champion row, history and, if the champion changes, one
// outbox row "model.promoted". nowMS is the time of the act.
//
// changed is false if the version was champion already; prev is the champion
// before, "" = none. ErrNotFound if the version is not there.
func (t *Tx) Promote(ctx context.Context, model, version, actor, reason string, nowMS int64) (changed bool, prev string, err error) {
	return t.crown(ctx, model, version, champion{act: ActPromote, actor: actor, reason: reason, kind: outboxPromoted, atMS: nowMS})
}

// Rollback makes toVersion champion again; "" is the champion before the present
// one, passing over those that were rolled back or deleted. The outbox row is
// "model.rolledback". ErrState if there is nobody to go back to.
func (t *Tx) Rollback(ctx context.Context, model, toVersion, actor, reason string, nowMS int64) (version, prev string, err error) {
	if err := t.touchModel(ctx, model); err != nil {
		return "", "", err
	}
	if toVersion == "" {
		if toVersion, err = t.formerChampion(ctx, model); err != nil {
			return "", "", err
		}
	}
	_, prev, err = t.crown(ctx, model, toVersion, champion{act: ActRollback, actor: actor, reason: reason, kind: outboxRolledBack, atMS: nowMS})
	return toVersion, prev, err
}

// crown sets stage, alias and champion in one go.
func (t *Tx) crown(ctx context.Context, model, version string, c champion) (changed bool, prev string, err error) {
	ctx = WithActor(ctx, c.actor)
	err = t.changeVersion(ctx, model, version, "model."+c.act, func(v ModelVersion) any { return map[string]any{"stage": v.Stage, "aliases": v.Aliases} },
		map[string]string{"stage": StageProduction, "alias": ChampionAlias, "reason": c.reason},
		func(n int64, _ ModelVersion) error {
			if err := t.setStage(ctx, model, n, StageProduction, true); err != nil {
				return err
			}
			if err := t.putAlias(ctx, model, ChampionAlias, n); err != nil {
				return err
			}
			c.model, c.version = model, n
			var err error
			changed, prev, err = t.setChampion(ctx, c)
			return err
		})
	return changed, prev, err
}

// setChampion writes the champion row, its history and the outbox row. The model's
// row is locked by the caller, so two acts cannot cross.
func (t *Tx) setChampion(ctx context.Context, c champion) (changed bool, prev string, err error) {
	var before int64
	err = t.rows(ctx, "SELECT version FROM champions WHERE model = $1", []any{c.model}, func(r scanner) error { return r.Scan(&before) })
	if err != nil {
		return false, "", err
	}
	if before == c.version {
		return false, versionText(before), nil
	}
	if _, err := t.exec(ctx, `INSERT INTO champions (model, version, since_ms, act, actor, reason) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (model) DO UPDATE SET version = excluded.version, since_ms = excluded.since_ms, act = excluded.act, actor = excluded.actor, reason = excluded.reason`,
		c.model, c.version, c.atMS, c.act, c.actor, c.reason); err != nil {
		return false, "", err
	}
	return true, versionText(before), t.tellChampion(ctx, c, before)
}

// tellChampion leaves the history row and the outbox row of a change.
func (t *Tx) tellChampion(ctx context.Context, c champion, before int64) error {
	if _, err := t.exec(ctx, `INSERT INTO champion_history (model, version, previous, since_ms, act, actor, reason) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		c.model, c.version, before, c.atMS, c.act, c.actor, c.reason); err != nil {
		return err
	}
	payload, err := json.Marshal(outboxPayload{
		Model: c.model, Version: versionText(c.version), Previous: versionText(before),
		Act: c.act, Actor: c.actor, Reason: c.reason, TimeMS: c.atMS,
	})
	if err != nil {
		return err
	}
	return t.AddOutbox(ctx, c.kind, c.model, versionText(c.version), string(payload))
}

// endChampion removes the champion of a model if it is version (0 = whichever).
func (t *Tx) endChampion(ctx context.Context, model string, version int64, reason string) error {
	var before int64
	err := t.rows(ctx, "SELECT version FROM champions WHERE model = $1", []any{model}, func(r scanner) error { return r.Scan(&before) })
	if err != nil || before == 0 || version != 0 && version != before {
		return err
	}
	if _, err := t.exec(ctx, "DELETE FROM champions WHERE model = $1", model); err != nil {
		return err
	}
	return t.tellChampion(ctx, champion{model: model, act: "delete", actor: Actor(ctx), reason: reason, kind: outboxUnset, atMS: t.nowMS}, before)
}

// formerChampion finds the champion before the present one. The history is read as
// a stack: a rollback takes off what lies above the version it goes back to.
func (t *Tx) formerChampion(ctx context.Context, model string) (string, error) {
	history, err := t.ChampionHistory(ctx, model)
	if err != nil {
		return "", err
	}
	var stack []string
	for _, c := range history {
		if c.Version == "" {
			continue
		}
		if c.Act == ActRollback {
			for i, v := range stack {
				if v == c.Version {
					stack = stack[:i]
					break
				}
			}
		}
		stack = append(stack, c.Version)
	}
	present, err := t.Champion(ctx, model)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return "", err
	}
	for i := len(stack) - 1; i >= 0; i-- {
		if stack[i] == present.Version {
			continue
		}
		_, err := t.Version(ctx, model, stack[i])
		switch {
		case err == nil:
			return stack[i], nil
		case !errors.Is(err, ErrNotFound):
			return "", err
		}
	}
	return "", fault(ErrState, "Model %s has no earlier champion to go back to; name a version.", cut(model, maxModelName))
}
