package recordbatch

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/segmentio/kafka-go/compress"
)

// Bound returns an upper bound of the bytes a record takes, uncompressed.
func Bound(key, value, headers []byte) int {
	return len(key) + len(value) + len(headers) + 6*binary.MaxVarintLen32 + 1
}

// Append encodes records as one batch behind dst, without producer id and with
// offsets 0, 1, … in place of those given, as a producer sends it. At least one record;
// headers are written as they are.
//
// Errors: ErrTooBig if it does not fit a batch, and what the codec returns.
func Append(dst []byte, codec Codec, recs []Record) ([]byte, error) {
	if len(recs) == 0 {
		return dst, fmt.Errorf("encode a record batch: no records")
	}
	start := len(dst)
	dst = append(dst, make([]byte, HeaderSize)...)
	first, largest := recs[0].TimeMS, recs[0].TimeMS
	var body []byte
	plain := codec == None
	if plain {
		body, dst = dst, nil
	}
	var scratch []byte
	for i := range recs {
		r := &recs[i]
		largest = max(largest, r.TimeMS)
		scratch = append(scratch[:0], 0)
		scratch = binary.AppendVarint(scratch, r.TimeMS-first)
		scratch = binary.AppendVarint(scratch, int64(i))
		scratch = appendBytes(scratch, r.Key)
		scratch = appendBytes(scratch, r.Value)
		if len(r.Headers) > 0 {
			scratch = append(scratch, r.Headers...)
		} else {
			scratch = binary.AppendVarint(scratch, 0)
		}
		body = binary.AppendVarint(body, int64(len(scratch)))
		body = append(body, scratch...)
	}
	if plain {
		dst = body
	} else {
		var buf bytes.Buffer
		w := compress.Compression(codec).Codec().NewWriter(&buf)
		if _, err := w.Write(body); err != nil {
			return dst[:start], fmt.Errorf("compress %d records with %s: %w", len(recs), codec, err)
		}
		if err := w.Close(); err != nil {
			return dst[:start], fmt.Errorf("compress %d records with %s: %w", len(recs), codec, err)
		}
		dst = append(dst, buf.Bytes()...)
	}
	b := dst[start:]
	if len(b) > math.MaxInt32 {
		return dst[:start], ErrTooBig
	}
	be := binary.BigEndian
	be.PutUint32(b[8:], uint32(len(b)-12))
	be.PutUint32(b[12:], math.MaxUint32) // leader epoch −1: the broker's to set
	b[16] = 2
	be.PutUint16(b[21:], uint16(codec))
	be.PutUint32(b[23:], uint32(len(recs)-1))
	be.PutUint64(b[27:], uint64(first))
	be.PutUint64(b[35:], uint64(largest))
	be.PutUint64(b[43:], math.MaxUint64) // producer id −1
	be.PutUint16(b[51:], math.MaxUint16) // producer epoch −1
	be.PutUint32(b[53:], math.MaxUint32) // base sequence −1
	be.PutUint32(b[57:], uint32(len(recs)))
	be.PutUint32(b[17:], crc32.Checksum(b[21:], castagnoli))
	return dst, nil
}

// Marker encodes a batch of one transaction commit marker at an offset, as brokers
// write it: a record that takes an offset and that no client hands on.
func Marker(offset, timeMS int64) []byte {
	key := []byte{0, 0, 0, 1} // version 0, commit
	value := make([]byte, 6)  // version 0, coordinator epoch 0
	b, err := Append(nil, None, []Record{{TimeMS: timeMS, Key: key, Value: value}})
	if err != nil {
		panic(err) // one small record always fits
	}
	be := binary.BigEndian
	be.PutUint64(b, uint64(offset))
	be.PutUint32(b[12:], 0)
	be.PutUint16(b[21:], 1<<4|1<<5)
	be.PutUint64(b[43:], 0) // a producer: markers belong to one
	be.PutUint16(b[51:], 0)
	be.PutUint32(b[17:], crc32.Checksum(b[21:], castagnoli))
	return b
}

func appendBytes(dst, b []byte) []byte {
	if b == nil {
		return binary.AppendVarint(dst, -1)
	}
	return append(binary.AppendVarint(dst, int64(len(b))), b...)
}
