package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/driftline/driftline/cmd/driftline/internal/config"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/stream/historian"
	"github.com/driftline/driftline/stream/wire"
)

// Specs are the watched models as the database has them, kept in memory for the
// readers that ask once per record. The configuration's models are written into the
// database at start; `models apply` and auto-admission change it later.
type Specs struct {
	cfg *config.Config
	db  *store.Store

	mu     sync.RWMutex
	byName map[string]config.Model
}

// NewSpecs writes the configured models into the database and reads all of them.
func NewSpecs(ctx context.Context, cfg *config.Config, db *store.Store) (*Specs, error) {
	s := &Specs{cfg: cfg, db: db}
	for _, m := range cfg.Models {
		if err := s.put(ctx, nil, m); err != nil {
			return nil, err
		}
	}
	return s, s.Refresh(ctx)
}

// Run reads the database again every few seconds: another process may have changed it.
func (s *Specs) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Second):
		}
		if err := s.Refresh(ctx); err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// Refresh reads the database.
func (s *Specs) Refresh(ctx context.Context) error {
	rows, err := s.db.WatchedModels(ctx)
	if err != nil {
		return err
	}
	byName := map[string]config.Model{}
	for _, r := range rows {
		m, err := s.parse(r)
		if err != nil {
			return err
		}
		byName[r.Name] = m
	}
	s.mu.Lock()
	s.byName = byName
	s.mu.Unlock()
	return nil
}

func (s *Specs) parse(r store.WatchedModel) (config.Model, error) {
	m, err := config.ParseSpec([]byte(r.SpecJSON), s.cfg)
	if err != nil {
		return m, fmt.Errorf("stored specification of model %q: %w", r.Name, err)
	}
	return m, nil
}

// Get returns a model's specification.
func (s *Specs) Get(model string) (config.Model, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	m, ok := s.byName[model]
	return m, ok
}

// Names returns all watched models in order.
func (s *Specs) Names() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return sortedKeys(s.byName)
}

// Keep says what is stored of a model's examples.
func (s *Specs) Keep(model string) historian.Keep {
	m, ok := s.Get(model)
	switch {
	case !ok || m.Examples == "off":
		return historian.KeepNothing
	case m.Examples == "rows":
		return historian.KeepRows
	}
	return historian.KeepScores
}

// Columns are the features that may be stored of a model; empty: all.
func (s *Specs) Columns(model string) []string {
	m, _ := s.Get(model)
	return m.Columns
}

// Segments are those that a model declares: values by name, not to be changed.
func (s *Specs) Segments(model string) map[string][]string {
	m, _ := s.Get(model)
	return m.Segments
}

// admit writes a model that control admitted and the database does not have.
func (s *Specs) admit(ctx context.Context, t *store.Tx, m wire.Model) error {
	_, err := t.WatchedModel(ctx, m.Name)
	if err == nil {
		return nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	spec := s.cfg.NewModel(m.Name)
	spec.FeaturesFrom, spec.Classes, spec.Automation = m.FeaturesFrom, m.Classes, "observe"
	if err := s.put(ctx, t, spec); err != nil {
		return err
	}
	s.mu.Lock()
	s.byName[m.Name] = spec
	s.mu.Unlock()
	return nil
}

// put writes a specification; t is nil outside a transaction.
func (s *Specs) put(ctx context.Context, t *store.Tx, m config.Model) error {
	row, err := WatchedRow(m)
	if err != nil {
		return err
	}
	if t == nil {
		return s.db.PutWatchedModel(ctx, row)
	}
	return t.PutWatchedModel(ctx, row)
}

// WatchedRow is a specification as the database keeps it.
func WatchedRow(m config.Model) (store.WatchedModel, error) {
	spec, err := m.Spec()
	if err != nil {
		return store.WatchedModel{}, err
	}
	return store.WatchedModel{Name: m.Name, SpecJSON: string(spec), State: "watching", Automation: m.Automation}, nil
}

func isInvalid(err error) bool { return errors.Is(err, store.ErrInvalid) }
