package loop

import (
	"context"

	"github.com/driftline/driftline/stream/log"
)

// feed reads control once for all sources of one worker. What is read waits with each
// source until that source can take it in, before its next record and its next cycle.
type feed struct {
	io      IO
	p       log.Partition
	reader  *Reader // nil until the first source has started
	sources []*Source
}

func newFeed(io IO, p log.Partition) *feed { return &feed{io: io, p: p} }

// all reads control from its beginning, for a source that starts, and tells the offset
// behind it.
func (f *feed) all(ctx context.Context) (recs []log.Record, next int64, err error) {
	if recs, next, err = ReadAll(ctx, f.io, f.p); err != nil {
		return nil, 0, err
	}
	if f.reader == nil {
		f.reader = NewReader(f.io, f.p, next)
	}
	return recs, next, nil
}

// read reads control to its end as of now.
func (f *feed) read(ctx context.Context) error {
	recs, err := f.reader.ToEnd(ctx)
	if err != nil {
		return err
	}
	if len(recs) > 0 {
		for _, s := range f.sources {
			s.pending = append(s.pending, recs...)
		}
	}
	return nil
}

// close frees what the reader of control holds.
func (f *feed) close() error {
	if f.reader == nil {
		return nil
	}
	return f.reader.Close()
}

// next returns the offset up to which control was read.
func (f *feed) next() int64 { return f.reader.Next() }
