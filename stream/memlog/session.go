package memlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/driftline/driftline/stream/log"
)

// pieceRecords is how many records a session hands out at a time, so that readers
// meet several pieces of one ask.
const pieceRecords = 64

// session reads as log.Session says. Each ask is one fetch operation of the handle,
// with its fault. What it hands out is a copy in buffers that it overwrites at the next
// call, so that a reader who keeps what he may not keep is found out.
type session struct {
	h      *Handle
	asks   []log.Ask
	got    []answer // one per ask, with what of it is not handed out yet
	closed bool

	recs  []log.Record
	bytes []byte
}

type answer struct {
	log.Answer
	from int64 // where the next piece begins
}

// Session implements log.Log.
func (h *Handle) Session() log.Session { return &session{h: h} }

// Fetch implements log.Session. As Handle.Fetch it waits only with Config.Block.
func (s *session) Fetch(ctx context.Context, asks []log.Ask, wait time.Duration) error {
	s.spoil()
	s.asks, s.got = asks, nil
	if s.closed {
		return fmt.Errorf("fetch: session is closed: %w", log.ErrUnreachable)
	}
	var timer *time.Timer
	for {
		changed := s.h.log.onChange()
		found, err := s.round(ctx)
		if err != nil || found || changed == nil || wait <= 0 {
			return err
		}
		if timer == nil {
			timer = time.NewTimer(wait)
			defer timer.Stop()
		}
		select {
		case <-changed:
		case <-timer.C:
			return nil
		case <-ctx.Done():
			s.got = nil
			return fmt.Errorf("fetch %d partitions: %w", len(asks), ctx.Err())
		}
	}
}

// round asks for each partition once; found tells that there is more to say than "nothing new".
func (s *session) round(ctx context.Context) (found bool, err error) {
	s.got = s.got[:0]
	failed := 0
	for i, ask := range s.asks {
		b, err := s.h.Fetch(ctx, ask.Partition, ask.From, 0)
		var bad *log.BadBatch
		switch {
		case err == nil:
			found = found || b.Next > ask.From
		case errors.Is(err, ErrKilled), ctx.Err() != nil:
			s.got = nil
			return false, err
		case errors.As(err, &bad), errors.Is(err, log.ErrOutOfRange), errors.Is(err, log.ErrNoTopic):
			found = true
		default:
			if failed++; failed == len(s.asks) {
				s.got = nil
				return false, err // nothing could be asked
			}
			err, found = fmt.Errorf("%w: %w", log.ErrAgain, err), true
		}
		s.got = append(s.got, answer{
			Answer: log.Answer{Ask: i, Batch: b, Err: err}, from: ask.From,
		})
	}
	return found, nil
}

// Next implements log.Session: runs of records without a hole, and each hole by
// itself, with the aborted records in it.
func (s *session) Next() (log.Answer, bool) {
	s.spoil()
	if len(s.got) == 0 {
		return log.Answer{}, false
	}
	g := &s.got[0]
	a := g.Answer
	n := 0
	for n < min(pieceRecords, len(g.Records)) && g.Records[n].Offset == g.from+int64(n) {
		n++
	}
	a.Records, g.Records = s.copied(g.Records[:n]), g.Records[n:]
	switch {
	case n > 0:
		a.Next = g.from + int64(n)
	case len(g.Records) > 0:
		a.Next = g.Records[0].Offset
	}
	i, _ := slices.BinarySearch(g.Aborted, a.Next)
	a.Aborted, g.Aborted = g.Aborted[:i:i], g.Aborted[i:]
	if g.from = a.Next; a.Err != nil || g.from == g.Next {
		s.got = s.got[1:]
	}
	return a, true
}

// copied takes records into the session's own buffers.
func (s *session) copied(recs []log.Record) []log.Record {
	size := 0
	for i := range recs {
		size += len(recs[i].Key) + len(recs[i].Value) + len(recs[i].Headers)
	}
	s.recs, s.bytes = append(s.recs[:0], recs...), slices.Grow(s.bytes[:0], size)
	keep := func(b []byte) []byte {
		if b == nil {
			return nil
		}
		from := len(s.bytes)
		s.bytes = append(s.bytes, b...)
		return s.bytes[from:len(s.bytes):len(s.bytes)]
	}
	for i := range s.recs {
		r := &s.recs[i]
		r.Key, r.Value, r.Headers = keep(r.Key), keep(r.Value), keep(r.Headers)
	}
	return s.recs
}

// spoil overwrites what was handed out last.
func (s *session) spoil() {
	for i := range s.bytes {
		s.bytes[i] = 0xdb
	}
	clear(s.recs)
	s.bytes, s.recs = s.bytes[:0], s.recs[:0]
}

// Close implements log.Session.
func (s *session) Close() error {
	s.spoil()
	s.closed = true
	return nil
}

// onChange returns a channel that closes at the next append; nil where nobody waits.
func (l *Log) onChange() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}
