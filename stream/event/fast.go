package event

import "slices"

// fast reads a record by one of the templates. False if none fits.
func (d *Decoder) fast(value []byte, ev *Event) bool {
	last := d.memory.last
	if last == nil || len(value) > d.limits.Bytes {
		return false
	}
	d.met = 0
	if d.match(last, value, ev, false) {
		d.memory.hit(last)
		return true
	}
	return d.other(last, value, ev)
}

// other tries the template that took over from last the time before, then those that
// begin like the record: those of its model, then others.
func (d *Decoder) other(last *template, value []byte, ev *Event) bool {
	m := &d.memory
	if m.trust == 0 && m.clock%seldom != 0 || len(value) < 16 {
		return false
	}
	m.trust = max(m.trust-1, 0)
	left := tries
	try := func(t *template, others bool) bool {
		left--
		if !d.match(t, value, ev, others) {
			return false
		}
		last.next = t
		m.trust = min(m.trust+earnTrust, maxTrust)
		m.hit(t)
		return true
	}
	if t := last.next; t != nil && try(t, false) {
		return true
	}
	w := [2]uint64{word(value, 0), word(value, 8)}
	for _, others := range []bool{false, true} {
		for i := range m.leads {
			l := &m.leads[i]
			if (w[0]^l.word[0])&l.mask[0]|(w[1]^l.word[1])&l.mask[1] != 0 {
				continue
			}
			// Whichever template saw the model first has told which one it is.
			if d.met != 0 && (l.model != d.met) != others {
				continue
			}
			t := m.templates[i]
			if !others && (t == last || t == last.next) {
				continue
			}
			if left == 0 {
				return false
			}
			if try(t, others) {
				return true
			}
		}
	}
	return false
}

// learn keeps a template of a record that was read slowly, and gives its features
// names that are kept.
func (d *Decoder) learn(value []byte, ev *Event) {
	m := &d.memory
	if m.points >= learnCost {
		if t, names := outlined(value, ev, d.limits.Depth); t != nil {
			m.add(t, names)
		}
	}
	if ev.Shape = m.known(ev.Features); ev.Shape != nil {
		for i, name := range ev.Shape.Names {
			ev.Features[i].Name = name
		}
	}
}

// first returns the literal the template begins with.
func (t *template) first() *literal {
	switch {
	case len(t.before) > 0:
		return &t.before[0].literal
	case len(t.features) > 0:
		return &t.features[0].literal
	case len(t.after) > 0:
		return &t.after[0].literal
	}
	return &t.last
}

// cuts says whether two templates of one text and one list of names have their values
// in the same places.
func (t *template) cuts(o *template) bool {
	literals := func(a, b feature) bool { return a.literal == b.literal }
	return slices.Equal(t.before, o.before) && slices.EqualFunc(t.features, o.features, literals) &&
		slices.Equal(t.after, o.after) && t.last == o.last
}
