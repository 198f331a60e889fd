package joint

import (
	"fmt"

	"github.com/driftline/driftline/sketches"
)

const embeddingSchema = 1

// encode writes
//
//	grid | seed | σ | features | coordinates: feature, role, table | frequencies |
//	sample rows | sample by feature
func (e *Embedding) encode() []byte {
	var w sketches.Encoder
	w.Raw(e.Grid[:])
	w.Uint64(e.Seed)
	w.Float64(e.Sigma)
	w.Count(len(e.Features))
	for _, f := range e.Features {
		w.Uvarint(uint64(f))
	}
	w.Count(len(e.Coordinates))
	for _, c := range e.Coordinates {
		w.Uvarint(uint64(c.Feature))
		w.Byte(byte(c.Role))
		w.Count(len(c.Table))
		for _, z := range c.Table {
			w.Varint(int64(z))
		}
	}
	w.Count(len(e.Frequencies))
	for _, f := range e.Frequencies {
		w.Varint(int64(f))
	}
	w.Uvarint(uint64(e.SampleRows()))
	for _, column := range e.Sample {
		for _, code := range column {
			w.Uvarint(uint64(code))
		}
	}
	return sketches.Frame(sketches.FrameEmbedding, embeddingSchema, w.Data())
}

// Decode reads what Encode wrote, and nothing else: the result encodes to the same
// bytes.
//
// Errors: sketches.ErrNotFrame, ErrChecksum, ErrSchema, ErrCorrupt, ErrBadGrid.
func Decode(b []byte) (*Embedding, error) {
	body, err := sketches.UnframeAs(b, sketches.FrameEmbedding, embeddingSchema, "embedding")
	if err != nil {
		return nil, err
	}
	d := sketches.NewDecoder(body)
	e := &Embedding{}
	copy(e.Grid[:], d.Raw(len(e.Grid)))
	e.Seed, e.Sigma = d.Uint64(), d.Float64()
	e.Features = make([]int, d.Count(1))
	for i := range e.Features {
		e.Features[i] = int(d.UpTo(sketches.MaxFeatures - 1))
	}
	n := d.Count(5) // the shortest coordinate: feature, role, length, three entries
	for i := 0; i < n && d.Err() == nil; i++ {
		c := Coordinate{Feature: int(d.UpTo(sketches.MaxFeatures - 1)), Role: Role(d.Byte())}
		c.Table = integers(d)
		e.Coordinates = append(e.Coordinates, c)
	}
	e.Frequencies = integers(d)
	rows := int(d.UpTo(MaxSample))
	for i := 0; i < len(e.Features) && d.Err() == nil; i++ {
		if rows > d.Left() {
			d.Fail("sample of %d rows", rows)
			break
		}
		column := make([]uint16, rows)
		for r := range column {
			column[r] = uint16(d.UpTo(1<<16 - 1))
		}
		e.Sample = append(e.Sample, column)
	}
	if err := d.Finish(); err != nil {
		return nil, fmt.Errorf("embedding: %w", err)
	}
	if err := e.prepare(); err != nil {
		return nil, fmt.Errorf("embedding: %w", err)
	}
	return e, nil
}

// integers reads a list of 32-bit numbers.
func integers(d *sketches.Decoder) []int32 {
	list := make([]int32, d.Count(1))
	for i := range list {
		x := d.Varint()
		if int64(int32(x)) != x {
			d.Fail("%d does not fit into 32 bits", x)
			break
		}
		list[i] = int32(x)
	}
	return list
}
