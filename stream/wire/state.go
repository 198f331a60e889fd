package wire

import (
	"slices"
	"strconv"

	"github.com/driftline/driftline/sketches"
)

// NoPane stands where there is no pane, e.g. as predecessor of the first slot.
const NoPane int64 = -1 << 63

// SlotKey returns the key of a ring slot: model/chunk/ring/position.
func SlotKey(model string, chunk int32, ring uint8, position int64) []byte {
	return []byte(model + "/" + strconv.Itoa(int(chunk)) + "/" + strconv.Itoa(int(ring)) + "/" + strconv.FormatInt(position, 10))
}

// CoverageKey returns the key of a coverage record.
func CoverageKey(ring uint8, position int64) []byte { return SlotKey("_coverage", 0, ring, position) }

// DoneKey returns the key of a done marker.
func DoneKey(position int64) []byte { return []byte("_done/" + strconv.FormatInt(position, 10)) }

// AppliedKey returns the key of an applied record.
func AppliedKey(kind, id string, seq int64) []byte {
	return []byte("_applied/" + Control{Kind: kind, ID: id, Seq: seq}.Key())
}

// SlotEntry is what one (version, grid) holds in a slot.
type SlotEntry struct {
	Version string
	Grid    sketches.ID
	Rows    uint64
	Counts  []byte // of the chunk's features; empty without a grid
	Scores  []byte // chunk 0 only
	Joint   []byte // joint.Sums, chunk 0 only; empty where the grid has no embedding
	Segment string // text of the segment whose rows are counted, "" for all
}

// SlotAlarm is the state of one alarm after the slot's pane.
type SlotAlarm struct {
	Version, Policy, Kind string
	WindowMS              int64
	Reference             sketches.ID
	State                 []byte
}

// SlotBytes is how much the entries of a slot's record take before segments are written to
// a further one, so that a record stays well below the usual message limit.
const SlotBytes = 512 << 10

// slotStep is more than the chunks that a grid may have.
const slotStep = 1 << 10

// Slot is one place of a model's ring: a pane (ring 0) or a run of panes (ring 1).
type Slot struct {
	Model   string
	Chunk   int32 // of the grid's features, or of a further record: see Further
	Ring    uint8
	Number  int64 // number of the pane or slot
	Prev    int64 // number of the model's slot before it, NoPane if none; its own number says that it is incomplete
	Control int64 // control offset read when it was written
	Entries []SlotEntry
	Alarms  []SlotAlarm // ring 0, chunk 0
}

// Further is the chunk under which the n-th further record stands, for segments that found
// no room in those before it. It is of the same features.
func (s Slot) Further(n int) int32 { return s.Features() + int32(n)*slotStep }

// Features returns the chunk of features that the record is of.
func (s Slot) Features() int32 { return s.Chunk % slotStep }

// Bytes is about what the entry takes in its record.
func (x SlotEntry) Bytes() int {
	return len(x.Counts) + len(x.Scores) + len(x.Joint) + len(x.Segment) + 64
}

// Encode returns the framed bytes.
func (s Slot) Encode() []byte {
	var e sketches.Encoder
	e.String(s.Model)
	e.Varint(int64(s.Chunk))
	e.Byte(s.Ring)
	e.Varint(s.Number)
	e.Varint(s.Prev)
	e.Varint(s.Control)
	e.Count(len(s.Entries))
	number := schema
	switch {
	case s.segments():
		number = segmentSchema
	case s.joint():
		number = jointSchema
	}
	for _, x := range s.Entries {
		e.String(x.Version)
		encodeID(&e, x.Grid)
		e.Uvarint(x.Rows)
		e.Bytes(x.Counts)
		e.Bytes(x.Scores)
		if number >= jointSchema {
			e.Bytes(x.Joint)
		}
		if number == segmentSchema {
			e.String(x.Segment)
		}
	}
	e.Count(len(s.Alarms))
	for _, a := range s.Alarms {
		e.String(a.Version)
		e.String(a.Policy)
		e.String(a.Kind)
		e.Varint(a.WindowMS)
		encodeID(&e, a.Reference)
		e.Bytes(a.State)
	}
	return sketches.Frame(KindSlot, number, e.Data())
}

// joint reports whether an entry has joint sums, which makes the record one of the
// second schema.
func (s Slot) joint() bool {
	return slices.ContainsFunc(s.Entries, func(x SlotEntry) bool { return len(x.Joint) > 0 })
}

// segments reports whether an entry is a segment's, which makes the record one of the
// third schema.
func (s Slot) segments() bool {
	return slices.ContainsFunc(s.Entries, func(x SlotEntry) bool { return x.Segment != "" })
}

// DecodeSlot reads what Encode wrote.
func DecodeSlot(b []byte) (s Slot, err error) {
	d, number, err := openUpTo(b, KindSlot, segmentSchema, "ring slot")
	if err != nil {
		return s, err
	}
	s.Model = d.String()
	s.Chunk = decodeInt32(d, "chunk")
	s.Ring = d.Byte()
	s.Number = d.Varint()
	s.Prev = d.Varint()
	s.Control = d.Varint()
	for range d.Count(20) {
		x := SlotEntry{Version: d.String(), Grid: decodeID(d), Rows: d.Uvarint(), Counts: d.Bytes(), Scores: d.Bytes()}
		if number >= jointSchema {
			x.Joint = d.Bytes()
		}
		if number == segmentSchema {
			x.Segment = decodeSegment(d)
		}
		s.Entries = append(s.Entries, x)
	}
	if number == jointSchema && !s.joint() {
		d.Fail("no joint sums in a record that tells of them")
	}
	if number == segmentSchema && !s.segments() {
		d.Fail("no segment in a record that tells of some")
	}
	for range d.Count(21) {
		a := SlotAlarm{Version: d.String(), Policy: d.String(), Kind: d.String(), WindowMS: d.Varint(), Reference: decodeID(d), State: d.Bytes()}
		s.Alarms = append(s.Alarms, a)
	}
	if s.Ring > 1 || s.Chunk < 0 {
		d.Fail("ring %d, chunk %d", s.Ring, s.Chunk)
	}
	return s, d.Finish()
}

// Coverage says for one pane or slot how many sources claimed it, of how many.
type Coverage struct {
	Ring              uint8
	Number            int64
	Covered, Expected uint64
	Slots             uint64 // ring slots written with it; 0: not told
}

// coverageSchema is the schema that tells how many slots there are. Without that number
// the record has the bytes it always had.
const coverageSchema byte = 2

// Encode returns the framed bytes.
func (c Coverage) Encode() []byte {
	var e sketches.Encoder
	e.Byte(c.Ring)
	e.Varint(c.Number)
	e.Uvarint(c.Covered)
	e.Uvarint(c.Expected)
	if c.Slots == 0 {
		return sketches.Frame(KindCoverage, schema, e.Data())
	}
	e.Uvarint(c.Slots)
	return sketches.Frame(KindCoverage, coverageSchema, e.Data())
}

// DecodeCoverage reads what Encode wrote.
func DecodeCoverage(b []byte) (c Coverage, err error) {
	d, s, err := openUpTo(b, KindCoverage, coverageSchema, "coverage")
	if err != nil {
		return c, err
	}
	c.Ring = d.Byte()
	c.Number = d.Varint()
	c.Covered = d.Uvarint()
	c.Expected = d.Uvarint()
	if s == coverageSchema {
		if c.Slots = d.Uvarint(); c.Slots == 0 {
			d.Fail("no slots in a record that tells of them")
		}
	}
	return c, d.Finish()
}

// Claim is what a source has said, for one control offset: it has nothing more up
// to UptoMS, and is exact in (SinceMS, UptoMS].
type Claim struct {
	Control         int64
	SinceMS, UptoMS int64
}

// SourceClaims is one row of the frontier table.
type SourceClaims struct {
	Source     Source
	Partitions int32
	Claims     []Claim
}

// Done says that everything up to and including Pane has been published.
type Done struct {
	Pane   int64
	First  int64 // first pane that was ever final
	At     int64 // offset of the record that made Pane final
	Resume int64 // offset to read on from
	Table  []SourceClaims
}

// Encode returns the framed bytes.
func (m Done) Encode() []byte {
	var e sketches.Encoder
	e.Varint(m.Pane)
	e.Varint(m.First)
	e.Varint(m.At)
	e.Varint(m.Resume)
	e.Count(len(m.Table))
	for _, s := range m.Table {
		s.Source.encode(&e)
		e.Varint(int64(s.Partitions))
		e.Count(len(s.Claims))
		for _, c := range s.Claims {
			e.Varint(c.Control)
			e.Varint(c.SinceMS)
			e.Varint(c.UptoMS)
		}
	}
	return sketches.Frame(KindDone, schema, e.Data())
}

// DecodeDone reads what Encode wrote.
func DecodeDone(b []byte) (m Done, err error) {
	d, err := open(b, KindDone, "done marker")
	if err != nil {
		return m, err
	}
	m.Pane = d.Varint()
	m.First = d.Varint()
	m.At = d.Varint()
	m.Resume = d.Varint()
	for range d.Count(5) {
		s := SourceClaims{Source: decodeSource(d), Partitions: decodeInt32(d, "partitions")}
		for range d.Count(3) {
			s.Claims = append(s.Claims, Claim{Control: d.Varint(), SinceMS: d.Varint(), UptoMS: d.Varint()})
		}
		if s.Partitions < 0 || s.Partitions > MaxPartitions {
			d.Fail("%d partitions of %s", s.Partitions, s.Source)
		}
		m.Table = append(m.Table, s)
	}
	return m, d.Finish()
}

// Applied says from which pane on a control record of the evaluating side counts.
type Applied struct {
	Kind, ID string
	Seq      int64
	Pane     int64
}

// Encode returns the framed bytes.
func (a Applied) Encode() []byte {
	var e sketches.Encoder
	e.String(a.Kind)
	e.String(a.ID)
	e.Varint(a.Seq)
	e.Varint(a.Pane)
	return sketches.Frame(KindApplied, schema, e.Data())
}

// DecodeApplied reads what Encode wrote.
func DecodeApplied(b []byte) (a Applied, err error) {
	d, err := open(b, KindApplied, "applied record")
	if err != nil {
		return a, err
	}
	a.Kind = d.String()
	a.ID = d.String()
	a.Seq = d.Varint()
	a.Pane = d.Varint()
	return a, d.Finish()
}

// Learnt holds the block sums of live windows of one length; of the places they
// are written to in turn, the one of more writes up to the done marker stands.
type Learnt struct {
	Model     string
	WindowMS  int64
	Pane      int64
	Writes    int64
	Reference sketches.ID
	Blocks    []byte
}

// Encode returns the framed bytes.
func (l Learnt) Encode() []byte {
	var e sketches.Encoder
	e.String(l.Model)
	e.Varint(l.WindowMS)
	e.Varint(l.Pane)
	e.Varint(l.Writes)
	encodeID(&e, l.Reference)
	e.Bytes(l.Blocks)
	return sketches.Frame(KindLearnt, schema, e.Data())
}

// DecodeLearnt reads what Encode wrote.
func DecodeLearnt(b []byte) (l Learnt, err error) {
	d, err := open(b, KindLearnt, "learnt sums")
	if err != nil {
		return l, err
	}
	l.Model = d.String()
	l.WindowMS = d.Varint()
	l.Pane = d.Varint()
	l.Writes = d.Varint()
	l.Reference = decodeID(d)
	l.Blocks = d.Bytes()
	return l, d.Finish()
}
