package store

import (
	"strconv"
	"strings"
)

// clause is one comparison of a filter.
type clause struct {
	entity string // as written, lower case; "" for a bare key
	key    string
	op     string // = != > >= < <= LIKE ILIKE IN "NOT IN"
	value  value
}

// value is the right side of a clause: a number, a text, or a list of texts.
type value struct {
	kind   byte // 'n', 't', 'l'
	number float64
	text   string // the text, or the number as written
	list   []string
}

// parseFilter reads clauses joined with AND; there is no OR and no nesting.
func parseFilter(s string) ([]clause, error) {
	tokens, err := lex(s)
	if err != nil {
		return nil, err
	}
	p := parser{tokens: tokens}
	if p.peek().kind == tokenEnd {
		return nil, nil
	}
	var out []clause
	for {
		c, err := p.clause()
		if err != nil {
			return nil, err
		}
		if out = append(out, c); len(out) > maxClauses {
			return nil, fault(ErrInvalid, "Invalid filter string: more than %d clauses.", maxClauses)
		}
		t := p.next()
		switch {
		case t.kind == tokenEnd:
			return out, nil
		case t.kind == tokenSemicolon && p.peek().kind == tokenEnd:
			return out, nil
		case t.kind == tokenSemicolon:
			return nil, fault(ErrInvalid, "Search filter contained multiple expression(s). Provide AND-ed expression list.")
		case t.kind != tokenWord || !strings.EqualFold(t.raw, "and"):
			return nil, badClause(t.raw)
		}
	}
}

type parser struct {
	tokens []token // ends with tokenEnd
	at     int
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != tokenEnd {
		p.at++
	}
	return t
}

func (p *parser) clause() (clause, error) {
	var c clause
	t := p.next()
	if t.kind != tokenWord && (t.kind != tokenText || t.raw[0] != '"') {
		return c, badClause(t.raw)
	}
	var err error
	if c.entity, c.key, err = splitIdentifier(t.raw); err != nil {
		return c, err
	}
	switch t := p.next(); t.kind {
	case tokenOperator:
		c.op = t.text
	case tokenWord:
		c.op = strings.ToUpper(t.raw)
		if c.op == "NOT" {
			second := p.next()
			c.op = "NOT " + strings.ToUpper(second.raw)
		}
	default:
		return c, badClause(t.raw)
	}
	switch c.op {
	case "=", "!=", ">", ">=", "<", "<=", "LIKE", "ILIKE":
		return c, p.scalar(&c.value)
	case "IN", "NOT IN":
		return c, p.list(&c.value)
	}
	return c, fault(ErrInvalid, "Invalid comparator '%s' in filter string; use =, !=, >, >=, <, <=, LIKE, ILIKE, IN or NOT IN.", cut(c.op, 40))
}

func (p *parser) scalar(v *value) error {
	t := p.next()
	switch t.kind {
	case tokenText:
		*v = value{kind: 't', text: t.text}
		return nil
	case tokenWord:
		n, err := strconv.ParseFloat(t.raw, 64)
		if err != nil || strings.ContainsAny(t.raw, "xXpP_iI") || strings.EqualFold(t.raw, "nan") {
			return fault(ErrInvalid, "Invalid value '%s' in filter string: expected a number or a quoted string.", cut(t.raw, 100))
		}
		*v = value{kind: 'n', number: n, text: t.raw}
		return nil
	}
	return badClause(t.raw)
}

func (p *parser) list(v *value) error {
	if t := p.next(); t.kind != tokenOpen {
		return fault(ErrInvalid, "Invalid filter string: IN expects a list such as ('a', 'b').")
	}
	v.kind = 'l'
	for {
		t := p.next()
		if t.kind != tokenText {
			return fault(ErrInvalid, "Invalid filter string: IN expects a non-empty list of quoted strings.")
		}
		if v.list = append(v.list, t.text); len(v.list) > maxList {
			return fault(ErrInvalid, "Invalid filter string: more than %d values in a list.", maxList)
		}
		switch t := p.next(); {
		case t.kind == tokenClose:
			return nil
		case t.kind == tokenComma && p.peek().kind == tokenClose: // ('a',) as Python writes it
			p.next()
			return nil
		case t.kind != tokenComma:
			return fault(ErrInvalid, "Invalid filter string: IN expects a list such as ('a', 'b').")
		}
	}
}

// splitIdentifier cuts entity.key at the first dot outside quotes.
func splitIdentifier(raw string) (entity, key string, err error) {
	var quote byte
	at := -1
	for i := 0; i < len(raw) && at < 0; i++ {
		switch c := raw[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '`':
			quote = c
		case c == '.':
			at = i
		}
	}
	if at < 0 {
		key, err = unquote(raw)
		if inner, rest, found := strings.Cut(key, "."); found && key != raw && isEntity(inner) {
			return strings.ToLower(inner), rest, err // `metrics.m` quoted as a whole
		}
		return "", key, err
	}
	if entity, err = unquote(raw[:at]); err != nil {
		return "", "", err
	}
	key, err = unquote(raw[at+1:])
	if entity == "" || key == "" {
		return "", "", badClause(raw)
	}
	return strings.ToLower(entity), key, err
}

func isEntity(s string) bool {
	switch strings.ToLower(s) {
	case "metric", "metrics", "param", "params", "parameter", "parameters", "tag", "tags", "attribute", "attributes", "attr", "run", "dataset", "datasets":
		return true
	}
	return false
}

func unquote(s string) (string, error) {
	if s == "" || s[0] != '"' && s[0] != '`' {
		if strings.ContainsAny(s, "\"`") {
			return "", badClause(s)
		}
		return s, nil
	}
	inner, found := strings.CutSuffix(s[1:], s[:1])
	if !found || inner == "" || strings.Contains(inner, s[:1]) {
		return "", badClause(s)
	}
	return inner, nil
}

// order is one key of an ORDER BY.
type order struct {
	entity, key string
	desc        bool
}

// parseOrder reads "identifier [ASC|DESC]".
func parseOrder(s string) (order, error) {
	bad := fault(ErrInvalid, "Invalid order_by clause '%s'. Expected a name and optionally ASC or DESC.", cut(s, 200))
	if len(s) > maxFilter || checkText(s) != nil {
		return order{}, bad
	}
	text := strings.TrimSpace(s)
	var o order
	if i := strings.LastIndexAny(text, " \t\n"); i > 0 {
		switch strings.ToUpper(text[i+1:]) {
		case "ASC":
			text = strings.TrimSpace(text[:i])
		case "DESC":
			o.desc, text = true, strings.TrimSpace(text[:i])
		}
	}
	if text == "" {
		return o, bad
	}
	if end, err := endOfWord(text, 0); err != nil || end != len(text) {
		// "run name" is the one bare key with a space that clients use.
		if !strings.EqualFold(text, "run name") {
			return o, bad
		}
		o.key = text
		return o, nil
	}
	var err error
	if o.entity, o.key, err = splitIdentifier(text); err != nil {
		return o, bad
	}
	return o, nil
}
