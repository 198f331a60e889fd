package wire

import (
	"maps"
	"slices"

	"github.com/driftline/driftline/sketches"
)

// Outcome is what became of a record: each record has exactly one, the first that
// applies in this order.
type Outcome uint8

// The outcomes of P3.
const (
	Aborted Outcome = iota
	Dead
	Thinned
	Tick
	Label
	Unregistered
	Late
	Future
	Accepted
	Outcomes // how many there are
)

var outcomeNames = [Outcomes]string{"aborted", "dead", "thinned", "tick", "label", "unregistered", "late", "future", "accepted"}

// String gives the name used in metrics and tables.
func (o Outcome) String() string {
	if o < Outcomes {
		return outcomeNames[o]
	}
	return "unknown"
}

// MaxUnregistered is how many names of unknown models one ledger keeps.
const MaxUnregistered = 64

// Ledger counts what became of the records that arrived while the record clock of
// a source stood in one pane (the `_source` partial). Law: the outcomes add up to
// Records, and Last − First + 1 = Records + Skipped.
type Ledger struct {
	Source       Source
	Fold         int32
	Pane         int64 // arrival pane: the pane of the record clock
	Through      int64
	First, Last  int64 // offsets
	Records      uint64
	Skipped      uint64 // control batches, holes
	Outcomes     [Outcomes]uint64
	DeadBy       map[string]uint64 // reason → records
	LateBy       map[string]uint64 // model → records
	FutureBy     map[string]uint64
	Unregistered map[string]uint64 // unknown models: the names of smallest hash, at most MaxUnregistered
	RowsOnly     map[string]uint64 // those of them that sent events of type feature; same bound
}

// Encode returns the framed bytes, maps sorted by key.
func (l Ledger) Encode() []byte {
	var e sketches.Encoder
	l.Source.encode(&e)
	e.Varint(int64(l.Fold))
	e.Varint(l.Pane)
	e.Varint(l.Through)
	e.Varint(l.First)
	e.Varint(l.Last)
	e.Uvarint(l.Records)
	e.Uvarint(l.Skipped)
	for _, n := range l.Outcomes {
		e.Uvarint(n)
	}
	for _, m := range []map[string]uint64{l.DeadBy, l.LateBy, l.FutureBy, l.Unregistered, l.RowsOnly} {
		encodeCounters(&e, m)
	}
	return sketches.Frame(KindLedger, schema, e.Data())
}

// DecodeLedger reads what Encode wrote.
func DecodeLedger(b []byte) (l Ledger, err error) {
	d, err := open(b, KindLedger, "ledger")
	if err != nil {
		return l, err
	}
	l.Source = decodeSource(d)
	l.Fold = decodeInt32(d, "fold")
	l.Pane = d.Varint()
	l.Through = d.Varint()
	l.First = d.Varint()
	l.Last = d.Varint()
	l.Records = d.Uvarint()
	l.Skipped = d.Uvarint()
	for i := range l.Outcomes {
		l.Outcomes[i] = d.Uvarint()
	}
	for _, m := range []*map[string]uint64{&l.DeadBy, &l.LateBy, &l.FutureBy, &l.Unregistered, &l.RowsOnly} {
		*m = decodeCounters(d)
	}
	return l, d.Finish()
}

func encodeCounters(e *sketches.Encoder, m map[string]uint64) {
	e.Count(len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		e.String(k)
		e.Uvarint(m[k])
	}
}

func decodeCounters(d *sketches.Decoder) map[string]uint64 {
	n := d.Count(2)
	if n == 0 {
		return nil
	}
	m := make(map[string]uint64, n)
	last := ""
	for i := range n {
		k := d.String()
		if i > 0 && k <= last {
			d.Fail("keys out of order: %q after %q", k, last)
		}
		last = k
		m[k] = d.Uvarint()
	}
	return m
}
