package config

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// YAML returns the configuration as a file would hold it, passwords masked.
func (c *Config) YAML() ([]byte, error) {
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(c); err != nil {
		return nil, fmt.Errorf("write the configuration as YAML: %w", err)
	}
	return out.Bytes(), nil
}

// Setting is one value in force.
type Setting struct {
	Key   string // with indexes inside lists: models[0].policy.warn
	Value any    // encodes as in a file; secrets masked
	Text  string // the same for people
}

// Settings lists every value in force, in the order of the reference configuration.
func (c *Config) Settings() []Setting {
	var out []Setting
	flatten(reflect.ValueOf(*c), "", &out)
	return out
}

func flatten(v reflect.Value, key string, out *[]Setting) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			flatten(v.Field(i), join(key, v.Type().Field(i).Tag.Get("yaml")), out)
		}
		return
	case reflect.Pointer:
		if !v.IsNil() {
			flatten(v.Elem(), key, out)
			return
		}
	case reflect.Slice:
		if k := v.Type().Elem().Kind(); k == reflect.Struct && v.Len() > 0 {
			for i := range v.Len() {
				flatten(v.Index(i), fmt.Sprintf("%s[%d]", key, i), out)
			}
			return
		}
	}
	*out = append(*out, Setting{Key: key, Value: v.Interface(), Text: inline(v)})
}

// inline writes a value on one line, as YAML reads it.
func inline(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Slice:
		items := make([]string, v.Len())
		for i := range items {
			items[i] = inline(v.Index(i))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case reflect.Map:
		var items []string
		for _, k := range v.MapKeys() {
			items = append(items, k.String()+": "+inline(v.MapIndex(k)))
		}
		slices.Sort(items)
		return "{" + strings.Join(items, ", ") + "}"
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return "null"
		}
		return inline(v.Elem())
	}
	text := fmt.Sprint(v.Interface())
	if v.Kind() != reflect.String {
		return text
	}
	n := &yaml.Node{}
	n.SetString(text)
	quoted, err := yaml.Marshal(n)
	if err != nil || strings.ContainsAny(text, ",[]{}#\n") {
		return fmt.Sprintf("%q", text)
	}
	return strings.TrimSuffix(string(quoted), "\n")
}
