package app

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/driftline/driftline/drift"
	"github.com/driftline/driftline/registry/store"
	"github.com/driftline/driftline/sketches"
	"github.com/driftline/driftline/stream/wire"
)

// describer tells people what a window was like beside its reference. References never
// change, so the last few are kept.
type describer struct {
	store *store.Store

	mu   sync.Mutex // guards kept and order
	kept map[string]*wire.Reference
	last []string // keys of kept, oldest first
}

// mostReferences bounds the references kept decoded.
const mostReferences = 4

// describe implements web.Config.Describe.
func (d *describer) describe(ctx context.Context, model, reference string, briefs map[string][]byte) (map[string]drift.Description, error) {
	ref, err := d.reference(ctx, model, reference)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reference %s of model %q: %w", reference, model, err)
	}
	out := map[string]drift.Description{}
	for i := range ref.Counts.Grid.Features {
		f := &ref.Counts.Grid.Features[i]
		raw := briefs[f.Name]
		if raw == nil {
			continue
		}
		b, err := sketches.DecodeBrief(raw)
		if err != nil {
			return nil, fmt.Errorf("feature %q of model %q: %w", f.Name, model, err)
		}
		x, err := drift.Describe(f, &ref.Counts.Features[i], b)
		if errors.Is(err, sketches.ErrGridMismatch) {
			continue // of a feature that had other bins
		}
		if err != nil {
			return nil, fmt.Errorf("feature %q of model %q: %w", f.Name, model, err)
		}
		out[f.Name] = x
	}
	return out, nil
}

func (d *describer) reference(ctx context.Context, model, id string) (*wire.Reference, error) {
	key := model + "\x00" + id
	d.mu.Lock()
	ref := d.kept[key]
	d.mu.Unlock()
	if ref != nil {
		return ref, nil
	}
	var row, grid store.ReferenceRow
	err := d.store.Read(ctx, func(t *store.Tx) (err error) {
		if row, err = t.Reference(ctx, model, id); err != nil {
			return err
		}
		grid, err = t.Reference(ctx, model, row.GridID)
		return err
	})
	if err != nil {
		return nil, err
	}
	g, err := sketches.DecodeGrid(grid.Data)
	if err != nil {
		return nil, err
	}
	decoded, err := wire.DecodeReference(row.Data, func(_ string, want sketches.ID) (*sketches.Grid, bool) { return g, g.ID() == want })
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.kept == nil {
		d.kept = map[string]*wire.Reference{}
	}
	if d.kept[key] == nil {
		d.kept[key], d.last = &decoded, append(d.last, key)
	}
	if len(d.last) > mostReferences {
		delete(d.kept, d.last[0])
		d.last = d.last[1:]
	}
	return &decoded, nil
}
