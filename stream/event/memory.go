package event

import (
	"slices"
	"strings"
)

// Bounds of what a decoder remembers: about 2 MB when full.
const (
	maxTemplates = 256
	maxLiterals  = 1 << 14
)

// Learning takes about twice as long as reading slowly. Each record earns one point,
// each template costs many, so that records of which no two are alike cost little more
// than without.
const (
	learnCost = 32
	maxPoints = maxTemplates * learnCost
)

// How many templates are tried on one record at most. A record that one of them fits,
// if it is not the last, earns trust in such searches, and one that none fits costs
// some; without trust only each 16th record is searched for.
const (
	tries     = 4
	earnTrust = 8
	maxTrust  = 64
	seldom    = 16
)

// memory holds the templates of a decoder and the names they share. It changes how
// fast a record is read, never what is read.
type memory struct {
	templates []*template
	leads     []lead // one for each template, side by side
	literals  int    // in all templates
	shapes    map[uint64][]*kept
	last      *template // that matched
	clock     uint64    // records so far
	hits      int       // of them, read by a template
	points    int
	trust     int
}

// lead is what tells quickly that a template is no candidate.
type lead struct {
	word, mask [2]uint64
	model      uint64 // hash
}

// kept is a shape and the number of templates that have it.
type kept struct {
	shape Shape
	users int
}

func (m *memory) tick() {
	m.clock++
	m.points = min(m.points+1, maxPoints)
}

// hit notes that t fitted the record.
func (m *memory) hit(t *template) {
	m.hits++
	t.used, m.last = m.clock, t
}

// add keeps t. Names of its features are taken from shape's, or become a new shape.
func (m *memory) add(t *template, names []string) {
	m.points -= learnCost
	for i, old := range m.templates {
		if old.hash == t.hash && old.model == t.model && old.text == t.text && old.shape.same(names) && old.cuts(t) {
			m.last = m.templates[i]
			return
		}
	}
	size := len(t.before) + len(t.features) + len(t.after)
	for len(m.templates) > 0 && (len(m.templates) == maxTemplates || m.literals+size > maxLiterals) {
		m.forget()
	}
	t.shape = m.keep(names)
	for i := range t.features {
		t.features[i].name = t.shape.Names[i]
	}
	t.used = m.clock
	m.literals += size
	m.templates = append(m.templates, t)
	first := t.first()
	m.leads = append(m.leads, lead{word: first.word, mask: first.mask, model: t.hash})
	m.last = t
}

// forget drops the template that matched longest ago.
func (m *memory) forget() {
	oldest := 0
	for i, t := range m.templates {
		if t.used < m.templates[oldest].used {
			oldest = i
		}
	}
	t := m.templates[oldest]
	m.literals -= len(t.before) + len(t.features) + len(t.after)
	m.templates = slices.Delete(m.templates, oldest, oldest+1)
	m.leads = slices.Delete(m.leads, oldest, oldest+1)
	for _, other := range m.templates {
		if other.next == t {
			other.next = nil
		}
	}
	if t.shape == nil {
		return
	}
	h := t.shape.hash()
	m.shapes[h] = slices.DeleteFunc(m.shapes[h], func(k *kept) bool {
		if &k.shape == t.shape {
			k.users--
		}
		return k.users == 0
	})
	if len(m.shapes[h]) == 0 {
		delete(m.shapes, h)
	}
}

// keep returns the one shape with these names, nil for no names.
func (m *memory) keep(names []string) *Shape {
	if len(names) == 0 {
		return nil
	}
	h := shapeHash(len(names), func(i int) string { return names[i] })
	for _, k := range m.shapes[h] {
		if k.shape.same(names) {
			k.users++
			return &k.shape
		}
	}
	k := &kept{users: 1, shape: Shape{Names: make([]string, len(names))}}
	for i, name := range names {
		k.shape.Names[i] = strings.Clone(name)
	}
	if m.shapes == nil {
		m.shapes = make(map[uint64][]*kept)
	}
	m.shapes[h] = append(m.shapes[h], k)
	return &k.shape
}

// known returns the shape with the names of these features if there is one.
func (m *memory) known(features []Feature) *Shape {
	if len(features) == 0 || len(m.shapes) == 0 {
		return nil
	}
	h := shapeHash(len(features), func(i int) string { return features[i].Name })
	for _, k := range m.shapes[h] {
		if slices.EqualFunc(k.shape.Names, features, func(name string, f Feature) bool { return name == f.Name }) {
			return &k.shape
		}
	}
	return nil
}

// shapeHash looks at up to eight of n names.
func shapeHash(n int, name func(i int) string) uint64 {
	h := uint64(n)
	for i := 0; i < n; i += (n + 7) / 8 {
		h = h*31 + nameHash(name(i))
	}
	return h
}

// hash is shapeHash of the names of s.
func (s *Shape) hash() uint64 {
	return shapeHash(len(s.Names), func(i int) string { return s.Names[i] })
}

// same says whether s, which may be nil, has these names.
func (s *Shape) same(names []string) bool {
	if s == nil {
		return len(names) == 0
	}
	return slices.Equal(s.Names, names)
}
