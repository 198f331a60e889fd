package kafka

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/driftline/driftline/stream/kafka/recordbatch"
	"github.com/driftline/driftline/stream/log"
)

// walker goes through the record batches of one partition's answer: whole batches only,
// from the asked offset on, without markers and without what its transaction took back.
//
// An aborted transaction is under way from its first offset up to its abort marker, and
// every transactional batch of that producer in between is void. Brokers list them in the
// order of their markers, which need not be that of their beginnings.
type walker struct {
	limit  int // of a batch, decompressed
	expand recordbatch.Expander

	p       log.Partition
	next    int64 // where the partition goes on behind what was walked
	aborted []abortedTxn
	void    map[int64]bool // producers inside an aborted transaction
	data    []byte
	whole   bool // a batch was there with all its bytes

	// Of the last step; recs and buf are the caller's to empty or to replace.
	recs []log.Record // appended to
	buf  []byte       // where compressed batches are expanded
	gone []int64      // appended to: offsets of aborted records
}

// begin sets out on an answer.
func (w *walker) begin(p log.Partition, from int64, a *fetchAnswer) {
	w.p, w.next, w.aborted, w.data, w.whole = p, from, a.aborted, a.records, false
	slices.SortFunc(w.aborted, func(a, b abortedTxn) int { return cmp.Compare(a.first, b.first) })
	clear(w.void)
}

// step walks one batch that reaches beyond the asked offset; ok is false where no whole
// one is left. After an error there is no going on.
//
// Errors: recordbatch.ErrShort if not even the first batch is whole; *log.BadBatch, of
// recordbatch.ErrCorrupt or log.ErrTooLarge.
func (w *walker) step() (ok bool, err error) {
	for len(w.data) > 0 {
		h, batch, rest, err := recordbatch.Next(w.data)
		if errors.Is(err, recordbatch.ErrShort) {
			if !w.whole {
				return false, err
			}
			break // the rest is fetched again
		}
		if err == nil {
			err = h.Check(batch)
		}
		if err != nil {
			return false, &log.BadBatch{Partition: w.p, First: w.next, Last: w.next - 1, Err: err}
		}
		w.whole, w.data = true, rest
		if h.LastOffset() < w.next {
			continue // served with the one asked for, or said twice
		}
		if err := w.batch(&h, batch); err != nil {
			if errors.Is(err, recordbatch.ErrLimit) {
				err = fmt.Errorf("%w: %w", log.ErrTooLarge, err)
			}
			return false, &log.BadBatch{Partition: w.p, First: max(w.next, h.BaseOffset), Last: h.LastOffset(), Records: int64(h.Count), Err: err}
		}
		w.next = h.LastOffset() + 1
		return true, nil
	}
	return false, nil
}

// batch takes the records of one checked batch.
func (w *walker) batch(h *recordbatch.Header, batch []byte) error {
	for len(w.aborted) > 0 && w.aborted[0].first <= h.LastOffset() {
		if w.void == nil {
			w.void = map[int64]bool{}
		}
		w.void[w.aborted[0].producer] = true
		w.aborted = w.aborted[1:]
	}
	switch {
	case h.Control():
		abort, err := h.MarkerAborts(batch)
		if abort {
			delete(w.void, h.ProducerID)
		}
		return err
	case h.Transactional() && w.void[h.ProducerID]:
		if int64(h.Count) == h.LastOffset()-h.BaseOffset+1 { // no offset is missing: no need to look
			for offset := max(w.next, h.BaseOffset); offset <= h.LastOffset(); offset++ {
				w.gone = append(w.gone, offset)
			}
			return nil
		}
		return w.each(h, batch, func(r recordbatch.Record) { w.gone = append(w.gone, r.Offset) })
	}
	kept := len(w.recs)
	err := w.each(h, batch, func(r recordbatch.Record) {
		w.recs = append(w.recs, log.Record{Partition: w.p, Offset: r.Offset, TimeMS: r.TimeMS, Key: r.Key, Value: r.Value, Headers: r.Headers})
	})
	if err != nil {
		w.recs = w.recs[:kept]
	}
	return err
}

func (w *walker) each(h *recordbatch.Header, batch []byte, fn func(recordbatch.Record)) error {
	body, err := w.expand.Expand(h, batch, w.buf, w.limit)
	if err != nil {
		return err
	}
	if h.Codec() != recordbatch.None {
		w.buf = body
	}
	return h.Each(body, func(r recordbatch.Record) error {
		if r.Offset >= w.next {
			fn(r)
		}
		return nil
	})
}
