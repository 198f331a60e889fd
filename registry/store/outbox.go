package store

import "context"

// AddOutbox puts one event into the outbox, to be published after this transaction
// has been committed. kind says what happened (e.g. "model.promoted"), ref to what
// (the model's name), version to which version ("" = none); payload is JSON.
func (t *Tx) AddOutbox(ctx context.Context, kind, ref, version, payload string) error {
	_, err := t.exec(ctx, `INSERT INTO outbox (kind, ref, version, payload, created_ms)
		VALUES ($1, $2, $3, $4, $5)`, kind, ref, version, payload, t.nowMS)
	return err
}
