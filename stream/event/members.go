package event

// features reads the object of features.
func (d *Decoder) features(ev *Event) *Reason {
	if !d.scan.byteIs('{') {
		return d.wrongType("features", "an object of named values")
	}
	return d.members("feature name", func(name string, at int) *Reason {
		if len(ev.Features) == d.limits.Features {
			return dead(CodeTooManyFeatures, at, "more than %d features", d.limits.Features)
		}
		v, bad := d.value(name)
		ev.Features = append(ev.Features, Feature{Name: name, Value: v})
		return bad
	})
}

// segments reads the object of segments: strings, integers as they are written, and
// booleans; null leaves a segment out.
func (d *Decoder) segments(ev *Event) *Reason {
	s := &d.scan
	if !s.byteIs('{') {
		return d.wrongType("segments", "an object of named strings")
	}
	return d.members("segment name", func(name string, at int) *Reason {
		if s.byteIs('n') {
			return s.literal("null")
		}
		if len(ev.Segments) == d.limits.Segments {
			return dead(CodeTooManySegments, at, "more than %d segments", d.limits.Segments)
		}
		value, bad := d.segment(name)
		ev.Segments = append(ev.Segments, Segment{Name: name, Value: value})
		return bad
	})
}

func (d *Decoder) segment(name string) (string, *Reason) {
	switch s := &d.scan; {
	case s.byteIs('t'):
		return "true", s.literal("true")
	case s.byteIs('f'):
		return "false", s.literal("false")
	case s.byteIs('"') || s.startsNumber():
		return d.name(name, true)
	}
	return "", d.wrongType(name, "a string, an integer or a boolean")
}

// members reads an object whose opening brace is next. read is called with each
// name, checked and not met before, and with its place; the value is next then.
func (d *Decoder) members(what string, read func(name string, at int) *Reason) *Reason {
	s := &d.scan
	if bad := s.open(); bad != nil {
		return bad
	}
	clear(d.seen)
	for first := true; ; first = false {
		more, bad := s.more('}', first)
		if bad != nil || !more {
			return bad
		}
		name, at, bad := s.key()
		if bad != nil {
			return bad
		}
		if name == "" {
			return dead(CodeBadName, at, "an empty %s", what)
		}
		if bad := d.checkName(what, name, at); bad != nil {
			return bad
		}
		if _, twice := d.seen[name]; twice {
			return dead(CodeDuplicateKey, at, "the %s %s stands twice", what, quote(name))
		}
		d.seen[name] = struct{}{}
		if bad := read(name, at); bad != nil {
			return bad
		}
	}
}
