package store

import (
	"context"
	"slices"
)

// OutboxRow is an event that waits to be published.
type OutboxRow struct {
	ID        int64 // ascending in the order of writing
	Kind      string
	Ref       string
	Version   string
	Payload   string // JSON
	CreatedMS int64
}

// AddOutbox is Tx.AddOutbox in a transaction of its own.
func (s *Store) AddOutbox(ctx context.Context, kind, ref, version, payload string) error {
	return s.Tx(ctx, func(t *Tx) error { return t.AddOutbox(ctx, kind, ref, version, payload) })
}

// PendingOutbox returns the events not yet published, oldest first.
//
// On PostgreSQL ids are given before the commit, so an event may appear behind one
// with a larger id; it is pending all the same and comes with the next call.
// Publish, then MarkPublished: a crash between the two publishes again, which
// consumers tell by the event's id.
func (t *Tx) PendingOutbox(ctx context.Context, limit int) ([]OutboxRow, error) {
	var out []OutboxRow
	err := t.rows(ctx, "SELECT id, kind, ref, version, payload, created_ms FROM outbox WHERE published_ms IS NULL ORDER BY id LIMIT $1",
		[]any{clampLimit(limit, 100, 10_000)}, func(r scanner) error {
			var o OutboxRow
			err := r.Scan(&o.ID, &o.Kind, &o.Ref, &o.Version, &o.Payload, &o.CreatedMS)
			out = append(out, o)
			return err
		})
	return out, err
}

// PendingOutbox is Tx.PendingOutbox over a snapshot of its own.
func (s *Store) PendingOutbox(ctx context.Context, limit int) ([]OutboxRow, error) {
	return inRead(ctx, s, func(t *Tx) ([]OutboxRow, error) { return t.PendingOutbox(ctx, limit) })
}

// MarkPublished takes events out of the outbox; the first time stays.
func (t *Tx) MarkPublished(ctx context.Context, ids []int64, nowMS int64) error {
	for part := range slices.Chunk(ids, insertBatch) {
		var b builder
		b.text("UPDATE outbox SET published_ms = " + b.arg(nowMS) + " WHERE published_ms IS NULL AND id IN (")
		for i, id := range part {
			if i > 0 {
				b.text(", ")
			}
			b.text(b.arg(id))
		}
		b.text(")")
		if _, err := t.exec(ctx, b.sql(), b.args...); err != nil {
			return err
		}
	}
	return nil
}

// MarkPublished is Tx.MarkPublished in a transaction of its own.
func (s *Store) MarkPublished(ctx context.Context, ids []int64, nowMS int64) error {
	return s.Tx(ctx, func(t *Tx) error { return t.MarkPublished(ctx, ids, nowMS) })
}

// DeletePublishedBefore removes events that were published before ms (wall clock)
// and returns how many there were. Pending events always stay.
func (s *Store) DeletePublishedBefore(ctx context.Context, ms int64) (int64, error) {
	return s.deleteBatches(ctx, "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE published_ms < $1 ORDER BY id LIMIT $2)", ms)
}
