package kafka

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"golang.org/x/sync/errgroup"

	"github.com/driftline/driftline/stream/kafka/recordbatch"
	"github.com/driftline/driftline/stream/log"
)

// parallelAppends bounds the partitions written to at one time by one Append.
const parallelAppends = 8

// Append implements log.Log: acks=all, the partitions side by side, the batches of
// one partition one after the other, so that its order holds also when one of
// them is tried again. Where a partition fails, others may have been written.
func (l *Log) Append(ctx context.Context, recs []log.Record) error {
	if len(recs) == 0 {
		return nil
	}
	byPart := map[log.Partition][]recordbatch.Record{}
	var order []log.Partition
	now := nowMS()
	for i := range recs {
		r := &recs[i]
		if err := checkIndex(r.Partition); err != nil {
			return fmt.Errorf("append: %w", err)
		}
		if n := recordbatch.Bound(r.Key, r.Value, r.Headers); n > l.cfg.MaxRequestBytes {
			return fmt.Errorf("append to %s: a record of %d bytes, at most %d: %w", r.Partition, n, l.cfg.MaxRequestBytes, log.ErrTooLarge)
		}
		if err := log.CheckHeaders(r.Headers); err != nil {
			return fmt.Errorf("append to %s: %w", r.Partition, err)
		}
		ms := r.TimeMS
		switch {
		case ms == log.StampNow:
			ms = now
		case ms < 0 && ms != log.NoTime:
			return fmt.Errorf("append to %s: negative record time %d: %w", r.Partition, ms, log.ErrTimeBounds)
		}
		if _, ok := byPart[r.Partition]; !ok {
			order = append(order, r.Partition)
		}
		byPart[r.Partition] = append(byPart[r.Partition], recordbatch.Record{TimeMS: ms, Key: r.Key, Value: r.Value, Headers: r.Headers})
	}
	if len(order) == 1 {
		return l.appendTo(ctx, order[0], byPart[order[0]])
	}
	// No shared cancel: one refused partition must not cut the others short.
	var g errgroup.Group
	g.SetLimit(parallelAppends)
	errs := make([]error, len(order))
	for i, p := range order {
		g.Go(func() error {
			errs[i] = l.appendTo(ctx, p, byPart[p])
			return nil
		})
	}
	_ = g.Wait() // the goroutines return nil: all errors are in errs
	return errors.Join(errs...)
}

func (l *Log) appendTo(ctx context.Context, p log.Partition, recs []recordbatch.Record) error {
	for len(recs) > 0 {
		n, size := 0, recordbatch.HeaderSize
		for n < len(recs) {
			size += recordbatch.Bound(recs[n].Key, recs[n].Value, recs[n].Headers)
			if n > 0 && size > l.cfg.MaxRequestBytes {
				break
			}
			n++
		}
		if err := l.produce(ctx, p, recs[:n]); err != nil {
			return err
		}
		recs = recs[n:]
	}
	return nil
}

// produce writes one batch.
func (l *Log) produce(ctx context.Context, p log.Partition, recs []recordbatch.Record) error {
	// kafka-go copies a raw record set as it is, so its length must stand before it.
	batch, err := recordbatch.Append(make([]byte, 4), l.codec, recs)
	if err != nil {
		return fmt.Errorf("append %d records to %s: %w", len(recs), p, err)
	}
	binary.BigEndian.PutUint32(batch, uint32(len(batch)-4))
	return l.do(ctx, fmt.Sprintf("append %d records to %s", len(recs), p), p, 0, func(ctx context.Context, t *lease) error {
		res, err := l.client(t).RawProduce(ctx, &kafkago.RawProduceRequest{
			Topic: p.Topic, Partition: int(p.Index), RequiredAcks: kafkago.RequireAll,
			RawRecords: protocol.RawRecordSet{Reader: bytes.NewReader(batch)},
		})
		if err != nil {
			return err
		}
		return res.Error
	})
}
