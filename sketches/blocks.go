package sketches

import (
	"fmt"
	"math/bits"
)

// BlockSums are the sums over J blocks of one feature's counts on its B verdict
// bins. With k_t ∈ N^B the counts of block t and N_t = Σ_i k_ti they hold J, ΣN, ΣN²,
// Σk, ΣN·k and Σk·kᵀ, all integers; KK is the upper triangle by rows, i ≤ j.
type BlockSums struct {
	J     uint64
	N, NN Int128
	K, NK []Int128 // length B
	KK    []Int128 // length B(B+1)/2
}

// Bins returns B.
func (b *BlockSums) Bins() int { return len(b.K) }

// At returns Σ k_i·k_j.
func (b *BlockSums) At(i, j int) Int128 {
	if i > j {
		i, j = j, i
	}
	return b.KK[i*len(b.K)-i*(i-1)/2+j-i]
}

// Blocks are the block sums of all features for one window length. Like counts
// they merge by addition; the order of blocks leaves no trace.
type Blocks struct {
	LengthMS int64 // length of one block in milliseconds
	Features []BlockSums
}

// NewBlocks returns zero sums for features with the given numbers of verdict bins.
//
// Errors: ErrBadGrid for a length below 1 ms or a number of bins outside 1 … 64.
func NewBlocks(lengthMS int64, bins []int) (*Blocks, error) {
	if lengthMS < 1 {
		return nil, fmt.Errorf("%w: blocks of %d ms", ErrBadGrid, lengthMS)
	}
	if len(bins) == 0 || len(bins) > MaxFeatures {
		return nil, fmt.Errorf("%w: blocks of %d features, want 1 … %d", ErrBadGrid, len(bins), MaxFeatures)
	}
	b := &Blocks{LengthMS: lengthMS, Features: make([]BlockSums, len(bins))}
	for i, n := range bins {
		if n < 1 || n > MaxVerdictBins {
			return nil, fmt.Errorf("%w: feature %d has %d verdict bins, want 1 … %d", ErrBadGrid, i, n, MaxVerdictBins)
		}
		all := make([]Int128, 2*n+n*(n+1)/2)
		b.Features[i] = BlockSums{K: all[:n:n], NK: all[n : 2*n : 2*n], KK: all[2*n:]}
	}
	return b, nil
}

// AddBlock adds one block: per feature its counts on the verdict bins. A feature
// without a value in the block does not count as a block of that feature.
//
// Errors: ErrGridMismatch for the wrong number of features or bins; ErrOverflow for
// a block of more than 2⁶² values or sums beyond 127 bits. b is then unchanged.
func (b *Blocks) AddBlock(counts [][]uint64) error {
	one, err := b.single(counts)
	if err != nil {
		return err
	}
	return b.Merge(one)
}

func (b *Blocks) single(counts [][]uint64) (*Blocks, error) {
	if len(counts) != len(b.Features) {
		return nil, fmt.Errorf("%w: a block of %d features, want %d", ErrGridMismatch, len(counts), len(b.Features))
	}
	one := &Blocks{LengthMS: b.LengthMS, Features: make([]BlockSums, len(counts))}
	for f, k := range counts {
		bins := b.Features[f].Bins()
		if len(k) != bins {
			return nil, fmt.Errorf("%w: feature %d has %d bins in the block, want %d", ErrGridMismatch, f, len(k), bins)
		}
		n, carry := uint64(0), uint64(0)
		for _, x := range k {
			var over uint64
			n, over = bits.Add64(n, x, 0)
			carry |= over
		}
		if carry != 0 || n > 1<<62 {
			return nil, fmt.Errorf("feature %d of a block: %w", f, ErrOverflow)
		}
		all := make([]Int128, 2*bins+bins*(bins+1)/2)
		s := BlockSums{K: all[:bins:bins], NK: all[bins : 2*bins : 2*bins], KK: all[2*bins:]}
		if n > 0 {
			s.J, s.N = 1, Int128FromUint(n)
			s.NN, _ = MulUint(n, n)
			at := 0
			for i, x := range k {
				s.K[i] = Int128FromUint(x)
				s.NK[i], _ = MulUint(n, x)
				for _, y := range k[i:] {
					s.KK[at], _ = MulUint(x, y)
					at++
				}
			}
		}
		one.Features[f] = s
	}
	return one, nil
}

// Merge adds o. Errors: ErrGridMismatch for another length, number of features or
// bins; ErrOverflow. b is then unchanged.
func (b *Blocks) Merge(o *Blocks) error { return b.combine(o, addition) }

// Subtract takes o out, which b must contain. Errors: ErrGridMismatch, ErrNegative.
func (b *Blocks) Subtract(o *Blocks) error { return b.combine(o, subtraction) }

func (b *Blocks) combine(o *Blocks, op operation) error {
	if b.LengthMS != o.LengthMS || len(b.Features) != len(o.Features) {
		return fmt.Errorf("%w: blocks of %d ms with %d features and of %d ms with %d", ErrGridMismatch, b.LengthMS, len(b.Features), o.LengthMS, len(o.Features))
	}
	for i := range b.Features {
		if x, y := b.Features[i].Bins(), o.Features[i].Bins(); x != y {
			return fmt.Errorf("%w: feature %d with %d and %d bins", ErrGridMismatch, i, x, y)
		}
	}
	for i := range b.Features {
		if b.Features[i].apply(&o.Features[i], op) {
			for j := 0; j <= i; j++ {
				b.Features[j].apply(&o.Features[j], !op)
			}
			return fmt.Errorf("block sums of feature %d: %w", i, op.err())
		}
	}
	return nil
}

// apply combines all sums; like that of counts it runs to the end even after a
// fault, so that the inverse undoes it.
func (b *BlockSums) apply(o *BlockSums, op operation) (bad bool) {
	j, carry := op.count(b.J, o.J)
	b.J, bad = j, carry != 0
	add := func(x *Int128, y Int128) {
		var over bool
		*x, over = op.sum(*x, y)
		bad = bad || over || x.Hi < 0 // all sums are of numbers ≥ 0
	}
	add(&b.N, o.N)
	add(&b.NN, o.NN)
	for i := range b.K {
		add(&b.K[i], o.K[i])
		add(&b.NK[i], o.NK[i])
	}
	for i := range b.KK {
		add(&b.KK[i], o.KK[i])
	}
	return bad
}

// Clone returns an independent copy.
func (b *Blocks) Clone() *Blocks {
	n := &Blocks{LengthMS: b.LengthMS, Features: make([]BlockSums, len(b.Features))}
	for i := range b.Features {
		s := &b.Features[i]
		n.Features[i] = BlockSums{
			J: s.J, N: s.N, NN: s.NN,
			K: append([]Int128(nil), s.K...), NK: append([]Int128(nil), s.NK...), KK: append([]Int128(nil), s.KK...),
		}
	}
	return n
}

// Equal reports whether both hold the same numbers.
func (b *Blocks) Equal(o *Blocks) bool { return string(b.Encode()) == string(o.Encode()) }

const blocksSchema = 1

// Encode returns the canonical bytes, to live inside a frame:
//
//	schema | length | per feature: B, J, ΣN, ΣN², Σk, ΣN·k, Σk·kᵀ
func (b *Blocks) Encode() []byte {
	var e Encoder
	e.Byte(blocksSchema)
	e.Varint(b.LengthMS)
	e.Count(len(b.Features))
	for i := range b.Features {
		s := &b.Features[i]
		e.Count(s.Bins())
		e.Uvarint(s.J)
		e.Int128(s.N)
		e.Int128(s.NN)
		for _, list := range [][]Int128{s.K, s.NK, s.KK} {
			for _, x := range list {
				e.Int128(x)
			}
		}
	}
	return e.Data()
}

// DecodeBlocks reads what Encode wrote.
//
// Errors: ErrSchema, ErrCorrupt.
func DecodeBlocks(b []byte) (*Blocks, error) {
	d := NewDecoder(b)
	if v := d.Byte(); d.Err() == nil && v != blocksSchema {
		return nil, fmt.Errorf("blocks: %w %d, this build reads %d: use a newer driftline", ErrSchema, v, blocksSchema)
	}
	out := &Blocks{LengthMS: d.Varint()}
	n := d.Count(7) // one bin is the least: 1 + 1 + 2 + 3 bytes
	if d.Err() == nil && (out.LengthMS < 1 || n < 1 || n > MaxFeatures) {
		d.Fail("%d features in blocks of %d ms", n, out.LengthMS)
	}
	for i := 0; i < n && d.Err() == nil; i++ {
		var s BlockSums
		s.decode(d, i)
		out.Features = append(out.Features, s)
	}
	if err := d.Finish(); err != nil {
		return nil, fmt.Errorf("blocks: %w", err)
	}
	return out, nil
}

func (b *BlockSums) decode(d *Decoder, feature int) {
	bins := d.Count(3)
	if d.Err() == nil && (bins < 1 || bins > MaxVerdictBins) {
		d.Fail("feature %d has %d bins, want 1 … %d", feature, bins, MaxVerdictBins)
	}
	if d.Err() != nil {
		return
	}
	b.J, b.N, b.NN = d.Uvarint(), d.Int128(), d.Int128()
	all := make([]Int128, 2*bins+bins*(bins+1)/2)
	for i := range all {
		all[i] = d.Int128()
	}
	b.K, b.NK, b.KK = all[:bins:bins], all[bins:2*bins:2*bins], all[2*bins:]
	negative, zero := b.N.Sign() < 0 || b.NN.Sign() < 0, b.N.IsZero() && b.NN.IsZero()
	var sumK, sumNK Int128
	over := false
	sum := func(to *Int128, x Int128) {
		var o bool
		*to, o = to.Add(x)
		over = over || o
	}
	for i, x := range all {
		negative = negative || x.Sign() < 0
		zero = zero && x.IsZero()
		switch {
		case i < bins:
			sum(&sumK, x)
		case i < 2*bins:
			sum(&sumNK, x)
		}
	}
	switch {
	case d.Err() != nil:
	case negative || over:
		d.Fail("feature %d: a block sum is negative or too large", feature)
	case b.J == 0 && !zero:
		d.Fail("feature %d: sums without blocks", feature)
	case sumK != b.N || sumNK != b.NN:
		d.Fail("feature %d: Σk = %s, ΣN = %s, ΣNk = %s, ΣN² = %s do not agree", feature, sumK, b.N, sumNK, b.NN)
	}
}
