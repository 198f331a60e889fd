package store

import "context"

// MaxReference is how many bytes the counts of one reference may have.
const MaxReference = 64 << 20

// ReferenceRow is a frozen reference of a model: encoded counts with metadata.
type ReferenceRow struct {
	Model     string
	ID        string // hash of the content
	Version   string // of the model it was made for; "" = any
	Kind      string // where it came from, e.g. training, range, file
	GridID    string
	Rows      int64
	FromMS    int64 // event time of the rows, inclusive; 0 where unknown
	ToMS      int64 // exclusive
	CreatedMS int64
	MetaJSON  string
	Data      []byte // nil in lists
}

const referenceColumns = "model, id, version, kind, grid_id, row_count, from_ms, to_ms, created_ms, meta"

// AddReference inserts the reference unless the model has one with this id, and
// tells whether it did. CreatedMS is the transaction's time where it is 0. The newest
// reference is the one in force: one that is there already, behind a newer one, takes
// CreatedMS and nothing else.
//
// Errors: ErrInvalid if Data is empty or larger than MaxReference.
func (t *Tx) AddReference(ctx context.Context, r ReferenceRow) (bool, error) {
	switch {
	case len(r.Data) == 0:
		return false, fault(ErrInvalid, "reference %q of model %q holds no data", r.ID, r.Model)
	case len(r.Data) > MaxReference:
		return false, fault(ErrInvalid, "reference %q of model %q has %d bytes, at most %d can be stored; use fewer features", r.ID, r.Model, len(r.Data), MaxReference)
	}
	if r.CreatedMS == 0 {
		r.CreatedMS = t.nowMS
	}
	n, err := t.exec(ctx, "INSERT INTO model_references ("+referenceColumns+", data) VALUES ("+placeholders(11)+") ON CONFLICT (model, id) DO NOTHING",
		r.Model, r.ID, r.Version, r.Kind, r.GridID, r.Rows, r.FromMS, r.ToMS, r.CreatedMS, r.MetaJSON, r.Data)
	if err != nil || n == 1 {
		return n == 1, err
	}
	// A grid is kept beside references under an id of its own, and is none.
	_, err = t.exec(ctx, `UPDATE model_references SET created_ms = $1 WHERE model = $2 AND id = $3 AND id <> grid_id AND created_ms < $1 AND EXISTS (
		SELECT 1 FROM model_references o WHERE o.model = $2 AND o.id <> $3 AND o.id <> o.grid_id AND o.created_ms > model_references.created_ms)`, r.CreatedMS, r.Model, r.ID)
	return false, err
}

// AddReference is Tx.AddReference in a transaction of its own.
func (s *Store) AddReference(ctx context.Context, r ReferenceRow) (bool, error) {
	return inTx(ctx, s, func(t *Tx) (bool, error) { return t.AddReference(ctx, r) })
}

// Reference returns a reference with its data, or ErrNotFound.
func (t *Tx) Reference(ctx context.Context, model, id string) (ReferenceRow, error) {
	var r ReferenceRow
	found := false
	err := t.rows(ctx, "SELECT "+referenceColumns+", data FROM model_references WHERE model = $1 AND id = $2", []any{model, id}, func(row scanner) error {
		found = true
		return scanReference(row, &r, &r.Data)
	})
	if err == nil && !found {
		err = fault(ErrNotFound, "model %q has no reference %q", model, id)
	}
	return r, err
}

// Reference is Tx.Reference over a snapshot of its own.
func (s *Store) Reference(ctx context.Context, model, id string) (ReferenceRow, error) {
	return inRead(ctx, s, func(t *Tx) (ReferenceRow, error) { return t.Reference(ctx, model, id) })
}

// References returns a model's references without their data, newest first.
func (t *Tx) References(ctx context.Context, model string) ([]ReferenceRow, error) {
	var out []ReferenceRow
	err := t.rows(ctx, "SELECT "+referenceColumns+" FROM model_references WHERE model = $1 ORDER BY created_ms DESC, id", []any{model}, func(row scanner) error {
		var r ReferenceRow
		err := scanReference(row, &r)
		out = append(out, r)
		return err
	})
	return out, err
}

// References is Tx.References over a snapshot of its own.
func (s *Store) References(ctx context.Context, model string) ([]ReferenceRow, error) {
	return inRead(ctx, s, func(t *Tx) ([]ReferenceRow, error) { return t.References(ctx, model) })
}

func scanReference(row scanner, r *ReferenceRow, more ...any) error {
	return row.Scan(append([]any{&r.Model, &r.ID, &r.Version, &r.Kind, &r.GridID, &r.Rows, &r.FromMS, &r.ToMS, &r.CreatedMS, &r.MetaJSON}, more...)...)
}
