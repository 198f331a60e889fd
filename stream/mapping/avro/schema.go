package avro

import (
	"errors"
	"fmt"
	"strings"

	"github.com/driftline/driftline/stream/mapping/tree"
)

// Schemas finds schemas by their id in a registry. known is false only where the registry
// has said that there is none: whoever reads records makes sure beforehand that the answer
// is there, and waits where the registry is out of reach.
type Schemas interface {
	Schema(id uint32) (s *Schema, known bool)
}

// MaxSchemaBytes bounds the text of a schema.
const MaxSchemaBytes = 1 << 20

// Schema is a parsed schema; it never changes and may be shared.
type Schema struct {
	root *typ
	bad  error // why it cannot be used
}

// Broken returns a schema that refuses every record with err: a registry answered with
// something that is no Avro schema.
func Broken(err error) *Schema { return &Schema{bad: err} }

// kind is a type of Avro.
type kind uint8

const (
	null kind = iota
	boolean
	integer // int
	long
	float
	double
	bytes
	text
	record
	enum
	array
	mapOf
	union
	fixed
)

var primitives = map[string]kind{
	"null": null, "boolean": boolean, "int": integer, "long": long, "float": float, "double": double, "bytes": bytes, "string": text,
}

// typ is a node of a schema.
type typ struct {
	kind    kind
	name    string // full name of a record, enum or fixed
	fields  []field
	symbols []string
	item    *typ   // of arrays and maps
	of      []*typ // of unions
	size    int    // of fixed
	unit    tree.Unit
	decimal bool
	scale   int
}

type field struct {
	name string
	typ  *typ
}

// Parse reads a schema as JSON. References are the schemas whose names it uses, in an
// order in which each needs only those before it.
func Parse(schema string, references ...string) (*Schema, error) {
	p := parser{names: map[string]*typ{}}
	for i, r := range references {
		if _, err := p.parse(r); err != nil {
			return nil, fmt.Errorf("reference %d: %w", i+1, err)
		}
	}
	root, err := p.parse(schema)
	if err != nil {
		return nil, err
	}
	return &Schema{root: root}, nil
}

// parser keeps the names met so far.
type parser struct {
	tree  tree.Tree
	names map[string]*typ
}

func (p *parser) parse(schema string) (*typ, error) {
	if len(schema) > MaxSchemaBytes {
		return nil, fmt.Errorf("schema of %d bytes, at most %d are read", len(schema), MaxSchemaBytes)
	}
	p.tree.Reset()
	if !strings.ContainsAny(schema, "{[\"") { // a registry may give a primitive without quotes
		schema = `"` + strings.TrimSpace(schema) + `"`
	}
	if bad := p.tree.JSON([]byte(schema)); bad != nil {
		return nil, fmt.Errorf("schema: %s", bad.Detail)
	}
	return p.typ(p.tree.Root(), "")
}

// typ reads one type; depth is bounded by the tree's.
func (p *parser) typ(at tree.Ref, space string) (*typ, error) {
	t := &p.tree
	switch n := t.At(at); n.Kind {
	case tree.Text:
		return p.named(n.Text, space)
	case tree.List:
		u := &typ{kind: union}
		for c := range t.Children(at) {
			branch, err := p.typ(c, space)
			if err != nil {
				return nil, err
			}
			if branch.kind == union {
				return nil, errors.New("a union directly inside a union")
			}
			u.of = append(u.of, branch)
		}
		return u, nil
	case tree.Object:
		return p.object(at, space)
	default:
		return nil, fmt.Errorf("a type is %s; want a name, an object or an array", n.Kind)
	}
}

// named finds a primitive or a type that was defined before.
func (p *parser) named(name, space string) (*typ, error) {
	if k, ok := primitives[name]; ok {
		return &typ{kind: k}, nil
	}
	if x := p.names[fullName(name, space)]; x != nil {
		return x, nil
	}
	if x := p.names[name]; x != nil {
		return x, nil
	}
	return nil, fmt.Errorf("the type %q is not defined before it is used", name)
}

func fullName(name, space string) string {
	if space == "" || strings.Contains(name, ".") {
		return name
	}
	return space + "." + name
}

func (p *parser) text(at tree.Ref, name string) string {
	if c := p.tree.Member(at, name); c != tree.None && p.tree.At(c).Kind == tree.Text {
		return p.tree.At(c).Text
	}
	return ""
}

func (p *parser) number(at tree.Ref, name string) int {
	if c := p.tree.Member(at, name); c != tree.None && p.tree.At(c).Kind == tree.Number {
		return int(max(-1, min(p.tree.At(c).Num, MaxSchemaBytes)))
	}
	return 0
}

// object reads a type written as an object.
func (p *parser) object(at tree.Ref, space string) (*typ, error) {
	t := &p.tree
	inner := t.Member(at, "type")
	if inner == tree.None {
		return nil, errors.New(`an object without "type"`)
	}
	if t.At(inner).Kind != tree.Text { // {"type": {…}} is what stands inside
		return p.typ(inner, space)
	}
	switch kindName := t.At(inner).Text; kindName {
	case "record", "error", "enum", "fixed":
		return p.definition(at, kindName, space)
	case "array", "map":
		key, k := "items", array
		if kindName == "map" {
			key, k = "values", mapOf
		}
		c := t.Member(at, key)
		if c == tree.None {
			return nil, fmt.Errorf("%s without %q", kindName, key)
		}
		item, err := p.typ(c, space)
		if err != nil {
			return nil, err
		}
		return &typ{kind: k, item: item}, nil
	default:
		x, err := p.named(kindName, space)
		if err != nil {
			return nil, err
		}
		if x.name == "" {
			p.logical(x, at)
		}
		return x, nil
	}
}

// logical notes the logical types that matter; others are as the type below them, as the
// specification asks.
func (p *parser) logical(x *typ, at tree.Ref) {
	switch name := p.text(at, "logicalType"); {
	case x.kind == long && strings.HasSuffix(name, "timestamp-millis"):
		x.unit = tree.Millis
	case x.kind == long && strings.HasSuffix(name, "timestamp-micros"):
		x.unit = tree.Micros
	case x.kind == long && strings.HasSuffix(name, "timestamp-nanos"):
		x.unit = tree.Nanos
	case name == "decimal" && (x.kind == bytes || x.kind == fixed):
		x.scale = p.number(at, "scale")
		x.decimal = x.scale >= 0 && x.scale <= 400
	}
}

// definition reads a type that has a name.
func (p *parser) definition(at tree.Ref, kindName, space string) (*typ, error) {
	t := &p.tree
	name := p.text(at, "name")
	if name == "" {
		return nil, fmt.Errorf("%s without name", kindName)
	}
	if ns := p.text(at, "namespace"); ns != "" {
		space = ns
	}
	full := fullName(name, space)
	if i := strings.LastIndexByte(full, '.'); i >= 0 {
		space = full[:i]
	}
	if p.names[full] != nil {
		return nil, fmt.Errorf("the type %q is defined twice", full)
	}
	x := &typ{name: full}
	p.names[full] = x
	switch kindName {
	case "fixed":
		x.kind, x.size = fixed, p.number(at, "size")
		if x.size < 0 {
			return nil, fmt.Errorf("fixed %q of negative size", full)
		}
		p.logical(x, at)
	case "enum":
		x.kind = enum
		for _, s := range t.Children(t.Member(at, "symbols")) {
			x.symbols = append(x.symbols, s.Text)
		}
	default:
		x.kind = record
		return x, p.fields(x, at, space)
	}
	return x, nil
}

func (p *parser) fields(x *typ, at tree.Ref, space string) error {
	t := &p.tree
	list := t.Member(at, "fields")
	if list == tree.None || t.At(list).Kind != tree.List {
		return fmt.Errorf("record %q without fields", x.name)
	}
	seen := map[string]bool{}
	for c := range t.Children(list) {
		f := field{name: p.text(c, "name")}
		inner := t.Member(c, "type")
		if f.name == "" || inner == tree.None || seen[f.name] {
			return fmt.Errorf("a field of record %q lacks name or type, or stands twice", x.name)
		}
		seen[f.name] = true
		var err error
		if t.At(inner).Kind == tree.Text && t.Member(c, "logicalType") != tree.None {
			f.typ, err = p.object(c, space) // the logical type beside the type, as some write it
		} else {
			f.typ, err = p.typ(inner, space)
		}
		if err != nil {
			return fmt.Errorf("field %q of record %q: %w", f.name, x.name, err)
		}
		x.fields = append(x.fields, f)
	}
	return nil
}
