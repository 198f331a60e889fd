package wire

import (
	"github.com/driftline/driftline/sketches"
)

// ChunkFeatures is how many features one partial or slot holds at most, so that a
// record stays well below the usual message limit.
const ChunkFeatures = 128

// Chunks returns how many records the features of a grid take; a model without a
// grid still takes one, for its rows.
func Chunks(features int) int { return max(1, (features+ChunkFeatures-1)/ChunkFeatures) }

// ChunkRange returns the features [from, to) of a chunk.
func ChunkRange(chunk, features int) (from, to int) {
	return min(chunk*ChunkFeatures, features), min((chunk+1)*ChunkFeatures, features)
}

// PartialID identifies a partial; Fold stands for decoder and thinning.
type PartialID struct {
	Source  Source
	Fold    int32
	Model   string
	Version string
	Grid    sketches.ID // zero: the model has no grid yet, only rows are counted
	Pane    int64
	Chunk   int32
	Segment string // text of the segment whose rows are counted, "" for all
}

// Partial is what one source counted for one pane of one model and version, or of one
// segment of it, which has neither scores nor joint sums.
type Partial struct {
	ID      PartialID
	Through int64  // last offset folded in
	Rows    uint64 // rows whose features were counted
	Counts  []byte // sketches.Counts of the chunk's features; empty without a grid
	Scores  []byte // sketches.ScoreCounts, chunk 0 only; empty without predictions
	Joint   []byte // joint.Sums of all features of the grid, chunk 0 only; empty without an embedding
}

// Encode returns the framed bytes.
func (p Partial) Encode() []byte {
	var e sketches.Encoder
	p.ID.Source.encode(&e)
	e.Varint(int64(p.ID.Fold))
	e.String(p.ID.Model)
	e.String(p.ID.Version)
	encodeID(&e, p.ID.Grid)
	e.Varint(p.ID.Pane)
	e.Varint(int64(p.ID.Chunk))
	e.Varint(p.Through)
	e.Uvarint(p.Rows)
	e.Bytes(p.Counts)
	e.Bytes(p.Scores)
	switch {
	case p.ID.Segment != "": // never with joint sums
		e.String(p.ID.Segment)
		return sketches.Frame(KindPartial, segmentSchema, e.Data())
	case len(p.Joint) > 0:
		e.Bytes(p.Joint)
		return sketches.Frame(KindPartial, jointSchema, e.Data())
	}
	return sketches.Frame(KindPartial, schema, e.Data())
}

// DecodePartial reads what Encode wrote. Counts, Scores and Joint alias b.
func DecodePartial(b []byte) (p Partial, err error) {
	d, s, err := openUpTo(b, KindPartial, segmentSchema, "partial")
	if err != nil {
		return p, err
	}
	p.ID.Source = decodeSource(d)
	p.ID.Fold = decodeInt32(d, "fold")
	p.ID.Model = d.String()
	p.ID.Version = d.String()
	p.ID.Grid = decodeID(d)
	p.ID.Pane = d.Varint()
	p.ID.Chunk = decodeInt32(d, "chunk")
	p.Through = d.Varint()
	p.Rows = d.Uvarint()
	p.Counts = d.Bytes()
	p.Scores = d.Bytes()
	switch s {
	case jointSchema:
		if p.Joint = d.Bytes(); len(p.Joint) == 0 {
			d.Fail("no joint sums in a record that tells of them")
		}
	case segmentSchema:
		p.ID.Segment = decodeSegment(d)
		if p.ID.Segment == "" || len(p.Scores) > 0 || p.ID.Grid.IsZero() {
			d.Fail("segment %q of grid %s with %d bytes of scores", p.ID.Segment, p.ID.Grid, len(p.Scores))
		}
	}
	if p.ID.Chunk < 0 || p.ID.Chunk > 1<<16 {
		d.Fail("chunk %d", p.ID.Chunk)
	}
	return p, d.Finish()
}
