package config

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// decoder fills options from YAML nodes of one layer and gathers every fault.
type decoder struct {
	where  func(*yaml.Node) string // names the place of a node
	origin map[string]string       // key → place, shared by all layers
	faults *[]error

	// fresh returns the value a new list element or pointer starts from.
	fresh func(reflect.Type) reflect.Value
	// models is called with the node of the list of models instead of reading it:
	// models inherit the policy, which a later layer may still change.
	models func(*yaml.Node)
}

func (d *decoder) fault(n *yaml.Node, key, format string, args ...any) {
	*d.faults = append(*d.faults, &Fault{Where: d.where(n), Key: key, Text: fmt.Sprintf(format, args...)})
}

// section reads a mapping into the struct v.
func (d *decoder) section(n *yaml.Node, v reflect.Value, prefix string) {
	n = target(n)
	if isNull(n) {
		return // a section with nothing in it: all defaults
	}
	if n.Kind != yaml.MappingNode {
		d.fault(n, prefix, "%s; want a section with keys", describe(n, v.Type()))
		return
	}
	if prefix != "" {
		d.origin[prefix] = d.where(n) // the place of faults about what the section leaves out
	}
	index, keys := fieldsOf(v.Type())
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, child := n.Content[i], n.Content[i+1]
		key := join(prefix, name.Value)
		if line, twice := seen[name.Value]; twice {
			d.fault(name, key, "stands twice, first in line %d", line)
			continue
		}
		seen[name.Value] = name.Line
		at, known := index[name.Value]
		switch {
		case name.Value == "<<" && name.Tag == "!!merge":
			d.fault(name, prefix, "merge keys (<<) are not read; write the keys out")
		case !known:
			if near := nearestKey(prefix, name.Value, keys); near != "" {
				d.fault(name, key, "unknown key; did you mean %s?", near)
			} else {
				d.fault(name, key, "unknown key; known here: %s", strings.Join(keys, ", "))
			}
		case key == "models":
			d.models(child)
		default:
			d.value(child, v.Field(at), key, enumOf(v.Type().Field(at)))
		}
	}
}

// value reads one node into v and notes where it came from.
func (d *decoder) value(n *yaml.Node, v reflect.Value, key string, enum []string) {
	n = target(n)
	switch v.Kind() {
	case reflect.Struct:
		d.section(n, v, key)
		return
	case reflect.Pointer:
		if isNull(n) {
			v.SetZero()
			return
		}
		v.Set(d.fresh(v.Type().Elem()).Addr())
		d.section(n, v.Elem(), key)
		return
	case reflect.Slice:
		d.list(n, v, key, enum)
	case reflect.Map:
		d.table(n, v, key)
	default:
		if n.Kind != yaml.ScalarNode {
			d.fault(n, key, "%s; want a single value", describe(n, v.Type()))
			return
		}
		if n.Tag == "!!null" {
			d.fault(n, key, "empty; leave the key out for the default")
			return
		}
		if err := scalar(n.Value, v); err != nil {
			d.fault(n, key, "%v", err)
			return
		}
		if enum != nil && !slices.Contains(enum, fmt.Sprint(v.Interface())) {
			d.fault(n, key, "%q; want %s", n.Value, oneOf(enum))
			return
		}
	}
	d.origin[key] = d.where(n)
}

func (d *decoder) list(n *yaml.Node, v reflect.Value, key string, enum []string) {
	if isNull(n) {
		v.SetZero()
		return
	}
	if n.Kind != yaml.SequenceNode {
		d.fault(n, key, "%s; want a list", describe(n, v.Type()))
		return
	}
	out := reflect.MakeSlice(v.Type(), 0, len(n.Content))
	for i, child := range n.Content {
		item := d.fresh(v.Type().Elem())
		d.value(child, item, fmt.Sprintf("%s[%d]", key, i), enum)
		out = reflect.Append(out, item)
	}
	v.Set(out)
}

// table reads a mapping with free keys: texts, or anything in map[string]any.
func (d *decoder) table(n *yaml.Node, v reflect.Value, key string) {
	if isNull(n) {
		v.SetZero()
		return
	}
	if n.Kind != yaml.MappingNode {
		d.fault(n, key, "%s; want name: value lines", describe(n, v.Type()))
		return
	}
	out := reflect.MakeMap(v.Type())
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, child := n.Content[i], target(n.Content[i+1])
		item := reflect.New(v.Type().Elem()).Elem()
		switch {
		case out.MapIndex(reflect.ValueOf(name.Value)).IsValid():
			d.fault(name, join(key, name.Value), "stands twice")
			continue
		case item.Kind() != reflect.Interface:
			d.value(child, item, join(key, name.Value), nil)
		default:
			if err := child.Decode(item.Addr().Interface()); err != nil {
				d.fault(child, join(key, name.Value), "%v", err)
				continue
			}
		}
		out.SetMapIndex(reflect.ValueOf(name.Value), item)
	}
	v.Set(out)
}

// scalar reads text into a plain value.
func scalar(text string, v reflect.Value) error {
	switch v.Interface().(type) {
	case Duration:
		d, err := ParseDuration(text)
		v.SetInt(int64(d))
		return err
	case Size:
		s, err := ParseSize(text)
		v.SetInt(int64(s))
		return err
	}
	switch v.Kind() {
	case reflect.String: // Secret too
		v.SetString(text)
	case reflect.Bool:
		if text != "true" && text != "false" {
			return fmt.Errorf("%q; want true or false", text)
		}
		v.SetBool(text == "true")
	case reflect.Int:
		i, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return fmt.Errorf("%q; want a whole number", text)
		}
		v.SetInt(i)
	case reflect.Float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Errorf("%q; want a number", text)
		}
		v.SetFloat(f)
	default:
		panic("config: option of a type the decoder does not know: " + v.Type().String())
	}
	return nil
}

// target follows an alias to what it stands for.
func target(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// describe says in words what stands in the file where a value of type t belongs.
// Text that may hold a password is not repeated.
func describe(n *yaml.Node, t reflect.Type) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a section"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case t.Kind() == reflect.Map:
		return "a single value"
	}
	return strconv.Quote(n.Value)
}

// oneOf lists allowed texts.
func oneOf(enum []string) string {
	shown := make([]string, len(enum))
	for i, e := range enum {
		if shown[i] = e; e == "" {
			shown[i] = `""`
		}
	}
	if len(shown) == 1 {
		return shown[0]
	}
	return strings.Join(shown[:len(shown)-1], ", ") + " or " + shown[len(shown)-1]
}
