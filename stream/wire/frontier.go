package wire

import "github.com/driftline/driftline/sketches"

// MaxPartitions is how many partitions a topic may claim to have: every reader holds
// a row for each, so that the number must not come from damage.
const MaxPartitions = 1 << 17

// Frontier is a source's claim: it has nothing more for panes that end at or before
// Upto, and its partials for panes that start after Since are exact. True for ever,
// whoever says it and in whatever order it arrives.
type Frontier struct {
	Source     Source
	Fold       int32
	UptoMS     int64
	SinceMS    int64
	Partitions int32 // how many partitions the topic has
	Through    int64
	Control    int64 // offset of the control topic up to which the source has read
}

// Encode returns the framed bytes.
func (f Frontier) Encode() []byte {
	var e sketches.Encoder
	f.Source.encode(&e)
	e.Varint(int64(f.Fold))
	e.Varint(f.UptoMS)
	e.Varint(f.SinceMS)
	e.Varint(int64(f.Partitions))
	e.Varint(f.Through)
	e.Varint(f.Control)
	return sketches.Frame(KindFrontier, schema, e.Data())
}

// DecodeFrontier reads what Encode wrote.
func DecodeFrontier(b []byte) (f Frontier, err error) {
	d, err := open(b, KindFrontier, "frontier")
	if err != nil {
		return f, err
	}
	f.Source = decodeSource(d)
	f.Fold = decodeInt32(d, "fold")
	f.UptoMS = d.Varint()
	f.SinceMS = d.Varint()
	f.Partitions = decodeInt32(d, "partitions")
	f.Through = d.Varint()
	f.Control = d.Varint()
	if f.Partitions < 1 || f.Partitions > MaxPartitions || f.Source.Partition < 0 || f.Source.Partition >= f.Partitions {
		d.Fail("partition %d of %d", f.Source.Partition, f.Partitions)
	}
	return f, d.Finish()
}
