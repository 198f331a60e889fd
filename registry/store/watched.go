package store

import "context"

// WatchedModel is a model whose events are monitored.
type WatchedModel struct {
	Name       string
	SpecJSON   string // as its owner wrote it; opaque here
	State      string // learning | watching | paused, see Pause
	Automation string // observe | retrain | approve | promote
	CreatedMS  int64  // kept from the first writing
	UpdatedMS  int64

	// Of a paused model: who paused it, why, and when (wall clock).
	PausedBy     string
	PausedReason string
	PausedMS     int64
}

// statePaused is the state of a model whose paused_ms is set, whatever else it is.
const statePaused = "paused"

const watchedColumns = "name, spec, state, automation, created_ms, updated_ms"

const selectWatched = "SELECT " + watchedColumns + ", paused_by, paused_reason, coalesce(paused_ms, 0) FROM watched_models"

// PutWatchedModel inserts the model or replaces everything but its time of
// creation and its pause, which only Pause and Resume change: settings that are written
// again, as at every start, do not let a paused model act. It leaves an audit row if
// something changed. UpdatedMS and, for a new model, CreatedMS are the transaction's time
// where they are 0. The state "paused" leaves the state of a model as it is.
//
// Errors: ErrInvalid for an empty name or an unknown state or automation, and for a new
// model that is paused.
func (t *Tx) PutWatchedModel(ctx context.Context, m WatchedModel) error {
	if m.UpdatedMS == 0 {
		m.UpdatedMS = t.nowMS
	}
	if m.CreatedMS == 0 {
		m.CreatedMS = m.UpdatedMS
	}
	var before any
	old, found, err := t.watchedBare(ctx, m.Name)
	if err != nil {
		return err
	}
	if m.State == statePaused {
		if !found {
			return fault(ErrInvalid, "model %q is new and cannot be paused yet", m.Name)
		}
		m.State = old.State
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
	if m, found, err = t.watchedBare(ctx, name); m.PausedMS != 0 {
		m.State = statePaused
	}
	return m, found, err
}

// watchedBare is watchedModel with the state that a paused model goes back to.
func (t *Tx) watchedBare(ctx context.Context, name string) (m WatchedModel, found bool, err error) {
	err = t.rows(ctx, selectWatched+" WHERE name = $1", []any{name}, func(r scanner) error {
		found = true
		return scanWatched(r, &m)
	})
	return m, found, err
}

// Pause stops what acts by itself for a model: retrains and promotions. Counting and
// judging go on. changed is false if it is paused already; then the first pause stays.
//
// Errors: ErrNotFound; ErrInvalid without name or reason.
func (t *Tx) Pause(ctx context.Context, model, by, reason string, nowMS int64) (changed bool, err error) {
	if err := checkWhy("a pause", by, reason); err != nil {
		return false, err
	}
	n, err := t.exec(ctx, "UPDATE watched_models SET paused_by = $1, paused_reason = $2, paused_ms = $3 WHERE name = $4 AND paused_ms IS NULL", by, reason, nowMS, model)
	if err != nil || n == 0 {
		return false, t.orMissing(ctx, model, err)
	}
	return true, t.auditAs(ctx, by, "watch.pause", "watched:"+model, nil, map[string]string{"reason": reason})
}

// Pause is Tx.Pause in a transaction of its own.
func (s *Store) Pause(ctx context.Context, model, by, reason string, nowMS int64) (changed bool, err error) {
	return inTx(ctx, s, func(t *Tx) (bool, error) { return t.Pause(ctx, model, by, reason, nowMS) })
}

// Resume ends a pause. changed is false if there was none.
//
// Errors: ErrNotFound; ErrInvalid without name or reason.
func (t *Tx) Resume(ctx context.Context, model, by, reason string) (changed bool, err error) {
	if err := checkWhy("the end of a pause", by, reason); err != nil {
		return false, err
	}
	old, err := t.WatchedModel(ctx, model)
	if err != nil {
		return false, err
	}
	n, err := t.exec(ctx, "UPDATE watched_models SET paused_by = '', paused_reason = '', paused_ms = NULL WHERE name = $1 AND paused_ms IS NOT NULL", model)
	if err != nil || n == 0 {
		return false, err
	}
	return true, t.auditAs(ctx, by, "watch.resume", "watched:"+model, map[string]string{"by": old.PausedBy, "reason": old.PausedReason}, map[string]string{"reason": reason})
}

// Resume is Tx.Resume in a transaction of its own.
func (s *Store) Resume(ctx context.Context, model, by, reason string) (changed bool, err error) {
	return inTx(ctx, s, func(t *Tx) (bool, error) { return t.Resume(ctx, model, by, reason) })
}

// orMissing gives ErrNotFound for a model that is not watched, else err.
func (t *Tx) orMissing(ctx context.Context, model string, err error) error {
	if err == nil {
		_, err = t.WatchedModel(ctx, model)
	}
	return err
}

// WatchedModels returns all models, by name.
func (t *Tx) WatchedModels(ctx context.Context) ([]WatchedModel, error) {
	var out []WatchedModel
	err := t.rows(ctx, selectWatched+" ORDER BY name", nil, func(r scanner) error {
		var m WatchedModel
		err := scanWatched(r, &m)
		if m.PausedMS != 0 {
			m.State = statePaused
		}
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
	return r.Scan(&m.Name, &m.SpecJSON, &m.State, &m.Automation, &m.CreatedMS, &m.UpdatedMS, &m.PausedBy, &m.PausedReason, &m.PausedMS)
}
