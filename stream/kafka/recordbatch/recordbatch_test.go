package recordbatch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"testing"
)

var codecs = []Codec{None, Gzip, Snappy, LZ4, Zstd}

func same(a, b Record) bool {
	return a.Offset == b.Offset && a.TimeMS == b.TimeMS && bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Value, b.Value) && bytes.Equal(a.Headers, b.Headers) &&
		(a.Key == nil) == (b.Key == nil) && (a.Value == nil) == (b.Value == nil)
}

func decode(data []byte, limit int) (recs []Record, err error) {
	for len(data) > 0 {
		h, batch, rest, err := Next(data)
		if err != nil {
			return recs, err
		}
		if err := h.Check(batch); err != nil {
			return recs, err
		}
		body, err := h.Expand(batch, limit)
		if err != nil {
			return recs, err
		}
		if err := h.Each(body, func(r Record) error { recs = append(recs, r); return nil }); err != nil {
			return recs, err
		}
		data = rest
	}
	return recs, nil
}

// reseal gives changed bytes a right CRC again, so that a test reaches what lies behind it.
func reseal(b []byte) []byte {
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], castagnoli))
	return b
}

func TestRoundTrip_EveryCodecKeepsTimesKeysAndNils(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 7))
	for _, codec := range codecs {
		for _, n := range []int{1, 2, 100, 3000} {
			var want []Record
			for i := range n {
				r := Record{Offset: int64(i), TimeMS: rng.Int64N(1<<41) - 1, Value: fmt.Appendf(nil, "value %d %x", i, rng.Uint64())}
				switch rng.IntN(4) {
				case 0:
					r.Key = []byte{}
				case 1:
					r.Key = fmt.Appendf(nil, "k%d", i)
				case 2:
					r.Value = nil
				}
				if rng.IntN(3) == 0 {
					r.Headers = []byte{4, 2, 'a', 2, 'b', 0, 1} // a=b and an empty key with null
				}
				want = append(want, r)
			}
			data, err := Append([]byte("before"), codec, want)
			if err != nil {
				t.Fatal(err)
			}
			got, err := decode(data[len("before"):], 1<<24)
			if err != nil || !slices.EqualFunc(got, want, same) {
				t.Errorf("%s, %d records: %v; first got %+v, want %+v", codec, n, err, got[0], want[0])
			}
		}
	}
}

func TestBound_IsAnUpperBound(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 63, 64, 8191, 8192, 1 << 20} {
		r := Record{TimeMS: 1 << 41, Key: make([]byte, n), Value: make([]byte, n), Headers: append(binary.AppendVarint([]byte{2, 0}, int64(n)), make([]byte, n)...)}
		data, err := Append(nil, None, []Record{{TimeMS: 0}, r})
		if err != nil {
			t.Fatal(err)
		}
		if got, limit := len(data)-HeaderSize, Bound(nil, nil, nil)+Bound(r.Key, r.Value, r.Headers); got > limit {
			t.Errorf("%d bytes: %d encoded, bound %d", n, got, limit)
		}
	}
}

func TestLogAppendTime_OverridesEveryRecordTime(t *testing.T) {
	t.Parallel()
	data, err := Append(nil, None, []Record{{TimeMS: 5}, {TimeMS: 9}, {TimeMS: 7}})
	if err != nil {
		t.Fatal(err)
	}
	data[22] |= 1 << 3
	binary.BigEndian.PutUint64(data[35:], 1234)
	recs, err := decode(reseal(data), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range recs {
		if r.TimeMS != 1234 {
			t.Errorf("record time %d, want the batch's 1234", r.TimeMS)
		}
	}
}

func TestDecode_RefusesWhatIsNotWhole(t *testing.T) {
	t.Parallel()
	whole, err := Append(nil, None, []Record{{TimeMS: 5, Value: []byte("abc")}, {TimeMS: 6, Value: []byte("def")}})
	if err != nil {
		t.Fatal(err)
	}
	change := func(f func(b []byte)) []byte {
		b := bytes.Clone(whole)
		f(b)
		return b
	}
	tests := []struct {
		name string
		data []byte
		want error
	}{
		{"cut in the length field", whole[:10], ErrShort},
		{"cut in the header", whole[:40], ErrShort},
		{"cut in the records", whole[:len(whole)-1], ErrShort},
		{"a flipped bit", change(func(b []byte) { b[len(b)-3] ^= 1 }), ErrCorrupt},
		{"format 1", change(func(b []byte) { b[16] = 1 }), ErrCorrupt},
		{"length shorter than a header", change(func(b []byte) { binary.BigEndian.PutUint32(b[8:], 3) }), ErrCorrupt},
		{"more records than offsets", change(func(b []byte) { binary.BigEndian.PutUint32(b[57:], 9); reseal(b) }), ErrCorrupt},
		{"a record missing", change(func(b []byte) { binary.BigEndian.PutUint32(b[57:], 1); reseal(b) }), ErrCorrupt},
		{"a record too many", change(func(b []byte) {
			binary.BigEndian.PutUint32(b[57:], 3)
			binary.BigEndian.PutUint32(b[23:], 2)
			reseal(b)
		}), ErrCorrupt},
		{"an unknown codec", change(func(b []byte) { b[22] |= 7; reseal(b) }), ErrCorrupt},
		{"said to be gzip", change(func(b []byte) { b[22] |= 1; reseal(b) }), ErrCorrupt},
		{"offsets that do not rise", change(func(b []byte) { b[len(b)-7] = 0; reseal(b) }), ErrCorrupt},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := decode(tt.data, 1<<20); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
		})
	}
}

func TestExpand_StopsABombAtTheLimit(t *testing.T) {
	t.Parallel()
	for _, codec := range codecs[1:] {
		data, err := Append(nil, codec, []Record{{Value: make([]byte, 8<<20)}})
		if err != nil {
			t.Fatal(err)
		}
		h, batch, _, err := Next(data)
		if err != nil {
			t.Fatal(err)
		}
		body, err := h.Expand(batch, 1<<20)
		if !errors.Is(err, ErrLimit) || body != nil {
			t.Errorf("%s: %d bytes expanded, error %v; want ErrLimit", codec, len(body), err)
		}
		if _, err := h.Expand(batch, 9<<20); err != nil {
			t.Errorf("%s: within the limit: %v", codec, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, codec := range codecs {
		data, err := Append(nil, codec, []Record{{TimeMS: 1, Key: []byte("k"), Value: []byte("v")}, {TimeMS: -1}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(append(data, data[:20]...))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) >= HeaderSize && data[16] == 2 {
			data = reseal(bytes.Clone(data)) // or the CRC hides everything behind it
		}
		recs, err := decode(data, 1<<16)
		for _, r := range recs {
			if r.Offset < 0 {
				t.Errorf("negative offset %d", r.Offset)
			}
		}
		h, batch, _, nextErr := Next(data)
		if nextErr == nil && h.Control() {
			_, _ = h.MarkerAborts(batch)
		}
		if err != nil || len(recs) == 0 {
			return
		}
		again, err := Append(nil, None, recs)
		if err != nil {
			t.Fatal(err)
		}
		back, err := decode(again, 1<<20)
		if err != nil || len(back) != len(recs) {
			t.Errorf("encoded again: %d of %d records, %v", len(back), len(recs), err)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	value := bytes.Repeat([]byte("0123456789"), 84)
	recs := make([]Record, 64)
	for i := range recs {
		recs[i] = Record{TimeMS: int64(i), Value: value}
	}
	for _, codec := range codecs {
		data, err := Append(nil, codec, recs)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(codec.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := decode(data, 1<<24); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
