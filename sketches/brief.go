package sketches

import (
	"fmt"
	"slices"
)

// briefCoarse is B of the bins that a brief keeps: the least number that nests 10, 20
// and 30.
const briefCoarse = 60

// briefSchema is the first byte of an encoded brief.
const briefSchema = 1

// maxBrief bounds the bins of a brief: those of a category are its cells.
const maxBrief = 64

// Brief is what is kept for reading of a feature in one window. Numeric: counts on the 60
// coarse bins, which nest 30, 20 and 10, the sums of the moments, and the extremes; about
// 150 bytes. Categorical: counts per cell, up to 64 of them. No verdict rests on it.
type Brief struct {
	Bins           []uint64 // one per coarse bin, outer ones open
	Clamped        uint64
	S1, S2, S3, S4 Int128
	Min, Max       float64 // Min > Max: unknown
}

// NewBrief takes the brief of counts of feature f; false for a category of more than 64
// cells.
func NewBrief(f *FeatureGrid, c *FeatureCounts) (b Brief, ok bool) {
	if f.Kind == Categorical {
		if f.Cells() > maxBrief {
			return b, false
		}
		b.Bins = make([]uint64, f.Cells())
		copy(b.Bins, c.Cells)
		return b, true
	}
	return Brief{
		Bins: f.foldCoarse(briefCoarse, c.Cells), Clamped: c.Clamped, S1: c.S1, S2: c.S2, S3: c.S3, S4: c.S4, Min: c.Min, Max: c.Max,
	}, true
}

// Encode returns the bytes of the brief; equal briefs have equal bytes.
func (b Brief) Encode() []byte {
	var e Encoder
	e.Byte(briefSchema)
	e.Count(len(b.Bins))
	for _, k := range b.Bins {
		e.Uvarint(k)
	}
	e.Uvarint(b.Clamped)
	for _, s := range []Int128{b.S1, b.S2, b.S3, b.S4} {
		e.Int128(s)
	}
	e.Float64(b.Min)
	e.Float64(b.Max)
	return e.Data()
}

// DecodeBrief reads what Encode wrote: at most 64 bins.
//
// Errors: ErrSchema for a newer form, ErrCorrupt for other bytes.
func DecodeBrief(raw []byte) (Brief, error) {
	d := NewDecoder(raw)
	if s := d.Byte(); d.Err() == nil && s != briefSchema {
		return Brief{}, fmt.Errorf("brief: %w %d, this build reads %d: use a newer driftline", ErrSchema, s, briefSchema)
	}
	n := d.Count(1)
	if d.Err() == nil && (n < 1 || n > maxBrief) {
		d.Fail("%d bins, want 1 to %d", n, maxBrief)
		n = 0
	}
	b := Brief{Bins: make([]uint64, n)}
	total := uint64(0)
	for i := range b.Bins {
		b.Bins[i] = d.Uvarint()
		if total += b.Bins[i]; d.Err() == nil && total < b.Bins[i] {
			d.Fail("more than 2⁶⁴ values")
		}
	}
	b.Clamped = d.Uvarint()
	for _, s := range []*Int128{&b.S1, &b.S2, &b.S3, &b.S4} {
		*s = d.Int128()
	}
	b.Min, b.Max = d.Float64(), d.Float64()
	if d.Err() == nil && (b.Min != b.Min || b.Max != b.Max) {
		d.Fail("an extreme is not a number")
	}
	if err := d.Finish(); err != nil {
		return Brief{}, fmt.Errorf("brief: %w", err)
	}
	return b, nil
}

// On returns the brief as counts on a grid of its own bins, which f has where it is the
// feature that the brief was taken on: quantiles and moments are read from it as from any
// counts. Ranks are known to the share of one bin, 1/60 on the reference.
//
// Errors: ErrGridMismatch where f has other bins.
func (b Brief) On(f *FeatureGrid) (*FeatureGrid, *FeatureCounts, error) {
	toBin, bins := f.Coarse(briefCoarse)
	if bins != len(b.Bins) {
		return nil, nil, fmt.Errorf("brief of %d bins, feature %q has %d: %w", len(b.Bins), f.Name, bins, ErrGridMismatch)
	}
	if f.Kind == Categorical {
		return f, &FeatureCounts{Cells: slices.Clone(b.Bins)}, nil
	}
	g := &FeatureGrid{Name: f.Name, Kind: Numeric, Centre: f.Centre, Exp: f.Exp}
	for cell := 1; cell < len(toBin); cell++ {
		if toBin[cell] != toBin[cell-1] {
			g.Edges = append(g.Edges, f.Edges[cell-1])
		}
	}
	c := &FeatureCounts{Cells: slices.Clone(b.Bins)}
	c.Clamped, c.S1, c.S2, c.S3, c.S4, c.Min, c.Max = b.Clamped, b.S1, b.S2, b.S3, b.S4, b.Min, b.Max
	return g, c, nil
}

// Coarser sums the brief to B bins of a numeric f, B one of 10, 20, 30 and 60: what counting on them
// would have given.
//
// Errors: as On.
func (b Brief) Coarser(f *FeatureGrid, bins int) ([]uint64, error) {
	if _, _, err := b.On(f); err != nil {
		return nil, err
	}
	from, _ := f.Coarse(briefCoarse)
	to, n := f.Coarse(bins)
	out := make([]uint64, n)
	last := -1
	for cell, bin := range from {
		if bin != last {
			out[to[cell]] += b.Bins[bin]
			last = bin
		}
	}
	return out, nil
}
