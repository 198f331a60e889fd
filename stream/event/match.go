package event

import (
	"unicode/utf8"

	"github.com/driftline/driftline/sketches"
)

// match reads a record that is written as t is. False if it is not, or if it is better
// read slowly; ev holds anything then. Without others the model must be t's.
//
// What it accepts, Decode's slow way accepts as the same event: literals are bytes of
// an accepted event, and between them stands one whole value each, read by the same
// rules, or by the slow reader itself where it is not of the usual sort.
func (d *Decoder) match(t *template, value []byte, ev *Event, others bool) bool {
	d.ignored, d.names = 0, d.names[:0]
	feats := ev.Features
	if n := len(t.features); n > cap(feats) {
		feats = make([]Feature, n)
	} else {
		if n < len(feats) {
			clear(feats[n:]) // nothing old is held
		}
		feats = feats[:n]
	}
	clear(ev.Segments)
	*ev = Event{Type: t.kind, Features: feats, Shape: t.shape, Segments: ev.Segments[:0]}

	c := &d.cursor
	c.start(value)
	return d.slots(t, t.before, ev, others) &&
		d.row(t, feats) &&
		d.slots(t, t.after, ev, others) &&
		c.literal(&t.last, t) && c.at == c.end &&
		complete(ev, 0) == nil
}

// row reads the features: those of the usual sort in one go, the others one by one.
func (d *Decoder) row(t *template, feats []Feature) bool {
	if len(t.features) == 0 {
		return true
	}
	c := &d.cursor
	for i := 0; ; i++ {
		from := i
		i, c.at = quick(c.b, c.at, c.limit, t.features, feats, from)
		switch {
		case i > from && c.exponent():
			i--
		case i == len(feats):
			return true
		case !c.literal(&t.features[i].literal, t):
			return false
		}
		name := t.features[i].name
		v, ok := d.odd(name)
		if !ok {
			return false
		}
		feats[i] = Feature{Name: name, Value: v}
	}
}

// odd reads the value of a feature that is no short number.
func (d *Decoder) odd(name string) (sketches.Value, bool) {
	v, ok := d.cursor.scalar()
	if ok {
		return v, true
	}
	ok = d.slowly(2, func() (bad *Reason) {
		v, bad = d.value(name)
		return bad
	})
	return v, ok
}

// slowly reads one value by the slow reader, inside depth open containers.
func (d *Decoder) slowly(depth int, read func() *Reason) bool {
	c := &d.cursor
	d.scan = scanner{text: text(c.b[:c.end]), at: c.at, depth: depth, maxDepth: d.limits.Depth}
	d.scan.space() // a template's literal may end sooner than this record's white space
	if read() != nil || !utf8.Valid(c.b[c.at:d.scan.at]) {
		return false
	}
	c.at = d.scan.at
	return true
}
