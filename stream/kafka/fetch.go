package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"

	"github.com/driftline/driftline/stream/kafka/recordbatch"
	"github.com/driftline/driftline/stream/log"
)

// ErrBatch is behind the error of a fetch that cannot go on: a batch whose CRC
// stays wrong over several connections, or one that expands beyond the limit.
// errors.As with *BadBatch tells where it ends, so that a caller may count its
// records as dead and go on behind it; the log itself never skips.
var ErrBatch = errors.New("record batch cannot be read")

// BadBatch names a batch that cannot be read.
type BadBatch struct {
	Partition log.Partition
	First     int64 // first offset
	Last      int64 // last offset; equal to First − 1 where the header itself cannot be trusted
	Records   int64 // as its header says
	Err       error
}

// Error implements error.
func (e *BadBatch) Error() string {
	return fmt.Sprintf("%s offsets %d to %d, %d records: %v", e.Partition, e.First, e.Last, e.Records, e.Err)
}

// Unwrap gives ErrBatch and the cause.
func (e *BadBatch) Unwrap() []error { return []error{ErrBatch, e.Err} }

// fetchExchange is a fetch of one partition whose answer we read ourselves.
// kafka-go connects, authenticates, negotiates and routes to the leader.
type fetchExchange struct {
	fetch.Request // gives the routing; kafka-go does not encode it
	clientID      string
	version       int16
	limit         int
}

// Oldest and newest version written here; 5 brought the log start (Kafka 1.0), 12
// and later are of the flexible kind that kafka-go does not negotiate.
const (
	minFetchVersion = 5
	maxFetchVersion = 11
)

// fetchAnswer is the answer for one partition.
type fetchAnswer struct {
	code    int16
	end     int64 // high watermark
	start   int64
	aborted []abortedTxn
	records []byte
}

type abortedTxn struct{ producer, first int64 }

// ApiKey implements protocol.Message.
func (*fetchAnswer) ApiKey() protocol.ApiKey { return protocol.Fetch }

// Required implements protocol.RawExchanger; it is called just before RawExchange.
func (f *fetchExchange) Required(versions map[protocol.ApiKey]int16) bool {
	f.version = versions[protocol.Fetch]
	return true
}

// RawExchange implements protocol.RawExchanger.
func (f *fetchExchange) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if f.version < minFetchVersion || f.version > maxFetchVersion {
		return nil, fmt.Errorf("broker speaks Fetch version %d, want %d to %d: %w", f.version, minFetchVersion, maxFetchVersion, errWire)
	}
	v, topic := f.version, &f.Topics[0]
	part := &topic.Partitions[0]
	w := request(int16(protocol.Fetch), v, f.clientID)
	w.i32(-1) // a consumer, no replica
	w.i32(f.MaxWaitTime)
	w.i32(f.MinBytes)
	w.i32(f.MaxBytes)
	w.i8(1) // read committed: the answer then lists aborted transactions
	if v >= 7 {
		w.i32(0)  // no fetch session
		w.i32(-1) // nor a new one
	}
	w.i32(1)
	w.str(topic.Topic)
	w.i32(1)
	w.i32(part.Partition)
	if v >= 9 {
		w.i32(-1) // leader epoch: not checked
	}
	w.i64(part.FetchOffset)
	w.i64(-1) // log start: a replica's
	w.i32(part.PartitionMaxBytes)
	if v >= 7 {
		w.i32(0) // forgotten topics
	}
	if v >= 11 {
		w.str("") // rack
	}
	body, err := exchange(rw, w.finish(), f.limit)
	if err != nil {
		return nil, err
	}
	return parseFetch(body, v, topic.Topic, part.Partition)
}

func parseFetch(body []byte, version int16, topic string, index int32) (*fetchAnswer, error) {
	r := &reader{b: body}
	r.i32() // throttle time
	if version >= 7 {
		if code := r.i16(); code != 0 && r.err == nil {
			return nil, kafkago.Error(code)
		}
		r.i32() // session
	}
	var found *fetchAnswer
	for range r.count(6) {
		name := r.str()
		for range r.count(42) {
			i := r.i32()
			a := &fetchAnswer{code: r.i16(), end: r.i64()}
			r.i64() // last stable offset
			a.start = r.i64()
			for range r.count(16) {
				a.aborted = append(a.aborted, abortedTxn{producer: r.i64(), first: r.i64()})
			}
			if version >= 11 {
				r.i32() // preferred replica: we name no rack, so there is none
			}
			if n := r.i32(); n > 0 {
				a.records = r.take(int(n))
			}
			if name == topic && i == index {
				found = a
			}
		}
	}
	if r.err != nil {
		return nil, fmt.Errorf("fetch: %w", r.err)
	}
	if found == nil {
		return nil, fmt.Errorf("fetch: no answer for %s/%d: %w", topic, index, errWire)
	}
	return found, nil
}

// Fetch implements log.Log. Batch.Records shares one buffer per fetch, made for it.
func (l *Log) Fetch(ctx context.Context, p log.Partition, from int64, wait time.Duration) (log.Batch, error) {
	var b log.Batch
	if err := checkIndex(p); err != nil {
		return b, fmt.Errorf("fetch: %w", err)
	}
	size := l.cfg.FetchBytes
	err := l.do(ctx, fmt.Sprintf("fetch %s from %d", p, from), p, wait, func(ctx context.Context, t *lease) error {
		for {
			a, err := l.fetchOnce(ctx, t, p, from, wait, size)
			if err != nil {
				return err
			}
			b, err = l.walk(p, from, a)
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

func (l *Log) fetchOnce(ctx context.Context, t *lease, p log.Partition, from int64, wait time.Duration, size int) (*fetchAnswer, error) {
	req := &fetchExchange{
		clientID: l.cfg.ClientID,
		// A broker may exceed what it is asked for by one batch.
		limit: size + l.cfg.MaxBatchBytes + 1<<20,
		Request: fetch.Request{
			MaxWaitTime: int32(min(max(wait, 0), 5*time.Minute) / time.Millisecond),
			MinBytes:    1, MaxBytes: int32(size),
			Topics: []fetch.RequestTopic{{Topic: p.Topic, Partitions: []fetch.RequestPartition{{
				Partition: p.Index, FetchOffset: from, PartitionMaxBytes: int32(size),
			}}}},
		},
	}
	res, err := t.RoundTrip(ctx, l.addr, req)
	if err != nil {
		return nil, err
	}
	a := res.(*fetchAnswer)
	if a.code != 0 {
		return nil, kafkago.Error(a.code)
	}
	return a, nil
}

// walk turns an answer into records: whole batches only, from the asked offset on,
// without markers and without what its transaction took back.
//
// Aborted transactions come ordered by first offset. One is under way from there
// up to its abort marker, and every transactional batch of that producer in between is void.
func (l *Log) walk(p log.Partition, from int64, a *fetchAnswer) (log.Batch, error) {
	b := log.Batch{Next: from, Start: a.start, End: a.end}
	void := map[int64]bool{} // producers inside an aborted transaction
	aborted, data := a.aborted, a.records
	whole := false
	for len(data) > 0 {
		h, batch, rest, err := recordbatch.Next(data)
		if errors.Is(err, recordbatch.ErrShort) {
			if !whole {
				return b, err
			}
			break // the rest is fetched again
		}
		if err == nil {
			err = h.Check(batch)
		}
		if err != nil {
			if whole {
				break // give what is good; the next fetch begins here
			}
			return b, &BadBatch{Partition: p, First: b.Next, Last: b.Next - 1, Err: err}
		}
		whole, data = true, rest
		if h.LastOffset() < from {
			continue
		}
		for len(aborted) > 0 && aborted[0].first <= h.LastOffset() {
			void[aborted[0].producer] = true
			aborted = aborted[1:]
		}
		n, nAborted := len(b.Records), b.Aborted
		switch {
		case h.Control():
			var abort bool
			if abort, err = h.MarkerAborts(batch); abort {
				delete(void, h.ProducerID)
			}
		case h.Transactional() && void[h.ProducerID]:
			err = l.each(&h, batch, from, func(recordbatch.Record) { b.Aborted++ })
		default:
			if b.Records == nil {
				b.Records = make([]log.Record, 0, min(int(h.Count)*(1+len(rest)/h.Size), 1<<16))
			}
			err = l.each(&h, batch, from, func(r recordbatch.Record) {
				b.Records = append(b.Records, log.Record{Partition: p, Offset: r.Offset, TimeMS: r.TimeMS, Key: r.Key, Value: r.Value, Headers: r.Headers})
			})
		}
		if err != nil {
			if b.Next > from { // something before it is good: give that first
				b.Records, b.Aborted = b.Records[:n], nAborted
				break
			}
			if errors.Is(err, recordbatch.ErrLimit) {
				err = fmt.Errorf("%w: %w", log.ErrTooLarge, err)
			}
			return log.Batch{}, &BadBatch{Partition: p, First: max(from, h.BaseOffset), Last: h.LastOffset(), Records: int64(h.Count), Err: err}
		}
		b.Next = h.LastOffset() + 1
	}
	return b, nil
}

func (l *Log) each(h *recordbatch.Header, batch []byte, from int64, fn func(recordbatch.Record)) error {
	body, err := h.Expand(batch, l.cfg.MaxExpandBytes)
	if err != nil {
		return err
	}
	return h.Each(body, func(r recordbatch.Record) error {
		if r.Offset >= from {
			fn(r)
		}
		return nil
	})
}
