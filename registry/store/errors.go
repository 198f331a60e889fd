package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Kinds of errors that callers branch on; test with errors.Is.
var (
	ErrNotFound    = errors.New("not found")
	ErrExists      = errors.New("already exists")
	ErrConflict    = errors.New("conflict with the present state")
	ErrInvalid     = errors.New("invalid value")
	ErrState       = errors.New("not possible in the present state")
	ErrUnavailable = errors.New("database unavailable")
	ErrSchemaOld   = errors.New("database schema is older than this program")
	ErrSchemaNewer = errors.New("database schema is newer than this program")
)

// Fault is a refusal whose text a caller may show to a user: it holds no SQL, no
// path and no secret. It wraps one of the sentinels above.
type Fault struct {
	Kind error
	Text string
}

// Error gives the sentence for the user.
func (f *Fault) Error() string { return f.Text }

// Unwrap gives the kind.
func (f *Fault) Unwrap() error { return f.Kind }

func fault(kind error, format string, args ...any) error {
	return &Fault{Kind: kind, Text: fmt.Sprintf(format, args...)}
}

// dbError is a database error with its kind; the inner text is for the log only.
type dbError struct {
	kind  error
	retry bool // a repeat of the whole transaction may succeed
	err   error
}

func (e *dbError) Error() string   { return e.kind.Error() + ": " + e.err.Error() }
func (e *dbError) Unwrap() []error { return []error{e.kind, e.err} }

// mapError gives a driver's error its kind, by result code only.
func mapError(d dialect, err error) error {
	var known *dbError
	var refusal *Fault
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known), errors.As(err, &refusal):
		return err
	case errors.Is(err, sql.ErrNoRows):
		return &dbError{kind: ErrNotFound, err: err}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	kind, retry := d.classify(err)
	if kind == nil {
		return err
	}
	return &dbError{kind: kind, retry: retry, err: err}
}

func retryable(err error) bool {
	var e *dbError
	return errors.As(err, &e) && e.retry
}
