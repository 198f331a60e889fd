package store

import (
	"context"
	"encoding/json"
)

// KindExclusions is the kind of outbox rows that tell which spans of a model are excluded:
// all that are in force, JSON, the newest row counts.
const KindExclusions = "control.exclusions"

// maxExclusions is how many spans of one model may be in force.
const maxExclusions = 1000

// Ends of the times that a span may have: years 1 to 9999, which texts can name.
const (
	firstExcludedMS = -62_135_596_800_000
	lastExcludedMS  = 253_402_300_800_000
)

// Exclusion keeps a span of event time out of what a model calls normal.
type Exclusion struct {
	ID          string
	Model       string
	FromMS      int64 // event time, inclusive
	ToMS        int64 // exclusive
	Reason      string
	Author      string
	CreatedMS   int64 // wall clock
	EndedBy     string
	EndedReason string
	EndedMS     int64 // wall clock; 0 = it is in force
}

// ExcludedSpan is a span as outbox rows tell of it.
type ExcludedSpan struct {
	FromMS int64 `json:"from_ms"`
	ToMS   int64 `json:"to_ms"`
}

const exclusionColumns = "id, model, from_ms, to_ms, reason, author, created_ms, ended_by, ended_reason, coalesce(ended_ms, 0)"

func scanExclusion(r scanner, x *Exclusion) error {
	return r.Scan(&x.ID, &x.Model, &x.FromMS, &x.ToMS, &x.Reason, &x.Author, &x.CreatedMS, &x.EndedBy, &x.EndedReason, &x.EndedMS)
}

// AddExclusion stores an exclusion of now and returns it with its id. Of add it takes
// model, span, reason and author. The stream learns of it by the outbox.
//
// Errors: ErrNotFound for a model that is not watched; ErrInvalid without reason or author,
// for a span that ends before it begins or lies outside the years 1 to 9999, and for more than 1,000 spans of one model.
func (s *Store) AddExclusion(ctx context.Context, add Exclusion, nowMS int64) (Exclusion, error) {
	if add.ToMS <= add.FromMS {
		return Exclusion{}, fault(ErrInvalid, "an exclusion must end after it begins, %d ms to %d ms", add.FromMS, add.ToMS)
	}
	if add.FromMS < firstExcludedMS || add.ToMS > lastExcludedMS {
		return Exclusion{}, fault(ErrInvalid, "an exclusion lies in the years 1 to 9999; %d ms to %d ms does not", add.FromMS, add.ToMS)
	}
	if err := checkWhy("an exclusion", add.Author, add.Reason); err != nil {
		return Exclusion{}, err
	}
	add.ID, add.CreatedMS = randomHex()[:16], nowMS
	add.EndedBy, add.EndedReason, add.EndedMS = "", "", 0
	return inTx(ctx, s, func(t *Tx) (Exclusion, error) {
		if err := t.holdModel(ctx, add.Model); err != nil {
			return Exclusion{}, err
		}
		_, err := t.exec(ctx, `INSERT INTO exclusions (id, model, from_ms, to_ms, reason, author, created_ms)
			VALUES ($1, $2, $3, $4, $5, $6, $7)`, add.ID, add.Model, add.FromMS, add.ToMS, add.Reason, add.Author, add.CreatedMS)
		if err == nil {
			err = t.tellExclusions(ctx, add.Model)
		}
		if err != nil {
			return Exclusion{}, err
		}
		return add, t.auditAs(ctx, add.Author, "exclusion.add", "exclusion:"+add.ID, nil, map[string]any{
			"model": add.Model, "from_ms": add.FromMS, "to_ms": add.ToMS, "reason": add.Reason,
		})
	})
}

// ExpireExclusion ends an exclusion: its span may become part of references made from now
// on.
//
// Errors: ErrNotFound; ErrState if it has ended already; ErrInvalid without name or reason.
func (s *Store) ExpireExclusion(ctx context.Context, id, by, reason string, nowMS int64) (Exclusion, error) {
	if err := checkWhy("the end of an exclusion", by, reason); err != nil {
		return Exclusion{}, err
	}
	return inTx(ctx, s, func(t *Tx) (Exclusion, error) {
		out, found, err := t.exclusion(ctx, id)
		switch {
		case err != nil:
			return Exclusion{}, err
		case !found:
			return Exclusion{}, fault(ErrNotFound, "there is no exclusion %q", id)
		}
		if err := t.holdModel(ctx, out.Model); err != nil {
			return Exclusion{}, err
		}
		n, err := t.exec(ctx, "UPDATE exclusions SET ended_by = $1, ended_reason = $2, ended_ms = $3 WHERE id = $4 AND ended_ms IS NULL", by, reason, nowMS, id)
		switch {
		case err != nil:
			return Exclusion{}, err
		case n == 0:
			return Exclusion{}, fault(ErrState, "exclusion %s has ended already", id)
		}
		if err := t.tellExclusions(ctx, out.Model); err != nil {
			return Exclusion{}, err
		}
		out.EndedBy, out.EndedReason, out.EndedMS = by, reason, nowMS
		return out, t.auditAs(ctx, by, "exclusion.expire", "exclusion:"+id, nil, map[string]string{"reason": reason})
	})
}

func (t *Tx) exclusion(ctx context.Context, id string) (x Exclusion, found bool, err error) {
	err = t.rows(ctx, "SELECT "+exclusionColumns+" FROM exclusions WHERE id = $1", []any{id}, func(r scanner) error {
		found = true
		return scanExclusion(r, &x)
	})
	return x, found, err
}

// holdModel keeps other writers of a model's exclusions waiting until the transaction
// ends: each tells of all that are in force, and the last one counts.
func (t *Tx) holdModel(ctx context.Context, model string) error {
	n, err := t.exec(ctx, "UPDATE watched_models SET updated_ms = updated_ms WHERE name = $1", model)
	if err == nil && n == 0 {
		_, err = t.WatchedModel(ctx, model) // says so
	}
	return err
}

// tellExclusions puts the spans that are in force into the outbox.
func (t *Tx) tellExclusions(ctx context.Context, model string) error {
	spans := []ExcludedSpan{}
	err := t.rows(ctx, "SELECT from_ms, to_ms FROM exclusions WHERE model = $1 AND ended_ms IS NULL ORDER BY from_ms, to_ms", []any{model}, func(r scanner) error {
		var x ExcludedSpan
		err := r.Scan(&x.FromMS, &x.ToMS)
		spans = append(spans, x)
		return err
	})
	if err != nil {
		return err
	}
	if len(spans) > maxExclusions {
		return fault(ErrInvalid, "model %q has %d exclusions in force already: end those that lie back", model, len(spans)-1)
	}
	payload, err := json.Marshal(spans)
	if err != nil {
		return err
	}
	return t.AddOutbox(ctx, KindExclusions, model, "", string(payload))
}

// ExclusionQuery selects exclusions; a zero field does not restrict.
type ExclusionQuery struct {
	Model   string
	InForce bool
	Limit   int // default 100, at most 10,000
}

// Exclusions returns the exclusions that q selects, newest span first.
func (t *Tx) Exclusions(ctx context.Context, q ExclusionQuery) ([]Exclusion, error) {
	var b builder
	b.text("SELECT " + exclusionColumns + " FROM exclusions WHERE 1 = 1")
	if q.Model != "" {
		b.text(" AND model = " + b.arg(q.Model))
	}
	if q.InForce {
		b.text(" AND ended_ms IS NULL")
	}
	b.text(" ORDER BY from_ms DESC, to_ms DESC, id LIMIT " + b.arg(clampLimit(q.Limit, 100, 10_000)))
	var out []Exclusion
	err := t.rows(ctx, b.sql(), b.args, func(r scanner) error {
		var x Exclusion
		err := scanExclusion(r, &x)
		out = append(out, x)
		return err
	})
	return out, err
}

// Exclusions is Tx.Exclusions over a snapshot of its own.
func (s *Store) Exclusions(ctx context.Context, q ExclusionQuery) ([]Exclusion, error) {
	return inRead(ctx, s, func(t *Tx) ([]Exclusion, error) { return t.Exclusions(ctx, q) })
}
