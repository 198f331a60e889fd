package recordbatch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// sealed makes a batch of one codec around compressed bytes, as another producer may
// have made them.
func sealed(codec Codec, body []byte, records int) (Header, []byte) {
	b, err := Append(nil, None, make([]Record, records))
	if err != nil {
		panic(err)
	}
	b = append(b[:HeaderSize:HeaderSize], body...)
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)-12))
	b[22] = byte(codec)
	h, batch, _, err := Next(reseal(b))
	if err != nil {
		panic(err)
	}
	return h, batch
}

// texts are contents of several sizes, so that blocks and buffers end everywhere.
func texts(t *testing.T) [][]byte {
	t.Helper()
	rng := rand.New(rand.NewPCG(3, 3))
	var all [][]byte
	for _, n := range []int{1, 13, 1000, 64 << 10, 200_000, 5 << 20} {
		b := make([]byte, n)
		for i := range b {
			b[i] = "abcdefgh"[rng.IntN(1+rng.IntN(8))]
		}
		all = append(all, b)
	}
	return all
}

func TestExpander_OneBufferServesEveryCodecAndTheLimitIsExact(t *testing.T) {
	t.Parallel()
	var x Expander
	var dst []byte
	for _, text := range texts(t) {
		for _, codec := range codecs[1:] {
			data, err := Append(nil, codec, []Record{{Value: text}})
			if err != nil {
				t.Fatal(err)
			}
			plain, err := Append(nil, None, []Record{{Value: text}})
			if err != nil {
				t.Fatal(err)
			}
			want := plain[HeaderSize:]
			h, batch, _, err := Next(data)
			if err != nil {
				t.Fatal(err)
			}
			for _, buffer := range [][]byte{dst, nil, make([]byte, 0, len(want))} {
				got, err := x.Expand(&h, batch, buffer, len(want))
				if err != nil || !bytes.Equal(got, want) {
					t.Fatalf("%s, %d bytes into %d: %d bytes, %v", codec, len(want), cap(buffer), len(got), err)
				}
				dst = got
				if got, err := x.Expand(&h, batch, buffer, len(want)-1); !errors.Is(err, ErrLimit) {
					t.Fatalf("%s, %d bytes into %d with one byte too few: %d bytes, %v; want ErrLimit", codec, len(want), cap(buffer), len(got), err)
				}
			}
		}
	}
}

func TestExpander_SteadyStateAllocatesNothing(t *testing.T) {
	text := texts(t)[3]
	for _, codec := range codecs {
		data, err := Append(nil, codec, []Record{{Value: text}})
		if err != nil {
			t.Fatal(err)
		}
		h, batch, _, err := Next(data)
		if err != nil {
			t.Fatal(err)
		}
		var x Expander
		var dst []byte
		allocs := testing.AllocsPerRun(50, func() {
			body, err := x.Expand(&h, batch, dst, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			if codec != None {
				dst = body
			}
		})
		if allocs >= 1 {
			t.Errorf("%s: %v allocations a batch, want none", codec, allocs)
		}
	}
}

func TestExpand_TakesWhatOtherProducersWrite(t *testing.T) {
	t.Parallel()
	whole, err := Append(nil, None, []Record{{Value: bytes.Repeat([]byte("drift"), 500)}})
	if err != nil {
		t.Fatal(err)
	}
	want := whole[HeaderSize:]
	half := len(want) / 2
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	chunk := func(b []byte) []byte {
		c := s2.EncodeSnappy(nil, b)
		return append(binary.BigEndian.AppendUint32(nil, uint32(len(c))), c...)
	}
	xerialHead := append(bytes.Clone(xerial), 0, 0, 0, 1, 0, 0, 0, 1)
	for _, tt := range []struct {
		name  string
		codec Codec
		body  []byte
	}{
		{"snappy as one raw block", Snappy, s2.EncodeSnappy(nil, want)},
		{"snappy framed by snappy-java", Snappy, append(append(xerialHead, chunk(want[:half])...), chunk(want[half:])...)},
		{"zstd in two frames", Zstd, enc.EncodeAll(want[half:], enc.EncodeAll(want[:half], nil))},
		{"lz4 stored, in two frames", LZ4, append(lz4Stored(want[:half]), lz4Stored(want[half:])...)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h, batch := sealed(tt.codec, tt.body, 1)
			got, err := h.Expand(batch, len(want))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes, %v; want %d", len(got), err, len(want))
			}
			if _, err := h.Expand(batch, len(want)-1); !errors.Is(err, ErrLimit) {
				t.Errorf("one byte too few: %v, want ErrLimit", err)
			}
			for cut := range len(tt.body) {
				h, batch := sealed(tt.codec, tt.body[:cut], 1)
				if got, err := h.Expand(batch, len(want)); err == nil && bytes.Equal(got, want) {
					t.Errorf("cut to %d bytes it is still whole", cut)
				} else if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrLimit) {
					t.Errorf("cut to %d bytes: %v, want ErrCorrupt or ErrLimit", cut, err)
				}
			}
		})
	}
}

// lz4Stored is a frame of one block that is not compressed, without checksums.
func lz4Stored(b []byte) []byte {
	out := binary.LittleEndian.AppendUint32(nil, lz4Magic)
	out = append(out, 1<<6|1<<5, 4<<4, 0) // version 1, blocks apart; 64 KiB; header checksum, not compared
	out = binary.LittleEndian.AppendUint32(out, uint32(len(b))|lz4Plain)
	out = append(out, b...)
	return append(out, 0, 0, 0, 0)
}

// Blocks of one lz4 frame may refer back to those before them; no Go library writes such frames.
func TestExpand_LinkedLZ4Blocks(t *testing.T) {
	t.Parallel()
	out := binary.LittleEndian.AppendUint32(nil, lz4Magic)
	out = append(out, 1<<6, 4<<4, 0)
	out = append(binary.LittleEndian.AppendUint32(out, 8|lz4Plain), "abcdefgh"...)
	second := []byte{0x14, 'X', 9, 0, 0x50, '1', '2', '3', '4', '5'} // X, then 8 bytes from 9 back, then 12345
	out = append(binary.LittleEndian.AppendUint32(out, uint32(len(second))), second...)
	out = append(out, 0, 0, 0, 0)
	h, batch := sealed(LZ4, out, 1)
	got, err := h.Expand(batch, 100)
	if want := "abcdefghXabcdefgh12345"; err != nil || string(got) != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}

func FuzzExpand(f *testing.F) {
	for _, codec := range codecs[1:] {
		data, err := Append(nil, codec, []Record{{Value: bytes.Repeat([]byte("xy"), 100)}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(int8(codec), data[HeaderSize:])
	}
	f.Add(int8(LZ4), append(lz4Stored([]byte("a")), lz4Stored([]byte("b"))...))
	f.Add(int8(Snappy), append(bytes.Clone(xerial), 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 3, 1, 0, 'a'))
	const limit = 1 << 16
	f.Fuzz(func(t *testing.T, codec int8, body []byte) {
		h, batch := sealed(Codec(codec&7), body, 1)
		var x Expander
		fresh, err := x.Expand(&h, batch, nil, limit)
		if len(fresh) > limit && h.Codec() != None {
			t.Errorf("%d bytes, limit %d", len(fresh), limit)
		}
		// The same into a large buffer, with decoders that have just failed or not.
		again, err2 := x.Expand(&h, batch, make([]byte, 0, 2*limit), limit)
		if (err == nil) != (err2 == nil) || err == nil && !bytes.Equal(fresh, again) {
			t.Errorf("%s: %d bytes, %v; again %d bytes, %v", h.Codec(), len(fresh), err, len(again), err2)
		}
	})
}
