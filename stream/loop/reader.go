package loop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/driftline/driftline/stream/log"
)

// Reader reads one partition to its end, from where it last stopped.
type Reader struct {
	io      IO
	asks    []log.Ask   // one
	session log.Session // nil until the first read
}

// NewReader reads p from offset from on; a negative from means the log start.
func NewReader(io IO, p log.Partition, from int64) *Reader {
	return &Reader{io: io, asks: []log.Ask{{Partition: p, From: from}}}
}

// ReadAll returns what a partition holds, and the offset behind it.
func ReadAll(ctx context.Context, io IO, p log.Partition) (recs []log.Record, next int64, err error) {
	r := NewReader(io, p, -1)
	recs, err = r.ToEnd(ctx)
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, 0, err
	}
	return recs, r.Next(), nil
}

// ToEnd returns all records between the last call and the end as of now. They stay.
func (r *Reader) ToEnd(ctx context.Context) (recs []log.Record, err error) {
	at := &r.asks[0]
	if at.From < 0 {
		if err := r.bounds(ctx); err != nil {
			return nil, err
		}
	}
	end := Unset // as of now: as the first answer tells it
	for wait := time.Duration(0); ; wait = r.io.Wait {
		var more []log.Record
		var told int64
		from := at.From
		err := r.io.try(ctx, fmt.Sprintf("fetch %s at %d", at.Partition, from), func() (err error) {
			more, told, err = r.fetch(ctx, wait)
			return err
		})
		switch {
		case errors.Is(err, log.ErrOutOfRange): // retention or compaction overtook us, or the log was cut
			if err := r.bounds(ctx); err != nil || at.From == from {
				return recs, err
			}
			continue
		case err != nil:
			return nil, err
		}
		recs = append(recs, more...)
		if end == Unset || told < end {
			end = told // compaction or truncation may shorten the log meanwhile
		}
		if at.From >= end {
			return recs, nil
		}
	}
}

// fetch reads what one request brings and tells the end.
func (r *Reader) fetch(ctx context.Context, wait time.Duration) (recs []log.Record, end int64, err error) {
	if r.session == nil {
		r.session = r.io.Log.Session()
	}
	at := &r.asks[0]
	next := at.From
	if err := r.session.Fetch(ctx, r.asks, wait); err != nil {
		return nil, 0, err
	}
	for a, ok := r.session.Next(); ok; a, ok = r.session.Next() {
		if a.Err != nil {
			if len(recs) > 0 {
				break // asked for again
			}
			return nil, 0, a.Err
		}
		for _, rec := range a.Records {
			rec.Key, rec.Value, rec.Headers = bytes.Clone(rec.Key), bytes.Clone(rec.Value), bytes.Clone(rec.Headers)
			recs = append(recs, rec)
		}
		next, end = a.Next, a.End
	}
	at.From = next
	return recs, end, nil
}

// bounds moves the reader to the log start where it stands before it.
func (r *Reader) bounds(ctx context.Context) error {
	at := &r.asks[0]
	return r.io.try(ctx, fmt.Sprintf("bounds of %s", at.Partition), func() error {
		start, _, err := r.io.Log.Bounds(ctx, at.Partition)
		if err == nil {
			at.From = max(at.From, start)
		}
		return err
	})
}

// Next returns the offset after the last record read.
func (r *Reader) Next() int64 { return max(r.asks[0].From, 0) }

// Close frees what the reader holds.
func (r *Reader) Close() error {
	if r.session == nil {
		return nil
	}
	return r.session.Close()
}
