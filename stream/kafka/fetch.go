package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/driftline/driftline/stream/kafka/recordbatch"
	"github.com/driftline/driftline/stream/log"
)

// maxSlack is what a fetch's answer may hold beside records.
const maxSlack = 1 << 20

// Fetch implements log.Log. Batch.Records shares buffers made for this fetch.
func (l *Log) Fetch(ctx context.Context, p log.Partition, from int64, wait time.Duration) (log.Batch, error) {
	var b log.Batch
	if err := checkIndex(p); err != nil {
		return b, fmt.Errorf("fetch: %w", err)
	}
	size := l.cfg.FetchBytes
	err := l.do(ctx, fmt.Sprintf("fetch %s from %d", p, from), p, wait, func(ctx context.Context, t *lease) error {
		for {
			x := &fetchExchange{
				clientID: l.cfg.ClientID, parts: []fetchPart{{Partition: p, from: from, size: size}}, wait: wait,
				maxBytes: size, maxAnswer: size + l.cfg.MaxBatchBytes + maxSlack,
			}
			_, err := t.RoundTrip(ctx, l.addr, x)
			if err != nil {
				return err
			}
			part := &x.parts[0]
			if !part.answered {
				return fmt.Errorf("fetch: no answer for %s: %w", p, errWire)
			}
			if part.code != 0 {
				return kafkago.Error(part.code)
			}
			b, err = l.walk(p, from, &part.fetchAnswer)
			if !errors.Is(err, recordbatch.ErrShort) {
				return err
			}
			// Not even one whole batch fits: brokers send one all the same since
			// KIP-74, others need to be asked for more.
			if size >= l.cfg.MaxBatchBytes {
				return fmt.Errorf("batch larger than %d bytes: %w", size, log.ErrTooLarge)
			}
			size = min(2*size, l.cfg.MaxBatchBytes)
		}
	})
	if err != nil {
		return log.Batch{}, err
	}
	return b, nil
}

// walkers keeps decoders between fetches that share nothing else.
var walkers = sync.Pool{New: func() any { return new(walker) }}

// walk turns an answer into records that stay. What is good before a bad batch is given
// first; the next fetch begins at the batch.
func (l *Log) walk(p log.Partition, from int64, a *fetchAnswer) (log.Batch, error) {
	w := walkers.Get().(*walker)
	defer walkers.Put(w)
	w.limit = l.cfg.MaxExpandBytes
	w.begin(p, from, a)
	b := log.Batch{Next: from, Start: a.start, End: a.end}
	for {
		w.buf = nil // the records of the batch before lie there
		ok, err := w.step()
		if err != nil && b.Next > from {
			err = nil
		}
		b.Records, b.Aborted = w.recs, w.gone
		if !ok {
			w.recs, w.gone, w.data, w.aborted = nil, nil, nil, nil
			if err != nil {
				b = log.Batch{}
			}
			return b, err
		}
		b.Next = w.next
	}
}
