package loop

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/driftline/driftline/stream/log"
)

// Stage is a set of records that must be acknowledged before the next stage is
// written. State stages are written only while the writer still owns its partition.
type Stage struct {
	What    string // for errors, e.g. "partials"
	Records []log.Record
	State   bool
}

// Cycle is one publish cycle: its stages in order, then a commit (−1: none).
type Cycle struct {
	Stages []Stage
	Commit int64
	Admits bool // a stage writes control records, which must be read before the next record is folded
}

// IO is what both drivers need from outside.
type IO struct {
	Log       log.Log
	NowMS     func() int64                                 // wall clock; moves only promises and ticks
	Pause     func(ctx context.Context, attempt int) error // waits before the given retry (1, 2, …)
	Retry     func(err error) bool                         // nil: Retryable
	Retried   func(what string, attempt int, err error)    // nil: silent
	Wait      time.Duration                                // longest wait for a first record in a fetch
	Counted   func(p log.Partition, what string, n int64)  // nil: silent; e.g. "removed_unread"
	MaxAppend int                                          // records of one produce call; 0: DefaultMaxAppend
}

// Retryable is the one place that decides what is tried again.
func Retryable(err error) bool {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return false // someone asked us to stop
	case errors.Is(err, log.ErrLost):
		return false // another owner; our writes are no longer wanted
	case errors.Is(err, log.ErrBatch):
		return false // the log has asked over other connections; it stays as it is
	case errors.Is(err, log.ErrTooLarge), errors.Is(err, log.ErrTimeBounds):
		return false // the same record would be refused again
	case errors.Is(err, log.ErrNoTopic):
		return false // needs a person: topics create
	case errors.Is(err, ErrRemade):
		return false // needs a person: the layout's incarnation
	case errors.Is(err, log.ErrOutOfRange):
		return false // answered by a new start, not by asking again
	}
	return true
}

// Backoff waits 50 ms, doubling to 5 s, with the jitter given (0 ≤ jitter < 1).
func Backoff(jitter func() float64) func(context.Context, int) error {
	return func(ctx context.Context, attempt int) error {
		d := 50 * time.Millisecond << min(attempt-1, 7)
		d = min(d, 5*time.Second)
		d = d/2 + time.Duration(float64(d/2)*jitter())
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
			return nil
		}
	}
}

// try runs do until it succeeds, a final error comes, or the context ends.
func (io IO) try(ctx context.Context, what string, do func() error) error {
	retry := io.Retry
	if retry == nil {
		retry = Retryable
	}
	for attempt := 1; ; attempt++ {
		err := do()
		if err == nil {
			return nil
		}
		if !retry(err) {
			return fmt.Errorf("%s: %w", what, err)
		}
		if io.Retried != nil {
			io.Retried(what, attempt, err)
		}
		if stop := io.Pause(ctx, attempt); stop != nil {
			return fmt.Errorf("%s: %w", what, errors.Join(stop, err))
		}
	}
}

func (io IO) count(p log.Partition, what string, n int64) {
	if io.Counted != nil && n > 0 {
		io.Counted(p, what, n)
	}
}

// DefaultMaxAppend bounds the records of one produce call.
const DefaultMaxAppend = 500

func (io IO) append(ctx context.Context, what string, recs []log.Record) error {
	for len(recs) > 0 {
		n := min(len(recs), cmp.Or(io.MaxAppend, DefaultMaxAppend))
		if err := io.try(ctx, fmt.Sprintf("publish %d %s", n, what), func() error { return io.Log.Append(ctx, recs[:n]) }); err != nil {
			return err
		}
		recs = recs[n:]
	}
	return nil
}

// repeat steps until the context ends or a step fails.
func repeat(ctx context.Context, step func(context.Context) (idle bool, err error)) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := step(ctx); err != nil {
			return err
		}
	}
}

// fetch reads one batch; out-of-range answers come back as they are.
func (io IO) fetch(ctx context.Context, p log.Partition, from int64, wait time.Duration) (b log.Batch, err error) {
	err = io.try(ctx, fmt.Sprintf("fetch %s at %d", p, from), func() error {
		b, err = io.Log.Fetch(ctx, p, from, wait)
		return err
	})
	return b, err
}
