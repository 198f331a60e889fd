package replay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/driftline/driftline/stream/log"
	"github.com/driftline/driftline/stream/loop"
)

// maxAhead is the number of sources above which nothing is fetched ahead: each source
// holds up to two batches then, and a thousand of them would hold gigabytes.
const maxAhead = 64

// Fetcher gives the batches of one partition in order, as log.Log does.
type Fetcher interface {
	Fetch(ctx context.Context, p log.Partition, from int64, wait time.Duration) (log.Batch, error)
}

// feed reads one source from an offset to its end. With ahead, the next batch is
// fetched while the one before it is folded, so that the broker's answer time is not
// added to the folds'. A batch is never touched again by the reader once it is handed
// out; a Fetcher that reuses its buffers must be read without ahead.
type feed struct {
	io    loop.IO
	from  Fetcher
	p     log.Partition
	next  int64
	end   int64
	ahead chan fetched // nil until the first batch is asked for, or where nothing is fetched ahead
	tasks func(func()) // runs a task that its owner waits for; nil: fetch when asked
}

type fetched struct {
	batch log.Batch
	err   error
}

// batch returns the next batch, empty where the log holds nothing more below the end.
func (f *feed) batch(ctx context.Context) (log.Batch, error) {
	if f.tasks == nil {
		return f.fetch(ctx)
	}
	if f.ahead == nil {
		f.ahead = make(chan fetched)
		f.tasks(func() {
			defer close(f.ahead)
			for f.next < f.end {
				b, err := f.fetch(ctx)
				select {
				case f.ahead <- fetched{b, err}:
				case <-ctx.Done():
					return
				}
				if err != nil {
					return
				}
			}
		})
	}
	select {
	case x, open := <-f.ahead:
		if !open {
			return log.Batch{}, ctx.Err()
		}
		return x.batch, x.err
	case <-ctx.Done():
		return log.Batch{}, ctx.Err()
	}
}

// fetch asks for one batch until it comes or a final error does.
func (f *feed) fetch(ctx context.Context) (log.Batch, error) {
	retry := f.io.Retry
	if retry == nil {
		retry = loop.Retryable
	}
	for attempt := 1; ; attempt++ {
		b, err := f.from.Fetch(ctx, f.p, f.next, f.io.Wait)
		switch {
		case err == nil:
			f.next = max(f.next, b.Next)
			return b, nil
		case errors.Is(err, log.ErrOutOfRange):
			return b, fmt.Errorf("fetch %s at %d: the topic's retention removed the records while they were read; start again, the windows they belonged to will have coverage below one: %w", f.p, f.next, err)
		case ctx.Err() != nil || !retry(err):
			return b, fmt.Errorf("fetch %s at %d: %w", f.p, f.next, err)
		}
		if f.io.Retried != nil {
			f.io.Retried(fmt.Sprintf("fetch %s at %d", f.p, f.next), attempt, err)
		}
		if stop := f.io.Pause(ctx, attempt); stop != nil {
			return b, fmt.Errorf("fetch %s at %d: %w", f.p, f.next, errors.Join(stop, err))
		}
	}
}
