package store

import "context"

// WatchedModel is a model whose events are monitored.
type WatchedModel struct {
	Name       string
	SpecJSON   string // as its owner wrote it; opaque here
	State      string // learning | watching | paused
	Automation string // observe | retrain | approve | promote
	CreatedMS  int64  // kept from the first writing
	UpdatedMS  int64
}

const watchedColumns = "name, spec, state, automation, created_ms, updated_ms"

// PutWatchedModel inserts the model or replaces everything but its time of
// creation. It leaves an audit row if something changed. UpdatedMS and, for a new
// model, CreatedMS are the transaction's time where they are 0.
//
// Errors: ErrInvalid for an empty name or an unknown state or automation.
func (t *Tx) PutWatchedModel(ctx context.Context, m WatchedModel) error {
	if m.UpdatedMS == 0 {
		m.UpdatedMS = t.nowMS
	}
	if m.CreatedMS == 0 {
		m.CreatedMS = m.UpdatedMS
	}
	var before any
	old, found, err := t.watchedModel(ctx, m.Name)
	if err != nil {
		return err
	}
	if found {
		m.CreatedMS = old.CreatedMS
		if old.SpecJSON == m.SpecJSON && old.State == m.State && old.Automation == m.Automation {
			return nil
		}
		before = map[string]string{"state": old.State, "automation": old.Automation, "spec": old.SpecJSON}
	}
	_, err = t.exec(ctx, `INSERT INTO watched_models (`+watchedColumns+`) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (name) DO UPDATE SET spec = excluded.spec, state = excluded.state,
			automation = excluded.automation, updated_ms = excluded.updated_ms`,
		m.Name, m.SpecJSON, m.State, m.Automation, m.CreatedMS, m.UpdatedMS)
	if err != nil {
		return err
	}
	return t.audit(ctx, "watch.put", "watched:"+m.Name, before,
		map[string]string{"state": m.State, "automation": m.Automation, "spec": m.SpecJSON})
}

// PutWatchedModel is Tx.PutWatchedModel in a transaction of its own.
func (s *Store) PutWatchedModel(ctx context.Context, m WatchedModel) error {
	return s.Tx(ctx, func(t *Tx) error { return t.PutWatchedModel(ctx, m) })
}

// WatchedModel returns one model, or ErrNotFound.
func (t *Tx) WatchedModel(ctx context.Context, name string) (WatchedModel, error) {
	m, found, err := t.watchedModel(ctx, name)
	if err == nil && !found {
		err = fault(ErrNotFound, "model %q is not watched", name)
	}
	return m, err
}

// WatchedModel is Tx.WatchedModel over a snapshot of its own.
func (s *Store) WatchedModel(ctx context.Context, name string) (WatchedModel, error) {
	return inRead(ctx, s, func(t *Tx) (WatchedModel, error) { return t.WatchedModel(ctx, name) })
}

func (t *Tx) watchedModel(ctx context.Context, name string) (m WatchedModel, found bool, err error) {
	err = t.rows(ctx, "SELECT "+watchedColumns+" FROM watched_models WHERE name = $1", []any{name}, func(r scanner) error {
		found = true
		return scanWatched(r, &m)
	})
	return m, found, err
}

// WatchedModels returns all models, by name.
func (t *Tx) WatchedModels(ctx context.Context) ([]WatchedModel, error) {
	var out []WatchedModel
	err := t.rows(ctx, "SELECT "+watchedColumns+" FROM watched_models ORDER BY name", nil, func(r scanner) error {
		var m WatchedModel
		err := scanWatched(r, &m)
		out = append(out, m)
		return err
	})
	return out, err
}

// WatchedModels is Tx.WatchedModels over a snapshot of its own.
func (s *Store) WatchedModels(ctx context.Context) ([]WatchedModel, error) {
	return inRead(ctx, s, func(t *Tx) ([]WatchedModel, error) { return t.WatchedModels(ctx) })
}

func scanWatched(r scanner, m *WatchedModel) error {
	return r.Scan(&m.Name, &m.SpecJSON, &m.State, &m.Automation, &m.CreatedMS, &m.UpdatedMS)
}
