package store

import "context"

// The methods below run one method of Tx in a transaction of its own. Everything
// else goes through Store.Tx and Store.Read.

// Champion returns the champion of a model; ErrNotFound if it has none.
func (s *Store) Champion(ctx context.Context, model string) (Champion, error) {
	return inRead(ctx, s, func(t *Tx) (Champion, error) { return t.Champion(ctx, model) })
}

// Champions returns all champions, by model.
func (s *Store) Champions(ctx context.Context) ([]Champion, error) {
	return inRead(ctx, s, func(t *Tx) ([]Champion, error) { return t.Champions(ctx) })
}

// ChampionHistory returns who was champion when, oldest first.
func (s *Store) ChampionHistory(ctx context.Context, model string) ([]Champion, error) {
	return inRead(ctx, s, func(t *Tx) ([]Champion, error) { return t.ChampionHistory(ctx, model) })
}

// Promote makes a version champion, see Tx.Promote; the time is the wall clock's.
func (s *Store) Promote(ctx context.Context, model, version, actor, reason string) (changed bool, prev string, err error) {
	err = s.Tx(ctx, func(t *Tx) (err error) {
		changed, prev, err = t.Promote(ctx, model, version, actor, reason, t.nowMS)
		return err
	})
	return changed, prev, err
}

// Rollback makes toVersion ("" = the champion before) champion again, see
// Tx.Rollback; it returns the version that serves now and the one that did.
func (s *Store) Rollback(ctx context.Context, model, toVersion, actor, reason string) (version, prev string, err error) {
	err = s.Tx(ctx, func(t *Tx) (err error) {
		version, prev, err = t.Rollback(ctx, model, toVersion, actor, reason, t.nowMS)
		return err
	})
	return version, prev, err
}

// Model returns a registered model.
func (s *Store) Model(ctx context.Context, name string) (RegisteredModel, error) {
	return inRead(ctx, s, func(t *Tx) (RegisteredModel, error) { return t.Model(ctx, name) })
}

// Version returns one version of a model.
func (s *Store) Version(ctx context.Context, name, version string) (ModelVersion, error) {
	return inRead(ctx, s, func(t *Tx) (ModelVersion, error) { return t.Version(ctx, name, version) })
}

// Run returns a run with its data.
func (s *Store) Run(ctx context.Context, id string) (Run, error) {
	return inRead(ctx, s, func(t *Tx) (Run, error) { return t.Run(ctx, id) })
}

// LogBatch writes params, metrics and tags to a run, all or nothing.
func (s *Store) LogBatch(ctx context.Context, runID string, b Batch) error {
	return s.Tx(ctx, func(t *Tx) error { return t.LogBatch(ctx, runID, b) })
}

// EnsureDefaultExperiment makes experiment 0 below the artifact root if need be.
func (s *Store) EnsureDefaultExperiment(ctx context.Context, root string) error {
	return s.Tx(ctx, func(t *Tx) error { return t.EnsureDefaultExperiment(ctx, root) })
}

// AuditRows lists audit rows, newest first.
func (s *Store) AuditRows(ctx context.Context, q AuditQuery) ([]AuditRow, error) {
	return inRead(ctx, s, func(t *Tx) ([]AuditRow, error) { return t.AuditRows(ctx, q) })
}
