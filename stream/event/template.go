package event

import "strings"

// template is how a producer writes one kind of event: every byte but those of the
// values. Where an event has the same bytes between its values, the keys are known
// and need not be read, checked or looked for twice.
type template struct {
	text     string // the literals, one after the other
	before   []slot // up to the features
	features []feature
	after    []slot
	last     literal // from the last value to the end of the record

	kind  Type      // what "type" says, which is part of a literal; 0 without it
	model string    // of the event it was learnt from
	hash  uint64    // of model
	shape *Shape    // nil without features
	next  *template // fitted the last time this one did not
	used  uint64    // when it last matched, in events of the decoder
}

// literal is the text before a value. Its first 16 bytes stand in two words, under
// masks that hide what is beyond its end; the last 16 bytes of a longer one stand in
// end.
type literal struct {
	word, mask [2]uint64
	end        [2]uint64
	at, n      int // where it stands in the template's text
}

// feature is the text before the value of a feature, and its name.
type feature struct {
	literal
	name string // of the shape
}

// slot is a place for one value outside the features.
type slot struct {
	literal
	field field  // fieldSegments: one segment; fieldUnknown: a key that is passed over
	key   string // or the segment's name
}

// outline cuts the text of an accepted event into literals and values.
type outline struct {
	s        scanner
	t        *template
	literals strings.Builder
	from     int // end of the value before
	names    []string
}

// maxSlots bounds how many values an event may have for a template to be made of it.
const maxSlots = 4096

// outlined makes a template of an event that was accepted, and returns the names of its
// features beside it, as parts of value; nil if it has too many values. Of value itself
// the template keeps nothing.
func outlined(value []byte, ev *Event, depth int) (*template, []string) {
	o := outline{s: scanner{text: text(value), maxDepth: depth}, t: &template{model: strings.Clone(ev.Model)}}
	o.t.hash = nameHash(o.t.model)
	o.s.space()
	if o.s.open() != nil || !o.members(o.top) {
		return nil, nil
	}
	o.t.last = o.cut(len(value))
	o.t.text = o.literals.String()
	return o.t, o.names
}

// members calls value for each member of the object whose brace was read.
func (o *outline) members(value func(key string) bool) bool {
	for first := true; ; first = false {
		more, bad := o.s.more('}', first)
		if bad != nil || !more {
			return bad == nil
		}
		key, _, bad := o.s.key()
		if bad != nil || !value(key) || len(o.t.before)+len(o.t.features)+len(o.t.after) > maxSlots {
			return false
		}
	}
}

// top cuts one member of the event.
func (o *outline) top(key string) bool {
	f := fieldOf(key)
	inner := o.s.byteIs('{')
	switch {
	case f == fieldType:
		if o.s.byteIs('"') {
			name, bad := o.s.str()
			o.t.kind = parseType(name)
			return bad == nil
		}
		return o.s.skip() == nil
	case f == fieldFeatures && inner:
		return o.s.open() == nil && o.members(func(name string) bool {
			o.t.features = append(o.t.features, feature{literal: o.cut(o.s.at)})
			o.names = append(o.names, name)
			return o.value()
		})
	case f == fieldSegments && inner:
		return o.s.open() == nil && o.members(func(name string) bool { return o.slot(f, name) })
	case f == fieldFeatures || f == fieldSegments:
		return o.s.skip() == nil // null, as part of the literal
	}
	return o.slot(f, key)
}

func (o *outline) slot(f field, key string) bool {
	s := slot{literal: o.cut(o.s.at), field: f, key: strings.Clone(key)}
	if len(o.t.features) == 0 {
		o.t.before = append(o.t.before, s)
	} else {
		o.t.after = append(o.t.after, s)
	}
	return o.value()
}

// value passes over the value that is next.
func (o *outline) value() bool {
	bad := o.s.skip()
	o.from = o.s.at
	return bad == nil
}

// cut ends the literal that began after the value before.
func (o *outline) cut(end int) literal {
	lit := o.s.text[o.from:end]
	l := literal{at: o.literals.Len(), n: len(lit)}
	o.literals.WriteString(lit)
	for i := range min(len(lit), 16) {
		l.word[i/8] |= uint64(lit[i]) << (i % 8 * 8)
		l.mask[i/8] |= 0xff << (i % 8 * 8)
	}
	if len(lit) > 16 {
		for i := range 16 {
			l.end[i/8] |= uint64(lit[len(lit)-16+i]) << (i % 8 * 8)
		}
	}
	return l
}

// nameHash spreads names; equal hashes of unequal names cost time only.
func nameHash(s string) uint64 {
	h := uint64(len(s)) + 1
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 0x9e3779b97f4a7c15
		h ^= h >> 29
	}
	return h
}
