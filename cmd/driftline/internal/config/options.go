package config

import (
	"reflect"
	"strings"
)

// Option is one option that stands by itself, outside lists and maps.
type Option struct {
	Key  string // path with dots, as in messages: stream.lateness
	Env  string // variable that sets it: DRIFTLINE_STREAM_LATENESS
	Doc  string
	Enum []string // allowed texts; empty: any
}

// Options returns every option that a variable can set, in the order of the
// reference configuration.
func Options() []Option {
	var out []Option
	leaves(reflect.ValueOf(Config{}), "", func(key string, f reflect.StructField, _ reflect.Value) {
		out = append(out, Option{Key: key, Env: envName(key), Doc: f.Tag.Get("doc"), Enum: enumOf(f)})
	})
	return out
}

// envName is the variable that sets an option.
func envName(key string) string {
	return "DRIFTLINE_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// enumOf returns the allowed texts of a field, nil for any.
func enumOf(f reflect.StructField) []string {
	tag, ok := f.Tag.Lookup("enum")
	if !ok {
		return nil
	}
	return strings.Split(tag, "|")
}

// leaves calls f for each option below v that is not a section: plain values,
// lists, maps and pointers are leaves, the inside of those is not walked.
func leaves(v reflect.Value, prefix string, f func(key string, field reflect.StructField, v reflect.Value)) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		key := join(prefix, field.Tag.Get("yaml"))
		if field.Type.Kind() == reflect.Struct {
			leaves(v.Field(i), key, f)
			continue
		}
		f(key, field, v.Field(i))
	}
}

// find returns the value of an option by its key, without lists and maps.
func find(v reflect.Value, key string) (reflect.Value, bool) {
	var found reflect.Value
	leaves(v, "", func(k string, _ reflect.StructField, leaf reflect.Value) {
		if k == key {
			found = leaf
		}
	})
	return found, found.IsValid()
}

func join(prefix, key string) string {
	if prefix == "" {
		return key
	}
	return prefix + "." + key
}

// fieldsOf maps the yaml keys of a struct type to field indexes, and lists the
// keys in order.
func fieldsOf(t reflect.Type) (index map[string]int, keys []string) {
	index = make(map[string]int, t.NumField())
	for i := range t.NumField() {
		key := t.Field(i).Tag.Get("yaml")
		index[key] = i
		keys = append(keys, key)
	}
	return index, keys
}
