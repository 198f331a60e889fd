package recordbatch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Expander decompresses batches. It keeps the decoders between batches, so that
// expanding into a buffer that is large enough allocates nothing. The zero value is
// ready; not safe for concurrent use.
type Expander struct {
	src  bytes.Reader
	gzip *gzip.Reader
	zstd *zstd.Decoder
}

// errOver is what the codecs below say of output beyond the limit.
var errOver = errors.New("over the limit")

// Expand returns the record bytes of a checked batch. Without compression that is a
// slice of batch; else dst's array from its beginning, or a larger one in its place,
// which the caller may give again. The buffer never grows beyond limit and one block of
// the codec.
//
// Errors: ErrLimit if there are more than limit bytes, ErrCorrupt.
func (x *Expander) Expand(h *Header, batch, dst []byte, limit int) ([]byte, error) {
	raw := batch[HeaderSize:]
	var out []byte
	var err error
	switch h.Codec() {
	case None:
		return raw, nil
	case Gzip:
		out, err = x.expandGzip(dst[:0], raw, limit)
	case Snappy:
		out, err = expandSnappy(dst[:0], raw, limit)
	case LZ4:
		out, err = expandLZ4(dst[:0], raw, limit)
	case Zstd:
		out, err = x.expandZstd(dst[:0], raw, limit)
	default:
		return nil, fmt.Errorf("batch at offset %d: unknown compression %d: %w", h.BaseOffset, h.Codec(), ErrCorrupt)
	}
	switch {
	case errors.Is(err, errOver):
		return nil, fmt.Errorf("batch at offset %d: %d bytes of %s give more than %d: %w", h.BaseOffset, len(raw), h.Codec(), limit, ErrLimit)
	case err != nil:
		return nil, fmt.Errorf("batch at offset %d: %s: %w: %w", h.BaseOffset, h.Codec(), err, ErrCorrupt)
	}
	return out, nil
}

// expanders serves callers that have none of their own.
var expanders = sync.Pool{New: func() any { return new(Expander) }}

// Expand is Expander.Expand into a buffer of its own.
func (h *Header) Expand(batch []byte, limit int) ([]byte, error) {
	x := expanders.Get().(*Expander)
	defer expanders.Put(x)
	return x.Expand(h, batch, nil, limit)
}

// grow returns dst with room for n bytes more, its capacity doubled where possible.
func grow(dst []byte, n int) []byte {
	if cap(dst)-len(dst) >= n {
		return dst
	}
	return append(make([]byte, 0, max(len(dst)+n, 2*cap(dst))), dst...)
}

func (x *Expander) expandGzip(dst, raw []byte, limit int) ([]byte, error) {
	x.src.Reset(raw)
	defer x.src.Reset(nil) // the decoder must not hold the batch
	if x.gzip == nil {
		x.gzip = new(gzip.Reader)
	}
	if err := x.gzip.Reset(&x.src); err != nil {
		return nil, noEOF(err)
	}
	return readAll(dst, x.gzip, len(raw), limit)
}

// readAll appends what r gives, at most limit bytes; raw is what it is made from.
func readAll(dst []byte, r io.Reader, raw, limit int) ([]byte, error) {
	dst = grow(dst, min(4*raw+512, limit+1))
	for {
		if len(dst) == cap(dst) {
			dst = grow(dst, min(max(len(dst), 512), limit+1-len(dst)))
		}
		n, err := r.Read(dst[len(dst):min(cap(dst), limit+1)]) // one byte over the limit tells
		dst = dst[:len(dst)+n]
		switch {
		case len(dst) > limit:
			return nil, errOver
		case errors.Is(err, io.EOF):
			return dst, nil
		case err != nil:
			return nil, err
		}
	}
}

// noEOF turns an end where something was to come into an error of its own.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (x *Expander) expandZstd(dst, raw []byte, limit int) ([]byte, error) {
	if x.zstd == nil {
		// The CRC of the batch covers what a frame's own checksum does.
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true), zstd.IgnoreChecksum(true))
		if err != nil {
			return nil, err
		}
		x.zstd = d
	}
	// The decoder stops at the capacity, whatever frames say of their size and windows and
	// however many there are, so room is raised until the batch fits. Whether an error comes
	// from the lack of it shows with room for one block more than allowed.
	for room := max(min(max(cap(dst), 4*len(raw), 4096), limit), 1); ; {
		dst = grow(dst, room)
		out, err := x.zstd.DecodeAll(raw, dst[:0:room])
		switch {
		case len(out) > limit:
			return nil, errOver
		case err == nil:
			return out, nil
		case room > limit:
			return nil, err
		case room == limit:
			room += zstdBlock
		default:
			room = min(2*room, limit)
		}
	}
}

// zstdBlock is the largest block of zstd, decoded.
const zstdBlock = 128 << 10

// xerial is how snappy-java begins a stream of blocks; its version and the oldest
// version that reads it follow, 4 bytes each.
var xerial = []byte("\x82SNAPPY\x00")

func expandSnappy(dst, raw []byte, limit int) ([]byte, error) {
	if !bytes.HasPrefix(raw, xerial) {
		return snappyBlock(dst, raw, limit)
	}
	if len(raw) < len(xerial)+8 {
		return nil, io.ErrUnexpectedEOF
	}
	raw = raw[len(xerial)+8:]
	for len(raw) > 0 {
		if len(raw) < 4 {
			return nil, io.ErrUnexpectedEOF
		}
		n := int64(binary.BigEndian.Uint32(raw))
		if n > int64(len(raw)-4) {
			return nil, io.ErrUnexpectedEOF
		}
		var err error
		if dst, err = snappyBlock(dst, raw[4:4+n], limit); err != nil {
			return nil, err
		}
		raw = raw[4+n:]
	}
	return dst, nil
}

// snappyBlock appends one block.
func snappyBlock(dst, block []byte, limit int) ([]byte, error) {
	n, err := s2.DecodedLen(block)
	if err != nil {
		return nil, err
	}
	if n > limit-len(dst) {
		return nil, errOver
	}
	dst = grow(dst, n)
	if _, err := s2.Decode(dst[len(dst):len(dst)+n], block); err != nil {
		return nil, err
	}
	return dst[:len(dst)+n], nil
}

// LZ4 frames (lz4_Frame_format.md): magic, descriptor, blocks, end mark 0, checksum.
// Checksums are not compared: the CRC of the batch covers the same bytes.
const (
	lz4Magic  = 0x184D2204
	lz4Plain  = 1 << 31 // in a block's size: stored as it is
	lz4Window = 64 << 10
)

var errLZ4 = errors.New("bad lz4 frame")

func expandLZ4(dst, raw []byte, limit int) ([]byte, error) {
	if len(raw) == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	for len(raw) > 0 { // frames may follow each other
		f, rest, err := lz4Descriptor(raw)
		if err != nil {
			return nil, err
		}
		if dst, raw, err = f.blocks(dst, rest, limit); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

// lz4Frame is what a frame's descriptor says.
type lz4Frame struct {
	linked         bool // blocks refer to the ones before them
	blockSum, sum  bool // checksums follow each block, and the frame
	largest, start int  // block size; where the frame begins in the output
}

func lz4Descriptor(raw []byte) (f lz4Frame, rest []byte, err error) {
	if len(raw) < 7 || binary.LittleEndian.Uint32(raw) != lz4Magic {
		return f, nil, errLZ4
	}
	flags, size := raw[4], 7
	if flags>>6 != 1 || flags&1 != 0 { // version; a dictionary, which nobody gave us
		return f, nil, errLZ4
	}
	f.linked, f.blockSum, f.sum = flags&(1<<5) == 0, flags&(1<<4) != 0, flags&(1<<2) != 0
	if flags&(1<<3) != 0 {
		size += 8 // content size; the blocks tell
	}
	code := raw[5] >> 4 & 7
	if code < 4 || len(raw) < size {
		return f, nil, errLZ4
	}
	f.largest = 1 << (8 + 2*code)
	return f, raw[size:], nil
}

// blocks appends the frame's content and returns what lies behind the frame.
func (f lz4Frame) blocks(dst, raw []byte, limit int) (out, rest []byte, err error) {
	f.start = len(dst)
	next := func(n int) []byte {
		if n > len(raw) {
			err = io.ErrUnexpectedEOF
			return nil
		}
		b := raw[:n]
		raw = raw[n:]
		return b
	}
	for {
		head := next(4)
		if err != nil {
			return nil, nil, err
		}
		size := binary.LittleEndian.Uint32(head)
		if size == 0 { // end mark
			if f.sum {
				next(4)
			}
			return dst, raw, err
		}
		n := int(size &^ lz4Plain)
		if n > f.largest {
			return nil, nil, errLZ4
		}
		block := next(n)
		if f.blockSum && err == nil {
			next(4)
		}
		if err != nil {
			return nil, nil, err
		}
		if dst, err = f.block(dst, block, size&lz4Plain != 0); err != nil {
			return nil, nil, err
		}
		if len(dst) > limit {
			return nil, nil, errOver
		}
	}
}

func (f lz4Frame) block(dst, block []byte, plain bool) ([]byte, error) {
	if plain {
		return append(dst, block...), nil
	}
	// Writers announce 4 MiB and send 100 KB, so the whole is only made room for where
	// less does not do.
	room := min(f.largest, max(8*len(block), 64<<10))
	for {
		dst = grow(dst, room)
		room = min(f.largest, cap(dst)-len(dst))
		var before []byte
		if f.linked {
			before = dst[max(f.start, len(dst)-lz4Window):]
		}
		n, err := lz4.UncompressBlockWithDict(block, dst[len(dst):len(dst)+room], before)
		if err == nil {
			return dst[:len(dst)+n], nil
		}
		if room == f.largest {
			return nil, err
		}
		room = min(4*room, f.largest)
	}
}
