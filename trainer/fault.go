package trainer

import (
	"context"
	"errors"
	"fmt"

	"github.com/driftline/driftline/registry/store"
)

// refusal is an error that trying again does not mend: the retrain ends as FAILED
// with its text as the reason.
type refusal struct{ text string }

func (r *refusal) Error() string { return r.text }

func refuse(format string, args ...any) error { return &refusal{fmt.Sprintf(format, args...)} }

// scarcity is the want of data. It is neither failure nor refusal: the retrain ends as
// COALESCED and counts as no decision, so the next trigger may try again.
type scarcity struct{ text string }

func (s *scarcity) Error() string { return s.text }

func tooLittle(format string, args ...any) error {
	return &scarcity{"not enough data: " + fmt.Sprintf(format, args...)}
}

// lasting tells whether an error of a phase stays when the phase is repeated.
func lasting(err error) bool {
	var r *refusal
	switch {
	case errors.As(err, &r):
		return true // the data or the model say so
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return false // we are going down, or the lease was lost
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrConflict):
		return false // the database, or another trainer
	case errors.Is(err, store.ErrInvalid), errors.Is(err, store.ErrState):
		return true // the registry refuses the values themselves
	}
	return false // I/O of artifacts and the like: they may come back
}

// maxAttempts bounds how often a row is taken up after errors that may pass.
const maxAttempts = 10

// Backoff between attempts, wall clock.
const (
	firstBackoffMS = int64(2_000)
	maxBackoffMS   = int64(5 * 60_000)
)

func backoffMS(attempts int64) int64 {
	return min(firstBackoffMS<<min(max(attempts-1, 0), 10), maxBackoffMS)
}
