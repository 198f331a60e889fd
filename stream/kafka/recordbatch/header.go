package recordbatch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// HeaderSize is the number of bytes before the records.
const HeaderSize = 61

// Errors callers branch on.
var (
	ErrShort   = errors.New("record batch incomplete")        // the input ends inside the batch
	ErrCorrupt = errors.New("record batch corrupt")           // CRC, structure or format
	ErrLimit   = errors.New("record batch expands too much")  // decompressed size over the limit
	ErrTooBig  = errors.New("record batch over 2 GiB")        // on encoding
	errVarint  = errors.New("bad varint")                     // wrapped in ErrCorrupt
	errTail    = errors.New("bytes left over after a record") // wrapped in ErrCorrupt
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Codec is the compression of a batch.
type Codec int8

// The codecs of format 2.
const (
	None Codec = iota
	Gzip
	Snappy
	LZ4
	Zstd
)

var codecNames = [...]string{"none", "gzip", "snappy", "lz4", "zstd"}

// String gives "zstd".
func (c Codec) String() string {
	if c >= 0 && int(c) < len(codecNames) {
		return codecNames[c]
	}
	return fmt.Sprintf("codec %d", int8(c))
}

// ParseCodec reads a name as String gives it.
func ParseCodec(name string) (Codec, error) {
	for i, n := range codecNames {
		if n == name {
			return Codec(i), nil
		}
	}
	return None, fmt.Errorf("compression %q: want none, gzip, snappy, lz4 or zstd", name)
}

// Header is a batch without its records.
type Header struct {
	BaseOffset      int64
	Size            int // whole batch in bytes, header included
	Attributes      int16
	LastOffsetDelta int32
	FirstMS, MaxMS  int64
	ProducerID      int64 // −1: neither idempotent nor transactional
	Count           int32
	crc             uint32
}

// LastOffset is the offset of the last record the batch was written with; after
// compaction that record may be gone, the offset still belongs to the batch.
func (h *Header) LastOffset() int64 { return h.BaseOffset + int64(h.LastOffsetDelta) }

// Codec returns the compression.
func (h *Header) Codec() Codec { return Codec(h.Attributes & 7) }

// LogAppendTime tells that MaxMS is the time of every record.
func (h *Header) LogAppendTime() bool { return h.Attributes&(1<<3) != 0 }

// Transactional tells that the batch belongs to a transaction.
func (h *Header) Transactional() bool { return h.Attributes&(1<<4) != 0 }

// Control tells that the batch holds a transaction marker and no data.
func (h *Header) Control() bool { return h.Attributes&(1<<5) != 0 }

// Next cuts the first batch off data and returns its header and its bytes.
//
// Errors: ErrShort if data ends inside the batch (then Header.Size is the size
// needed, 0 where even that is unknown); ErrCorrupt if the bytes are no batch of format 2. The CRC
// is not checked, see Check.
func Next(data []byte) (h Header, batch, rest []byte, err error) {
	if len(data) < 17 {
		return h, nil, data, ErrShort
	}
	length := int64(int32(binary.BigEndian.Uint32(data[8:])))
	if magic := data[16]; magic != 2 {
		return h, nil, data, fmt.Errorf("offset %d: message format %d, only 2 is supported: %w",
			int64(binary.BigEndian.Uint64(data)), magic, ErrCorrupt)
	}
	if length < HeaderSize-12 {
		return h, nil, data, fmt.Errorf("length field %d: %w", length, ErrCorrupt)
	}
	h.Size = int(length) + 12
	if h.Size > len(data) {
		return h, nil, data, ErrShort
	}
	batch, rest = data[:h.Size:h.Size], data[h.Size:]
	be := binary.BigEndian
	h.BaseOffset = int64(be.Uint64(batch))
	h.crc = be.Uint32(batch[17:])
	h.Attributes = int16(be.Uint16(batch[21:]))
	h.LastOffsetDelta = int32(be.Uint32(batch[23:]))
	h.FirstMS = int64(be.Uint64(batch[27:]))
	h.MaxMS = int64(be.Uint64(batch[35:]))
	h.ProducerID = int64(be.Uint64(batch[43:]))
	h.Count = int32(be.Uint32(batch[57:]))
	return h, batch, rest, nil
}

// Check compares the CRC and the fields that must agree. batch is as Next cut it.
func (h *Header) Check(batch []byte) error {
	if got := crc32.Checksum(batch[21:], castagnoli); got != h.crc {
		return fmt.Errorf("batch at offset %d: CRC %08x, computed %08x: %w", h.BaseOffset, h.crc, got, ErrCorrupt)
	}
	if h.BaseOffset < 0 || h.LastOffsetDelta < 0 || h.Count < 0 || int64(h.Count) > int64(h.LastOffsetDelta)+1 {
		return fmt.Errorf("batch at offset %d: %d records up to delta %d: %w", h.BaseOffset, h.Count, h.LastOffsetDelta, ErrCorrupt)
	}
	return nil
}
