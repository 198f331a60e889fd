package store

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// field is an attribute that a search may filter or order by.
type field struct {
	expr     string // SQL
	kind     byte   // 't' text, 'i' integer
	in       bool   // IN and NOT IN are allowed
	noFilter bool   // only for ORDER BY
	noOrder  bool   // only for filters
	nullable bool
}

// pairs is a key-value table beside the searched one.
type pairs struct {
	from  string // "run_tags x WHERE x.run_id = r.run_id"
	key   string // "x.key"
	value string // "x.value"
	isNaN string // for metrics
	kind  byte   // 't' or 'n'
	in    bool
	order bool // may be ordered by
}

// grammar says what one search understands.
type grammar struct {
	what       string            // for messages: "run"
	entities   map[string]string // spelling → entity; "attribute" is the table itself
	attributes map[string]field
	pairs      map[string]pairs
	// special answers clauses that are neither; handled = false passes them on.
	special func(b *builder, d dialect, c clause) (sql string, handled bool, err error)
}

func (g *grammar) entity(written string) (string, error) {
	if written == "" {
		return "attribute", nil
	}
	e, ok := g.entities[written]
	if !ok {
		known := make([]string, 0, len(g.entities))
		for k := range g.entities {
			known = append(known, k)
		}
		slices.Sort(known)
		return "", fault(ErrInvalid, "Invalid entity type '%s'. Valid values are %s", cut(written, 100), strings.Join(known, ", "))
	}
	return e, nil
}

// where appends " AND <test>" per clause.
func (g *grammar) where(b *builder, d dialect, clauses []clause) error {
	for _, c := range clauses {
		entity, err := g.entity(c.entity)
		if err != nil {
			return err
		}
		c.entity = entity
		test, handled, err := "", false, error(nil)
		if g.special != nil {
			test, handled, err = g.special(b, d, c)
		}
		if err == nil && !handled {
			test, err = g.test(b, d, c)
		}
		if err != nil {
			return err
		}
		b.text(" AND " + test)
	}
	return nil
}

func (g *grammar) test(b *builder, d dialect, c clause) (string, error) {
	if p, ok := g.pairs[c.entity]; ok {
		key := b.arg(c.key)
		test, err := compare(b, d, p.value, p.kind, p.in, c)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("EXISTS (SELECT 1 FROM %s AND %s = %s AND %s)", p.from, p.key, key, test), nil
	}
	f, ok := g.attributes[c.key]
	if !ok || f.noFilter {
		return "", g.badAttribute(c.key, func(f field) bool { return !f.noFilter })
	}
	return compare(b, d, f.expr, f.kind, f.in, c)
}

func (g *grammar) badAttribute(key string, keep func(field) bool) error {
	var known []string
	for k, f := range g.attributes {
		if keep(f) {
			known = append(known, k)
		}
	}
	slices.Sort(known)
	return fault(ErrInvalid, "Invalid attribute key '%s' specified for a %s search. Valid keys are %s", cut(key, 100), g.what, strings.Join(known, ", "))
}

// compare writes one test of expr against the clause's value.
func compare(b *builder, d dialect, expr string, kind byte, in bool, c clause) (string, error) {
	name := c.key
	switch c.op {
	case "IN", "NOT IN":
		if kind != 't' || !in {
			return "", fault(ErrInvalid, "Comparator %s is not supported for '%s'.", c.op, cut(name, 100))
		}
		return expr + " " + c.op + " " + b.list(c.value.list), nil
	case "LIKE", "ILIKE":
		if kind != 't' {
			return "", fault(ErrInvalid, "Comparator %s is not supported for the number '%s'.", c.op, cut(name, 100))
		}
		if c.value.kind != 't' {
			return "", quoted(name)
		}
		return d.like(expr, b.arg(c.value.text), c.op == "ILIKE"), nil
	}
	switch {
	case kind == 't' && c.op != "=" && c.op != "!=":
		return "", fault(ErrInvalid, "Comparator %s is not supported for the text '%s'; use =, !=, LIKE or ILIKE.", c.op, cut(name, 100))
	case kind == 't' && c.value.kind != 't':
		return "", quoted(name)
	case kind == 't':
		return expr + " " + c.op + " " + b.arg(c.value.text), nil
	case c.value.kind != 'n':
		return "", fault(ErrInvalid, "Expected a numeric value for '%s'; found '%s'.", cut(name, 100), cut(c.value.text, 100))
	case kind == 'i':
		if n, err := strconv.ParseInt(c.value.text, 10, 64); err == nil {
			return expr + " " + c.op + " " + b.arg(n), nil
		}
		return fmt.Sprintf("CAST(%s AS DOUBLE PRECISION) %s %s", expr, c.op, b.arg(c.value.number)), nil
	}
	return expr + " " + c.op + " " + b.arg(c.value.number), nil
}

func quoted(name string) error {
	return fault(ErrInvalid, "Expected a quoted string value for '%s'.", cut(name, 100))
}

// orderBy appends " ORDER BY …, tail". Rows without the key come last in both
// directions; of metrics first numbers, then NaN, then those without.
func (g *grammar) orderBy(b *builder, orders []string, tail string) error {
	if len(orders) > maxOrder {
		return fault(ErrInvalid, "Invalid order_by: more than %d entries.", maxOrder)
	}
	var out []string
	seen := map[string]bool{}
	for _, text := range orders {
		o, err := parseOrder(text)
		if err != nil {
			return err
		}
		entity, err := g.entity(o.entity)
		if err != nil {
			return err
		}
		direction := " ASC"
		if o.desc {
			direction = " DESC"
		}
		p, isPair := g.pairs[entity]
		f, isField := g.attributes[o.key]
		identity := entity + "." + o.key
		switch {
		case isPair && p.order:
			key := b.arg(o.key)
			from := fmt.Sprintf("FROM %s AND %s = %s", p.from, p.key, key)
			if p.isNaN != "" {
				out = append(out, fmt.Sprintf("COALESCE((SELECT %s %s), 2) ASC", p.isNaN, from))
			} else {
				out = append(out, fmt.Sprintf("(SELECT 0 %s) IS NULL ASC", from))
			}
			out = append(out, fmt.Sprintf("(SELECT %s %s)%s", p.value, from, direction))
		case !isPair && isField && !f.noOrder && entity == "attribute":
			identity = f.expr
			if f.nullable {
				out = append(out, f.expr+" IS NULL ASC")
			}
			out = append(out, f.expr+direction)
		default:
			return fault(ErrInvalid, "Invalid order_by key '%s' for a %s search.", cut(identity, 200), g.what)
		}
		if seen[identity] {
			return fault(ErrState, "`order_by` contains duplicate fields: %s", cut(identity, 200))
		}
		seen[identity] = true
	}
	b.text(" ORDER BY " + strings.Join(append(out, tail), ", "))
	return nil
}
