package store

import (
	"context"
	"encoding/json"
	"unicode/utf8"
)

type actorKey struct{}

// WithActor gives calls below ctx the name that audit rows carry.
func WithActor(ctx context.Context, actor string) context.Context {
	return context.WithValue(ctx, actorKey{}, actor)
}

// Actor is the name set by WithActor, or "unknown".
func Actor(ctx context.Context) string {
	if a, ok := ctx.Value(actorKey{}).(string); ok && a != "" {
		return a
	}
	return "unknown"
}

// auditText bounds before and after of one audit row, in bytes.
const auditText = 2000

// AuditRow is one mutating call: who did what to which object, and when.
type AuditRow struct {
	ID     int64
	AtMS   int64
	Actor  string
	Action string // e.g. "model.promote"
	Object string // e.g. "model:churn/3"
	Before string // short JSON, "" where there was nothing
	After  string
}

// audit leaves the one row of a mutating call.
func (t *Tx) audit(ctx context.Context, action, object string, before, after any) error {
	return t.auditAs(ctx, Actor(ctx), action, object, before, after)
}

func (t *Tx) auditAs(ctx context.Context, actor, action, object string, before, after any) error {
	b, err := shortJSON(before)
	if err != nil {
		return err
	}
	a, err := shortJSON(after)
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, `INSERT INTO audit (at_ms, actor, action, object, before_json, after_json)
		VALUES ($1, $2, $3, $4, $5, $6)`, t.nowMS, actor, action, object, b, a)
	return err
}

// Audit leaves an audit row for an act outside the registry's own methods. before
// and after are shortened JSON; neither may hold a secret.
func (t *Tx) Audit(ctx context.Context, action, object string, before, after any) error {
	return t.audit(ctx, action, object, before, after)
}

func shortJSON(v any) (string, error) {
	if v == nil {
		return "", nil
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	if len(raw) <= auditText {
		return string(raw), nil
	}
	cut := raw[:auditText]
	for len(cut) > 0 && !utf8.Valid(cut) {
		cut = cut[:len(cut)-1]
	}
	raw, err = json.Marshal(map[string]string{"cut": string(cut)})
	return string(raw), err
}

// AuditQuery selects audit rows, newest first.
type AuditQuery struct {
	Object string // exact; "" = all
	Actor  string // exact; "" = all
	FromMS int64  // inclusive; 0 = from the start
	ToMS   int64  // exclusive; 0 = to the end
	Before int64  // only rows with a smaller id: the last id of the page before; 0 = newest
	Limit  int    // default 100, at most 10,000
}

// AuditRows lists audit rows, newest first.
func (t *Tx) AuditRows(ctx context.Context, q AuditQuery) ([]AuditRow, error) {
	var b builder
	b.text("SELECT id, at_ms, actor, action, object, before_json, after_json FROM audit WHERE 1 = 1")
	if q.Object != "" {
		b.text(" AND object = " + b.arg(q.Object))
	}
	if q.Actor != "" {
		b.text(" AND actor = " + b.arg(q.Actor))
	}
	if q.FromMS != 0 {
		b.text(" AND at_ms >= " + b.arg(q.FromMS))
	}
	if q.ToMS != 0 {
		b.text(" AND at_ms < " + b.arg(q.ToMS))
	}
	if q.Before != 0 {
		b.text(" AND id < " + b.arg(q.Before))
	}
	b.text(" ORDER BY id DESC LIMIT " + b.arg(clampLimit(q.Limit, 100, 10_000)))
	var out []AuditRow
	err := t.rows(ctx, b.sql(), b.args, func(r scanner) error {
		var a AuditRow
		if err := r.Scan(&a.ID, &a.AtMS, &a.Actor, &a.Action, &a.Object, &a.Before, &a.After); err != nil {
			return err
		}
		out = append(out, a)
		return nil
	})
	return out, err
}

func clampLimit(n, fallback, most int) int {
	if n <= 0 {
		return fallback
	}
	return min(n, most)
}
