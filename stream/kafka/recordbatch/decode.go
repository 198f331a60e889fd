package recordbatch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Record is one record of a batch. Key and Value are nil where the record has none;
// Headers is their list as the batch encodes it, count included, nil for none.
type Record struct {
	Offset  int64
	TimeMS  int64
	Key     []byte
	Value   []byte
	Headers []byte
}

// Each calls fn for every record of expanded bytes, in order, until fn returns an
// error, which is returned. Offsets outside the batch, out of order, records that do
// not fill their length and bytes after the last record are ErrCorrupt.
func (h *Header) Each(expanded []byte, fn func(Record) error) error {
	b, last := expanded, int64(-1)
	for i := range h.Count {
		size, n := binary.Varint(b)
		if n <= 0 || size < 0 || size > int64(len(b)-n) {
			return h.corrupt(i, errVarint)
		}
		body := b[n : n+int(size)]
		b = b[n+int(size):]
		rec, delta, err := h.record(body)
		if err != nil {
			return h.corrupt(i, err)
		}
		if delta <= last || delta > int64(h.LastOffsetDelta) {
			return h.corrupt(i, fmt.Errorf("offset delta %d after %d", delta, last))
		}
		last = delta
		if err := fn(rec); err != nil {
			return err
		}
	}
	if len(b) != 0 {
		return h.corrupt(h.Count, errTail)
	}
	return nil
}

func (h *Header) corrupt(i int32, err error) error {
	return fmt.Errorf("batch at offset %d, record %d of %d: %w: %w", h.BaseOffset, i, h.Count, err, ErrCorrupt)
}

func (h *Header) record(b []byte) (r Record, delta int64, err error) {
	if len(b) < 1 {
		return r, 0, io.ErrUnexpectedEOF
	}
	c := cursor{b: b[1:]} // the first byte holds unused attributes
	timeDelta := c.varint()
	delta = c.varint()
	r.Offset = h.BaseOffset + delta
	r.TimeMS = h.FirstMS + timeDelta
	if h.LogAppendTime() {
		r.TimeMS = h.MaxMS
	}
	r.Key = c.bytes(true)
	r.Value = c.bytes(true)
	list := c.b
	headers := c.varint()
	// A header takes two bytes at least, so a huge count ends at the first missing one.
	for i := int64(0); i < headers && c.err == nil; i++ {
		c.bytes(false)
		c.bytes(true)
	}
	if c.err == nil && (headers < 0 || len(c.b) != 0) {
		c.err = errTail
	}
	if headers > 0 {
		r.Headers = list
	}
	return r, delta, c.err
}

// MarkerAborts reads a control batch and tells whether it aborts its transaction.
func (h *Header) MarkerAborts(batch []byte) (abort bool, err error) {
	err = h.Each(batch[HeaderSize:], func(r Record) error {
		if len(r.Key) < 4 {
			return h.corrupt(0, errors.New("marker key too short"))
		}
		abort = binary.BigEndian.Uint16(r.Key[2:]) == 0
		return nil
	})
	return abort, err
}

type cursor struct {
	b   []byte
	err error
}

func (c *cursor) varint() int64 {
	if len(c.b) > 0 && c.b[0] < 0x80 && c.err == nil { // most of them
		v := int64(c.b[0])
		c.b = c.b[1:]
		return v>>1 ^ -(v & 1)
	}
	return c.long()
}

func (c *cursor) long() int64 {
	if c.err != nil {
		return 0
	}
	v, n := binary.Varint(c.b)
	if n <= 0 {
		c.err = errVarint
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *cursor) bytes(nullable bool) []byte {
	n := c.varint()
	if c.err != nil || (nullable && n == -1) {
		return nil
	}
	if n < 0 || n > int64(len(c.b)) {
		c.err = io.ErrUnexpectedEOF
		return nil
	}
	v := c.b[:n:n]
	c.b = c.b[n:]
	return v
}
