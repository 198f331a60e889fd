package trainer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/driftline/driftline/registry/artifacts"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/trainer/gbdt"
)

// Tags of versions that say how to use them.
const (
	tagThreshold      = "driftline.threshold"
	tagPositive       = "driftline.positive"
	tagTrainedThrough = "driftline.trained_through_day"
	tagUntested       = "refit_untested"
)

// Champion is a version ready to score.
type Champion struct {
	Model     *gbdt.Model
	Name      string
	Version   string
	Features  []string // columns the model wants, in order
	Threshold float64  // score from which a row counts as positive
	Positive  string   // label that counts as positive, "" where unknown

	RunID          string
	trainedThrough int32 // last day of its training rows
	trainedKnown   bool
}

// Models loads versions through the artifact store and keeps the last few. Safe for
// concurrent use.
type Models struct {
	store     *store.Store
	artifacts Artifacts
	root      string

	mu   sync.Mutex
	kept []*Champion // the most recent last; never more than maxKept
}

// maxKept is how many loaded versions stay: two per model in a probation, for some
// models at once.
const maxKept = 16

// maxModelFile bounds one model file, in bytes.
const maxModelFile = 512 << 20

// NewModels makes an empty cache. root is the URI of the artifact root.
func NewModels(s *store.Store, a Artifacts, root string) *Models {
	return &Models{store: s, artifacts: a, root: root}
}

// LoadChampion loads the version that serves; store.ErrNotFound where there is none.
// A service that scores many rows keeps a Models instead.
func LoadChampion(ctx context.Context, s *store.Store, a Artifacts, root, model string) (*Champion, error) {
	return NewModels(s, a, root).Champion(ctx, model)
}

// Champion returns the version of a model that serves; store.ErrNotFound where there
// is none.
func (m *Models) Champion(ctx context.Context, model string) (*Champion, error) {
	c, err := m.store.Champion(ctx, model)
	if err != nil {
		return nil, err
	}
	return m.Version(ctx, model, c.Version)
}

// Version returns one version of a model, loaded. The result is shared and must not
// be changed.
//
// Errors: store.ErrNotFound; a version whose artifacts lie elsewhere, or hold no model
// of XGBoost's JSON that can be scored.
func (m *Models) Version(ctx context.Context, model, version string) (*Champion, error) {
	m.mu.Lock()
	for i, c := range m.kept {
		if c.Name == model && c.Version == version {
			m.kept = append(slices.Delete(m.kept, i, i+1), c)
			m.mu.Unlock()
			return c, nil
		}
	}
	m.mu.Unlock()
	c, err := m.load(ctx, model, version)
	if err != nil {
		return nil, fmt.Errorf("load version %s of model %q: %w", version, model, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept = append(m.kept, c)
	m.kept = m.kept[max(0, len(m.kept)-maxKept):]
	return c, nil
}

func (m *Models) load(ctx context.Context, model, version string) (*Champion, error) {
	v, err := m.store.Version(ctx, model, version)
	if err != nil {
		return nil, err
	}
	location := v.Location
	if location == "" {
		location = v.Source
	}
	dir, err := artifactPath(location, m.root)
	if err != nil {
		return nil, err
	}
	c := &Champion{Name: model, Version: version, Threshold: 0.5, RunID: v.RunID}
	if c.Model, err = readModel(ctx, m.artifacts, dir+"/model.json"); err != nil {
		return nil, err
	}
	c.Features = c.Model.Names()
	for _, t := range v.Tags {
		switch t.Key {
		case tagThreshold:
			if c.Threshold, err = strconv.ParseFloat(t.Value, 64); err != nil {
				return nil, refuse("tag %s is %q, want a number", t.Key, t.Value)
			}
		case tagPositive:
			c.Positive = t.Value
		case tagTrainedThrough:
			day, err := strconv.ParseInt(t.Value, 10, 32)
			if err != nil {
				return nil, refuse("tag %s is %q, want days since 1970-01-01", t.Key, t.Value)
			}
			c.trainedThrough, c.trainedKnown = int32(day), true
		}
	}
	return c, nil
}

func readModel(ctx context.Context, a Artifacts, path string) (*gbdt.Model, error) {
	r, _, err := a.Open(ctx, path)
	if errors.Is(err, artifacts.ErrNotFound) {
		return nil, refuse("there is no artifact %s: only models in XGBoost's JSON format can be scored", path)
	}
	if err != nil {
		return nil, err
	}
	m, err := gbdt.LoadJSON(io.LimitReader(r, maxModelFile), gbdt.Limits{})
	if err != nil {
		err = refuse("artifact %s: %v", path, err)
	}
	return m, errors.Join(err, r.Close())
}

// artifactPath gives the path below the artifact root that a URI stands for.
func artifactPath(uri, root string) (string, error) {
	const proxy = "mlflow-artifacts:"
	rest, ok := strings.CutPrefix(uri, proxy)
	if ok {
		if after, authority := strings.CutPrefix(rest, "//"); authority {
			_, rest, _ = strings.Cut(after, "/")
		}
	} else {
		base := strings.TrimRight(root, "/")
		if rest, ok = strings.CutPrefix(uri, base+"/"); !ok || base == "" {
			return "", refuse("%q is not below the artifact root %q", uri, root)
		}
	}
	rest, _, _ = strings.Cut(rest, "?")
	plain, err := url.PathUnescape(rest)
	if err != nil {
		return "", refuse("%q: %v", uri, err)
	}
	clean, err := artifacts.Clean(strings.Trim(plain, "/"))
	if err != nil || clean == "" {
		return "", refuse("%q names no place below the artifact root: %v", uri, err)
	}
	return clean, nil
}
